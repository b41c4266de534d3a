"""How a witness knows that it is itself and not a copy put back from a backup.

Owns the facts that a backup of the witness's folder does not carry: an anchor file kept elsewhere, which counts cosignatures,
and the identity of the folder's own files on this machine. It must never guess: when in doubt the witness may not sign.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wayseal.ledger.history import write_whole
from wayseal.model.errors import Refused

_MACHINE_ID = Path("/etc/machine-id")
RESUME_HINT = "Fetch the newest checkpoint with this witness's cosignature from the log and from auditors, then: wayseal witness resume."


class Restored(Refused):
    """The witness's state is older than what it signed, or was copied. It signs nothing until somebody resumes it."""

    http_status = 503
    default_hint = RESUME_HINT


@dataclass(frozen=True, slots=True)
class Anchor:
    """The file outside the backup set: which incarnation of the witness it belongs to, and a count of cosignatures a log."""

    file: Path
    incarnation: str

    def create(self, counts: dict[str, int] | None = None) -> None:
        """Write a fresh anchor for this incarnation."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self._write(counts or {})

    def count(self, origin: str) -> int:
        """Return how many cosignatures were given for a log. Raises `Restored` when the anchor is gone or another's."""
        return self._read().get(origin, 0)

    def advance(self, origin: str, count: int) -> None:
        """Record that the log's `count`-th cosignature is about to be handed out; on disk when this returns."""
        self._write({**self._read(), origin: count})

    def _read(self) -> dict[str, int]:
        try:
            content = json.loads(self.file.read_text())
            counts = {str(origin): int(count) for origin, count in content["counts"].items()}
        except FileNotFoundError:
            raise Restored("the witness's anchor file is gone") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise Restored("the witness's anchor file is damaged") from None
        if content.get("incarnation") != self.incarnation:
            raise Restored("the witness's anchor belongs to another incarnation of it")
        return counts

    def _write(self, counts: dict[str, int]) -> None:
        write_whole(self.file, json.dumps({"incarnation": self.incarnation, "counts": counts}).encode())


def describe_place(file: Path) -> dict[str, Any]:
    """Return what marks this very file on this very machine: a copy of it, here or elsewhere, has another description.

    Empty when the file is gone.
    """
    try:
        status = file.stat()
    except FileNotFoundError:
        return {}
    machine = _MACHINE_ID.read_text().strip() if _MACHINE_ID.is_file() else ""
    return {"machine": machine, "inode": status.st_ino, "born": status.st_ctime_ns}
