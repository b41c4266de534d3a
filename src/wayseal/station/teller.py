"""What a serving process says on its output: line by line, and never so that it waits for whoever should read it.

A pipe that nobody reads is full after some lines. Then lines wait here, up to a bound, and the rest are dropped and counted: what was
done is on the ledger, and serving goes on. Owns one file descriptor's lines, not the descriptor.
"""

import os
import queue
import select
import threading
from time import monotonic

MOST = 4096
"""Lines that may wait."""
_ATOMIC = 512
"""Bytes of one write: what POSIX lets through a pipe whole once it is writable at all."""
_LOOK_MS = 200


class Teller:
    """Says lines on a descriptor from a thread of its own. Threads may share it."""

    def __init__(self, descriptor: int, *, most: int = MOST) -> None:
        self._descriptor = descriptor
        self._lines: queue.Queue[bytes | None] = queue.Queue(most)
        self._patience: float | None = None
        self._moved = 0.0
        self._gone = False
        self.dropped = 0
        """Lines that nobody will read."""
        self._thread = threading.Thread(target=self._work, name="wayseal-teller", daemon=True)
        self._thread.start()

    def say(self, line: str) -> None:
        """Say a line, at once or when somebody reads. Never waits."""
        try:
            self._lines.put_nowait(line.encode("utf-8", "replace") + b"\n")
        except queue.Full:
            self.dropped += 1

    def finish(self, *, within_s: float = 5.0) -> bool:
        """Say what waits until nothing was taken for so long, and return whether everything was said. Nothing may be said afterwards."""
        self._moved, self._patience = monotonic(), within_s
        ended = False
        while self._thread.is_alive() and monotonic() < self._moved + within_s + 1:
            try:
                if not ended:
                    self._lines.put(None, timeout=_LOOK_MS / 1000)
                    ended = True
                self._thread.join(_LOOK_MS / 1000)
            except queue.Full:
                continue
        return not (self.dropped or self._gone or self._thread.is_alive())

    def _work(self) -> None:
        while (line := self._lines.get()) is not None:
            if self._gone or not self._write(line):
                self.dropped += 1

    def _write(self, data: bytes) -> bool:
        """Write a line in pieces, each only when there is room; False when the reader has gone, or takes nothing while we finish."""
        waiting = select.poll()
        waiting.register(self._descriptor, select.POLLOUT)
        while data:
            if self._patience is not None and monotonic() >= self._moved + self._patience:
                return False
            found = waiting.poll(_LOOK_MS)
            if not found:
                continue
            try:
                data = data[os.write(self._descriptor, data[:_ATOMIC]) :]
                self._moved = monotonic()
            except OSError:
                self._gone = True
                return False
        return True
