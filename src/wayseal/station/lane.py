"""The lane: it sees, seals and sends. It holds a signing key and public epoch keys, and nothing that opens.

Owns `HOME/lanes/<id>`. What it keeps of a vehicle is sealed before anything is written; what the centre has not receipted
waits in the outbox. It may not import any room that opens records or knows travellers (import contract).
"""

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wayseal.flow.canary import Decoys
from wayseal.flow.encounter import EpochKeys, Mark, SealedPass, receipt_bytes, seal_pass
from wayseal.model.border import Direction, Frame, VehiclePass
from wayseal.model.clock import Clock
from wayseal.model.custody import EpochKey, Receipt, SealedRecord
from wayseal.model.errors import Erased, Integrity, NotArmed, Refused, Unavailable
from wayseal.model.ids import EncounterId, EpochId, check_name, epoch_id
from wayseal.seal.device import SealChain
from wayseal.seal.envelope import NO_PREVIOUS, parse_record
from wayseal.seal.keys import Charter, FileKeeper, KeyKeeper, Roster, SigningIdentity
from wayseal.seal.keys.ceremony import look_at
from wayseal.seal.keys.charter import follow_charters, read_next_charter, read_roster
from wayseal.seal.keys.durable import write_file
from wayseal.seal.keys.roster import peek_version
from wayseal.store.outbox import Outbox, QueuedRecord

CHARTER = ".charter"
ROSTER = "roster.json"
Deliver = Callable[[EncounterId, Sequence[SealedRecord]], Sequence[Receipt]]
"""Carries one vehicle's sealed records to the centre and brings the receipts back. Raises `Unavailable` when it cannot."""


class Capture(Protocol):
    """What turns frames into vehicles (`vision.capture.LaneCapture`)."""

    def feed(self, frame: Frame) -> list[VehiclePass]:
        """Take one frame and return the vehicles that are over."""

    def finish(self) -> list[VehiclePass]:
        """Return the vehicles that were still in view when the stream ended."""


@dataclass(frozen=True, slots=True)
class LaneTrust:
    """Whom a lane believes: a site's first charter, by the fingerprint that people compared, and the centre that signs receipts.

    `charters` are the charters known at enrolment, oldest first; the lane fetches those that come later. `centre` is a raw
    Ed25519 key.
    """

    charters: tuple[bytes, ...]
    fingerprint: str
    centre: bytes


