"""A taken centre against the keyroom's notary: it writes every entry and row it likes, and holds nobody's key but its own.

None of it opens a picture for export: what counts is what people signed whom a quorum of the site's officials appointed.
"""

import hashlib
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from exportparts import Office, open_office
from lineparts import PASSPHRASE, Line

from wayseal.export.approval import Approval, Subject, decode_approval, encode_approval, sign_approval
from wayseal.export.manifest import decode_manifest, encode_manifest
from wayseal.flow.consent import show_ballot
from wayseal.flow.handover import release_export
from wayseal.flow.papers import gather_consent
from wayseal.flow.partners import add_approver, add_recipient, enrol_own_key
from wayseal.flow.policy import Principal
from wayseal.flow.request import Paper, Word
from wayseal.model.clock import to_text
from wayseal.model.custody import Purpose
from wayseal.model.disclosure import Approver, ApproverKey, CredentialForm, Export
from wayseal.model.errors import Refused, Unapproved, WaysealError
from wayseal.seal.keys import SigningIdentity
from wayseal.seal.keys.appointment import (
    draft_appointment,
    join_appointments,
    look_at_appointment,
    sign_appointment,
)
from wayseal.seal.keys.ceremony import add_signature, draft_charter, finish_charter, look_at
from wayseal.seal.suite import sha256
from wayseal.station.appointing import appoint_as_founder, open_appointments
from wayseal.station.charter_change import open_change
from wayseal.station.exports import open_disclosure, open_partners
from wayseal.station.settings import load_settings
from wayseal.station.site import init_site, open_site
from wayseal.store import approvers as people
from wayseal.store import exports as rows
from wayseal.store.engine import read

EXPORTER = Principal("privacy-1", "exporter", "agency")
RULE = "exports-are-signed-by-two-organisations"
FLIPS = 120
CAPPED = 'site = "port"\norganisation = "agency"\n[export]\nrecipient_day_cap = 3\n'


@pytest.fixture
def office(line: Line, tmp_path: Path) -> Office:
    """A site with people and two pictures to give away."""
    return open_office(line, tmp_path / "people")


def take(office: Office, records: Sequence[str], *papers: Paper) -> list[bytes]:
    """Ask the keyroom for records as a taken centre would: an intent for each, and these papers."""
    opener = office.site.opener
    return opener.open(EXPORTER, opener.request(EXPORTER, list(records), Purpose.EXPORT), papers)


def honest_paper(office: Office, export: Export) -> Paper:
    """Return an export's manifest with what its approvers gave, as the release sends it."""
    with read(office.site.store.engine) as connection:
        return gather_consent(office.site.store, export, rows.list_approvals(connection, export.id))


def forge_signer(name: str) -> SigningIdentity:
    """Return a key of the attacker's."""
    return SigningIdentity(name, hashlib.sha256(f"forged {name}".encode()).digest())


def log_word(office: Office, export: Export, raw: bytes, actor: str, organisation: str) -> None:
    """Write the entry of an approval, whoever gave it."""
    office.site.ledger.append([{
        "type": "export-approve", "object": export.id, "manifest_sha256": export.manifest_sha256, "actor": actor,
        "org": organisation, "approval_sha256": sha256(raw).hex(),
    }])  # fmt: skip


def forge_word(
    office: Office, export: Export, name: str, organisation: str, officials: Sequence[SigningIdentity]
) -> Word:
    """Make up an approver: a key, an appointment signed by `officials`, an approval, and every entry about them."""
    site, signer = office.site, forge_signer(name)
    now = site.clock()
    key = ApproverKey(sha256(signer.public).hex(), name, CredentialForm.ED25519, signer.public, now)
    document = draft_appointment(
        site.ledger.origin, Approver(name, organisation, "export_approver", now), key, now
    )
    for official in officials:
        document = sign_appointment(document, official)
    head = {"type": "approver", "object": name, "org": organisation, "actor": "privacy-1"}
    site.ledger.append([
        head | {"action": "registered", "role": "export_approver"},
        head | {"action": "enrolled", "key_sha256": key.id, "form": "ed25519"},
        head | {"action": "appointed", "key_sha256": key.id, "appointment_sha256": sha256(document).hex()},
    ])  # fmt: skip
    ballot = show_ballot(office.desk, export.id)
    raw = encode_approval(
        sign_approval(export.id, name, manifest=ballot.manifest, checkpoint=ballot.checkpoint, signer=signer)
    )
    log_word(office, export, raw, name, organisation)
    return Word(raw, document)


