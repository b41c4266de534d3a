"""A lane at work on a computer of its own: frames in, sealed vehicles out, and the line to the centre when it is there.

Owns three threads: seeing, sealing, and talking to the centre (keys, certificate, deliveries). Sealing never waits for the
network. What a lane tells is what it saw and how well; who it was is the centre's knowledge and never comes back here.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from time import monotonic
from typing import Any

from wayseal.export.markcode import Channel, MarkKey
from wayseal.flow.canary import Decoys
from wayseal.flow.encounter import LATEST, SealedPass
from wayseal.flow.marking import mark_at_lane
from wayseal.model.border import Direction, Frame, Occupant, VehiclePass
from wayseal.model.clock import to_text
from wayseal.model.errors import Integrity, Invalid, NotArmed, NotFound, Refused, Unavailable, WaysealError
from wayseal.model.ids import EncounterId, epoch_span
from wayseal.station.carrier_link import CarrierLink
from wayseal.station.lane import Capture, LaneStation
from wayseal.station.lane_arms import LaneArms
from wayseal.station.lane_home import LaneHome
from wayseal.station.lane_tickets import carry_tickets
from wayseal.station.ports import forward_queue
from wayseal.station.relay import Relay

_FIRST_PAUSE_S = 0.5
PORTS_S = 0.5
"""How long a device event may wait here: it has a second to be on the ledger."""
LANE_CODES = frozenset(
    ("lane-unknown", "lane-revoked", "lane-replaced", "not-a-lane", "not-the-centre", "certificate-expired",
     "certificate-unknown")
)  # fmt: skip
"""Refusals that are about the lane and not about one vehicle."""

Tell = Callable[[dict[str, Any]], None]


@dataclass(slots=True)
class LaneSummary:
    """What a run did. `waiting` records are sealed in the outbox; `refused` vehicles were not taken by the centre.

    `expired` records waited for longer than the centre takes them.
    """

    vehicles: int = 0
    occupants_seen: int = 0
    captured: int = 0
    frames: int = 0
    dropped_frames: int = 0
    seconds: float = 0.0
    delivered: int = 0
    waiting: int = 0
    expired: int = 0
    refused: dict[EncounterId, WaysealError] = field(default_factory=dict)
    problem: WaysealError | None = None


class Courier:
    """Talks to the centre, at a pace and when there is something to send; the only user of the line."""

    def __init__(self, home: LaneHome, link: CarrierLink, station: LaneStation, arms: LaneArms) -> None:
        self._home = home
        self._link = link
        self._station = station
        self._arms = arms
        self._poll = home.settings.carrier.poll_seconds
        self._asked = 0.0
        self._pause = 0.0
        self._not_before = 0.0
        self._lock = threading.Lock()
        self.summary = LaneSummary()

    def work(self, wake: threading.Event, stop: threading.Event) -> None:
        """Go on until stopped."""
        while not stop.is_set():
            wake.wait(timeout=self._next_s())
            wake.clear()
            self.go_round()

    def go_round(self) -> None:
        """Do what is due: news from the centre, then deliveries. Problems are kept to be told, and tried again."""
        with self._lock:
            now = monotonic()
            if now < self._not_before:
                return
            try:
                self._home.time.note()
                if now - self._asked >= self._poll:
                    self._arms.refresh()
                    self._home.renew_certificate(self._link)
                    self._asked = now
                self._expire()
                self._send()
                self._pause = 0.0
                self._tell_ports()
                self._tell_tickets()
            except (WaysealError, OSError) as error:
                self.summary.problem = error if isinstance(error, WaysealError) else Unavailable(str(error))
                self._pause = min(max(_FIRST_PAUSE_S, self._pause * 2), self._poll)
                self._not_before = monotonic() + self._pause

    def _expire(self) -> None:
        """Let go of what is too old for the centre to take: the keys of those hours are gone, and nobody could read it."""
        outbox, now = self._home.host.outbox, self._home.clock()
        for epoch in {one.epoch for one in outbox.pending()}:
            if epoch_span(epoch)[2] < now - LATEST:
                self.summary.expired += outbox.forget_epoch(epoch)

    def _send(self) -> None:
        """Deliver what waits, in order. A vehicle that the centre does not take stays and lets the next ones pass."""
        self.summary.problem = None
        while self._arms.disarmed is None:
            waiting = self._home.host.outbox.pending(limit=1, without=self.summary.refused)
            if not waiting:
                break
            try:
                self._station.send_next(without=self.summary.refused)
                self.summary.delivered += 1
            except (Refused, Integrity, Invalid, NotFound) as error:
                first = waiting[0].encounter
                if first is None or error.facts.get("code") in LANE_CODES or "disarmed_until" in error.facts:
                    raise
                self.summary.refused[first] = error
        self._station.tidy()

    def _tell_ports(self) -> None:
        """Send what the watch of this host's ports has seen. What the centre refuses waits, and holds up no picture."""
        try:
            forward_queue(self._home.home, self._link.report_ports)
        except (Refused, Invalid) as error:
            self.summary.problem = error

    def _tell_tickets(self) -> None:
        """Send what was done here under tickets. What the centre refuses waits, and holds up no picture."""
        try:
            carry_tickets(self._home, self._link)
        except (Refused, Invalid, NotFound) as error:
            self.summary.problem = error

    def _next_s(self) -> float:
        """Return how long to wait for a vehicle before going round anyhow."""
        return max(self._not_before - monotonic(), 0.05) if self._pause else min(self._poll, PORTS_S)


