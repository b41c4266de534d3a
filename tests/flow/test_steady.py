"""What goes on by itself: the ledger stays witnessed, absent witnesses are told of, and what is due is erased."""

from datetime import timedelta
from pathlib import Path

from lineparts import Line, MovableClock, make_vehicle

from wayseal.ledger.checkpoint import SeedSigner, log_keys, read_checkpoint, witness_keys
from wayseal.model.border import Seat
from wayseal.model.custody import RecordStatus
from wayseal.station.steady import POLICY, Publisher, Sweeper
from wayseal.store.encounters import get_encounter
from wayseal.store.engine import read


def test_signs_without_policy(line: Line, clock: MovableClock) -> None:
    """Without witnesses the ledger is at least signed up to its last entry."""
    line.drive(line.lane(), make_vehicle(clock, {Seat.DRIVER: 1}))
    publisher = Publisher(line.site)
    publisher.do_once()
    note = line.site.ledger.latest_checkpoint()
    assert note is not None
    assert read_checkpoint(note).size == line.site.ledger.size
    assert publisher.problem is None


def test_absent_witness_is_told(line: Line) -> None:
    """A witness that does not answer leaves a problem to show, and no exception."""
    signer = SeedSigner(b"\x05" * 32)
    (log, *_), (witness, *_) = (
        log_keys(line.site.ledger.origin, line.site.keys.log_signer),
        witness_keys("w", signer),
    )
    policy = f"log {log}\nwitness w {witness} http://127.0.0.1:9\nquorum w\n"
    (line.site.ledger.folder / POLICY).write_text(policy, encoding="utf-8")
    publisher = Publisher(line.site)
    publisher.do_once()
    assert publisher.problem == "the witnesses' quorum does not stand"


def test_broken_policy_is_told(line: Line) -> None:
    """A policy that cannot be read is a problem to show as well."""
    (line.site.ledger.folder / POLICY).write_text("nonsense\n", encoding="utf-8")
    with Publisher(line.site, pace_s=60) as publisher:
        publisher.do_once()
        assert publisher.problem
    assert Path(line.site.ledger.folder).is_dir()


def test_sweeper_erases_what_is_due(line: Line, clock: MovableClock) -> None:
    """A station that runs over the end of a class forgets by itself."""
    answered = line.drive(line.lane(), make_vehicle(clock, {Seat.DRIVER: 1}))
    clock.move(timedelta(hours=13, minutes=1))
    with Sweeper(line.site, pace_s=3600) as sweeper:
        pass
    assert sweeper.problem is None
    with read(line.site.store.engine) as connection:
        assert get_encounter(connection, answered.id).status is RecordStatus.ERASED
