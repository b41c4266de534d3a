"""Whatever somebody with the disk does to the ledger's file, verifying says so and names the place."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from ledgersite import LOG, LOG_KEYS, ORIGIN, Hands, make_capture, make_ledger

from wayseal.ledger import proof
from wayseal.ledger.check import read_vkeys, verify_ledger
from wayseal.ledger.checkpoint import Checkpoint, SeedSigner, sign_checkpoint
from wayseal.ledger.entry import encode_entry
from wayseal.ledger.log import Ledger
from wayseal.ledger.reader import FILE_NAME
from wayseal.ledger.tiles import export_tiles
from wayseal.model.errors import LedgerBroken, NotFound

SIZE = 300
Attack = Callable[[sqlite3.Connection], object]


def tamper(ledger: Ledger, attack: Attack) -> None:
    """Do something to the file behind the ledger's back, guards removed first, as an attacker would."""
    ledger.close()
    with closing(sqlite3.connect(ledger.folder / FILE_NAME)) as connection:
        guards = connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for (name,) in guards:
            connection.execute(f"DROP TRIGGER {name}")
        attack(connection)
        connection.commit()


def verify(ledger: Ledger) -> LedgerBroken:
    """Verify, and return the complaint that there must be."""
    with pytest.raises(LedgerBroken) as caught:
        verify_ledger(ledger.folder / FILE_NAME, LOG_KEYS)
    return caught.value


def test_untouched_ledger_verifies(ledger: Ledger) -> None:
    """A ledger nobody touched verifies, with both signatures of the log."""
    found = verify_ledger(ledger.folder / FILE_NAME, read_vkeys(ledger.folder))
    assert (found.size, found.root, found.signed_size, len(found.signatures)) == (
        SIZE,
        ledger.root(),
        SIZE,
        2,
    )


@pytest.mark.parametrize("index", [0, 1, 100, 255, 256, SIZE - 1])
def test_edited_entry_is_found_by_index(ledger: Ledger, index: int) -> None:
    """One entry edited, in canonical form and with its columns left alone, is named."""
    other = encode_entry(make_capture(index, size=1))
    tamper(ledger, lambda file: file.execute("UPDATE entries SET data = ? WHERE number = ?", (other, index)))
    assert verify(ledger).facts["index"] == index


@pytest.mark.parametrize("position", range(0, 200, 7))
def test_any_flipped_bit_is_found(ledger: Ledger, position: int) -> None:
    """A bit flipped anywhere in an entry's bytes is found and the entry named."""
    data = bytearray(ledger.raw(77))
    data[position % len(data)] ^= 1 << (position % 8)
    tamper(ledger, lambda file: file.execute("UPDATE entries SET data = ? WHERE number = 77", (bytes(data),)))
    assert verify(ledger).facts["index"] == 77


def test_edit_with_rebuilt_hashes_is_found(ledger: Ledger) -> None:
    """An attacker who edits an entry and rebuilds every hash over it still lacks the signature over the root."""

    def attack(file: sqlite3.Connection) -> None:
        file.execute("UPDATE entries SET data = ? WHERE number = 5", (encode_entry(make_capture(5, size=1)),))
        file.execute("DELETE FROM nodes")
        tree = proof.CompactRange()
        for (data,) in file.execute("SELECT data FROM entries ORDER BY number").fetchall():
            file.executemany("INSERT INTO nodes VALUES (?, ?, ?)", tree.append(proof.hash_leaf(data)))

    tamper(ledger, attack)
    assert "contradicts a checkpoint" in str(verify(ledger))


def test_swapped_entries_are_found(ledger: Ledger) -> None:
    """Two entries in each other's place are found at the first of them."""

    def attack(file: sqlite3.Connection) -> None:
        file.execute("CREATE TEMP TABLE held AS SELECT * FROM entries WHERE number IN (40, 50)")
        file.execute("DELETE FROM entries WHERE number IN (40, 50)")
        file.execute("UPDATE held SET number = 90 - number")
        file.execute("INSERT INTO entries SELECT * FROM held")

    tamper(ledger, attack)
    assert verify(ledger).facts["index"] == 40


@pytest.mark.parametrize("index", [0, 17, SIZE - 1])
def test_dropped_entry_is_found(ledger: Ledger, index: int) -> None:
    """An entry taken out of the file is missed, wherever it was."""
    tamper(ledger, lambda file: file.execute("DELETE FROM entries WHERE number = ?", (index,)))
    complaint = verify(ledger)
    assert complaint.facts["index"] == index


