"""A match on what may be a picture of somebody, or on who was in two vehicles, is no match: the officer looks and compares.

Joins what capture noticed of a face with what the search said of it. It only turns a match into a comparison by eye; it
refuses nobody (R-19), hides no candidate and makes no match.
"""

from collections.abc import Sequence

from wayseal.model.border import Outcome, SearchAnswer
from wayseal.vision.doubles import IN_TWO_VEHICLES
from wayseal.vision.presentation import MAY_BE_PICTURE
from wayseal.vision.settle import SAME_FACE_TWICE

MATCH_ON_PICTURE = "match_on_possible_picture"
"""Reason on an occupant whose match is not believed, because the face may be a picture of the traveller."""
MATCH_IN_TWO = "match_in_two_vehicles"
"""Reason on an occupant whose match is not believed, because another vehicle showed the same face within seconds."""
DOUBTS = {
    IN_TWO_VEHICLES: MATCH_IN_TWO,
    MAY_BE_PICTURE: MATCH_ON_PICTURE,
    SAME_FACE_TWICE: MATCH_ON_PICTURE,
}
"""What capture says of a face whose match is not believed, and the reason that the officer reads; the first counts."""


def refer_doubted(answers: Sequence[SearchAnswer], reasons: Sequence[Sequence[str]]) -> list[SearchAnswer]:
    """Return a vehicle's answers, doubtful matches referred (`DOUBTS`); `reasons` are capture's, in the same order."""
    return [_refer(answer, noticed) for answer, noticed in zip(answers, reasons, strict=True)]


def _refer(answer: SearchAnswer, noticed: Sequence[str]) -> SearchAnswer:
    """Return an answer, referred where it is a match of a face that capture doubts."""
    doubts = [doubt for code, doubt in DOUBTS.items() if code in noticed]
    return answer.refer(doubts[0]) if doubts and answer.outcome is Outcome.MATCH else answer
