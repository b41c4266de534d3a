"""Search beside its limits and its peers: the goals G1 to G7 of the gallery engine, as ratios taken in one run.

Writes bench/results/search.json. Times of computations are CPU times of one thread; latency under load and files are wall
times and say so. `--quick` halves the sizes; WAYSEAL_TEST_DATA adds real embeddings.
"""

import argparse
import json
import multiprocessing
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from search_peers import PEERS, open_peer
from search_worlds import WORLDS, World, draw_crowd, draw_probes, to_unit

from wayseal.match.gallery import Gallery, create_gallery, open_gallery
from wayseal.match.index import ExactIndex
from wayseal.match.signbits import SignBitIndex
from wayseal.model.errors import WaysealError

RESULT = Path(__file__).parent / "results" / "search.json"
MODEL = "0" * 64


class MemoryCipher:
    """Seals a manifest under a key in memory."""

    def __init__(self) -> None:
        self._cipher = AESGCM(b"b" * 32)

    def seal(self, data: bytes, context: bytes) -> bytes:
        """Return nonce and ciphertext."""
        nonce = os.urandom(12)
        return nonce + self._cipher.encrypt(nonce, data, context)

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Return the plaintext."""
        return self._cipher.decrypt(sealed[:12], sealed[12:], context)


def alternate_ms(acts: dict[str, Callable[[], object]], *, rounds: int = 9) -> dict[str, float]:
    """Return each act's CPU milliseconds, the median of rounds in which they take turns: the machine's mood falls on all."""
    for act in acts.values():
        act()
    times: dict[str, list[float]] = {name: [] for name in acts}
    for _ in range(rounds):
        for name, act in acts.items():
            start = time.process_time()
            act()
            times[name].append(time.process_time() - start)
    return {name: statistics.median(found) * 1e3 for name, found in times.items()}


def wall_ms(act: Callable[[], object]) -> float:
    """Return the wall milliseconds of one call."""
    start = time.perf_counter()
    act()
    return (time.perf_counter() - start) * 1e3


def measure_scan(count: int, dimension: int) -> dict[str, float]:
    """Return G1 and G2 at one size: the exact scan beside memory bandwidth, the batch beside sgemm and beside faiss."""
    rows = draw_crowd(WORLDS[0], count, dimension, 1)
    probes = draw_probes(WORLDS[0], rows, 32, 2)
    index = ExactIndex(dimension)
    index.add(np.arange(count), rows)
    left, right = (
        draw_crowd(WORLDS[0], 1024, 1024, seed) for seed in (3, 4)
    )  # two: A @ A.T does half the work
    with open_peer("faiss flat", rows) as search:
        taken = alternate_ms(
            {
                "limit": index.matrix.rows.max,
                "other limit": index.matrix.rows.view(np.uint64).max,
                "single": lambda: index.search(probes[0], 10),
                "peer": lambda: search(probes[0]),
                "sgemm": lambda: left @ right,
                "batch": lambda: index.search(probes, 10),
            }
        )
    limit, single, peer = min(taken["limit"], taken["other limit"]), taken["single"], taken["peer"]
    flops = 2 * 1024**3 / (taken["sgemm"] * 1e-3)
    batch = taken["batch"] / 32
    least = max(limit / 32, 2e3 * count * dimension / flops)
    return {
        "memory_read_gb_s": rows.nbytes / limit / 1e6,
        "sgemm_gflop_s": flops / 1e9,
        "exact_ms": single,
        "exact_over_memory_limit": single / limit,
        "exact_over_faiss": single / peer,
        "batch32_ms_a_query": batch,
        "batch32_speed_of_limit": least / batch,
        "batch32_speed_over_faiss": peer / batch,
    }


def measure_signs(count: int, dimension: int, probe_count: int) -> dict[str, Any]:
    """Return G3 at one size, world by world; the first world is timed beside faiss."""
    report = {world.name: measure_world(world, count, dimension, probe_count) for world in WORLDS}
    first = report[WORLDS[0].name]
    return {**report, "faiss_over_signs": first["faiss_ms"] / first["signs_ms"]}


def measure_world(world: World, count: int, dimension: int, probe_count: int) -> dict[str, float]:
    """Return sign scan and re-rank in one world: time, and the mates it keeps of those that exact search finds.

    In the first world the signs, our exact scan and faiss take turns, so that the machine's mood falls on all.
    """
    rows = draw_crowd(world, count, dimension, 5)
    probes = draw_probes(world, rows, probe_count, 6)
    signs, exact = SignBitIndex(dimension, room=count), ExactIndex(dimension)
    start = time.process_time()
    signs.add(np.arange(count), rows)
    report = {"build_s": time.process_time() - start}
    exact.matrix = signs.matrix
    acts: dict[str, Callable[[], object]] = {"signs_ms": lambda: signs.search(probes[0], 10)}
    if world is WORLDS[0]:
        acts["exact_ms"] = lambda: exact.search(probes[0], 10)
        with open_peer("faiss flat", rows) as search:
            report |= alternate_ms({**acts, "faiss_ms": lambda: search(probes[0])})
    else:
        report |= alternate_ms(acts)
    found = [int(hits.owners[0]) for hits in exact.search(probes, 1)]
    report["exact_rank1"] = float(np.mean([who == place for place, who in enumerate(found)]))
    answers = signs.search(probes, 1)
    kept = [int(answers[who].owners[0]) == who for who in range(probe_count) if found[who] == who]
    return {**report, "mated_recall": float(np.mean(kept)), "mates": len(kept)}


def measure_real(count: int) -> dict[str, Any] | None:
    """Return G3 on real embeddings among synthetic ones, or None without the test data."""
    folder = os.environ.get("WAYSEAL_TEST_DATA")
    if not folder:
        return None
    from wayseal.flow.enrol import read_list, read_rows
    from wayseal.flow.measure.search_sizes import synthetic_templates
    from wayseal.match.calibrate import shipped_calibration
    from wayseal.vision.portrait import PortraitReader

    faces = Path(folder) / "faces"
    reader = PortraitReader()
    calibration = shipped_calibration(reader.model.manifest.sha256)
    if calibration is None:
        return None
    known = {}
    for reading in read_rows(read_list(faces / "gallery.csv"), faces, reader, strict=False):
        if reading.portrait is not None:
            known[reading.row.identity] = reading.portrait.template.vector
    mates = [row for row in read_list(faces / "probes.csv") if row.identity in known][:400]
    probes, whose = [], []
    for reading in read_rows(mates, faces, reader, strict=False):
        if reading.portrait is not None:
            probes.append(reading.portrait.template.vector)
            whose.append(list(known).index(reading.row.identity))
    real = np.stack(list(known.values()))
    rows = calibration.prepare(np.concatenate([real, synthetic_templates(real, count, seed=9)]))
    queries = calibration.prepare(np.stack(probes))
    exact, signs = ExactIndex(rows.shape[1]), SignBitIndex(rows.shape[1])
    for index in (exact, signs):
        index.add(np.arange(len(rows)), rows)
    right = [int(hits.owners[0]) == who for hits, who in zip(exact.search(queries, 1), whose, strict=True)]
    kept = [int(hits.owners[0]) == who for hits, who in zip(signs.search(queries, 1), whose, strict=True)]
    both = [after for before, after in zip(right, kept, strict=True) if before]
    return {"real": len(known), "synthetic": count, "mates": len(both), "mated_recall": float(np.mean(both))}


def measure_peers(count: int, dimension: int, names: Iterable[str] = PEERS) -> dict[str, Any]:
    """Return G4: wall time of one exact search of each engine over ours, alternating, median; all must find the same."""
    rows = draw_crowd(WORLDS[1], count, dimension, 11)
    probes = draw_probes(WORLDS[1], rows, 15, 12)
    index = ExactIndex(dimension)
    index.add(np.arange(count), rows)
    report: dict[str, Any] = {"count": count, "dimension": dimension}
    for name in names:
        try:
            with open_peer(name, rows) as search:
                search(probes[0])
                ours, theirs, same = [], [], 0
                for probe in probes:
                    ours.append(wall_ms(lambda probe=probe: index.search(probe, 10)))
                    theirs.append(wall_ms(lambda probe=probe, search=search: search(probe)))
                    same += search(probe) == int(index.search(probe, 10)[0].owners[0])
        except Exception as error:  # noqa: BLE001 - a peer may fail in any way; the others still count
            report[name] = f"left out: {type(error).__name__}"
            continue
        ratio = statistics.median(theirs) / statistics.median(ours)
        report[name] = {
            "times_ours": ratio,
            "ms": statistics.median(theirs),
            "same_answers": f"{same} of {len(probes)}",
        }
    return report


def make_gallery(root: Path, dimension: int = 128) -> Gallery:
    """Return a new gallery on disk."""
    return create_gallery(
        root,
        "bench",
        model_sha256=MODEL,
        dimension=dimension,
        cipher=MemoryCipher(),
        calibrate=lambda _: None,
    )


def reopen(root: Path) -> Gallery:
    """Return the gallery loaded again."""
    return open_gallery(root, "bench", cipher=MemoryCipher(), calibrate=lambda _: None)


def measure_disk(count: int) -> dict[str, float]:
    """Return enrolment, loading and G5 at one size: CPU beside wall, syncs counted, bytes looked for."""
    with tempfile.TemporaryDirectory(prefix="bench-gallery-") as name:
        root = Path(name)
        gallery = make_gallery(root)
        start, cpu = time.perf_counter(), time.process_time()
        for begin in range(0, count, 16384):
            rows = draw_crowd(WORLDS[0], min(16384, count - begin), 128, begin)
            gallery.add_many([f"T-{begin + place}" for place in range(len(rows))], rows)
        enrolled, enrolled_cpu = time.perf_counter() - start, time.process_time() - cpu
        size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
        read_once = read_cold(root)
        drop_cache(root)
        cpu = time.process_time()
        loaded = wall_ms(lambda: reopen(root)) / 1e3
        loaded_cpu = time.process_time() - cpu
        syncs = count_syncs(lambda: gallery.forget("T-5"))
        forgotten = wall_ms(lambda: gallery.forget(f"T-{count // 2}"))
        left = "T-5" in reopen(root).travellers()
        return {
            "templates": count,
            "enrol_s": enrolled,
            "enrol_cpu_s": enrolled_cpu,
            "megabytes": size / 1e6,
            "load_s": loaded,
            "load_cpu_s": loaded_cpu,
            "load_over_two_cold_reads": loaded / (2 * read_once),
            "forget_ms": forgotten,
            "forget_syncs": syncs,
            "forgotten_still_there": float(left),
            "load_average": os.getloadavg()[0],
        }


def read_cold(root: Path) -> float:
    """Return the seconds to read all files of a folder that are not in the page cache."""
    drop_cache(root)
    start = time.perf_counter()
    for path in root.rglob("*"):
        if path.is_file():
            path.read_bytes()
    return time.perf_counter() - start


def drop_cache(root: Path) -> None:
    """Ask the kernel to forget a folder's files, so that the next read comes from the disk."""
    for path in root.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def count_syncs(act: Callable[[], object]) -> int:
    """Return how many fsync and fdatasync calls an act makes."""
    made = []
    real = {name: getattr(os, name) for name in ("fsync", "fdatasync")}
    for name, call in real.items():
        setattr(os, name, lambda descriptor, call=call: (made.append(1), call(descriptor))[1])
    try:
        act()
    finally:
        for name, call in real.items():
            setattr(os, name, call)
    return len(made)


