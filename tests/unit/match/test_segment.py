"""Segment files under any damage: what comes out is what went in, a prefix of it, or an error; never something else."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wayseal.match.segment import MAGIC, Batch, Segment, new_segment, read_frames, seal_frames, split_batch
from wayseal.model.errors import SealBroken

names = st.lists(st.text(st.characters(codec="utf-8"), min_size=1, max_size=12), min_size=1, max_size=5)


def as_batches(groups: list[list[str]]) -> list[Batch]:
    """Return batches with distinct vectors of four numbers."""
    draw = np.random.default_rng(len(groups))
    return [Batch(group, draw.standard_normal((len(group), 4)).astype(np.float32)) for group in groups]


def read_all(segment: Segment, folder: Path) -> list[tuple[list[str], bytes]]:
    """Return what a segment's file holds."""
    return [(batch.travellers, batch.vectors.tobytes()) for batch, _ in read_frames(segment, folder)]


@given(groups=st.lists(names, max_size=5))
@settings(max_examples=40, deadline=None)
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, groups: list[list[str]]) -> None:
    """Travellers and vectors come back as they were, with any Unicode in the ids, from open and closed segments."""
    folder, batches = tmp_path_factory.mktemp("segment"), as_batches(groups)
    for segment in (new_segment(), new_segment(frames=len(groups))):
        segment.path(folder).write_bytes(MAGIC + seal_frames(segment, batches, first=0))
        assert read_all(segment, folder) == [(one.travellers, one.vectors.tobytes()) for one in batches]


@given(
    place=st.integers(0, 10_000), flip=st.integers(1, 255), cut=st.integers(0, 10_000), closed=st.booleans()
)
@settings(max_examples=80, deadline=None)
def test_damage_is_found(
    tmp_path_factory: pytest.TempPathFactory, place: int, flip: int, cut: int, *, closed: bool
) -> None:
    """A changed byte or a cut gives an error or, in an open segment, the batches before it; never other batches."""
    folder, batches = tmp_path_factory.mktemp("damage"), as_batches([["a"], ["b", "c"], ["d"]])
    segment = new_segment(frames=3 if closed else None)
    data = bytearray(MAGIC + seal_frames(segment, batches, first=0))
    whole = [(one.travellers, one.vectors.tobytes()) for one in batches]
    data[place % len(data)] ^= flip
    segment.path(folder).write_bytes(data[: len(data) - cut % len(data)])
    try:
        found = read_all(segment, folder)
    except SealBroken:
        return
    assert not closed
    assert len(found) < 3
    assert found == whole[: len(found)]


def test_frames_cannot_change_places(tmp_path: Path) -> None:
    """Frames exchanged, repeated or taken from another segment do not open."""
    first, second, third = as_batches([["a"], ["b"], ["c"]])
    segment, other = new_segment(frames=2), new_segment()
    one, two = seal_frames(segment, [first], first=0), seal_frames(segment, [second], first=1)
    for body in (two + one, one + one, one + seal_frames(other, [third], first=1)):
        segment.path(tmp_path).write_bytes(MAGIC + body)
        with pytest.raises(SealBroken):
            read_all(segment, tmp_path)


def test_large_batches_are_split() -> None:
    """A batch larger than a frame becomes several, in order."""
    parts = split_batch(
        Batch([str(number) for number in range(40_000)], np.zeros((40_000, 2), dtype=np.float32))
    )
    assert [len(part.travellers) for part in parts] == [16384, 16384, 7232]
    assert parts[2].travellers[-1] == "39999"
