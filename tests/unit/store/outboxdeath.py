"""Lets a segment of an outbox go and dies at one exact place, for the durability tests.

    python outboxdeath.py FOLDER VERB PLACE MOMENT

Three records are queued; for the VERB `sweep` they are receipted first, for `forget` they wait. PLACE and MOMENT are those of
`storedeath`, counted from when the verb begins.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

from storedeath import arm_commit, arm_system_call
from storesite import build_record

from wayseal.model.custody import Receipt
from wayseal.store.centre import CentreStore
from wayseal.store.outbox import Outbox


def main(folder: str, verb: str, place: str, moment: str) -> None:
    """Queue, receipt, and die while letting go."""
    outbox = Outbox(Path(folder), clock=lambda: datetime.now(UTC), verify_receipt=lambda _: None)
    records = [build_record(number=number) for number in (1, 2, 3)]
    outbox.put(records)
    if verb == "sweep":
        outbox.release(*(Receipt(one.header.object_id, one.sha256, 7, b"good") for one in records))
    if place == "commit":
        arm_commit(cast("CentreStore", outbox), moment, 1)
    else:
        arm_system_call(place, moment, 1)
    if verb == "sweep":
        outbox.sweep()
    else:
        outbox.forget_epoch(records[0].header.epoch)


if __name__ == "__main__":
    main(*sys.argv[1:])