def test_those_below_are_no_second_organisation(office: Office) -> None:
    """Somebody who works under an organisation that has signed, at any depth, makes no second one; somebody independent does."""
    office.add_approver("ana", "hands")
    export = office.ask(office.records[:1])
    office.approve(export, "kim", "ana")
    registered = {"type": "register", "register": "organisation", "action": "added", "tier": "subcontractor"}
    office.site.ledger.append([
        registered | {"object": "helpers", "under": "privacy-office"}, registered | {"object": "hands", "under": "helpers"},
    ])  # fmt: skip
    with pytest.raises(Refused) as refusal:
        take(office, export_records(export), honest_paper(office, export))
    assert refusal.value.facts["rule"] == RULE
    office.approve(export, "lee")
    assert take(office, export_records(export), honest_paper(office, export))


def test_entries_alone_open_nothing(office: Office) -> None:
    """Entries that say that two registered people approved, without their signatures, are worth nothing; with them the records open."""
    export = office.ask(office.records[:1])
    for name, organisation in (("kim", "privacy-office"), ("lee", "inspector-general")):
        log_word(office, export, name.encode(), name, organisation)
    with pytest.raises(Refused) as refusal:
        take(office, export_records(export))
    assert refusal.value.facts["rule"] == RULE
    office.approve(export, "kim")
    with pytest.raises(Refused) as refusal:
        take(office, export_records(export), honest_paper(office, export))
    assert refusal.value.facts["rule"] == RULE
    office.approve(export, "lee")
    paper = honest_paper(office, export)
    assert take(office, export_records(export), paper)
    with pytest.raises(Refused) as refusal:
        take(office, office.records[1:], paper)
    assert refusal.value.facts["rule"] == RULE
    office.site.ledger.append([{"type": "org-status", "object": "inspector-general", "status": "suspended"}])
    with pytest.raises(Refused):
        take(office, export_records(export), paper)


def export_records(export: Export) -> tuple[str, ...]:
    """Return an export's records."""
    return decode_manifest(export.manifest).records


def test_made_up_approvers(office: Office) -> None:
    """Approvers whom the attacker registered, enrolled and appointed by itself approve nothing, also with the keyroom's own keys."""
    export = office.ask(office.records)
    own = [forge_signer("official")]
    words = [forge_word(office, export, name, name, own) for name in ("mallory", "trudy")]
    with pytest.raises(WaysealError, match="0 valid signatures"):
        take(office, office.records, Paper(Subject.EXPORT, export.manifest, tuple(words)))
    site = office.site
    words = [
        forge_word(office, export, name, name, [site.keys.identity, site.keyroom.official, site.keyroom.identity])
        for name in ("eve", "oscar")
    ]  # fmt: skip
    with pytest.raises(WaysealError, match="0 valid signatures"):
        take(office, office.records, Paper(Subject.EXPORT, export.manifest, tuple(words)))


