"""One vehicle, several occupants: no traveller sits in two seats, and nobody has to be anybody.

Pure arithmetic over answers that `match.search` gave. It can take a match away, never make one.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.optimize import linear_sum_assignment

from wayseal.match.search import EXPECTED
from wayseal.model.border import Band, Outcome, SearchAnswer

CLAIMED = "traveller_better_matched_in_another_seat"
CONTESTED = "two_occupants_resemble_one_traveller"
ELSEWHERE = "nobody_like_but_in_another_seat"


def assign(answers: Sequence[SearchAnswer], *, margin: float = 0.05) -> list[SearchAnswer]:
    """Return one vehicle's answers, in order, so that no two occupants are the same traveller.

    Occupants and travellers are paired one to one for the highest total lead over "unknown", which is always possible
    (Hungarian method). Whoever loses a traveller is referred with the remaining candidates and is not matched to the
    next one by elimination (no match, when the lost one was only possible and nobody possible is left); the winner is referred too when the loser scored within `margin`.
    """
    chosen = _pair(answers)
    return [_settle(answers, chosen, seat, margin) for seat in range(len(answers))]


def _pair(answers: Sequence[SearchAnswer]) -> list[str | None]:
    """Return the traveller that each occupant keeps, or None for unknown."""
    claims = [
        {one.traveller: one.score for one in answer.candidates if one.band is not Band.WEAK}
        for answer in answers
    ]
    people = sorted({traveller for claim in claims for traveller in claim})
    if not people:
        return [None] * len(answers)
    gain = np.zeros((len(answers), len(people) + len(answers)))
    for seat, claim in enumerate(claims):
        for column, traveller in enumerate(people):
            gain[seat, column] = claim.get(traveller, -1.0)
    seats, columns = linear_sum_assignment(gain, maximize=True)
    kept: list[str | None] = [None] * len(answers)
    for seat, column in zip(seats, columns, strict=True):
        if column < len(people) and people[column] in claims[seat]:
            kept[seat] = people[column]
    return kept


def _settle(
    answers: Sequence[SearchAnswer], chosen: Sequence[str | None], seat: int, margin: float
) -> SearchAnswer:
    """Return one occupant's answer after the pairing."""
    answer = answers[seat]
    if answer.outcome is not Outcome.MATCH and answer.outcome is not Outcome.REFER:
        return answer
    best = answer.candidates[0]
    if best.band is Band.WEAK:
        return answer
    others = [
        one.score
        for other, whose in enumerate(answers)
        if other != seat
        for one in whose.candidates[:1]
        if one.traveller == best.traveller and one.band is not Band.WEAK
    ]
    if chosen[seat] != best.traveller:
        taken = {traveller for other, traveller in enumerate(chosen) if other != seat}
        left = tuple(one for one in answer.candidates if one.traveller not in taken)
        if best.band is not Band.STRONG and (not left or left[0].band is Band.WEAK):
            # Nothing is left that an officer could compare, so no reason may tell them to.
            reasons = (ELSEWHERE, *(one for one in answer.reasons if one == EXPECTED))
            return replace(answer, outcome=Outcome.NO_MATCH, candidates=left, reasons=reasons)
        return replace(answer, candidates=left).refer(CLAIMED)
    if others and answer.outcome is Outcome.MATCH and max(others) >= best.score - margin:
        return answer.refer(CONTESTED)
    return answer
