"""How often a leak taken at a lane names that lane, and whether a lane that never marked is ever named.

Needs the folder of test pictures (WAYSEAL_TEST_DATA, else ../shared/data). Each face is sealed three times: with its lane's mark, with
another lane's, and without one; a leak of each is read as a trace reads it, from its own file and the sealed original. Writes
bench/results/lane_marks.json. `bench_lane_marks.py FACES` sets how many faces are tried.
"""

import json
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np
from bench_marks import LONGEST, ROOT, find_faces

from wayseal.export.mark import luma, mark_picture
from wayseal.export.markcode import Channel
from wayseal.export.markjpeg import read_compression
from wayseal.export.marklane import LaneReading, read_lane_mark
from wayseal.export.markread import cut_view
from wayseal.export.markscore import combine_chances
from wayseal.export.register import Leak
from wayseal.testing.leaks import crop, shrink, to_jpeg
from wayseal.vision.picture import encode_picture, read_picture

LANE, OTHER = ROOT.key(Channel.LANE, "lane1"), ROOT.key(Channel.LANE, "lane2")
ATTACKS = {
    "JPEG 50": lambda face: to_jpeg(face, 50),
    "half size + JPEG 80": lambda face: to_jpeg(shrink(face, 0.5), 80),
    "crop 10 % + JPEG 75": lambda face: to_jpeg(crop(face, 0.1), 75),
}
SEALED = {"its own": LANE, "another lane's": OTHER, "none": None}
RESULT = Path(__file__).resolve().parent / "results" / "lane_marks.json"


def read_leak(data: bytes, original: np.ndarray, record: str) -> LaneReading | None:
    """Return what a leak's file says about the lane, or None where it does not lie over the original."""
    leak = Leak(read_picture(data))
    placed = leak.place(original)
    if placed is None or not placed.agrees:
        return None
    view = cut_view(leak.plane, placed.matrix, original.shape[:2], read_compression(data))
    return read_lane_mark(luma(original), view, LANE, record)


def seal(taken: np.ndarray, record: str, mark: str) -> np.ndarray:
    """Return what a lane seals, decoded."""
    key = SEALED[mark]
    return read_picture(encode_picture(taken if key is None else mark_picture(taken, key, record)).data)


def summarise(readings: list[LaneReading | None]) -> dict[str, object]:
    """Return a row: how many, how many are named alone, and the chance of the unproved ones by fives together."""
    found = [one for one in readings if one is not None]
    faint = [one for one in found if one.is_after_seal and not one.carries]
    fives = [faint[first : first + 5] for first in range(0, len(faint) - 4, 5)]
    together = [combine_chances(one.chance for one in five) for five in fives]
    z = [one.z for one in found] or [0.0]
    return {
        "pictures": len(readings), "not_registered": len(readings) - len(found),
        "named": sum(one.carries for one in found) / len(readings), "follow_the_original": sum(one.is_after_seal for one in found) / len(readings),
        "z_median": float(np.median(z)), "z_5th_percentile": float(np.percentile(z, 5)), "z_greatest": float(max(z)),
        "fives_of_the_unproved": len(fives), "fives_named": sum(chance < 1e-9 for chance in together),
    }  # fmt: skip


def main() -> None:
    """Measure, print, write."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 208
    rows: dict[tuple[str, str, str], list[LaneReading | None]] = defaultdict(list)
    began = time.process_time()
    for number, file in enumerate(find_faces(count)):
        taken = read_picture(file)
        taken = shrink(taken, min(1.0, LONGEST / max(taken.shape[:2])))
        group = "from 240 px" if min(taken.shape[:2]) >= 240 else "under 240 px"
        name, attack = list(ATTACKS.items())[number % len(ATTACKS)]
        for mark in SEALED:
            original = seal(taken, file.name, mark)
            rows[mark, group, "all"].append(read_leak(attack(original), original, file.name))
        rows["its own", group, name].append(rows["its own", group, "all"][-1])
    told = [
        {"mark": mark, "size": group, "leak": leak, **summarise(readings)}
        for (mark, group, leak), readings in rows.items()
    ]
    told.append({"cpu_seconds": round(time.process_time() - began, 1)})
    for row in told:
        print(row)
    RESULT.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
