"""Holds: two people, a reason and an end; kept records live on, and die with the hold."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from erasingsite import START, Site, is_open, open_site

from wayseal.flow.erase import erase_due
from wayseal.flow.hold import finish_hold, lift_hold, place_hold
from wayseal.model.custody import Hold, RecordStatus, SealedRecord
from wayseal.model.errors import Erased, Invalid, NotFound, Refused
from wayseal.model.ids import RecordId
from wayseal.retention.schedule import is_hold
from wayseal.store.engine import read
from wayseal.store.holds import get_hold, list_holds
from wayseal.store.records import get_record

PEOPLE = ("privacy:p12", "security:s34")
UNTIL = START + timedelta(days=30)
EXPIRED = START + timedelta(hours=14)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site with an empty store."""
    opened = open_site(tmp_path / "site")
    yield opened
    opened.close()


def hold(site: Site, *records: SealedRecord, days: int = 30) -> Hold:
    """Place a hold on records."""
    until = site.now + timedelta(days=days)
    ids = [r.header.object_id for r in records]
    return place_hold(
        site.eraser(), ids, reason="court-order-26.114", approvers=PEOPLE, until=until, keep=site.keep
    )


def test_held_record_outlives_its_class(site: Site) -> None:
    """Its neighbours of the same hour die on time; the held one opens until the hold ends, and then dies too."""
    kept, gone = site.capture(b"kept"), site.capture(b"gone")
    placed = hold(site, kept)
    site.now = EXPIRED
    erase_due(site.eraser())
    assert site.open(kept.header.object_id) == b"kept"
    assert not is_open(site, gone.header.object_id)
    with read(site.store.engine) as connection:
        assert get_record(connection, kept.header.object_id).status is RecordStatus.HELD
        assert list_holds(connection, active_at=site.now) == [placed]
    site.now = placed.until + timedelta(hours=1)
    erase_due(site.eraser())
    assert not is_open(site, kept.header.object_id)
    with read(site.store.engine) as connection:
        assert list_holds(connection, active_at=site.now) == []


def test_lifting_kills_what_nothing_else_keeps(site: Site) -> None:
    """A lifted hold's records die at once when their own class has run out."""
    kept = site.capture(b"kept")
    placed = hold(site, kept)
    site.now = EXPIRED
    erase_due(site.eraser())
    lift_hold(site.eraser(), placed.id, reason="case-closed", approvers=PEOPLE)
    assert not is_open(site, kept.header.object_id)
    with read(site.store.engine) as connection:
        assert get_hold(connection, placed.id).lifted_at == site.now
        assert get_record(connection, kept.header.object_id).status is RecordStatus.ERASED


def test_lifting_returns_what_its_class_still_keeps(site: Site) -> None:
    """Lifted before the class has run out, the record is live again and dies with its own hour."""
    kept = site.capture(b"kept")
    placed = hold(site, kept)
    lift_hold(site.eraser(), placed.id, reason="case-closed", approvers=PEOPLE)
    assert site.open(kept.header.object_id) == b"kept"
    with read(site.store.engine) as connection:
        row = get_record(connection, kept.header.object_id)
    assert (row.status, row.epoch) == (RecordStatus.LIVE, kept.header.epoch)
    site.now = EXPIRED
    erase_due(site.eraser())
    assert not is_open(site, kept.header.object_id)


def test_two_holds_on_one_record(site: Site) -> None:
    """The longer of two holds keeps the record; lifted, the shorter one still does."""
    kept = site.capture(b"kept")
    short, long = hold(site, kept, days=10), hold(site, kept, days=20)
    site.now = EXPIRED
    erase_due(site.eraser())
    lift_hold(site.eraser(), long.id, reason="case-closed", approvers=PEOPLE)
    assert site.open(kept.header.object_id) == b"kept"
    with read(site.store.engine) as connection:
        row = get_record(connection, kept.header.object_id)
    assert is_hold(row.epoch)
    assert row.status is RecordStatus.HELD
    site.now = short.until + timedelta(hours=1)
    erase_due(site.eraser())
    assert not is_open(site, kept.header.object_id)


def test_interrupted_hold_is_finished(site: Site) -> None:
    """When re-wrapping fails half way, finishing re-wraps the rest, and each record once."""
    records = [site.capture(bytes([n])) for n in range(3)]
    calls: list[str] = []

    def fail_second(object_id: RecordId, epoch: str, reason: str) -> None:
        calls.append(object_id)
        if len(calls) == 2:
            raise Refused("the keyroom said no")
        site.keep(object_id, epoch, reason)  # type: ignore[arg-type]

    ids = [r.header.object_id for r in records]
    with pytest.raises(Refused):
        place_hold(site.eraser(), ids, reason="audit", approvers=PEOPLE, until=UNTIL, keep=fail_second)
    with read(site.store.engine) as connection:
        (begun,) = list_holds(connection)
    assert finish_hold(site.eraser(), begun.id, keep=site.keep) == 2
    site.now = EXPIRED
    erase_due(site.eraser())
    assert all(is_open(site, one) for one in ids)


@pytest.mark.parametrize(
    ("approvers", "reason", "days", "error"),
    [
        (("privacy:p12",), "audit", 30, Refused),
        (("privacy:p12", "officer:p12"), "audit", 30, Refused),
        (("privacy:p12", "Officer:P12"), "audit", 30, Refused),
        (PEOPLE, "he said that I should", 30, Invalid),
        (PEOPLE, "audit", -1, Invalid),
        (PEOPLE, "audit", 400, Invalid),
        (PEOPLE, "audit", 0, Invalid),
    ],
)
def test_bad_holds_are_refused(
    site: Site, approvers: tuple[str, ...], reason: str, days: int, error: type[Exception]
) -> None:
    """One approver, one person twice, free text, a past end, an end beyond a year: refused, and nothing is logged."""
    record = site.capture(b"a")
    size = site.ledger.size
    with pytest.raises(error):
        place_hold(
            site.eraser(),
            [record.header.object_id],
            reason=reason,
            approvers=approvers,
            until=START + timedelta(days=days),
            keep=site.keep,
        )
    assert site.ledger.size == size


def test_hold_comes_too_late(site: Site) -> None:
    """An erased record cannot be held, nor one that is not there, nor one that lives longer anyway."""
    record = site.capture(b"a")
    with pytest.raises(Invalid):
        hold(site, site.capture(b"b", record_class="non_citizen"), days=3)
    site.now = EXPIRED
    erase_due(site.eraser())
    with pytest.raises(Erased):
        hold(site, record)
    with pytest.raises(NotFound):
        place_hold(
            site.eraser(), [RecordId("0" * 26)], reason="audit", approvers=PEOPLE, until=UNTIL, keep=site.keep
        )


def test_ledger_names_who_holds(site: Site) -> None:
    """A hold and its end are the approvers' acts on the ledger, not the sweep's."""
    placed = hold(site, site.capture(b"kept"))
    lift_hold(site.eraser(), placed.id, reason="case-closed", approvers=PEOPLE)
    acts = [site.ledger.entry(index) for kind in ("hold", "lift") for index in site.ledger.find(type=kind)]
    assert [(act["actor"] in PEOPLE, sorted(act["approvers"])) for act in acts] == [
        (True, sorted(PEOPLE))
    ] * 2
