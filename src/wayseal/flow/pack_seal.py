"""The seal on an evidence pack: the digest of every file in it, put on the ledger when the pack is handed out, with the proof inside.

With it nothing in a pack can be changed afterwards, the question least of all, and a site that hands out two packs of one incident
has both on its ledger. Owns the list of files, the entry and its proof; whether the figures are right is `flow.pack`'s to say.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from wayseal.ledger.checkpoint import read_checkpoint
from wayseal.ledger.entry import decode_entry
from wayseal.ledger.log import Ledger
from wayseal.ledger.note import VerifierKey
from wayseal.ledger.offline import OfflineProof, parse_proof
from wayseal.ledger.reader import LedgerReader
from wayseal.model.errors import Integrity

TYPE = "incident-pack"
FILES = "files.sha256"
ENTRY = "ledger/handed-out.json"
PROOF = "ledger/handed-out.tlog-proof"
_OUTSIDE = frozenset((FILES, ENTRY, PROOF))


@dataclass(frozen=True, slots=True)
class PackSeal:
    """When a pack was handed out, as the ledger has it, and the entry's index."""

    time: str
    index: int


def seal_pack(folder: Path, ledger: Ledger, incident: str, *, time: str, sign: Callable[[], str]) -> PackSeal:
    """Write the list of a finished pack's files, put its digest on the ledger, and the proof of that into the pack.

    `sign` signs the ledger as it stands and returns the checkpoint.
    """
    listed = _list_files(folder)
    (folder / FILES).write_bytes(listed)
    digest = hashlib.sha256(listed).hexdigest()
    (index,) = ledger.append([{"type": TYPE, "object": incident, "time": time, "pack_sha256": digest}])
    note = sign()
    proof = OfflineProof(index, tuple(ledger.inclusion(index, read_checkpoint(note).size)), note)
    (folder / ENTRY).write_bytes(ledger.raw(index))
    (folder / PROOF).write_text(str(proof), encoding="utf-8")
    return PackSeal(time, index)


def verify_seal(folder: Path, incident: str, keys: Sequence[VerifierKey]) -> PackSeal:
    """Return when a pack was handed out. Raises `Integrity` or `LedgerBroken` unless every file is the one that the ledger's entry covers."""
    try:
        listed, raw = (folder / FILES).read_bytes(), (folder / ENTRY).read_bytes()
        proof = parse_proof((folder / PROOF).read_bytes())
    except FileNotFoundError:
        raise Integrity(
            "the pack has no seal", hint="Ask for it again: a pack is sealed when it is handed out."
        ) from None
    proof.verify(raw, keys)
    entry = decode_entry(raw)
    if entry["type"] != TYPE or entry["object"] != incident:
        raise Integrity("the pack's seal is of another incident")
    if entry["pack_sha256"] != hashlib.sha256(listed).hexdigest() or listed != _list_files(folder):
        raise Integrity("the pack is not the one that was handed out: a file was changed, added or left out")
    return PackSeal(entry["time"], proof.index)


def list_handed_out(ledger: LedgerReader, incident: str) -> list[PackSeal]:
    """Return every pack of an incident that was handed out, oldest first."""
    return [PackSeal(ledger.entry(index)["time"], index) for index in ledger.find(type=TYPE, object=incident)]


def _list_files(folder: Path) -> bytes:
    """Return a pack's files with their digests, as `sha256sum` writes them. Raises `Integrity` for anything but plain files."""
    lines = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise Integrity("something in the pack is no plain file")
        if path.is_file() and name not in _OUTSIDE:
            with path.open("rb") as file:
                lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {name}\n")
    return "".join(lines).encode()
