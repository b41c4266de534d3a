"""Lines for a reader: none is lost to one who reads, and one who does not read costs lines, never time."""

import fcntl
import os
import threading
from collections.abc import Iterator

import pytest

from wayseal.station.teller import Teller

SMALL = 4096


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe that holds 4,096 bytes."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, SMALL)
    yield reading, writing
    for end in (reading, writing):
        try:
            os.close(end)
        except OSError:
            continue


def test_slow_reader_gets_every_line(pipe: tuple[int, int]) -> None:
    """What is said is read whole and in order, however long the lines and however small the pipe."""
    reading, writing = pipe
    teller = Teller(writing)
    lines = [f"{number} " + "x" * (number * 37 % 3000) for number in range(60)]
    found: list[bytes] = []

    def read() -> None:
        while data := os.read(reading, 700):
            found.append(data)

    reader = threading.Thread(target=read)
    reader.start()
    for line in lines:
        teller.say(line)
    assert teller.finish(within_s=60)
    os.close(writing)
    reader.join()
    assert b"".join(found).decode().splitlines() == lines


def test_nobody_reads(pipe: tuple[int, int]) -> None:
    """With a full pipe a thousand lines are said all the same; most are dropped and counted, and the end comes."""
    reading, writing = pipe
    teller = Teller(writing, most=8)
    for number in range(1000):
        teller.say(f"{number} " + "x" * 500)
    assert teller.dropped >= 1000 - 8 - SMALL // 500 - 2
    assert not teller.finish(within_s=0.1)
    first = os.read(reading, SMALL).decode().splitlines()
    assert first[0].startswith("0 x")


def test_reader_who_went(pipe: tuple[int, int]) -> None:
    """A reader who has closed the pipe ends the telling, not the process."""
    reading, writing = pipe
    os.close(reading)
    teller = Teller(writing)
    for _ in range(5):
        teller.say("nobody hears this")
    assert not teller.finish(within_s=60)
    assert teller.dropped == 5
