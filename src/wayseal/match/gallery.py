"""Known travellers, kept: an append-only log of sealed templates in segments, and a sealed manifest that names them.

Adding appends one frame and one fdatasync. Forgetting writes the segments that held the traveller anew under a fresh key,
commits a new manifest (temporary file, fsync, rename, fsync of the folder) and deletes the old files: three syncs, and no
byte of the template is in any file when the call returns. A crash at any moment leaves the gallery of before or after.
What must never happen: a template, a traveller id or a key in a file unsealed, or in a file's name.
"""

import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from wayseal.match.ahead import run_ahead
from wayseal.match.calibrate import Calibration, shipped_calibration
from wayseal.match.loaded import LoadedGallery
from wayseal.match.manifest import (
    MANIFEST,
    TemplateCipher,
    read_manifest,
    stamp_file,
    write_all,
    write_file,
    write_manifest,
)
from wayseal.match.matrix import Numbers, check_vectors
from wayseal.match.segment import (
    MAGIC,
    SUFFIX,
    Batch,
    Segment,
    new_segment,
    read_ahead,
    read_frames,
    seal_frames,
    split_batch,
)
from wayseal.model.border import Template
from wayseal.model.errors import Invalid, NotFound, StoreFull, WrongModel
from wayseal.model.ids import check_name

Words = NDArray[np.uint64]

_LOCK = "lock"
_ROLL = 16 << 20  # bytes after which a segment is closed
_AHEAD = 3  # batches that are read and opened while others are put into memory


