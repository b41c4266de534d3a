"""Verify a ledger from its raw entries: recompute every hash, compare every look-up column, check every kept checkpoint.

Trusts nothing in the file but the bytes of the entries and the keys it is given. It must never repair or write anything.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from wayseal.ledger import proof
from wayseal.ledger.checkpoint import Checkpoint, GoodSignature, read_checkpoint, verify_checkpoint
from wayseal.ledger.entry import COLUMNS, decode_entry, list_references
from wayseal.ledger.history import read_all, read_beside
from wayseal.ledger.note import VerifierKey, parse_vkey
from wayseal.ledger.policy import parse_policy
from wayseal.ledger.tables import Tables, as_bytes, read_meta
from wayseal.model.errors import Invalid, LedgerBroken, NotFound

POLICY_FILE = "policy"
_STEP = 1000


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found to hold: the tree's size and root, and who signed how much of it."""

    size: int
    root: bytes
    signed_size: int
    """Entries under the newest signed checkpoint; later ones are in the tree, but nobody has signed for them yet."""
    signatures: tuple[GoodSignature, ...]
    """Of the log, on the newest checkpoint."""
    cosigned_size: int
    cosignatures: tuple[GoodSignature, ...]
    """Of witnesses whose keys are known, on the newest checkpoint that has any."""


def read_vkeys(folder: Path) -> tuple[VerifierKey, ...]:
    """Return the verifier keys of the `*.vkey` files and of the `policy` in a folder. Raises `LedgerBroken` for a damaged one."""
    keys: dict[VerifierKey, None] = {}
    for file in sorted(folder.glob("*.vkey")):
        try:
            keys[parse_vkey(file.read_text(encoding="utf-8"))] = None
        except (Invalid, ValueError):
            raise LedgerBroken(f"the verifier key file {file.name} is damaged") from None
    policy = folder / POLICY_FILE
    if policy.is_file():
        try:
            keys.update(dict.fromkeys(parse_policy(policy.read_bytes()).keys()))
        except Invalid as error:
            raise LedgerBroken("the trust policy beside the ledger is damaged", reason=str(error)) from None
    return tuple(keys)


def verify_ledger(
    file: Path,
    keys: Sequence[VerifierKey],
    *,
    known: Sequence[str] = (),
    progress: Callable[[int], None] = lambda steps: None,  # noqa: ARG005 - the callback's signature
) -> Verification:
    """Verify the ledger in `file` and return what holds.

    `known` are further checkpoints that somebody kept elsewhere: the ledger must extend each of them. Raises
    `LedgerBroken` with the failing `index` or `size`. Entries after the newest checkpoint are bound by nothing but the file.
    """
    tables = Tables(file)
    try:
        with tables.snapshot() as connection:
            beside = read_beside(file.parent)
            notes = [*read_all(connection), *([beside] if beside is not None else []), *known]
            checkpoints = read_notes(notes, read_meta(connection, "origin"))
            tree = _recompute(connection, {checkpoint.size: None for checkpoint in checkpoints}, progress)
    finally:
        tables.close()
    size, root, roots = tree
    if size and not notes:
        raise LedgerBroken("the ledger has entries and no signed checkpoint", size=size, index=0)
    compare_checkpoints(checkpoints, size, roots)
    return judge_signatures(notes, keys, size, root)


def read_notes(notes: Sequence[str], origin: str) -> list[Checkpoint]:
    """Return the checkpoints that notes carry. Raises `LedgerBroken` for a malformed one, or one of another log."""
    try:
        checkpoints = [read_checkpoint(note) for note in notes]
    except Invalid as error:
        raise LedgerBroken("a kept checkpoint is damaged", reason=str(error)) from None
    if any(checkpoint.origin != origin for checkpoint in checkpoints):
        raise LedgerBroken("a checkpoint is of another log than this ledger", origin=origin)
    return checkpoints


def compare_checkpoints(
    checkpoints: Sequence[Checkpoint], size: int, roots: Mapping[int, bytes | None]
) -> None:
    """Raise `LedgerBroken` unless the recomputed tree extends every checkpoint; `roots` are its roots at their sizes."""
    for checkpoint in checkpoints:
        if checkpoint.size > size:
            raise LedgerBroken(
                "the ledger is shorter than a checkpoint it signed",
                size=size,
                signed=checkpoint.size,
                index=size,
            )
        if roots[checkpoint.size] != checkpoint.root:
            raise LedgerBroken(
                "the ledger contradicts a checkpoint it signed", size=checkpoint.size, index=checkpoint.size
            )


