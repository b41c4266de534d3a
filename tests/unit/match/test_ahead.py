"""Work done ahead: the same things in the same order, whatever happens on the way."""

import mmap
import os
import re
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayseal.match.ahead import run_ahead, take_pages


@given(items=st.lists(st.integers(), max_size=12), depth=st.integers(1, 5))
def test_same_items_in_order(items: list[int], depth: int) -> None:
    """What comes out is what went in, at any depth."""
    assert list(run_ahead(iter(items), depth)) == items


def test_errors_come_after_what_was_before() -> None:
    """An error while fetching is raised where its item would have been, and ends the rest."""

    def fetch() -> Iterator[int]:
        yield 1
        yield 2
        raise ValueError("the third")

    items = run_ahead(fetch(), 4)
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(ValueError, match="the third"):
        next(items)


def test_fetches_while_the_caller_works() -> None:
    """The next items are fetched by another thread, at most `depth` of them, before they are asked for."""
    fetched, enough = [], threading.Event()

    def fetch() -> Iterator[int]:
        for number in range(100):
            fetched.append((number, threading.current_thread() is threading.main_thread()))
            if number == 3:
                enough.set()
            yield number

    items = run_ahead(fetch(), 3)
    assert next(items) == 0
    assert enough.wait(60)
    items.close()
    assert [one for one, _ in fetched] == [0, 1, 2, 3]
    assert not any(here for _, here in fetched)


def _count_resident() -> int:
    """Return how many bytes of this process are in memory."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * mmap.PAGESIZE


def test_memory_is_taken_and_left_alone() -> None:
    """An array's memory is there before anything is written, and what is written meanwhile stays."""
    before = _count_resident()
    # Of the kernel's own: what an allocator hands out may have been used before and be there already.
    fresh = mmap.mmap(-1, 64 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    array = np.frombuffer(fresh, dtype=np.uint8)
    thread = take_pages(array)
    array[:: 1 << 20] = 7
    thread.join(60)
    assert not thread.is_alive()
    assert (array[:: 1 << 20] == 7).all()
    release = tuple(int(part) for part in re.findall(r"\d+", os.uname().release)[:2])
    if release >= (5, 14):
        assert _count_resident() - before > 60 << 20


@pytest.mark.parametrize("size", [0, 1, 5000])
def test_small_arrays_are_left_alone(size: int) -> None:
    """An array that has no whole page of its own, and one of a page or two, keep their values."""
    array = np.arange(size, dtype=np.uint8) if size < 256 else np.full(size, 9, dtype=np.uint8)
    kept = array.copy()
    take_pages(array).join(60)
    assert np.array_equal(array, kept)
