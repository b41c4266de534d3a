"""The centre's door: whose records it takes, and what it does with altered, foreign, late and repeated ones."""

from dataclasses import replace
from datetime import timedelta

import pytest
from lineparts import Line, MovableClock, make_vehicle

from wayseal.flow.encounter import receipt_bytes
from wayseal.model.border import Direction, Seat
from wayseal.model.custody import EpochKey, Receipt
from wayseal.model.errors import NotArmed, Refused, SealBroken
from wayseal.model.ids import EncounterId, epoch_id
from wayseal.seal.device import SealChain
from wayseal.seal.envelope import parse_record
from wayseal.seal.keys import SigningIdentity
from wayseal.store import records as record_rows
from wayseal.store.engine import read


def count_rows(line: Line, encounter: EncounterId) -> int:
    """Return how many records of an encounter the centre has."""
    with read(line.site.store.engine) as connection:
        return len(record_rows.list_encounter_records(connection, encounter))


def test_repeated_delivery(line: Line, clock: MovableClock) -> None:
    """A delivery that comes twice gives the same receipts, and one ledger entry and row for each record."""
    sealed = line.lane().keep(make_vehicle(clock, {Seat.DRIVER: 1}))
    first = line.site.receive(sealed.encounter, sealed.records, direction=Direction.ENTRY)
    again = line.site.receive(sealed.encounter, sealed.records, direction=Direction.ENTRY)
    assert first == again
    assert count_rows(line, sealed.encounter) == len(sealed.records)
    assert all(len(line.site.ledger.find(type="capture", object=r.object_id)) == 1 for r in first)


def test_altered_record_is_refused_whole(line: Line, clock: MovableClock) -> None:
    """One altered byte in one record, and nothing of the vehicle is kept or logged."""
    sealed = line.lane().keep(make_vehicle(clock, {Seat.DRIVER: 1}))
    data = bytearray(sealed.records[1].data)
    data[-100] ^= 1
    spoiled = [sealed.records[0], parse_record(bytes(data)), *sealed.records[2:]]
    size = line.site.ledger.size
    with pytest.raises(SealBroken):
        line.site.receive(sealed.encounter, spoiled, direction=Direction.ENTRY)
    assert (count_rows(line, sealed.encounter), line.site.ledger.size) == (0, size)


def test_unknown_device_is_refused(line: Line, clock: MovableClock) -> None:
    """A lane that is not on the roster delivers nothing, however well it seals."""
    lane = line.lane()
    stranger = SealChain(SigningIdentity("stranger", b"\x07" * 32), "lane1")
    keys = line.site.roster_keys(line.hosts["lane1"]).current()
    known = lane.keep(make_vehicle(clock, {Seat.DRIVER: 1})).records[0]
    forged = stranger.seal(
        b"x",
        object_id=known.header.object_id,
        kind=known.header.kind,
        epoch_keys=keys,
        sealed_at=known.header.sealed_at,
    )
    with pytest.raises(Refused, match="not on the roster"):
        line.site.receive(EncounterId(known.header.object_id), [forged], direction=Direction.ENTRY)


def test_device_of_another_lane_is_refused(line: Line, clock: MovableClock) -> None:
    """A registered device cannot speak for a lane that is not its own."""
    line.lane("in1")
    record = line.lane("in2").keep(make_vehicle(clock, {Seat.DRIVER: 1})).records[0]
    chain = SealChain(line.hosts["in1"].identity, "in2")
    keys = line.site.roster_keys(line.hosts["in1"]).current()
    forged = chain.seal(
        b"x",
        object_id=record.header.object_id,
        kind=record.header.kind,
        epoch_keys=keys,
        sealed_at=record.header.sealed_at,
    )
    with pytest.raises(SealBroken, match="another lane"):
        line.site.receive(EncounterId(record.header.object_id), [forged], direction=Direction.ENTRY)


def test_longer_class_is_refused(line: Line, clock: MovableClock) -> None:
    """A lane cannot lengthen a life by sealing to a class of its own choice."""
    record = line.lane().keep(make_vehicle(clock, {Seat.DRIVER: 1})).records[0]
    key = EpochKey(
        epoch_id("forever", clock()), line.site.roster_keys(line.hosts["lane1"]).current()[0].public
    )
    forged = line.hosts["lane1"].chain.seal(
        b"x", object_id=record.header.object_id, kind=record.header.kind, epoch_keys=[key], sealed_at=clock()
    )
    with pytest.raises(Refused, match="shortest class"):
        line.site.receive(EncounterId(record.header.object_id), [forged], direction=Direction.ENTRY)


def test_impossible_hour_is_refused(line: Line, clock: MovableClock) -> None:
    """Records of an hour that is yet to come, or of long ago, are refused."""
    sealed = line.lane().keep(make_vehicle(clock, {Seat.DRIVER: 1}))
    for step in (-timedelta(hours=3), timedelta(days=20)):
        clock.move(step)
        with pytest.raises(NotArmed):
            line.site.receive(sealed.encounter, sealed.records, direction=Direction.ENTRY)
        clock.move(-step)


def test_receipts_release_exactly_what_they_name(line: Line, clock: MovableClock) -> None:
    """The outbox lets a record go on the centre's signature over its bytes, and on nothing else."""
    sealed = line.lane().keep(make_vehicle(clock, {Seat.DRIVER: 1}))
    outbox = line.hosts["lane1"].outbox
    good, other, *_ = line.site.receive(sealed.encounter, sealed.records, direction=Direction.ENTRY)
    for wrong in (
        replace(good, ledger_index=good.ledger_index + 1),
        replace(good, sha256=other.sha256),
        replace(good, signature=other.signature),
        replace(good, signature=b"\0" * 64),
    ):
        with pytest.raises(Refused):
            outbox.release(wrong)
    assert outbox.counts()["released"] == 0
    outbox.release(good)
    assert outbox.counts()["released"] == 1


def test_receipt_of_another_centre(line: Line, clock: MovableClock) -> None:
    """A receipt that somebody else signed is worth nothing."""
    sealed = line.lane().keep(make_vehicle(clock, {Seat.DRIVER: 1}))
    record = sealed.records[0]
    thief = SigningIdentity("thief", b"\x09" * 32)
    message = receipt_bytes(record.header.object_id, record.sha256, 3)
    with pytest.raises(Refused, match="did not sign"):
        line.hosts["lane1"].outbox.release(
            Receipt(record.header.object_id, record.sha256, 3, thief.sign(message))
        )