def test_charter_of_ones_own(office: Office) -> None:
    """A charter that the attacker puts into the folder and on the ledger makes nobody an official."""
    site, export, own = office.site, office.ask(office.records), forge_signer("official")
    before = site.charters.current()
    draft = draft_charter(
        before.site, officials={"official": own.public}, needed=1,
        roster_signers=dict(before.roster_signers), issued_at=site.clock() - timedelta(days=1), days=365, after=before,
    )  # fmt: skip
    forged = add_signature(draft, own)
    folder = site.home / "centre" / "charters"
    (folder / "2.charter").write_bytes(forged)
    site.ledger.append(
        [{"type": "config", "object": "charter", "config_sha256": look_at(forged).fingerprint}]
    )
    words = [forge_word(office, export, name, name, [own]) for name in ("mallory", "trudy")]
    paper = Paper(Subject.EXPORT, export.manifest, tuple(words))
    with pytest.raises(WaysealError, match="valid signatures"):
        take(office, office.records, paper)
    (folder / "1.charter").unlink()
    with pytest.raises(WaysealError, match="fingerprint"):
        take(office, office.records, paper)


def change_officials(
    home: Path, site_clock: Callable[[], object], names: Sequence[str]
) -> list[SigningIdentity]:
    """Put people in the founder's place, two of three, and return their keys."""
    keys = [forge_signer(name) for name in names]
    with open_change(home, PASSPHRASE, load_settings(home), site_clock) as room:  # type: ignore[arg-type]
        current = room.book.current()
        draft = draft_charter(
            current.site, officials={key.name: key.public for key in keys}, needed=2,
            roster_signers={"keyroom": room.keyroom.official.public}, issued_at=site_clock(), days=365, after=current,
        )  # type: ignore[arg-type]  # fmt: skip
        signed = [room.sign_as_founder(draft), *(add_signature(draft, key) for key in keys[:2])]
        room.install(finish_charter(signed, after=current))
    return keys


def test_new_officials_appoint_anew(office: Office) -> None:
    """When people take the founder's place, what it appointed counts no more; two of them appoint, one alone does not."""
    export = office.ask(office.records)
    office.approve(export, "kim", "lee")
    line, site = office.line, office.site
    site.close()
    officials = change_officials(site.home, line.clock, ("privacy", "security", "counsel"))
    with open_site(site.home, PASSPHRASE, clock=line.clock) as again:
        line.site, office.desk = again, open_disclosure(again)
        with pytest.raises(WaysealError, match="0 valid signatures"):
            release_export(office.desk, office.requester, export.id)
        with pytest.raises(Refused, match="officials of this site's charter"):
            appoint_as_founder(again, PASSPHRASE, "kim")
        book = open_appointments(again)
        for name in ("kim", "lee"):
            (draft,) = book.draft(name)
            first, second = (sign_appointment(draft, official) for official in officials[:2])
            with pytest.raises(WaysealError, match="1 valid signatures"):
                book.install(first, approver=name)
            with pytest.raises(Refused, match="somebody else"):
                book.install(join_appointments([first, second]), approver="sam")
            assert book.list_waiting(name)
            book.install(join_appointments([first, second]), approver=name)
            assert not book.list_waiting(name)
        done = release_export(office.desk, office.requester, export.id)
        _, items = office.boxes["county-court"].open_bundle(done.file.read_bytes())
        assert len(items) == len(office.records)


def test_moved_and_borrowed_signatures(office: Office) -> None:
    """An approval of another export, one in another's name, one signature twice, the requester's and a revoked person's count nothing."""
    first, second = office.ask(office.records), office.ask(office.records[:1])
    office.approve(first, "kim", "lee")
    kim, lee = honest_paper(office, first).words
    for word, name in ((kim, "kim"), (lee, "lee")):
        log_word(office, second, word.approval, name, name)
    for bad, why in (
        ((kim, lee), "another manifest"),
        (
            (Word(moved(kim, export=second.id, manifest_sha256=second.manifest_sha256), kim.appointment),),
            "does not hold",
        ),
        ((Word(kim.approval, lee.appointment),), "another person's"),
    ):
        with pytest.raises(WaysealError, match=why):
            take(office, office.records[:1], Paper(Subject.EXPORT, second.manifest, bad))
    whole = honest_paper(office, first)
    for few in ((kim, kim), (lee,)):
        with pytest.raises(Refused) as refusal:
            take(office, office.records, replace(whole, words=few))
        assert refusal.value.facts["rule"] == RULE
    whose = decode_manifest(first.manifest)
    wider = encode_manifest(
        replace(decode_manifest(second.manifest), records=whose.records, counts=whose.counts)
    )
    with pytest.raises(WaysealError, match="no export of this manifest"):
        take(office, office.records, Paper(Subject.EXPORT, wider, (kim, lee)))
    head = {"type": "approver", "object": "lee", "actor": "privacy-1", "org": "inspector-general"}
    office.site.ledger.append([head | {"action": "revoked"}, head | {"action": "registered"}])
    with pytest.raises(Refused) as refusal:
        take(office, office.records, whole)
    assert refusal.value.facts["rule"] == RULE


