"""A second network's doubt about a match: what enrolment keeps for it, and how an answer is reviewed by it.

It can only turn a match into a comparison by eye; it never makes a match. Joins `match` and `vision`; the templates stay
sealed beside the gallery and are opened one traveller at a time.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wayseal.flow.documents import pack_template, unpack_templates
from wayseal.match.matrix import check_vectors
from wayseal.match.portraits import SealedBook
from wayseal.model.border import Outcome, SearchAnswer, Template
from wayseal.model.errors import Invalid, SealBroken
from wayseal.vision.second_opinion import is_contradicted, rate_likeness

DOUBTED = "second_network_doubts"
"""Reason on an occupant whose match the second network does not confirm: an officer compares by eye."""
KEPT = 8
"""Templates that are kept of one traveller, the newest."""


@dataclass(frozen=True, slots=True)
class SecondBook:
    """The second network's templates of a gallery's travellers."""

    book: SealedBook

    def add(self, traveller: str, template: Template) -> None:
        """Keep a template of a traveller beside those there are of its model; those of another model go. Durable."""
        body = self.book.get_body(traveller)
        held = [] if body is None else unpack_templates(body)
        new = pack_template(template)
        packed = [pack_template(one) for one in held if one.model_sha256 == template.model_sha256]
        if new not in packed:
            self.book.put_body(traveller, b"".join([*packed[1 - KEPT :], new]))

    def find(self, traveller: str, model_sha256: str) -> list[Template]:
        """Return a traveller's templates of one model, none when there are none. Raises `SealBroken` when altered."""
        body = self.book.get_body(traveller)
        found = [] if body is None else unpack_templates(body)
        return [one for one in found if one.model_sha256 == model_sha256]

    def forget(self, traveller: str) -> bool:
        """Destroy what is kept of a traveller; say whether there was anything."""
        return self.book.forget(traveller)


@dataclass(frozen=True, slots=True)
class SecondCheck:
    """Reviews matches. `limit` is the likeness under which the second network doubts; `metric` is its manifest's."""

    book: SecondBook
    limit: float
    metric: str

    def review(self, answer: SearchAnswer, second: Template | None) -> SearchAnswer:
        """Return the answer, or for a match that the second network doubts the same answer referred, with the reason.

        Without a second template of the probe, or of the traveller, there is no second opinion, and the answer stands.
        One of the traveller's with a value that is no number confirms nobody: the match is referred.
        Raises `SealBroken` for a second template that no network of that model makes.
        """
        if answer.outcome is not Outcome.MATCH or second is None:
            return answer
        best = answer.candidates[0]
        known = self.book.find(best.traveller, second.model_sha256)
        if not known:
            return answer
        _check_second(second, known[0].vector.shape[0])
        likeness = float(np.max([rate_likeness(second, one, metric=self.metric) for one in known]))
        if not is_contradicted(best.score, likeness, match=answer.threshold, disagree=self.limit):
            return answer
        return answer.refer(DOUBTED)


def _check_second(second: Template, dimension: int) -> None:
    """Raise `SealBroken` for a lane's template of another dimension, with a value that is no number, or not of unit length."""
    try:
        check_vectors(second.vector, dimension)
    except Invalid as error:
        raise SealBroken(f"a lane sealed {error}") from None
    if not 0 < second.strength < math.inf:
        raise SealBroken("a lane sealed a template whose strength is no length")


def review_answers(
    check: SecondCheck | None, answers: Sequence[SearchAnswer], seconds: Sequence[Template | None]
) -> list[SearchAnswer]:
    """Return a vehicle's answers, each reviewed where there is a second network."""
    if check is None:
        return list(answers)
    return [check.review(answer, second) for answer, second in zip(answers, seconds, strict=True)]
