"""Run every offline measure over the test data folder and print the tables, the README's last: `make accuracy`.

The folder is `WAYSEAL_TEST_DATA`, else `../shared/data` beside the checkout. It holds other people's pictures, which are not part
of the project; without it there is nothing to measure, and this says so. `--write` also stores `docs/reference/accuracy.md`.
Figures of speed depend on how busy the machine is; all others repeat.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("WAYSEAL_TEST_DATA", ROOT.parent / "shared" / "data"))
PAGE = ROOT / "docs" / "reference" / "accuracy.md"
MEASURES = {
    "faces": ("One-to-one: `evaluate faces` on pairs_small.csv", ["faces", "--pairs", "faces/pairs_small.csv"]),
    "search": (
        "One-to-many: `evaluate search`, FPIR 0.003",
        ["search", "--gallery", "faces/gallery.csv", "--probes", "faces/probes.csv"],
    ),
    "us": ("Plates in full scenes, United States", ["plates", "--manifest", "plates/us/manifest.csv"]),
    "eu": ("Plates in full scenes, Europe", ["plates", "--manifest", "plates/eu/manifest.csv"]),
    "crops": ("Plates already cropped, United States", ["plates", "--manifest", "plates/us_crops/manifest.csv"]),
    "gate": ("Plates at gates, day and infrared", ["plates", "--manifest", "gate/manifest.csv"]),
    "lane": ("Lane videos", ["lane", "--videos", "lane", "--gallery", "lane/gallery.csv", "--regret"]),
}  # fmt: skip


def measure(arguments: list[str]) -> dict[str, Any]:
    """Return the JSON of one `wayseal evaluate` command."""
    command = [str(Path(sys.executable).parent / "wayseal"), "evaluate", *arguments, "--json"]
    done = subprocess.run(command, cwd=DATA, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"accuracy: evaluate {arguments[0]} exited {done.returncode}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def tabulate(title: str, answer: dict[str, Any]) -> str:
    """Return Markdown tables of one measure: its figures, then what it gives by group, seat or confidence."""
    rows = [
        (name, value)
        for name, value in answer.items()
        if not isinstance(value, dict)
        and not _is_rows(value)
        and name not in {"det", "det_ci95", "model_sha256"}
    ]
    shown = "".join(f"| {name} | {_show(value)} |\n" for name, value in rows)
    text = f"\n## {title}\n\n| figure | value |\n|---|---|\n{shown}"
    for part, heading in (
        ("by_group", "group (the folder of the source: no label of a person)"),
        ("by_quality", "quality"),
    ):
        if answer.get(part) and "occupants" not in next(iter(answer[part].values())):
            text += _tabulate_groups(heading, answer[part])
    if answer.get("det_ci95"):
        text += "\n| rate of false positives | misses, from (95 %) | to |\n|---|---|---|\n"
        text += "".join(
            "| " + " | ".join(_show(value) for value in row) + " |\n" for row in answer["det_ci95"]
        )
    for part in ("by_seat", "by_quality", "reliability"):
        if answer.get(part) and (part != "by_quality" or "by_seat" in answer):
            text += _tabulate_parts(part, answer[part])
    return text


def _tabulate_groups(heading: str, groups: dict[str, dict[str, Any]]) -> str:
    """Return the table of rates by group or quality, each with what it allows to conclude."""
    text = (
        f"\n| {heading} | of | trials | rate | 95 % | less all others | 95 % | conclusion |\n"
        + "|---" * 8
        + "|\n"
    )
    for group, kinds in groups.items():
        for kind, one in kinds.items():
            text += f"| {group} | {kind} | " + " | ".join(_show(value) for value in one.values()) + " |\n"
    return text


def _tabulate_parts(part: str, given: Any) -> str:
    """Return the table of figures by seat, or by confidence."""
    rows = [{part: name, **one} for name, one in given.items()] if isinstance(given, dict) else given
    head = "".join(f"| {name} " for name in rows[0]) + "|\n" + "|---" * len(rows[0]) + "|\n"
    return "\n" + head + "".join("| " + " | ".join(_show(value) for value in row.values()) + " |\n" for row in rows)  # fmt: skip


def summarise(answers: dict[str, dict[str, Any]]) -> str:
    """Return the rows that the README shows: what the line must hold, the goal, and what was measured."""
    lane, search, faces = answers["lane"], answers["search"], answers["faces"]
    exact = {part: f"{answers[part]['exact']:.1%} ({answers[part]['images']})" for part in ("us", "eu", "crops", "gate")}  # fmt: skip
    read = round((lane["plate_exact_rate"] or 0) * lane["plates"])
    rows = [
        ("occupants captured, eyes at least 30 px apart", "95 %", f"{lane['captured_rate_30px']:.1%}"),
        ("occupants captured, of all visible", "-", f"{lane['captured_rate']:.1%} of {lane['occupants']}"),
        ("seats right", "95 %", f"{lane['seat_accuracy']:.1%}"),
        ("right traveller first, of the captured who are enrolled", "90 %", f"{lane['rank1_of_captured']:.1%}"),
        ("right traveller first, of all enrolled", "95 %", f"{lane['rank1_rate']:.1%} of {lane['enrolled']}"),
        ("best-shot regret, quality lacking to the best look", "5 %", f"{lane['best_shot_regret']:.1%} ({_percent(lane['best_shot_regret_ci95'])}; {lane['best_shots']} pictures)"),
        ("false matches; nobodies accepted as people", "0; 0", f"{lane['false_match']}; {lane['distractors_accepted']}"),
        ("plates exact on lane videos, at least 60 px wide", "95 %", f"{lane['plate_exact_rate']:.1%} ({read} of {lane['plates']})"),
        ("plates exact in full scenes, United States; Europe", "88 %", f"{exact['us']}; {exact['eu']}"),
        ("plates exact in crops; at gates", "-", f"{exact['crops']}; {exact['gate']}"),
        ("one-to-one, misses at a false match rate of 0.1 %", "-", f"{faces['fnmr_at_fmr_1e-3']:.2%} ({faces['pairs']:,} pairs)"),
        ("open set, misses at the calibrated threshold", "-", f"{search['fnir']:.1%} ({_percent(search['fnir_ci95'])})"),
        ("open set, strangers matched (0.3 % wanted)", "0.3 %", f"{search['fpir']:.2%} ({_percent(search['fpir_ci95'])})"),
    ]  # fmt: skip
    body = "".join(f"| {what} | {goal} | {got} |\n" for what, goal, got in rows)
    return "\n## The README's figures\n\n| what | goal | measured |\n|---|---|---|\n" + body


def _percent(bounds: list[float]) -> str:
    """Return an interval in per cent."""
    return f"{100 * bounds[0]:.1f} to {100 * bounds[1]:.1f} %"


def _is_rows(value: Any) -> bool:
    """Tell whether a figure is a table of its own."""
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _show(value: Any) -> str:
    """Return a figure with four digits."""
    if isinstance(value, list):
        return " to ".join(_show(one) for one in value) or "none"
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def main() -> int:
    """Measure, print, and store where asked."""
    if not (DATA / "README.md").is_file():
        print(
            "accuracy: there is no test data here; set WAYSEAL_TEST_DATA to a folder with faces, plates and lane videos"
        )
        return 0
    text = (
        "# Accuracy\n\nWritten by `make accuracy`. Rates are 0-1. The pictures are not part of the project. They carry no label of sex, age, origin or skin:\n"
        "where a table says group it means the source of the pictures, which stands in for none of these.\n"
    )
    answers: dict[str, dict[str, Any]] = {}
    for name, (title, arguments) in MEASURES.items():
        answers[name] = measure(arguments)
        part = tabulate(title, answers[name])
        text += part
        print(part, flush=True)
    text += summarise(answers)
    print(summarise(answers))
    if "--write" in sys.argv:
        PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
