"""The export ceremony on a whole site: what two organisations signed for leaves, sealed and marked, and nothing else does."""

import io
import json
import tarfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pyrage
import pytest
from exportparts import Office, open_office
from keyroomparts import NowClock, serve_keyroom
from lineparts import PASSPHRASE, Line, MovableClock
from sqlalchemy import update
from witnessparts import make_bench

from wayseal.export.approval import decode_approval, encode_approval, sign_approval
from wayseal.export.bundle import read_bundle
from wayseal.export.manifest import decode_manifest
from wayseal.flow.consent import decline_export, give_approval, show_ballot
from wayseal.flow.disclose import Wanted, find_export, request_export
from wayseal.flow.erase import erase_due
from wayseal.flow.followup import list_duties, note_paper, purge_files, raise_alarms, take_receipt
from wayseal.flow.handover import release_export
from wayseal.flow.hold import place_hold
from wayseal.flow.oversee.register import add_vendor
from wayseal.flow.oversee.standing import suspend_vendor
from wayseal.flow.partners import (
    add_approver,
    add_recipient,
    enrol_own_key,
    renew_code,
    retire_recipient,
    revoke_approver,
    use_code,
)
from wayseal.flow.policy import Principal
from wayseal.flow.reconcile import Books, reconcile_day
from wayseal.flow.witnessed import examine_delivery
from wayseal.ledger.checkpoint import log_keys, verify_checkpoint
from wayseal.model.custody import Purpose
from wayseal.model.disclosure import BundleForm, Export
from wayseal.model.errors import Erased, Integrity, Invalid, LedgerBroken, NotFound, Refused
from wayseal.model.ids import RecordId, new_ulid
from wayseal.model.oversight import Tier
from wayseal.retention.residue import list_places, scan
from wayseal.station.exports import describe_export, describe_votes, open_partners
from wayseal.station.keyroom_client import KeyroomClient
from wayseal.station.site import init_site, open_site
from wayseal.station.steady import Sweeper
from wayseal.store.approvers import get_recipient, put_recipient
from wayseal.store.engine import read, write
from wayseal.store.exports import get_export
from wayseal.store.schema_exports import approvers, exports


@pytest.fixture
def office(line: Line, tmp_path: Path) -> Office:
    """A site with two faces to give away."""
    return open_office(line, tmp_path / "people")


def release(office: Office, export: Export) -> bytes:
    """Release an approved export and return the sealed bytes."""
    return release_export(office.desk, office.requester, export.id).file.read_bytes()


def test_approved_records_reach_their_recipient(office: Office) -> None:
    """Two organisations sign, the recipient opens marked pictures, and the ledger tells the story in order."""
    export = office.ask(office.records)
    office.approve(export, "kim", "lee")
    bundle, items = office.boxes["county-court"].open_bundle(
        release(office, export), sender=office.site.keys.identity.public
    )
    assert [item.record for item in items] == sorted(office.records)
    assert all(item.data.startswith(b"\xff\xd8") and item.kind == "face" for item in items)
    assert bundle.manifest == decode_manifest(export.manifest)
    ledger = office.site.ledger
    (request,) = ledger.find(type="export-request", object=export.id)
    given = ledger.find(type="export-approve", object=export.id)
    intents = [i for r in office.records for i in ledger.find(type="open-intent", object=r) if i > request]
    (released,) = ledger.find(type="export-release", object=export.id)
    assert len(given) == 2
    assert request < min(given) < max(given) < min(intents) < max(intents) < released
    assert ledger.entry(released)["bundle_sha256"] == describe_export(office.desk, export.id)["bundle_sha256"]


def test_each_recipient_gets_another_picture(office: Office) -> None:
    """Two exports of one record differ in their pixels: each carries a mark of its own."""
    office.add_recipient("state-police", "police")
    pictures = []
    for recipient in ("county-court", "state-police"):
        export = office.ask(office.records[:1], recipient)
        office.approve(export, "kim", "lee")
        _, (item,) = office.boxes[recipient].open_bundle(release(office, export))
        pictures.append(item.data)
    assert pictures[0] != pictures[1]


