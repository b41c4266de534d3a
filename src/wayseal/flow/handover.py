"""Hand over: release what was approved, sealed to its recipient, exactly once.

The order is the promise: every approval verified again; an intent for each record; the witnesses' word on both; the records
opened, marked and sealed in memory; the sealed file durable; `export-release` with its digest on the ledger; only then is the
file given out. A process may die at any boundary. Before that entry nothing was given out, and the next call begins anew;
after it the next call gives out the same bytes, and no other file is ever made.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wayseal.export.approval import decode_approval
from wayseal.export.bundle import Item, digest_bundle
from wayseal.export.delivery import Delivery, seal_delivery
from wayseal.export.evidence import ApproverFact, EntryProof, Evidence, encode_evidence
from wayseal.export.markcode import NEWEST
from wayseal.flow.consent import check_open, verify_consent
from wayseal.flow.disclose import Disclosure, check_living, find_export, verify_policy
from wayseal.flow.papers import gather_consent
from wayseal.flow.partners import check_approver, check_recipient
from wayseal.flow.policy import Principal
from wayseal.flow.request import Paper
from wayseal.flow.sitedocs import unpack_document
from wayseal.ledger.checkpoint import read_checkpoint
from wayseal.model.clock import from_text, to_text
from wayseal.model.custody import Kind, Purpose, SealHeader
from wayseal.model.disclosure import BundleForm, Export, GivenApproval, Manifest, Recipient
from wayseal.model.errors import Integrity, NotFound, Refused, Unavailable
from wayseal.model.ids import RecordId, new_ulid
from wayseal.seal.keys.durable import write_file
from wayseal.seal.suite import wrap_key
from wayseal.store import approvers as people
from wayseal.store import exports as rows
from wayseal.store.engine import read, write
from wayseal.store.locks import own_lock

EXPORTER = "exporter"
"""The role under which records of an export are opened, by whoever releases it."""
_ENDINGS = {BundleForm.WAYSEAL: ".wsx", BundleForm.AGE: ".tar.age"}
SHEET = ".sheet.json"


@dataclass(frozen=True, slots=True)
class Handover:
    """A released export: the sealed file to give out and, for age, the sheet that goes with it."""

    export: Export
    file: Path
    sheet: Path | None


def release_export(desk: Disclosure, who: Principal, export_id: str) -> Handover:
    """Release an approved export and return the sealed file; for one that was released, return the same file again.

    `who` must be permitted to ask for it, and in good standing to have it again. Raises `Refused` when an approval is missing
    or counts no more, when the recipient's key is not the one that was approved, or when the request has run out; `Erased`
    when a record died meanwhile;
    `Unavailable` while another process is at it. Then nothing was given out.
    """
    if who.suspended or not who.training_valid:
        raise Refused("somebody without access releases nothing", actor=who.id)
    with own_lock(desk.lock(export_id)) as mine:
        if not mine:
            raise Unavailable("the export is being released by somebody else", export=export_id)
        export, manifest = find_export(desk, export_id)
        recipient, recipient_entry = _find_recipient(desk, manifest)
        done = _finish_release(desk, export, manifest)
        if done is not None:
            return done
        # One release at a time: a day's cap counts what has left.
        with own_lock(desk.folder / "release.lock", wait=True):
            return _release_now(desk, who, (export, manifest), (recipient, recipient_entry))


def _release_now(
    desk: Disclosure, who: Principal, what: tuple[Export, Manifest], to: tuple[Recipient, int]
) -> Handover:
    """Do it: verify, open, mark, seal, give out."""
    export, manifest = what
    recipient, recipient_entry = to
    now = desk.now()
    check_open(desk, export, now)
    headers = check_living(desk, manifest.records, hold=manifest.hold)
    verify_policy(desk, who, "export", headers, now)
    given = verify_consent(desk, export, manifest, headers, now)
    mark = new_ulid(now)
    paper = gather_consent(desk.store, export, given)
    items, note = _open_items(desk, who, headers, mark, paper)
    evidence = _gather_evidence(desk, export, given, (mark, note, recipient_entry))
    delivery = seal_delivery(
        export.manifest, encode_evidence(evidence), items, key=recipient.key, wrap=wrap_key, signer=desk.signer
    )  # fmt: skip
    return _give_out(desk, (export, manifest), given, delivery, mark=mark, actor=who)


def _finish_release(desk: Disclosure, export: Export, manifest: Manifest) -> Handover | None:
    """Return what was released already, its row brought up to what the ledger says; None when nothing was."""
    found = desk.ledger.find(type="export-release", object=export.id)
    if not found:
        return None
    entry = desk.ledger.entry(found[0])
    released = {
        "mark": entry["mark"], "bundle_sha256": entry["bundle_sha256"], "released_at": from_text(entry["time"]),
        "release_index": found[0],
    }  # fmt: skip
    with write(desk.store.engine) as connection:
        rows.mark_released(connection, export.id, released)
        fresh = rows.get_export(connection, export.id)
    return _find_file(desk, fresh, manifest.form)


def _find_file(desk: Disclosure, export: Export, form: BundleForm) -> Handover:
    """Return a released export's file. Raises `NotFound` when it was removed, `Integrity` when it is another."""
    file = desk.folder / f"{export.id}{_ENDINGS[form]}"
    try:
        data = file.read_bytes()
    except FileNotFoundError:
        raise NotFound(
            "the sealed file was removed after it was received, or when its time was over",
            hint="Ask the recipient, or make a new request.",
            export=export.id,
        ) from None
    if digest_bundle(data) != export.bundle_sha256:
        raise Integrity("the sealed file is not the one on the ledger", export=export.id)
    sheet = desk.folder / f"{export.id}{SHEET}"
    return Handover(export, file, sheet if form is BundleForm.AGE else None)


