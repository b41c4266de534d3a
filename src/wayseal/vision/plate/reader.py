"""Reads one plate in one picture: the network's text lines, the likeliest of them, many looks at it, one reading.

`PlateReader` is the room's door. It holds two sessions and no state; it keeps no picture.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from wayseal.model.border import Box, Pixels
from wayseal.vision.plate.choose import NEVER, is_badge, is_overlay, score_region
from wayseal.vision.plate.confusion import Confusion, load_confusion
from wayseal.vision.plate.geometry import (
    Quad,
    clip_box,
    grow_quad,
    join_quads,
    quad_box,
    quad_size,
    quad_tilt,
    rectify,
    shift_quad,
)
from wayseal.vision.plate.glyphs import find_small_ends
from wayseal.vision.plate.grammar import Grammar, load_jurisdictions
from wayseal.vision.plate.reading import Look, PlateReading, PlateRegion
from wayseal.vision.plate.recognise import Recogniser, Sight, share_round, stretch_contrast
from wayseal.vision.plate.sight import pool_chances, propose_strings, spread_sights
from wayseal.vision.plate.text_lines import Session, TextLine, find_lines

Treatment = Callable[[Pixels], Pixels]

QUICK = (Look(0.15, -0.08, 1.0),)
LOOKS = (
    Look(0.15, -0.08, 1.0),
    Look(0.15, 0.08, 1.15),
    Look(0.15, 0.0, 1.0),
    Look(0.15, -0.08, 1.15, soften=0.8),
    Look(0.15, -0.08, 1.4, contrast=False),
    Look(0.15, -0.08, 1.6),
)
FAST_LOOKS = (Look(0.15, -0.08, 1.6), Look(0.15, -0.08, 1.4, contrast=False))
"""Two looks that do nearly as well; number plates' letters are narrower than print, hence the widening."""


@dataclass(frozen=True, slots=True)
class PlateSettings:
    """What a site may set. `looks` and `zooms` trade time for accuracy; `trust_grammar` is the grammar's exponent."""

    longest: int = 1280
    zooms: int = 3
    zoomed_height: float = 40.0
    followed_height: float = 28.0
    trust_grammar: float = 0.8
    looks: tuple[Look, ...] = LOOKS


