"""Rows of holds and releases, on both engines."""

from datetime import timedelta

import pytest
from storesite import NOON, build_record

from wayseal.model.custody import Hold, Purpose, Release
from wayseal.model.errors import Invalid, NotFound, Refused
from wayseal.model.ids import RecordId
from wayseal.store.centre import Arrival, CentreStore, put_records
from wayseal.store.engine import read, write
from wayseal.store.holds import add_hold, get_hold, lift_hold, list_holds
from wayseal.store.releases import add_release, get_release, list_releases, mark_opened, set_approvers

HOLD = Hold("H" * 26, (), "audit", ("privacy:p12", "security:s34"), NOON, NOON + timedelta(days=9))


def make_release(number: int) -> Release:
    """Return a release."""
    return Release(
        id=f"{number:026d}",
        record=RecordId("R" * 26),
        purpose=Purpose.SECONDARY_INSPECTION,
        principal="officer:b17",
        requested_at=NOON + timedelta(minutes=number),
        expires_at=NOON + timedelta(hours=1),
        ledger_index=number,
        approved_by=("privacy:p12",),
    )


def test_holds_come_back(centre: CentreStore) -> None:
    """A hold is in force from placing to its end or its lifting, with exactly its records."""
    records = [build_record() for _ in range(2)]
    put_records(centre, [Arrival(record, None, 0) for record in records])
    hold = Hold(
        **{f: getattr(HOLD, f) for f in HOLD.__slots__ if f != "records"},
        records=tuple(r.header.object_id for r in records),
    )
    with write(centre.engine) as connection:
        add_hold(connection, hold, ledger_index=5)
    with read(centre.engine) as connection:
        assert get_hold(connection, hold.id) == hold
        assert list_holds(connection, active_at=NOON) == [hold]
        assert list_holds(connection, active_at=NOON - timedelta(seconds=1)) == []
        assert list_holds(connection, active_at=hold.until) == []
    with write(centre.engine) as connection:
        lift_hold(connection, hold.id, when=NOON + timedelta(days=1))
        assert list_holds(connection, active_at=NOON + timedelta(days=2)) == []
        assert len(list_holds(connection)) == 1
        with pytest.raises(NotFound):
            lift_hold(connection, hold.id, when=NOON)
        with pytest.raises(NotFound):
            get_hold(connection, "X" * 26)


def test_hold_of_unknown_records_is_refused(centre: CentreStore) -> None:
    """A hold cannot name a record that is not in the store, and leaves no row behind."""
    bad = Hold(**{**{f: getattr(HOLD, f) for f in HOLD.__slots__}, "records": (RecordId("Z" * 26),)})

    def place() -> None:
        with write(centre.engine) as connection:
            add_hold(connection, bad, ledger_index=5)

    with pytest.raises(Invalid):
        place()
    with read(centre.engine) as connection:
        assert list_holds(connection) == []


def test_release_opens_once(centre: CentreStore) -> None:
    """One release opens one record once; a second use is refused."""
    with write(centre.engine) as connection:
        add_release(connection, make_release(1))
        add_release(connection, make_release(2))
        assert get_release(connection, make_release(1).id) == make_release(1)
        assert list_releases(connection, record=RecordId("R" * 26)) == [make_release(2), make_release(1)]
        assert list_releases(connection, principal="somebody:else") == []
        set_approvers(connection, make_release(1).id, ("a:a", "b:b"))
        assert get_release(connection, make_release(1).id).approved_by == ("a:a", "b:b")
        mark_opened(connection, make_release(1).id, when=NOON, ledger_index=9)
        with pytest.raises(Refused):
            mark_opened(connection, make_release(1).id, when=NOON, ledger_index=10)
        with pytest.raises(NotFound):
            get_release(connection, "X" * 26)
        with pytest.raises(NotFound):
            set_approvers(connection, "X" * 26, ())
