"""Disclosure: ask for an export. Nothing is opened here.

Owns what exports need of a site, and who may ask for what. The ledger comes first in each step, and is asked again in each
later one: a row that says something else than the ledger is refused. `flow.consent` takes approvals, `flow.handover` releases.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from wayseal.export.approval import (
    RelyingParty,
)
from wayseal.export.manifest import (
    check_records,
    count_kinds,
    decode_manifest,
    digest_manifest,
    encode_manifest,
)
from wayseal.flow.habits import Caps
from wayseal.flow.partners import check_recipient
from wayseal.flow.policy import Policy, Principal
from wayseal.flow.release import Opener
from wayseal.ledger.checkpoint import Signer
from wayseal.ledger.log import Ledger
from wayseal.model.clock import Clock, to_text
from wayseal.model.custody import Purpose, RecordStatus, SealHeader
from wayseal.model.disclosure import Export, Manifest
from wayseal.model.errors import Erased, Integrity, NotFound, Refused
from wayseal.model.ids import RecordId, check_name, check_ulid, new_ulid
from wayseal.seal.device import DeviceSigner
from wayseal.seal.envelope import parse_record
from wayseal.store import approvers as people
from wayseal.store import exports as rows
from wayseal.store.centre import CentreStore, read_record
from wayseal.store.engine import read, write
from wayseal.store.holds import get_hold
from wayseal.store.records import find_known

Mark = Callable[[bytes, RecordId, str], bytes]
"""(encoded picture, its record, mark id) to the picture with the recipient's mark."""
PrincipalOf = Callable[[str, str, str], Principal]
"""(staff id, role, organisation) to a principal whose standing and training are as of now."""


@dataclass(frozen=True, slots=True)
class ExportRules:
    """The site's limits. `caps` are those that the keyroom counts again."""

    caps: Caps
    longest: timedelta
    approver_wait: timedelta
    receipt_due: timedelta
    purposes: frozenset[str]
    legal_bases: frozenset[str]


@dataclass(frozen=True, slots=True)
class Disclosure:
    """What exports need of a site. `folder` keeps sealed deliveries; `publish` signs a checkpoint and gets the witnesses' word.

    `publish` raises `Refused` where a witness policy is set and its quorum does not stand. `is_vendor` says whether an
    organisation may hold no picture at all.
    """

    ledger: Ledger
    store: CentreStore
    clock: Clock
    log_signer: Signer
    find_opener: Callable[[], Opener]
    policy: Policy
    rules: ExportRules
    party: RelyingParty
    signer: DeviceSigner
    folder: Path
    mark: Mark
    publish: Callable[[], str]
    principal: PrincipalOf
    is_vendor: Callable[[str], bool]

    @property
    def opener(self) -> Opener:
        """What opens records: only a release asks for it, so that everything else goes on while the keyroom is away."""
        return self.find_opener()

    def now(self) -> datetime:
        """The time by the site's clock."""
        return self.clock()

    def lock(self, export: str) -> Path:
        """The file by which one export is handled by one process at a time."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return self.folder / f"{check_ulid(export)}.lock"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a requester wants to give away: exactly these records, to whom, why, on what ground, until when."""

    records: Sequence[str]
    recipient: str
    purpose: str
    legal_basis: str
    expires_at: datetime
    hold: str | None = None


def request_export(desk: Disclosure, who: Principal, wanted: Wanted) -> Export:
    """Put a request on the ledger and return the export that approvers can be shown. Nothing is opened.

    Raises `Invalid` for no records, one named twice or more than 1,000; `NotFound` or `Erased` for one that is not there;
    `Refused` for a purpose or ground that the site does not know, a recipient that may have nothing, a record under a hold
    that the request does not name, and whatever the policy forbids.
    """
    now = desk.now()
    records = check_records(wanted.records)
    _check_reasons(desk.rules, wanted, now)
    with read(desk.store.engine) as connection:
        recipient = people.get_recipient(connection, check_name(wanted.recipient, what="recipient"))
    check_recipient(desk.ledger, recipient, vendor=desk.is_vendor(recipient.organisation))
    headers = check_living(desk, records, hold=wanted.hold)
    verify_policy(desk, who, "export", headers, now)
    manifest = Manifest(
        export=new_ulid(now), site=desk.ledger.origin, requester=who.id, organisation=who.organisation,
        created_at=now, expires_at=wanted.expires_at, purpose=wanted.purpose, legal_basis=wanted.legal_basis,
        recipient=recipient.name, recipient_organisation=recipient.organisation, form=recipient.form,
        key_sha256=recipient.key_sha256, records=records, counts=count_kinds(one.kind for one in headers),
        hold=wanted.hold,
    )  # fmt: skip
    return _log_request(desk, manifest, now)


