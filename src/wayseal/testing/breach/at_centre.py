"""The thieves at the centre: first with its disk, then inside its running process for a limited time, at full speed.

Owns both acts. On the disk there is everything in the centre's home and nothing else; inside the process there is what that process
may ask of the keyroom, under any name it likes, and its own signing key.
"""

import shutil
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from wayseal.flow.canary import CanaryBook
from wayseal.flow.policy import Principal
from wayseal.model.custody import Kind, Purpose, RecordStatus
from wayseal.model.errors import QuotaExceeded, Refused, WaysealError
from wayseal.model.ids import RecordId, epoch_id, epoch_span
from wayseal.retention.needles import Needles
from wayseal.retention.residue import scan
from wayseal.seal.keys import FileKeeper
from wayseal.seal.keys.secret import load_secret
from wayseal.station.shift import begin_shift
from wayseal.store.engine import read
from wayseal.store.records import iterate_day_records
from wayseal.testing.breach.attempts import Answer, ask, is_scanner_sound
from wayseal.testing.breach.loot import COMMON, search_loot, try_keys
from wayseal.testing.breach.scale import BULK_LANE, LANE
from wayseal.testing.breach.shifts import begin_signed
from wayseal.testing.breach.stage import Stage
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
        "no-keepers-there": not tried.keepers, "weak-keeper-not-opened": not opens_weak_keeper(stage),
        "tools-blunt": not is_scanner_sound(stage),
    }  # fmt: skip
    return Found.judge(Outcome.USELESS, faults, evidence)


def opens_weak_keeper(stage: Stage) -> bool:
    """Say whether the thief's tools open a keeper whose passphrase is among the weak ones that they try."""
    folder = stage.thief / "weak" / "keeper"
    shutil.rmtree(folder, ignore_errors=True)
    FileKeeper.create(folder, COMMON[-1])
    opened = search_loot([folder], COMMON).keepers_opened
    shutil.rmtree(folder)
    return opened == 1


@dataclass
class Raid:
    """What a thief inside the running centre got so far."""

    stage: Stage
    end: float
    got: set[RecordId] = field(default_factory=set)
    refusals: Counter[str] = field(default_factory=Counter)
    broken: Counter[str] = field(default_factory=Counter)
    """Errors that are no refusal, by name: a process that is gone, a record that is not there."""
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
                begin_signed(self.stage, who, [LANE, BULK_LANE])
            except WaysealError as error:
                self._note(error)
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
                self._note(error)
                if size > 1:
                    size = 1
                    continue
            else:
                self.got.update(batch)
            left = left[len(batch) :]
        return left

    def _note(self, error: WaysealError) -> None:
        """Count what a request ended with: refused by canary or rule, or broken, which is no refusal."""
        if isinstance(error, Refused):
            self.refusals["canary-or-rule"] += 1
        else:
            self.broken[type(error).__name__] += 1


@dataclass(frozen=True, slots=True)
class _Allowed:
    """What everybody of one client may open together, by the site's settings."""

    at_once: float
    an_hour: float

    @classmethod
    def by(cls, stage: Stage) -> "_Allowed":
        """Return a site's allowances."""
        rules = stage.site.settings.keyroom
        return cls(rules.pictures_burst * rules.shared_factor, rules.pictures_per_hour * rules.shared_factor)

    def within(self, seconds: float) -> float:
        """Return what may be got within some seconds after a rest."""
        return self.at_once + self.an_hour * seconds / 3600 + 1


