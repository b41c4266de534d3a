"""Delivers to a centre store and dies at one exact place, for the durability tests.

    python storedeath.py FOLDER PLACE MOMENT COUNT

PLACE is `pwritev`, `fdatasync`, `fsync` or `commit`; MOMENT is `before`, `half` (of a write) or `after`; COUNT is which call.
Deliveries are groups of three; the number of acknowledged ones is printed after each.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import event
from storesite import build_record

from wayseal.store.centre import Arrival, CentreStore, open_centre, put_records

GROUP, SIZE = 3, 5_000


def die() -> None:
    """End this process as a power switch would, without any clean-up."""
    os.kill(os.getpid(), signal.SIGKILL)


def arm_system_call(name: str, moment: str, count: int) -> None:
    """Die at the count-th call of a function of `os`."""
    real, left = getattr(os, name), count

    def armed(descriptor: int, *rest: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0 and moment == "before":
            die()
        if left == 0 and moment == "half":
            whole = b"".join(rest[0])
            real(descriptor, [whole[: len(whole) // 2]], rest[1])
            die()
        answer = real(descriptor, *rest)
        if left == 0:
            die()
        return answer

    setattr(os, name, armed)


def arm_commit(store: CentreStore, moment: str, count: int) -> None:
    """Die at the count-th commit of rows."""
    left = count

    @event.listens_for(store.engine, "commit")
    def _before(_connection: object) -> None:
        nonlocal left
        left -= 1
        if left == 0 and moment == "before":
            die()

    @event.listens_for(store.engine, "checkin")  # codespell:ignore checkin
    def _after(_raw: object, _record: object) -> None:
        if left <= 0 and moment == "after":
            die()


def main(folder: str, place: str, moment: str, count: str) -> None:
    """Deliver until dead."""
    store = open_centre(Path(folder))
    if place == "commit":
        arm_commit(store, moment, int(count))
    else:
        arm_system_call(place, moment, int(count))
    for number in range(1, 100, GROUP):
        records = [build_record(size=SIZE, number=n) for n in range(number, number + GROUP)]
        put_records(store, [Arrival(record, None, 0) for record in records])
        sys.stdout.write(f"{number + GROUP - 1}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
