"""Open-set evaluation: the contract's figures, from real pictures where there are some and from made-up templates."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from wayseal.cli.evaluate.search import command
from wayseal.flow.measure.report import plot_search, search_tables, write_page
from wayseal.flow.measure.search import describe_scores
from wayseal.flow.measure.search_scores import Probe, run_searches
from wayseal.flow.measure.search_sizes import measure_sizes, synthetic_templates
from wayseal.match.calibrate import shipped_calibration
from wayseal.match.loaded import LoadedGallery
from wayseal.model.border import Template
from wayseal.model.errors import Invalid

SFACE = "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee"
FIELDS = {
    "gallery_size", "mated", "nonmated", "rank1", "fnir", "fpir", "threshold", "fnir_ci95", "fpir_ci95", "det",
}  # fmt: skip


def unit_rows(count: int, seed: int) -> np.ndarray:
    """Return random unit vectors of 128 numbers."""
    rows = np.random.default_rng(seed).standard_normal((count, 128)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def people() -> np.ndarray:
    """Three hundred people."""
    return unit_rows(300, 1)


@pytest.fixture
def gallery(people: np.ndarray) -> LoadedGallery:
    """The first two hundred of them, enrolled."""
    made = LoadedGallery("evaluation", SFACE, 128, calibration=shipped_calibration(SFACE))
    made.add([f"p{number}" for number in range(200)], people[:200])
    return made


@pytest.fixture
def probes(people: np.ndarray) -> list[Probe]:
    """One noisy probe of everybody, the first enrolled one without a face."""
    noisy = people + 0.5 * unit_rows(300, 2)
    noisy /= np.linalg.norm(noisy, axis=1, keepdims=True)
    made = [
        Probe(
            f"p{number}",
            "a" if number % 2 else "b",
            Template(row, SFACE, 1.0),
            quality=40 if number % 2 else 90,
        )
        for number, row in enumerate(noisy)
    ]
    made[0] = Probe("p0", "b", None, "no_face")
    return made


def test_figures_are_what_counting_gives(gallery: LoadedGallery, probes: list[Probe]) -> None:
    """Misses, false positives and rank one agree with counting; a probe without a face is a miss."""
    enrolled = {f"p{number}" for number in range(200)}
    scores = run_searches(gallery, probes, enrolled)
    figures = describe_scores(scores, gallery, 0.003)
    assert figures.keys() >= FIELDS
    assert (figures["mated"], figures["nonmated"], figures["gallery_size"]) == (200, 100, 200)
    assert figures["rank1"] == pytest.approx(199 / 200)
    assert figures["fnir"] == pytest.approx(np.mean(scores.mated < figures["threshold"]))
    assert figures["fnir"] >= 1 / 200
    assert figures["fpir"] == pytest.approx(np.mean(scores.nonmated >= figures["threshold"]))
    assert figures["fnir_ci95"][0] <= figures["fnir"] <= figures["fnir_ci95"][1]
    assert json.dumps(figures, allow_nan=False)


def test_closed_set_refused(gallery: LoadedGallery, probes: list[Probe]) -> None:
    """Without impostor searches, or with nothing else, there is no open-set figure."""
    with pytest.raises(Invalid):
        run_searches(gallery, probes[:200], {f"p{number}" for number in range(200)})
    with pytest.raises(Invalid):
        run_searches(gallery, probes[200:], {f"p{number}" for number in range(200)})


def test_distractors_are_marked(gallery: LoadedGallery, probes: list[Probe]) -> None:
    """Larger galleries say how many of their templates are synthetic, and misses never fall as they grow."""
    rows, curves = measure_sizes(gallery, probes, {f"p{number}" for number in range(200)}, 3000, 0.003)
    assert [row["synthetic"] for row in rows] == [200, 1000, 3000]
    assert [row["gallery_size"] for row in rows] == [200, 1200, 3200]
    assert rows[1]["fnir"] <= rows[2]["fnir"]
    assert all("synthetic" in name for name in curves)
    assert sum(name.startswith("synthetic-") for name in gallery.travellers()) == 3000


def test_synthetic_templates_resemble_in_the_mean(people: np.ndarray) -> None:
    """Synthetic templates are unit vectors with the mean of the real ones, and none is a real one."""
    made = synthetic_templates(people, 4000, seed=1)
    assert np.linalg.norm(made, axis=1) == pytest.approx(np.ones(4000), abs=1e-5)
    assert np.abs(made.mean(axis=0) - people.mean(axis=0)).max() < 0.02
    assert (made @ people.T).max() < 0.9


def test_command_on_real_pictures(shared_data: Path, tmp_path: Path) -> None:
    """The command prints the contract's document, draws the curve and writes a page; a missing picture is counted."""
    rows = list(csv.DictReader((shared_data / "faces" / "gallery.csv").read_text().splitlines()))[:12]
    names = {row["identity"] for row in rows}
    every = list(csv.DictReader((shared_data / "faces" / "probes.csv").read_text().splitlines()))
    mates = [row for row in every if row["identity"] in names][:12]
    others = [row for row in every if row["identity"] not in names][:12]
    for name, chosen in (
        ("g.csv", rows),
        ("p.csv", [*mates, *others, {"path": "none.jpg", "identity": "x"}]),
    ):
        with (tmp_path / name).open("w", newline="") as file:
            out = csv.writer(file)
            out.writerow(["path", "identity"])
            out.writerows([str(shared_data / "faces" / row["path"]), row["identity"]] for row in chosen)
    plot, page = tmp_path / "det.svg", tmp_path / "page.html"
    arguments = [
        "--gallery",
        tmp_path / "g.csv",
        "--probes",
        tmp_path / "p.csv",
        "--plot",
        plot,
        "--report",
        page,
    ]
    result = CliRunner().invoke(command, [*map(str, arguments), "--distractors", "200", "--json"])
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert figures.keys() >= FIELDS
    assert (figures["gallery_size"], figures["mated"], figures["nonmated"]) == (
        12,
        len(mates),
        len(others) + 1,
    )
    assert figures["failure_to_acquire"] == {"total": 1, "missing": 1}
    assert figures["rank1"] > 0.8
    assert plot.read_text().startswith("<?xml")
    assert "Open-set identification" in page.read_text()
    assert figures["groups_are"] == "source_folders"
    assert "no groups of people were labelled" in page.read_text()