def moved(word: Word, **changes: str) -> bytes:
    """Return an approval with fields changed."""
    return encode_approval(replace(decode_approval(word.approval), **changes))


def test_requester_and_states(office: Office) -> None:
    """The requester's own signature does not count, nor one under a state from before the request, of another ledger or that never was."""
    office.add_approver("privacy-1", "counsel-2")
    before = show_ballot(office.desk, office.ask(office.records).id).checkpoint
    export = office.ask(office.records)
    office.approve(export, "kim")
    kim = honest_paper(office, export).words[0]
    own, appointment = office.sign(export, "privacy-1"), find_appointment(office, "privacy-1")
    log_word(office, export, own, "privacy-1", "counsel-2")
    with pytest.raises(Refused) as refusal:
        take(office, office.records, Paper(Subject.EXPORT, export.manifest, (kim, Word(own, appointment))))
    assert refusal.value.facts["rule"] == RULE
    origin, size, _, _ = show_ballot(office.desk, export.id).checkpoint.split("\n")
    never = f"{origin}\n{size}\n{'A' * 43}=\n"
    for checkpoint in (
        before,
        f"elsewhere/port\n{size}\n{'A' * 43}=\n",
        never,
        f"{origin}\n999999\n{'A' * 43}=\n",
        "",
    ):
        signed = sign_approval(
            export.id, "lee", manifest=export.manifest, checkpoint=checkpoint, signer=office.signers["lee"]
        )
        raw = encode_approval(signed)
        log_word(office, export, raw, "lee", "inspector-general")
        word = Word(raw, find_appointment(office, "lee"))
        with pytest.raises(WaysealError):
            take(office, office.records, Paper(Subject.EXPORT, export.manifest, (kim, word)))


def find_appointment(office: Office, name: str) -> bytes:
    """Return the officials' appointment of an approver's one credential."""
    with read(office.site.store.engine) as connection:
        (key,) = people.list_keys(connection, name)
        return people.find_appointments(connection, [key.id])[key.id]


def test_any_flipped_bit(office: Office) -> None:
    """With one bit changed in the manifest, an approval or an appointment the keyroom gives nothing; unchanged it gives everything."""
    export = office.ask(office.records)
    office.approve(export, "kim", "lee")
    paper, rng = honest_paper(office, export), random.Random(7)
    for _ in range(FLIPS):
        kim, lee = paper.words
        part = rng.randrange(3)
        bad = (
            replace(paper, text=flip(paper.text, rng)),
            replace(paper, words=(replace(kim, approval=flip(kim.approval, rng)), lee)),
            replace(paper, words=(replace(kim, appointment=flip(kim.appointment, rng)), lee)),
        )[part]
        with pytest.raises(WaysealError):
            take(office, office.records, bad)
    assert len(take(office, office.records, paper)) == len(office.records)


def flip(data: bytes, rng: random.Random) -> bytes:
    """Return bytes with one bit changed."""
    place = rng.randrange(len(data))
    return data[:place] + bytes([data[place] ^ (1 << rng.randrange(8))]) + data[place + 1 :]


