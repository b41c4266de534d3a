"""Run every offline measure over the test data folder and print the tables: `make accuracy`.

The folder is `WAYSEAL_TEST_DATA`, else `../shared/data` beside the checkout. It holds other people's pictures, which are not part
of the project; without it there is nothing to measure, and this says so. `--write` also stores `docs/reference/accuracy.md`.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("WAYSEAL_TEST_DATA", ROOT.parent / "shared" / "data"))
PAGE = ROOT / "docs" / "reference" / "accuracy.md"
MEASURES = {
    "One-to-one, `evaluate faces` on pairs_small.csv": ["faces", "--pairs", "faces/pairs_small.csv"],
    "One-to-many, `evaluate search` (FPIR 0.003)": [
        "search",
        "--gallery",
        "faces/gallery.csv",
        "--probes",
        "faces/probes.csv",
    ],
    "Plates in full scenes, US": ["plates", "--manifest", "plates/us/manifest.csv"],
    "Plates in full scenes, EU": ["plates", "--manifest", "plates/eu/manifest.csv"],
    "Plates already cropped, US": ["plates", "--manifest", "plates/us_crops/manifest.csv"],
    "Lane videos, all of the folder": ["lane", "--videos", "lane", "--gallery", "lane/gallery.csv"],
}


def measure(arguments: list[str]) -> dict[str, Any]:
    """Return the JSON of one `wayseal evaluate` command."""
    command = [str(Path(sys.executable).parent / "wayseal"), "evaluate", *arguments, "--json"]
    done = subprocess.run(command, cwd=DATA, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"accuracy: evaluate {arguments[0]} exited {done.returncode}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def tabulate(title: str, answer: dict[str, Any]) -> str:
    """Return one Markdown table; curves and nested parts are left to --json."""
    rows = [(name, value) for name, value in answer.items() if not isinstance(value, dict) and name != "det"]
    shown = "".join(f"| {name} | {_show(value)} |\n" for name, value in rows)
    return f"\n## {title}\n\n| figure | value |\n|---|---|\n{shown}"


def _show(value: Any) -> str:
    """Return a figure with four digits."""
    if isinstance(value, list):
        return " to ".join(_show(one) for one in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def main() -> int:
    """Measure, print, and store where asked."""
    if not (DATA / "README.md").is_file():
        print(
            "accuracy: there is no test data here; set WAYSEAL_TEST_DATA to a folder with faces, plates and lane videos"
        )
        return 0
    text = (
        "# Accuracy\n\nWritten by `make accuracy`. Rates are 0-1. The pictures are not part of the project.\n"
    )
    for title, arguments in MEASURES.items():
        text += tabulate(title, measure(arguments))
        print(text.rsplit("\n## ", 1)[1], flush=True)
    if "--write" in sys.argv:
        PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
