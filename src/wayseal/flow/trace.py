"""From a leaked file to the copy that it came from: look-up, registration, reading of marks, and who suffices to be named.

Every original is opened under a release for `incident_response`, and what was found goes on the ledger. Inconclusive is an
answer: nobody is named below the bounds of `export.markscore`. Nothing of a leak or an original is kept.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wayseal.export.mark import luma
from wayseal.export.markcode import NEWEST, Channel, MarkRoot, Recipe
from wayseal.export.markjpeg import Compression, read_compression
from wayseal.export.marklane import LaneReading, read_lane_mark
from wayseal.export.markread import Evidence, cut_view, gather_evidence, read_blind
from wayseal.export.markscore import bound_chance, score_keys, suffices
from wayseal.export.register import LEAST, Leak, Placed
from wayseal.flow.trace_lookup import Originals
from wayseal.flow.trace_marks import Candidate, list_all_candidates, list_candidates
from wayseal.ledger.log import Ledger
from wayseal.model.border import Pixels
from wayseal.model.errors import BadPicture, NotFound
from wayseal.model.ids import RecordId
from wayseal.vision.pdq import hash_picture
from wayseal.vision.picture import read_picture
from wayseal.vision.portrait import Portrait
from wayseal.vision.template import align_matrix

LONGEST = 4096
"""Longer side, in pixels, to which a larger leak is reduced while it is decoded, so that memory stays bounded."""
BLIND = 20_000
"""Newest marked copies that are tried on a leak whose original is gone or unknown."""
_TRIED = 3
_FAINT = 4.5

Faces = Callable[[Pixels], Sequence[Portrait]]
"""Gives the faces of a picture, largest first; none where no model is installed."""


@dataclass(frozen=True, slots=True)
class Tracing:
    """What tracing needs: originals in scope, the ledger, the root of the mark keys, and what finds faces."""

    originals: Originals
    ledger: Ledger
    root: MarkRoot
    faces: Faces


Recipient = tuple[Channel, str]


@dataclass(frozen=True, slots=True)
class Suspicion:
    """A recipient's best copy in one file, its score, and how likely an innocent recipient's best is as good."""

    candidate: Candidate
    z: float
    chance: float


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What one leaked file says. `z` is the best candidate's score; `decoys` those of random keys on the same evidence.

    `chances` bounds, for each recipient who was given a copy, how likely an innocent one looks as guilty in this file.
    """

    file: str
    reason: str
    record: RecordId | None = None
    best: Candidate | None = None
    z: float | None = None
    also: tuple[tuple[str, float], ...] = ()
    decoys: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0), repr=False)
    chances: dict[Recipient, Suspicion] = field(default_factory=dict, repr=False)
    agreement: float | None = None
    covered: float | None = None
    attributed: bool = False


def trace_file(work: Tracing, file: Path) -> Reading:
    """Return the reading of one file; one that cannot be read is inconclusive, with the reason."""
    try:
        data = file.read_bytes() if file.stat().st_size < 200_000_000 else b""
        bgr = read_picture(file, longest=LONGEST)
    except BadPicture as error:
        return Reading(str(file), str(error.facts.get("reason", "not_a_picture")))
    except (NotFound, OSError):
        return Reading(str(file), "missing")
    if min(bgr.shape[:2]) < LEAST:
        return Reading(str(file), "too_small")
    return replace(trace_picture(work, bgr, read_compression(data)), file=str(file))


def trace_picture(work: Tracing, bgr: Pixels, compression: Compression | None) -> Reading:
    """Return the reading of one leaked picture: against its original where one is found, else blind."""
    leak = Leak(bgr)
    if compression is not None and not compression.size == leak.size == (bgr.shape[1], bgr.shape[0]):
        compression = None  # resized since: the file's blocks are not where they were
    best: Reading | None = None
    for record, original, placed in _find_originals(work, leak, bgr):
        reading = _read_against(work, leak, (record, original, placed), compression)
        if reading.reason == "mark_found":
            return reading
        if best is None or (placed.agreement, reading.attributed) > (best.agreement or 0.0, best.attributed):
            best = reading
    return best or _read_without(work, bgr)


def _read_against(
    work: Tracing, leak: Leak, found: tuple[RecordId, Pixels, Placed], compression: Compression | None
) -> Reading:
    """Return what a leak says that lies over an original: a personal mark, else the lane's, else nothing."""
    record, original, place = found
    view = cut_view(leak.plane, place.matrix, original.shape[:2], compression)
    read = cache(lambda recipe: gather_evidence(luma(original), view, recipe))
    reading = _judge(work, read, list_candidates(work.ledger, record), "no_mark")
    if not reading.attributed:
        lane = work.originals.lane_of(record)
        by_lane = read_lane_mark(luma(original), view, work.root.key(Channel.LANE, lane), record)
        if by_lane.is_after_seal:
            reading = _name_lane(reading, Candidate(lane, Channel.LANE, lane, record, NEWEST), by_lane)
    return replace(reading, record=record, agreement=place.agreement, covered=read(NEWEST).covered)


