"""Rows and bytes agree with each other: after repeats, crashes, moves and purges, on both engines."""

import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, date, timedelta
from pathlib import Path

import pytest
import storechild
from sqlalchemy import delete
from storesite import NOON, build_record

from wayseal.model.border import Direction, Seat
from wayseal.model.custody import RecordStatus, SealedRecord
from wayseal.model.errors import Erased, Integrity, NotFound, StoreFull
from wayseal.model.ids import CrossingId, EncounterId, EpochId, RecordId
from wayseal.store import schema
from wayseal.store.blobs import SegmentStore
from wayseal.store.centre import (
    Arrival,
    CentreStore,
    Recovery,
    move_record,
    open_centre,
    purge_epoch,
    put_records,
    read_record,
    recover_store,
)
from wayseal.store.crossings import (
    StoredCrossing,
    add_crossings,
    find_open_entry,
    get_crossing,
    list_crossings,
    pair_crossings,
    set_decided,
)
from wayseal.store.encounters import (
    StoredEncounter,
    add_encounters,
    get_encounter,
    list_encounters,
    set_document,
    set_status,
)
from wayseal.store.engine import read, write
from wayseal.store.records import (
    count_alive,
    get_record,
    iterate_day_records,
    list_encounter_records,
    list_epoch_records,
    set_held,
)

EPOCH = EpochId("citizen/2026-11-22T12Z")
LONGER = EpochId("non_citizen/2026-11-22T12Z")
ENCOUNTER = EncounterId("E" * 26)


def put(store: CentreStore, *records: SealedRecord) -> None:
    """Keep records as one lane delivery."""
    put_records(store, [Arrival(record, ENCOUNTER, index) for index, record in enumerate(records)])


def status_of(store: CentreStore, object_id: RecordId) -> RecordStatus:
    """Return a record's status."""
    with read(store.engine) as connection:
        return get_record(connection, object_id).status


def test_kept_records_read_back(centre: CentreStore) -> None:
    """What was put reads back byte for byte, and its row says what its header said."""
    records = [build_record(lane=f"lane-{n}") for n in range(3)]
    put(centre, *records)
    for index, record in enumerate(records):
        assert read_record(centre, record.header.object_id) == record.data
        with read(centre.engine) as connection:
            row = get_record(connection, record.header.object_id)
        assert (row.lane, row.epoch, row.ledger_index) == (record.header.lane, EPOCH, index)
        assert row.sealed_at == record.header.sealed_at
    with read(centre.engine) as connection:
        assert len(list_encounter_records(connection, ENCOUNTER)) == 3
        assert count_alive(connection) == {EPOCH: 3}
        assert len(list(iterate_day_records(connection, date(2026, 11, 22)))) == 3
        assert list(iterate_day_records(connection, date(2026, 11, 23))) == []


def test_sending_again_changes_nothing(centre: CentreStore) -> None:
    """A lane may deliver a record any number of times, also twice in one call: it is stored once."""
    record = build_record()
    put(centre, record, record)
    size = centre.blobs.size(EPOCH)
    put(centre, record)
    assert centre.blobs.size(EPOCH) == size < 1000
    with read(centre.engine) as connection:
        assert get_record(connection, record.header.object_id).ledger_index == 0


def test_known_id_with_other_bytes_is_refused(centre: CentreStore) -> None:
    """Another record under a known id is tampering: refused, and the first one stays."""
    record = build_record(number=900_001)
    other = build_record(number=900_001, size=501)
    put(centre, record)
    with pytest.raises(Integrity, match="known id"):
        put(centre, other)
    assert read_record(centre, record.header.object_id) == record.data


def test_unknown_and_erased_differ(centre: CentreStore) -> None:
    """A record that never was is not found; one that was erased says so."""
    with pytest.raises(NotFound):
        read_record(centre, RecordId("X" * 26))
    record = build_record()
    put(centre, record)
    purge_epoch(centre, EPOCH, when=NOON, ledger_index=77)
    with pytest.raises(Erased):
        read_record(centre, record.header.object_id)
    with read(centre.engine) as connection:
        row = get_record(connection, record.header.object_id)
    assert (row.erased_at, row.erase_ledger_index, row.position) == (NOON, 77, None)


def test_lost_rows_are_made_again(centre: CentreStore) -> None:
    """Rows that a power cut undid come back from the segments at the next opening, exactly as they were."""
    records = [build_record() for _ in range(3)]
    put(centre, *records)
    with write(centre.engine) as connection:
        before = list_epoch_records(connection, EPOCH)
        connection.execute(delete(schema.records).where(schema.records.c.object_id != before[0].object_id))
    assert recover_store(centre) == Recovery(adopted=2, voided=0)
    assert recover_store(centre) == Recovery(0, 0)
    with read(centre.engine) as connection:
        assert list_epoch_records(connection, EPOCH) == before
    assert read_record(centre, records[2].header.object_id) == records[2].data


