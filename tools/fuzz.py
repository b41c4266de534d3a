"""Run every fuzz target under atheris, coverage-guided, for some seconds each: `make fuzz`.

Each `tests/fuzz/fuzz_*.py` takes libFuzzer options. Findings land in `.cache/fuzz/NAME`; a target that finds one fails the run.
"""

import argparse
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Run the targets; 1 when one of them found something."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=300, help="seconds for each target")
    seconds = parser.parse_args().seconds
    failed = []
    for target in sorted((ROOT / "tests" / "fuzz").glob("fuzz_*.py")):
        corpus = ROOT / ".cache" / "fuzz" / target.stem
        corpus.mkdir(parents=True, exist_ok=True)
        options = [
            f"-max_total_time={seconds}",
            f"-artifact_prefix={corpus}/finding-",
            "-timeout=20",
            "-print_final_stats=1",
        ]
        print(f"== {target.stem}", flush=True)
        if subprocess.run(
            [sys.executable, str(target), *options, str(corpus)], check=False, cwd=ROOT
        ).returncode:
            failed.append(target.stem)
    print("no finding" if not failed else f"findings: {', '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
