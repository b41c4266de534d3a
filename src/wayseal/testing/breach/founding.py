"""A drill's site as of 14 hours ago: its settings, the vehicles that passed then, and the backup that the port made of it.

Owns what is older than the drill. Nothing runs yet: the keyroom is in this process, and its clock is of that time.
"""

import secrets
import shutil
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path

from wayseal.model.ids import RecordId, epoch_id
from wayseal.station.site import init_site, open_site
from wayseal.testing.breach.bulk import fill_lane
from wayseal.testing.breach.cast import DIMENSION, MODEL, make_template
from wayseal.testing.breach.scale import AGENCY, GALLERY, OLD_LANE, OVERDUE, Scale
from wayseal.testing.breach.witnesses import Bench


def found_site(
    folder: Path, scale: Scale, bench: Bench, words: Mapping[str, Path], began: datetime
) -> tuple[list[RecordId], list[RecordId]]:
    """Make the site as of 14 hours ago, let vehicles pass on a lane of its own host, and back it up.

    Returns the plates whose class ends after 12 hours, and the one of a last vehicle that an officer has kept for longer.
    """
    home, secret = folder / "centre", words["centre"].read_bytes()
    clock = _StandingClock(began - OVERDUE)
    init_site(
        home, secret, evaluation=True, config=_settings(scale, words["keyroom"]),
        witnesses=bench.policy(), clock=clock,
    )  # fmt: skip
    with open_site(home, secret, clock=clock) as site:
        plates = fill_lane(site, OLD_LANE, scale.old + 1, scale.occupants, clock)
        officer, longer = site.principal("officer-1", "officer"), epoch_id("non_citizen", clock())
        site.opener.keep(officer, plates[-1], longer, reason="decision.refer")
        site.create_gallery(GALLERY, model_sha256=MODEL, dimension=DIMENSION).add(
            ["traveller-1", "traveller-2"], [make_template((1,)), make_template((2,))]
        )
    copy_backup(home, folder / "backup")
    return plates[:-1], plates[-1:]


def copy_backup(home: Path, to: Path) -> None:
    """Copy what docs/howto/restore-a-backup.md says to back up, and nothing else."""
    for name in ("store", "ledger", "lanes", "gallery", "policy", "keyroom/epochs", "keyroom/identities"):
        shutil.copytree(home / name, to / name)
    for name in ("wayseal.toml", "site.json", "keyroom/roster.json"):
        shutil.copy2(home / name, to / name)


class _StandingClock:
    """A clock of the past that goes on by a millisecond a call."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def __call__(self) -> datetime:
        """Return the pretended time."""
        self._now += timedelta(milliseconds=1)
        return self._now


def write_secret(file: Path) -> Path:
    """Write a passphrase that nobody could guess, readable by its owner."""
    file.touch(mode=0o600)
    file.write_text(secrets.token_urlsafe(24), encoding="ascii")
    return file


def _settings(scale: Scale, keyroom_secret: Path) -> str:
    """Return the site's settings: those of a new site, with the scale's allowances."""
    return "\n".join([
        'site = "drill-port"', f'organisation = "{AGENCY}"', "", "[match]", "fpir = 0.003", "",
        "[retention]", 'default_class = "citizen"', "", "[carrier]", "poll_seconds = 1.0", "",
        "[keyroom]", f'passphrase_file = "{keyroom_secret}"', 'socket = "auto"',
        f"pictures_burst = {scale.pictures_burst}", f"pictures_per_hour = {scale.pictures_per_hour}",
        f"pictures_usual = {max(1, scale.pictures_per_hour // 8)}", f"shared_factor = {scale.shared_factor}",
        f"canary_one_in = {scale.canary_one_in}", "",
    ])  # fmt: skip
