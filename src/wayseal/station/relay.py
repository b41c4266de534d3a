"""Vehicles on their way from the thread that sees to the one that seals: a short queue, and the first failure of the second.

Owns the hand-over and its end. Seeing never runs ahead of sealing by more than the queue holds, and stops when sealing has failed.
"""

import queue
from collections.abc import Iterator
from typing import Final

from wayseal.model.border import VehiclePass

_WAITING: Final = 16
"""Vehicles that may wait between the threads; a full queue slows a file down and is never reached by traffic."""
_LOOK_S: Final = 0.2


class Relay:
    """One queue between two threads. `put` and `close` are the first one's, `take` and `fail` the second one's."""

    def __init__(self) -> None:
        self._vehicles: queue.Queue[VehiclePass | None] = queue.Queue(_WAITING)
        self._failure: BaseException | None = None

    def put(self, seen: VehiclePass) -> None:
        """Hand a vehicle over, waiting for room. Raises the failure of the other thread when there is one."""
        if not self._offer(seen):
            self.check()

    def close(self) -> None:
        """Say that no more vehicles come, waiting for room. After a failure nobody takes any, and there is nothing to say."""
        self._offer(None)

    def take(self) -> Iterator[VehiclePass]:
        """Yield vehicles until no more come or this thread has failed; those that wait then are let go."""
        while self._failure is None and (seen := self._vehicles.get()) is not None:
            yield seen

    def fail(self, failure: BaseException) -> None:
        """Keep the first failure, to be raised where vehicles are put and by `check`."""
        if self._failure is None:
            self._failure = failure

    def check(self) -> None:
        """Raise the failure of the second thread, if there was one."""
        if self._failure is not None:
            raise self._failure

    def _offer(self, seen: VehiclePass | None) -> bool:
        """Queue a vehicle or the end mark, waiting for room; return whether it was queued, which nothing is after a failure."""
        while self._failure is None:
            try:
                self._vehicles.put(seen, timeout=_LOOK_S)
            except queue.Full:
                continue
            return True
        return False
