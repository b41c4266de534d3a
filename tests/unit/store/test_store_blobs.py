"""Segment files: whole groups or nothing, torn ends cut, damage named, no way out of the folder."""

import hashlib
import os
import stat
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from storesite import build_record

from wayseal.model.border import PlainImage
from wayseal.model.custody import SealedRecord
from wayseal.model.errors import Erased, Integrity, Invalid, StoreFull
from wayseal.model.ids import EpochId
from wayseal.store.blobs import SegmentStore, segment_name
from wayseal.store.frames import Position, frame_head

EPOCH = EpochId("citizen/2026-11-22T12Z")
FRAME_HEAD = len(frame_head(build_record()))


@pytest.fixture
def blobs(tmp_path: Path) -> SegmentStore:
    """A store in an empty folder."""
    return SegmentStore(tmp_path / "segments")


def segment_of(blobs: SegmentStore) -> Path:
    """Return the file of the tests' epoch."""
    return blobs.folder / segment_name(EPOCH)


@given(sizes=st.lists(st.lists(st.integers(1, 3000), max_size=5), max_size=5))
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_goes_in_comes_out(tmp_path_factory: pytest.TempPathFactory, sizes: list[list[int]]) -> None:
    """Records of any sizes, in any groups, read back as they were, also by a store opened anew."""
    folder = tmp_path_factory.mktemp("segments")
    blobs = SegmentStore(folder)
    kept: list[tuple[Position, SealedRecord]] = []
    for group in sizes:
        records = [build_record(size=size) for size in group]
        kept += zip(blobs.append(records, EPOCH), records, strict=True)
    again = SegmentStore(folder)
    assert all(again.read(position) == record.data for position, record in kept)
    frames = list(again.frames(EPOCH))
    assert [f.position for f in frames] == [position for position, _ in kept]
    assert all(f.intact for f in frames)


@given(cut=st.integers(0, 2 * (FRAME_HEAD + 400)))
@settings(max_examples=40, deadline=None)
def test_torn_end_is_cut(tmp_path_factory: pytest.TempPathFactory, cut: int) -> None:
    """Cut anywhere, the segment keeps its whole frames, drops the torn one and takes new records after them."""
    folder = tmp_path_factory.mktemp("segments")
    records = [build_record(size=400) for _ in range(2)]
    positions = SegmentStore(folder).append(records, EPOCH)
    os.truncate(folder / segment_name(EPOCH), cut)
    blobs = SegmentStore(folder)
    whole = cut // (FRAME_HEAD + 400)
    late = build_record(size=100)
    (position,) = blobs.append([late], EPOCH)
    assert position.offset == whole * (FRAME_HEAD + 400)
    assert blobs.read(position) == late.data
    for kept, record in list(zip(positions, records, strict=True))[:whole]:
        assert blobs.read(kept) == record.data


def test_acknowledged_damage_is_never_cut(tmp_path: Path) -> None:
    """When rows vouch for more than is whole, nothing is cut and nothing is added: it is evidence."""
    folder = tmp_path / "segments"
    SegmentStore(folder).append([build_record(size=400) for _ in range(2)], EPOCH)
    os.truncate(folder / segment_name(EPOCH), 600)
    blobs = SegmentStore(folder, acknowledged=lambda _: 2 * (FRAME_HEAD + 400))
    with pytest.raises(Integrity, match="shorter than its records"):
        blobs.append([build_record()], EPOCH)
    assert segment_of(blobs).stat().st_size == 600


@given(bit=st.integers(0, 8 * (FRAME_HEAD + 120) - 1))
@settings(max_examples=60, deadline=None)
def test_flipped_bit_is_noticed(tmp_path_factory: pytest.TempPathFactory, bit: int) -> None:
    """One flipped bit anywhere in a frame makes reading fail, never return other bytes."""
    blobs = SegmentStore(tmp_path_factory.mktemp("segments"))
    (position,) = blobs.append([build_record(size=120)], EPOCH)
    data = bytearray(segment_of(blobs).read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    segment_of(blobs).write_bytes(data)
    with pytest.raises((Integrity, Erased)):
        blobs.read(position)


def test_damage_names_the_record(blobs: SegmentStore) -> None:
    """The error says which record is damaged, and nothing on disk changes."""
    record = build_record(size=300)
    (position,) = blobs.append([record], EPOCH)
    os.truncate(segment_of(blobs), FRAME_HEAD + 299)
    with pytest.raises(Integrity) as caught:
        blobs.read(position)
    assert caught.value.facts["record"] == record.header.object_id
    assert segment_of(blobs).stat().st_size == FRAME_HEAD + 299


@pytest.mark.parametrize(
    "name",
    [
        "../out.seg",
        "/etc/passwd",
        "citizen/../../x.seg",
        "citizen/2026-11-22T12Z",
        "a/b/2026-11-22T12Z.seg",
        "",
    ],
)
def test_names_lead_nowhere_else(blobs: SegmentStore, name: str) -> None:
    """A made-up position cannot reach a file outside the store."""
    with pytest.raises(Invalid):
        blobs.read(Position(name, 0, 10))


def test_links_are_not_followed(blobs: SegmentStore, tmp_path: Path) -> None:
    """A segment or a class folder that is a symbolic link is refused for reading and writing."""
    (tmp_path / "elsewhere").mkdir()
    (blobs.folder / "citizen").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Invalid):
        blobs.append([build_record()], EPOCH)
    (blobs.folder / "citizen").unlink()
    (blobs.folder / "citizen").mkdir()
    segment_of(blobs).symlink_to(tmp_path / "elsewhere" / "file")
    with pytest.raises(Invalid):
        blobs.append([build_record()], EPOCH)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_only_sealed_records_are_taken(blobs: SegmentStore) -> None:
    """A picture, raw bytes or a record without bytes is refused before anything is written."""
    picture = PlainImage(b"\xff\xd8\xff", 1, 1)
    empty = SealedRecord(build_record().header, b"")
    for thing in (picture, b"\xff\xd8\xff", empty):
        with pytest.raises(Invalid):
            blobs.append([thing], EPOCH)  # type: ignore[list-item]
    assert list(blobs.folder.rglob("*.seg")) == []


