"""A clock that was set is told from one that ran."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from wayseal.retention.steady import ClockWatch, read_boot_clock

START = datetime(2026, 11, 22, 7, 0, tzinfo=UTC)


class Machine:
    """A machine whose boot clock tests move."""

    def __init__(self) -> None:
        self.boot, self.seconds = "first", 1000.0

    def __call__(self) -> tuple[str, float]:
        """Return the reading."""
        return self.boot, self.seconds


@pytest.mark.parametrize(
    ("passed", "wall", "expected"),
    [
        (600, 600, 0),
        (600, 610, 0),
        (86_400, 86_399, 0),
        (600, 4200, 3600),
        (600, -3000, -3600),
        (0, 3600, 3600),
    ],
)
def test_steps_are_measured(tmp_path: Path, passed: int, wall: int, expected: int) -> None:
    """An hour forward or back is measured to the second; drift and small corrections are not steps."""
    machine = Machine()
    watch = ClockWatch(tmp_path / "clock.json", machine)
    assert watch.measure_step(START) == timedelta(0)
    machine.seconds += passed
    assert watch.measure_step(START + timedelta(seconds=wall)) == timedelta(seconds=expected)
    assert watch.measure_step(START + timedelta(seconds=wall)) == timedelta(0)


def test_restart_and_damage_start_afresh(tmp_path: Path) -> None:
    """After a restart, and with a damaged file, nothing can be compared and nothing is claimed."""
    machine = Machine()
    watch = ClockWatch(tmp_path / "clock.json", machine)
    watch.measure_step(START)
    machine.boot, machine.seconds = "second", 5.0
    assert watch.measure_step(START + timedelta(days=3)) == timedelta(0)
    for text in ("", "{", '{"boot": "second"}', '{"boot": "second", "seconds": "x", "wall": "y"}', "[]"):
        (tmp_path / "clock.json").write_text(text)
        assert watch.measure_step(START) == timedelta(0)


def test_real_boot_clock_runs() -> None:
    """The kernel's clock goes forward within one boot."""
    first, second = read_boot_clock(), read_boot_clock()
    assert first[0] == second[0]
    assert second[1] >= first[1] > 0
