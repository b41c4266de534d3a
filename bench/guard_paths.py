"""The hot paths that the guard watches, each as an act that can be repeated; run as a script (`marked`) it marks where each begins and ends.

The mark is `os.getsid`, a system call nobody else makes here: under callgrind each one closes a count of instructions
(`--dump-before=getsid`). Everything random that can be seeded is.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import distribution
from pathlib import Path

import cv2
import numpy as np

from wayseal.export.mark import luma, mark_picture
from wayseal.export.markcode import Channel, MarkRoot
from wayseal.export.markread import cut_view, gather_evidence
from wayseal.export.markscore import score_keys
from wayseal.ledger import proof
from wayseal.ledger.log import Ledger
from wayseal.match.index import ExactIndex
from wayseal.match.signbits import SignBitIndex
from wayseal.model.clock import utc_now
from wayseal.model.custody import Kind
from wayseal.model.ids import EpochId, RecordId, new_ulid
from wayseal.seal.device import seal_body
from wayseal.seal.keys import EpochVault, FileKeeper, PassphraseCost, SigningIdentity
from wayseal.seal.open import open_body, unwrap_data_key
from wayseal.store.centre import Arrival, open_centre, put_records
from wayseal.vision.detect import FaceDetector
from wayseal.vision.picture import read_picture
from wayseal.vision.template import OnnxFaceModel, align_face

Act = Callable[[], object]
STEPS = 20_000  # of the reference loop: about a millisecond
ROUNDS = 15
NOW = datetime(2026, 11, 22, 7, 9, tzinfo=UTC)
LANE = SigningIdentity("lane-1", b"\x01" * 32)


@dataclass(frozen=True, slots=True)
class HotPath:
    """One path: what to call, and how often for a steady count."""

    name: str
    act: Act
    times: int


def make_seal(folder: Path) -> list[HotPath]:
    """Return sealing, opening and durable keeping of a 200 kB record."""
    keeper = FileKeeper.create(folder / "keeper", b"bench passphrase", cost=PassphraseCost(64, 1, 1))
    vault = EpochVault(keeper, folder / "epochs", lambda: NOW)
    key = vault.create_epoch(EpochId("citizen/2026-11-22T07Z"))
    body = np.random.default_rng(1).bytes(200_000)

    def seal() -> object:
        return seal_body(
            body, object_id=RecordId(new_ulid(NOW)), lane="lane-1", kind=Kind.FACE,
            epoch_keys=[key], sealed_at=NOW, signer=LANE,
        )  # fmt: skip

    record = seal()
    store = open_centre(folder / "store")
    return [
        HotPath("seal a face", seal, 20),
        HotPath("open a face", lambda: open_body(record, unwrap_data_key(record, vault, device_public=LANE.public)), 20),
        HotPath("keep a sealed face", lambda: put_records(store, [Arrival(seal(), None, 0)]), 20),
    ]  # fmt: skip


def make_rows() -> np.ndarray:
    """Return 20,000 templates of 128 numbers."""
    rows = np.random.default_rng(2).standard_normal((20_000, 128), dtype=np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def make_exact(_folder: Path) -> list[HotPath]:
    """Return the exact scan of 10,000 templates."""
    rows, index = make_rows(), ExactIndex(128)
    index.add(np.arange(10_000), rows[:10_000])
    return [HotPath("search 10,000 exactly", lambda: index.search(rows[7], 10), 10)]


def make_signs(_folder: Path) -> list[HotPath]:
    """Return the sign-bit scan of 20,000 templates with its exact re-ranking."""
    rows, index = make_rows(), SignBitIndex(128)
    index.add(np.arange(20_000), rows)
    return [HotPath("search 20,000 by signs", lambda: index.search(rows[7], 10), 10)]


def make_ledger(folder: Path) -> list[HotPath]:
    """Return a durable append of 16 entries, an inclusion proof and its check at 1,024 entries."""
    entry = {
        "type": "capture", "time": "2026-11-22T07:00:00.000Z", "lane": "lane-1", "epoch": "citizen/2026-11-22T07Z",
        "kind": "face", "device": "lane-1", "size": 212_992,
    }  # fmt: skip
    draw = np.random.default_rng(3)

    def entries(count: int) -> list[dict[str, object]]:
        now = utc_now()
        return [
            {**entry, "object": new_ulid(now), "encounter": new_ulid(now), "sealed_sha256": draw.bytes(32).hex()}
            for _ in range(count)
        ]  # fmt: skip

    ledger = Ledger.create(folder / "ledger", origin="bench.example/ledger")
    ledger.append(entries(1024))
    leaf, path, root = proof.hash_leaf(ledger.raw(700)), ledger.inclusion(700, 1024), ledger.root()
    return [
        HotPath("verify an inclusion proof", lambda: proof.verify_inclusion(700, 1024, leaf, path, root), 100),
        HotPath("make an inclusion proof", lambda: ledger.inclusion(700, 1024), 20),
        HotPath("append 16 ledger entries", lambda: ledger.append(entries(16)), 5),
    ]  # fmt: skip


def make_vision(_folder: Path) -> list[HotPath]:
    """Return detection in 320 x 320 pixels, and aligning and embedding of a face."""
    cv2.setNumThreads(1)
    picture = read_picture(Path(str(distribution("scikit-image").locate_file("skimage/data/astronaut.png"))))
    small = np.ascontiguousarray(picture[:320, 64:384])
    detector, model = FaceDetector(), OnnxFaceModel()
    landmarks = detector.detect(small)[0].landmarks
    return [
        HotPath("detect in 320 x 320", lambda: detector.detect(small), 2),
        HotPath("align and embed a face", lambda: model.embed([align_face(small, landmarks)]), 2),
    ]


def make_mark(_folder: Path) -> list[HotPath]:
    """Return putting a mark into a 256 x 256 picture, and reading it for 100 recipients."""
    picture = read_picture(Path(str(distribution("scikit-image").locate_file("skimage/data/astronaut.png"))))
    small = np.ascontiguousarray(picture[:256, 96:352])
    root = MarkRoot(b"bench" * 8)
    keys = [root.key(Channel.EXPORT, f"{number:026d}") for number in range(100)]
    name = "01KB3Z6V8N4Q0T2Y5RWXEJ7MCH"
    marked = luma(mark_picture(small, keys[3], name))

    def read() -> object:
        view = cut_view(marked, np.eye(3), small.shape[:2], None)
        return score_keys(gather_evidence(luma(small), view), keys, [name] * len(keys), decoys=200)

    return [
        HotPath("mark a picture", lambda: mark_picture(small, keys[3], name), 3),
        HotPath("read a mark", read, 2),
    ]


COUNTED = (make_seal, make_ledger, make_exact)
TIMED = (*COUNTED, make_signs, make_vision, make_mark)
"""The last three are not counted: callgrind works through a matrix product about a thousand times slower than the processor."""


def count_steps(times: int) -> int:
    """The reference loop: plain Python arithmetic, whose cost changes with the interpreter and the machine alone."""
    total = 0
    for step in range(times):
        total += step & 7
    return total


def make_paths(folder: Path, rooms: Sequence[Callable[[Path], list[HotPath]]]) -> Iterator[HotPath]:
    """Yield every path, ready to run and run once."""
    for number, make in enumerate(rooms):
        (folder / str(number)).mkdir()
        for path in make(folder / str(number)):
            path.act()
            yield path


def switch_counting(*, on: bool) -> None:
    """Have callgrind count this process from here on, or run it faster without counting."""
    command = ["callgrind_control", "-i", "on" if on else "off", str(os.getpid())]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def run_marked(path: HotPath) -> float:
    """Run a path its times between two marks, counted. There is no ratio to return."""
    switch_counting(on=True)
    os.getsid(0)
    for _ in range(path.times):
        path.act()
    os.getsid(0)
    switch_counting(on=False)
    return 0.0


def run_timed(path: HotPath) -> float:
    """Return one call's CPU time over the reference loop's: the least of rounds of each, taken in turn."""
    ours, loops = [], []
    for _ in range(ROUNDS):
        start = time.process_time()
        path.act()
        middle = time.process_time()
        count_steps(STEPS)
        ours.append(middle - start)
        loops.append(time.process_time() - middle)
    return min(ours) / min(loops)


def main() -> None:
    """Run every path as the first argument says and write times and ratios to the file named second."""
    run, rooms = {"marked": (run_marked, COUNTED), "timed": (run_timed, TIMED)}[sys.argv[1]]
    with tempfile.TemporaryDirectory() as name, Path(sys.argv[2]).open("w", encoding="utf-8") as listing:
        listing.writelines(
            f"{path.name}\t{path.times}\t{run(path)}\n" for path in make_paths(Path(name), rooms)
        )


if __name__ == "__main__":
    main()
