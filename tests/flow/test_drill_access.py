"""The drills at a real site: a vendor's account, canaries and a restored backup; and sites at which each of them must fail."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from drillparts import make_view, open_doors
from lineparts import PASSPHRASE, Line, MovableClock, make_vehicle

from wayseal.flow.drill.access import BURST, VENDOR, drill_canaries, drill_vendor
from wayseal.flow.drill.restore import drill_restore
from wayseal.flow.drill.view import DRILL
from wayseal.flow.policy import default_rules
from wayseal.flow.reconcile import Books, reconcile_day
from wayseal.model.border import Seat
from wayseal.model.custody import Purpose
from wayseal.model.oversight import Result
from wayseal.station.site import Site, init_site, open_site


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """Where drills put sealed bytes aside."""
    return tmp_path / "scratch"


@pytest.fixture
def busy(site: Site, line: Line, clock: MovableClock) -> Site:
    """A site at which a vehicle has been seen, so that its roster is out."""
    line.drive(line.lane(), make_vehicle(clock, {Seat.DRIVER: 1}))
    return site


def test_vendor_refused(busy: Site, scratch: Path) -> None:
    """At a site as it is made, every verb of a vendor's account is refused, and every attempt is on the ledger."""
    seen = drill_vendor(make_view(busy, scratch))
    assert seen.result is Result.PASS, seen.reason
    attempts = json.loads(seen.evidence)["attempts"]
    assert {f"open face for {purpose.value}" for purpose in Purpose} <= {one["verb"] for one in attempts}
    assert all(one["entries"] for one in attempts)
    opened = [busy.ledger.entry(index) for index in busy.ledger.find(actor=VENDOR, type="open-done")]
    assert all(one["outcome"] == "refused" for one in opened)


def loose_site(home: Path, clock: MovableClock, *rules: str) -> Site:
    """A site whose rules were replaced by others before it was made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wayseal.station.site.default_rules", lambda: "\n".join(rules))
        init_site(home, PASSPHRASE, evaluation=True, clock=clock)
    return open_site(home, PASSPHRASE, clock=clock)


def test_vendor_let_in(home: Path, clock: MovableClock, scratch: Path) -> None:
    """A site whose rules lost the vendors' line and gained a permit is caught, by the verbs that got through."""
    rules = default_rules().replace(
        'principal in Role::"vendor", action', 'principal in Role::"nobody", action'
    )
    hole = (
        '@id("a-hole")\npermit (principal in Role::"vendor", action == Action::"open", resource)\n'
        'when { resource.kind == "face" && context.purpose == "primary_inspection" };'
    )
    with loose_site(home, clock, rules, hole) as site:
        line = Line(site, clock)
        line.drive(line.lane(), make_vehicle(clock, {Seat.DRIVER: 1}))
        seen = drill_vendor(make_view(site, scratch))
    assert (seen.result, seen.reason) == (Result.FAIL, "open face for primary_inspection: allowed")


def test_vendor_may_export(home: Path, clock: MovableClock, scratch: Path) -> None:
    """A rule that lets a vendor ask for exports is caught though no key is asked for."""
    rules = default_rules().replace(
        'principal in Role::"vendor", action', 'principal in Role::"nobody", action'
    )
    hole = '@id("a-hole")\npermit (principal in Role::"vendor", action == Action::"export", resource);'
    with loose_site(home, clock, rules, hole) as site:
        seen = drill_vendor(make_view(site, scratch))
    assert (seen.result, seen.reason) == (Result.FAIL, "export: allowed")


def test_canaries_alarm(busy: Site, scratch: Path) -> None:
    """A burst on canaries is refused, and the ledger has a hit and an alarm for each."""
    before = busy.ledger.size
    seen = drill_canaries(make_view(busy, scratch))
    assert seen.result is Result.PASS, seen.reason
    alarms = [index for index in busy.ledger.find(type="alarm") if index >= before]
    assert len(alarms) == BURST


