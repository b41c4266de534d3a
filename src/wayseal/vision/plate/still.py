"""Reads the plate of one whole picture: looks wide, looks closer at the likeliest lines, decides."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from wayseal.model.border import Box, Pixels
from wayseal.vision.plate.calibrate import rate_still
from wayseal.vision.plate.choose import NEVER, score_region
from wayseal.vision.plate.geometry import Quad, box_overlap, quad_box, quad_size
from wayseal.vision.plate.reader import PlateReader
from wayseal.vision.plate.reading import PlateReading, PlateRegion

FINALISTS = 3
SAME = 0.5
UNSURE = 0.0
COARSE_SIDE = 640
"""When nothing looks like a plate, the picture is looked at once more this large: very large text shows better there."""


@dataclass(frozen=True, slots=True, eq=False)
class StillPlate:
    """The plate found in one picture. `quad` outlines its number; `printed` are the words beside it."""

    reading: PlateReading
    quad: Quad = field(repr=False)
    score: float
    printed: tuple[str, ...] = ()
    rivals: tuple[str, ...] = field(default=(), repr=False)

    @property
    def confidence(self) -> float:
        """The probability that the plate is right to the last character."""
        return rate_still(self.reading.score, self.reading.fit)


def read_still(reader: PlateReader, bgr: Pixels, region: Box | None = None) -> StillPlate | None:
    """Return the plate in a picture (or in a region of it), or None when no line of text could be one."""
    wide = reader.locate(bgr, region)
    if not wide or wide[0].score < UNSURE:
        wide = sorted([*wide, *reader.locate(bgr, region, longest=COARSE_SIDE)], key=lambda one: -one.score)
    close = [found for one in wide[: reader.settings.zooms] for found in reader.zoom(bgr, one.quad)]
    everything = sorted([*close, *wide], key=lambda one: -one.score)
    numbers = [one for one in everything if one.score > NEVER]
    finalists = [_read_fully(reader, bgr, one, everything) for one in _distinct(numbers)[:FINALISTS]]
    there = [one for one in finalists if one is not None]
    if not there:
        return None
    there.sort(key=lambda one: -one.score)
    best = there[0]
    return StillPlate(
        best.reading, best.quad, best.score, best.printed, tuple(one.reading.text for one in there[1:])
    )


def _distinct(regions: Sequence[PlateRegion]) -> list[PlateRegion]:
    """Return the best of each group of outlines that cover one another."""
    kept: list[PlateRegion] = []
    for one in regions:
        if all(box_overlap(quad_box(one.quad), quad_box(other.quad)) < SAME for other in kept):
            kept.append(one)
    return kept


def _read_fully(
    reader: PlateReader, bgr: Pixels, one: PlateRegion, everything: Sequence[PlateRegion]
) -> StillPlate | None:
    """Return the full reading of one candidate, from all outlines that agree on where it is."""
    box = quad_box(one.quad)
    outlines = [one.quad]
    outlines += [
        other.quad
        for other in everything
        if other is not one and box_overlap(box, quad_box(other.quad)) > 0.7
    ]
    printed = tuple(sorted({other.reading.text for other in everything if _is_beside(one.quad, other.quad)}))
    reading = reader.read(bgr, outlines[:3], printed)
    if reading is None:
        return None
    return StillPlate(reading, one.quad, score_region(one.quad, reading, bgr.shape[:2]), printed)


def _is_beside(number: Quad, other: Quad) -> bool:
    """Tell whether a line lies above, below or just left of a number, within the plate."""
    across, down = quad_size(number)
    apart = other.mean(axis=0) - number.mean(axis=0)
    stacked = abs(apart[0]) < across * 0.7 and 0.4 * down < abs(apart[1]) < 2.5 * down
    banded = abs(apart[1]) < 0.8 * down and 0 < -apart[0] - across / 2 < 1.5 * down
    return bool(stacked or banded)