def test_digest_is_its_own() -> None:
    """A record's digest is computed from its bytes, also in a changed copy; nobody can name another."""
    record = build_record()
    assert record.sha256 == hashlib.sha256(record.data).hexdigest()
    longer = replace(record, data=record.data + b"x")
    assert longer.sha256 == hashlib.sha256(longer.data).hexdigest()
    for wrong in ({"sha256": record.sha256}, {"data": b"x", "sha256": record.sha256}):
        with pytest.raises((TypeError, ValueError)):
            replace(record, **wrong)


def test_large_group_is_written_whole(blobs: SegmentStore) -> None:
    """A group of more parts than one call to the system takes is there, each record where its position says."""
    records = [build_record(size=10) for _ in range(700)]
    positions = blobs.append(records, EPOCH)
    assert [SegmentStore(blobs.folder).read(one) for one in positions] == [one.data for one in records]


def test_unlink_purges_one_epoch(blobs: SegmentStore) -> None:
    """Unlinking takes one epoch's bytes and no other's; reading them afterwards says erased; again is no error."""
    other = EpochId("citizen/2026-11-22T13Z")
    (gone,) = blobs.append([build_record()], EPOCH)
    record = build_record()
    (kept,) = blobs.append([record], other)
    assert blobs.epochs() == [EPOCH, other]
    assert blobs.unlink_epoch(EPOCH) == FRAME_HEAD + 500
    assert blobs.unlink_epoch(EPOCH) == 0
    with pytest.raises(Erased):
        blobs.read(gone)
    assert blobs.read(kept) == record.data


def test_void_leaves_no_bytes(blobs: SegmentStore) -> None:
    """A voided frame is overwritten with zeros, is no longer listed, and the frames after it still are."""
    records = [build_record(size=200) for _ in range(2)]
    first, second = blobs.append(records, EPOCH)
    blobs.void(first)
    blobs.void(first)
    assert records[0].data[:64] not in segment_of(blobs).read_bytes()
    assert [f.position for f in blobs.frames(EPOCH)] == [second]
    with pytest.raises(Erased):
        blobs.read(first)


def test_two_stores_share_a_folder(tmp_path: Path) -> None:
    """Two processes' stores appending in turn never overwrite each other."""
    one, two = SegmentStore(tmp_path / "s"), SegmentStore(tmp_path / "s")
    kept = []
    for store in (one, two, one, two):
        record = build_record(size=333)
        kept.append((store.append([record], EPOCH)[0], record))
    assert all(one.read(position) == record.data for position, record in kept)


def test_notes_lie_beside_the_records(blobs: SegmentStore) -> None:
    """A note comes back with its frame; a changed note makes the frame foreign; too long a one is refused."""
    records = [build_record() for _ in range(2)]
    blobs.append(records, EPOCH, [b'{"a":1}', b""])
    assert [f.note for f in blobs.frames(EPOCH)] == [b'{"a":1}', b""]
    data = segment_of(blobs).read_bytes()
    segment_of(blobs).write_bytes(data.replace(b'{"a":1}', b'{"a":2}'))
    assert list(blobs.frames(EPOCH)) == []
    with pytest.raises(Invalid):
        blobs.append([build_record()], EPOCH, [bytes(5000)])


def test_strays_are_listed(blobs: SegmentStore) -> None:
    """A file in the folder that is no segment is a copy that nobody accounts for."""
    blobs.append([build_record()], EPOCH)
    copy = segment_of(blobs).with_suffix(".bak")
    copy.write_bytes(segment_of(blobs).read_bytes())
    assert blobs.strays() == [copy]


def test_files_are_private(blobs: SegmentStore) -> None:
    """Folder and segments are for the owner only."""
    blobs.append([build_record()], EPOCH)
    assert stat.S_IMODE(segment_of(blobs).stat().st_mode) == 0o600
    assert stat.S_IMODE(blobs.folder.stat().st_mode) == 0o700


FILL = """
    import resource, signal, sys
    from storesite import build_record
    from pathlib import Path
    from wayseal.model.errors import StoreFull
    from wayseal.model.ids import EpochId
    from wayseal.store.blobs import SegmentStore

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    blobs = SegmentStore(Path(sys.argv[1]))
    while True:
        records = [build_record(size=9_000) for _ in range(3)]
        try:
            blobs.append(records, EpochId("citizen/2026-11-22T12Z"))
        except StoreFull:
            break
        print(len(records), flush=True)
"""


def test_full_disk_acknowledges_nothing_more(tmp_path: Path) -> None:
    """At the size limit the group that did not fit is gone whole, and all acknowledged ones are there and whole."""
    folder = tmp_path / "segments"
    child = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(FILL), str(folder)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=Path(__file__).parent,
    )
    acknowledged = sum(int(line) for line in child.stdout.split())
    frames = list(SegmentStore(folder).frames(EPOCH))
    assert acknowledged == len(frames) == 9
    assert all(frame.intact for frame in frames)


def test_full_file_system_is_store_full(blobs: SegmentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that the system refuses for lack of space becomes StoreFull, and the segment is as it was."""
    blobs.append([build_record()], EPOCH)
    size = segment_of(blobs).stat().st_size

    def refuse(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fdatasync", refuse)
    with pytest.raises(StoreFull):
        blobs.append([build_record()], EPOCH)
    assert segment_of(blobs).stat().st_size == size
