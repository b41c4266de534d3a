"""How time and memory grow: one function a curve, each measuring one size in a process of its own.

A curve's function takes a size and returns figures of one process: CPU times, and `peak_mb`, the memory it needed beyond
what it had before the size mattered.
"""

import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.metadata import distribution
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np

NOW = datetime(2026, 11, 22, 7, 9, tzinfo=UTC)
Figures = dict[str, float]


def peak_mb() -> float:
    """Return the most memory this process ever held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def cpu_ms(act: Callable[[], object], rounds: int = 5) -> float:
    """Return the CPU milliseconds of one call: the median, after one that does not count."""
    act()
    times = []
    for _ in range(rounds):
        start = time.process_time()
        act()
        times.append(time.process_time() - start)
    return statistics.median(times) * 1e3


def grow_frames(count: int) -> Figures:
    """Return what `count` frames of a lane cost, the clip's frames again and again: capture alone, with plates."""
    from bench_lane import find_videos

    from wayseal.vision.capture import LaneCapture
    from wayseal.vision.frames import open_source
    from wayseal.vision.networks import load_networks

    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        video = find_videos(Path(folder))[0][0]

        def loop() -> Iterator[Any]:
            number, offset = 0, 0.0
            while True:
                with open_source(str(video)) as source:
                    for frame in source:
                        moment = NOW + timedelta(seconds=offset + frame.seconds)
                        yield replace(frame, index=number, time=moment, seconds=offset + frame.seconds)
                        number += 1
                offset += frame.seconds + 1 / 30

        capture = LaneCapture(load_networks())
        before, start = peak_mb(), time.process_time()
        for frame in islice(loop(), count):
            capture.feed(frame)
        capture.finish()
        return {"cpu_s": time.process_time() - start, "peak_mb": peak_mb() - before}


