"""Work done ahead: the same things in the same order, whatever happens on the way."""

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayseal.match.ahead import run_ahead


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
