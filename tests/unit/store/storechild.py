"""Writes records for the durability tests and says after each group what was acknowledged; the test kills it.

python storechild.py centre|outbox FOLDER GROUP
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

from storesite import build_record

from wayseal.store.centre import Arrival, open_centre, put_records
from wayseal.store.outbox import Outbox


def main(kind: str, folder: str, group: str) -> None:
    """Write groups until killed; print the ids of each group once the store has acknowledged it."""
    size = int(group)
    number = 1
    centre = open_centre(Path(folder)) if kind == "centre" else None
    outbox = None
    if kind == "outbox":
        outbox = Outbox(Path(folder), clock=lambda: datetime.now(UTC), verify_receipt=lambda _: None)
    while True:
        records = [build_record(size=30_000, number=n) for n in range(number, number + size)]
        number += size
        if centre is not None:
            put_records(centre, [Arrival(r, None, n) for n, r in enumerate(records)])
        if outbox is not None:
            outbox.put(records)
        sys.stdout.write(" ".join(r.header.object_id for r in records) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
