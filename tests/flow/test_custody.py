"""Attacks on custody around the gate: keeping for ever, foreign records, receipts for nothing, copies that outlive a promise."""

import gc
import shutil
import weakref
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from lineparts import MODEL, Line, MovableClock, make_picture, make_template, make_vehicle

from wayseal.flow.documents import pack_json, pass_document
from wayseal.flow.erase import erase_epoch
from wayseal.flow.gallery_key import KeeperCipher
from wayseal.flow.identify import LiveSearch, identify_encounter, read_answers
from wayseal.flow.policy import Principal
from wayseal.flow.release import Gate
from wayseal.flow.review import decide_crossing, read_crossings, record_crossings
from wayseal.match.search import SearchPolicy
from wayseal.model.border import Direction, Seat, Verdict
from wayseal.model.clock import to_text
from wayseal.model.custody import Kind, Purpose, RecordStatus, SealedRecord
from wayseal.model.errors import Erased, Integrity, Invalid, NoIntent, Refused, SealBroken
from wayseal.model.ids import EncounterId, EpochId, RecordId, epoch_id, new_ulid
from wayseal.retention.schedule import hold_class
from wayseal.seal.device import SealChain
from wayseal.seal.envelope import parse_record
from wayseal.station.galleries import forget_enrolled
from wayseal.station.matcher import Matcher
from wayseal.station.portal import open_portal
from wayseal.store.centre import read_record
from wayseal.store.crossings import get_crossing, list_crossings, set_decided
from wayseal.store.encounters import get_encounter
from wayseal.store.engine import read, write
from wayseal.web.session import SHIFT, Sessions

OFFICER = Principal("officer-7", "officer", "agency")


def first_face(line: Line, clock: MovableClock) -> RecordId:
    """Let a vehicle pass and return the record of its driver's face."""
    answer = line.drive(line.lane(), make_vehicle(clock, {Seat.DRIVER: 1}))
    assert answer.occupants[0].record is not None
    return answer.occupants[0].record


def test_nothing_is_kept_from_a_later_hour(line: Line, clock: MovableClock) -> None:
    """A record is re-wrapped to the present hour of a class: an epoch of another year would keep it until then."""
    face = first_face(line, clock)
    for later in (EpochId("citizen/2099-01-01T00Z"), epoch_id("citizen", clock.now + timedelta(days=2))):
        with pytest.raises(Refused, match="another hour"):
            line.site.opener.keep(OFFICER, face, later, reason="decision.refer")
        assert not line.site.keyroom.vault.has(later)
    kept = line.site.opener.keep(OFFICER, face, epoch_id("non_citizen", clock.now), reason="decision.refer")
    assert kept.record_class == "non_citizen"


def test_nothing_is_kept_in_a_class_without_an_end(line: Line, clock: MovableClock) -> None:
    """No record is kept in a class that the site does not define: a sweep would never find its hour due."""
    face = first_face(line, clock)
    for name in ("forever", "hold", "evaluation", "hold-01kb3z6v8n4q0t2y5rwxej7mch"):
        with pytest.raises(Refused, match="class of the site"):
            line.site.opener.keep(OFFICER, face, epoch_id(name, clock.now), reason="decision.refer")
        assert not line.site.keyroom.vault.has(epoch_id(name, clock.now))
    assert line.site.eraser.schedule_now().plan(clock.now, {epoch_id("forever", clock.now): 1}).unknown


def test_held_only_as_the_ledger_says(line: Line, clock: MovableClock) -> None:
    """A record goes under a hold that two people placed for this record and that has not ended, and under no other."""
    one, other = first_face(line, clock), first_face(line, clock)
    who = Principal("privacy-1", "privacy_officer", OFFICER.organisation)

    def place(**changes: object) -> str:
        hold = new_ulid(clock())
        entry = {
            "type": "hold", "object": hold, "records": [one], "approvers": ["kim", "lee"], "reason": "court-order",
            "time": to_text(clock()), "until": to_text(clock() + timedelta(days=90)), **changes,
        }  # fmt: skip
        line.site.ledger.append([entry])
        return hold

    def keep(record: RecordId, hold: str) -> SealedRecord:
        return line.site.opener.keep(who, record, epoch_id(hold_class(hold), clock.now), reason="court-order")

    good, lifted = place(), place()
    line.site.ledger.append([{"type": "lift", "object": lifted, "reason": "over", "time": to_text(clock())}])
    bad = [
        (one, place(approvers=["kim"])), (one, place(records=[other])), (other, good), (one, lifted),
        (one, place(until=to_text(clock()))),
    ]  # fmt: skip
    for record, hold in bad:
        with pytest.raises(Refused, match="two people placed"):
            keep(record, hold)
    assert keep(one, good).record_class == hold_class(good)