def test_nobody_else_opens_it(office: Office) -> None:
    """Another recipient's key does not open a bundle, and a changed byte is found whoever holds the key."""
    other = office.add_recipient("state-police", "police")
    export = office.ask(office.records)
    office.approve(export, "kim", "lee")
    data = release(office, export)
    with pytest.raises(Refused, match="somebody else"):
        other.open_bundle(data)
    for place in (len(data) // 2, len(data) - 70, len(data) - 1):
        broken = bytearray(data)
        broken[place] ^= 1
        with pytest.raises((Integrity, Invalid)):
            office.boxes["county-court"].open_bundle(bytes(broken))


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ((), "0 of 2"),
        (("kim",), "1 of 2"),
    ],
)
def test_too_few_approvals(office: Office, given: tuple[str, ...], why: str) -> None:
    """Without two approvals nothing is opened: no intent is even written."""
    export = office.ask(office.records)
    office.approve(export, *given)
    size = office.site.ledger.size
    with pytest.raises(Refused, match=why):
        release(office, export)
    assert not [i for i in office.site.ledger.find(type="open-intent") if i >= size]


def test_one_organisation_counts_once(office: Office) -> None:
    """A second account of an organisation that has approved is refused, and leaves nothing on the ledger."""
    export = office.ask(office.records)
    office.approve(export, "kim")
    size = office.site.ledger.size
    with pytest.raises(Refused, match="one organisation has approved twice"):
        office.approve(export, "pat")
    with pytest.raises(Refused, match="approved twice"):
        office.approve(export, "kim")
    assert office.site.ledger.size == size


def test_staff_id_with_a_colon(office: Office) -> None:
    """Whoever is `chief:1` in the register approves under that id, from the registration to the gate; a name with a space is nobody's."""
    office.add_approver("chief:1", "counsel-2")
    export = office.ask(office.records)
    office.approve(export, "kim", "chief:1")
    assert release(office, export)
    with pytest.raises(Invalid, match="staff id"):
        office.add_approver("Chief One", "counsel-2")


def test_requester_does_not_approve(office: Office) -> None:
    """Whoever asks may not be among those who approve."""
    office.add_approver("privacy-1", "counsel-2")
    export = office.ask(office.records)
    with pytest.raises(Refused, match="the requester has approved"):
        office.approve(export, "privacy-1")


def test_approval_for_another_manifest(office: Office) -> None:
    """An approval cannot be carried over to another export, whatever is changed in the file."""
    first, second = office.ask(office.records), office.ask(office.records[:1])
    raw = office.sign(first, "kim")
    moved = replace(decode_approval(raw), export=second.id)
    with pytest.raises(Refused, match="another manifest"):
        give_approval(office.desk, encode_approval(moved))
    named = replace(moved, manifest_sha256=second.manifest_sha256)
    with pytest.raises(Integrity, match="signature does not hold"):
        give_approval(office.desk, encode_approval(named))


def test_replayed_approval(office: Office) -> None:
    """The same file handed in twice counts once."""
    export = office.ask(office.records)
    raw = office.sign(export, "kim")
    give_approval(office.desk, raw)
    with pytest.raises(Refused, match="approved twice"):
        give_approval(office.desk, raw)


def test_borrowed_key(office: Office) -> None:
    """An approval in somebody's name with somebody else's key is refused."""
    export = office.ask(office.records)
    with pytest.raises(Refused, match="not the approver's"):
        give_approval(office.desk, office.sign(export, "kim", as_name="lee"))


def test_stale_and_foreign_checkpoints(office: Office) -> None:
    """A checkpoint from before the request, of another ledger, or that never was, carries no approval."""
    before = show_ballot(office.desk, office.ask(office.records).id).checkpoint
    export = office.ask(office.records)
    origin, size, root, _ = show_ballot(office.desk, export.id).checkpoint.split("\n")
    foreign = f"elsewhere/port\n{size}\n{root}\n"
    forged = f"{origin}\n{size}\n{'A' * 43}=\n"
    for checkpoint, kind in ((before, Refused), (foreign, Refused), (forged, LedgerBroken), ("", Refused)):
        approval = sign_approval(
            export.id, "kim", manifest=export.manifest, checkpoint=checkpoint, signer=office.signers["kim"]
        )
        with pytest.raises(kind):
            give_approval(office.desk, encode_approval(approval))


