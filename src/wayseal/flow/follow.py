"""The gate reads the whole ledger: every entry under every checkpoint that it accepts, so that nothing can be kept from it.

Owns a small signed file with what it has read so far. The file saves time and nothing else: when it is missing, altered or
older than the ledger, the entries are read again. It must never take an entry's word before the root over it is checked.
"""

import json
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wayseal.flow.petition import drop_false_seal
from wayseal.flow.spent import StaleProof
from wayseal.flow.standing import CONCERNS, Standings, decode_standings, encode_standings
from wayseal.ledger.checkpoint import Checkpoint
from wayseal.ledger.entry import decode_entry
from wayseal.ledger.proof import CompactRange, hash_leaf
from wayseal.model.errors import Invalid, LedgerBroken
from wayseal.seal.device import DeviceSigner
from wayseal.seal.keys.durable import write_file

ReadEntries = Callable[[int, int], Sequence[bytes]]
"""Gives the canonical bytes of the ledger's entries [start, end). Raises `LedgerBroken` when one is missing."""
PAGE = 1000
SAVE_EVERY = 4096
"""Entries without any news after which the file is written all the same."""
_LABEL = b"wayseal-standing/v4\x00"


class Follower:
    """What one gate has read of one ledger. Threads may share it; processes have one each and share the file."""

    def __init__(self, file: Path, signer: DeviceSigner, read: ReadEntries) -> None:
        self._file = file
        self._signer = signer
        self._read = read
        self._lock = threading.Lock()
        self._stamp: tuple[int, int] | None = None
        self._tree = CompactRange()
        self._saved = 0
        self.witnessed = 0
        """Entries below this index lie under a checkpoint that the witnesses' quorum cosigned."""
        self.standings = Standings()

    @property
    def size(self) -> int:
        """How many entries have been read."""
        return self._tree.size

    def load(self) -> None:
        """Take over what this keyroom has written down, without reading anything new: for whoever has no checkpoint to show."""
        with self._lock:
            self._load()

    def forget(self, now: datetime) -> None:
        """Forget what is over at `now`."""
        with self._lock:
            self.standings.forget(now)

    def follow(self, checkpoint: Checkpoint, *, witnessed: bool = False) -> None:
        """Read every entry up to a checkpoint that its log has signed; `witnessed` when the quorum has cosigned it.

        Raises `StaleProof` for a checkpoint older than what was read, and `LedgerBroken` when the entries do not lead to its
        root; then nothing of them counts.
        """
        with self._lock:
            self._load()
            if checkpoint.size < self.size:
                raise StaleProof("the gate has read further than this checkpoint")
            news = self._advance(checkpoint)
            if witnessed and checkpoint.size > self.witnessed:
                self.witnessed, news = checkpoint.size, True
            if news or self.size - self._saved >= SAVE_EVERY:
                self._save()

    def _advance(self, checkpoint: Checkpoint) -> bool:
        """Read up to a checkpoint and say whether anything that matters was there."""
        tree = CompactRange(self._tree.size, self._tree.peaks)
        found: list[tuple[int, bytes]] = []
        for start in range(tree.size, checkpoint.size, PAGE):
            for data in self._read(start, min(start + PAGE, checkpoint.size)):
                if CONCERNS.search(data):
                    found.append((tree.size, data))
                tree.append(hash_leaf(data))
        if tree.size != checkpoint.size or tree.root() != checkpoint.root:
            raise LedgerBroken("the ledger's entries do not lead to its checkpoint", size=checkpoint.size)
        public = self._signer.public
        entries = [(index, drop_false_seal(decode_entry(data), public)) for index, data in found]
        for index, entry in entries:
            self.standings.apply(index, entry)
        self._tree = tree
        return bool(entries)

    def _load(self) -> None:
        """Take over what the file says when it was written since the last look and knows more than this object."""
        try:
            status = self._file.stat()
        except FileNotFoundError:
            return
        if (stamp := (status.st_mtime_ns, status.st_ino)) == self._stamp:
            return
        self._stamp = stamp
        value = _open_signed(self._file.read_bytes(), self._signer.public)
        if value is None:
            return
        if value["size"] > self.size:
            self._tree = CompactRange(value["size"], [bytes.fromhex(peak) for peak in value["peaks"]])
            self.standings = decode_standings(value["standings"])
        self.witnessed = max(self.witnessed, value["witnessed"])

    def _save(self) -> None:
        """Write the file, whole or not at all."""
        value = {
            "size": self.size,
            "peaks": [peak.hex() for peak in self._tree.peaks],
            "witnessed": self.witnessed,
            "standings": encode_standings(self.standings),
        }
        body = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
        write_file(self._file, self._signer.sign(_LABEL + body) + body)
        status = self._file.stat()
        self._stamp, self._saved = (status.st_mtime_ns, status.st_ino), self.size


def _open_signed(data: bytes, public: bytes) -> dict[str, Any] | None:
    """Return what a file of this keyroom's says, or None for any other bytes."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(data[:64], _LABEL + data[64:])
        value: dict[str, Any] = json.loads(data[64:])
        decode_standings(value["standings"])
        CompactRange(value["size"], value["peaks"])
    except (InvalidSignature, ValueError, KeyError, TypeError, Invalid):
        return None
    return value
