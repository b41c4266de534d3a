"""One lock file between processes: many writers, or one that tidies up. The file stays and holds nothing."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def share_lock(file: Path) -> Iterator[None]:
    """Hold the writers' side; waits while somebody tidies up."""
    with _opened(file) as descriptor:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
        yield


@contextmanager
def own_lock(file: Path, *, wait: bool = False) -> Iterator[bool]:
    """Give whether no writer was at work (or, with `wait`, once none is); nobody else gets in meanwhile."""
    with _opened(file) as descriptor:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


@contextmanager
def _opened(file: Path) -> Iterator[int]:
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
