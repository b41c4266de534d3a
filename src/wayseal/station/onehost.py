"""A lane and its centre on one host: frames in, answered encounters out, while the stream goes on.

Owns the two threads (seeing; sealing, sending and answering) and the counts of a run. The lane's side hands vehicles over
in memory; everything after that goes through the outbox, as it would over a network.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from wayseal.model.border import Encounter, Frame, Outcome, VehiclePass
from wayseal.model.errors import Erased
from wayseal.model.ids import EncounterId
from wayseal.station.lane import LaneStation
from wayseal.station.matcher import Matcher
from wayseal.station.relay import Relay

OnEncounter = Callable[[Encounter], None]


@dataclass(slots=True)
class RunSummary:
    """What a run did; `seconds` is wall time, `fps` frames over it; `too_late` vehicles were not delivered before their hour was erased."""

    vehicles: int = 0
    occupants_seen: int = 0
    captured: int = 0
    matched: int = 0
    frames: int = 0
    dropped_frames: int = 0
    too_late: int = 0
    seconds: float = 0.0

    @property
    def fps(self) -> float:
        """Frames a second of wall time."""
        return self.frames / self.seconds if self.seconds else 0.0

    def count(self, encounter: Encounter) -> None:
        """Add one answered encounter."""
        self.vehicles += 1
        self.occupants_seen += encounter.occupants_seen
        self.captured += sum(person.record is not None for person in encounter.occupants)
        self.matched += sum(person.outcome is Outcome.MATCH for person in encounter.occupants)


class OneHost:
    """One lane at work with its centre beside it. Use `run` once."""

    def __init__(self, station: LaneStation, matcher: Matcher, on_encounter: OnEncounter) -> None:
        self._station = station
        self._matcher = matcher
        self._on_encounter = on_encounter
        self._relay = Relay()
        self._stamps: dict[datetime, float] = {}
        self.summary = RunSummary()

    def run(self, frames: Iterator[Frame]) -> RunSummary:
        """Work until the stream ends and every vehicle is answered. Raises the first error of either side."""
        started = monotonic()
        self._finish_earlier()
        worker = threading.Thread(target=self._work, name="wayseal-answers", daemon=True)
        worker.start()
        try:
            for seen in self._station.run(self._stamped(frames)):
                self._relay.put(seen)
        finally:
            self._relay.close()
            worker.join()
            self.summary.too_late += len(self._station.too_late)
            self.summary.seconds = monotonic() - started
        self._relay.check()
        return self.summary

    def _finish_earlier(self) -> None:
        """Deliver and answer what an earlier run, perhaps killed, has left."""
        self._station.send_pending()
        for encounter in self._matcher.resume():
            self._report(encounter)

    def _stamped(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """Yield frames, counting them and noting when each came in."""
        for frame in frames:
            self.summary.frames += 1
            self._stamps[frame.time] = monotonic()
            if len(self._stamps) > 4000:
                for old in list(self._stamps)[:2000]:
                    del self._stamps[old]
            yield frame

    def _work(self) -> None:
        """Seal, send and answer vehicles until the end mark comes."""
        for seen in self._relay.take():
            try:
                self._settle(seen)
            except BaseException as error:  # noqa: BLE001 - raised again by `run`
                self._relay.fail(error)

    def _settle(self, seen: VehiclePass) -> None:
        """Take one vehicle from memory to an answer."""
        left_at = self._stamps.get(seen.left)
        sealed = self._station.keep(seen)
        for encounter in self._station.send_pending():
            self._answer(encounter, left_at if encounter == sealed.encounter else None)

    def _answer(self, encounter: EncounterId, left_at: float | None) -> None:
        """Answer one vehicle and report it; one that came so late that its hour is over is left to the sweep."""
        try:
            answered = self._matcher.answer(encounter, left_at=left_at)
        except Erased:
            self.summary.too_late += 1
        else:
            self._report(answered)

    def _report(self, encounter: Encounter) -> None:
        """Count an answered encounter and tell the caller. It is durable by now. A canary's is nobody's business."""
        if encounter.canary:
            return
        self.summary.count(encounter)
        self._on_encounter(encounter)