class PlateReader:
    """Locates and reads plates in single pictures. Sessions come from the pinned models; one thread a call."""

    def __init__(
        self, det_session: Session, rec_session: Session, settings: PlateSettings | None = None,
        *, grammar: Grammar | None = None, confusion: Confusion | None = None,
    ) -> None:  # fmt: skip
        self.finder = det_session
        self.recogniser = Recogniser(rec_session)
        self.settings = settings or PlateSettings()
        self.grammar = grammar or Grammar(load_jurisdictions())
        self.confusion = confusion or load_confusion()

    def locate(
        self, bgr: Pixels, region: Box | None = None,
        *, longest: int | None = None, enlarged: float = 1.0, light: Treatment | None = None,
    ) -> list[PlateRegion]:  # fmt: skip
        """Return where plates may be in the picture, likeliest first, each with a quick reading.

        `region` limits the search (a vehicle's box, in the picture's pixels). Overlay timestamps are left out. The search
        sees the picture `enlarged` against its usual size and under another `light`; what it finds is read as it is.
        """
        height, width = bgr.shape[:2]
        x0, y0, x1, y1 = clip_box(region or (0, 0, width, height), width, height)
        if x1 - x0 < 8 or y1 - y0 < 8:
            return []
        treat = light or (None if region is None else stretch_contrast)
        part = treat(bgr[y0:y1, x0:x1]) if treat else bgr[y0:y1, x0:x1]
        side = longest or int(enlarged * self._side(x1 - x0, y1 - y0))
        lines = find_lines(self.finder, part, longest=side)
        moved = [TextLine(shift_quad(line.quad, x0, y0), line.score) for line in lines]
        halves = [] if region is None else _join_halves(moved)
        return self._rank(bgr, moved + halves)

    def zoom(self, bgr: Pixels, around: Quad) -> list[PlateRegion]:
        """Return what a closer look round one line finds: tighter corners, joined halves, and the words beside it."""
        height, width = bgr.shape[:2]
        across, down = quad_size(around)
        centre = around.mean(axis=0)
        wide, high = max(across * 1.3, across + 4 * down, 5 * down), 4.5 * down
        x0, y0, x1, y1 = clip_box((centre[0] - wide / 2, centre[1] - high / 2, wide, high), width, height)
        if x1 - x0 < 8 or y1 - y0 < 8 or down < 1:
            return []
        crop = stretch_contrast(bgr[y0:y1, x0:x1])
        longest = int(np.clip(self.settings.zoomed_height / down * max(crop.shape[:2]), 192, 640))
        lines = find_lines(self.finder, crop, longest=longest)
        lines = [TextLine(shift_quad(line.quad, x0, y0), line.score) for line in lines]
        return self._rank(bgr, lines + _join_halves(lines))

    def find_near(self, bgr: Pixels, guess: Quad) -> Quad | None:
        """Return the line of text that is most like a guessed outline, by place and size, or None. Reads nothing."""
        height, width = bgr.shape[:2]
        across, down = quad_size(guess)
        if down < 1:
            return None
        x0, y0, x1, y1 = clip_box(quad_box(grow_quad(guess, 2.0, 2.5)), width, height)
        if x1 - x0 < 8 or y1 - y0 < 8:
            return None
        longest = int(np.clip(self.settings.followed_height / down * max(x1 - x0, y1 - y0), 128, 384))
        lines = find_lines(self.finder, bgr[y0:y1, x0:x1], longest=longest)
        quads = [shift_quad(line.quad, x0, y0) for line in lines + _join_halves(lines)]
        alike = [
            quad
            for quad in quads
            if 0.7 < quad_size(quad)[1] / down < 1.4 and quad_size(quad)[0] > 0.6 * across
        ]
        return min(alike, key=lambda quad: _unlikeness(quad, guess), default=None)

    def read(
        self,
        bgr: Pixels,
        quads: Quad | Sequence[Quad],
        printed: Sequence[str] = (),
        looks: Sequence[Look] | None = None,
        *,
        letters: bool = True,
        share: bool = False,
    ) -> PlateReading | None:
        """Return one reading of a plate from one or more outlines of its number, or None when nothing is legible.

        `printed` are words read beside the number (a state's name), which tell whose series to expect. `letters` lets the
        reader of plates read along; for choosing a line it does not. `share` takes from it the say on O against 0, as in lanes.
        """
        outlines = [quads] if isinstance(quads, np.ndarray) else list(quads)
        crops = [_crop(bgr, quad, look) for quad in outlines for look in looks or self.settings.looks]
        sights = self._read_lines(crops, letters=letters, share=share)
        across, down = quad_size(outlines[0])
        evidence = self.grammar.weigh_evidence(printed, across / max(down, 1e-3))
        reading = self._decide(sights, evidence)
        if reading is None:
            return None
        whole = find_small_ends(bgr, outlines[0], sights[0].general, reading.text)
        if whole == slice(0, len(reading.text)):
            return reading
        part = reading.within(whole)
        return replace(
            part,
            alternatives=((part.text, reading.score), *reading.alternatives),
            odds=self.grammar.log_odds(part.text, evidence),
        )

    def weigh_strings(self, crops: Sequence[Pixels], strings: Sequence[str]) -> NDArray[np.float64]:
        """Return each string's probability over crops of one line, 48 pixels high, by the general reader alone (ADR 0179)."""
        return np.asarray(np.exp(pool_chances(self._read_lines(crops, letters=False), strings)))

    def _side(self, width: int, height: int) -> int:
        """Return the detector's longer side for a region: never more than twice the region's own pixels."""
        longer = max(width, height)
        return min(self.settings.longest, max(320, 960 if longer > 600 else 640) if longer <= 900 else 1280)

    def _rank(self, bgr: Pixels, lines: Sequence[TextLine]) -> list[PlateRegion]:
        """Return lines with their quick readings, likeliest first; words that issuers print come last, with `NEVER`."""
        shaped = [line for line in lines if _plate_shaped(line.quad)]
        regions = []
        for line in shaped:
            reading = self.read(bgr, line.quad, looks=QUICK, letters=False)
            if reading is None or reading.is_credit or is_overlay(reading.text):
                continue
            printed = is_badge(reading.text) or self.grammar.is_printed(reading.text)
            score = NEVER if printed else score_region(line.quad, reading, bgr.shape[:2])
            regions.append(PlateRegion(line.quad, score, line.score, reading))
        return sorted(regions, key=lambda region: -region.score)

    def _read_lines(self, crops: Sequence[Pixels], *, letters: bool, share: bool = False) -> list[Sight]:
        """Return what is seen in each crop; the general reader's confusions are spread, for it knows print, not plates."""
        smooth = self.confusion.smooth_columns
        sights = []
        for one in self.recogniser.read_lines(crops):
            plate = one.plate if letters else None
            if plate is not None and share:
                plate = share_round(plate)
            sights.append(Sight(smooth(one.general), plate, one.credit))
        return sights

    def _decide(self, sights: Sequence[Sight], evidence: dict[str, float]) -> PlateReading | None:
        """Return the likeliest string over all looks: the two readers' probability, weighed by the grammar."""
        strings = propose_strings(sights)
        if not strings:
            return None
        pooled = pool_chances(sights, strings)
        odds = np.array([self.grammar.log_odds(text, evidence) for text in strings])
        total = pooled + self.settings.trust_grammar * odds
        chances = np.exp(total - total.max())
        chances /= chances.sum()
        order = np.argsort(-chances, kind="stable")
        best = int(order[0])
        text = strings[best]
        return PlateReading(
            text=text,
            spread=spread_sights(sights, text),
            alternatives=tuple((strings[place], float(chances[place])) for place in order[:8]),
            score=float(chances[best]),
            fit=float(pooled[best]) / len(text),
            odds=float(odds[best]),
            credit=max(one.credit for one in sights),
        )


