"""Reads the plate of one whole picture: looks wide, looks closer at the likeliest lines, decides."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial

from wayseal.model.border import Box, Pixels
from wayseal.vision.plate.calibrate import rate_still
from wayseal.vision.plate.choose import NEVER, score_region
from wayseal.vision.plate.geometry import Quad, box_overlap, quad_box, quad_size
from wayseal.vision.plate.reader import PlateReader
from wayseal.vision.plate.reading import PlateReading, PlateRegion
from wayseal.vision.plate.recognise import even_contrast, stretch_contrast

FINALISTS = 3
SAME = 0.5
UNSURE = 0.0
COARSE_SIDE = 640
"""Very large text shows better on a picture of this size."""
HARDER = ((1.0, even_contrast), (1.0, stretch_contrast), (1.5, even_contrast))
"""How a picture is looked at again while nothing in it looks like a plate: how much enlarged, under which light."""


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
    wide = _look_wide(reader, bgr, region)
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


def _look_wide(reader: PlateReader, bgr: Pixels, region: Box | None) -> list[PlateRegion]:
    """Return the lines that may be plates, likeliest first; while none looks like one, the search is repeated in other ways."""
    found = reader.locate(bgr, region)
    again = [partial(reader.locate, bgr, region, longest=COARSE_SIDE)]
    again += [partial(reader.locate, bgr, region, enlarged=size, light=light) for size, light in HARDER]
    for look in again:
        if found and found[0].score >= UNSURE:
            break
        found = sorted([*found, *look()], key=lambda one: -one.score)
    return found


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
    if reading is None or reading.is_credit:
        return None
    return StillPlate(reading, one.quad, score_region(one.quad, reading, bgr.shape[:2]), printed)


def _is_beside(number: Quad, other: Quad) -> bool:
    """Tell whether a line lies above, below or just left of a number, within the plate."""
    across, down = quad_size(number)
    apart = other.mean(axis=0) - number.mean(axis=0)
    stacked = abs(apart[0]) < across * 0.7 and 0.4 * down < abs(apart[1]) < 2.5 * down
    banded = abs(apart[1]) < 0.8 * down and 0 < -apart[0] - across / 2 < 1.5 * down
    return bool(stacked or banded)