class RemoteLane:
    """One lane at work with its centre elsewhere. Use `run` once."""

    def __init__(self, home: LaneHome, link: CarrierLink, capture: Capture, tell: Tell) -> None:
        """Ask the centre for keys. Raises `NotArmed` for a disarmed lane, `Unavailable` without keys and without a centre."""
        settings = home.settings
        self._home = home
        self._tell = tell
        self._arms = LaneArms(
            home.host, home.home / "lane", settings.retention.default_class, link.fetch_roster, home.clock
        )
        self._arms.start()
        facts = home.facts
        self._station = LaneStation(
            home.host,
            capture,
            direction=facts.direction,
            keys=self._arms,
            deliver=lambda encounter, records: link.deliver(encounter, records, facts.direction),
            clock=home.clock,
            decoys=Decoys(one_in=settings.keyroom.canary_one_in),
            mark=mark_at_lane(MarkKey(Channel.LANE, facts.lane, home.mark_secret())),
        )
        self._courier = Courier(home, link, self._station, self._arms)
        self._relay = Relay()
        self._wake, self._stop = threading.Event(), threading.Event()

    @property
    def summary(self) -> LaneSummary:
        """What was done so far."""
        return self._courier.summary

    def run(self, frames: Iterator[Frame], *, drain_s: float) -> LaneSummary:
        """Work until the stream ends, then try so many seconds to deliver what waits. Raises `NotArmed` when the lane must stop."""
        started = monotonic()
        sealer = threading.Thread(target=self._seal, name="wayseal-seal", daemon=True)
        sender = threading.Thread(
            target=self._courier.work, args=(self._wake, self._stop), name="wayseal-send", daemon=True
        )
        sealer.start()
        sender.start()
        try:
            for seen in self._station.run(self._counted(frames)):
                self._relay.put(seen)
        finally:
            self._relay.close()
            sealer.join()
            self._drain(drain_s)
            self._stop.set()
            self._wake.set()
            sender.join()
            self._count(monotonic() - started)
        self._relay.check()
        return self.summary

    def _counted(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        for frame in frames:
            self.summary.frames += 1
            yield frame

    def _seal(self) -> None:
        """Seal vehicles until the end mark comes. Whatever fails, the telling included, is the relay's to tell."""
        for seen in self._relay.take():
            try:
                sealed = self._station.keep(seen)
                self._wake.set()
                if seen.canary:
                    continue
                self._count_vehicle(seen)
                self._tell(vehicle_line(seen, sealed, self._home.facts.lane, self._home.facts.direction))
            except BaseException as error:  # noqa: BLE001 - raised again by `run`
                self._relay.fail(error)

    def _count_vehicle(self, seen: VehiclePass) -> None:
        summary = self.summary
        summary.vehicles += 1
        summary.occupants_seen += seen.occupants_seen
        summary.captured += sum(person.picture is not None for person in seen.occupants)

    def _drain(self, seconds: float) -> None:
        """Go on delivering until nothing waits or the time is over."""
        end = monotonic() + seconds
        while monotonic() < end:
            self._courier.go_round()
            if (
                not self._home.host.outbox.pending(limit=1, without=self.summary.refused)
                or self._arms.disarmed
            ):
                return
            self._stop.wait(0.05)

    def _count(self, seconds: float) -> None:
        counts = self._home.host.outbox.counts()
        self.summary.waiting = counts["queued"] + counts["sent"]
        self.summary.seconds = seconds


def vehicle_line(seen: VehiclePass, sealed: SealedPass, lane: str, direction: Direction) -> dict[str, Any]:
    """Return what a lane prints of a vehicle: the contract's fields, without whatever could tell who it was.

    Plate text, outcome, candidates and gallery are the centre's to tell; a plate that was read is only counted.
    """
    return {
        "encounter": sealed.encounter,
        "lane": lane,
        "direction": direction.value,
        "time": to_text(seen.left),
        "speed_mph": None if seen.speed_mph is None else round(seen.speed_mph, 2),
        "plate": None,
        "plate_read": seen.plate is not None,
        "occupants_seen": seen.occupants_seen,
        "occupants": [_occupant_line(person, sealed) for person in seen.occupants],
        "gallery": None,
        "gallery_size": None,
        "threshold": None,
        "fpir_target": None,
        "model_sha256": None,
        "seconds": {"capture_to_result": None},
    }


def _occupant_line(person: Occupant, sealed: SealedPass) -> dict[str, Any]:
    best = person.best
    return {
        "seat": person.seat.value,
        "quality": None if best is None else best.quality.score,
        "reasons": list(person.reasons),
        "inter_eye_px": None if best is None else round(best.inter_eye_px, 1),
        "record": sealed.names.get(f"face.{person.seat.value}"),
        "outcome": "not_captured" if person.picture is None else None,
        "candidates": [],
        "frame": None if best is None else best.frame,
        "box": None if best is None else [round(float(one), 1) for one in best.box],
    }


class _NoCamera:
    """A capture that sees nothing."""

    def feed(self, frame: Frame) -> list[VehiclePass]:  # noqa: ARG002 - as any capture
        """Return no vehicle."""
        return []

    def finish(self) -> list[VehiclePass]:
        """Return no vehicle."""
        return []


def send_waiting(home: LaneHome, link: CarrierLink, *, within_s: float) -> LaneSummary:
    """Deliver what waits in a lane's outbox, without a camera, and return what became of it.

    Raises `NotArmed` for a disarmed lane, `Unavailable` when neither the centre answers nor a key is here.
    """
    lane = RemoteLane(home, link, _NoCamera(), lambda _: None)
    return lane.run(iter(()), drain_s=within_s)


def read_status(home: LaneHome, link: CarrierLink) -> dict[str, Any]:
    """Return how a lane stands: outbox, keys, certificate, and the centre's figures when it answers. Changes nothing."""
    arms = LaneArms(
        home.host, home.home / "lane", home.settings.retention.default_class, link.fetch_roster, home.clock
    )
    roster, told = home.host.known_roster(), arms.disarmed
    try:
        health, problem = link.read_health(), None
    except WaysealError as error:
        health, problem = None, str(error)
    seen = link.negotiated
    return {
        "lane": home.facts.lane,
        "direction": home.facts.direction.value,
        "outbox": home.host.outbox.counts(),
        "disarmed": None if told is None else {"code": told.code, "until": to_text(told.until)},
        "keys_until": None if roster is None else to_text(roster.valid_until),
        "charter": home.host.charter.version,
        "certificate_until": to_text(home.certificate.not_valid_after_utc),
        "centre": health,
        "problem": problem,
        "tls": None if seen is None else asdict(seen),
    }


def explain_stop(error: NotArmed) -> dict[str, Any]:
    """Return what the lane's screen and its JSON say when it must stop: the reason's code and words."""
    return {
        "disarmed": {
            "code": str(error.facts.get("code", "not-armed")),
            "message": str(error),
            "hint": error.hint,
        }
    }
