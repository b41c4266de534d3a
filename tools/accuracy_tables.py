"""The accuracy page: a summary with goals and intervals first, then each measure's own tables. Text from figures; nothing is measured."""

from typing import Any

from wayseal.flow.measure.rates import wilson_interval

Answers = dict[str, dict[str, Any]]

HEAD = """# Accuracy

Written by `make accuracy`, which prints the same: every offline measure over the test data folder, as the product ships. Whoever has such a folder repeats all of it with
`WAYSEAL_TEST_DATA=FOLDER make accuracy` (15 minutes of two cores); each section names its own command, to be given in that folder. All figures but those of speed come out the same again.

The pictures are other people's and not part of the project. They carry no label of sex, age, origin or skin: where a table says group it means the source of the pictures, which
stands in for none of these. **The first table is the summary**: its intervals are Wilson's for counts of people and plates, and drawn over persons for pairs, searches and the
regret. Below it rates are 0-1, and a dash is a rate without a single trial.
"""
"""What stands above the summary."""

ABOUT = {
    "lane": "Rendered passes with photographed cars, plates and people, and a truth for every frame. `captured` are occupants of whom a usable picture was kept, of those visible in a frame (`occupants`); "
    "`counted` are seen or inferred, of everybody `aboard`; `rank1` and `match` are of the `enrolled`; `30px` is the distance between the eyes that the camera's layout asks for. "
    "The regret is how much quality the kept picture lacks to the best look at that face in any frame.",
    "faces": "Pairs of pictures. FMR is the share of two people's pairs that match, FNMR that of one person's that do not, EER where both are equal; a face that is not found in a pair of one person is a miss.",
    "search": "One search a picture. `mated` ones are of people who are enrolled, `nonmated` of people who are not. FNIR is the share of the first that are missed, FPIR that of the second that match somebody, at the "
    "threshold that the calibration gives for a gallery of this size. The people are those of the calibration: [what it promises for others](../explanation/thresholds.md).",
    "plates": "`exact` compares the whole text but for spaces, hyphens and case. The second table asks whether confidence means what it says.",
}
"""What a section's figures are, for somebody who opens the page there."""


def tabulate(title: str, about: str, answer: dict[str, Any]) -> str:
    """Return Markdown tables of one measure: its figures, then what it gives by group, seat or confidence."""
    rows = [
        (name, value)
        for name, value in answer.items()
        if not isinstance(value, dict)
        and not _is_rows(value)
        and name not in {"det", "det_ci95", "model_sha256"}
    ]
    shown = "".join(f"| {name} | {_show(value)} |\n" for name, value in rows)
    text = f"\n## {title}\n\n{about}\n\n| figure | value |\n|---|---|\n{shown}"
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


def summarise(answers: Answers) -> str:
    """Return what the line must hold: the goal, what was measured, of how many, and the 95 % interval."""
    lane, search, faces = answers["lane"], answers["search"], answers["faces"]
    near = lane["occupants_30px"]
    first = round(lane["rank1_rate"] * lane["enrolled"])
    rows = [
        ("occupants captured, eyes at least 30 px apart", "95 %", *_share(lane["captured_rate_30px"], near)),
        ("occupants captured, of all visible", "-", *_share(lane["captured_rate"], lane["occupants"])),
        ("seats right, of the captured", "95 %", *_share(lane["seat_accuracy"], round(lane["captured_rate"] * lane["occupants"]))),
        ("right traveller first, of the captured who are enrolled", "90 %", *_share(lane["rank1_of_captured"], round(first / lane["rank1_of_captured"]))),
        ("right traveller first, of all enrolled", "95 %", *_share(lane["rank1_rate"], lane["enrolled"])),
        ("best-shot regret: quality lacking to the best look", "5 %", f"{lane['best_shot_regret']:.1%}", f"{lane['best_shots']} pictures", _percent(lane["best_shot_regret_ci95"])),
        ("occupants given a wrong traveller", "0", str(lane["false_match"]), f"{lane['occupants']} occupants", _percent(wilson_interval(lane["false_match"], lane["occupants"]))),
        ("nobodies accepted as people", "0", str(lane["distractors_accepted"]), f"{lane['vehicles']} vehicles", "-"),
        ("plates exact on lane videos, at least 60 px wide", "95 %", *_share(lane["plate_exact_rate"], lane["plates"])),
        ("plates exact in full scenes, United States", "88 %", *_share(answers["us"]["exact"], answers["us"]["images"])),
        ("plates exact in full scenes, Europe", "88 %", *_share(answers["eu"]["exact"], answers["eu"]["images"])),
        ("plates exact in crops, United States", "-", *_share(answers["crops"]["exact"], answers["crops"]["images"])),
        ("plates exact at gates, day and infrared", "-", *_share(answers["gate"]["exact"], answers["gate"]["images"])),
        ("one-to-one, misses at a false match rate of 0.1 %", "-", f"{faces['fnmr_at_fmr_1e-3']:.2%}", f"{faces['genuine']} + {faces['impostor']:,} pairs", _percent(faces["det_ci95"][-1][1:])),
        ("open set, misses at the calibrated threshold", "-", f"{search['fnir']:.1%}", f"{search['mated']} searches", _percent(search["fnir_ci95"])),
        ("open set, strangers matched (0.3 % wanted)", "0.3 %", f"{search['fpir']:.2%}", f"{search['nonmated']} searches", _percent(search["fpir_ci95"])),
    ]  # fmt: skip
    head = "\n## Summary\n\n| what | goal | measured | of | 95 % interval |\n|---|---|---|---|---|\n"
    return head + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _share(rate: float, total: int) -> tuple[str, str, str]:
    """Return a rate in per cent, the count it stands for, and Wilson's interval: trials are people or plates, each once."""
    count = round(rate * total)
    return f"{rate:.1%}", f"{count} of {total}", _percent(wilson_interval(count, total))


def _percent(bounds: tuple[float, ...] | list[float]) -> str:
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