def test_canaries_forgotten(busy: Site, scratch: Path) -> None:
    """A keyroom that forgets its canaries opens one, and that is caught."""
    doors = open_doors(busy, scratch, note_canary=lambda _record: None)
    seen = drill_canaries(make_view(busy, scratch, doors=doors))
    assert seen.result is Result.FAIL
    assert "a canary was opened" in seen.reason
    assert "no alarm" in seen.reason


def test_late_alarm(busy: Site, scratch: Path, clock: MovableClock) -> None:
    """An alarm that comes more than a minute later, by the ledger's own times, is none."""

    def note_slowly(record: object) -> None:
        busy.keyroom.note_canary(record)  # type: ignore[arg-type]
        clock.move(timedelta(seconds=61))

    doors = open_doors(busy, scratch, note_canary=note_slowly)
    seen = drill_canaries(make_view(busy, scratch, doors=doors))
    assert (seen.result, seen.reason) == (Result.FAIL, "no alarm within 60 seconds")


def test_restore_stays_dead(busy: Site, scratch: Path, clock: MovableClock) -> None:
    """After a restore the erased record is dead and the other opens; a second drill in the hour passes as well."""
    for _ in range(2):
        seen = drill_restore(make_view(busy, scratch))
        assert seen.result is Result.PASS, seen.reason
    clock.move(timedelta(hours=1))
    assert drill_restore(make_view(busy, scratch)).result is Result.PASS
    assert len(list(scratch.iterdir())) == 1
    balance = busy.ledger.find(type="erase")
    assert [busy.ledger.entry(index)["reason"] for index in balance] == ["restore-drill"] * 2


def test_restored_key(busy: Site, scratch: Path, home: Path) -> None:
    """A backup that holds the keyroom's keys as well brings the erased record back, and that is caught."""
    folder = home / "keyroom"
    kept: dict[Path, bytes] = {}

    def back_up_keys(step: str, _epoch: object) -> None:
        files = [file for file in folder.rglob("*") if file.is_file() and "sqlite" not in file.name]
        if step == "planned":
            kept.update({file: file.read_bytes() for file in files})
        elif step == "done":
            for file in set(files) - kept.keys():
                file.unlink()
            for file, data in kept.items():
                file.write_bytes(data)

    doors = open_doors(busy, scratch)
    doors = replace(doors, eraser=replace(doors.eraser, on_step=back_up_keys))
    seen = drill_restore(make_view(busy, scratch, doors=doors))
    assert seen.result is Result.FAIL
    assert "an erased record opens after a restore" in seen.reason


def test_restore_shows_nothing(busy: Site, scratch: Path) -> None:
    """When the record that should open does not, the drill is an error: it proved nothing about the other one."""
    doors = open_doors(busy, scratch, agency="somebody-else", record_class="drill")
    assert drill_restore(make_view(busy, scratch, doors=doors)).result is Result.ERROR


def test_no_plaintext_left(busy: Site, scratch: Path, home: Path) -> None:
    """The drills leave sealed bytes only: what they sealed is in no file in the clear."""
    noise = b"a noise that nobody else makes" * 10
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("wayseal.flow.drill.records.make_noise", lambda: noise)
        assert drill_restore(make_view(busy, scratch)).result is Result.PASS
    files = [file for folder in (home, scratch) for file in folder.rglob("*") if file.is_file()]
    assert len(files) > 10
    assert not [file for file in files if noise[:30] in file.read_bytes()]


def test_no_doors(site: Site, scratch: Path) -> None:
    """Without access to the site's doors each drill is an error."""
    view = replace(make_view(site, scratch), doors=None)
    for drill in (drill_vendor, drill_canaries, drill_restore):
        assert drill(view).result is Result.ERROR


def test_day_balances(busy: Site, home: Path, clock: MovableClock) -> None:
    """After every drill, put aside under the home itself, each lane's day balances and no copy is a stray one."""
    view = make_view(busy, home / "oversight")
    for drill in (drill_vendor, drill_canaries, drill_restore, drill_restore):
        assert drill(view).result is Result.PASS
    outboxes = tuple((home / "lanes").glob("*"))
    balances = reconcile_day(Books(busy.ledger, busy.store, busy.schedule, home, outboxes), clock().date())
    assert set(balances) == {"lane1", DRILL}
    assert all(one.is_balanced for one in balances.values())
