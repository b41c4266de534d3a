"""Appends that arrive together: one flush for all, and each told what became of its own."""

import errno
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from storesite import build_record

from wayseal.model.custody import SealedRecord
from wayseal.model.errors import Integrity, StoreFull
from wayseal.model.ids import EpochId
from wayseal.store.blobs import SegmentStore
from wayseal.store.frames import Position

EPOCH = EpochId("citizen/2026-11-22T12Z")
OTHER = EpochId("citizen/2026-11-22T13Z")
WAIT = 60


class Held:
    """A flush that waits until it may go on, and counts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.flushes = 0
        self.entered, self.go_on = threading.Event(), threading.Event()
        self._real = os.fdatasync
        monkeypatch.setattr(os, "fdatasync", self.flush)

    def flush(self, descriptor: int) -> None:
        """Flush, the first time only when `go_on` is set."""
        self.flushes += 1
        self.entered.set()
        assert self.go_on.wait(WAIT)
        self._real(descriptor)


def append_together(
    blobs: SegmentStore, held: Held, groups: list[tuple[list[SealedRecord], EpochId]]
) -> list[Future[list[Position]]]:
    """Append a first record, and while its flush is held all `groups`, each from a thread of its own."""
    with ThreadPoolExecutor(len(groups) + 1) as pool:
        first = pool.submit(blobs.append, [build_record()], EPOCH)
        assert held.entered.wait(WAIT)
        later = [pool.submit(blobs.append, records, epoch) for records, epoch in groups]
        wait_until(lambda: len(blobs._queue) == len(groups))
        held.go_on.set()
        assert len(first.result(WAIT)) == 1
    return later


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, a minute at most."""
    waiting = threading.Event()
    for _ in range(WAIT * 100):
        if condition():
            return
        waiting.wait(0.01)
    raise AssertionError("it did not come")


def test_calls_share_a_flush(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups that arrive while a flush runs are all durable with the next one, a flush for each of their segments."""
    blobs, held = SegmentStore(tmp_path / "segments"), Held(monkeypatch)
    groups = [([build_record() for _ in range(number)], EPOCH) for number in range(1, 5)]
    groups.append(([build_record()], OTHER))
    answers = append_together(blobs, held, groups)
    assert held.flushes == 3
    for answer, (records, epoch) in zip(answers, groups, strict=True):
        positions = answer.result(WAIT)
        assert [blobs.read(one) for one in positions] == [record.data for record in records]
        assert {one.segment for one in positions} == {f"{epoch}.seg"}
    assert len(list(SegmentStore(blobs.folder).frames(EPOCH))) == 11


def test_one_that_does_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A group for which there is no room leaves no byte and keeps no other of the same flush out."""
    blobs, held = SegmentStore(tmp_path / "segments"), Held(monkeypatch)
    real = os.pwritev

    def refuse_large(descriptor: int, parts: list[memoryview], offset: int) -> int:
        if sum(len(part) for part in parts) > 5000:
            real(descriptor, parts[:1], offset)
            raise OSError(errno.ENOSPC, "no space")
        return real(descriptor, parts, offset)

    monkeypatch.setattr(os, "pwritev", refuse_large)
    small, large, last = build_record(), build_record(size=9000), build_record()
    answers = append_together(blobs, held, [([small], EPOCH), ([large], EPOCH), ([last], EPOCH)])
    with pytest.raises(StoreFull):
        answers[1].result(WAIT)
    kept = [answers[number].result(WAIT)[0] for number in (0, 2)]
    assert sorted(map(blobs.read, kept)) == sorted([small.data, last.data])
    frames = list(SegmentStore(blobs.folder).frames(EPOCH))
    assert len(frames) == 3
    assert all(frame.intact for frame in frames)


def test_failed_flush_fails_them_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the shared flush fails, every caller of it is told and nothing of theirs is kept; other segments are not touched by it."""
    blobs, held = SegmentStore(tmp_path / "segments"), Held(monkeypatch)
    real = held.flush
    failing = {2}

    def flush(descriptor: int) -> None:
        if held.flushes + 1 in failing:
            held.flushes += 1
            raise OSError(errno.EIO, "the disk is gone")
        real(descriptor)

    monkeypatch.setattr(os, "fdatasync", flush)
    answers = append_together(
        blobs, held, [([build_record()], EPOCH), ([build_record()], EPOCH), ([build_record()], OTHER)]
    )
    for answer in answers[:2]:
        with pytest.raises(OSError, match="gone"):
            answer.result(WAIT)
    assert blobs.read(answers[2].result(WAIT)[0])
    assert len(list(blobs.frames(EPOCH))) == 1
    assert len(blobs.append([build_record()], EPOCH)) == 1


def test_damaged_segment_is_each_callers_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A segment that lost acknowledged bytes is refused to every caller that waits, and nobody is left waiting."""
    claims: dict[EpochId, int] = {}
    blobs = SegmentStore(tmp_path / "segments", acknowledged=lambda epoch: claims.get(epoch, 0))
    held = Held(monkeypatch)
    claims[OTHER] = 1000
    answers = append_together(blobs, held, [([build_record()], OTHER), ([build_record()], OTHER)])
    for answer in answers:
        with pytest.raises(Integrity):
            answer.result(WAIT)
