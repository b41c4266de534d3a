"""Run every benchmark, one process each, and write the table: `python -m bench [NAME ...]`.

Each `bench_*.py` measures against a peer or a limit in its own run and writes `bench/results/NAME.json`. Figures are ratios
unless they say otherwise; single absolute times on a shared machine mean little.
"""

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE / "results"
PAGE = HERE.parent / "docs" / "reference" / "benchmarks.md"


def describe_machine() -> str:
    """Return processor, cores and Python in a line."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.processor()
    )
    return f"{model}, {os.cpu_count()} cores (shared), Python {platform.python_version()}"


def run_all(names: list[str]) -> list[str]:
    """Run the benchmarks and return the names of those that failed."""
    failed = []
    for file in sorted(HERE.glob("bench_*.py")):
        name = file.stem.removeprefix("bench_")
        if names and name not in names:
            continue
        print(f"== {name}", flush=True)
        if subprocess.run([sys.executable, str(file)], check=False, cwd=HERE.parent).returncode != 0:
            failed.append(name)
    return failed


def flatten(value: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """Return nested results as dotted names with plain values."""
    if isinstance(value, dict):
        return [
            pair
            for key, inner in value.items()
            for pair in flatten(inner, f"{prefix}.{key}" if prefix else str(key))
        ]
    if isinstance(value, list):
        return [pair for number, inner in enumerate(value) for pair in flatten(inner, f"{prefix}[{number}]")]
    return [(prefix, f"{value:.4g}" if isinstance(value, float) else value)]


def write_page() -> None:
    """Write every stored result as a table."""
    when = f"{datetime.now(UTC):%Y-%m-%d}: {describe_machine()}"
    note = "Ratios are against the peer or limit that each row names, measured in the same run."
    parts = [f"# Benchmarks\n\nWritten by `make bench` on {when}. {note}\n"]
    for file in sorted(RESULTS.glob("*.json")):
        parts.append(f"\n## {file.stem}\n\n| figure | value |\n|---|---|\n")
        rows = flatten(json.loads(file.read_text(encoding="utf-8")))
        parts += [f"| {name} | {value} |\n" for name, value in rows]
    PAGE.write_text("".join(parts), encoding="utf-8")


def main() -> int:
    """Run, then write the page; 1 when a benchmark failed."""
    RESULTS.mkdir(exist_ok=True)
    failed = run_all(sys.argv[1:])
    write_page()
    print(f"written: {PAGE.relative_to(HERE.parent)}" + (f"; failed: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