def write_until_killed(root: str) -> None:
    """Add and forget for ever: the process that measure_kills kills."""
    gallery = reopen(Path(root))
    rows = draw_crowd(WORLDS[0], 8, 128, 1)
    number = gallery.size
    while True:
        gallery.add_many([f"T-{number + place}" for place in range(8)], rows)
        gallery.forget(f"T-{number}")
        number += 8


def measure_kills(count: int) -> dict[str, int]:
    """Return G6: how many of `count` kills in the middle of saving left a gallery that does not load."""
    random = np.random.default_rng(4)
    context = multiprocessing.get_context("fork")
    bad = 0
    with tempfile.TemporaryDirectory(prefix="bench-kill-") as name:
        make_gallery(Path(name))
        for _ in range(count):
            child = context.Process(target=write_until_killed, args=(name,))
            child.start()
            time.sleep(float(random.uniform(0.002, 0.06)))
            os.kill(child.pid or 0, signal.SIGKILL)
            child.join()
            try:
                reopen(Path(name))
            except (WaysealError, ValueError, OSError, InvalidTag):
                bad += 1
    return {"kills": count, "unloadable": bad}


def spin() -> None:
    """Keep a core busy."""
    while True:
        sum(range(100_000))


def measure_tail(count: int, dimension: int) -> dict[str, float]:
    """Return G7: wall-time p99 over p50 of single queries while another process keeps a core busy."""
    index = ExactIndex(dimension)
    index.add(np.arange(count), draw_crowd(WORLDS[0], count, dimension, 13))
    probes = to_unit(draw_crowd(WORLDS[0], 400, dimension, 14))
    other = multiprocessing.get_context("fork").Process(target=spin, daemon=True)
    other.start()
    times = np.array([wall_ms(lambda probe=probe: index.search(probe, 10)) for probe in probes])
    other.kill()
    other.join()
    middle, high = np.quantile(times, [0.5, 0.99])
    return {"p50_ms": float(middle), "p99_over_p50": float(high / middle), "load_average": os.getloadavg()[0]}