def _find_recipient(desk: Disclosure, manifest: Manifest) -> tuple[Recipient, int]:
    """Return the recipient and their ledger entry. Raises `Refused` when their key is not the approved one."""
    with read(desk.store.engine) as connection:
        recipient = people.get_recipient(connection, manifest.recipient)
    index = check_recipient(desk.ledger, recipient, vendor=desk.is_vendor(recipient.organisation))
    approved = (manifest.key_sha256, manifest.recipient_organisation, manifest.form)
    if (recipient.key_sha256, recipient.organisation, recipient.form) != approved:
        raise Refused(
            "the recipient's key was changed after the request",
            hint="Ask again, so that approvers see the new key: wayseal export create.",
            export=manifest.export,
        )
    return recipient, index


def _open_items(
    desk: Disclosure, who: Principal, headers: Sequence[SealHeader], mark: str, paper: Paper
) -> tuple[list[Item], str]:
    """Return the marked items and the checkpoint, witnessed where a policy says so, that covers approvals and intents."""
    exporter = Principal(who.id, EXPORTER, who.organisation, who.suspended, who.training_valid)
    ids = [header.object_id for header in headers]
    releases = desk.opener.request(exporter, ids, Purpose.EXPORT)
    note = desk.publish()
    bodies = desk.opener.open(exporter, releases, [paper])
    return [_make_item(desk, header, body, mark) for header, body in zip(headers, bodies, strict=True)], note


def _make_item(desk: Disclosure, header: SealHeader, body: bytes, mark: str) -> Item:
    """Return one opened record as an item: a picture with the recipient's mark, or a document with its name."""
    if header.kind is Kind.DOCUMENT:
        document = unpack_document(body)
        return Item(header.object_id, header.kind.value, document.media_type, document.name, document.data)
    marked = desk.mark(body, RecordId(header.object_id), mark)
    return Item(header.object_id, header.kind.value, _sniff(marked), "", marked)


def _sniff(picture: bytes) -> str:
    """Return a picture's media type by its first bytes."""
    return "image/png" if picture.startswith(b"\x89PNG") else "image/jpeg"


def _gather_evidence(
    desk: Disclosure, export: Export, given: Sequence[GivenApproval], facts: tuple[str, str, int]
) -> Evidence:
    """Return what goes with the manifest, with every ledger entry proven under the checkpoint."""
    mark, note, recipient_entry = facts
    indices = {export.request_index, recipient_entry, *(one.ledger_index for one in given)}
    approvers = []
    with read(desk.store.engine) as connection:
        for one in given:
            approval = decode_approval(one.approval)
            person = people.get_approver(connection, one.approver)
            key = people.find_keys(connection, [approval.key])[approval.key]
            indices.update(check_approver(desk.ledger, person, key, ready_at=one.approved_at))
            approvers.append(
                ApproverFact(
                    person.id, person.organisation, person.role, key.form, key.public, key.credential
                )
            )
    size = read_checkpoint(note).size
    proofs = tuple(
        EntryProof(index, desk.ledger.raw(index), tuple(desk.ledger.inclusion(index, size)))
        for index in sorted(indices)
    )
    return Evidence(
        sender=desk.signer.public, mark=mark, approvals=tuple(one.approval for one in given),
        approvers=tuple(approvers), party=desk.party, entries=proofs, checkpoint=note,
    )  # fmt: skip


def _give_out(
    desk: Disclosure,
    what: tuple[Export, Manifest],
    given: Sequence[GivenApproval],
    delivery: Delivery,
    *,
    mark: str,
    actor: Principal,
) -> Handover:
    """Make the sealed file durable, put its digest on the ledger, and return it."""
    export, manifest = what
    file = desk.folder / f"{export.id}{_ENDINGS[manifest.form]}"
    if delivery.sheet is not None:
        write_file(desk.folder / f"{export.id}{SHEET}", delivery.sheet)
    write_file(file, delivery.data)
    entry = {
        "type": "export-release", "time": to_text(desk.now()), "object": export.id, "actor": actor.id,
        "org": actor.organisation, "manifest_sha256": export.manifest_sha256, "recipient": manifest.recipient,
        "records": list(manifest.records), "count": len(manifest.records), "mark": mark, "recipe": NEWEST.number,
        "bundle_sha256": delivery.sha256, "approvers": sorted(one.approver for one in given),
    }  # fmt: skip
    desk.ledger.append([entry])
    done = _finish_release(desk, export, manifest)
    if done is None:
        raise Integrity("the release is not on the ledger", export=export.id)
    return done
