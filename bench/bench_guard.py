"""The guard: fails when a hot path became dearer than its recorded cost by more than a wide band.

Two measures, neither a wall time. Instructions under callgrind, where valgrind is installed: nearly the same on any load, band 1.3.
CPU time as a ratio to a reference loop in the same process, everywhere: noisy, band 2. `--record` writes the present costs as the
ones to compare with (bench/guard_baseline.json; commit it with the change that explains it). Writes bench/results/guard.json.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
RESULT = HERE / "results" / "guard.json"
BASELINE = HERE / "guard_baseline.json"
PATHS = HERE / "guard_paths.py"
BANDS = {"instructions": 1.3, "ratios": 2.0}
STEADY = {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_TOTAL = re.compile(r"^totals: (\d+)", re.MULTILINE)


def run_paths(folder: Path, *before: str, how: str) -> list[tuple[str, int, float]]:
    """Run the hot paths in a process of their own and return (name, times, ratio or 0) in their order."""
    listing = folder / f"{how}.tsv"
    command = [*before, sys.executable, str(PATHS), how, str(listing)]
    subprocess.run(command, check=True, env={**os.environ, **STEADY}, stderr=subprocess.PIPE)
    rows = [line.split("\t") for line in listing.read_text(encoding="utf-8").splitlines()]
    return [(name, int(times), float(ratio)) for name, times, ratio in rows]


def count_instructions(folder: Path) -> dict[str, float]:
    """Return the instructions of one call of each path, or nothing without valgrind.

    Each path lies between two marks, and each mark ends a count: the even counts are the paths', the odd what is around them.
    """
    if shutil.which("valgrind") is None:
        return {}
    out = folder / "count"
    paths = run_paths(
        folder, "valgrind", "--tool=callgrind", "--instr-atstart=no", "--dump-before=getsid", f"--callgrind-out-file={out}", how="marked"
    )  # fmt: skip
    counts = {}
    for place, (name, times, _) in enumerate(paths):
        total = _TOTAL.search((folder / f"count.{2 * place + 2}").read_text(encoding="utf-8"))
        assert total is not None, "callgrind wrote no total"
        counts[name] = int(total[1]) / times
    return counts


def compare(now: dict[str, float], before: dict[str, float]) -> dict[str, float]:
    """Return each path's cost over the recorded one; a path without a record is left out."""
    return {name: round(value / before[name], 3) for name, value in now.items() if name in before}


def main() -> int:
    """Measure, compare and write; 1 when a path is beyond its band, or has no record."""
    with tempfile.TemporaryDirectory(prefix="bench-guard-") as name:
        now: dict[str, dict[str, float]] = {
            "ratios": {name: ratio for name, _, ratio in run_paths(Path(name), how="timed")},
            "instructions": count_instructions(Path(name)),
        }
    if "--record" in sys.argv[1:]:
        BASELINE.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")
    before: dict[str, dict[str, float]] = json.loads(BASELINE.read_text(encoding="utf-8"))
    over = {how: compare(now[how], before.get(how, {})) for how in now}
    dear = [
        f"{path}: {how} {value}"
        for how, found in over.items()
        for path, value in found.items()
        if value > BANDS[how]
    ]
    unknown = sorted(set(now["ratios"]) - set(before["ratios"]))
    answer: dict[str, Any] = {
        "bands": BANDS,
        "worst": {how: max(found.values()) for how, found in over.items() if found},
        "now": now,
        "over_recorded": over,
        "beyond_the_band": dear,
        "not_recorded": unknown,
    }
    RESULT.write_text(json.dumps(answer, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({key: answer[key] for key in ("worst", "beyond_the_band", "not_recorded")}, indent=1))
    return 1 if dear or unknown else 0


if __name__ == "__main__":
    sys.exit(main())
