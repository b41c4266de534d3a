"""Log before decrypt: the only room that opens sealed records.

Two halves. `Opener` (matcher, portal, commands) writes the intent on the ledger, proves that it is there, and decrypts.
`Gate` (the keyroom) holds the private halves and unwraps a data key only when all of its eight numbered checks pass. The
gate trusts nothing that the opener says; whoever calls it authenticates the principal.

The gate must never see a body, and the opener must never see an epoch key.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from wayseal.flow.guard import Guard
from wayseal.flow.policy import Policy, Principal
from wayseal.flow.spent import SpentIntents, StaleProof
from wayseal.ledger.checkpoint import Signer, read_checkpoint, verify_checkpoint
from wayseal.ledger.entry import decode_entry
from wayseal.ledger.log import Ledger
from wayseal.ledger.note import VerifierKey
from wayseal.ledger.proof import hash_leaf, verify_consistency, verify_inclusion
from wayseal.model.clock import Clock, from_text, to_text
from wayseal.model.custody import Purpose, Release, SealedRecord
from wayseal.model.errors import NoIntent, Refused, SealBroken, Unavailable
from wayseal.model.ids import EpochId, RecordId, epoch_span, new_ulid, within_epoch
from wayseal.seal.device import DeviceSigner
from wayseal.seal.envelope import parse_record
from wayseal.seal.keys import EpochVault
from wayseal.seal.open import open_body, rewrap_record, unwrap_data_key
from wayseal.store import releases as release_rows
from wayseal.store.centre import CentreStore, move_record, read_record
from wayseal.store.engine import read, write

SKEW = timedelta(seconds=5)
"""How far an intent's time may lie in the gate's future."""
RETRIES = 50
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Proven:
    """One intent entry as the ledger has it, with its inclusion proof."""

    entry: bytes
    index: int
    path: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class UnwrapRequest:
    """One record whose data key is wanted, and the intent that says why."""

    record: SealedRecord = field(repr=False)
    intent: Proven


@dataclass(frozen=True, slots=True)
class UnwrapBatch:
    """What an opener sends: one signed checkpoint, the proof that it continues the last one the gate saw, and requests."""

    checkpoint: str
    since: int
    consistency: tuple[bytes, ...]
    requests: tuple[UnwrapRequest, ...]


class KeySource(Protocol):
    """Where an opener gets data keys: the gate in this process, or the keyroom behind its socket."""

    def seen_size(self) -> int:
        """Return the size of the newest checkpoint that the gate has accepted."""

    def unwrap(self, principal: Principal, batch: UnwrapBatch) -> list[bytearray]:
        """Return one data key for each request. All or none."""

    def rewrap(
        self, principal: Principal, batch: UnwrapBatch, *, to_epoch: EpochId, reason: str
    ) -> list[SealedRecord]:
        """Return each record wrapped to one more epoch. All or none."""


class Gate:
    """The keyroom's rule. `find_device` gives the raw public key of a SHA-256 (hex), or None; `log` verifies checkpoints.

    `signer` is the keyroom's identity, which signs re-wraps; a gate without one only unwraps. `guard` rations openings and
    knows the canaries.
    """

    def __init__(
        self,
        *,
        vault: EpochVault,
        find_device: Callable[[str], bytes | None],
        keyrooms: Sequence[bytes],
        log: Sequence[VerifierKey],
        policy: Policy,
        spent: SpentIntents,
        life: timedelta,
        clock: Clock,
        signer: DeviceSigner | None = None,
        guard: Guard | None = None,
    ) -> None:
        self._signer = signer
        self._guard = guard
        self._vault = vault
        self._find_device = find_device
        self._keyrooms = tuple(keyrooms)
        self._log = tuple(log)
        self._policy = policy
        self._spent = spent
        self._life = life
        self._clock = clock

    def seen_size(self) -> int:
        """Return the size of the newest checkpoint accepted here."""
        return self._spent.seen().size

    def unwrap(self, principal: Principal, batch: UnwrapBatch) -> list[bytearray]:
        """Return one data key for each request, or raise and return none.

        The checks, in this order: (1) the checkpoint is signed by the log; (2) it continues the last one accepted here;
        (3) each intent is in it; (4) each intent is for this record, this principal, and is of a type that opens; (5) it is
        fresh; (6) it was never used; (7) policy allows it, the allowance suffices and none is a canary; (8) the record is as
        its device sealed it. The caller must have authenticated `principal`, and must zero the keys.
        """
        self._admit(principal, "open", batch)
        return [self._unwrap_one(request) for request in batch.requests]  # 8

    def rewrap(
        self, principal: Principal, batch: UnwrapBatch, *, to_epoch: EpochId, reason: str
    ) -> list[SealedRecord]:
        """Return each record with one more wrap, by which `to_epoch` opens it too. The same eight checks, action `rewrap`.

        The intents are `reclass` entries that name this very epoch and reason, and the epoch is of the present hour: nobody
        lengthens a life by naming a later one. No data key leaves the gate.
        """
        if self._signer is None:
            raise Refused("this gate re-wraps nothing", hint="Ask the keyroom that signs re-wraps.")
        self._verify_hour(to_epoch)
        self._admit(principal, "rewrap", batch, {"to_epoch": to_epoch, "reason": reason})
        to_key = self._vault.create_epoch(to_epoch)
        now = within_epoch(to_epoch, self._clock())
        return [
            rewrap_record(
                request.record, self._vault, to_key, reason=reason, rewrapped_at=now, signer=self._signer,
                device_public=self._device_of(request.record), keyroom_publics=self._keyrooms,
            )
            for request in batch.requests
        ]  # fmt: skip

    def _verify_hour(self, epoch: EpochId) -> None:
        """Raise `Refused` for an epoch that is not of this hour or one beside it: a life is counted from when it was kept."""
        start, now = epoch_span(epoch)[1], self._clock()
        if abs(start - now.replace(minute=0, second=0, microsecond=0)) > timedelta(hours=1):
            raise Refused("a record is kept from now on, not from another hour", epoch=epoch)

    def _admit(
        self, principal: Principal, action: str, batch: UnwrapBatch, keeping: Mapping[str, str] | None = None
    ) -> None:
        """Run the checks 1 to 7 of `unwrap`, and spend the intents when all of them pass.

        `keeping` is what the intents of a re-wrap must say of it.
        """
        now = self._clock()
        checkpoint, _ = verify_checkpoint(batch.checkpoint, self._log)  # 1
        seen = self._spent.seen()
        if batch.since != seen.size:
            raise StaleProof("the gate has seen another checkpoint")
        verify_consistency(seen.size, checkpoint.size, seen.root, checkpoint.root, batch.consistency)  # 2
        for request in batch.requests:
            intent = request.intent
            leaf = hash_leaf(intent.entry)
            verify_inclusion(intent.index, checkpoint.size, leaf, intent.path, checkpoint.root)  # 3
            purpose = _verify_intent(request, principal, (now - self._life, now + SKEW), keeping)  # 4, 5
            self._policy.verify(
                principal, action, request.record.header, purpose, now
            )  # 7, before 6 spends anything
        if self._guard is not None:
            self._guard.admit(principal, [request.record.header for request in batch.requests], now)  # 7
        self._spent.spend([request.intent.index for request in batch.requests], checkpoint, after=seen)  # 6

    def _unwrap_one(self, request: UnwrapRequest) -> bytearray:
        """Return the data key of a record that a known device sealed."""
        return unwrap_data_key(
            request.record,
            self._vault,
            device_public=self._device_of(request.record),
            keyroom_publics=self._keyrooms,
        )

    def _device_of(self, record: SealedRecord) -> bytes:
        """Return the public key of the device that says it sealed a record. Raises `SealBroken` for a stranger."""
        device = self._find_device(record.header.device)
        if device is None:
            raise SealBroken(
                "a record from a device that is not on the roster", record=record.header.object_id
            )
        return device


def _verify_intent(
    request: UnwrapRequest,
    principal: Principal,
    span: tuple[datetime, datetime],
    keeping: Mapping[str, str] | None,
) -> Purpose:
    """Return the purpose of an intent, written within `span`, that permits exactly this. Raises `NoIntent` otherwise."""
    entry = decode_entry(request.intent.entry)
    record = request.record.header.object_id
    if entry["type"] != ("open-intent" if keeping is None else "reclass"):
        raise NoIntent("that ledger entry is not an intent to do this", record=record)
    if entry["object"] != record or entry.get("actor") != principal.id:
        raise NoIntent("the intent is for another record or person", record=record)
    if any(entry.get(name) != value for name, value in (keeping or {}).items()):
        raise NoIntent("the intent keeps the record elsewhere or for another reason", record=record)
    if not span[0] <= from_text(entry["time"]) <= span[1]:
        raise NoIntent("the intent is too old or from the future", hint="Log a new one.", record=record)
    return Purpose.RECLASSIFICATION if keeping is not None else Purpose(entry["purpose"])


@dataclass(frozen=True, slots=True)
class Opener:
    """Whoever opens records: writes intents, proves them to the gate, decrypts in memory, and logs that it did."""

    ledger: Ledger
    store: CentreStore
    keys: KeySource
    log_signer: Signer
    life: timedelta
    clock: Clock

    def request(self, principal: Principal, records: Sequence[RecordId], purpose: Purpose) -> list[Release]:
        """Write one intent for each record, as one group, and return the releases. Nothing is opened yet."""
        now = self.clock()
        ids = [new_ulid(now) for _ in records]
        indices = self.ledger.append(
            [
                {
                    "type": "open-intent", "time": to_text(now), "object": record, "actor": principal.id,
                    "org": principal.organisation, "purpose": purpose.value, "release": release,
                }
                for record, release in zip(records, ids, strict=True)
            ]
        )  # fmt: skip
        releases = [
            Release(
                id=release, record=record, purpose=purpose, principal=principal.id, requested_at=now,
                expires_at=now + self.life, ledger_index=index,
            )
            for release, record, index in zip(ids, records, indices, strict=True)
        ]  # fmt: skip
        with write(self.store.engine) as connection:
            for release in releases:
                release_rows.add_release(connection, release)
        return releases

    def find(self, release_id: str) -> Release:
        """Return a release that was requested earlier. Raises `NotFound`."""
        with read(self.store.engine) as connection:
            return release_rows.get_release(connection, release_id)

    def open(self, principal: Principal, releases: Sequence[Release]) -> list[bytes]:
        """Return the plaintext body of each release's record, in memory only. Each release opens once.

        Raises `NoIntent`, `Refused`, `Erased`, `SealBroken` or `LedgerBroken`; then nothing was opened.
        """
        if not releases:
            return []
        records = [parse_record(read_record(self.store, release.record)) for release in releases]
        keys = self._try(records, releases, lambda batch: self.keys.unwrap(principal, batch))
        try:
            bodies = [open_body(record, key) for record, key in zip(records, keys, strict=True)]
        finally:
            for key in keys:
                key[:] = bytes(len(key))
        self._log_done(principal, releases)
        return bodies

    def read_now(self, principal: Principal, records: Sequence[RecordId], purpose: Purpose) -> list[bytes]:
        """Request and open at once: what a matcher or a list does. Each record still has an intent of its own."""
        return self.open(principal, self.request(principal, records, purpose))

    def keep(
        self, principal: Principal, record_id: RecordId, to_epoch: EpochId, *, reason: str
    ) -> SealedRecord:
        """Re-wrap one record so that it lives as long as `to_epoch`, move it there, and return it. The caller sees no body.

        The intent and the `reclass` entry are on the ledger before the keyroom is asked. Raises as `open`.
        """
        record = parse_record(read_record(self.store, record_id))
        releases = self.request(principal, [record_id], Purpose.RECLASSIFICATION)
        entry = {
            "type": "reclass", "time": to_text(self.clock()), "object": record_id, "actor": principal.id, "reason": reason,
            "from_class": epoch_span(record.epoch)[0], "to_class": epoch_span(to_epoch)[0],
            "to_epoch": to_epoch,
        }  # fmt: skip
        (index,) = self.ledger.append([entry])
        (kept,) = self._try(
            [record],
            [replace(releases[0], ledger_index=index)],
            lambda batch: self.keys.rewrap(principal, batch, to_epoch=to_epoch, reason=reason),
        )
        move_record(self.store, kept, to_epoch)
        self._log_done(principal, releases)
        return kept

    def _try(
        self,
        records: Sequence[SealedRecord],
        releases: Sequence[Release],
        ask: Callable[[UnwrapBatch], list[Answer]],
    ) -> list[Answer]:
        """Return the gate's answer; prove again when another opener moved the gate's checkpoint on meanwhile."""
        for _ in range(RETRIES):
            try:
                return ask(self._prove(records, releases))
            except StaleProof:
                continue
        raise Unavailable("the keyroom is busy with other openers", hint="Try again.")

    def _prove(self, records: Sequence[SealedRecord], releases: Sequence[Release]) -> UnwrapBatch:
        """Return the request to the gate: a checkpoint over the newest entry, and every proof under it."""
        since = self.keys.seen_size()  # before signing: whatever the gate has seen is on the ledger by now
        note = self.ledger.sign_checkpoint(self.log_signer)
        size = read_checkpoint(note).size
        requests = tuple(
            UnwrapRequest(record, self._prove_entry(release.ledger_index, size))
            for record, release in zip(records, releases, strict=True)
        )
        return UnwrapBatch(note, since, tuple(self.ledger.consistency(min(since, size), size)), requests)

    def _prove_entry(self, index: int, size: int) -> Proven:
        """Return an entry's bytes with the proof that they are in the tree of `size` entries."""
        return Proven(self.ledger.raw(index), index, tuple(self.ledger.inclusion(index, size)))

    def _log_done(self, principal: Principal, releases: Sequence[Release]) -> None:
        """Write that the records were opened, and use the releases up."""
        now = self.clock()
        indices = self.ledger.append(
            [
                {
                    "type": "open-done", "time": to_text(now), "object": release.record, "actor": principal.id,
                    "purpose": release.purpose.value, "release": release.id, "intent": release.ledger_index,
                    "outcome": "opened",
                }
                for release in releases
            ]
        )  # fmt: skip
        with write(self.store.engine) as connection:
            for release, index in zip(releases, indices, strict=True):
                release_rows.mark_opened(connection, release.id, when=now, ledger_index=index)
