"""The straight line: sealed encounter, candidate list, crossing, decision, pairing, expiry, erased."""

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

import pytest
from lineparts import Line, MovableClock, make_picture, make_vehicle

from wayseal.flow.erase import erase_due
from wayseal.flow.identify import identify_encounter, list_unanswered, read_answers
from wayseal.flow.review import decide_crossing, list_crossings, record_crossings
from wayseal.model.border import Direction, Encounter, Outcome, Seat, Verdict
from wayseal.model.custody import Kind, Purpose, RecordStatus
from wayseal.model.errors import Erased, Invalid, NoIntent, Refused
from wayseal.model.ids import EncounterId
from wayseal.seal.keys import SigningIdentity
from wayseal.station.matcher import open_matcher
from wayseal.station.onehost import OneHost
from wayseal.store import encounters as encounter_rows
from wayseal.store import records as record_rows
from wayseal.store.engine import read
from wayseal.store.outbox import Outbox, QueuedRecord


def test_whole_line(line: Line, clock: MovableClock) -> None:
    """A vehicle passes, its occupants are answered, an officer decides, and twelve hours later nothing can be opened."""
    lane = line.lane()
    answered = line.drive(
        lane, make_vehicle(clock, {Seat.DRIVER: 1, Seat.FRONT_PASSENGER: 77, Seat.REAR_LEFT: None})
    )
    assert [p.outcome for p in answered.occupants] == [Outcome.MATCH, Outcome.NO_MATCH, Outcome.NOT_CAPTURED]
    assert answered.plate is not None
    assert (answered.plate.text, answered.occupants_seen, answered.gallery_size) == ("6NM162", 3, 2)

    crossings = record_crossings(line.register, answered)
    assert [c.traveller for c in crossings] == ["traveller-1", None, None]
    assert record_crossings(line.register, answered) == []
    officer = line.site.principal("officer-7", "officer")
    decided = decide_crossing(
        line.register, officer, crossings[0].id, verdict=Verdict.ADMIT, reason="documents checked"
    )
    assert decided.decision is not None
    with pytest.raises(Refused):
        decide_crossing(line.register, officer, crossings[0].id, verdict=Verdict.ADMIT, reason="again")

    face = answered.occupants[0].record
    assert face is not None
    (picture,) = line.site.opener.read_now(officer, [face], Purpose.PRIMARY_INSPECTION)
    assert picture == make_picture(1).data

    clock.move(timedelta(hours=12, minutes=44))
    assert erase_due(line.site.eraser) == []
    clock.move(timedelta(minutes=2))
    (gone,) = erase_due(line.site.eraser)
    assert gone.overshoot < timedelta(hours=1)
    with read(line.site.store.engine) as connection:
        row = encounter_rows.get_encounter(connection, answered.id)
    with pytest.raises(Erased):
        read_answers(line.site.opener, officer, [row], Purpose.PRIMARY_INSPECTION)
    with pytest.raises(Erased):
        line.site.opener.read_now(officer, [face], Purpose.PRIMARY_INSPECTION)
    left = list_crossings(line.register, officer)
    assert {c.traveller for c in left} == {"traveller-1", None}
    assert all(c.plate == "6NM162" for c in left)


def test_exit_pairs_with_entry(line: Line, clock: MovableClock) -> None:
    """An exit is paired with the traveller's open entry; somebody unknown pairs with nobody."""
    entry = line.drive(line.lane("in1"), make_vehicle(clock, {Seat.DRIVER: 1, Seat.FRONT_PASSENGER: 2}))
    entered = record_crossings(line.register, entry)
    clock.move(timedelta(days=2))
    leaving = line.drive(
        line.lane("out1", Direction.EXIT),
        make_vehicle(clock, {Seat.DRIVER: 1, Seat.REAR_LEFT: 55}, plate=None),
    )
    left = record_crossings(line.register, leaving)
    assert [c.paired_with for c in left] == [entered[0].id, None]
    officer = line.site.principal("officer-7", "officer")
    unpaired = list_crossings(line.register, officer, unpaired=True)
    assert [c.id for c in unpaired] == [entered[1].id]
    assert list_crossings(line.register, officer, unpaired=True, before=clock() - timedelta(days=30)) == []
    lately = list_crossings(line.register, officer, since=clock() - timedelta(days=1))
    assert {c.id for c in lately} == {c.id for c in left}


