"""Attackers who rebuild everything but the signature, and processes killed at every step of signing: all found, all recovered."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from ledgersite import LOG, LOG_KEYS, make_capture, make_ledger

from wayseal.ledger import proof
from wayseal.ledger.check import verify_ledger
from wayseal.ledger.checkpoint import read_checkpoint
from wayseal.ledger.entry import COLUMNS, decode_entry, encode_entry, list_references
from wayseal.ledger.log import Ledger
from wayseal.ledger.reader import FILE_NAME
from wayseal.model.errors import LedgerBroken

SIZE = 24
History = list[bytes]


def edit(history: History, dice: random.Random) -> None:
    """Change one entry."""
    history[dice.randrange(len(history))] = encode_entry(make_capture(dice.randrange(1000, 2000)))


def drop(history: History, dice: random.Random) -> None:
    """Take one entry out and close the gap."""
    del history[dice.randrange(len(history))]


def insert(history: History, dice: random.Random) -> None:
    """Slip an entry in between."""
    history.insert(dice.randrange(len(history)), encode_entry(make_capture(dice.randrange(1000, 2000))))


def swap(history: History, dice: random.Random) -> None:
    """Exchange two entries."""
    first, second = dice.sample(range(len(history)), 2)
    history[first], history[second] = history[second], history[first]


def truncate(history: History, dice: random.Random) -> None:
    """Cut off the newest entries."""
    del history[dice.randrange(len(history)) :]


def double(history: History, dice: random.Random) -> None:
    """Repeat an entry where it stands."""
    place = dice.randrange(len(history))
    history.insert(place, history[place])


def replace_tail(history: History, dice: random.Random) -> None:
    """Fork: another history from some point on, at least as long."""
    place = dice.randrange(len(history))
    history[place:] = [
        encode_entry(make_capture(3000 + number))
        for number in range(len(history) - place + dice.randrange(3))
    ]


ATTACKS: list[Callable[[History, random.Random], None]] = [
    edit,
    drop,
    insert,
    swap,
    truncate,
    double,
    replace_tail,
]


def rebuild(file: Path, history: History) -> None:
    """Write a whole new history into the file: entries, columns, references and every hash, as Wayseal itself would."""
    with closing(sqlite3.connect(file)) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f"DROP TRIGGER {name}")
        for table in ("entries", "refs", "nodes"):
            connection.execute(f"DELETE FROM {table}")  # noqa: S608 - fixed names
        tree = proof.CompactRange()
        for number, data in enumerate(history):
            entry = decode_entry(data)
            row = (number, *(entry.get(name) for name in COLUMNS), data)
            connection.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
            connection.executemany(
                "INSERT INTO refs VALUES (?, ?)", [(ref, number) for ref in list_references(entry)]
            )
            connection.executemany("INSERT INTO nodes VALUES (?, ?, ?)", tree.append(proof.hash_leaf(data)))
        connection.commit()


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
@pytest.mark.parametrize("beside", ["kept", "removed"])
def test_rebuilt_histories_are_always_found(
    tmp_path: Path, attack: Callable[[History, random.Random], None], beside: str
) -> None:
    """The strongest edit without the key, in ten variations each: verifying, appending and signing all refuse."""
    ledger = make_ledger(tmp_path / "ledger", SIZE)
    honest = ledger.raw_entries(0, SIZE)
    ledger.close()
    if beside == "removed":
        (ledger.folder / "checkpoint").unlink()
    for seed in range(10):
        history = list(honest)
        attack(history, random.Random(seed))
        rebuild(ledger.folder / FILE_NAME, history)
        with pytest.raises(LedgerBroken):
            verify_ledger(ledger.folder / FILE_NAME, LOG_KEYS)
        again = Ledger(ledger.folder)
        with pytest.raises(LedgerBroken):
            again.sign_checkpoint(LOG)
        with pytest.raises(LedgerBroken):
            again.append([make_capture(1)])
        again.close()
    rebuild(ledger.folder / FILE_NAME, honest)
    assert verify_ledger(ledger.folder / FILE_NAME, LOG_KEYS).size == SIZE, (
        "the rebuilding itself is faithful"
    )


def test_edit_under_a_running_process_is_found(tmp_path: Path) -> None:
    """A ledger that is open, and remembers its tree, notices that somebody else rewrote the file at the same size."""
    ledger = make_ledger(tmp_path / "ledger", SIZE)
    history = ledger.raw_entries(0, SIZE)
    edit(history, random.Random(1))
    rebuild(ledger.folder / FILE_NAME, history)
    for act in (lambda: ledger.sign_checkpoint(LOG), lambda: ledger.append([make_capture(99)])) * 2:
        with pytest.raises(LedgerBroken, match="contradicts"):
            act()
    ledger.close()


KILLED = textwrap.dedent(
    """
    import os, signal, sys
    from pathlib import Path
    from ledgersite import LOG, make_capture
    from wayseal.ledger import history, log
    step = sys.argv[1]
    def die_at(name, act):
        def wrapped(*values, **more):
            if step == "before " + name:
                os.kill(os.getpid(), signal.SIGKILL)
            answer = act(*values, **more)
            if step == "after " + name:
                os.kill(os.getpid(), signal.SIGKILL)
            return answer
        return wrapped
    ledger = log.Ledger(Path(sys.argv[2]))
    ledger.append([make_capture(number) for number in range(24, 30)])
    log.keep_checkpoint = die_at("keeping", log.keep_checkpoint)
    log.write_beside = die_at("showing", log.write_beside)
    history.os.fsync = die_at("flushing", history.os.fsync)
    ledger.sign_checkpoint(LOG)
    """
)
STEPS = {
    "before keeping": SIZE, "after keeping": SIZE, "before showing": SIZE + 6, "before flushing": SIZE + 6,
    "after flushing": SIZE + 6, "after showing": SIZE + 6,
}  # fmt: skip


@pytest.mark.parametrize("step", STEPS)
def test_killed_while_signing_goes_on(tmp_path: Path, step: str) -> None:
    """Killed at each step of keeping and showing a checkpoint: the ledger verifies, knows what it signed, and signs on."""
    make_ledger(tmp_path / "ledger", SIZE).close()
    process = subprocess.run(
        [sys.executable, "-c", KILLED, step, str(tmp_path / "ledger")],
        check=False, capture_output=True, env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
    )  # fmt: skip
    assert process.returncode == -signal.SIGKILL, process.stderr.decode()
    found = verify_ledger(tmp_path / "ledger" / FILE_NAME, LOG_KEYS)
    assert (found.size, found.signed_size) == (SIZE + 6, STEPS[step])
    ledger = Ledger(tmp_path / "ledger")
    assert read_checkpoint(str(ledger.latest_checkpoint())).size == STEPS[step]
    ledger.append([make_capture(SIZE + 6)])
    assert read_checkpoint(ledger.sign_checkpoint(LOG)).size == SIZE + 7
    ledger.close()
    assert verify_ledger(tmp_path / "ledger" / FILE_NAME, LOG_KEYS).signed_size == SIZE + 7
