"""A match on what may be a picture of somebody is no match: the officer looks at the person and compares.

Joins what capture noticed of a face with what the search said of it. It only turns a match into a comparison by eye; it
refuses nobody (R-19), hides no candidate and makes no match.
"""

from collections.abc import Sequence

from wayseal.model.border import Outcome, SearchAnswer
from wayseal.vision.presentation import MAY_BE_PICTURE
from wayseal.vision.settle import SAME_FACE_TWICE

MATCH_ON_PICTURE = "match_on_possible_picture"
"""Reason on an occupant whose match is not believed, because the face may be a picture of the traveller."""
DOUBTS = frozenset({MAY_BE_PICTURE, SAME_FACE_TWICE})
"""What capture says of a face that may be a picture."""


def refer_pictures(answers: Sequence[SearchAnswer], reasons: Sequence[Sequence[str]]) -> list[SearchAnswer]:
    """Return a vehicle's answers, matches on what may be pictures referred; `reasons` are capture's, in the same order."""
    return [
        answer.refer(MATCH_ON_PICTURE)
        if answer.outcome is Outcome.MATCH and DOUBTS & set(noticed)
        else answer
        for answer, noticed in zip(answers, reasons, strict=True)
    ]