def test_decision_names_traveller_and_pairs(line: Line, clock: MovableClock) -> None:
    """An exit that no face matched is paired once an officer has read the name off the documents."""
    entered = record_crossings(
        line.register, line.drive(line.lane("in1"), make_vehicle(clock, {Seat.DRIVER: 1}))
    )
    (leaving,) = record_crossings(
        line.register, line.drive(line.lane("out1", Direction.EXIT), make_vehicle(clock, {Seat.DRIVER: 66}))
    )
    officer = line.site.principal("officer-7", "officer")
    with pytest.raises(Invalid):
        decide_crossing(line.register, officer, leaving.id, verdict=Verdict.ADMIT, reason="x")
    decided = decide_crossing(
        line.register,
        officer,
        leaving.id,
        verdict=Verdict.DEPARTED,
        reason="passport",
        traveller="traveller-1",
    )
    assert decided.paired_with == entered[0].id


def test_unsent_vehicle_survives(line: Line, clock: MovableClock) -> None:
    """What the centre did not take waits in the outbox, and goes once the centre answers; nothing is stored twice."""
    lane = line.lane()
    sealed = [lane.keep(make_vehicle(clock, {Seat.DRIVER: n})).encounter for n in (1, 2)]
    assert line.hosts["lane1"].outbox.counts()["queued"] == len(sealed) * 4
    assert lane.send_pending() == sealed
    assert lane.send_pending() == []
    assert [row.id for row in list_unanswered(line.site.store)] == sealed
    with read(line.site.store.engine) as connection:
        kinds = [row.kind for row in record_rows.list_encounter_records(connection, sealed[0])]
    assert sorted(kinds) == [Kind.DOCUMENT, Kind.FACE, Kind.PLATE, Kind.TEMPLATE]


def test_sweep_reaches_the_outbox(line: Line, clock: MovableClock) -> None:
    """What waits undelivered on this host dies with its hour as well."""
    lane = line.lane()
    lane.keep(make_vehicle(clock, {Seat.DRIVER: 1}))
    clock.move(timedelta(hours=14))
    erase_due(line.site.eraser)
    assert lane.send_pending() == []
    counts = line.hosts["lane1"].outbox.counts()
    assert (counts["queued"], counts["sent"]) == (0, 0)


