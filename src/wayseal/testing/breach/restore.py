"""A backup from before an erasure, restored: what opens of it, and what must.

Owns the restored store and the two readings of it: of the erased hour, which must fail, and of what was kept for longer in time,
which must open from the same backup, so that the drill can fail both ways.
"""

import shutil
from dataclasses import replace

from wayseal.model.errors import Erased
from wayseal.retention.needles import Needles
from wayseal.retention.residue import scan
from wayseal.store.centre import open_centre
from wayseal.testing.breach.attempts import ask_as_privacy, is_scanner_sound
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
        outcomes = [ask_as_privacy(stage, plate, opener=opener).why for plate in stage.old[:_DRILLED]]
        kept = [ask_as_privacy(stage, plate, opener=opener).opened for plate in stage.kept]
    finally:
        store.close()
    alive = [ask_as_privacy(stage, record).why for record in stage.sealed[-3:]]
    tried = try_keys(search_loot([stage.backup], COMMON))
    carved = scan([restored, stage.backup], Needles())
    dead = [one for one in outcomes if one == Erased.__name__]
    faults = {
        "erased-records-open": "opened" in outcomes, "not-all-dead": len(dead) < len(outcomes),
        "living-records-do-not-open": set(alive) != {"opened"}, "keys-in-the-backup": bool(tried.opened),
        "nothing-restored": not outcomes, "pictures-carved": bool(carved.findings), "kept-ones-do-not-open": not all(kept) or not kept,
        "tools-blunt": not is_scanner_sound(stage),
    }  # fmt: skip
    evidence = {
        "restored_records_asked_for": len(outcomes), "dead": len(dead), "answers": sorted(set(outcomes)),
        "kept_in_the_backup": len(kept), "kept_opened": sum(kept), "living_asked_for": len(alive), "living_opened": alive.count("opened"), "opened_by_keys": len(tried.opened),
        "sealed_records_in_backup": tried.records,
    }  # fmt: skip
    return Found.judge(Outcome.USELESS, faults, evidence)
