"""The table of travellers against a dictionary, through any history, also when different ids have one hash."""

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wayseal.match import names as room
from wayseal.match.names import NameTable
from wayseal.model.errors import Invalid

ids = st.text(st.sampled_from("abcdef"), min_size=1, max_size=3)
steps = st.lists(
    st.one_of(st.tuples(st.just("add"), st.lists(ids, max_size=40)), st.tuples(st.just("forget"), ids)),
    max_size=14,
)


@pytest.fixture(params=["few", "many"])
def few(request: pytest.FixtureRequest) -> Iterator[int]:
    """From how many ids on they are taken in at once: always, or hardly ever."""
    before = room._FEW
    room._FEW = 0 if request.param == "many" else 1000
    yield room._FEW
    room._FEW = before


def replay(script: list[tuple[str, object]]) -> None:
    """Do the same to a table and to a dictionary, and compare them after each step."""
    table, known, length = NameTable(), {}, 0
    for verb, what in script:
        if verb == "add":
            numbers = table.add(what)
            expected = [known.setdefault(name, length + place) for place, name in enumerate(what)]
            assert numbers.tolist() == expected
            length += len(what)
        else:
            assert table.forget(what) == known.pop(what, None)
        assert len(table) == length
        assert list(table) == sorted(known, key=known.__getitem__)
        assert all(table.find(name) == number for name, number in known.items())
        assert table.find("nobody") is None


@pytest.mark.usefixtures("few")
@given(script=steps)
@settings(max_examples=60, deadline=None)
def test_agrees_with_a_dictionary(script: list[tuple[str, object]]) -> None:
    """After any additions and forgettings each id has the number that a dictionary gives it."""
    replay(script)


@pytest.mark.usefixtures("few")
@given(script=steps)
@settings(max_examples=60, deadline=None)
def test_agrees_when_hashes_collide(script: list[tuple[str, object]]) -> None:
    """The same when ids have one of only three hashes, as hostile ids might."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "hash", lambda name: len(name) * 255, raising=False)
        replay(script)


def test_many_ids() -> None:
    """A hundred thousand ids in blocks, every third one known before: the numbers are a dictionary's."""
    table, known = NameTable(), {}
    for start in range(0, 100_000, 10_000):
        block = [f"T-{number if number % 3 else number // 3}" for number in range(start, start + 10_000)]
        expected = [known.setdefault(name, start + place) for place, name in enumerate(block)]
        assert np.array_equal(table.add(block), expected)
    assert list(table) == sorted(known, key=known.__getitem__)


def test_forgotten_number_names_nobody() -> None:
    """A number whose traveller was forgotten is refused, and the traveller gets a new one when coming back."""
    table = NameTable()
    table.add(["a", "b"])
    assert table.name_of(1) == "b"
    assert table.forget("b") == 1
    with pytest.raises(Invalid):
        table.name_of(1)
    assert table.add(["b"]).tolist() == [2]