def test_hour_erased_while_a_vehicle_is_sent(
    line: Line, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A vehicle whose hour is erased between being found in the outbox and being read is left out; the run goes on and answers the next."""
    lane = line.lane()
    lost = lane.keep(make_vehicle(clock, {Seat.DRIVER: 1}))
    clock.move(timedelta(hours=14))
    kept = lane.keep(make_vehicle(clock, {Seat.DRIVER: 2}))
    pending = Outbox.pending

    def erase_after(
        outbox: Outbox, limit: int = 64, *, without: Collection[EncounterId] = ()
    ) -> list[QueuedRecord]:
        found = pending(outbox, limit, without=without)
        erase_due(line.site.eraser)
        return found

    monkeypatch.setattr(Outbox, "pending", erase_after)
    told: list[Encounter] = []
    summary = OneHost(lane, open_matcher(line.site, line.searcher), told.append).run(iter(()))
    assert [one.id for one in told] == [kept.encounter]
    assert (lane.too_late, summary.too_late, summary.vehicles) == ({lost.encounter}, 1, 1)
    assert line.hosts["lane1"].outbox.counts()["queued"] == 0


def test_late_answer_dies_with_its_faces(line: Line, clock: MovableClock) -> None:
    """A pass that is delivered hours late is answered under the hour of its faces, so the plate lives no longer than they."""
    lane = line.lane()
    sealed = lane.keep(make_vehicle(clock, {Seat.DRIVER: 1}))
    clock.move(timedelta(hours=11))
    lane.send_pending()
    identify_encounter(line.work, sealed.encounter)
    with read(line.site.store.engine) as connection:
        epochs = {row.epoch for row in record_rows.list_encounter_records(connection, sealed.encounter)}
    assert epochs == {sealed.records[0].epoch}
    clock.move(timedelta(hours=2))
    erase_due(line.site.eraser)
    with read(line.site.store.engine) as connection:
        states = {row.status for row in record_rows.list_encounter_records(connection, sealed.encounter)}
    assert states == {RecordStatus.ERASED}


def test_replaced_lane_key_still_verifies(line: Line, clock: MovableClock) -> None:
    """A lane computer that gets a new key does not make what the old key sealed unreadable."""
    answered = line.drive(line.lane(), make_vehicle(clock, {Seat.DRIVER: 1}))
    face = answered.occupants[0].record
    assert face is not None
    line.site.keyroom.publish_roster(
        line.site.ledger, devices={"lane1": SigningIdentity("new", b"\x03" * 32).public}
    )
    officer = line.site.principal("officer-7", "officer")
    assert line.site.opener.read_now(officer, [face], Purpose.PRIMARY_INSPECTION) == [make_picture(1).data]


def test_delivered_after_its_hour(line: Line, clock: MovableClock) -> None:
    """What a long outage delivers after its class has run out is counted as captured, never opened, and swept next time."""
    lane = line.lane()
    sealed = lane.keep(make_vehicle(clock, {Seat.DRIVER: 1}))
    clock.move(timedelta(hours=14))
    far_away = replace(line.site.eraser, also=())  # a sweep that does not reach the lane's own computer
    erase_due(far_away)
    assert lane.send_pending() == [sealed.encounter]
    with pytest.raises(Erased):
        identify_encounter(line.work, sealed.encounter)
    (gone,) = erase_due(line.site.eraser)
    assert gone.records == len(sealed.records)
    with read(line.site.store.engine) as connection:
        states = {row.status for row in record_rows.list_encounter_records(connection, sealed.encounter)}
    assert states == {RecordStatus.ERASED}


def test_vehicle_without_faces(line: Line, clock: MovableClock) -> None:
    """A vehicle in which nobody was seen is an ordinary encounter with its plate."""
    answered = line.drive(line.lane(), make_vehicle(clock, {}))
    assert answered.occupants == ()
    assert answered.gallery == "port"
    assert record_crossings(line.register, answered) == []


def test_release_opens_once(line: Line, clock: MovableClock) -> None:
    """One release opens one record once; a second look needs a second intent."""
    answered = line.drive(line.lane(), make_vehicle(clock, {Seat.DRIVER: 1}))
    officer = line.site.principal("officer-7", "officer")
    face = answered.occupants[0].record
    assert face is not None
    (release,) = line.site.opener.request(officer, [face], Purpose.PRIMARY_INSPECTION)
    assert len(line.site.opener.open(officer, [release])) == 1
    with pytest.raises(NoIntent):
        line.site.opener.open(officer, [release])


def test_every_epoch_is_on_the_ledger(line: Line, clock: MovableClock) -> None:
    """Each key that anything is sealed to, the centre's own documents included, was announced once, before."""
    record_crossings(line.register, line.drive(line.lane(), make_vehicle(clock, {Seat.DRIVER: 1})))
    ledger = line.site.ledger
    captures = [ledger.entry(index) for index in ledger.find(type="capture")]
    epochs = {entry["epoch"] for entry in captures}
    assert {epoch.split("/")[0] for epoch in epochs} == {"citizen", "crossing"}
    for epoch in epochs:
        (made,) = ledger.find(type="epoch", object=epoch)
        assert made < min(ledger.find(type="capture", object=epoch))


def test_every_opening_is_on_the_ledger(line: Line, clock: MovableClock) -> None:
    """Each record that was opened has an intent before and a done after it, and the ledger verifies."""
    line.drive(line.lane(), make_vehicle(clock, {Seat.DRIVER: 1, Seat.FRONT_PASSENGER: 2}))
    ledger = line.site.ledger
    intents = {ledger.entry(i)["release"]: i for i in ledger.find(type="open-intent")}
    done = {ledger.entry(i)["release"]: i for i in ledger.find(type="open-done")}
    assert len(intents) == 3
    assert intents.keys() == done.keys()
    assert all(intents[release] < done[release] for release in intents)
