"""A backup from before an erasure, restored: what opens of it, and what must.

Owns the restored store and the two readings: of the erased hour, which must fail, and of an hour that lives, which must open, so
that the drill can fail both ways.
"""

import shutil
from dataclasses import replace

from wayseal.flow.release import Opener
from wayseal.model.custody import Purpose
from wayseal.model.errors import Erased, WaysealError
from wayseal.model.ids import RecordId
from wayseal.retention.needles import Needles
from wayseal.retention.residue import scan
from wayseal.store.centre import open_centre
from wayseal.testing.breach.loot import COMMON, search_loot, try_keys
from wayseal.testing.breach.stage import Stage
from wayseal.testing.breach.story import Found, Outcome

_DRILLED = 20


def open_restored(stage: Stage) -> Found:
    """Restore the backup beside the site, ask the site's own keyroom for what was erased, and try every key on the backup."""
    restored = stage.folder / "restored"
    shutil.rmtree(restored, ignore_errors=True)
    shutil.copytree(stage.backup / "store", restored)
    store = open_centre(restored)
    try:
        opener = replace(stage.site.opener, store=store)
        outcomes = [_open(stage, opener, plate) for plate in stage.old[:_DRILLED]]
    finally:
        store.close()
    living = stage.site.opener
    alive = [_open(stage, living, record) for record in stage.documents_and_passes[:3]]
    tried = try_keys(search_loot([stage.backup], COMMON))
    carved = scan([restored, stage.backup], Needles())
    dead = [one for one in outcomes if one == Erased.__name__]
    faults = {
        "erased-records-open": "opened" in outcomes, "not-all-dead": len(dead) < len(outcomes),
        "living-records-do-not-open": set(alive) != {"opened"}, "keys-in-the-backup": bool(tried.opened),
        "nothing-restored": not outcomes, "pictures-carved": bool(carved.findings),
    }  # fmt: skip
    evidence = {
        "restored_records_asked_for": len(outcomes), "dead": len(dead), "answers": sorted(set(outcomes)),
        "living_asked_for": len(alive), "living_opened": alive.count("opened"), "opened_by_keys": len(tried.opened),
        "sealed_records_in_backup": tried.records,
    }  # fmt: skip
    return Found.judge(Outcome.USELESS, faults, evidence)


def _open(stage: Stage, opener: Opener, record: RecordId) -> str:
    """Return "opened", or the name of the error that an opening under the restore drill's purpose ended with."""
    who = stage.site.principal("privacy-1", "privacy_officer")
    try:
        opener.read_now(who, [record], Purpose.RESTORE_DRILL)
    except WaysealError as error:
        return type(error).__name__
    return "opened"
