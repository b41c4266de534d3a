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
        self._ends: float | None = None
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
        """Give what waits until then, and say whether everything was said. Nothing may be said afterwards."""
        self._ends = monotonic() + within_s
        try:
            self._lines.put(None, timeout=within_s)
        except queue.Full:
            return False
        self._thread.join(within_s + 1)
        return not (self.dropped or self._gone or self._thread.is_alive())

    def _work(self) -> None:
        while (line := self._lines.get()) is not None:
            if self._gone or not self._write(line):
                self.dropped += 1

    def _write(self, data: bytes) -> bool:
        """Write a line in pieces, each only when there is room; False when the reader has gone or the time to finish is over."""
        waiting = select.poll()
        waiting.register(self._descriptor, select.POLLOUT)
        while data:
            if self._ends is not None and monotonic() >= self._ends:
                return False
            found = waiting.poll(_LOOK_MS)
            if not found:
                continue
            try:
                data = data[os.write(self._descriptor, data[:_ATOMIC]) :]
            except OSError:
                self._gone = True
                return False
        return True