class Gallery:
    """One gallery's files and its working copy in memory, `loaded`, which is what `match.search` takes.

    Several processes may open one gallery: writers take turns by a lock, and `refresh` sees what others did. Make one
    with `create_gallery` or `open_gallery`.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        cipher: TemplateCipher,
        facts: tuple[str, int],
        calibration: Calibration | None,
    ) -> None:
        self.name = name
        self.model_sha256, self.dimension = facts
        self.calibration = calibration
        self._folder = folder
        self._cipher = cipher
        self._segments: list[Segment] = []
        self._holds: dict[str, list[tuple[Numbers, Words]]] = {}  # of each batch: whose, and fingerprints
        self._frames = 0  # of the open segment, the last one
        self._tail = 0  # its length up to the last whole frame
        self._seen: tuple[int, int, int] | None = None
        self.loaded = self._empty()

    @property
    def folder(self) -> Path:
        """The folder that holds the gallery's files."""
        return self._folder

    @property
    def size(self) -> int:
        """How many templates are enrolled."""
        return self.loaded.size

    def travellers(self) -> list[str]:
        """Return the travellers in order of enrolment. Personal data: it goes to no log and no file."""
        return self.loaded.travellers()

    def holds(self, traveller: str, vector: NDArray[np.float32]) -> bool:
        """Say whether a traveller is enrolled with this very template, bit for bit."""
        numbers, mark = self.loaded.known([traveller]), _fingerprint(vector[None])[0]
        parts = (part for parts in self._holds.values() for part in parts)
        return bool(numbers) and any(
            ((whose == numbers[0]) & (marks == mark)).any() for whose, marks in parts
        )

    def add(self, travellers: Sequence[str], templates: Sequence[Template]) -> None:
        """Enrol templates; durable when it returns. Raises `WrongModel`, `Invalid` or `StoreFull`, having done nothing."""
        for template in templates:
            if template.model_sha256 != self.model_sha256:
                raise WrongModel("a template of another model than the gallery's")
        if templates:
            self.add_many(travellers, np.stack([template.vector for template in templates]))

    def add_many(self, travellers: Sequence[str], vectors: NDArray[np.float32]) -> None:
        """Enrol raw unit vectors of this gallery's model, `vectors[i]` of `travellers[i]`, with one sync for all.

        The way for bulk: pass tens of thousands a call. Durable when it returns; all or none.
        """
        rows = check_vectors(vectors, self.dimension)
        if len(rows) != len(travellers) or not all(travellers):
            raise Invalid("each template needs one traveller, with an id that is not empty")
        batches = split_batch(Batch(list(travellers), rows))
        with self._locked():
            self._catch_up()
            if self._tail > _ROLL:
                self._roll()
            self._append(seal_frames(self._segments[-1], batches, first=self._frames))
            self._frames += len(batches)
            for batch in batches:
                self._take(self._segments[-1], batch)

    def forget(self, traveller: str, *, cipher: TemplateCipher | None = None) -> int:
        """Erase a traveller and return how many templates went. Raises `NotFound` when there is none of that id.

        When it returns, no file of the gallery holds a byte of them and no answer names them. Pass a `cipher` under a
        new key and destroy the old key afterwards, and copies of the folder made before stay shut as well.
        """
        with self._locked():
            self._catch_up()
            numbers = self.loaded.known([traveller])
            if not numbers:
                raise NotFound("no such traveller in the gallery", gallery=self.name)
            self._rewrite_without(traveller, numbers[0], cipher or self._cipher)
            return self.loaded.forget(traveller)

    def rekey(self, cipher: TemplateCipher) -> None:
        """Seal the manifest under another key. The caller destroys the old key, and with it every older copy's use."""
        with self._locked():
            self._catch_up()
            self._commit(self._segments, cipher)

    def refresh(self) -> bool:
        """Take in what other processes added or forgot; say whether anything changed. Cheap when nothing did."""
        with self._locked(shared=True):
            return self._catch_up()

    def current(self) -> LoadedGallery:
        """Return the working copy in step with the files: what a long-running matcher searches, each time anew.

        A traveller whom any process forgot is in no answer from here on.
        """
        self.refresh()
        return self.loaded

    def _catch_up(self) -> bool:
        """Bring memory in step with the files. The caller holds the lock."""
        seen = stamp_file(self._folder / MANIFEST)
        if seen != self._seen:
            self._load()
            self._seen = seen
            return True
        size = self._segments[-1].path(self._folder).stat().st_size
        return size > self._tail and self._read_on()

    def _load(self) -> None:
        """Read everything from the files."""
        self._segments = read_manifest(self._folder, self.name, self._cipher)[1]
        self.loaded, self._holds, known = self._empty(), {}, {segment.id for segment in self._segments}
        paths = [segment.path(self._folder) for segment in self._segments]
        self.loaded.reserve(
            sum(path.stat().st_size for path in paths if path.exists()) // (4 * self.dimension)
        )
        self._frames, self._tail = 0, len(MAGIC)
        for segment, batch, end in run_ahead(self._read_all(), _AHEAD):
            self._take(segment, batch)
            if segment is self._segments[-1]:
                self._frames, self._tail = self._frames + 1, end
        for path in self._folder.glob(f"*{SUFFIX}"):
            if path.stem not in known:
                path.unlink(missing_ok=True)  # what a crash left: its key is in no manifest
        (self._folder / f"{MANIFEST}.part").unlink(missing_ok=True)

    def _read_all(self) -> Iterator[tuple[Segment, Batch, int]]:
        """Yield (segment, batch, end of the batch in its file) of all files, in order."""
        for segment, following in zip_longest(self._segments, self._segments[1:]):
            if following is not None:
                read_ahead(following, self._folder)
            for batch, end in read_frames(segment, self._folder):
                yield segment, batch, end

    def _read_on(self) -> bool:
        """Read what was added to the open segment; say whether there was any whole frame."""
        segment, first = self._segments[-1], self._frames
        for batch, end in read_frames(segment, self._folder, first=first, offset=self._tail):
            self._take(segment, batch)
            self._frames, self._tail = self._frames + 1, end
        return self._frames > first

    def _take(self, segment: Segment, batch: Batch) -> None:
        """Put a batch into memory and note which segment holds whom."""
        numbers = self.loaded.add(batch.travellers, batch.vectors, checked=True)
        self._holds.setdefault(segment.id, []).append((numbers, _fingerprint(batch.vectors)))

    def _append(self, frames: bytes) -> None:
        """Write frames behind the last whole one, durably, or leave the file as it was."""
        path = self._segments[-1].path(self._folder)
        descriptor = os.open(path, os.O_WRONLY)
        try:
            os.ftruncate(descriptor, self._tail)
            os.lseek(descriptor, self._tail, os.SEEK_SET)
            write_all(descriptor, frames)
            os.fdatasync(descriptor)
        except OSError as error:
            os.ftruncate(descriptor, self._tail)
            raise StoreFull(f"the gallery could not be written: {error.strerror}") from None
        finally:
            os.close(descriptor)
        self._tail += len(frames)

    def _roll(self) -> None:
        """Close the open segment and begin another."""
        last = self._segments[-1]
        closed = Segment(last.id, last.key, self._frames)
        fresh = new_segment()
        write_file(fresh.path(self._folder), MAGIC)
        self._commit([*self._segments[:-1], closed, fresh], self._cipher)
        self._frames, self._tail = 0, len(MAGIC)

    def _rewrite_without(self, traveller: str, number: int, cipher: TemplateCipher) -> None:
        """Write the segments that hold a traveller anew as one, commit, and delete the old files."""
        old = [
            one
            for one in self._segments
            if any((whose == number).any() for whose, _ in self._holds.get(one.id, []))
        ]
        kept = [one for one in self._segments if one not in old]
        batches = [
            left
            for segment in old
            for batch, _ in read_frames(segment, self._folder)
            if len((left := _without(batch, traveller)).travellers)
        ]
        was_open = self._segments[-1] in old
        fresh = new_segment(frames=None if was_open else len(batches))
        frames = MAGIC + seal_frames(fresh, batches, first=0)
        write_file(fresh.path(self._folder), frames)
        self._commit([*kept, fresh] if was_open else [*kept[:-1], fresh, kept[-1]], cipher)
        for segment in old:
            segment.path(self._folder).unlink()
        self._holds[fresh.id] = [part for one in old for part in self._holds.pop(one.id)]
        if was_open:
            self._frames, self._tail = len(batches), len(frames)

    def _commit(self, segments: Sequence[Segment], cipher: TemplateCipher) -> None:
        """Make `segments` the gallery, durably, in one step."""
        write_manifest(self._folder, self.name, (self.model_sha256, self.dimension), segments, cipher)
        self._segments, self._cipher = list(segments), cipher
        self._seen = stamp_file(self._folder / MANIFEST)

    @contextmanager
    def _locked(self, *, shared: bool = False) -> Iterator[None]:
        """Hold the gallery's lock; writers alone, readers together."""
        descriptor = os.open(self._folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _empty(self) -> LoadedGallery:
        """Return a working copy without travellers."""
        return LoadedGallery(self.name, self.model_sha256, self.dimension, calibration=self.calibration)


def create_gallery(
    root: Path,
    name: str,
    *,
    model_sha256: str,
    dimension: int,
    cipher: TemplateCipher,
    calibrate: Callable[[str], Calibration | None] = shipped_calibration,
) -> Gallery:
    """Make an empty gallery in `root`/`name` and return it. Raises `Invalid` when there is one of that name."""
    folder = root / check_name(name, what="gallery name")
    if (folder / MANIFEST).exists():
        raise Invalid(f"there is a gallery {name!r} already")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    first = new_segment()
    write_file(first.path(folder), MAGIC)
    write_manifest(folder, name, (model_sha256, dimension), [first], cipher)
    return open_gallery(root, name, cipher=cipher, calibrate=calibrate)


def open_gallery(
    root: Path,
    name: str,
    *,
    cipher: TemplateCipher,
    calibrate: Callable[[str], Calibration | None] = shipped_calibration,
) -> Gallery:
    """Open a gallery and load it into memory, with what `calibrate` gives for its model.

    Raises `NotFound`; `SealBroken` when its files are not as written.
    """
    folder = root / check_name(name, what="gallery name")
    if not (folder / MANIFEST).exists():
        raise NotFound(f"no gallery {name!r}", hint="List what there is: wayseal gallery list.")
    facts, _ = read_manifest(folder, name, cipher)
    gallery = Gallery(folder, name, cipher, facts, calibrate(facts[0]))
    gallery.refresh()
    return gallery


def list_galleries(root: Path) -> list[str]:
    """Return the names of the galleries in a folder, in alphabetical order. Needs no key."""
    return sorted(path.parent.name for path in root.glob(f"*/{MANIFEST}"))


def _fingerprint(vectors: NDArray[np.float32]) -> Words:
    """Return 64 bits for each row that equal rows share and others practically never do."""
    even = vectors if vectors.shape[1] % 2 == 0 else np.pad(vectors, ((0, 0), (0, 1)))
    words = np.ascontiguousarray(even, dtype="<f4").view(np.uint64)
    factors = np.random.default_rng(0).integers(1, 2**63, words.shape[1], dtype=np.uint64) | np.uint64(1)
    return np.asarray(
        np.einsum("ij,j->i", words, factors)
    )  # half the time of `@`, which has no fast loop for integers


def _without(batch: Batch, traveller: str) -> Batch:
    """Return a batch without a traveller's rows."""
    keep = [place for place, name in enumerate(batch.travellers) if name != traveller]
    return Batch([batch.travellers[place] for place in keep], batch.vectors[keep])