def test_rewrap_needs_its_own_entry(line: Line, clock: MovableClock) -> None:
    """An intent to open keeps nothing, and an entry that says to keep a record keeps it there, for that reason, and opens nothing."""
    opener, gate = line.site.opener, line.site.opener.keys
    assert isinstance(gate, Gate)
    face = first_face(line, clock)
    record = parse_record(read_record(line.site.store, face))
    epoch = epoch_id("non_citizen", clock.now)
    opened = opener.request(OFFICER, [face], Purpose.RECLASSIFICATION)
    with pytest.raises(NoIntent):
        gate.rewrap(OFFICER, opener._prove([record], opened), to_epoch=epoch, reason="decision.refer")
    entry = {
        "type": "reclass", "object": face, "actor": OFFICER.id, "reason": "decision.refer", "from_class": "citizen",
        "to_class": "non_citizen", "to_epoch": epoch, "org": OFFICER.organisation, "release": opened[0].id,
    }  # fmt: skip
    (index,) = line.site.ledger.append([entry])
    batch = opener._prove([record], [replace(opened[0], ledger_index=index)])
    with pytest.raises(NoIntent):
        gate.rewrap(OFFICER, batch, to_epoch=epoch_id("ees", clock.now), reason="decision.refer")
    with pytest.raises(NoIntent):
        gate.rewrap(OFFICER, batch, to_epoch=epoch, reason="audit")
    with pytest.raises(NoIntent):
        gate.unwrap(OFFICER, batch)
    assert len(gate.rewrap(OFFICER, batch, to_epoch=epoch, reason="decision.refer")) == 1


def seal_one(
    line: Line, lane: str, object_id: RecordId, *, kind: Kind = Kind.FACE, body: bytes = b"x"
) -> SealedRecord:
    """Return a record that a registered lane has sealed and signed, whatever it wants to say."""
    host = line.hosts[lane]
    keys = line.site.roster_keys(host).current()
    return SealChain(host.identity, lane).seal(
        body, object_id=object_id, kind=kind, epoch_keys=keys, sealed_at=line.clock()
    )


def new_record(line: Line) -> RecordId:
    """Return a fresh id."""
    return RecordId(new_ulid(line.clock()))


def test_no_receipt_for_bytes_that_are_not_kept(line: Line) -> None:
    """Two records under one id in one delivery are refused whole: one of them would be receipted and dropped."""
    line.lane("in1")
    one = new_record(line)
    pair = [seal_one(line, "in1", one, body=b"a"), seal_one(line, "in1", one, body=b"b")]
    size = line.site.ledger.size
    with pytest.raises(Invalid):
        line.site.receive(EncounterId(new_record(line)), pair, direction=Direction.ENTRY)
    with pytest.raises(Invalid):
        line.site.receive(EncounterId(new_record(line)), [], direction=Direction.ENTRY)
    assert line.site.ledger.size == size


def test_no_receipt_for_other_bytes_of_a_kept_record(line: Line, clock: MovableClock) -> None:
    """Other bytes under the id of a record that is kept longer are refused; the same bytes are receipted again."""
    lane = line.lane()
    sealed = lane.keep(make_vehicle(clock, {Seat.DRIVER: 1}))
    first = line.site.receive(sealed.encounter, sealed.records, direction=Direction.ENTRY)
    face = sealed.records[0].header.object_id
    line.site.opener.keep(OFFICER, face, epoch_id("non_citizen", clock.now), reason="decision.refer")
    with pytest.raises(Integrity, match="known id"):
        line.site.receive(sealed.encounter, [seal_one(line, "lane1", face)], direction=Direction.ENTRY)
    assert line.site.receive(sealed.encounter, sealed.records, direction=Direction.ENTRY) == first


def test_no_lane_adds_to_anothers_encounter(line: Line, clock: MovableClock) -> None:
    """A lane that knows another lane's encounter cannot lay records into it, so it cannot answer in its place."""
    sealed = line.lane("in1").keep(make_vehicle(clock, {Seat.DRIVER: 1}))
    line.lane("in1").send_pending()
    line.lane("in2")
    line.site.roster_keys(line.hosts["in2"]).current()
    forged = seal_one(line, "in2", new_record(line), kind=Kind.DOCUMENT, body=b"{}")
    with pytest.raises(Refused, match="another lane"):
        line.site.receive(sealed.encounter, [forged], direction=Direction.ENTRY)


