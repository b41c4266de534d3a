"""The residue scanner's speed beside `grep -c` for one string, and how often it is wrong on random bytes.

Both read the same cached files; rates are megabytes a CPU second. Writes bench/results/residue.json and prints a table.
"""

import json
import resource
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from wayseal.retention import residue
from wayseal.retention.carve import SIGNATURES
from wayseal.retention.needles import Needles
from wayseal.retention.residue import scan

RESULT = Path(__file__).parent / "results" / "residue.json"
SIZE = 256 * 10**6
ROUNDS = 5
MARKS = 2_000_000
NEEDLES = Needles(texts=tuple(f"8KJT{n:03d}" for n in range(20)))


def make_files(folder: Path) -> dict[str, Path]:
    """Return files of sealed-looking bytes, of text and of zeros with text."""
    generator = np.random.default_rng(1)
    line = b'{"time":"2026-11-22T07:00:00.000Z","lane":"lane-1","state":"released","attempts":1}\n'
    kinds = {
        "sealed (random) bytes": generator.bytes(SIZE),
        "log lines": (line * (SIZE // len(line) + 1))[:SIZE],
        "database pages": (line * 20 + bytes(4096 - 20 * len(line))) * (SIZE // 4096),
    }
    files = {}
    for name, data in kinds.items():
        files[name] = folder / name.split()[0]
        files[name].write_bytes(data)
    return files


def time_scan(file: Path, needles: Needles | None) -> float:
    """Return CPU seconds of one scan. A finding would be an error."""
    started = time.process_time()
    found = scan([file], needles)
    taken = time.process_time() - started
    assert found.findings == (), found.findings[:3]
    return taken


def time_grep(file: Path) -> float:
    """Return CPU seconds of `grep -c` for one fixed string."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(["grep", "-acF", "PRIVATE KEY-----", str(file)], check=False, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure_speed(files: dict[str, Path]) -> dict[str, dict[str, float]]:
    """Return medians of MB a CPU second, in rounds that run each way in turn."""
    rows = {}
    for name, file in files.items():
        megabytes = file.stat().st_size / 1e6
        times: dict[str, list[float]] = {"scan": [], "with 20 plates": [], "grep -c": []}
        for _ in range(ROUNDS):
            times["scan"].append(time_scan(file, None))
            times["with 20 plates"].append(time_scan(file, NEEDLES))
            times["grep -c"].append(max(time_grep(file), 1e-3))
        rates = {way: round(megabytes / statistics.median(found)) for way, found in times.items()}
        rows[name] = {**rates, "scan of grep": round(rates["scan"] / rates["grep -c"], 2)}
    return rows


def measure_chance() -> dict[str, float]:
    """Return how many of two million marks with random bytes behind them are taken for plaintext, and what that means."""
    marks = sorted({s.mark[:4] for s in SIGNATURES if len(s.mark) >= 4})
    table = np.frombuffer(b"".join(marks), np.uint8).reshape(-1, 4)
    generator = np.random.default_rng(2)
    carver, wrong, tried = residue._Carver(Needles()), 0, 0  # noqa: SLF001 - the inner step is what is measured
    while tried < MARKS:
        rows = generator.integers(0, 256, (50_001, 96), dtype=np.uint8)
        rows[1:, :4] = table[generator.integers(0, len(marks), 50_000)]
        data = rows.tobytes()
        wrong += len(list(carver._carve(data, len(data))))  # noqa: SLF001
        tried += 50_000
    stands_for = tried / (len(marks) / 2**32) / 1e12
    upper = 3.0 if wrong == 0 else wrong + 3 * wrong**0.5
    return {
        "marks_tried": tried,
        "taken_for_plaintext": wrong,
        "random_terabytes_with_as_many_marks": round(stands_for),
        "expected_findings_in_10_GB_at_most": round(upper / stands_for * 0.01, 6),
    }


def main() -> None:
    """Measure, write the JSON and print the table."""
    with tempfile.TemporaryDirectory(prefix="wayseal-residue-") as name:
        rows = measure_speed(make_files(Path(name)))
    answer: dict[str, Any] = {
        "machine": "2 shared cores, AMD EPYC, AVX-512",
        "unit": "MB a CPU second",
        "speed": rows,
        "chance": measure_chance(),
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(answer, indent=1) + "\n")
    print("| bytes | scan | with 20 plates | grep -c, one string | scan of grep |\n|---|---|---|---|---|")
    for kind, row in rows.items():
        print(f"| {kind} | " + " | ".join(str(value) for value in row.values()) + " |")
    print(f"\n{answer['chance']}")


if __name__ == "__main__":
    main()
