"""A face that may be a picture never gives a match: the rule by itself, and on the whole line."""

from dataclasses import replace

import pytest
from lineparts import KnownFaces, Line, MovableClock, make_template, make_vehicle

from wayseal.flow.doubt import DOUBTS, MATCH_IN_TWO, MATCH_ON_PICTURE, refer_doubted
from wayseal.model.border import Outcome, Seat
from wayseal.vision.doubles import IN_TWO_VEHICLES
from wayseal.vision.presentation import MAY_BE_PICTURE
from wayseal.vision.settle import SAME_FACE_TWICE
from wayseal.web.reasons import TEXTS, say_reasons


@pytest.mark.parametrize("doubt", sorted(DOUBTS))
def test_match_on_a_possible_picture_is_referred(doubt: str) -> None:
    """The candidates stay, the match goes, and the answers beside it are what they were."""
    faces = KnownFaces({"traveller-1": 1, "traveller-2": 2})
    answers = faces.search([make_template(seed) for seed in (1, 2, 3)])
    shown, clear, stranger = refer_doubted(answers, [(doubt, "too_dark"), ("too_dark",), (doubt,)])
    assert shown.outcome is Outcome.REFER
    assert shown.reasons == (DOUBTS[doubt],)
    assert shown.candidates == answers[0].candidates
    assert (clear, stranger) == (answers[1], answers[2])


def test_two_vehicles_are_told_before_a_picture() -> None:
    """Who was in two vehicles, and on two seats, is referred for the vehicles: that is what the officer must clear up first."""
    answers = KnownFaces({"traveller-1": 1}).search([make_template(1)])
    (asked,) = refer_doubted(answers, [(SAME_FACE_TWICE, IN_TWO_VEHICLES)])
    assert asked.reasons == (MATCH_IN_TWO,)


def test_referral_wants_one_list_of_reasons_for_each_answer() -> None:
    """Answers and reasons that do not belong together are refused rather than paired wrongly."""
    answers = KnownFaces({"traveller-1": 1}).search([make_template(1)])
    with pytest.raises(ValueError, match="zip"):
        refer_doubted(answers, [])


def test_officer_is_asked_to_look_at_a_possible_picture(line: Line, clock: MovableClock) -> None:
    """On the line a passenger's picture of a known traveller is referred with words; the driver beside it still matches."""
    seen = make_vehicle(clock, {Seat.DRIVER: 1, Seat.FRONT_PASSENGER: 2})
    driver, passenger = seen.occupants
    shown = replace(passenger, reasons=(MAY_BE_PICTURE,))
    answered = line.drive(line.lane(), replace(seen, occupants=(driver, shown)))
    by_seat = {person.seat: person for person in answered.occupants}
    assert by_seat[Seat.DRIVER].outcome is Outcome.MATCH
    asked = by_seat[Seat.FRONT_PASSENGER]
    assert asked.outcome is Outcome.REFER
    assert asked.candidates[0].traveller == "traveller-2"
    assert say_reasons(asked.reasons) == [TEXTS[MAY_BE_PICTURE], TEXTS[MATCH_ON_PICTURE]]
