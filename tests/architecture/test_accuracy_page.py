"""The accuracy page opens with its summary, and the summary follows from the sections below it."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "reference" / "accuracy.md"

sys.path.append(str(ROOT / "tools"))  # tools are scripts that import each other by name


def read_sections() -> dict[str, str]:
    """Return the committed page's sections by heading, in order."""
    return dict(
        re.findall(r"\n## ([^\n]*)\n\n(.*?)(?=\n## |\Z)", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    )


def test_summary_stands_first() -> None:
    """The committed page begins with the summary and has a section for every measure, each with its command."""
    import accuracy

    sections = read_sections()
    assert list(sections) == ["Summary", *(title for title, _ in accuracy.MEASURES.values())]
    for title, arguments in accuracy.MEASURES.values():
        assert f"`wayseal evaluate {' '.join(arguments)}`" in sections[title]


@pytest.mark.parametrize(
    ("row", "section", "figure"),
    [("plates exact in full scenes, United States", "Plates in full scenes, United States", "exact"),
     ("occupants captured, of all visible", "Lane videos", "captured_rate"),
     ("open set, misses at the calibrated threshold", "One-to-many: an open set", "fnir")],
)  # fmt: skip
def test_summary_follows_from_the_sections(row: str, section: str, figure: str) -> None:
    """A rate of the summary is the figure of its section, in per cent."""
    sections = read_sections()
    shown = re.search(rf"^\| {re.escape(row)} \| [^|]* \| ([\d.]+)%", sections["Summary"], re.MULTILINE)
    found = re.search(rf"^\| {figure} \| ([\d.]+) \|$", sections[section], re.MULTILINE)
    assert shown is not None
    assert found is not None
    assert float(shown[1]) == pytest.approx(100 * float(found[1]), abs=0.06)


def test_interval_of_a_share() -> None:
    """A share without a miss still has an interval, and its count is given."""
    import accuracy_tables

    assert accuracy_tables.summarise(_answers(1.0)).count("16 of 16 | 80.6 to 100.0 %") == 1
    assert "8 of 16" in accuracy_tables.summarise(_answers(0.5))


def _answers(plates: float) -> dict[str, dict[str, object]]:
    """Return what a run of all measures might answer, with this rate of plates read in lanes."""
    still = {"exact": 0.9, "images": 10}
    lane = {
        "occupants_30px": 42, "captured_rate_30px": 0.9762, "captured_rate": 0.9535, "occupants": 43, "seat_accuracy": 1.0,
        "rank1_of_captured": 1.0, "rank1_rate": 0.95, "enrolled": 40, "best_shot_regret": 0.048, "best_shots": 40,
        "best_shot_regret_ci95": [0.03, 0.07], "false_match": 0, "distractors_accepted": 0, "vehicles": 20,
        "plate_exact_rate": plates, "plates": 16,
    }  # fmt: skip
    faces = {"fnmr_at_fmr_1e-3": 0.002, "genuine": 900, "impostor": 15542, "det_ci95": [[0.001, 0.0, 0.007]]}
    search = {"fnir": 0.05, "mated": 764, "fnir_ci95": [0.04, 0.08], "fpir": 0.005, "nonmated": 576, "fpir_ci95": [0.0, 0.02]}  # fmt: skip
    return {
        "lane": lane,
        "faces": faces,
        "search": search,
        "us": still,
        "eu": still,
        "crops": still,
        "gate": still,
    }
