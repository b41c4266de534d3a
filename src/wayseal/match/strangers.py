"""Strangers' searches: the best score of somebody who is not enrolled, in galleries of known sizes.

What a calibration is fitted to. Pure arithmetic over templates in memory; it never looks at a score of two pictures of one
person.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from wayseal.match.centre import Centre
from wayseal.match.tail import Tail, draw_tails

Vectors = NDArray[np.float32]
Scores = NDArray[np.float64]

_GALLERIES = 8
"""Galleries that are drawn at least: with two, which picture of a person was enrolled moved a threshold by 0.01."""
_THIN = 5  # of 31 quantiles of a tail's body every fifth is kept


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """Templates of known people, as a gallery holds them or as lanes make them in one light: (n, d), and whose each is."""

    vectors: Vectors = field(repr=False)
    people: Sequence[str] = field(repr=False)

    @property
    def persons(self) -> int:
        """How many people there are."""
        return len(set(self.people))


def search_strangers(
    gallery: Looks,
    probes: Sequence[Looks],
    size: int,
    random: np.random.Generator,
    *,
    centred: bool = False,
) -> list[Scores]:
    """Return, for each set of probes, their best scores in galleries of `size` other people, one template each.

    Several galleries are drawn from `gallery`; a result holds all of a set's probes in order, once for each of them. A probe's
    person drawn into a gallery that should hold only others is left out for that search, so a few have one template fewer.
    `centred` takes the mean face of the gallery's other people away from both before they are compared.
    """
    names, member = np.unique(np.asarray(gallery.people), return_inverse=True)
    place = {name: number for number, name in enumerate(names.tolist())}
    whose = [np.array([place.get(name, -1) for name in one.people]) for one in probes]
    centre = Centre.of(gallery.vectors, member) if centred else None
    best: list[list[NDArray[np.float32]]] = [[] for _ in probes]
    for _ in range(max(_GALLERIES, min(20, 400 // size))):
        order = random.permutation(len(member))
        _, first = np.unique(member[order], return_index=True)
        chosen = random.permutation(order[first])[: size + 1]
        for found, one, mine in zip(best, probes, whose, strict=True):
            own = mine[:, None] == member[chosen][None, :]
            others = gallery.vectors[chosen]
            if centre is None:
                scores = one.vectors @ others.T
            else:
                scores = centre.compare(one.vectors, mine, others, member[chosen])
            scores[own] = -1.0
            scores[~own.any(axis=1), -1] = -1.0
            found.append(scores.max(axis=1))
    return [np.concatenate(found).astype(np.float64) for found in best]


def draw_lights(
    best: Sequence[Scores], probes: Sequence[Looks], size: int, *, rounds: int, seed: int
) -> tuple[Tail, ...]:
    """Return tails refitted to random draws of persons, each draw in one light: a lane's probes are all of one.

    `best[i]` is what `search_strangers` gave for `probes[i]`. Their bodies are thinned: an interval asks for the tail.
    """
    share = -(-rounds // len(probes))
    return tuple(
        replace(tail, body=tail.body[::_THIN])
        for light, (scores, one) in enumerate(zip(best, probes, strict=True))
        for tail in draw_tails(
            scores, list(one.people) * (len(scores) // len(one.people)), size, rounds=share, seed=seed + light
        )
    )