def _plate_shaped(quad: Quad) -> bool:
    """Tell whether a line's size and tilt could be a plate's number."""
    across, down = quad_size(quad)
    return down >= 5 and 1.0 <= across / down <= 12 and abs(quad_tilt(quad)) < 40


def _crop(bgr: Pixels, quad: Quad, look: Look) -> Pixels:
    """Return one look at a line, 48 pixels high."""
    crop = rectify(bgr, grow_quad(quad, look.across, look.down), stretch=look.stretch)
    if look.contrast:
        crop = stretch_contrast(crop)
    if not look.soften:
        return crop
    return np.asarray(cv2.GaussianBlur(crop, (0, 0), look.soften), np.uint8)


def _unlikeness(quad: Quad, guess: Quad) -> float:
    """Return how far an outline is from a guess: its centre's distance in heights, and its size's ratio."""
    across, down = quad_size(guess)
    wide, high = quad_size(quad)
    apart = float(np.hypot(*(quad.mean(axis=0) - guess.mean(axis=0)))) / down
    return apart + 2.0 * abs(math.log(wide / across)) + abs(math.log(high / down))


def _join_halves(lines: Sequence[TextLine]) -> list[TextLine]:
    """Return the lines that two neighbours would make together."""
    joined = []
    for place, one in enumerate(lines):
        for other in lines[place + 1 :]:
            quad = join_quads(one.quad, other.quad)
            if quad is not None:
                joined.append(TextLine(quad, min(one.score, other.score)))
    return joined
