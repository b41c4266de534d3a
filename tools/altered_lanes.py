"""How much of a lane measure is luck: the same videos as filmed and altered, one row each, and who is missed how often.

Usage: altered_lanes.py FOLDER [--gallery CSV] [--only NAME ...] [--plates] [--json FILE]

FOLDER holds .mp4 with .json beside them (lane-truth-1). Nothing is written but the JSON asked for, which holds no identity.
"""

import argparse
import json
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
from lane_alterations import ALTERATIONS, AlteredVideo, alter_truth

from wayseal.flow.measure.lane import LaneTally, measure_lane
from wayseal.flow.measure.lane_setup import enrol_pictures, list_videos, read_gallery_list
from wayseal.flow.measure.lane_truth import LaneTruth, read_truth
from wayseal.flow.measure.rates import rate_interval
from wayseal.vision.frames import open_source
from wayseal.vision.networks import load_networks

COLUMNS = (
    "vehicles",
    "counted",
    "captured",
    "rank 1",
    "matched",
    "seats",
    "plates",
    "false matches",
    "nobody",
)


@dataclass(frozen=True)
class Look:
    """What became of one person under one alteration; `who` is video, place among its people, seat and pixels between the eyes."""

    who: str
    alteration: str
    detected: bool
    captured: bool
    enrolled: bool
    first: bool


def measure_altered(video: Path, truth: LaneTruth, name: str, models: Any, searcher: Any) -> LaneTally:
    """Return the tally of one video under an alteration."""
    alteration = ALTERATIONS[name]
    with open_source(str(video)) as source:
        height, width = next(iter(source)).luma.shape
    altered = alter_truth(truth, alteration, width, height)
    return measure_lane(
        video, altered, models, searcher, steering=alteration.steering,
        open_frames=lambda path: AlteredVideo(path, alteration),
    )  # fmt: skip


def count_row(tallies: list[LaneTally], *, plates_read: bool) -> tuple[str, ...]:
    """Return the cells of one alteration, as COLUMNS has them; no plates where none were read."""
    people = [person for tally in tallies for person in tally.occupants]
    enrolled = [person for person in people if person.enrolled]
    captured = [person for person in people if person.captured]
    plates = sum(tally.plates for tally in tallies) if plates_read else 0
    return (
        f"{sum(tally.vehicles_found for tally in tallies)}/{sum(tally.vehicles for tally in tallies)}",
        f"{sum(person.detected for person in people)}/{len(people)}",
        f"{len(captured)}/{len(people)}",
        f"{sum(person.first for person in enrolled)}/{len(enrolled)}",
        f"{sum(person.matched for person in enrolled)}/{len(enrolled)}",
        f"{sum(person.seat_right for person in captured)}/{len(captured)}",
        f"{sum(tally.plates_exact for tally in tallies)}/{plates}" if plates else "-",
        str(sum(person.wrong for person in people) + sum(tally.strangers_matched for tally in tallies)),
        str(sum(tally.distractors_accepted for tally in tallies)),
    )


def list_looks(name: str, tallies: list[LaneTally]) -> list[Look]:
    """Return what became of each person under one alteration."""
    return [
        Look(f"{tally.name} {place} {person.seat.value}", name, person.detected, person.captured, person.enrolled, person.first)
        for tally in tallies
        for place, person in enumerate(tally.occupants)
    ]  # fmt: skip


def print_rates(looks: list[Look]) -> None:
    """Print the rates over all alterations; the interval draws whole videos, since one person's looks hang together."""
    print("\n| over all | rate | 95 %, by video |\n|---|---|---|")
    for title, hits in (
        ("captured", [(look.captured, look.who.split()[0]) for look in looks]),
        ("rank 1 of the enrolled", [(look.first, look.who.split()[0]) for look in looks if look.enrolled]),
    ):
        values, groups = [float(hit) for hit, _ in hits], [video for _, video in hits]
        low, high = rate_interval(values, groups)
        print(
            f"| {title} | {sum(values):.0f} of {len(values)} ({sum(values) / len(values):.1%}) | {low:.1%} to {high:.1%} |"
        )


def print_fragile(looks: list[Look]) -> None:
    """Print who was missed in some alteration, most often first. Seats are as filmed in the first alteration."""
    seats = {look.who.rsplit(" ", 1)[0]: look.who for look in reversed(looks)}
    missed: dict[str, list[str]] = {}
    for look in looks:
        how = "not counted" if not look.detected else "not captured" if not look.captured else "not first"
        if not look.captured or (look.enrolled and not look.first):
            missed.setdefault(seats[look.who.rsplit(" ", 1)[0]], []).append(f"{look.alteration} ({how})")
    tries = Counter(seats[look.who.rsplit(" ", 1)[0]] for look in looks)
    print("\n| who | missed in | of | which |\n|---|---|---|---|")
    for who, which in sorted(missed.items(), key=lambda item: -len(item[1])):
        print(f"| {who} | {len(which)} | {tries[who]} | {', '.join(which)} |")


def main() -> None:
    """Measure each alteration, print its row, then the rates and the people."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gallery", type=Path, help="default: FOLDER/gallery.csv")
    parser.add_argument("--only", nargs="+", choices=list(ALTERATIONS), default=list(ALTERATIONS))
    parser.add_argument("--plates", action="store_true", help="also read plates; takes half as long again")
    parser.add_argument("--json", type=Path, dest="report")
    given = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    cv2.setNumThreads(1)
    models = load_networks(plates=given.plates)
    videos = [(video, read_truth(truth)) for video, truth in list_videos(None, None, given.folder)]
    searcher = enrol_pictures(
        read_gallery_list(given.gallery or given.folder / "gallery.csv"), models, fpir=0.003
    )
    print(f"| altered | {' | '.join(COLUMNS)} |\n|---" + "|---" * len(COLUMNS) + "|", flush=True)
    looks: list[Look] = []
    for name in given.only:
        tallies = [measure_altered(video, truth, name, models, searcher) for video, truth in videos]
        looks += list_looks(name, tallies)
        print(f"| {name} | {' | '.join(count_row(tallies, plates_read=given.plates))} |", flush=True)
    print_rates(looks)
    print_fragile(looks)
    if given.report is not None:
        given.report.write_text(json.dumps([vars(look) for look in looks], indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
