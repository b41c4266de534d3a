"""The plate of one vehicle in a lane: when to look, where, and what the looks amount to.

Owns the spending of time: one search of the vehicle's box, then small looks where the number was last seen, each time the
vehicle has come visibly nearer. It keeps small pictures of the number in memory, one a reading; nothing else of a frame.
"""

import time
from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np

from wayseal.model.border import Box, Frame, Pixels, PlainImage, Plate
from wayseal.vision.picture import encode_picture
from wayseal.vision.plate.calibrate import rate_confidence
from wayseal.vision.plate.choose import NEVER, rank_on_vehicle
from wayseal.vision.plate.geometry import Quad, clip_box, grow_quad, quad_box, quad_size, shift_quad
from wayseal.vision.plate.reader import FAST_LOOKS, PlateReader
from wayseal.vision.plate.reading import PlateReading
from wayseal.vision.plate.stack import cut_number, settle_dispute
from wayseal.vision.plate.vote import PlateVote, Verdict

LEAST_GAP = 2
SEARCH_EVERY = 15
SEARCHES = 8
SEARCH_SIDE = 512
READ_EVERY = 6
READINGS = 7
GROWTH = 1.12
AGREEING = 4
CLEAR = 0.6
LEAST_BOX = 220.0
LEAST_TALL = 0.55
"""Share of its width that a vehicle is tall at least: the box of one that comes out from behind another reaches down too late."""
SLIVER = 0.1
"""The same under which a box is no vehicle's front, but what is left of one that leaves."""
LOW = 0.75
"""Share of the picture's height below which a number that was read once is soon gone, and is read again at once."""
AGREE = 2
LEAST_ODDS = -1.0
LEAST_LENGTH = 3
PATIENCE = 2


@dataclass(frozen=True, slots=True, eq=False)
class _Sighting:
    """One reading: the frame, the number's outline in it, the outline in shares of the vehicle's box, the number cut out."""

    frame: int
    quad: Quad
    share: Quad
    box_width: float
    reading: PlateReading
    cut: Pixels = field(repr=False)