def judge_signatures(
    notes: Sequence[str], keys: Sequence[VerifierKey], size: int, root: bytes
) -> Verification:
    """Verify the signatures on every checkpoint, and say who signed the newest and the newest cosigned one.

    Raises `NotFound` without any key: then nothing would have been verified.
    """
    if not keys:
        raise NotFound(
            "no verifier keys", hint="Pass the log's keys with --vkey; they were published when it was made."
        )
    signed: tuple[int, tuple[GoodSignature, ...]] = (0, ())
    cosigned: tuple[int, tuple[GoodSignature, ...]] = (0, ())
    for note in notes:
        checkpoint, good = verify_checkpoint(note, keys)
        own = tuple(signature for signature in good if signature.key.name == checkpoint.origin)
        others = tuple(signature for signature in good if signature.key.name != checkpoint.origin)
        signed = max(signed, (checkpoint.size, own), key=lambda pair: pair[0])
        if others:
            cosigned = max(cosigned, (checkpoint.size, others), key=lambda pair: (pair[0], len(pair[1])))
    return Verification(size, root, *signed, *cosigned)


def _recompute(
    connection: sqlite3.Connection, roots: dict[int, bytes | None], progress: Callable[[int], None]
) -> tuple[int, bytes, dict[int, bytes | None]]:
    """Rebuild the tree from the entries, comparing all that the file derived from them. Returns size, root, asked roots."""
    tree = proof.CompactRange()
    nodes: dict[int, Iterator[tuple[int, bytes]]] = {}
    references = _iterate_references(connection)
    columns = ", ".join(COLUMNS)
    rows = connection.cursor().execute(f"SELECT number, data, {columns} FROM entries ORDER BY number")  # noqa: S608
    for number, data, *derived in rows:
        if tree.size in roots:
            roots[tree.size] = tree.root()
        index = tree.size
        _check_entry(index, number, as_bytes(data), derived, references)
        for level, position, value in tree.append(proof.hash_leaf(as_bytes(data))):
            if level not in nodes:
                nodes[level] = _iterate_nodes(connection, level)
            if next(nodes[level], None) != (position, value):
                raise LedgerBroken("an entry does not fit the tree above it", index=index, level=level)
        if tree.size % _STEP == 0:
            progress(_STEP)
    if tree.size in roots:
        roots[tree.size] = tree.root()
    surplus = connection.execute("SELECT count(*) FROM nodes").fetchone()[0] - _count_nodes(tree.size)
    if surplus or next(references, None) is not None:
        raise LedgerBroken("the file has hashes or references of entries that are gone", index=tree.size)
    progress(tree.size % _STEP)
    return tree.size, tree.root(), roots


def _check_entry(
    index: int, number: int, data: bytes, derived: Sequence[Any], references: Iterator[tuple[int, set[str]]]
) -> None:
    """Raise unless this row is entry `index`, canonical, and found under exactly what it says."""
    if number != index:
        raise LedgerBroken("an entry is missing", index=index)
    try:
        entry = decode_entry(data)
    except LedgerBroken as error:
        raise LedgerBroken(str(error), index=index) from None
    if [entry.get(name) for name in COLUMNS] != list(derived):
        raise LedgerBroken("an entry is filed under what it does not say", index=index)
    expected = list_references(entry)
    if expected and next(references, None) != (index, expected):
        raise LedgerBroken("an entry cannot be found under what it refers to", index=index)


def _iterate_nodes(connection: sqlite3.Connection, level: int) -> Iterator[tuple[int, bytes]]:
    rows = connection.cursor().execute(
        "SELECT number, hash FROM nodes WHERE level = ? ORDER BY number", (level,)
    )
    return ((int(number), as_bytes(value)) for number, value in rows)


def _iterate_references(connection: sqlite3.Connection) -> Iterator[tuple[int, set[str]]]:
    rows = connection.cursor().execute("SELECT number, ref FROM refs ORDER BY number")
    for number, group in groupby(rows, key=lambda row: int(row[0])):
        yield number, {str(ref) for _, ref in group}


def _count_nodes(size: int) -> int:
    """Return how many complete nodes a tree of `size` leaves has, on all levels."""
    return sum(size >> level for level in range(size.bit_length()))