def test_extensions_are_not_parsed(office: Office) -> None:
    """An authenticator's answer with anything behind its 37 bytes is refused before it is read."""
    export = office.ask(office.records)
    made = look_at_appointment(find_appointment(office, "kim"))
    approval = Approval(
        export.id, "kim", export.manifest_sha256, show_ballot(office.desk, export.id).checkpoint,
        CredentialForm.WEBAUTHN, made.key.id,
        {"authenticator_data": "QUFB" * 20, "client_data": "e30", "credential": "QQ", "signature": "QQ"},
    )  # fmt: skip
    raw = encode_approval(approval)
    log_word(office, export, raw, "kim", "privacy-office")
    word = Word(raw, find_appointment(office, "kim"))
    with pytest.raises(Refused, match="extensions"):
        take(office, office.records, Paper(Subject.EXPORT, export.manifest, (word,)))


def test_nobody_appointed(office: Office) -> None:
    """An approver whom the officials have not appointed stops the release before an intent is written."""
    site = office.site
    partners = replace(open_partners(site, "privacy-1"), appoint=None)
    signer = forge_signer("new")
    add_approver(partners, "new", organisation="court-2", role="export_approver")
    enrol_own_key(partners, "new", signer.public)
    office.signers["new"] = signer
    export = office.ask(office.records)
    office.approve(export, "kim", "new")
    size = site.ledger.size
    with pytest.raises(Unapproved, match="not appointed"):
        release_export(office.desk, office.requester, export.id)
    assert not [i for i in site.ledger.find(type="open-intent") if i >= size]
    assert appoint_as_founder(site, PASSPHRASE, "new") == 1
    assert release_export(office.desk, office.requester, export.id).file.exists()


@contextmanager
def small_caps(tmp_path: Path, line: Line) -> Iterator[Office]:
    """Give an office in a home where one recipient may have three records a day by two approvals."""
    home = tmp_path / "capped"
    init_site(home, PASSPHRASE, evaluation=True, config=CAPPED, clock=line.clock)
    with open_site(home, PASSPHRASE, clock=line.clock) as site:
        yield open_office(Line(site, line.clock), tmp_path / "capped-people", vehicles=2)


def test_day_counts_organisation_and_key(line: Line, tmp_path: Path) -> None:
    """Two names of one organisation, or of one key, share a day's cap: at the centre, and at a keyroom whose centre forgets."""
    with small_caps(tmp_path, line) as office:
        box = office.boxes["county-court"]
        card = box.card("court")
        office.add_recipient("county-court-2", "court")
        add_recipient(
            open_partners(office.site, "privacy-1"), "third-name", organisation="elsewhere", form=card.form, key=card.key,
            receipt_key=None,
        )  # fmt: skip
        office.add_recipient("stranger", "police")
        first = office.ask(office.records[:2])
        office.approve(first, "kim", "lee")
        release_export(office.desk, office.requester, first.id)
        for name in ("county-court-2", "third-name"):
            again = office.ask(office.records[2:4], name)
            office.approve(again, "kim", "lee")
            with pytest.raises(Refused, match="2 of 3"):
                release_export(office.desk, office.requester, again.id)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("wayseal.flow.consent.count_needed", lambda *_args: 2)
                with pytest.raises(Refused, match="third organisation"):
                    release_export(office.desk, office.requester, again.id)
        other = office.ask(office.records[2:4], "stranger")
        office.approve(other, "kim", "lee")
        release_export(office.desk, office.requester, other.id)
        office.approve(again, "sam")
        release_export(office.desk, office.requester, again.id)
        line.clock.move(timedelta(hours=25))
        fresh = office.ask(office.records[2:4], "county-court-2")
        office.approve(fresh, "kim", "lee")
        assert release_export(office.desk, office.requester, fresh.id).file.exists()


def test_life_of_a_request(office: Office) -> None:
    """The keyroom opens nothing for an export whose hours are over, whatever the centre says of them."""
    export = office.ask(office.records)
    office.approve(export, "kim", "lee")
    paper = honest_paper(office, export)
    office.line.clock.move(timedelta(hours=73))
    with pytest.raises(Refused, match="its time is over"):
        take(office, office.records, paper)
    assert to_text(export.expires_at) > to_text(office.line.clock.now)