def test_request_runs_out(office: Office) -> None:
    """After the site's hours for it a request is neither approved nor released."""
    export = office.ask(office.records)
    office.approve(export, "kim", "lee")
    office.line.clock.move(timedelta(hours=73))
    with pytest.raises(Refused, match="too old"):
        office.approve(export, "sam")
    with pytest.raises(Refused, match="too old"):
        release(office, export)


def test_recipient_key_swapped_after_approval(office: Office) -> None:
    """A key that was changed, properly or in the database alone, gets nothing of what was approved for the old one."""
    export = office.ask(office.records)
    office.approve(export, "kim", "lee")
    other = office.add_recipient("state-police", "police")
    card = other.card("court")
    engine = office.site.store.engine
    with write(engine) as connection:
        before = get_recipient(connection, "county-court")
        put_recipient(connection, replace(before, key=card.key))
    with pytest.raises(Integrity, match="not the one on the ledger"):
        release(office, export)
    add_recipient(
        open_partners(office.site, "privacy-1"), "county-court", organisation="court", form=BundleForm.WAYSEAL,
        key=card.key, receipt_key=card.receipt_key,
    )  # fmt: skip
    with pytest.raises(Refused, match="key was changed after the request"):
        release(office, export)


def test_rows_that_contradict_the_ledger(office: Office) -> None:
    """Who edits an export's manifest or an approver's organisation in the database is found out."""
    export = office.ask(office.records)
    office.approve(export, "kim")
    other = office.ask(office.records[:1])
    engine = office.site.store.engine
    with write(engine) as connection:
        connection.execute(
            update(approvers).where(approvers.c.id == "pat").values(organisation="somewhere-else")
        )
    with pytest.raises(Integrity, match="approver is not the one on the ledger"):
        office.approve(export, "pat")
    with write(engine) as connection:
        connection.execute(update(exports).where(exports.c.id == export.id).values(manifest=other.manifest))
    with pytest.raises(Integrity, match="manifest is not the one on the ledger"):
        release(office, export)


@pytest.mark.parametrize("count", [0, 1001, 10_000])
def test_impossible_numbers(office: Office, count: int) -> None:
    """No record, and more than one entry can name, are refused before anything is written."""
    size = office.site.ledger.size
    ids = [new_ulid(office.line.clock()) for _ in range(count)]
    with pytest.raises(Invalid):
        office.ask(ids)
    assert office.site.ledger.size == size


def test_bad_records(office: Office) -> None:
    """A record named twice, an unknown one, a template and an answer have defined refusals."""
    with pytest.raises(Invalid, match="named twice"):
        office.ask([office.records[0]] * 2)
    with pytest.raises(NotFound):
        office.ask([new_ulid(office.line.clock())])
    captured = [office.site.ledger.entry(i) for i in office.site.ledger.find(type="capture")]
    for kind in ("template", "document"):
        record = next(entry["object"] for entry in captured if entry["kind"] == kind)
        with pytest.raises(Refused, match="may not export"):
            office.ask([record])


def test_erased_record(office: Office) -> None:
    """A record that died before the request, or between approval and release, stops the whole export."""
    export = office.ask(office.records)
    office.approve(export, "kim", "lee")
    office.line.clock.move(timedelta(hours=14))
    erase_due(office.site.eraser)
    with pytest.raises(Erased):
        release(office, export)
    with pytest.raises(Erased):
        office.ask(office.records)
    assert not office.site.ledger.find(type="export-release")


def test_held_record_needs_its_hold(office: Office) -> None:
    """A record under a legal hold leaves only when the manifest names that hold."""
    officer = office.site.principal("officer-7", "officer")

    def keep(record: RecordId, epoch: str, reason: str) -> object:
        return office.site.opener.keep(officer, record, epoch, reason=reason)  # type: ignore[arg-type]

    hold = place_hold(
        office.site.eraser, office.records[:1], reason="court-order-7", approvers=("kim", "lee"),
        until=office.line.clock() + timedelta(days=60), keep=keep,
    )  # fmt: skip
    with pytest.raises(Refused, match="legal hold"):
        office.ask(office.records[:1])
    export = office.ask(office.records[:1], hold=hold.id)
    office.approve(export, "kim", "lee")
    _, items = office.boxes["county-court"].open_bundle(release(office, export))
    assert len(items) == 1


