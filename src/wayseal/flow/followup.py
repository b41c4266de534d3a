"""After an export: receipts and attestations of deletion, what is overdue, and the sealed files that are no longer needed.

Owns the duties that follow a release. That a recipient has deleted what they were given cannot be seen from here: an attestation
is their word, and its absence an alarm.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from wayseal.export.receipt import Outcome, check_receipt, digest_receipt, read_receipt, verify_receipt
from wayseal.flow.disclose import Disclosure, find_export
from wayseal.flow.policy import Principal
from wayseal.model.clock import to_text
from wayseal.model.disclosure import Export, ExportState
from wayseal.model.errors import Invalid, Refused
from wayseal.store import approvers as people
from wayseal.store import exports as rows
from wayseal.store.engine import read, write

RECEIPT_OVERDUE = "export-receipt-overdue"
DELETION_OVERDUE = "export-deletion-overdue"
_SUFFIXES = (".wsx", ".tar.age", ".sheet.json")


@dataclass(frozen=True, slots=True)
class Duty:
    """Something a recipient owes, and since when it is overdue."""

    export: str
    recipient: str
    alarm: str
    since: datetime


def take_receipt(desk: Disclosure, raw: bytes) -> int:
    """Take a recipient's signed receipt, put it on the ledger, and return the entry's index.

    Raises `Invalid` for another form, `Refused` for another export or one that was not released, `Integrity` for a signature
    that is not the recipient's.
    """
    export, manifest = find_export(desk, read_receipt(raw).export)
    with read(desk.store.engine) as connection:
        recipient = people.get_recipient(connection, manifest.recipient)
    if recipient.receipt_key is None:
        raise Refused(
            "this recipient signs no receipts",
            hint="Note what came on paper: wayseal export receipt ID --on-paper.",
            recipient=recipient.name,
        )
    receipt = verify_receipt(raw, recipient.receipt_key)
    check_receipt(
        receipt, export=export.id, manifest_sha256=export.manifest_sha256, bundle_sha256=export.bundle_sha256 or ""
    )  # fmt: skip
    signed = {"signed": True, "receipt_sha256": digest_receipt(raw)}
    return _note_outcome(desk, export, receipt.outcome, signed)


def note_paper(desk: Disclosure, who: Principal, export_id: str, outcome: Outcome) -> int:
    """Note a receipt or an attestation that came on paper, on the word of `who`; return the entry's index."""
    export, _ = find_export(desk, export_id)
    return _note_outcome(desk, export, outcome, {"signed": False, "actor": who.id, "org": who.organisation})


def _note_outcome(desk: Disclosure, export: Export, outcome: Outcome, said: dict[str, Any]) -> int:
    """Write the `export-receipt` entry and the row. A second word of the same kind is refused."""
    if export.state is not ExportState.RELEASED:
        raise Refused("nothing of that export was given out yet", export=export.id)
    if (export.received_at if outcome == "received" else export.deleted_at) is not None:
        raise Refused(f"that export is known to be {outcome} already", export=export.id)
    now = desk.now()
    entry = {
        "type": "export-receipt", "time": to_text(now), "object": export.id, "recipient": export.recipient,
        "manifest_sha256": export.manifest_sha256, "outcome": outcome, **said,
    }  # fmt: skip
    (index,) = desk.ledger.append([entry])
    with write(desk.store.engine) as connection:
        rows.mark_followed(connection, export.id, outcome, when=now)
    return index


def list_duties(desk: Disclosure) -> list[Duty]:
    """Return what recipients owe and is overdue now: a receipt a day after release, an attestation a day after expiry."""
    now = desk.now()
    with read(desk.store.engine) as connection:
        exports = rows.list_exports(connection)
    return [duty for export in exports for duty in _owed(export, now, desk.rules.receipt_due)]


def _owed(export: Export, now: datetime, grace: timedelta) -> Iterator[Duty]:
    """Yield the overdue duties of one export."""
    if export.released_at is None:
        return
    receipt, deletion = export.released_at + grace, export.expires_at + grace
    if export.received_at is None and export.deleted_at is None and receipt <= now:
        yield Duty(export.id, export.recipient, RECEIPT_OVERDUE, receipt)
    if export.deleted_at is None and deletion <= now:
        yield Duty(export.id, export.recipient, DELETION_OVERDUE, deletion)


def raise_alarms(desk: Disclosure) -> list[Duty]:
    """Put an alarm on the ledger for each overdue duty that has none yet, and return those duties. May be repeated."""
    fresh = []
    for duty in list_duties(desk):
        known = map(desk.ledger.entry, desk.ledger.find(type="alarm", object=duty.export))
        if not any(entry["alarm"] == duty.alarm for entry in known):
            fresh.append(duty)
    entries: list[dict[str, Any]] = []
    for duty in fresh:
        export, _ = find_export(desk, duty.export)
        common = {"time": to_text(desk.now()), "actor": "system:exports", "object": duty.export}
        if duty.alarm == RECEIPT_OVERDUE:
            said = {
                "recipient": duty.recipient,
                "manifest_sha256": export.manifest_sha256,
                "outcome": "overdue",
            }
            entries.append({"type": "export-receipt", **common, **said})
        entries.append({"type": "alarm", **common, "alarm": duty.alarm, "severity": "high"})
    if entries:
        desk.ledger.append(entries)
    return fresh


def purge_files(desk: Disclosure) -> int:
    """Remove the sealed files of exports that were received, declined or have expired; return how many. May be repeated.

    They are sealed to the recipient and nobody here can open them; what is not needed is removed all the same.
    """
    now, removed = desk.now(), 0
    with read(desk.store.engine) as connection:
        exports = rows.list_exports(connection)
    for export in exports:
        if export.received_at is not None or export.deleted_at is not None or export.expires_at <= now:
            for suffix in _SUFFIXES:
                file = desk.folder / f"{export.id}{suffix}"
                if file.exists():
                    file.unlink()
                    removed += 1
    return removed


def read_outcome(text: str) -> Outcome:
    """Return `received` or `deleted`. Raises `Invalid` for anything else."""
    if text == "received":
        return "received"
    if text == "deleted":
        return "deleted"
    raise Invalid("an outcome is received or deleted")
