"""The sweep tidies up after dead keys only; the rules of holds without a site."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from wayseal.model.errors import Invalid, NotFound, Refused
from wayseal.model.ids import EpochId, RecordId
from wayseal.retention.hold import check_approvers, check_reason, check_records, check_until
from wayseal.retention.residue import list_places, system_places
from wayseal.retention.sweep import list_epochs, sweep_epoch
from wayseal.store.centre import open_centre

EPOCH = EpochId("citizen/2026-11-22T12Z")
NOW = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)


def test_living_epochs_are_not_swept(tmp_path: Path) -> None:
    """While an epoch's key is alive its bytes and rows are not touched; afterwards a sweep may be repeated."""
    store = open_centre(tmp_path)
    segment = store.blobs.folder / f"{EPOCH}.seg"
    segment.parent.mkdir()
    segment.write_bytes(b"bytes")
    with pytest.raises(Refused):
        sweep_epoch(store, EPOCH, has_key=lambda _: True, when=NOW, ledger_index=0)
    assert segment.exists()
    assert list_epochs(store, [EpochId("ees/2026-11-22T12Z")]) == {EPOCH: 0, "ees/2026-11-22T12Z": 0}
    assert sweep_epoch(store, EPOCH, has_key=lambda _: False, when=NOW, ledger_index=0).freed_bytes == 5
    assert sweep_epoch(store, EPOCH, has_key=lambda _: False, when=NOW, ledger_index=0).freed_bytes == 0
    assert not segment.exists()
    store.close()


def test_hold_rules() -> None:
    """Two people, a code, named records, an end within a year: each rule on its own."""
    assert check_approvers(["security:s34", "privacy:p12"]) == ("privacy:p12", "security:s34")
    for names in ([], ["a:p12"], ["a:p12", "a:p12"], ["a:", "b:p12"], ["a:x", "b:y", "c:z"]):
        with pytest.raises(Refused):
            check_approvers(names)
    one = RecordId("01KB3Z6V8N4Q0T2Y5RWXEJ7MCH")
    assert check_records([one, one]) == (one,)
    too_many = [RecordId(f"{n:026d}") for n in range(1001)]
    for records in ([], [RecordId("everything")], too_many):
        with pytest.raises(Invalid):
            check_records(records)
    assert check_reason("court-order-26.114") == "court-order-26.114"
    with pytest.raises(Invalid):
        check_reason("Somebody's name")
    assert check_until(NOW + timedelta(days=366), NOW)
    for until in (NOW, NOW + timedelta(days=367), NOW.replace(tzinfo=None)):
        with pytest.raises(Invalid):
            check_until(until, NOW)


def test_places_to_search(tmp_path: Path) -> None:
    """A path that is not there is an error, not an empty search; the system's places come after the named ones."""
    assert list_places([tmp_path], system=False) == [tmp_path]
    assert list_places([tmp_path], system=True) == [tmp_path, *system_places()]
    with pytest.raises(NotFound):
        list_places([tmp_path / "none"], system=False)