def test_caps_call_for_a_third(line: Line, tmp_path: Path) -> None:
    """Above the ceremony's or the day's cap two approvals are too few, and a third of a third organisation suffices."""
    office = open_office(line, tmp_path / "people", vehicles=2)
    rules = office.desk.rules
    office.desk = replace(
        office.desk, rules=replace(rules, caps=replace(rules.caps, ceremony=3, recipient_day=100))
    )
    export = office.ask(office.records)
    office.approve(export, "kim", "lee")
    with pytest.raises(Refused, match="2 of 3"):
        release(office, export)
    office.approve(export, "sam")
    release(office, export)
    office.desk = replace(
        office.desk, rules=replace(rules, caps=replace(rules.caps, ceremony=50, recipient_day=4))
    )
    small = office.ask(office.records[:1])
    office.approve(small, "kim", "lee")
    with pytest.raises(Refused, match="2 of 3"):
        release(office, small)
    line.clock.move(timedelta(minutes=1))
    assert describe_export(office.desk, small.id)["needed"] == 3


def test_codes_and_ends(office: Office) -> None:
    """A purpose or ground that the site does not list, an end in the past and one too far are refused."""
    now = office.line.clock()
    good = Wanted(office.records, "county-court", "court-order", "statute", now + timedelta(days=1))
    for bad in (
        replace(good, purpose="improve-the-algorithm"), replace(good, legal_basis="none"),
        replace(good, expires_at=now), replace(good, expires_at=now + timedelta(days=91)),
    ):  # fmt: skip
        with pytest.raises(Refused):
            request_export(office.desk, office.requester, bad)
    with pytest.raises(Refused, match="may not export"):
        request_export(office.desk, office.site.principal("officer-7", "officer"), good)
    with pytest.raises(Refused, match="may not export"):
        request_export(office.desk, office.site.principal("fitter-1", "vendor"), good)


def test_vendors_get_nothing(office: Office) -> None:
    """An organisation that is a vendor may neither receive nor approve, whatever the pretext (R-60)."""
    office.desk = replace(office.desk, is_vendor=lambda organisation: organisation == "court")
    with pytest.raises(Refused, match="nothing is given to a vendor"):
        office.ask(office.records)
    with pytest.raises(Refused, match="vendor approves nothing"):
        office.add_approver("fitter-1", "perimeter-systems", role="vendor")


def test_the_register_decides_who_is_a_vendor(office: Office) -> None:
    """A subcontractor in the register gets nothing and approves nothing; a suspended body's approval dies with its standing."""
    oversight = office.site.oversight
    add_vendor(oversight, "prime-works", tier=Tier.PRIME, under=None, actor="privacy-1")
    add_vendor(oversight, "lane-cameras", tier=Tier.SUBCONTRACTOR, under="prime-works", actor="privacy-1")
    add_vendor(oversight, "inspector-general", tier=Tier.ASSESSOR, under=None, actor="privacy-1")
    office.add_recipient("tuning-team", "lane-cameras")
    with pytest.raises(Refused, match="nothing is given to a vendor"):
        office.ask(office.records, "tuning-team")
    office.add_approver("fitter-1", "lane-cameras")
    export = office.ask(office.records)
    with pytest.raises(Refused, match="vendor may not approve_export"):
        office.approve(export, "fitter-1")
    office.approve(export, "kim", "lee")
    suspend_vendor(oversight, "inspector-general", reason="under-review", actor="privacy-1")
    with pytest.raises(Refused, match="suspended"):
        release(office, export)


def test_nothing_plain_is_left_behind(office: Office) -> None:
    """After a release neither the home nor the delivery holds a picture in the clear: the residue scan finds none."""
    export = office.ask(office.records)
    office.approve(export, "kim", "lee")
    data = release(office, export)
    _, items = office.boxes["county-court"].open_bundle(data)
    everything = b"".join(file.read_bytes() for file in office.site.home.rglob("*") if file.is_file())
    for item in items:
        assert item.data[200:400] not in everything + data
    assert list(scan(list_places([office.site.home], system=False)).findings) == []