def forge_pass(line: Line, clock: MovableClock, **changes: object) -> EncounterId:
    """Deliver an encounter whose lane lies in its pass document, and return it."""
    host, encounter = line.hosts["in2"], EncounterId(new_record(line))
    seen = make_vehicle(clock, {Seat.DRIVER: 2})
    own = seal_one(line, "in2", new_record(line))
    document = pass_document(
        seen, encounter=encounter, lane="in2", direction=Direction.ENTRY, records={"face.driver": own.header.object_id}
    )  # fmt: skip
    body = pack_json({**document, **changes})
    said = seal_one(line, "in2", new_record(line), kind=Kind.DOCUMENT, body=body)
    line.site.receive(encounter, [own, said], direction=Direction.ENTRY)
    assert host.lane == "in2"
    return encounter


def test_no_lane_has_anothers_records_opened(line: Line, clock: MovableClock) -> None:
    """A lane names another lane's template, face or any record as its own: nothing of it is opened, answered or called a canary."""
    theirs = line.lane("in1").keep(make_vehicle(clock, {Seat.DRIVER: 1}))
    line.lane("in1").send_pending()
    face, template = (theirs.records[place].header.object_id for place in (0, 1))
    line.lane("in2")
    noted: list[RecordId] = []
    work = replace(line.work, note_canary=noted.append)
    for records in (
        {"template.driver": template},
        {"face.driver": face},
        {"canary": face},
        {"canary": template, "face.driver": face},
        {"secret": face},
    ):
        with pytest.raises(SealBroken, match="does not belong"):
            identify_encounter(work, forge_pass(line, clock, records=records))
    for changes in ({"encounter": theirs.encounter}, {"lane": "in1"}, {"occupants": [{"seat": "roof"}]}):
        with pytest.raises(SealBroken, match="does not belong"):
            identify_encounter(work, forge_pass(line, clock, **changes))
    assert not noted
    assert not line.site.ledger.find(type="open-intent", object=template)


def test_one_bad_encounter_stops_no_other(line: Line, clock: MovableClock) -> None:
    """An encounter with a document that says nothing, or with none, is told on the ledger, and those after it are answered."""
    line.lane("in2")
    bad = forge_pass(line, clock, records="nothing")
    bare = EncounterId(new_record(line))
    line.site.receive(bare, [seal_one(line, "in2", new_record(line))], direction=Direction.ENTRY)
    good = line.lane("in1").keep(make_vehicle(clock, {Seat.DRIVER: 1}))
    line.lane("in1").send_pending()
    assert [answer.id for answer in Matcher(line.work, line.register).resume()] == [good.encounter]
    alarms = [line.site.ledger.entry(n) for n in line.site.ledger.find(type="alarm")]
    assert {alarm["encounter"] for alarm in alarms} == {bad, bare}


def test_forgetting_shuts_copies_of_a_picture(line: Line, home: Path, tmp_path: Path) -> None:
    """A copy of a gallery's reference pictures, made before one was forgotten, shows that one no more and the others still."""
    book = line.site.portraits("port")
    for number, name in enumerate(("forgotten", "kept")):
        book.put(name, make_picture(number))
    shutil.copytree(home / "gallery", tmp_path / "copy")
    assert book.forget("forgotten")
    shutil.copytree(tmp_path / "copy", home / "gallery", dirs_exist_ok=True)
    again = line.site.portraits("port")
    with pytest.raises(SealBroken):
        again.get("forgotten")
    assert again.get("kept") == make_picture(1)


def test_who_was_forgotten_is_found_no_more(line: Line) -> None:
    """A matcher that has run for hours does not name a traveller whom another process has just forgotten."""
    gallery = line.site.create_gallery("port", model_sha256=MODEL, dimension=128)
    gallery.add(["traveller-1", "traveller-2"], [make_template(1), make_template(2)])
    running = LiveSearch(line.site.gallery("port"), SearchPolicy())
    assert running.facts().gallery_size == 2
    forget_enrolled(line.site, "port", "traveller-1")
    assert running.facts().gallery_size == 1
    (answer,) = running.search([make_template(1)])
    assert "traveller-1" not in [candidate.traveller for candidate in answer.candidates]