class LaneHost:
    """A lane computer's folder: its signing key under its own keeper, the charter and roster that it believes, its outbox."""

    def __init__(self, lane: str, folder: Path, *, keeper: KeyKeeper, trust: LaneTrust, clock: Clock) -> None:
        self.lane = lane
        self._folder = folder
        self._trust = trust
        self._clock = clock
        self.keeper = keeper
        self.identity = SigningIdentity.load_or_create(lane, keeper, folder / "identity")
        self.charter = self._load_charter()
        self.outbox = Outbox(folder, clock=clock, verify_receipt=self._verify_receipt)
        self.chain = SealChain(self.identity, lane, previous=self.outbox.head() or NO_PREVIOUS)

    @classmethod
    def open(cls, lane: str, folder: Path, passphrase: bytes, trust: LaneTrust, clock: Clock) -> "LaneHost":
        """Open a lane's folder, making it and its signing key when there is none.

        Raises `KeeperLocked`, or `Integrity` for a charter that is not this site's or was rolled back.
        """
        check_name(lane, what="lane id")
        keys = folder / "keys"
        keeper = (
            FileKeeper.open(keys, passphrase)
            if (keys / "keeper.json").exists()
            else FileKeeper.create(keys, passphrase)
        )
        return cls(lane, folder, keeper=keeper, trust=trust, clock=clock)

    def close(self) -> None:
        """Close the outbox."""
        self.outbox.close()

    def accept_charters(self, charters: Sequence[bytes]) -> Charter:
        """Take the site's next charters, oldest first, and return the one in force.

        Raises `Integrity` for one that is not signed by enough officials of the one before it and of its own, that is older
        than the one here, or of another site; then the one here stays in force.
        """
        for data in charters:
            charter = read_next_charter(data, current=self.charter)
            if charter != self.charter:
                write_file(self._folder / f"{charter.version}{CHARTER}", data)
                self.charter = charter
        return self.charter

    def accept_roster(self, data: bytes) -> Roster:
        """Take a roster that a keyroom of the charter signed and that is not older than the one here.

        Raises `Integrity`, or `NotArmed` when the charter is not valid now.
        """
        file = self._folder / ROSTER
        known = peek_version(file.read_bytes()) if file.exists() else 0
        roster = read_roster(data, charter=self.charter, now=self._clock(), newer_than=known)
        write_file(file, data)
        return roster

    def known_roster(self) -> Roster | None:
        """Return the roster that was accepted last, or None when there is none that the charter of today stands for."""
        try:
            return read_roster((self._folder / ROSTER).read_bytes(), charter=self.charter, now=self._clock())
        except (FileNotFoundError, Integrity, NotArmed):
            return None

    def _load_charter(self) -> Charter:
        """Return the charter in force, followed from the first one through those fetched later. Raises `Integrity`."""
        charter = follow_charters(self._trust.charters, fingerprint=self._trust.fingerprint)
        kept = [(look_at(path.read_bytes()).version, path) for path in self._folder.glob("*" + CHARTER)]
        for version, path in sorted(kept):
            if version > charter.version:
                charter = read_next_charter(path.read_bytes(), current=charter)
        return charter

    def _verify_receipt(self, receipt: Receipt) -> None:
        """Raise `Refused` unless the centre signed the receipt."""
        message = receipt_bytes(receipt.object_id, receipt.sha256, receipt.ledger_index)
        try:
            Ed25519PublicKey.from_public_bytes(self._trust.centre).verify(receipt.signature, message)
        except InvalidSignature:
            raise Refused("a receipt that the centre did not sign", record=receipt.object_id) from None


class RosterKeys:
    """The public keys of the current hour, out of the newest roster; asks for another roster each hour.

    It asks anew although an older roster reaches further, so that a lane that may not have the next hour's key stops with
    the hour. When the centre does not answer, the lane goes on with the keys it has.
    """

    def __init__(self, host: LaneHost, record_class: str, fetch: Callable[[], bytes], clock: Clock) -> None:
        self._host = host
        self._class = record_class
        self._fetch = fetch
        self._clock = clock
        self._roster: Roster | None = None
        self._asked: EpochId | None = None

    def current(self) -> Sequence[EpochKey]:
        """Return the keys to seal to now. Raises `NotArmed`, with the centre's reason, when there is none: the lane must stop."""
        hour = epoch_id(self._class, self._clock())
        if hour != self._asked:
            self._ask()
            self._asked = hour
        now = self._clock()  # read anew: a fresh roster begins after we asked, and the hour may have turned
        if epoch_id(self._class, now) != hour:
            return self.current()
        if self._roster is None:
            raise NotArmed("the lane has no roster", lane=self._host.lane)
        return self._roster.keys_for(self._class, now)

    def _ask(self) -> None:
        """Take a fresh roster. Without an answer, keep the old one; with a refusal, keep none."""
        try:
            fresh = self._host.accept_roster(self._fetch())
        except NotArmed:
            self._roster = None
            raise
        except Unavailable:
            if self._roster is None:
                raise
            return
        if fresh.devices.get(self._host.lane) != self._host.identity.public:
            self._roster = None
            raise NotArmed("the roster does not list this lane's device", lane=self._host.lane)
        self._roster = fresh