def test_only_privacy_and_security_register(office: Office) -> None:
    """An officer, an approver and a vendor make nobody a recipient or an approver, and leave nothing on the ledger."""
    size = office.site.ledger.size
    for role in ("officer", "export_approver", "vendor"):
        partners = open_partners(office.site, "officer-7", role)
        for act in (
            lambda: add_approver(partners, "me", organisation="mine", role="export_approver"),  # noqa: B023
            lambda: enrol_own_key(partners, "kim", b"x" * 32),  # noqa: B023
            lambda: revoke_approver(partners, "kim"),  # noqa: B023
            lambda: renew_code(partners, "kim"),  # noqa: B023
            lambda: retire_recipient(partners, "county-court"),  # noqa: B023
        ):
            with pytest.raises(Refused, match="may not register"):
                act()
    assert office.site.ledger.size == size


def test_codes_are_good_once(office: Office) -> None:
    """A renewed code takes the old one's place, each is good once, and none after a week."""
    partners = open_partners(office.site, "privacy-1")
    _, first = add_approver(partners, "new", organisation="court-2", role="export_approver")
    second = renew_code(partners, "new")
    for code in (first, "0" * 16):
        with pytest.raises(Refused, match="not good"):
            use_code(partners, "new", code)
    use_code(partners, "new", second)
    with pytest.raises(Refused, match="not good"):
        use_code(partners, "new", second)
    third = renew_code(partners, "new")
    office.line.clock.move(timedelta(days=8))
    with pytest.raises(Refused, match="not good"):
        use_code(open_partners(office.site, "privacy-1"), "new", third)


def test_standing_is_asked_again(office: Office) -> None:
    """An approver whose organisation was suspended, whose training ran out or who was revoked after approving counts no more."""
    export = office.ask(office.records)
    office.approve(export, "kim", "lee")
    whole = office.desk
    for change in ({"suspended": True}, {"training_valid": False}):
        office.desk = replace(
            whole, principal=lambda *who, change=change: replace(whole.principal(*who), **change)
        )
        with pytest.raises(Refused, match="suspended or their training"):
            release(office, export)
    office.desk = whole
    revoke_approver(open_partners(office.site, "privacy-1"), "lee")
    with pytest.raises(Refused, match="revoked"):
        release(office, export)


def test_new_credential_waits(office: Office) -> None:
    """On a real site a credential counts only after a day, so that the ledger's watchers have seen it."""
    rules = replace(office.desk.rules, approver_wait=timedelta(hours=24))
    office.desk = replace(office.desk, rules=rules)
    export = office.ask(office.records)
    with pytest.raises(Refused, match="too new"):
        office.approve(export, "kim")


def test_declined_for_good(office: Office) -> None:
    """One refusal ends an export, and is counted beside the approvals of that approver."""
    export = office.ask(office.records)
    show_ballot(office.desk, export.id, "kim")
    decline_export(office.desk, "kim", export.id, reason="too-many-records")
    with pytest.raises(Refused, match="declined already"):
        office.approve(export, "lee")
    with pytest.raises(Refused, match="declined already"):
        release(office, export)
    (kim,) = [one for one in describe_votes(office.desk) if one["approver"] == "kim"]
    assert (kim["shown"], kim["approved"], kim["declined"]) == (1, 0, 1)


def test_whose_word_is_over_declines_nothing(office: Office) -> None:
    """Somebody who was revoked, or whose organisation is suspended, ends nobody's export."""
    export = office.ask(office.records)
    desk = office.desk

    def suspended(staff: str, role: str, organisation: str) -> Principal:
        return replace(desk.principal(staff, role, organisation), suspended=True)

    with pytest.raises(Refused, match="counts no more"):
        decline_export(replace(desk, principal=suspended), "kim", export.id, reason="too-many-records")
    revoke_approver(open_partners(office.site, "privacy-1"), "kim")
    with pytest.raises(Refused, match="counts no more"):
        decline_export(desk, "kim", export.id, reason="too-many-records")
    assert not office.site.ledger.find(type="export-decline")


def test_released_once(office: Office) -> None:
    """Releasing again gives the same bytes: no second mark, no second opening, no second entry."""
    export = office.ask(office.records)
    office.approve(export, "kim", "lee")
    first = release(office, export)
    size = office.site.ledger.size
    assert release(office, export) == first
    assert office.site.ledger.size == size
    file = office.desk.folder / f"{export.id}.wsx"
    file.write_bytes(first[:-1])
    with pytest.raises(Integrity, match="not the one on the ledger"):
        release(office, export)
    file.unlink()
    with pytest.raises(NotFound, match="removed"):
        release(office, export)


