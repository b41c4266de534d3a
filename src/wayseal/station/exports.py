"""Exports of one site, put together from its parts, and what commands and screens show of them.

Owns no rule: `flow.disclose`, `flow.consent`, `flow.handover` and `flow.followup` judge.
"""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from wayseal.flow.consent import count_needed
from wayseal.flow.disclose import Disclosure, ExportRules, find_export
from wayseal.flow.followup import purge_files, raise_alarms
from wayseal.flow.oversee.desk import view
from wayseal.flow.oversee.standing import is_suspended, standing_of
from wayseal.flow.partners import VENDOR, Partners
from wayseal.flow.policy import Principal
from wayseal.model.clock import to_text
from wayseal.model.disclosure import Export, ExportState, GivenApproval, Manifest
from wayseal.model.errors import NotFound
from wayseal.model.oversight import Tier
from wayseal.station.appointing import appoint_enrolled
from wayseal.station.export_rules import read_caps, read_party
from wayseal.station.settings_export import ExportSettings
from wayseal.station.witnessing import open_publisher
from wayseal.store import approvers as people
from wayseal.store import exports as rows
from wayseal.store.engine import read
from wayseal.store.oversight import vendors as vendor_rows

if TYPE_CHECKING:
    from wayseal.station.site import Site

FOLDER = "exports"


def open_disclosure(site: "Site") -> Disclosure:
    """Return what exports need of a site."""
    settings = site.settings.export
    return Disclosure(
        ledger=site.ledger,
        store=site.store,
        clock=site.clock,
        log_signer=site.keys.log_signer,
        find_opener=lambda: site.opener,
        policy=site.policy,
        rules=read_rules(settings, evaluation=site.facts.evaluation),
        party=read_party(settings),
        signer=site.keys.identity,
        folder=site.home / FOLDER,
        mark=lambda picture, record, mark: site.marker.mark_for_export(picture, mark, record).data,
        publish=open_publisher(site.ledger, site.keys.log_signer) or site.sign_checkpoint,
        principal=lambda staff, role, organisation: _name_approver(site, staff, role, organisation),
        is_vendor=lambda organisation: _is_vendor(site, organisation),
    )


def read_rules(settings: ExportSettings, *, evaluation: bool) -> ExportRules:
    """Return the rules that settings choose. On an evaluation site new approvers do not wait."""
    wait = 0.0 if evaluation else settings.approver_wait_hours
    return ExportRules(
        caps=read_caps(settings),
        longest=timedelta(days=settings.longest_days),
        approver_wait=timedelta(hours=wait),
        receipt_due=timedelta(hours=settings.receipt_hours),
        purposes=frozenset(settings.purposes),
        legal_bases=frozenset(settings.legal_bases),
    )


def _name_approver(site: "Site", staff: str, role: str, organisation: str) -> Principal:
    """Return an approver as policy may take them: of the organisation they were registered for, standing as of now."""
    known = standing_of(site.oversight, staff, role, site.clock())
    with view(site.oversight) as connection:
        registered = vendor_rows.find_person(connection, staff)
        suspended = known.suspended or _is_barred(site, organisation)
    moved = registered is not None and registered.organisation != organisation
    acting = VENDOR if known.role == VENDOR or _is_vendor(site, organisation) else role
    return Principal(staff, acting, organisation, suspended or moved, known.training_valid)


def _is_barred(site: "Site", organisation: str) -> bool:
    """Say whether an organisation that the register knows is suspended, or works under one that is."""
    with view(site.oversight) as connection:
        try:
            return is_suspended(connection, vendor_rows.get_vendor(connection, organisation))
        except NotFound:
            return False


def _is_vendor(site: "Site", organisation: str) -> bool:
    """Say whether the register has an organisation as a prime or a subcontractor."""
    with view(site.oversight) as connection:
        try:
            tier = vendor_rows.get_vendor(connection, organisation).tier
        except NotFound:
            return False
    return tier in (Tier.PRIME, Tier.SUBCONTRACTOR)


def open_partners(site: "Site", name: str, role: str = "privacy_officer") -> Partners:
    """Return where recipients and approvers are registered, by somebody as the register of oversight knows them."""
    return Partners(
        site.ledger, site.store, site.principal(name, role), site.clock(),
        appoint=lambda approver: appoint_enrolled(site, approver),
    )  # fmt: skip


