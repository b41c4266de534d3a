"""The matcher: it answers what lanes deliver. It holds a gallery in memory and asks the keyroom for one template at a time.

Owns the order receive, identify, record crossings, and finishes what an earlier run left unanswered.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from wayseal.flow.drift import LaneWatch
from wayseal.flow.expect import PlateHistory
from wayseal.flow.identify import (
    Identification,
    LiveSearch,
    Searcher,
    identify_encounter,
    list_unanswered,
)
from wayseal.flow.review import Register, record_crossings
from wayseal.model.border import Encounter
from wayseal.model.errors import Erased, Integrity, NotFound
from wayseal.model.ids import EncounterId
from wayseal.station.second import open_check
from wayseal.station.site import Site

MATCHER = "matcher"


@dataclass(frozen=True, slots=True)
class Matcher:
    """A matcher on one site. Share it between threads only behind a lock."""

    work: Identification
    register: Register

    def answer(self, encounter: EncounterId, *, left_at: float | None = None) -> Encounter:
        """Answer one received encounter and make its crossings; durable when it returns. See `identify_encounter`."""
        return identify_encounter(
            self.work,
            encounter,
            left_at=left_at,
            record=lambda answered: record_crossings(self.register, answered),
        )

    def resume(self) -> Iterator[Encounter]:
        """Answer what was received and never answered, oldest first. What has expired meanwhile is left to the sweep.

        An encounter that is not as its lane should have made it stops no other: it raises an alarm on the ledger.
        """
        for row in list_unanswered(self.work.archive.store):
            answered = self.settle(row.id, row.lane)
            if answered is not None:
                yield answered

    def settle(self, encounter: EncounterId, lane: str) -> Encounter | None:
        """Answer one encounter; return None for one that has expired, or that raised an alarm since it is not sound."""
        try:
            return self.answer(encounter)
        except Erased:
            return None
        except (Integrity, NotFound):
            alarm = {
                "type": "alarm",
                "actor": self.work.matcher.id,
                "alarm": "pass-broken",
                "severity": "high",
            }
            self.work.archive.ledger.append([alarm | {"lane": lane, "encounter": encounter}])
            return None


def open_matcher(site: Site, searcher: Searcher) -> Matcher:
    """Return the matcher of a site over one gallery. Where that is a live one, plates announce whom to expect."""
    history = check = calibration = None
    if isinstance(searcher, LiveSearch):
        check = open_check(site, searcher.gallery.name)
        calibration = searcher.gallery.calibration
        history = PlateHistory(site.store.engine, site.keys.index, searcher.current)
    work = Identification(
        opener=site.opener,
        archive=site.archive,
        searcher=searcher,
        matcher=site.principal(MATCHER, MATCHER),
        record_class=site.settings.retention.default_class,
        note_canary=site.keyroom.note_canary,
        expect=_expect_nobody if history is None else history.expect,
        expect_alike=_expect_nobody if history is None else history.expect_alike,
        watch=LaneWatch(site.ledger, site.clock, site.settings.health.limits()).count,
        second=check,
        calibration=calibration,
    )
    return Matcher(work, open_register(site))


def _expect_nobody(_plate: str | None) -> tuple[str, ...]:
    return ()


def open_register(site: Site) -> Register:
    """Return the crossings' register of a site."""
    return Register(
        archive=site.archive,
        opener=site.opener,
        policy=site.policy,
        index=site.keys.index,
        record_class=site.settings.retention.crossing_class,
        clock=site.clock,
    )
