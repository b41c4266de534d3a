"""Words for what is said about an occupant: why a picture is poor, and why a search ended as it did.

Owns wording, and in what order reasons are read. Every code that capture or search can give has a line here or in
`vision.quality`; a test collects them. Neutral words: none of them accuses anybody (R-37).
"""

from collections.abc import Sequence
from typing import Final

from wayseal.flow.doubt import MATCH_IN_TWO, MATCH_ON_PICTURE
from wayseal.flow.second import DOUBTED
from wayseal.match import assign, search
from wayseal.vision.doubles import IN_TWO_VEHICLES
from wayseal.vision.located import PARTLY_HIDDEN
from wayseal.vision.presentation import MAY_BE_PICTURE, NOT_COUNTED
from wayseal.vision.quality import REASON_TEXTS
from wayseal.vision.restore import RESTORED
from wayseal.vision.settle import EXPOSURE_TOO_LONG, HIDDEN, NOT_VISIBLE, SAME_FACE_TWICE

TEXTS: Final = {
    **REASON_TEXTS,
    MAY_BE_PICTURE: "check: may be a picture, not a face",
    NOT_COUNTED: "may be a picture: not counted, look whether somebody sits there",
    MATCH_ON_PICTURE: "like a traveller, but it may be a picture of them: look who sits there, then compare",
    MATCH_IN_TWO: "like a traveller, but another vehicle showed the same face: look who sits there, then compare",
    EXPOSURE_TOO_LONG: "lane warning: the shutter is too slow for this speed and smears faces: shorten the exposure",
    SAME_FACE_TWICE: "check: the same face on two seats; one may be a picture or a mirror image",
    IN_TWO_VEHICLES: "check: the same face was in another vehicle seconds apart; look who sits in this one",
    HIDDEN: "the face was hidden: look into the vehicle",
    NOT_VISIBLE: "nobody was seen there, though others were: look into the vehicle",
    RESTORED: "compared by a picture restored from reflections: look closely, the picture shown is untouched",
    PARTLY_HIDDEN: "part of the face was hidden in every look: look closely",
    search.EMPTY: "the gallery is empty: check documents",
    search.NOT_CALIBRATED: "no threshold is known for this model: compare by eye",
    search.OTHER_CAMERA: "no threshold is known for this lane's camera: compare by eye",
    search.TOO_LARGE: "more travellers than the threshold is known for: compare by eye",
    search.TOO_CLOSE: "two travellers are about as like: compare by eye",
    search.POSSIBLE: "like, but not surely: compare by eye",
    search.BELOW: "nobody in the gallery is like enough: check documents",
    search.EXPECTED: "expected with this plate",
    search.EXPECTED_ALIKE: "expected with a plate that looks like this one: compare the plate",
    search.CONTRADICTED: "somebody not expected is as like: compare by eye",
    DOUBTED: "a second, independent comparison disagrees: compare by eye",
    assign.CLAIMED: "this traveller fits another seat better: compare by eye",
    assign.ELSEWHERE: "the only traveller somewhat like sits in another seat: check documents",
    assign.CONTESTED: "two occupants are like this traveller: compare by eye",
}
_FIRST: Final = (
    NOT_COUNTED, IN_TWO_VEHICLES, MAY_BE_PICTURE, SAME_FACE_TWICE, MATCH_IN_TWO, MATCH_ON_PICTURE, DOUBTED,
)  # fmt: skip


def say_reasons(codes: Sequence[str]) -> list[str]:
    """Return an occupant's reasons in words, what an officer must look at first; an unknown code as its own words."""
    ordered = sorted(codes, key=lambda code: code not in _FIRST)
    return [TEXTS.get(code, code.replace("_", " ")) for code in ordered]
