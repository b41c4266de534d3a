"""Canaries: sealed records that nobody has a reason to open. Whoever opens records at random meets one.

About one in 500 kept faces gets a companion that looks like any other record on disk; only the keyroom can tell it apart.
An honest reader never meets one, since no encounter names it to an officer. Owns which records are canaries, as keyed tags.
"""

import hmac
import secrets
import sqlite3
import threading
from pathlib import Path

from wayseal.model.border import PlainImage
from wayseal.model.ids import RecordId

ONE_IN = 500
_HEAD = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x00\x00"
_SCHEMA = "CREATE TABLE IF NOT EXISTS canary (tag BLOB PRIMARY KEY) WITHOUT ROWID"


class CanaryBook:
    """The keyroom's list of canaries. Without its key nobody can tell from the file which records they are."""

    def __init__(self, file: Path, key: bytes | bytearray) -> None:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._mac = hmac.new(key, b"wayseal-canary/v1", "sha256")
        self._lock = threading.Lock()
        self._database = sqlite3.connect(file, check_same_thread=False, isolation_level=None, timeout=30)
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def add(self, record: RecordId) -> None:
        """Note a canary, durably. Repeating it does nothing."""
        with self._lock:
            self._database.execute("INSERT OR IGNORE INTO canary VALUES (?)", (self._tag(record),))

    def is_canary(self, record: RecordId) -> bool:
        """Return whether a record is one."""
        with self._lock:
            found = self._database.execute(
                "SELECT 1 FROM canary WHERE tag = ?", (self._tag(record),)
            ).fetchone()
        return found is not None

    def _tag(self, record: RecordId) -> bytes:
        mac = self._mac.copy()
        mac.update(record.encode())
        return mac.digest()


def hatch_canary(like: PlainImage, *, one_in: int = ONE_IN) -> PlainImage | None:
    """Return, once in about `one_in` calls, a picture of nobody that is as long as `like`; otherwise None.

    Random bytes between a JPEG's beginning and end: nobody's face, and under the seal no different from one.
    """
    if secrets.randbelow(one_in):
        return None
    return PlainImage(
        _HEAD + secrets.token_bytes(max(0, len(like.data) - len(_HEAD) - 2)) + b"\xff\xd9",
        like.width,
        like.height,
    )
