"""Drift: whether a lane still does as well as it must, told the moment that it does not and not by a sample afterwards (R-81).

Each answered vehicle adds to its lane's day and to four running sums (CUSUM of the log-likelihood ratio between a fair share
of failures and a poor one; E. S. Page, Biometrika 41, 1954). A sum that passes its limit is an alarm on the ledger. Counts
only: nothing here can be traced to a person, and nothing is opened.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import log
from typing import Any

from sqlalchemy import Connection

from wayseal.ledger.log import Ledger
from wayseal.model.border import Encounter, Outcome
from wayseal.model.clock import Clock, to_text
from wayseal.store.health import (
    QUALITY_BINS,
    SECOND_EDGES,
    STRANGER_BINS,
    STRANGER_FROM,
    STRANGER_SPAN,
    LaneDay,
    WatchSum,
    add_to_day,
    find_last_model,
    list_sums,
    put_sums,
)
from wayseal.store.health_seats import SeatDay, add_seats

ALARM_AT = log(10_000)
"""The sum's limit: at the fair share an alarm comes less than once in 10,000 trials on average (Lorden 1971)."""
LOW_QUALITY = 40
SLOW_S = 2.0
"""R-22: an answer within two seconds."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A share of failures that is fair, and one that is poor: the sum rises when the share is nearer to the poor one."""

    fair: float
    poor: float

    def step(self, *, failed: bool) -> float:
        """Return what one trial adds to the sum."""
        return log(self.poor / self.fair) if failed else log((1 - self.poor) / (1 - self.fair))


LIMITS: Mapping[str, Limit] = {
    "capture-rate": Limit(0.10, 0.25),
    "face-quality": Limit(0.15, 0.35),
    "stranger-scores": Limit(0.10, 0.25),
    "seconds-to-result": Limit(0.01, 0.05),
}
"""Of occupants seen, of faces captured, of searches that matched nobody, and of vehicles: the shares that may fail."""


@dataclass(frozen=True, slots=True)
class LaneWatch:
    """Counts what lanes see. `limits` are by measure; a lane's own replace the site's."""

    ledger: Ledger
    clock: Clock
    limits: Mapping[str, Limit] = field(default_factory=lambda: LIMITS)

    def count(self, connection: Connection, encounter: Encounter) -> list[str]:
        """Add one answered encounter within the caller's transaction, and return the measures that have just raised an alarm.

        The alarm is on the ledger before the sum starts anew: a crash between the two repeats it and loses none.
        """
        now = self.clock()
        before = find_last_model(connection, encounter.lane)
        raised = []
        if before not in {None, encounter.model_sha256}:
            raised.append("model-changed")
        sums = list_sums(connection, encounter.lane)
        changed = []
        for measure, trials in list_trials(encounter).items():
            old = sums.get((encounter.lane, measure)) or WatchSum(encounter.lane, measure, 0.0, None)
            new, alarm = follow_sum(old, self.limits[measure], trials, now)
            changed.append(new)
            raised += [measure] if alarm else []
        if raised:
            self.ledger.append([_alarm(measure, encounter, now) for measure in raised])
        put_sums(connection, changed)
        add_to_day(connection, count_encounter(encounter))
        add_seats(connection, count_seats(encounter))
        return raised


def follow_sum(old: WatchSum, limit: Limit, trials: Sequence[bool], now: datetime) -> tuple[WatchSum, bool]:
    """Return a running sum after some trials (True is a failure), started anew where it raised an alarm, and whether it did."""
    total, alarm = old.total, False
    for failed in trials:
        total = max(0.0, total + limit.step(failed=failed))
        if total > ALARM_AT:
            total, alarm = 0.0, True
    return replace(old, total=total, alarmed_at=now if alarm else old.alarmed_at), alarm


def list_trials(encounter: Encounter) -> dict[str, list[bool]]:
    """Return what an encounter says to each measure: one trial an occupant, face, unmatched search or vehicle."""
    captured = [person for person in encounter.occupants if person.record is not None]
    missed = max(0, encounter.occupants_seen - len(captured))
    unmatched = [one for one in captured if one.outcome in {Outcome.NO_MATCH, Outcome.REFER}]
    return {
        "capture-rate": [False] * len(captured) + [True] * missed,
        "face-quality": [(one.quality or 0) < LOW_QUALITY for one in captured],
        "stranger-scores": [one.outcome is Outcome.REFER for one in unmatched],
        "seconds-to-result": [encounter.capture_to_result_s > SLOW_S],
    }


def count_encounter(encounter: Encounter) -> LaneDay:
    """Return what an encounter adds to its lane's day of UTC."""
    captured = [person for person in encounter.occupants if person.record is not None]
    quality, strangers = [0] * QUALITY_BINS, [0] * STRANGER_BINS
    for person in captured:
        quality[min(QUALITY_BINS - 1, (person.quality or 0) * QUALITY_BINS // 100)] += 1
        if person.outcome is not Outcome.MATCH and person.candidates:
            place = int((person.candidates[0].score - STRANGER_FROM) / STRANGER_SPAN * STRANGER_BINS)
            strangers[min(STRANGER_BINS - 1, max(0, place))] += 1
    seconds = [0] * (len(SECOND_EDGES) + 1)
    seconds[bisect_left(SECOND_EDGES, encounter.capture_to_result_s)] += 1
    return LaneDay(
        lane=encounter.lane,
        day=encounter.time.date(),
        model_sha256=encounter.model_sha256,
        vehicles=1,
        occupants=max(encounter.occupants_seen, len(captured)),
        captured=len(captured),
        matched=sum(person.outcome is Outcome.MATCH for person in encounter.occupants),
        referred=sum(person.outcome is Outcome.REFER for person in encounter.occupants),
        plates=int(encounter.plate is not None),
        quality=tuple(quality),
        strangers=tuple(strangers),
        seconds=tuple(seconds),
    )


def count_seats(encounter: Encounter) -> list[SeatDay]:
    """Return what an encounter adds to its lane's day, seat by seat; whoever was seen and not captured counts too."""
    return [
        SeatDay(
            lane=encounter.lane,
            day=encounter.time.date(),
            seat=person.seat.value,
            occupants=1,
            captured=int(person.record is not None),
            matched=int(person.outcome is Outcome.MATCH),
            referred=int(person.outcome is Outcome.REFER),
        )
        for person in encounter.occupants
    ]


def _alarm(measure: str, encounter: Encounter, now: datetime) -> dict[str, Any]:
    """Return the ledger entry of an alarm about a lane."""
    name = measure if measure == "model-changed" else f"lane-{measure}"
    return {
        "type": "alarm", "time": to_text(now), "actor": "system:watch", "alarm": name, "severity": "medium", "lane": encounter.lane,
    }  # fmt: skip
