"""Run every benchmark, one process each, and write the page: `python -m bench [NAME ...]`; `--page` writes the page alone.

Each `bench_*.py` measures against a peer or a limit in its own run and writes `bench/results/NAME.json`. Figures are ratios
unless they say otherwise; single absolute times on a shared machine mean little.
"""

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # each benchmark is a script of its own and imports its neighbours by name

from page import PAGE, RESULTS, write_page  # noqa: E402 - after the path


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


def main() -> int:
    """Run, then write the page; 1 when a benchmark failed."""
    RESULTS.mkdir(exist_ok=True)
    failed = run_all(sys.argv[1:]) if sys.argv[1:] != ["--page"] else []
    write_page()
    print(f"written: {PAGE.relative_to(HERE.parent)}" + (f"; failed: {', '.join(failed)}" if failed else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