def test_truncation_is_found(ledger: Ledger) -> None:
    """Cutting off the newest entries, with every trace of them in the tables, is found by the signed checkpoint."""

    def attack(file: sqlite3.Connection) -> None:
        file.execute("DELETE FROM entries WHERE number >= 256")
        file.execute("DELETE FROM refs WHERE number >= 256")
        file.execute("DELETE FROM nodes WHERE (number + 1) * (1 << level) > 256")

    tamper(ledger, attack)
    assert verify(ledger).facts["index"] == 256


def test_truncation_with_its_checkpoint_is_found_beside(ledger: Ledger) -> None:
    """Cutting off entries and the signed checkpoints over them is found by the checkpoint beside the file."""

    def attack(file: sqlite3.Connection) -> None:
        file.execute("DELETE FROM entries WHERE number >= 256")
        file.execute("DELETE FROM refs WHERE number >= 256")
        file.execute("DELETE FROM nodes WHERE (number + 1) * (1 << level) > 256")
        file.execute("DELETE FROM checkpoints")

    tamper(ledger, attack)
    assert verify(ledger).facts["signed"] == SIZE
    with pytest.raises(LedgerBroken):
        Ledger(ledger.folder).append([make_capture(1)])


def test_rolled_back_file_is_refused(tmp_path: Path) -> None:
    """The file put back from an older copy is refused by verify, by append and by signing."""
    ledger = make_ledger(tmp_path / "ledger", 10)
    ledger.close()
    shutil.copy(ledger.folder / FILE_NAME, tmp_path / "backup")
    ledger = Ledger(ledger.folder)
    ledger.append([make_capture(10)])
    ledger.sign_checkpoint(LOG)
    ledger.close()
    shutil.copy(tmp_path / "backup", ledger.folder / FILE_NAME)
    assert "shorter" in str(verify(ledger))
    again = Ledger(ledger.folder)
    with pytest.raises(LedgerBroken, match="shorter"):
        again.append([make_capture(11)])
    for act in (
        lambda: again.sign_checkpoint(LOG),
        again.latest_checkpoint,
        lambda: again.prove(3),
        lambda: export_tiles(again, tmp_path),
    ):
        with pytest.raises(LedgerBroken, match="shorter"):
            act()
    again.close()


def test_rollback_of_everything_is_found_by_an_outsider(tmp_path: Path) -> None:
    """The whole folder put back looks whole to itself; a checkpoint that anybody else kept shows the rollback."""
    ledger = make_ledger(tmp_path / "ledger", 10)
    ledger.close()
    shutil.copytree(ledger.folder, tmp_path / "backup")
    ledger = Ledger(ledger.folder)
    ledger.append([make_capture(10)])
    kept = ledger.sign_checkpoint(LOG)
    ledger.close()
    file = tmp_path / "backup" / FILE_NAME
    assert verify_ledger(file, LOG_KEYS).size == 10
    with pytest.raises(LedgerBroken, match="shorter"):
        verify_ledger(file, LOG_KEYS, known=[kept])


def test_fork_is_found(tmp_path: Path) -> None:
    """Two ledgers that begin alike and differ in one entry cannot both extend one checkpoint."""
    honest = make_ledger(tmp_path / "honest", 10)
    forked = Ledger.create(tmp_path / "forked", origin=ORIGIN, clock=Hands())
    forked.append([make_capture(number) for number in range(9)])
    forked.append([make_capture(999)])
    forked.sign_checkpoint(LOG)
    with pytest.raises(LedgerBroken, match="contradicts"):
        verify_ledger(forked.folder / FILE_NAME, LOG_KEYS, known=[honest.sign_checkpoint(LOG)])
    honest.close()
    forked.close()


@pytest.mark.parametrize(("sql", "index"), [
    ("UPDATE entries SET type = 'alarm' WHERE number = 9", 9),
    ("UPDATE entries SET actor = 'officer:b17' WHERE number = 9", 9),
    ("UPDATE entries SET time = '2020-01-01T00:00:00.000Z' WHERE number = 9", 9),
    ("DELETE FROM refs WHERE number = 9", 9),
    ("UPDATE refs SET ref = 'OTHER' WHERE number = 9 AND ref LIKE '01%'", 9),
    ("INSERT INTO refs VALUES ('OTHER', 9)", 9),
    ("INSERT INTO refs VALUES ('OTHER', 900)", SIZE),
    ("UPDATE nodes SET hash = zeroblob(32) WHERE level = 0 AND number = 9", 9),
    ("UPDATE nodes SET hash = zeroblob(32) WHERE level = 4 AND number = 0", 15),
    ("DELETE FROM nodes WHERE level = 8", 255),
    ("INSERT INTO nodes VALUES (0, 300, zeroblob(32))", SIZE),
    ("INSERT INTO nodes VALUES (20, 0, zeroblob(32))", SIZE),
    ("UPDATE entries SET data = 1000000000000 WHERE number = 9", None),
    ("UPDATE nodes SET hash = 'text' WHERE level = 0 AND number = 9", None),
    ("UPDATE entries SET type = CAST(x'ff' AS TEXT) WHERE number = 9", None),
])  # fmt: skip
def test_edited_index_is_found(ledger: Ledger, sql: str, index: int | None) -> None:
    """What the file derives from entries (columns, references, hashes) cannot be edited to hide or invent one."""
    tamper(ledger, lambda file: file.execute(sql))
    assert verify(ledger).facts.get("index") == index


