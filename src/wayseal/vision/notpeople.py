"""Which tracked faces are nobody in this vehicle: prints on shirts, stickers, posters, phones, mirror images, dogs, lamps.

Physics and geometry first: real heads have one size at one depth, sit in a row, above shoulders. What is left is asked of
the recognition network itself: a large, clear, steadily detected face without any identity in it is an animal or a
pattern, and so is a near one that was never sure. A doubtful face that is far or veiled is kept and counted.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from wayseal.vision.seats import FRONT_SEATS_M

SMALLEST, LARGEST = 0.62, 1.45
"""Size between the eyes over that of the others in the same vehicle: children are at 0.75, prints mostly under 0.6."""
_SHOULDER_M = (
    0.14  # metres under the eyes of somebody in the same seat from which a face is on a shirt or in a hand
)
_SAME_SEAT_M = 0.2
_LAP_M = 0.38  # metres under the row's eyes from which nobody's head is
_SIDE_M = 0.82  # metres from the vehicle's middle beyond which there is no seat
CLEAR_SCORE = 0.8
"""Detector score of a face that should be recognisable."""
_CLEAR_EYES = 22.0  # and pixels between its eyes
_NEAR_EYES = 40.0  # pixels between the eyes of a face that is near enough to be told from an animal's
STEADY = 0.7
"""Detector score in the middle of a track that people reach unless they are far or hidden; animals do not."""
SURE = 0.85
"""The same that people reach near the camera, in the light and not hidden."""
_UNSURE, _LARGE = 0.8, 1.2
"""The same under which a near face is nobody that is larger than this: heads of one vehicle agree within a tenth."""
_EMPTY = 7.2  # template length under which such a face holds no identity
_NO_LARGER = 1.1  # size up to which a face is not an animal's: rendered ones are at 1.2 and more
_ADRIFT = 0.5  # eye distances that a face must wander over the vehicle before its movement tells anything
SAME_FACE = 0.6
"""Cosine from which two faces of one vehicle are the same: strangers stay under 0.5, and twins are rare."""
_MIRROR_M = 0.45  # metres beside somebody within which no other seat is
_MIRROR_SIZE = 0.95
_SEAT_REACH_M = 0.16  # metres off a front seat's middle, to either side, where its head can be
_NEARER = 0.12  # of nearness by which a face is before the front row: none of 40 people was, off a front seat


class NotPerson(StrEnum):
    """Why a tracked face is nobody."""

    TOO_SMALL = "too_small_for_its_depth"
    TOO_LARGE = "too_large_for_its_depth"
    ON_A_BODY = "below_another_face"
    OUTSIDE = "outside_the_seats"
    NO_IDENTITY = "no_identity_in_a_clear_face"
    ADRIFT = "does_not_move_with_the_vehicle"
    MIRROR_IMAGE = "image_of_somebody_beside"
    ON_GLASS = "nearer_than_the_front_row"


@dataclass(frozen=True, slots=True)
class FaceFacts:
    """What is known of one tracked face when the vehicle has left. Metres are as in `seats.Placed`.

    `size` is relative to the people's; `strength` is the mean length of its strongest templates, None when none was made.
    `steady` is the detector's score in the middle of its sightings, `score` the best one. `wander` is how far its place
    spreads over the vehicle, `travel` how far over the picture, both in eye distances. `near` tells how near to the camera it is (`nearness`), `direction` is the unit mean of its templates.
    `placed` is the strength of looks that the whole track placed, where the face's own points gave none. `sure_px` is the
    largest distance between the eyes in a look that was itself sure: somebody may be sure from afar, and behind the mirror near.
    """

    right: float | None
    below: float
    size: float
    score: float
    eyes_px: float
    strength: float | None
    steady: float = 1.0
    wander: float = 0.0
    travel: float = 0.0
    near: float | None = None
    placed: float | None = None
    sure_px: float = math.inf
    direction: NDArray[np.float32] | None = field(default=None, repr=False)

    @property
    def in_front_seat(self) -> bool:
        """Whether it is where the driver's or the front passenger's head is, from side to side."""
        return self.right is not None and abs(abs(self.right) - FRONT_SEATS_M / 2) < _SEAT_REACH_M

    def is_like(self, other: "FaceFacts") -> bool:
        """Return whether both are the same face."""
        if self.direction is None or other.direction is None:
            return False
        return float(self.direction @ other.direction) >= SAME_FACE


def judge_faces(faces: Sequence[FaceFacts]) -> list[NotPerson | None]:
    """Return, for each face of one vehicle, why it is nobody, or None for a person. Faces outside it tell nothing of others."""
    aboard = [face for face in faces if not is_adrift(face.wander, face.travel)]
    return [_judge_face(face, [other for other in aboard if other is not face]) for face in faces]


def is_adrift(wander: float, travel: float) -> bool:
    """Return whether a face moves with the world rather than with the vehicle: on a wall, in another vehicle, on foot.

    Both are spreads in eye distances: over the vehicle, and over the picture.
    """
    return wander > max(_ADRIFT, travel)


def reference_size(sizes: Sequence[float], weights: Sequence[float], expected: float | None) -> float | None:
    """Return the size between the eyes that people in this vehicle have, in vehicle coordinates.

    `expected` is what the body's width tells, when both sides were seen. Prints are smaller than heads, so the largest
    well-supported size is the people's; when even that is far under what the body tells, nobody is there.
    """
    if not sizes:
        return expected
    values, support = np.asarray(sizes, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    strong = values[support >= 0.3 * support.max()]
    if expected is not None:
        likely = strong[(strong > SMALLEST * expected) & (strong < LARGEST * expected)]
        return float(np.median(likely[likely >= 0.8 * likely.max()])) if likely.size else expected
    return float(np.median(strong[strong >= 0.8 * strong.max()]))


def _judge_face(face: FaceFacts, others: Sequence[FaceFacts]) -> NotPerson | None:
    """Return why one face is nobody, or None."""
    clear = face.score >= CLEAR_SCORE and min(face.eyes_px, face.sure_px) >= _CLEAR_EYES
    unsure = face.steady < _UNSURE and face.eyes_px >= _NEAR_EYES
    doubtful = not clear and face.steady < STEADY and face.eyes_px >= _NEAR_EYES
    verdicts = [
        (face.size < SMALLEST, NotPerson.TOO_SMALL),
        (face.size > (_LARGE if unsure else LARGEST), NotPerson.TOO_LARGE),
        (is_adrift(face.wander, face.travel), NotPerson.ADRIFT),
        (face.below > _LAP_M or abs(face.right or 0.0) > _SIDE_M, NotPerson.OUTSIDE),
        (any(_bears(other, face) for other in others), NotPerson.ON_A_BODY),
        (any(_mirrors(face, other) for other in others), NotPerson.MIRROR_IMAGE),
        (_is_on_glass(face, others), NotPerson.ON_GLASS),
        (
            ((clear and not _is_misplaced(face)) or doubtful) and _is_empty(face.strength),
            NotPerson.NO_IDENTITY,
        ),
    ]
    return next((verdict for holds, verdict in verdicts if holds), None)


def _is_empty(strength: float | None) -> bool:
    """Return whether templates of this strength hold no identity; False where none was made."""
    return strength is not None and strength < _EMPTY


def _is_misplaced(face: FaceFacts) -> bool:
    """Return whether a face no larger than people's has an identity in the looks that its track placed: its own points were wrong.

    Of animals, which are larger between the eyes, such looks prove nothing.
    """
    return face.size <= _NO_LARGER and face.placed is not None and face.placed >= _EMPTY


def _bears(other: FaceFacts, face: FaceFacts) -> bool:
    """Return whether a face is on the other one's shirt or in its hand: below it in the same seat, and no larger."""
    beside = abs((face.right or 0.0) - (other.right or 0.0)) < _SAME_SEAT_M
    return beside and face.below - other.below > _SHOULDER_M and other.size >= 0.95 * face.size


def _mirrors(face: FaceFacts, other: FaceFacts) -> bool:
    """Return whether a face is the other one again, smaller and nearer to it than any seat: in a side window, on a telephone."""
    if face.right is None or other.right is None:
        return False
    beside = abs(face.right - other.right) < _MIRROR_M
    return beside and face.size < _MIRROR_SIZE * other.size and face.is_like(other)


def _is_on_glass(face: FaceFacts, others: Sequence[FaceFacts]) -> bool:
    """Return whether a face is nearer than everybody in the front row, where no front seat is: stuck on the windshield."""
    row = [other.near for other in others if other.in_front_seat and other.near is not None]
    if face.right is None or face.near is None or face.in_front_seat or not row:
        return False
    return face.near - max(row) > _NEARER