def raid_centre(stage: Stage) -> Found:
    """Own the running centre for a while: invent officers, open their shifts, and take pictures at full speed.

    The port's supervisor signs every shift they are shown; one that nobody signed opens nothing.

    An honest officer's opening, through the same door, comes first: without it nothing that follows was refused.
    """
    site = stage.site
    before = {kind: len(site.ledger.find(type=kind)) for kind in ("alarm", "canary-hit")}
    honest = ask(lambda: _work_honestly(stage))
    pictures = _list_pictures(stage)
    unsigned = _work_unsigned(stage)
    began = time.monotonic()
    raid = Raid(stage, began + stage.scale.seconds)
    raid.run(pictures)
    seconds = time.monotonic() - began
    allowed = _Allowed.by(stage)
    told = Counter(
        site.ledger.entry(index)["alarm"] for index in site.ledger.find(type="alarm")[before["alarm"] :]
    )
    hits = {
        site.ledger.entry(index)["object"]
        for index in site.ledger.find(type="canary-hit")[before["canary-hit"] :]
    }
    evidence = {
        "pictures_here": len(pictures), "honest_officer": honest.why,
        "unsigned_shift": unsigned.why, "got": len(raid.got), "seconds": round(seconds, 1),
        "asked": raid.asked, "officers_invented": raid.officers, "refusals": dict(raid.refusals),
        "broken": dict(raid.broken), "allowance_at_once": allowed.at_once, "allowance_an_hour": allowed.an_hour,
        "alarms": dict(told), "canaries_met": len(hits), "canaries_given": count_canaries(stage, raid.got),
        "hours_for_184000": round(max(0, STOLEN - allowed.at_once) / allowed.an_hour, 1), "hours_a_key_lives": _count_hours(stage),
    }  # fmt: skip
    faults = {
        "beyond-the-allowance": len(raid.got) > allowed.within(seconds),
        "nobody-was-told": bool(raid.refusals["quota"] and "quota" not in told) or bool(hits and "canary" not in told),
        "shift-without-a-signature": unsigned.opened, "canaries-given": bool(evidence["canaries_given"]), "door-shut-to-everybody": not honest.opened,
        "ended-by-a-fault": bool(raid.broken) and not raid.closed, "nothing-here": not pictures,
    }  # fmt: skip
    if any(faults.values()) or not raid.got:
        return Found.judge(Outcome.BLOCKED, faults, evidence)
    return Found(Outcome.OPEN, {REMAINS: METERED, **evidence})


def _count_hours(stage: Stage) -> float:
    """Return for how many hours the key of this hour opens what is sealed to it, from the hour's beginning."""
    epoch = epoch_id(stage.site.settings.retention.default_class, stage.site.clock())
    lives = stage.site.schedule.expires_at(epoch) - epoch_span(epoch)[1]
    return round(lives / timedelta(hours=1), 1)


def _work_honestly(stage: Stage) -> None:
    """Let an officer begin a shift and open the newest picture of the lane, as they do all day."""
    who = stage.site.principal("officer-1", "officer")
    begin_signed(stage, who, [LANE])
    stage.site.opener.read_now(who, [stage.sealed[-1]], Purpose.PRIMARY_INSPECTION)


def _work_unsigned(stage: Stage) -> Answer:
    """Return what comes of a shift that an officer whom the thief made up begins, and that nobody signs."""
    who = stage.site.principal("officer-x0", "officer")

    def open_newest() -> None:
        begin_shift(stage.site, who, [LANE])
        stage.site.opener.read_now(who, [stage.sealed[-1]], Purpose.PRIMARY_INSPECTION)

    return ask(open_newest)


def _list_pictures(stage: Stage) -> list[RecordId]:
    """Return every picture that lives at the centre."""
    with read(stage.site.store.engine) as connection:
        today = stage.site.clock().date()
        rows = [
            row for day in (today - timedelta(days=1), today) for row in iterate_day_records(connection, day)
        ]
    return [
        row.object_id
        for row in rows
        if row.kind in (Kind.FACE, Kind.PLATE) and row.status is not RecordStatus.ERASED
    ]


def count_canaries(stage: Stage, got: Iterable[RecordId]) -> int:
    """Return how many canaries are among some records, by the keyroom's own list, which no thief can read."""
    folder = stage.home / "keyroom"
    keeper = FileKeeper.open(folder / "keeper", stage.secrets["keyroom"].read_bytes())
    key = load_secret(keeper, folder / "identities", purpose="canary", name="keyroom", size=32)
    book = CanaryBook(folder / "canaries.sqlite", key)
    try:
        return sum(book.is_canary(record) for record in got)
    finally:
        book.close()