@pytest.mark.parametrize("sql", [
    "UPDATE checkpoints SET note = replace(note, 'port.example', 'port.example2')",
    "UPDATE checkpoints SET note = 'nonsense'",
    "UPDATE checkpoints SET note = substr(note, 1, length(note) - 60) || char(10)",
    "UPDATE meta SET value = 'other.example/ledger' WHERE key = 'origin'",
])  # fmt: skip
def test_edited_checkpoint_is_found(ledger: Ledger, sql: str) -> None:
    """A kept checkpoint or the ledger's name cannot be edited."""
    tamper(ledger, lambda file: file.execute(sql))
    verify(ledger)


def test_missing_checkpoints_are_found(ledger: Ledger) -> None:
    """A ledger with entries and without any signed checkpoint does not verify."""
    tamper(ledger, lambda file: file.execute("DELETE FROM checkpoints"))
    (ledger.folder / "checkpoint").unlink()
    assert "no signed checkpoint" in str(verify(ledger))


def test_resigned_history_is_found_by_the_keys(ledger: Ledger) -> None:
    """A whole new history, signed by another key under the log's name, does not verify under the log's keys."""
    other = SeedSigner(b"\x07" * 32, b"\x08" * 32)
    forged = sign_checkpoint(Checkpoint(ORIGIN, SIZE, ledger.root()), other, clock=Hands())
    tamper(ledger, lambda file: file.execute("UPDATE checkpoints SET note = ?", (forged,)))
    (ledger.folder / "checkpoint").write_text(forged)
    assert "not signed by its log" in str(verify(ledger))


def test_dropped_second_signature_is_found(ledger: Ledger) -> None:
    """The post-quantum line cannot be left out where the log's keys include it."""
    single = sign_checkpoint(Checkpoint(ORIGIN, SIZE, ledger.root()), SeedSigner(b"\x01" * 32), clock=Hands())
    tamper(ledger, lambda file: file.execute("UPDATE checkpoints SET note = ?", (single,)))
    (ledger.folder / "checkpoint").write_text(single)
    assert "not signed by its log" in str(verify(ledger))


def test_nothing_verifies_without_keys(ledger: Ledger) -> None:
    """Without any key the answer is not 'consistent' but that there is nothing to verify with."""
    with pytest.raises(NotFound, match="no verifier keys"):
        verify_ledger(ledger.folder / FILE_NAME, ())


def test_guards_refuse_plain_edits(ledger: Ledger) -> None:
    """Without removing the guards first, the database itself refuses to change or drop an entry."""
    with closing(sqlite3.connect(ledger.folder / FILE_NAME)) as connection:
        for sql in (
            "UPDATE entries SET time = ''",
            "DELETE FROM entries",
            "DELETE FROM nodes",
            "UPDATE refs SET number = 0",
        ):
            with pytest.raises(sqlite3.IntegrityError, match="append-only"):
                connection.execute(sql)


def test_every_page_counts(ledger: Ledger) -> None:
    """Bytes overwritten anywhere in the file are found, or concern nothing that the ledger says."""
    ledger.sign_checkpoint(LOG)
    ledger.close()
    file = ledger.folder / FILE_NAME
    original = file.read_bytes()
    root = verify_ledger(file, LOG_KEYS).root
    missed = 0
    for offset in range(4096, len(original) - 64, 9973):
        file.write_bytes(
            original[:offset]
            + bytes(byte ^ 0xFF for byte in original[offset : offset + 64])
            + original[offset + 64 :]
        )
        try:
            found = verify_ledger(file, LOG_KEYS)
        except LedgerBroken:
            continue
        missed += 1
        assert (found.size, found.root) == (SIZE, root)
    assert missed < len(range(4096, len(original) - 64, 9973)) / 2, (
        "most of the file is entries, hashes and references"
    )
