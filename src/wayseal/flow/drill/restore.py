"""p30: what was erased stays dead when a backup is restored, and what was not erased opens.

Seals noise to an hour of the drill's own class and to an hour of the lanes' class, puts both sealed records aside as a backup
would, erases the first hour, and restores both into a store of its own. Only sealed bytes touch the disk.
"""

import base64
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from wayseal.assess.probe import Seen, broken, judge, probe
from wayseal.flow.drill.records import keep_noise
from wayseal.flow.drill.view import DRILL, Doors, SiteView, no_doors
from wayseal.flow.erase import erase_epoch
from wayseal.flow.release import Opener
from wayseal.model.custody import Kind, Purpose, SealedRecord
from wayseal.model.errors import Erased, WaysealError
from wayseal.model.ids import EncounterId, epoch_id, new_ulid
from wayseal.seal.envelope import parse_record
from wayseal.seal.keys.durable import write_file
from wayseal.store.centre import Arrival, CentreStore, open_centre, put_records


@probe("p30", where="outside")
def drill_restore(view: SiteView) -> Seen:
    """Snapshot, erase, restore: the erased record must not open, and the other one must, to exactly what was sealed."""
    doors = view.doors
    if doors is None:
        return no_doors()
    control, body = keep_noise(doors, Kind.DOCUMENT, doors.record_class)
    doomed = _doom_record(doors)
    with _restored_store(doors, [control, doomed]) as store:
        opener = replace(doors.opener, store=store)
        dead = _open_one(opener, doors, doomed)
        alive = _open_one(opener, doors, control)
    facts = {
        "erased": doomed.epoch,
        "kept": control.epoch,
        "erased_opens": dead if isinstance(dead, str) else "opened",
        "kept_opens": alive if isinstance(alive, str) else "opened",
        "key_dead": not doors.eraser.vault.has(doomed.epoch),
    }
    if alive != body:
        return broken(
            "the restored record that was not erased does not open: the drill shows nothing", **facts
        )
    faults = [] if dead == Erased.__name__ else ["an erased record opens after a restore"]
    if not facts["key_dead"]:
        faults.append("the erased hour still has a key")
    return judge(faults, "after a restore the erased record is dead and the other one opens", **facts)


def _doom_record(doors: Doors) -> SealedRecord:
    """Return a record of the drill's own class, sealed and then erased; its sealed bytes are what a backup would hold.

    A second drill within the hour takes the first one's bytes: that hour's key is dead, and no new one can be made. They are
    kept as base64, so that the count of copies, which looks for sealed headers in every file, finds no stray.
    """
    epoch = epoch_id(DRILL, doors.archive.clock())
    backup = doors.scratch / f"{epoch.replace('/', '_')}.b64"
    if backup.exists():
        return parse_record(base64.b64decode(backup.read_bytes()))
    record, _ = keep_noise(doors, Kind.DOCUMENT, DRILL)
    doors.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    for old in doors.scratch.glob(f"{DRILL}_*.b64"):
        old.unlink()
    write_file(backup, base64.b64encode(record.data))
    erase_epoch(doors.eraser, record.epoch, reason="restore-drill")
    return record


@contextmanager
def _restored_store(doors: Doors, records: list[SealedRecord]) -> Iterator[CentreStore]:
    """Give a store into which the records were restored, as a backup's were; it is removed afterwards."""
    doors.scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=doors.scratch) as folder:
        store = open_centre(Path(folder) / "store")
        try:
            put_records(
                store,
                [Arrival(one, EncounterId(new_ulid(doors.opener.clock())), 0) for one in records],
            )
            yield store
        finally:
            store.close()


def _open_one(opener: Opener, doors: Doors, record: SealedRecord) -> bytes | str:
    """Return what a restored record holds, or the name of the error that it ended with."""
    try:
        (body,) = opener.read_now(doors.officer(), [record.header.object_id], Purpose.RESTORE_DRILL)
    except WaysealError as error:
        return type(error).__name__
    return body
