"""Log before decrypt: the only room that opens sealed records.

Two halves. `Opener` (matcher, portal, commands) writes the intent on the ledger, proves that it is there, and decrypts.
`Gate` (the keyroom) holds the private halves and unwraps a data key only when all of its eight numbered checks pass. The
gate trusts nothing that the opener says; whoever calls it authenticates the principal.

The gate must never see a body, and the opener must never see an epoch key.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from wayseal.flow.admit import Admission
from wayseal.flow.grant import approval_entry
from wayseal.flow.meter import PICTURES, pool_of
from wayseal.flow.papers import gather_grants, gather_hold, gather_petition, gather_words
from wayseal.flow.petition import seal_entry
from wayseal.flow.policy import Principal
from wayseal.flow.request import Caller, KeySource, Learned, Paper, Proven, UnwrapBatch, UnwrapRequest
from wayseal.flow.spent import StaleProof
from wayseal.ledger.checkpoint import Signer, read_checkpoint
from wayseal.ledger.log import Ledger
from wayseal.model.clock import Clock, to_text
from wayseal.model.custody import Kind, Purpose, Release, SealedRecord
from wayseal.model.errors import Refused, SealBroken, Unapproved, Unavailable, Unwitnessed, WaysealError
from wayseal.model.ids import EpochId, RecordId, epoch_span, new_ulid, within_epoch
from wayseal.seal.device import DeviceSigner
from wayseal.seal.envelope import parse_record
from wayseal.seal.keys import EpochVault
from wayseal.seal.open import open_body, rewrap_record, unwrap_data_key
from wayseal.store import releases as release_rows
from wayseal.store.centre import CentreStore, move_record, read_record
from wayseal.store.engine import read, write

RETRIES = 50
Answer = TypeVar("Answer")


class Gate:
    """The keyroom's rule. `find_device` gives the raw public key of a SHA-256 (hex), or None; `admission` makes the checks.

    `signer` is the keyroom's identity, which signs re-wraps. `caller` is the client that asks where no other is named.
    """

    def __init__(
        self,
        *,
        vault: EpochVault,
        find_device: Callable[[str], bytes | None],
        keyrooms: Sequence[bytes],
        admission: Admission,
        clock: Clock,
        signer: DeviceSigner,
        caller: Caller,
    ) -> None:
        self._signer = signer
        self._vault = vault
        self._find_device = find_device
        self._keyrooms = tuple(keyrooms)
        self._admission = admission
        self._caller = caller
        self._clock = clock

    def seen_size(self) -> int:
        """Return the size of the newest checkpoint accepted here."""
        return self._admission.seen_size()

    def learn(self, news: UnwrapBatch) -> Learned:
        """Read the ledger up to a signed checkpoint; see `KeySource.learn`."""
        return self._admission.learn(news)

    def settle(self, about: str, petition_id: str, news: UnwrapBatch) -> int:
        """Carry out a petition that two people have signed, on the ledger under the keyroom's seal; see `KeySource.settle`."""
        entry = self._admission.settle(about, petition_id, news)
        return self._admission.tell(seal_entry(entry, self._signer))

    def verify_end(self, epoch: EpochId) -> None:
        """Raise `Refused` for the epoch of a hold that is in force: its key dies when the hold ends, or two people have signed its lift."""
        if self._admission.is_held(epoch):
            raise Refused(
                "a hold keeps this epoch",
                hint="wayseal retention lift HOLD, and two people sign.",
                epoch=epoch,
            )

    def draw(self, principal: Principal, kinds: Sequence[Kind], *, caller: Caller | None = None) -> None:
        """Draw on somebody's allowance for pictures kept elsewhere; see `KeySource.draw`."""
        self._admission.draw(caller or self._caller, principal, kinds)

    def unwrap(
        self, principal: Principal, batch: UnwrapBatch, *, caller: Caller | None = None
    ) -> list[bytearray]:
        """Return one data key for each request, or raise and return none.

        The checks: (1) the checkpoint is signed by the log; (2) it continues the last one accepted here, and every entry up to it
        was read: nobody suspended, and no other rules than the ledger's; (3) each intent is in it; (4) each intent is for this
        record, this principal, and is of a type that opens; (5) it is fresh; (6) it was never used; (7) policy allows it as
        things stand (grant, lane, hour, number, witnesses, approvals), the allowances suffice and none is a canary; (8) the record
        is as its device sealed it. The client must have authenticated `principal`, and must zero the keys.
        """
        self._admission.admit(caller or self._caller, principal, "open", batch)
        return [self._unwrap_one(request) for request in batch.requests]  # 8

    def rewrap(
        self,
        principal: Principal,
        batch: UnwrapBatch,
        *,
        to_epoch: EpochId,
        reason: str,
        caller: Caller | None = None,
    ) -> list[SealedRecord]:
        """Return each record with one more wrap, by which `to_epoch` opens it too. The same eight checks, action `rewrap`.

        The intents are `reclass` entries that name this very epoch and reason, and the epoch is of the present hour: nobody
        lengthens a life by naming a later one. No data key leaves the gate.
        """
        self._verify_hour(to_epoch)
        keeping = {"to_epoch": to_epoch, "reason": reason}
        self._admission.admit(caller or self._caller, principal, "rewrap", batch, keeping)
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