def test_tables_and_plots(gallery: LoadedGallery, probes: list[Probe], tmp_path: Path) -> None:
    """People get tables with every figure; a plot that cannot be written is an error with a hint."""
    from wayseal.flow.measure.rates import trade_off
    from wayseal.flow.measure.search import (
        SearchReport,
        count_reasons,
        describe_groups,
        group_curves,
        label_quality,
    )

    scores = run_searches(gallery, probes, {f"p{number}" for number in range(200)})
    figures = describe_scores(scores, gallery, 0.003)
    groups = describe_groups(scores, figures["threshold"])
    nothing = count_reasons([])
    figures |= {"by_group": groups, "failure_to_enrol": nothing, "import_would_refuse": nothing}
    figures |= {"failure_to_acquire": nothing}
    labelled = label_quality(scores, probes, {f"p{number}" for number in range(200)})
    figures["by_quality"] = describe_groups(labelled, figures["threshold"])
    report = SearchReport(figures, trade_off(scores.mated, scores.nonmated), group_curves(scores), {})
    titles = [title for title, _, _ in search_tables(report)]
    assert titles == ["Open-set identification", "By group", "Curve", "By quality of the probe"]
    assert set(figures["by_quality"]) == {"35-49", "80-100", "none"}
    assert figures["by_quality"]["none"]["fnir"] == {
        **figures["by_quality"]["none"]["fnir"],
        "trials": 1,
        "rate": 1.0,
    }
    assert sum(one["fpir"]["trials"] for one in figures["by_quality"].values()) == 100
    assert set(groups) == {"a", "b"}
    assert groups["a"]["fpir"]["conclusion"] == "too_few_to_conclude"
    assert groups["a"]["fnir"]["trials"] + groups["b"]["fnir"]["trials"] == 200
    plot_search(report, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    for draw in (plot_search, write_page):
        with pytest.raises(Invalid) as caught:
            draw(report, tmp_path / "nowhere" / "curve.png")
        assert caught.value.hint
