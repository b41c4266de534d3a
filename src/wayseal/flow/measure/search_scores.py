"""Searches for a measure: probes with known truth against a gallery, reduced to the scores that error rates are made of.

Keeps nothing and writes nothing. It decides nothing either: thresholds come later.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from wayseal.flow.enrol import Reading
from wayseal.flow.measure.groups import name_group
from wayseal.flow.measure.rates import MISSING, Scores
from wayseal.match.loaded import LoadedGallery
from wayseal.model.border import Template
from wayseal.model.errors import Invalid
from wayseal.vision.quality import is_recognisable


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """One search to make: whose picture it is, its group, and its template, or why there is none."""

    identity: str = field(repr=False)
    group: str
    template: Template | None = field(repr=False)
    reason: str = ""
    quality: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SearchScores:
    """The best scores of all searches against one gallery, and who was searched.

    `mated` holds the traveller's own score where it came first, else `MISSING`; `nonmated` the best score of anybody.
    People and groups are in the same order.
    """

    mated: Scores = field(repr=False)
    nonmated: Scores = field(repr=False)
    mated_people: list[str] = field(repr=False)
    nonmated_people: list[str] = field(repr=False)
    mated_groups: list[str] = field(repr=False)
    nonmated_groups: list[str] = field(repr=False)


def take_probe(reading: Reading, label: str = "") -> Probe:
    """Return a reading as a probe; its group is its label, else the folder that the list names, or `all`."""
    group = name_group(label, reading.row.path)
    portrait = reading.portrait
    if portrait is None:
        return Probe(reading.row.identity, group, None, reading.reason)
    if not is_recognisable(portrait.quality):
        return Probe(reading.row.identity, group, None, "unrecognisable")
    return Probe(reading.row.identity, group, portrait.template, quality=portrait.quality.score)


def run_searches(gallery: LoadedGallery, probes: Sequence[Probe], enrolled: set[str]) -> SearchScores:
    """Return the best scores of all probes; those of nobody in `enrolled` are non-mated."""
    hits = iter(gallery.find([one.template for one in probes if one.template is not None], 1))
    scores = SearchScores(np.empty(0), np.empty(0), [], [], [], [])
    mated, nonmated = [], []
    for probe in probes:
        found = next(hits) if probe.template is not None else None
        best = MISSING if found is None or not found.scores.size else float(found.scores[0])
        if probe.identity in enrolled:
            own = (
                best > MISSING
                and found is not None
                and gallery.name_of(int(found.owners[0])) == probe.identity
            )
            mated.append(best if own else MISSING)
            scores.mated_people.append(probe.identity)
            scores.mated_groups.append(probe.group)
        else:
            nonmated.append(best)
            scores.nonmated_people.append(probe.identity)
            scores.nonmated_groups.append(probe.group)
    if not mated or not nonmated:
        raise Invalid(
            "the probes are all of enrolled people, or all of others",
            hint="An open-set measure needs both: probes whose identity is in the gallery, and others.",
        )
    return SearchScores(
        np.array(mated),
        np.array(nonmated),
        scores.mated_people,
        scores.nonmated_people,
        scores.mated_groups,
        scores.nonmated_groups,
    )