def test_old_gallery_keys_do_not_outlive_a_crash(line: Line) -> None:
    """A process that dies between forgetting and destroying the old key leaves a key that the next opening destroys."""
    keeper = line.site.keys.keeper
    gallery = line.site.create_gallery("port", model_sha256=MODEL, dimension=128)
    gallery.add(["traveller-1", "traveller-2"], [make_template(1), make_template(2)])
    keeper.create_key("gallery/port/00000002")
    gallery.forget("traveller-1", cipher=KeeperCipher(keeper, "port", "gallery/port/00000002"))
    assert line.site.gallery("port").travellers() == ["traveller-2"]
    assert not keeper.has_key("gallery/port/00000001")
    keeper.create_key("gallery/port/00000003")  # somebody else's, who has not sealed the manifest yet
    assert line.site.gallery("port").travellers() == ["traveller-2"]
    assert keeper.has_key("gallery/port/00000002")
    assert keeper.has_key("gallery/port/00000003")


def test_kept_document_keeps_its_encounter(line: Line, clock: MovableClock) -> None:
    """When an answer or a crossing is kept longer, the sweep of its old hour takes neither its encounter nor its crossing away."""
    answer = line.drive(line.lane(), make_vehicle(clock, {Seat.DRIVER: 1}))
    record_crossings(line.register, answer)
    with read(line.site.store.engine) as connection:
        row = get_encounter(connection, answer.id)
        (crossing,) = list_crossings(connection, encounter=answer.id)
    assert row.document is not None
    assert crossing.document is not None
    longer = epoch_id("ees", clock.now)
    for document in (row.document, crossing.document):
        line.site.opener.keep(OFFICER, document, longer, reason="decision.refer")
    for epoch in (row.epoch, crossing.epoch):
        erase_epoch(line.site.eraser, epoch, reason="expired")
    with read(line.site.store.engine) as connection:
        kept = get_encounter(connection, answer.id)
        (left,) = list_crossings(connection, encounter=answer.id)
    assert (kept.status, kept.epoch, left.epoch) == (RecordStatus.LIVE, longer, longer)
    (opened,) = read_answers(line.site.opener, OFFICER, [kept], Purpose.PRIMARY_INSPECTION)
    assert opened.occupants[0].candidates[0].traveller == "traveller-1"
    assert read_crossings(line.register, OFFICER, [left])[0].encounter == answer.id


def test_second_decision_comes_too_late(line: Line, clock: MovableClock) -> None:
    """Two officers who decide at the same moment: the first one's document stays, the second one is refused."""
    answer = line.drive(line.lane(), make_vehicle(clock, {Seat.DRIVER: 1}))
    (crossing,) = record_crossings(line.register, answer)
    with read(line.site.store.engine) as connection:
        before = get_crossing(connection, crossing.id)
    decide_crossing(line.register, OFFICER, crossing.id, verdict=Verdict.ADMIT, reason="documents in order")
    with read(line.site.store.engine) as connection:
        first = get_crossing(connection, crossing.id)
    assert before.document is not None
    with pytest.raises(Refused, match="already"), write(line.site.store.engine) as connection:
        set_decided(connection, crossing.id, document=before.document, epoch=before.epoch, traveller_tag=None)
    with read(line.site.store.engine) as connection:
        assert get_crossing(connection, crossing.id) == first


def test_ended_sessions_hold_nothing(clock: MovableClock) -> None:
    """What an officer had on the screen is not in memory any more once the shift is over and somebody else has signed in."""
    sessions = Sessions("code", clock)
    session = sessions.find(sessions.sign_in("officer-7", "code"))
    assert session is not None
    session.remember({"encounter": "one", "plate": "6NM162"})
    gone = weakref.ref(session.lines)
    del session
    clock.move(SHIFT)
    sessions.sign_in("officer-8", "code")
    gc.collect()
    assert gone() is None


def test_a_dead_hour_hides_no_other(line: Line, clock: MovableClock) -> None:
    """Between the death of a key and the sweep's tidying, a list shows everything else, and nothing of the dead hour."""
    old = line.drive(line.lane(), make_vehicle(clock, {Seat.DRIVER: 1}))
    clock.move(timedelta(hours=1))
    new = line.drive(line.lane(), make_vehicle(clock, {Seat.DRIVER: 2}))
    portal = open_portal(line.site, "officer-7", "officer")
    line.site.keyroom.vault.destroy(portal.row(old.id).epoch)
    shown = {one["encounter"]: one["plate"] for one in portal.lines(portal.rows())}
    assert shown[old.id] is None
    assert shown[new.id] is not None
    with pytest.raises(Erased):
        portal.lines([portal.row(old.id)])