@pytest.mark.parametrize("cut", [1, 700, 1500])
def test_torn_group_gets_no_rows(centre: CentreStore, cut: int) -> None:
    """A delivery that a crash cut short is not there at all: none of its whole frames becomes a record; it comes again."""
    early, torn = [build_record() for _ in range(2)], [build_record() for _ in range(3)]
    put(centre, *early)
    put(centre, *torn)
    path = centre.blobs.folder / f"{EPOCH}.seg"
    with write(centre.engine) as connection:
        connection.execute(delete(schema.records))
    os.truncate(path, path.stat().st_size - cut)
    fresh = CentreStore(centre.engine, SegmentStore(centre.blobs.folder))
    assert recover_store(fresh).adopted == 2
    put(fresh, *torn)
    assert all(read_record(fresh, r.header.object_id) == r.data for r in (*early, *torn))
    recover_store(fresh)
    with write(fresh.engine) as connection:
        connection.execute(delete(schema.records))
    assert recover_store(fresh).adopted == 5


def test_damaged_bytes_get_no_row(centre: CentreStore) -> None:
    """A frame that was never acknowledged and is damaged or strange is not made a record, and stays as it is."""
    torn, bare = build_record(), build_record()
    put(centre, torn)
    centre.blobs.append([bare], EPOCH)
    with write(centre.engine) as connection:
        connection.execute(delete(schema.records))
    path = centre.blobs.folder / f"{EPOCH}.seg"
    data = path.read_bytes().replace(torn.data[:8], b"12345678")
    path.write_bytes(data)
    assert recover_store(centre) == Recovery(0, 0)
    assert path.read_bytes() == data
    with read(centre.engine) as connection:
        assert count_alive(connection) == {}


def test_frames_of_erased_records_are_voided(centre: CentreStore) -> None:
    """When a crash comes between marking rows and unlinking, the next opening overwrites the dead bytes."""
    record = build_record()
    put(centre, record)
    path = centre.blobs.folder / f"{EPOCH}.seg"
    data = path.read_bytes()
    purge_epoch(centre, EPOCH, when=NOON, ledger_index=1)
    path.write_bytes(data)
    assert recover_store(centre) == Recovery(adopted=0, voided=1)
    assert record.data[:40] not in path.read_bytes()
    assert status_of(centre, record.header.object_id) is RecordStatus.ERASED


def test_moved_record_dies_with_its_new_epoch(centre: CentreStore) -> None:
    """A re-wrapped record leaves no copy behind, survives its old epoch and dies with the longer one."""
    record, neighbour = build_record(), build_record()
    put(centre, record, neighbour)
    longer = SealedRecord(record.header, record.data + b"KEEP")
    move_record(centre, longer, LONGER)
    assert record.data[:40] not in (centre.blobs.folder / f"{EPOCH}.seg").read_bytes()
    purge_epoch(centre, EPOCH, when=NOON, ledger_index=1)
    assert read_record(centre, record.header.object_id) == longer.data
    assert status_of(centre, neighbour.header.object_id) is RecordStatus.ERASED
    purge_epoch(centre, LONGER, when=NOON, ledger_index=2)
    with pytest.raises(Erased):
        read_record(centre, record.header.object_id)
    with pytest.raises(Erased):
        move_record(centre, longer, LONGER)


def test_half_moved_record_is_the_old_one(centre: CentreStore) -> None:
    """A crash between the new copy and its row leaves the old copy as the record, and the new one is voided."""
    record = build_record()
    put(centre, record)
    centre.blobs.append([record], LONGER)
    assert recover_store(centre) == Recovery(adopted=0, voided=1)
    assert read_record(centre, record.header.object_id) == record.data
    assert list(centre.blobs.frames(LONGER)) == []


def test_held_and_live(centre: CentreStore) -> None:
    """Marking as held and back changes live records only."""
    record = build_record()
    put(centre, record)
    ids = [record.header.object_id]
    with write(centre.engine) as connection:
        assert set_held(connection, ids, held=True) == 1
        assert set_held(connection, ids, held=True) == 0
    assert status_of(centre, ids[0]) is RecordStatus.HELD
    with write(centre.engine) as connection:
        assert set_held(connection, ids, held=False) == 1
    purge_epoch(centre, EPOCH, when=NOON, ledger_index=1)
    with write(centre.engine) as connection:
        assert set_held(connection, ids, held=True) == 0
        assert [r.status for r in list_epoch_records(connection, EPOCH)] == [RecordStatus.ERASED]


