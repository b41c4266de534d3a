"""A keyroom in a process of its own for tests; run as a script it is one that dies on request.

`python keyroomparts.py HOME PASSPHRASE-FILE BOUNDARY WHEN` serves, and kills itself at the second call of BOUNDARY.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from lineparts import PASSPHRASE, MovableClock

from wayseal.model.clock import utc_now
from wayseal.station.centre import CENTRE
from wayseal.station.keyroom_client import KeyroomClient, KeyroomLink
from wayseal.station.keyroom_trust import read_pin
from wayseal.station.site import Site

RUN = "import sys; from wayseal.cli.main import main; sys.argv[0] = 'wayseal'; main()"


class NowClock(MovableClock):
    """The real time, where a movable clock is expected: another process cannot be told another one."""

    def __init__(self) -> None:
        super().__init__(utc_now())

    @property
    def now(self) -> datetime:
        """Return the time."""
        return utc_now()

    @now.setter
    def now(self, _value: datetime) -> None:
        """Let nobody set it."""


def write_secret(home: Path) -> Path:
    """Write the passphrase file of a home, beside it, and return it."""
    secret = home.with_name(f"{home.name}.passphrase")
    secret.write_bytes(PASSPHRASE)
    return secret


def start_keyroom(home: Path, *death: str) -> subprocess.Popen[str]:
    """Return a keyroom that listens; `death` is a boundary and a moment at which it shall die."""
    command = [sys.executable, "-c", RUN, "--home", str(home), "keyroom", "run"]
    if death:
        command = [sys.executable, __file__, str(home), str(write_secret(home)), *death]
    environment = os.environ | {
        "WAYSEAL_PASSPHRASE_FILE": str(write_secret(home)),
        "WAYSEAL_KEYROOM__PICTURES_BURST": "1000000",
    }
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    assert "listens" in process.stdout.readline()
    return process


@contextmanager
def serve_keyroom(home: Path, *death: str) -> Iterator[subprocess.Popen[str]]:
    """Give a keyroom that listens, and end it afterwards."""
    process = start_keyroom(home, *death)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def open_link(site: Site, name: str = CENTRE) -> KeyroomLink:
    """Return a connection of one's own to a site's keyroom."""
    return KeyroomLink(site.home / "keyroom", name, site.keys.identity, read_pin(site.home / "centre"))


def open_client(site: Site) -> KeyroomClient:
    """Return a client of one's own of a site's keyroom."""
    return KeyroomClient(open_link(site), read_pin(site.home / "centre"), utc_now)


if __name__ == "__main__":
    from killable import plant_death

    plant_death(sys.argv[3], sys.argv[4])
    os.environ["WAYSEAL_PASSPHRASE_FILE"] = sys.argv[2]
    from wayseal.cli.main import main

    sys.argv = ["wayseal", "--home", sys.argv[1], "keyroom", "run"]
    main()