def _name_lane(reading: Reading, source: Candidate, by_lane: LaneReading) -> Reading:
    """Return a reading of a leak that follows the sealed original: the lane's where the original carries its mark, else suspected.

    A faint mark of the lane, as in small pictures, counts together with those in other records.
    """
    suspected = Suspicion(source, by_lane.z, by_lane.chance)
    reading = replace(reading, chances={**reading.chances, (Channel.LANE, source.recipient): suspected})
    if not by_lane.carries:
        return replace(reading, reason="lane_mark_unproved")
    reason = "lane_mark_and_faint_other" if (reading.z or 0.0) > _FAINT else "lane_mark_only"
    return replace(reading, best=source, z=by_lane.z, decoys=by_lane.decoys, attributed=True, reason=reason)


def _find_originals(work: Tracing, leak: Leak, bgr: Pixels) -> Iterator[tuple[RecordId, Pixels, Placed]]:
    """Yield the records that a leak may show, with picture and place, likeliest first, at most `_TRIED`."""
    plane = luma(bgr)
    hashes = [hash_picture(plane), hash_picture(np.ascontiguousarray(plane[:, ::-1]))]
    faces = work.faces(bgr)
    tried = 0
    for record in work.originals.propose(hashes, [face.template for face in faces]):
        found = work.originals.picture(record)
        if found is None:
            continue
        original, features = found
        placed = leak.place(original, _guess(work, original, faces), features=features)
        if placed is None or not placed.agrees:
            continue
        yield record, original, placed
        tried += 1
        if tried == _TRIED:
            return


def _guess(work: Tracing, original: Pixels, faces: Sequence[Portrait]) -> list[NDArray[np.float64]]:
    """Return where the original would lie if its face were one of the leak's."""
    own = work.faces(original)[:1] if faces else []
    return [
        np.vstack(
            [align_matrix(mine.found.landmarks, face.found.landmarks.astype(np.float64)), [0.0, 0.0, 1.0]]
        )
        for mine in own
        for face in faces
    ]


def _judge(
    work: Tracing, read: Callable[[Recipe], Evidence], candidates: Sequence[Candidate], otherwise: str
) -> Reading:
    """Return who is in the evidence, among those who were given a copy. `read` gives what a recipe's marks would leave there."""
    z, decoys = _score_copies(work, read, candidates)
    if not candidates:
        return Reading("", otherwise, decoys=decoys[NEWEST])
    order = np.argsort(-z)
    best, most = candidates[order[0]], float(z[order[0]])
    named = suffices(most, len(candidates))
    return Reading(
        "", "mark_found" if named else otherwise, best=best, z=most, decoys=decoys[best.recipe], attributed=named,
        record=best.record if named else None,
        also=_list_others(candidates, z, order, best),
        chances=_suspect(candidates, z),
    )  # fmt: skip


def _score_copies(
    work: Tracing, read: Callable[[Recipe], Evidence], candidates: Sequence[Candidate]
) -> tuple[NDArray[np.float64], dict[Recipe, NDArray[np.float64]]]:
    """Return each copy's score, read by the recipe that marked it, and the decoys of each recipe."""
    z, decoys = np.zeros(len(candidates)), {}
    for recipe in {one.recipe for one in candidates} or {NEWEST}:
        places = [place for place, one in enumerate(candidates) if one.recipe == recipe]
        keys = [work.root.key(candidates[place].channel, candidates[place].mark) for place in places]
        scores = score_keys(read(recipe), keys, [candidates[place].record for place in places])
        z[places], decoys[recipe] = scores.z, scores.decoys
    return z, decoys


def _list_others(
    candidates: Sequence[Candidate], z: NDArray[np.float64], order: NDArray[np.int64], best: Candidate
) -> tuple[tuple[str, float], ...]:
    """Return the other recipients whose marks suffice as well: copies that were averaged together name all their givers."""
    found: dict[str, float] = {}
    for number in order:
        one = candidates[number]
        if suffices(float(z[number]), len(candidates)) and one.recipient != best.recipient:
            found.setdefault(one.recipient, round(float(z[number]), 2))
    return tuple(found.items())


def _suspect(candidates: Sequence[Candidate], z: NDArray[np.float64]) -> dict[Recipient, Suspicion]:
    """Return each recipient's best copy; the chance counts all the copies that they were given."""
    copies = Counter((one.channel, one.recipient) for one in candidates)
    best: dict[Recipient, Suspicion] = {}
    for one, score in zip(candidates, z.tolist(), strict=True):
        who = (one.channel, one.recipient)
        if who not in best or score > best[who].z:
            best[who] = Suspicion(one, score, bound_chance(score, copies[who]))
    return best


def _read_without(work: Tracing, bgr: Pixels) -> Reading:
    """Return what a leak says whose original is erased or not in scope: blind, if it still has the original's very size."""
    candidates = list_all_candidates(work.ledger, newest=BLIND)
    if max(bgr.shape[:2]) > LONGEST // 2:
        return Reading("", "no_original")
    return _judge(work, lambda recipe: read_blind(luma(bgr), recipe), candidates, "no_original")