def test_age_delivery(office: Office) -> None:
    """A recipient with the age program gets a tar that their key opens, and a sheet that anybody can check."""
    identity = pyrage.x25519.Identity.generate()
    add_recipient(
        open_partners(office.site, "privacy-1"), "museum", organisation="archive", form=BundleForm.AGE,
        key=str(identity.to_public()), receipt_key=None,
    )  # fmt: skip
    export = office.ask(office.records, "museum")
    office.approve(export, "kim", "lee")
    done = release_export(office.desk, office.requester, export.id)
    assert done.sheet is not None
    plain = pyrage.decrypt(done.file.read_bytes(), [identity])
    with tarfile.open(fileobj=io.BytesIO(plain)) as archive:
        names = archive.getnames()
        manifest = archive.extractfile("manifest.json")
        assert manifest is not None
        assert manifest.read() == export.manifest
    assert names[2:] == [f"face/{record}.jpg" for record in sorted(office.records)]
    keys = log_keys(office.site.ledger.origin, office.site.keys.log_signer)
    found = examine_delivery(done.sheet.read_bytes(), log=keys, sender=office.site.keys.identity.public)
    assert {check.finding for check in found.checks} == {"holds"}
    changed = json.loads(done.sheet.read_bytes()) | {"bundle_sha256": "0" * 64}
    with pytest.raises((Integrity, Invalid)):
        examine_delivery(json.dumps(changed, sort_keys=True, separators=(",", ":")).encode())


def test_offline_check_finds_every_lie(office: Office) -> None:
    """Without keys an outsider sees manifest, approvals and ledger hold; with wrong keys, what does not."""
    export = office.ask(office.records)
    office.approve(export, "kim", "lee")
    data = release(office, export)
    keys = log_keys(office.site.ledger.origin, office.site.keys.log_signer)
    found = examine_delivery(data, log=keys, sender=office.site.keys.identity.public)
    assert found.is_sound
    assert {check.finding for check in found.checks} == {"holds"}
    assert [one.id for one in found.approvers] == ["kim", "lee"]
    bare = examine_delivery(data)
    assert sorted(check.what for check in bare.checks if check.finding == "not checked") == [
        "the ledger signed the checkpoint",
        "the sender is the site that the reader expects",
    ]
    wrong = examine_delivery(
        data, log=log_keys("elsewhere/port", office.site.keys.log_signer), sender=b"x" * 32
    )
    assert [check.what for check in wrong.checks if check.finding == "fails"] == [
        "the sender is the site that the reader expects",
        "the ledger signed the checkpoint",
    ]


def test_receipt_and_deletion(office: Office) -> None:
    """A signed receipt closes the duty; after the end the attestation does; a stranger's and a repeated one are refused."""
    export = office.ask(office.records)
    office.approve(export, "kim", "lee")
    box = office.boxes["county-court"]
    data = release(office, export)
    receipt = box.sign_receipt(data, "received", office.line.clock)
    other = office.add_recipient("state-police", "police").sign_receipt(data, "received", office.line.clock)
    with pytest.raises(Integrity, match="signature does not hold"):
        take_receipt(office.desk, other)
    take_receipt(office.desk, receipt)
    with pytest.raises(Refused, match="received already"):
        take_receipt(office.desk, receipt)
    assert describe_export(office.desk, export.id)["state"] == "received"
    assert purge_files(office.desk) == 1
    office.line.clock.move(timedelta(days=32))
    assert [duty.alarm for duty in raise_alarms(office.desk)] == ["export-deletion-overdue"]
    take_receipt(office.desk, box.sign_receipt(data, "deleted", office.line.clock))
    assert list_duties(office.desk) == []


def test_missing_receipt_is_an_alarm(office: Office) -> None:
    """A day after release without a receipt there is one alarm on the ledger, and not a second; a paper receipt ends it."""
    export = office.ask(office.records)
    office.approve(export, "kim", "lee")
    release(office, export)
    assert raise_alarms(office.desk) == []
    office.line.clock.move(timedelta(hours=25))
    assert [duty.alarm for duty in raise_alarms(office.desk)] == ["export-receipt-overdue"]
    assert raise_alarms(office.desk) == []
    (alarm,) = office.site.ledger.find(type="alarm", object=export.id)
    assert office.site.ledger.entry(alarm)["severity"] == "high"
    note_paper(office.desk, office.requester, export.id, "received")
    assert list_duties(office.desk) == []