def test_purge_waits_for_writers(centre: CentreStore) -> None:
    """Puts and purges of one epoch from several threads never leave an acknowledged, unerased record without bytes."""
    errors: list[BaseException] = []

    def deliver() -> None:
        try:
            for _ in range(5):
                put(centre, build_record(size=200))
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            errors.append(error)

    threads = [threading.Thread(target=deliver) for _ in range(3)]
    for thread in threads:
        thread.start()
    for index in range(4):
        purge_epoch(centre, EPOCH, when=NOON, ledger_index=index)
    for thread in threads:
        thread.join()
    assert errors == []
    with read(centre.engine) as connection:
        rows = list_epoch_records(connection, EPOCH)
    assert len(rows) == 15
    for row in rows:
        if row.status is not RecordStatus.ERASED:
            read_record(centre, row.object_id)


def test_full_store_keeps_what_it_acknowledged(centre: CentreStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the disk full a delivery gets no row at all, and goes in whole when there is room again."""
    record, late = build_record(), [build_record(), build_record()]
    put(centre, record)

    def refuse(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", refuse)
        with pytest.raises(StoreFull):
            put(centre, *late)
    with read(centre.engine) as connection:
        assert count_alive(connection) == {EPOCH: 1}
    put(centre, *late)
    assert read_record(centre, late[1].header.object_id) == late[1].data


@pytest.mark.parametrize("lines", [1, 3, 8])
def test_killed_writer_lost_nothing_acknowledged(tmp_path: Path, lines: int) -> None:
    """A writer killed with SIGKILL while it writes: all it acknowledged is there and whole, and nothing half written shows."""
    with subprocess.Popen(
        [sys.executable, storechild.__file__, "centre", str(tmp_path / "store"), "4"],
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        acknowledged = [child.stdout.readline().split() for _ in range(lines)]
        child.send_signal(signal.SIGKILL)
        acknowledged += [line.split() for line in child.stdout.read().splitlines() if line.count(" ") == 3]
    store = open_centre(tmp_path / "store")
    for object_id in (one for group in acknowledged for one in group):
        assert (
            read_record(store, RecordId(object_id)) == build_record(size=30_000, number=int(object_id)).data
        )
    with read(store.engine) as connection:
        rows = list_epoch_records(connection, EPOCH)
    assert {f.position for f in store.blobs.frames(EPOCH)} == {row.position for row in rows}
    assert all(f.intact for f in store.blobs.frames(EPOCH))
    store.close()


def test_truncated_segment_names_the_record(centre: CentreStore) -> None:
    """A segment cut short by hand: the damaged record is named, the others open, and nothing is repaired away."""
    records = [build_record() for _ in range(3)]
    put(centre, *records)
    path = centre.blobs.folder / f"{EPOCH}.seg"
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(Integrity) as caught:
        read_record(centre, records[2].header.object_id)
    assert caught.value.facts["record"] == records[2].header.object_id
    assert read_record(centre, records[0].header.object_id) == records[0].data
    fresh = SegmentStore(centre.blobs.folder, acknowledged=lambda _: path.stat().st_size + 1)
    with pytest.raises(Integrity):
        fresh.append([build_record()], EPOCH)


def make_encounter(number: int, **changes: object) -> StoredEncounter:
    """Return an encounter row."""
    values = {
        "id": EncounterId(f"{number:026d}"),
        "lane": "lane-1",
        "direction": Direction.ENTRY,
        "time": NOON + timedelta(minutes=number),
        "occupants_seen": 2,
        "document": None,
        "record_class": "citizen",
        "epoch": EPOCH,
    }
    return StoredEncounter(**{**values, **changes})  # type: ignore[arg-type]


def test_encounters_are_listed_newest_first(centre: CentreStore) -> None:
    """Lists can be cut to a lane and a span of time; documents and statuses can be set; a purge marks them erased."""
    rows = [make_encounter(n, lane=f"lane-{n % 2}") for n in range(4)]
    with write(centre.engine) as connection:
        add_encounters(connection, rows)
        set_document(connection, rows[3].id, RecordId("D" * 26), epoch=LONGER)
        set_status(connection, rows[3].id, RecordStatus.HELD)
    with read(centre.engine) as connection:
        assert [e.id for e in list_encounters(connection)] == [e.id for e in reversed(rows)]
        assert [e.id for e in list_encounters(connection, lane="lane-1", limit=1)] == [rows[3].id]
        span = list_encounters(connection, since=rows[1].time, until=rows[3].time)
        assert [e.id for e in span] == [rows[2].id, rows[1].id]
        changed = get_encounter(connection, rows[3].id)
    assert (changed.document, changed.record_class, changed.status) == (
        "D" * 26,
        "non_citizen",
        RecordStatus.HELD,
    )
    assert purge_epoch(centre, EPOCH, when=NOON, ledger_index=1).encounters == 3
    with write(centre.engine) as connection:
        assert get_encounter(connection, rows[0].id).status is RecordStatus.ERASED
        for change in (
            lambda: set_status(connection, ENCOUNTER, RecordStatus.LIVE),
            lambda: set_document(connection, ENCOUNTER, RecordId("D" * 26), epoch=EPOCH),
            lambda: get_encounter(connection, ENCOUNTER),
        ):
            with pytest.raises(NotFound):
                change()


def make_crossing(number: int, **changes: object) -> StoredCrossing:
    """Return a crossing row."""
    values = {
        "id": CrossingId(f"{number:026d}"),
        "encounter": ENCOUNTER,
        "seat": Seat.DRIVER,
        "lane": "lane-1",
        "direction": Direction.ENTRY,
        "time": NOON + timedelta(days=number),
        "traveller_tag": b"t" * 16,
        "plate_tag": None,
        "paired_with": None,
        "document": None,
        "decided": False,
        "record_class": "crossing",
        "epoch": "crossing/2026-11-22T12Z",
    }
    return StoredCrossing(**{**values, **changes})  # type: ignore[arg-type]


def test_exit_pairs_with_the_open_entry(centre: CentreStore) -> None:
    """An exit finds the traveller's newest unpaired entry; once paired neither is open; strangers never pair."""
    old, new = make_crossing(1), make_crossing(2)
    leaving = make_crossing(3, direction=Direction.EXIT)
    stranger = make_crossing(4, traveller_tag=None)
    with write(centre.engine) as connection:
        add_crossings(connection, [old, new, leaving, stranger])
        entry = find_open_entry(connection, b"t" * 16, before=leaving.time)
        assert entry == new
        pair_crossings(connection, new.id, leaving.id)
        assert get_crossing(connection, leaving.id).paired_with == new.id
        assert [c.id for c in list_crossings(connection, unpaired=True)] == [old.id]
        assert find_open_entry(connection, b"x" * 16, before=leaving.time) is None
        with pytest.raises(NotFound):
            pair_crossings(connection, new.id, leaving.id)
        assert [c.id for c in list_crossings(connection, before=new.time)] == [old.id]
        assert old.id not in {c.id for c in list_crossings(connection, since=new.time)}
        assert new.id in {c.id for c in list_crossings(connection, since=new.time)}
        assert len(list_crossings(connection, encounter=ENCOUNTER, limit=2)) == 2


def test_decision_moves_a_crossing(centre: CentreStore) -> None:
    """A decision points the crossing at its document and may correct the traveller."""
    with write(centre.engine) as connection:
        add_crossings(connection, [make_crossing(1)])
        chosen = make_crossing(1).id
        document, epoch = RecordId("D" * 26), EpochId("ees/2026-11-22T12Z")
        set_decided(connection, chosen, document=document, epoch=epoch, traveller_tag=b"u" * 16)
        changed = get_crossing(connection, chosen)
        assert (changed.decided, changed.record_class, changed.traveller_tag) == (True, "ees", b"u" * 16)
        with pytest.raises(NotFound):
            set_decided(connection, CrossingId("0" * 26), document=document, epoch=epoch, traveller_tag=None)


def test_expired_crossings_leave_no_tag(centre: CentreStore, tmp_path: Path) -> None:
    """When a crossing's class runs out its row is deleted with its tag, its partner is unpaired, and no file has the tag."""
    tag = b"0123456789abcdef-tag-of-somebody"
    gone = make_crossing(1, traveller_tag=tag)
    stays = make_crossing(2, epoch="crossing/2026-11-22T13Z", direction=Direction.EXIT)
    with write(centre.engine) as connection:
        add_crossings(connection, [gone, stays])
        pair_crossings(connection, gone.id, stays.id)
    purged = purge_epoch(centre, EpochId("crossing/2026-11-22T12Z"), when=NOON, ledger_index=1)
    assert purged.crossings == 1
    with read(centre.engine) as connection:
        assert get_crossing(connection, stays.id).paired_with is None
        with pytest.raises(NotFound):
            get_crossing(connection, gone.id)
    assert not any(tag in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())


def test_times_come_back_in_utc(centre: CentreStore) -> None:
    """Whatever zone a time was given in, it comes back aware and in UTC."""
    with write(centre.engine) as connection:
        add_encounters(connection, [make_encounter(1)])
        assert get_encounter(connection, make_encounter(1).id).time.tzinfo is UTC