def describe_export(desk: Disclosure, export_id: str) -> dict[str, Any]:
    """Return an export as commands and screens show it: manifest, approvals, what is missing, duties."""
    export, manifest = find_export(desk, export_id)
    with read(desk.store.engine) as connection:
        given = rows.list_approvals(connection, export.id)
    return _export_row(desk, export, manifest, given)


def list_described(desk: Disclosure, *, since: datetime | None = None) -> list[dict[str, Any]]:
    """Return all exports, newest first, as `describe_export` does."""
    with read(desk.store.engine) as connection:
        found = rows.list_exports(connection, since=since)
    return [describe_export(desk, export.id) for export in found]


def _export_row(
    desk: Disclosure, export: Export, manifest: Manifest, given: list[GivenApproval]
) -> dict[str, Any]:
    now = desk.now()
    needed = count_needed(desk, export, now) if export.state is ExportState.REQUESTED else len(given)
    return {
        "export": export.id,
        "manifest_sha256": export.manifest_sha256,
        "state": name_state(export, now, desk.rules.caps.life),
        "recipient": manifest.recipient,
        "recipient_organisation": manifest.recipient_organisation,
        "form": manifest.form.value,
        "purpose": manifest.purpose,
        "legal_basis": manifest.legal_basis,
        "requester": manifest.requester,
        "records": len(manifest.records),
        "counts": manifest.counts,
        "requested_at": to_text(export.requested_at),
        "expires_at": to_text(export.expires_at),
        "approvals": [
            {
                "approver": one.approver, "organisation": one.organisation, "at": to_text(one.approved_at),
                "ledger_index": one.ledger_index,
                "seconds": None if one.shown_at is None else round((one.approved_at - one.shown_at).total_seconds(), 1),
            }
            for one in given
        ],
        "needed": needed,
        "released_at": None if export.released_at is None else to_text(export.released_at),
        "bundle_sha256": export.bundle_sha256,
        "mark": export.mark,
        "ledger_index": export.release_index if export.release_index is not None else export.request_index,
        "receipt_due": None if export.released_at is None else to_text(export.released_at + desk.rules.receipt_due),
        "received_at": None if export.received_at is None else to_text(export.received_at),
        "deleted_at": None if export.deleted_at is None else to_text(export.deleted_at),
    }  # fmt: skip


def name_state(export: Export, now: datetime, approval_life: timedelta) -> str:
    """Return where an export stands, in one word."""
    if export.state is ExportState.RELEASED:
        if export.deleted_at is not None:
            return "deleted"
        if now >= export.expires_at:
            return "expired"
        return "received" if export.received_at is not None else "released"
    if export.state is ExportState.REQUESTED and now >= min(
        export.expires_at, export.requested_at + approval_life
    ):
        return "lapsed"
    return export.state.value


def describe_votes(desk: Disclosure) -> list[dict[str, Any]]:
    """Return how each approver decides: shown, approved, declined, and the median time, which tells a rubber stamp."""
    with read(desk.store.engine) as connection:
        found = [
            (person, rows.list_votes(connection, person.id)) for person in people.list_approvers(connection)
        ]
    return [
        {
            "approver": person.id,
            "organisation": person.organisation,
            "role": person.role,
            "revoked": person.revoked_at is not None,
            "shown": len(votes),
            "approved": sum(outcome == "approved" for _, outcome, _, _ in votes),
            "declined": sum(outcome == "declined" for _, outcome, _, _ in votes),
            "median_seconds": _median(
                [
                    (answered - shown).total_seconds()
                    for _, outcome, shown, answered in votes
                    if outcome is not None and answered is not None
                ]
            ),
        }
        for person, votes in found
    ]


def _median(values: list[float]) -> float | None:
    ordered = sorted(values)
    return round(ordered[len(ordered) // 2], 1) if ordered else None


def watch_exports(site: "Site") -> int:
    """Raise the alarms that are due for exports and remove sealed files no longer needed; return how many alarms.

    A site that never gave anything away is left alone: its keyroom is not even asked for.
    """
    with read(site.store.engine) as connection:
        if not rows.list_exports(connection):
            return 0
    desk = open_disclosure(site)
    purge_files(desk)
    return len(raise_alarms(desk))
