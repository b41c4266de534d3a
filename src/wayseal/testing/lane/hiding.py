"""What a nearer vehicle hides of those behind it: in a queue the one in front covers plates and faces that are in the picture.

Owns the part of the truth that depends on more than one vehicle. Draws nothing.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from wayseal.testing.lane.vehicle import Layer

_READABLE = 0.02
"""Share of a plate that may be covered: its outermost edge."""


def hide_behind(entries: Iterable[dict[str, Any]], nearer: Layer) -> None:
    """Take from what the entries of farther vehicles call seen, in place, what a nearer vehicle's layer covers."""
    for entry in entries:
        plate = entry.get("plate")
        if plate is not None and measure_cover(plate["box"], nearer) > _READABLE:
            plate["in_frame"] = False
        for person in entry["occupants"]:
            free = 1 - measure_cover(person["face_box"], nearer)
            person["visible"] = round(person["visible"] * free, 3)


def measure_cover(box: Sequence[float], nearer: Layer) -> float:
    """Return the share, 0 to 1, of a box (x, y, width, height; pixels) that a layer covers. Parts outside the layer's window are free."""
    x, y, width, height = (round(value) for value in box)
    left, top, *_ = nearer.window
    rows = slice(max(0, y - top), max(0, y + height - top))
    columns = slice(max(0, x - left), max(0, x + width - left))
    covered = nearer.pixels[rows, columns, 3]
    return float(np.clip(covered, 0, 1).sum()) / (width * height) if covered.size else 0.0
