"""Who has the keyroom open: commands share it between them, a keyroom that serves has it to itself.

Owns one lock file. The operating system drops the lock of a process that dies, however it dies.
"""

import fcntl
import os
import weakref
from pathlib import Path

from wayseal.model.errors import Unavailable

LOCK = "open.lock"


class KeyroomLock:
    """A lock on a keyroom's folder, from now until `release`, or until the object or the process is gone."""

    def __init__(self, folder: Path, *, alone: bool) -> None:
        """Take the lock at once or not at all. Raises `Unavailable` when somebody else has the keyroom open."""
        file = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
        except OSError:
            os.close(file)
            raise _taken(alone=alone) from None
        self.release = weakref.finalize(self, os.close, file)


def _taken(*, alone: bool) -> Unavailable:
    """Return the error for a keyroom that somebody else has open."""
    if alone:
        return Unavailable(
            "the keyroom is open in another process",
            hint="Stop the other 'wayseal keyroom run', or the command that has it open, and start this one again.",
        )
    return Unavailable(
        "the keyroom is open in a process of its own, which does not answer here",
        hint="Wait until it has started, or set [keyroom] socket to auto.",
    )