def test_retired_recipient(office: Office) -> None:
    """Nothing goes to a recipient who was retired, not even what was approved before."""
    export = office.ask(office.records)
    office.approve(export, "kim", "lee")
    retire_recipient(open_partners(office.site, "privacy-1"), "county-court")
    with pytest.raises(Refused, match="retired"):
        release(office, export)


def test_books_count_what_left(office: Office) -> None:
    """The day's balance counts the exported records and still balances."""
    export = office.ask(office.records)
    office.approve(export, "kim", "lee")
    release(office, export)
    site = office.site
    books = Books(site.ledger, site.store, site.schedule, site.home, (site.home / "lanes" / "lane1",))
    balance = reconcile_day(books, office.line.clock().date())["lane1"]
    assert balance.exported == len(office.records)
    assert balance.is_balanced


def test_row_follows_the_ledger(office: Office) -> None:
    """An export whose row does not know of its release, as after a crash, is brought up to the ledger without a second one."""
    export = office.ask(office.records)
    office.approve(export, "kim", "lee")
    data = release(office, export)
    with write(office.site.store.engine) as connection:
        connection.execute(
            update(exports)
            .where(exports.c.id == export.id)
            .values(state="requested", released_at=None, mark=None)
        )
    assert release(office, export) == data
    with read(office.site.store.engine) as connection:
        assert get_export(connection, export.id).mark is not None
    assert len(office.site.ledger.find(type="export-release")) == 1
    assert find_export(office.desk, export.id)[0].state.value == "released"


def test_steady_round_raises_alarms(office: Office) -> None:
    """While a station runs, an overdue receipt becomes an alarm by itself, once."""
    with Sweeper(office.site, pace_s=3600) as sweeper:
        sweeper.do_once()
        export = office.ask(office.records)
        office.approve(export, "kim", "lee")
        release(office, export)
        office.line.clock.move(timedelta(hours=25))
        for _ in range(2):
            sweeper.do_once()
            assert sweeper.problem is None
    assert len(office.site.ledger.find(type="alarm", object=export.id)) == 1


def test_witnesses_come_first(tmp_path: Path, clock: MovableClock) -> None:
    """Where a witness policy is set nothing is opened until its quorum has cosigned approvals and intents."""
    with make_bench(tmp_path) as bench:
        init_site(tmp_path / "home", PASSPHRASE, evaluation=True, witnesses=bench.policy(), clock=clock)
        with open_site(tmp_path / "home", PASSPHRASE, clock=clock) as site:
            bench.serve(site, "audit", "privacy")
            office = open_office(Line(site, clock), tmp_path / "people")
            export = office.ask(office.records)
            office.approve(export, "kim", "lee")
            bench.stop("privacy")
            with pytest.raises(Refused, match="too few witnesses"):
                release(office, export)
            assert not [
                i for i in site.ledger.find(type="open-done") if site.ledger.entry(i)["purpose"] == "export"
            ]
            bench.serve(site, "privacy")
            data = release(office, export)
    keys = [key for name in ("audit", "privacy") for key in bench.keys[name]]
    _, good = verify_checkpoint(
        read_bundle(data).evidence.checkpoint, (*log_keys(site.ledger.origin, site.keys.log_signer), *keys)
    )
    assert {signature.key for signature in good} >= set(keys)


def test_ceremony_through_a_keyroom_process(home: Path, tmp_path: Path) -> None:
    """With the keys in a process of their own the same holds: no key before two organisations signed, and then each once."""
    init_site(home, PASSPHRASE, evaluation=True, clock=NowClock())
    with serve_keyroom(home), open_site(home, PASSPHRASE, clock=NowClock()) as site:
        assert isinstance(site.keyroom, KeyroomClient)
        office = open_office(Line(site, NowClock()), tmp_path / "people")
        export = office.ask(office.records)
        exporter = Principal("privacy-1", "exporter", "agency")
        with pytest.raises(Refused) as refusal:
            site.opener.read_now(exporter, office.records, Purpose.EXPORT)
        assert refusal.value.facts["rule"] == "exports-are-signed-by-two-organisations"
        office.approve(export, "kim", "lee")
        _, items = office.boxes["county-court"].open_bundle(release(office, export))
        assert [item.record for item in items] == sorted(office.records)
