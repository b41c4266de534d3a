"""The thieves at the centre: first with its disk, then inside its running process for a limited time, at full speed.

Owns both acts. On the disk there is everything in the centre's home and nothing else; inside the process there is what that process
may ask of the keyroom, under any name it likes, and its own signing key.
"""

import shutil
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from wayseal.flow.policy import Principal
from wayseal.model.custody import Kind, Purpose, RecordStatus
from wayseal.model.errors import QuotaExceeded, Refused, Unavailable, WaysealError
from wayseal.model.ids import RecordId
from wayseal.retention.needles import Needles
from wayseal.retention.residue import scan
from wayseal.station.shift import begin_shift
from wayseal.store.engine import read
from wayseal.store.records import iterate_day_records
from wayseal.testing.breach.loot import COMMON, search_loot, try_keys
from wayseal.testing.breach.stage import BULK_LANE, LANE, Stage
from wayseal.testing.breach.story import REMAINS, Found, Outcome

METERED = "what the running matcher sees, at the rate at which it is metered (S-3, S-4): the allowance of one client of the keyroom"
STOLEN = 184_000
_BATCH = 20
_OFFICERS = 50


def take_disk(stage: Stage) -> Found:
    """Copy the centre's whole disk, carve it, and try every key that lies on it on every record."""
    disk = stage.thief / "centre-disk"
    shutil.rmtree(disk, ignore_errors=True)
    shutil.copytree(stage.home, disk, ignore=shutil.ignore_patterns("*.sock"))
    stage.stolen["disk"] = disk
    found = scan([disk], Needles(texts=tuple(stage.plates[:200])))
    tried = stage.tried["disk"] = try_keys(search_loot([disk], COMMON))
    evidence = {"copied_bytes": found.scanned_bytes, "carved": len(found.findings), **tried.describe()}
    faults = {
        "pictures-carved": bool(found.findings), "records-opened": bool(tried.opened),
        "keepers-opened": bool(tried.keepers_opened), "nothing-taken": tried.records < len(stage.sealed),
    }  # fmt: skip
    return Found.judge(Outcome.USELESS, faults, evidence)


@dataclass
class Raid:
    """What a thief inside the running centre got so far."""

    stage: Stage
    end: float
    got: set[RecordId] = field(default_factory=set)
    refusals: Counter[str] = field(default_factory=Counter)
    officers: int = 0
    asked: int = 0
    closed: bool = False
    """Whether the account that everybody of this client shares is empty."""

    @property
    def is_over(self) -> bool:
        """Say whether the thief is out of time, names or allowance."""
        return self.closed or time.monotonic() > self.end or self.officers >= _OFFICERS

    def run(self, records: Sequence[RecordId]) -> None:
        """Take as much as can be got, officer by invented officer, in batches and then one by one."""
        left = list(records)
        while left and not self.is_over:
            self.officers += 1
            who = self.stage.site.principal(f"officer-x{self.officers}", "officer")
            try:
                begin_shift(self.stage.site, who, [LANE, BULK_LANE])
            except (Refused, Unavailable) as error:
                self.refusals[type(error).__name__] += 1
                continue
            left = self._take(who, left)

    def _take(self, who: Principal, left: list[RecordId]) -> list[RecordId]:
        """Return what is left when this officer's allowance, or everybody's, is spent."""
        size = _BATCH
        while left and not self.is_over:
            batch = left[:size]
            self.asked += len(batch)
            try:
                self.stage.site.opener.read_now(who, batch, Purpose.PRIMARY_INSPECTION)
            except QuotaExceeded as error:
                self.refusals["quota"] += 1
                if size > 1:
                    size = 1
                    continue
                self.closed = str(error.facts.get("account", "")).startswith(("client/", "organisation/"))
                return left
            except WaysealError as error:
                self.refusals["canary-or-rule" if isinstance(error, Refused) else type(error).__name__] += 1
                if size > 1:
                    size = 1
                    continue
            else:
                self.got.update(batch)
            left = left[len(batch) :]
        return left


def raid_centre(stage: Stage) -> Found:
    """Own the running centre for a while: invent officers, open their shifts, and take pictures at full speed."""
    site, keyroom = stage.site, stage.site.settings.keyroom
    before = {kind: len(site.ledger.find(type=kind)) for kind in ("alarm", "canary-hit")}
    with read(site.store.engine) as connection:
        today = site.clock().date()
        rows = [
            row for day in (today - timedelta(days=1), today) for row in iterate_day_records(connection, day)
        ]
    pictures = [
        row.object_id
        for row in rows
        if row.kind in (Kind.FACE, Kind.PLATE) and row.status is not RecordStatus.ERASED
    ]
    began = time.monotonic()
    raid = Raid(stage, began + stage.scale.seconds)
    raid.run(pictures)
    seconds = time.monotonic() - began
    at_once = keyroom.pictures_burst * keyroom.shared_factor
    an_hour = keyroom.pictures_per_hour * keyroom.shared_factor
    allowed = at_once + an_hour * seconds / 3600 + 1
    told = Counter(
        site.ledger.entry(index)["alarm"] for index in site.ledger.find(type="alarm")[before["alarm"] :]
    )
    evidence = {
        "pictures_here": len(pictures), "got": len(raid.got), "seconds": round(seconds, 1), "asked": raid.asked,
        "officers_invented": raid.officers, "refusals": dict(raid.refusals), "allowance_at_once": at_once,
        "allowance_an_hour": an_hour, "alarms": dict(told),
        "canaries_met": len(site.ledger.find(type="canary-hit")) - before["canary-hit"],
        "hours_for_184000": round(max(0, STOLEN - at_once) / an_hour, 1), "hours_a_key_lives": 13,
    }  # fmt: skip
    faults = {
        "beyond-the-allowance": len(raid.got) > allowed,
        "nobody-was-told": bool(raid.refusals["quota"]) and not told,
    }
    if any(faults.values()):
        return Found(
            Outcome.OPEN, {"faults": sorted(name for name, bad in faults.items() if bad), **evidence}
        )
    if raid.got:
        return Found(Outcome.OPEN, {REMAINS: METERED, **evidence})
    return Found(Outcome.BLOCKED, evidence)