class LaneStation:
    """One lane at work: frames in, sealed and receipted vehicles out."""

    def __init__(
        self,
        host: LaneHost,
        capture: Capture,
        *,
        direction: Direction,
        keys: EpochKeys,
        deliver: Deliver,
        clock: Clock,
        decoys: Decoys | None = None,
        mark: Mark = lambda data, _: data,
    ) -> None:
        self._decoys = decoys
        self._mark = mark
        self._host = host
        self._capture = capture
        self._direction = direction
        self._keys = keys
        self._deliver = deliver
        self._clock = clock
        self._sending = threading.Lock()
        self._hour: EpochId | None = None
        self.too_late: set[EncounterId] = set()
        """Vehicles whose hour was erased before `send_pending` could deliver them."""
        keys.current()  # not armed: stop before the first frame, not after the first vehicle

    def run(self, frames: Iterator[Frame]) -> Iterator[VehiclePass]:
        """Yield each vehicle as it leaves, in memory. The caller hands it to `keep`, possibly on another thread.

        Raises `NotArmed` with the first frame of an hour for which the lane gets no key.
        """
        for frame in frames:
            self._keys.current()
            vehicles = self._capture.feed(frame)
            yield from vehicles
            yield from self._lay_canary(vehicles, frame.time)
        yield from self._capture.finish()

    def _lay_canary(self, vehicles: Sequence[VehiclePass], now: datetime) -> Iterator[VehiclePass]:
        """Yield, now and then, a vehicle that never was."""
        if self._decoys is None:
            return
        for seen in vehicles:
            self._decoys.note(seen)
        decoy = self._decoys.take_due(now)
        if decoy is not None:
            yield decoy

    def keep(self, seen: VehiclePass) -> SealedPass:
        """Seal a vehicle and put it in the outbox. When it returns it survives a power cut; nothing of it is in the clear."""
        sealed = seal_pass(
            seen,
            lane=self._host.lane,
            direction=self._direction,
            chain=self._host.chain,
            keys=self._keys,
            clock=self._clock,
            mark=self._mark,
        )
        self._host.outbox.put(sealed.records, sealed.encounter)
        return sealed

    def send_pending(self) -> list[EncounterId]:
        """Deliver what waits in the outbox, oldest vehicle first, and return the vehicles that the centre receipted.

        A vehicle whose hour was erased meanwhile is left out (`too_late`): its bytes, or its keys, are gone. Raises `Unavailable`
        when the centre does not answer; what was not receipted stays.
        """
        done: list[EncounterId] = []
        while True:
            try:
                encounter = self.send_next(without=self.too_late)
            except Erased as error:
                self.too_late.add(EncounterId(str(error.facts["encounter"])))
                continue
            if encounter is None:
                break
            done.append(encounter)
        self.tidy()
        return done

    def send_next(self, *, without: Collection[EncounterId] = ()) -> EncounterId | None:
        """Deliver the oldest vehicle that waits, but for these, and return it once it is receipted; None when none waits.

        Raises `Erased`, naming the `encounter`, when its hour was erased here or at the centre.
        """
        with self._sending:
            waiting = self._host.outbox.pending(limit=64, without=without)
            if not waiting:
                return None
            encounter = waiting[0].encounter
            if encounter is None:
                raise Integrity(
                    "a record without an encounter waits in the outbox", record=waiting[0].object_id
                )
            try:
                self._send_one(encounter, [one for one in waiting if one.encounter == encounter])
            except Erased as error:
                error.facts["encounter"] = encounter
                raise
            return encounter

    def tidy(self) -> None:
        """Let receipted bytes of earlier hours go, once an hour: the lane keeps nothing that the centre holds."""
        try:
            hour = self._keys.current()[0].epoch
        except (NotArmed, Unavailable):
            return
        if hour != self._hour:
            self._host.outbox.sweep(current=[hour])
            self._hour = hour

    def _send_one(self, encounter: EncounterId, waiting: Sequence[QueuedRecord]) -> None:
        """Deliver one vehicle's records and release them on their receipts."""
        outbox = self._host.outbox
        records = [parse_record(outbox.read_waiting(one)) for one in waiting]
        outbox.mark_sent(*(one.object_id for one in waiting))
        outbox.release(*self._deliver(encounter, records))
