"""Notice when somebody sets the clock that decides over erasure: compare it with the one that nobody can set.

Owns one small file with the last reading. A restart of the machine starts afresh: what the hardware clock said in between
cannot be known here.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from wayseal.model.clock import from_text, to_text
from wayseal.model.errors import Invalid

STEP = timedelta(minutes=5)
"""Less than this is drift and ordinary correction."""

BootClock = Callable[[], tuple[str, float]]
"""A function that returns which run of the machine this is, and the seconds since it began, sleep included."""


def read_boot_clock() -> tuple[str, float]:
    """Return the kernel's boot id and boot clock; neither can be set."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return boot, time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(frozen=True, slots=True)
class _Reading:
    """Both clocks at one moment."""

    boot: str
    seconds: float
    wall: datetime


@dataclass(frozen=True, slots=True)
class ClockWatch:
    """The file that remembers the last reading, and the clock to compare with."""

    file: Path
    boot_clock: BootClock = read_boot_clock

    def measure_step(self, now: datetime) -> timedelta:
        """Return by how much the clock was set since the last call (forward is positive); zero when it only ran.

        Zero as well on the first call and after a restart of the machine. Remembers this reading for the next call.
        """
        boot, seconds = self.boot_clock()
        step = timedelta(0)
        last = self._load()
        if last is not None and last.boot == boot:
            step = now - last.wall - timedelta(seconds=seconds - last.seconds)
        self._save(_Reading(boot, seconds, now))
        return step if abs(step) > STEP else timedelta(0)

    def _load(self) -> _Reading | None:
        """Return the last reading; None for none and for a damaged one."""
        try:
            value = json.loads(self.file.read_text(encoding="utf-8"))
            return _Reading(str(value["boot"]), float(value["seconds"]), from_text(value["wall"]))
        except (OSError, ValueError, KeyError, TypeError, Invalid):
            return None

    def _save(self, reading: _Reading) -> None:
        """Replace the file whole."""
        value = {"boot": reading.boot, "seconds": reading.seconds, "wall": to_text(reading.wall)}
        fresh = self.file.with_suffix(".new")
        fresh.write_text(json.dumps(value), encoding="utf-8")
        fresh.replace(self.file)
