"""Which line on a vehicle is its number."""

import numpy as np
import pytest

from wayseal.vision.plate.choose import NEVER, is_badge, load_weights, rank_on_vehicle
from wayseal.vision.plate.geometry import Quad, box_quad
from wayseal.vision.plate.reading import PlateReading, PlateRegion


def make_region(
    text: str, box: tuple[float, float, float, float], *, odds: float, printed: bool = False
) -> PlateRegion:
    """Return a line with a sure reading; a printed word has the score of no number."""
    quad: Quad = box_quad(box)
    reading = PlateReading(text, np.full((len(text), 36), 1 / 36), ((text, 0.9),), 0.9, -0.1, odds)
    return PlateRegion(quad, NEVER if printed else 0.0, 0.8, reading)


STATE = make_region("VERMONT", (290, 190, 120, 18), odds=-6.0, printed=True)
STICKER = make_region("AUG94", (400, 262, 40, 12), odds=-2.0)
NUMBER = make_region("7684", (300, 212, 100, 46), odds=-1.5)
BADGE = make_region("TURBO", (340, 120, 60, 14), odds=-3.0)


def test_tall_line_beside_a_state_is_the_number() -> None:
    """Four digits under a state's name beat the month sticker and the maker's badge; the name itself is never the number."""
    ranked = rank_on_vehicle([STATE, STICKER, NUMBER, BADGE], 480.0)
    assert ranked[0][1] is NUMBER
    assert ranked[0][0] > 0 > ranked[1][0]
    assert all(one is not STATE for _, one in ranked)


def test_small_text_alone_is_doubted() -> None:
    """A badge without a plate is not believed, and a vehicle without text has no number."""
    assert rank_on_vehicle([BADGE], 900.0)[0][0] < 1.0
    assert rank_on_vehicle([BADGE, NUMBER], 480.0)[-1][1] is BADGE
    assert rank_on_vehicle([], 480.0) == []
    assert rank_on_vehicle([STATE], 480.0) == []


def test_word_near_speaks_for_a_number() -> None:
    """The same line is likelier a number under a printed word, by the fitted weight."""
    (alone,) = rank_on_vehicle([NUMBER], 480.0)
    (beside,) = rank_on_vehicle([NUMBER, STATE], 480.0)
    assert beside[0] - alone[0] == pytest.approx(load_weights("vehicle")["word_near"])


@pytest.mark.parametrize(
    ("text", "badge"), [("FORD", True), ("F0RD", True), ("PENSKE", True), ("FORD77", False)]
)
def test_names_on_vehicles_are_no_numbers(text: str, badge: bool) -> None:  # noqa: FBT001
    """A maker's or haulier's name is no number, however large, also with a zero read for its O; a longer string may be one."""
    assert is_badge(text) is badge