@dataclass(slots=True, eq=False)
class PlateSession:
    """Reads one vehicle's plate over the frames it is offered; `result` is their vote."""

    reader: PlateReader
    seconds: float = 0.0
    """CPU seconds spent so far."""
    _vote: PlateVote = field(default_factory=PlateVote, repr=False)
    _sightings: list[_Sighting] = field(default_factory=list, repr=False)
    _searches: int = 0
    _printed: list[str] = field(default_factory=list, repr=False)
    _looked: int = -1000
    _looked_width: float = 0.0
    _lost: int = 0
    _sharpest: float = 0.0
    _picture: PlainImage | None = field(default=None, repr=False)

    def offer(self, frame: Frame, vehicle_box: Box) -> None:
        """Take one frame. Time is spent only when a reading is due; most frames cost nothing."""
        if vehicle_box[2] < LEAST_BOX or self._is_settled() or not self._is_due(frame, vehicle_box):
            return
        started = time.thread_time()
        self._looked, self._looked_width = frame.index, vehicle_box[2]
        bgr = frame.colour()
        followed = bool(self._sightings) and self._lost < PATIENCE
        sighting = self._follow(frame.index, bgr, vehicle_box) if followed else None
        if sighting is None and not (followed and self._agreeing(self._commonest())):
            sighting = self._search(frame.index, bgr, vehicle_box)
        if sighting is not None:
            self._keep(sighting, bgr)
        self.seconds += time.thread_time() - started

    def result(self) -> Plate | None:
        """Return the plate on which at least two readings agree, or None."""
        verdict = self._decide()
        if verdict is None:
            return None
        stacked = self._read_stack()
        same = [one for one in self._sightings if stacked and one.reading.text == stacked]
        if same:
            return self._describe(stacked, same, verdict, reads=len(same) + 1)
        text = verdict.text if verdict.reads >= AGREE else self._commonest()
        agreeing = self._agreeing(text)
        return self._describe(text, agreeing, verdict, reads=len(agreeing)) if agreeing else None

    def _decide(self) -> Verdict | None:
        """Return the vote, held again over the number alone when a sign beside it had been read along."""
        verdict = self._vote.result()
        if verdict is None or len(verdict.text[verdict.number]) == len(verdict.text):
            return verdict
        vote = PlateVote(self._vote.confusion)
        for place, one in enumerate(self._sightings):
            if len(one.reading.text) == len(verdict.text):
                self._sightings[place] = replace(one, reading=one.reading.within(verdict.number))
            vote.add(self._sightings[place].reading)
        self._vote = vote
        return vote.result()

    def _read_stack(self) -> str:
        """Return what the readings and the picture made of all of them say, where three or more disagree; else nothing."""
        there = self._sightings
        if len(there) <= AGREE or len({one.reading.text for one in there}) == 1:
            return ""
        return settle_dispute(
            self.reader,
            [one.cut for one in there],
            [one.quad for one in there],
            [one.reading for one in there],
        )

    def _is_settled(self) -> bool:
        """Tell whether more readings would change nothing, or have been tried often enough."""
        if len(self._sightings) >= READINGS or self._searches >= SEARCHES:
            return True
        if self._lost >= PATIENCE and self._agreeing(self._commonest()):
            return True
        last = [one.reading for one in self._sightings[-AGREEING:]]
        clear = all(reading.score >= CLEAR for reading in last)
        return len(last) == AGREEING and clear and len({reading.text for reading in last}) == 1

    def _is_due(self, frame: Frame, box: Box) -> bool:
        """Tell whether it is time: enough frames went by, the vehicle has come nearer, or a number read once is about to leave."""
        since = frame.index - self._looked
        nearer = box[2] >= GROWTH * self._looked_width
        alone = len(self._sightings) == 1 and self._lost == 0
        leaving = alone and self._sightings[0].quad[:, 1].max() > LOW * frame.luma.shape[0]
        waited = since >= (READ_EVERY if self._sightings else SEARCH_EVERY)
        return waited or (since >= LEAST_GAP and (nearer or leaving))

    def _search(self, index: int, bgr: Pixels, box: Box) -> _Sighting | None:
        """Look for the number in the whole vehicle."""
        self._searches += 1
        x, y, width, height = box
        tall = max(height, LEAST_TALL * width) if height > SLIVER * width else height
        around = (x - 0.05 * width, y + 0.2 * height, 1.1 * width, 1.2 * tall - 0.2 * height)
        found = self.reader.locate(bgr, around, longest=SEARCH_SIDE)
        likely = [
            one
            for odds, one in rank_on_vehicle(found, width)
            if odds > LEAST_ODDS and len(one.reading.text) >= LEAST_LENGTH
        ]
        if not likely:
            return None
        self._printed += [one.reading.text for one in found if one.score == NEVER]
        return self._read(index, bgr, box, likely[0].quad)

    def _follow(self, index: int, bgr: Pixels, box: Box) -> _Sighting | None:
        """Look where the number should be by now."""
        near = self.reader.find_near(bgr, self._expect(index, box))
        if near is None:
            self._lost += 1
            return None
        return self._read(index, bgr, box, near)

    def _expect(self, index: int, box: Box) -> Quad:
        """Return the number's outline as its own movement carries it on, or the vehicle's box while it was seen once."""
        last = self._sightings[-1]
        if len(self._sightings) == 1:
            return shift_quad(last.share * np.array(box[2:], np.float32), box[0], box[1])
        before = self._sightings[-2]
        ahead = min(2.0, (index - last.frame) / max(1, last.frame - before.frame))
        moved = (last.quad.mean(axis=0) - before.quad.mean(axis=0)) * ahead
        grown = float(np.clip(last.box_width and box[2] / last.box_width, 0.9, 1.25))
        centre = last.quad.mean(axis=0)
        return np.asarray((last.quad - centre) * grown + centre + moved, np.float32)

    def _read(self, index: int, bgr: Pixels, box: Box, quad: Quad) -> _Sighting | None:
        """Read the number in its outline. One that the picture's edge cuts is not read."""
        height, width = bgr.shape[:2]
        if quad.min() < 1 or quad[:, 0].max() > width - 1 or quad[:, 1].max() > height - 1:
            return None
        reading = self.reader.read(bgr, quad, self._printed, FAST_LOOKS, share=True)
        if reading is None:
            return None
        share = np.asarray(shift_quad(quad, -box[0], -box[1]) / np.array(box[2:], np.float32), np.float32)
        return _Sighting(index, quad, share, box[2], reading, cut_number(bgr, quad))

    def _keep(self, sighting: _Sighting, bgr: Pixels) -> None:
        """Count a reading, and keep its picture when it is the clearest so far."""
        self._lost = 0
        self._sightings.append(sighting)
        self._vote.add(sighting.reading)
        clarity = sighting.reading.fit + 0.02 * min(quad_size(sighting.quad)[1], 40.0)
        if self._picture is None or clarity > self._sharpest:
            self._sharpest = clarity
            self._picture = crop_plate(bgr, sighting.quad)

    def _commonest(self) -> str:
        """Return the text that most readings are; empty without readings."""
        counts = Counter(one.reading.text for one in self._sightings)
        return max(sorted(counts), key=counts.__getitem__, default="")

    def _agreeing(self, text: str) -> list[_Sighting]:
        """Return the readings that are exactly `text`, or none when they are too few to believe."""
        same = [one for one in self._sightings if one.reading.text == text]
        return same if len(same) >= AGREE else []

    def _describe(self, text: str, agreeing: list[_Sighting], verdict: Verdict, *, reads: int) -> Plate:
        """Return the plate with its marks. `reads` counts the stacked picture as one where it agrees."""
        best = max(agreeing, key=lambda one: (one.reading.score, one.frame))
        across, down = quad_size(best.quad)
        evidence = self.reader.grammar.weigh_evidence(self._printed, across / max(down, 1e-3))
        spreads = np.mean([one.reading.spread.max(axis=1) for one in agreeing], axis=0)
        confidence = rate_confidence(
            [one.reading.score for one in agreeing],
            [one.reading.fit for one in agreeing],
            float(spreads.min()),
            reads=reads,
            votes=max(verdict.votes, reads),
        )
        return Plate(
            text=text,
            region=self.reader.grammar.guess_region(text, evidence).code,
            reads=reads,
            confidence=confidence,
            characters=tuple(float(chance) for chance in spreads),
            frame=best.frame,
            box=quad_box(best.quad),
            picture=self._picture,
        )


def crop_plate(bgr: Pixels, quad: Quad) -> PlainImage:
    """Return the plate with its surroundings, half a number's height beyond the plate, as an encoded picture."""
    height, width = bgr.shape[:2]
    x0, y0, x1, y1 = clip_box(quad_box(grow_quad(quad, 0.8, 1.0)), width, height)
    return encode_picture(bgr[y0:y1, x0:x1])