def main() -> None:
    """Run all parts, print each, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="Half the sizes.")
    parser.add_argument("parts", nargs="*", help="Only these parts; the stored result keeps the others.")
    chosen = parser.parse_args()
    quick = chosen.quick
    if os.environ.get("OMP_NUM_THREADS") != "1":  # read when the libraries load, so begin again
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, "OMP_NUM_THREADS": "1"})  # noqa: S606
    half = 2 if quick else 1
    parts: dict[str, Callable[[], Any]] = {
        "scan_100k_x_128": lambda: measure_scan(100_000, 128),
        "scan_100k_x_512": lambda: measure_scan(100_000, 512),
        "scan_1m_x_128": lambda: measure_scan(1_000_000 // half, 128),
        "signs_1m_x_128": lambda: measure_signs(1_000_000 // half, 128, 200),
        "signs_1m_x_512": lambda: measure_signs(1_000_000 // half, 512, 200),
        "signs_real": lambda: measure_real(1_000_000 // half),
        "peers": lambda: measure_peers(50_000 // half, 512),
        "peers_4k": lambda: measure_peers(4_000, 512, ["faiss flat", "qdrant local"]),
        "disk_1m": lambda: measure_disk(1_000_000 // half),
        "kills": lambda: measure_kills(200 // half),
        "tail_100k_x_512": lambda: measure_tail(100_000, 512),
    }
    results: dict[str, Any] = json.loads(RESULT.read_text(encoding="utf-8")) if chosen.parts else {}
    for name in chosen.parts or parts:
        start = time.perf_counter()
        results[name] = parts[name]()
        print(f"{name} ({time.perf_counter() - start:.0f} s): {json.dumps(results[name])}", flush=True)
        RESULT.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