def grow_faces(count: int) -> Figures:
    """Return what one 1280 x 720 picture with `count` faces costs to detect in, and to align and embed them."""
    from wayseal.vision.detect import FaceDetector
    from wayseal.vision.picture import read_picture
    from wayseal.vision.template import OnnxFaceModel, align_face

    cv2.setNumThreads(1)
    file = distribution("scikit-image").locate_file("skimage/data/astronaut.png")
    face = cv2.resize(read_picture(Path(str(file)))[:220, 120:340], (150, 150))
    scene = np.full((720, 1280, 3), 90, dtype=np.uint8)
    for number in range(count):
        top, left = 20 + 175 * (number // 8), 10 + 158 * (number % 8)
        scene[top : top + 150, left : left + 150] = face
    detector, model = FaceDetector(), OnnxFaceModel()
    found = detector.detect(scene)
    assert len(found) == count, f"{len(found)} faces found where {count} are"
    before = peak_mb()
    detecting = cpu_ms(lambda: detector.detect(scene))
    embedding = cpu_ms(lambda: model.embed([align_face(scene, one.landmarks) for one in found]), rounds=3)
    return {"detect_cpu_ms": detecting, "embed_cpu_ms": embedding, "peak_mb": peak_mb() - before}


def grow_gallery(count: int) -> Figures:
    """Return a search among `count` travellers of 128 numbers, and loading them from their sealed files."""
    from bench_search import make_gallery, reopen
    from search_worlds import WORLDS, draw_crowd

    from wayseal.model.border import Template

    with tempfile.TemporaryDirectory(prefix="bench-growth-") as name:
        gallery = make_gallery(Path(name))
        for begin in range(0, count, 16384):
            rows = draw_crowd(WORLDS[0], min(16384, count - begin), 128, begin)
            gallery.add_many([f"T-{begin + place}" for place in range(len(rows))], rows)
        probe = Template(rows[0], gallery.model_sha256, 20.0)
        search = cpu_ms(lambda: gallery.loaded.find([probe], 10))
        size = sum(path.stat().st_size for path in Path(name).rglob("*") if path.is_file())
        child = os.fork()
        if child == 0:  # memory of a process that only loads
            start, before = time.process_time(), read_rss_mb()
            kept = reopen(Path(name))
            spent, grown = time.process_time() - start, read_rss_mb() - before
            (Path(name) / "loaded").write_text(f"{spent} {grown} {kept.size}", encoding="utf-8")
            os._exit(0)
        os.waitpid(child, 0)
        spent, grown, held = map(float, (Path(name) / "loaded").read_text(encoding="utf-8").split())
        assert int(held) == count
        return {"search_cpu_ms": search, "load_cpu_s": spent, "memory_mb": grown, "disk_mb": size / 1e6}


def read_rss_mb() -> float:
    """Return the memory this process holds now, in MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def grow_records(count: int) -> Figures:
    """Return keeping 16 more records where `count` are, opening the store, finding one, and purging an hour of 500."""
    from wayseal.model.custody import Kind
    from wayseal.model.ids import RecordId, epoch_id, new_ulid
    from wayseal.seal.device import seal_body
    from wayseal.seal.keys import EpochVault, FileKeeper, PassphraseCost, SigningIdentity
    from wayseal.store.centre import Arrival, open_centre, purge_epoch, put_records, read_record

    with tempfile.TemporaryDirectory(prefix="bench-growth-") as name:
        folder, signer = Path(name), SigningIdentity("lane-1", b"\x01" * 32)
        keeper = FileKeeper.create(folder / "keeper", b"bench passphrase", cost=PassphraseCost(64, 1, 1))
        vault = EpochVault(keeper, folder / "epochs", lambda: NOW)
        store = open_centre(folder / "store")
        before = peak_mb()

        def seal(many: int, moment: datetime) -> list[Arrival]:
            key = vault.create_epoch(epoch_id("citizen", moment))
            return [
                Arrival(
                    seal_body(
                        b"x" * 400, object_id=RecordId(new_ulid(moment)), lane="lane-1", kind=Kind.FACE,
                        epoch_keys=[key], sealed_at=moment, signer=signer,
                    ),
                    None, 0,
                )
                for _ in range(many)
            ]  # fmt: skip

        for hour in range(count // 500):
            put_records(store, seal(500, NOW + timedelta(hours=hour)))
        later = NOW + timedelta(hours=count // 500)
        groups = iter([seal(16, later + timedelta(hours=n)) for n in range(6)])
        put = cpu_ms(lambda: put_records(store, next(groups)))
        (last,) = put_records(store, seal(1, later + timedelta(hours=9)))
        read = cpu_ms(lambda: read_record(store, last.object_id))
        start = time.process_time()
        purge_epoch(store, epoch_id("citizen", NOW), when=NOW, ledger_index=0)
        purge = (time.process_time() - start) * 1e3
        store.close()
        opening = cpu_ms(lambda: open_centre(folder / "store").close(), rounds=3)
        rows = sum(path.stat().st_size for path in (folder / "store").glob("records.sqlite*")) / 1e6
        return {
            "put_16_cpu_ms": put, "read_one_cpu_ms": read, "purge_an_hour_of_500_cpu_ms": purge,
            "open_store_cpu_ms": opening, "rows_mb": rows, "peak_mb": peak_mb() - before,
        }  # fmt: skip


def grow_ledger(count: int) -> Figures:
    """Return appending 16 entries to `count`, a proof among them, and verifying all of them."""
    from bench_ledger import ORIGIN, SIGNER, make_entries

    from wayseal.ledger.check import verify_ledger
    from wayseal.ledger.checkpoint import log_keys
    from wayseal.ledger.log import Ledger
    from wayseal.ledger.reader import FILE_NAME

    with tempfile.TemporaryDirectory(prefix="bench-growth-") as name:
        ledger = Ledger.create(Path(name) / "ledger", origin=ORIGIN)
        ledger.write_keys(SIGNER)
        for begin in range(0, count, 4000):
            ledger.append(make_entries(min(4000, count - begin)))
        ledger.sign_checkpoint(SIGNER)
        file = ledger.folder / FILE_NAME
        size = sum(path.stat().st_size for path in ledger.folder.iterdir()) / 1e6
        proof = cpu_ms(lambda: [ledger.inclusion(number * (count // 50), count) for number in range(50)]) / 50
        before, start = peak_mb(), time.process_time()
        verify_ledger(file, log_keys(ORIGIN, SIGNER))
        verify, grown = time.process_time() - start, peak_mb() - before
        groups = iter([make_entries(16) for _ in range(12)])
        append = cpu_ms(lambda: ledger.append(next(groups)), rounds=11)
        ledger.close()
        return {
            "append_16_cpu_ms": append, "inclusion_proof_cpu_ms": proof, "verify_all_cpu_s": verify,
            "disk_mb": size, "verify_peak_mb": grown,
        }  # fmt: skip


CURVES: dict[str, tuple[Callable[[int], Figures], tuple[int, ...]]] = {
    "frames of a lane": (grow_frames, (60, 120, 240, 480, 960)),
    "faces in a frame": (grow_faces, (1, 2, 4, 8, 16, 32)),
    "travellers in a gallery": (grow_gallery, (10_000, 30_000, 100_000, 300_000, 1_000_000)),
    "records in the store": (grow_records, (500, 2_000, 8_000, 32_000)),
    "entries in the ledger": (grow_ledger, (1_000, 4_000, 16_000, 64_000, 256_000)),
}
