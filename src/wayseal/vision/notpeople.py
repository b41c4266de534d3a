"""Which tracked faces are nobody: prints on shirts, stickers, posters, phones, dogs, lamps.

Physics and geometry first: real heads have one size at one depth, sit in a row, above shoulders. What is left is asked of
the recognition network itself: a large, clear, steadily detected face without any identity in it is an animal or a
pattern. Nothing here refuses a person: a doubtful one is kept and counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

SMALLEST, LARGEST = 0.62, 1.45
"""Size between the eyes over that of the others in the same vehicle: children are at 0.75, prints mostly under 0.6."""
_SHOULDER_M = (
    0.14  # metres under the eyes of somebody in the same seat from which a face is on a shirt or in a hand
)
_LAP_M = 0.38  # metres under the row's eyes from which nobody's head is
_SIDE_M = 0.82  # metres from the vehicle's middle beyond which there is no seat
_CLEAR_SCORE = 0.8  # detector score of a face that should be recognisable
_CLEAR_EYES = 22.0  # and pixels between its eyes
_EMPTY = 7.2  # template length under which such a face holds no identity


class NotPerson(StrEnum):
    """Why a tracked face is nobody."""

    TOO_SMALL = "too_small_for_its_depth"
    TOO_LARGE = "too_large_for_its_depth"
    ON_A_BODY = "below_another_face"
    OUTSIDE = "outside_the_seats"
    NO_IDENTITY = "no_identity_in_a_clear_face"


@dataclass(frozen=True, slots=True)
class FaceFacts:
    """What is known of one tracked face when the vehicle has left. Metres are as in `seats.Placed`.

    `size` is relative to the people's; `strength` is the mean length of its strongest templates, None when none was made.
    """

    right: float | None
    below: float
    size: float
    score: float
    eyes_px: float
    strength: float | None


def judge_faces(faces: Sequence[FaceFacts]) -> list[NotPerson | None]:
    """Return, for each face of one vehicle, why it is nobody, or None for a person."""
    return [_judge_face(face, [other for other in faces if other is not face]) for face in faces]


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
    if face.size < SMALLEST:
        return NotPerson.TOO_SMALL
    if face.size > LARGEST:
        return NotPerson.TOO_LARGE
    if face.below > _LAP_M or (face.right is not None and abs(face.right) > _SIDE_M):
        return NotPerson.OUTSIDE
    for other in others:
        beside = abs((face.right or 0.0) - (other.right or 0.0)) < 0.2
        if beside and face.below - other.below > _SHOULDER_M and other.size >= 0.95 * face.size:
            return NotPerson.ON_A_BODY
    clear = face.score >= _CLEAR_SCORE and face.eyes_px >= _CLEAR_EYES
    if clear and face.strength is not None and face.strength < _EMPTY:
        return NotPerson.NO_IDENTITY
    return None