@dataclass(frozen=True, slots=True)
class Opener:
    """Whoever opens records: writes intents, proves them to the gate, decrypts in memory, and logs that it did.

    `publish` gives a checkpoint over all entries with the witnesses' cosignatures, or raises; None where there are none.
    """

    ledger: Ledger
    store: CentreStore
    keys: KeySource
    log_signer: Signer
    life: timedelta
    clock: Clock
    publish: Callable[[], str] | None = None

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

    def open(
        self, principal: Principal, releases: Sequence[Release], papers: Sequence[Paper] = ()
    ) -> list[bytes]:
        """Return the plaintext body of each release's record, in memory only. Each release opens once.

        `papers` are an export's manifest and what people signed for it; what was signed for the releases themselves is found
        in the store. Where the rules want the witnesses first, their cosignatures are fetched. Raises `NoIntent`, `Unapproved` or another
        `Refused`, `Erased`, `SealBroken` or `LedgerBroken`; then nothing was opened.
        """
        return self._open(principal, releases, (*papers, *gather_words(self.ledger, self.store, releases)))

    def _open(
        self, principal: Principal, releases: Sequence[Release], papers: Sequence[Paper]
    ) -> list[bytes]:
        """Open with exactly these papers."""
        if not releases:
            return []
        records = [parse_record(read_record(self.store, release.record)) for release in releases]
        if any(pool_of(record.header.kind) == PICTURES for record in records):
            papers = (*papers, *gather_grants(self.ledger, self.store, principal.id, self.clock()))
        try:
            keys = self._try(records, releases, lambda batch: self.keys.unwrap(principal, batch), papers)
        except Unapproved as error:
            error.facts["release"] = " ".join(release.id for release in releases)
            raise
        try:
            bodies = [open_body(record, key) for record, key in zip(records, keys, strict=True)]
        finally:
            for key in keys:
                key[:] = bytes(len(key))
        self._log_done(principal, releases)
        return bodies

    def read_now(self, principal: Principal, records: Sequence[RecordId], purpose: Purpose) -> list[bytes]:
        """Request and open at once: what a matcher or a list does. Each record still has an intent of its own."""
        return self._open(principal, self.request(principal, records, purpose), ())

    def approve(self, principal: Principal, release: Release, proof: Mapping[str, Any] | None = None) -> int:
        """Write that `principal` approves another person's release, tell the gate, and return the ledger index.

        `proof` are the entry's fields about what they signed (`flow.countersign`), where they did.

        Whether the approval counts is the gate's to say when the release is opened. Raises `Refused` for one's own release.
        """
        if principal.id == release.principal:
            raise Refused(
                "nobody approves a release of their own",
                hint="Ask a colleague of another role.",
                release=release.id,
            )
        entry = approval_entry(principal, release.id, release.ledger_index, self.clock())
        (index,) = self.ledger.append([entry | dict(proof or {})])
        self.teach()
        return index

    def teach(self, *, witnessed: bool = False) -> Learned:
        """Let the gate read the ledger to its end, at once: for whatever must hold from now on, such as a suspension.

        `witnessed`: under a checkpoint that the witnesses have cosigned. Raises `Refused` when they have not, or are none.
        """
        return self._ask([], [], self.keys.learn, witnessed=witnessed)

    def settle(self, about: str, petition_id: str) -> int:
        """Let the keyroom carry out a petition with what people signed for it, and return the index of its entry. The gate has read it then."""
        papers = tuple(gather_petition(self.ledger, self.store, about, petition_id))

        def ask(news: UnwrapBatch) -> int:
            return self.keys.settle(about, petition_id, replace(news, papers=papers))

        index = self._ask([], [], ask, witnessed=self.publish is not None)
        self.teach()
        return index

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
            "org": principal.organisation, "from_class": epoch_span(record.epoch)[0], "to_class": epoch_span(to_epoch)[0],
            "to_epoch": to_epoch, "release": releases[0].id,
        }  # fmt: skip
        (index,) = self.ledger.append([entry])
        kept_release = replace(releases[0], ledger_index=index)
        try:
            (kept,) = self._try(
                [record],
                [kept_release],
                lambda batch: self.keys.rewrap(principal, batch, to_epoch=to_epoch, reason=reason),
                gather_hold(self.ledger, self.store, to_epoch),
            )
        except WaysealError:
            now = self.clock()
            self.ledger.append(
                [_done_entry(principal, one, "refused", now) for one in (releases[0], kept_release)]
            )
            raise
        move_record(self.store, kept, to_epoch)
        self._log_done(principal, releases)
        return kept

    def _try(
        self,
        records: Sequence[SealedRecord],
        releases: Sequence[Release],
        ask: Callable[[UnwrapBatch], Answer],
        papers: Sequence[Paper] = (),
    ) -> Answer:
        """Return the gate's answer, with the witnesses' cosignatures where the gate wants them first."""

        def ask_with(batch: UnwrapBatch) -> Answer:
            return ask(replace(batch, papers=tuple(papers)))

        try:
            return self._ask(records, releases, ask_with)
        except Unwitnessed:
            if self.publish is None:
                raise
        return self._ask(records, releases, ask_with, witnessed=True)

    def _ask(
        self,
        records: Sequence[SealedRecord],
        releases: Sequence[Release],
        ask: Callable[[UnwrapBatch], Answer],
        *,
        witnessed: bool = False,
    ) -> Answer:
        """Return the gate's answer; prove again when another opener moved the gate's checkpoint on meanwhile."""
        for _ in range(RETRIES):
            try:
                return ask(self._prove(records, releases, witnessed=witnessed))
            except StaleProof:
                continue
        raise Unavailable("the keyroom is busy with other openers", hint="Try again.")

    def _prove(
        self, records: Sequence[SealedRecord], releases: Sequence[Release], *, witnessed: bool = False
    ) -> UnwrapBatch:
        """Return the request to the gate: a checkpoint over the newest entry, and every proof under it."""
        since = self.keys.seen_size()  # before signing: whatever the gate has seen is on the ledger by now
        note = self._fetch_cosigned() if witnessed else self.ledger.sign_checkpoint(self.log_signer)
        size = read_checkpoint(note).size
        requests = tuple(
            UnwrapRequest(record, self._prove_entry(release.ledger_index, size))
            for record, release in zip(records, releases, strict=True)
        )
        return UnwrapBatch(note, since, tuple(self.ledger.consistency(min(since, size), size)), requests)

    def _fetch_cosigned(self) -> str:
        """Return a checkpoint that the witnesses have cosigned. Raises `Refused` where the quorum does not stand."""
        if self.publish is None:
            raise Refused(
                "this site has no witnesses", hint="Write the trust policy: docs/howto/verify-the-ledger.md."
            )
        return self.publish()

    def _prove_entry(self, index: int, size: int) -> Proven:
        """Return an entry's bytes with the proof that they are in the tree of `size` entries."""
        return Proven(self.ledger.raw(index), index, tuple(self.ledger.inclusion(index, size)))

    def _log_done(self, principal: Principal, releases: Sequence[Release]) -> None:
        """Write that the records were opened, and use the releases up."""
        now = self.clock()
        indices = self.ledger.append([_done_entry(principal, release, "opened", now) for release in releases])
        with write(self.store.engine) as connection:
            for release, index in zip(releases, indices, strict=True):
                release_rows.mark_opened(connection, release.id, when=now, ledger_index=index)


def _done_entry(principal: Principal, release: Release, outcome: str, now: datetime) -> dict[str, object]:
    """Return the ledger entry for what came of an intent."""
    return {
        "type": "open-done", "time": to_text(now), "object": release.record, "actor": principal.id,
        "org": principal.organisation, "purpose": release.purpose.value, "release": release.id,
        "intent": release.ledger_index, "outcome": outcome,
    }  # fmt: skip
