"""Count the sealed copies of records that are really on this host, wherever they lie. Reads headers; opens nothing."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from wayseal.model.errors import Erased, Integrity
from wayseal.model.ids import RecordId
from wayseal.seal.envelope import MAGIC
from wayseal.store.blobs import SegmentStore
from wayseal.store.frames import Position

_OBJECT_ID = re.compile(rb'"object_id":"([0-7][0-9A-HJKMNP-TV-Z]{25})"')
_HEADER_ROOM = 4200
_CHUNK = 4 * 2**20


@dataclass(slots=True)
class Copies:
    """How many copies of one object there are: at the centre (strays included), and in outboxes of lanes on this host."""

    here: int = 0
    at_lane: int = 0


def count_copies(
    blobs: SegmentStore, digests: Mapping[RecordId, str], *, home: Path, outboxes: tuple[Path, ...]
) -> Mapping[RecordId, Copies]:
    """Return the copies of each object of `digests`; a copy in the store counts when it has that SHA-256 (hex).

    Without a digest ("") any whole copy counts. Files under `home` that are no segments of the store or of an outbox are
    searched for the headers of sealed records.
    """
    copies: defaultdict[RecordId, Copies] = defaultdict(Copies)
    for epoch in blobs.epochs():
        for frame in blobs.frames(epoch, check=False):
            wanted = digests.get(frame.object_id)
            if wanted in ("", frame.sha256) and _is_whole(blobs, frame.position):
                copies[frame.object_id].here += 1
    lanes = [SegmentStore(folder / "segments") for folder in outboxes if (folder / "segments").is_dir()]
    for lane in lanes:
        for epoch in lane.epochs():
            for frame in lane.frames(epoch, check=False):
                copies[frame.object_id].at_lane += frame.object_id in digests
    for file in _list_strays(home, [blobs, *lanes]):
        for object_id in find_sealed(file):
            copies[object_id].here += object_id in digests
    return copies


def find_sealed(file: Path) -> Iterator[RecordId]:
    """Yield the object id of each sealed record whose header stands in a file, wherever in it."""
    tail = b""
    with file.open("rb") as stream:
        while True:
            fresh = stream.read(_CHUNK)
            data = tail + fresh
            end = len(data) - _HEADER_ROOM if fresh else len(data)
            at = data.find(MAGIC)
            while 0 <= at < end:
                found = _OBJECT_ID.search(data, at, at + _HEADER_ROOM)
                if found is not None:
                    yield RecordId(found[1].decode())
                at = data.find(MAGIC, at + 1)
            if not fresh:
                return
            tail = data[max(0, end) :]


def _is_whole(blobs: SegmentStore, position: Position) -> bool:
    """Say whether the bytes at a position have the digest of their frame."""
    try:
        blobs.read(position)
    except (Integrity, Erased):
        return False
    return True


def _list_strays(home: Path, stores: list[SegmentStore]) -> Iterator[Path]:
    """Yield the regular files under `home` that are not segments of one of the stores."""
    strays = {stray for store in stores for stray in store.strays()}
    folders = [store.folder for store in stores]
    for file in sorted(home.resolve().rglob("*")):
        inside = any(file.is_relative_to(folder) for folder in folders)
        if file.is_file() and not file.is_symlink() and (not inside or file in strays):
            yield file
