"""The checkpoints a ledger has signed: kept before they are shown, in the ledger's file and as `checkpoint` beside it.

Owns that the log never contradicts itself: a checkpoint is kept only if it extends the newest one. The copy beside the file
lets `verify` notice a file that was put back to an older state. It must never sign anything.
"""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from wayseal.ledger.checkpoint import Checkpoint, parse_checkpoint, read_checkpoint
from wayseal.ledger.note import MAX_SIGNATURES, Note, NoteSignature, parse_note
from wayseal.ledger.tables import explain_disk
from wayseal.model.errors import Invalid, LedgerBroken

CHECKPOINT_FILE = "checkpoint"
KEPT_COSIGNED, KEPT_BLOCK = 1000, 4096
"""Of cosigned checkpoints the newest 1,000 are kept, and of older ones the first in each 4,096 entries."""
_THIN_OUT = """
DELETE FROM checkpoints AS old WHERE cosigned = 1
    AND size < (SELECT size FROM checkpoints WHERE cosigned = 1 ORDER BY size DESC LIMIT 1 OFFSET :newest - 1)
    AND EXISTS (
        SELECT 1 FROM checkpoints AS first WHERE first.cosigned = 1
        AND first.size >= old.size / :block * :block AND first.size < old.size)
"""


def read_latest(connection: sqlite3.Connection, *, cosigned: bool = False) -> str | None:
    """Return the newest signed checkpoint as a note, or the newest that a witness cosigned; None when there is none."""
    row = connection.execute(
        "SELECT note FROM checkpoints WHERE cosigned >= ? ORDER BY size DESC LIMIT 1", (int(cosigned),)
    ).fetchone()
    return None if row is None else str(row[0])


def read_all(connection: sqlite3.Connection) -> list[str]:
    """Return every checkpoint that is kept, oldest first: cosigned ones, thinned out as they age, and the newest."""
    return [str(note) for (note,) in connection.execute("SELECT note FROM checkpoints ORDER BY size")]


def iterate_cosigned(connection: sqlite3.Connection) -> Iterator[str]:
    """Yield the kept checkpoints that a witness cosigned, newest first."""
    for (note,) in connection.execute("SELECT note FROM checkpoints WHERE cosigned = 1 ORDER BY size DESC"):
        yield str(note)


def keep_checkpoint(connection: sqlite3.Connection, note: str) -> None:
    """Keep a signed checkpoint as the newest; older ones that nobody cosigned are dropped, for proofs connect them."""
    checkpoint = read_checkpoint(note)
    connection.execute("DELETE FROM checkpoints WHERE cosigned = 0 AND size <= ?", (checkpoint.size,))
    connection.execute(
        "INSERT OR REPLACE INTO checkpoints VALUES (?, ?, ?, 0)", (checkpoint.size, checkpoint.root, note)
    )


def merge_signatures(
    connection: sqlite3.Connection, checkpoint: Checkpoint, lines: tuple[NoteSignature, ...]
) -> str:
    """Add cosignature lines to the kept checkpoint and return it; a newer line of a key replaces its older one.

    The caller has verified the lines. Raises `LedgerBroken` when the checkpoint is not one that this log signed.
    """
    row = connection.execute("SELECT note FROM checkpoints WHERE size = ?", (checkpoint.size,)).fetchone()
    if row is None or read_checkpoint(str(row[0])) != checkpoint:
        raise LedgerBroken(
            "cosignatures for a checkpoint that this ledger does not keep", size=checkpoint.size
        )
    note = parse_note(str(row[0]))
    merged = {(line.name, line.key_id): line for line in (*note.signatures, *lines)}
    if len(merged) > MAX_SIGNATURES:
        raise Invalid("a checkpoint with more signatures than can be read again")
    text = str(Note(note.text, tuple(merged.values())))
    connection.execute(
        "UPDATE checkpoints SET note = ?, cosigned = 1 WHERE size = ?", (text, checkpoint.size)
    )
    connection.execute(_THIN_OUT, {"newest": KEPT_COSIGNED, "block": KEPT_BLOCK})
    return text


def write_beside(folder: Path, note: str) -> None:
    """Put the newest checkpoint beside the ledger's file, whole or not at all; never an older one over a newer.

    The file has it durably already; after a power cut the copy beside may be an older one, which is no contradiction.
    """
    held = read_beside(folder)
    if held is not None and parse_checkpoint(parse_note(held).text).size > read_checkpoint(note).size:
        return
    with explain_disk("the checkpoint beside the ledger"):
        write_whole(folder / CHECKPOINT_FILE, note.encode(), durable=False)


def read_beside(folder: Path) -> str | None:
    """Return the checkpoint beside the ledger's file, None when there is none. Raises `LedgerBroken` when it is damaged."""
    file = folder / CHECKPOINT_FILE
    with explain_disk("the checkpoint beside the ledger"):
        if not file.exists():
            return None
        data = file.read_bytes()
    try:
        read_checkpoint(data)
    except Invalid as error:
        raise LedgerBroken("the checkpoint beside the ledger is damaged", reason=str(error)) from None
    return data.decode()


def write_whole(file: Path, data: bytes, *, durable: bool = True) -> None:
    """Write a file so that a reader, or a crash at any moment, finds the old content or the new, never a part.

    When `durable` the new content survives a power cut from the moment this returns; otherwise the old one may come back.
    """
    draft = file.with_name(f".{file.name}.{os.getpid()}.{os.urandom(4).hex()}")
    try:
        with draft.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(file)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    if durable:
        sync_folder(file.parent)


def sync_folder(folder: Path) -> None:
    """Flush a folder's list of names to disk, so that a rename survives a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