def _check_reasons(rules: ExportRules, wanted: Wanted, now: datetime) -> None:
    """Raise `Refused` for a purpose or legal basis that is not on the site's lists, or an end that is too far."""
    if wanted.purpose not in rules.purposes:
        raise Refused(
            "the site's list of export purposes does not have that one",
            hint="Known: " + ", ".join(sorted(rules.purposes)),
        )
    if wanted.legal_basis not in rules.legal_bases:
        raise Refused(
            "the site's list of legal bases does not have that one",
            hint="Known: " + ", ".join(sorted(rules.legal_bases)),
        )
    if not now < wanted.expires_at <= now + rules.longest:
        raise Refused(
            "an export ends in the future, and not too far",
            hint=f"Name an end within {rules.longest.days} days.",
        )


def check_living(desk: Disclosure, records: Sequence[RecordId], *, hold: str | None) -> list[SealHeader]:
    """Return the records' headers, in order. Raises `NotFound`, `Erased`, or `Refused` for one under a hold not named."""
    with read(desk.store.engine) as connection:
        known = find_known(connection, records)
        held = () if hold is None else get_hold(connection, hold).records
    headers = []
    for record in records:
        row = known.get(record)
        if row is None:
            raise NotFound("no such record", record=record)
        if row.status is RecordStatus.ERASED:
            raise Erased("a record of the export was erased", record=record)
        if row.status is RecordStatus.HELD and record not in held:
            raise Refused(
                "the record is under a legal hold that the export does not name",
                hint="Name the hold: its approvers decided whom the record is kept for.",
                record=record,
            )
        headers.append(parse_record(read_record(desk.store, record)).header)
    return headers


def verify_policy(
    desk: Disclosure, who: Principal, action: str, headers: Iterable[SealHeader], now: datetime
) -> None:
    """Raise `Refused`, naming the rule, unless the policy allows the action on every record."""
    for header in headers:
        desk.policy.verify(who, action, header, Purpose.EXPORT, now)


def _log_request(desk: Disclosure, manifest: Manifest, now: datetime) -> Export:
    """Write the `export-request` entry and the row."""
    raw = encode_manifest(manifest)
    entry = {
        "type": "export-request", "time": to_text(now), "object": manifest.export, "actor": manifest.requester,
        "org": manifest.organisation, "manifest_sha256": digest_manifest(raw), "purpose": manifest.purpose,
        "legal_basis": manifest.legal_basis, "recipient": manifest.recipient, "records": list(manifest.records),
        "count": len(manifest.records), "expires": to_text(manifest.expires_at),
    }  # fmt: skip
    (index,) = desk.ledger.append([entry])
    export = Export(
        id=manifest.export, manifest=raw, manifest_sha256=digest_manifest(raw), recipient=manifest.recipient,
        requester=manifest.requester, records=len(manifest.records), requested_at=now,
        expires_at=manifest.expires_at, request_index=index,
    )  # fmt: skip
    with write(desk.store.engine) as connection:
        rows.add_export(connection, export)
    return export


def find_export(desk: Disclosure, export_id: str) -> tuple[Export, Manifest]:
    """Return an export and its manifest. Raises `NotFound`, or `Integrity` when the row is not what the ledger says."""
    with read(desk.store.engine) as connection:
        export = rows.get_export(connection, check_ulid(export_id))
    entry = desk.ledger.entry(export.request_index)
    manifest = decode_manifest(export.manifest)
    named = (entry.get("object"), entry.get("manifest_sha256"), entry.get("actor"))
    if named != (export.id, digest_manifest(export.manifest), manifest.requester):
        raise Integrity("the export's manifest is not the one on the ledger", export=export.id)
    return export, manifest
