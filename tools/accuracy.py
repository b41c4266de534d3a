"""Run every offline measure over the test data folder and print the tables, the summary first: `make accuracy`.

The folder is `WAYSEAL_TEST_DATA`, else `../shared/data` beside the checkout. It holds other people's pictures, which are not part
of the project; without it there is nothing to measure, and this says so. `--write` also stores `docs/reference/accuracy.md`.
Figures of speed depend on how busy the machine is; all others repeat.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from accuracy_tables import ABOUT, HEAD, Answers, summarise, tabulate

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("WAYSEAL_TEST_DATA", ROOT.parent / "shared" / "data"))
PAGE = ROOT / "docs" / "reference" / "accuracy.md"
MEASURES = {
    "lane": ("Lane videos", ["lane", "--videos", "lane", "--gallery", "lane/gallery.csv", "--regret"]),
    "faces": ("One-to-one: pairs", ["faces", "--pairs", "faces/pairs_small.csv"]),
    "search": ("One-to-many: an open set", ["search", "--gallery", "faces/gallery.csv", "--probes", "faces/probes.csv"]),
    "us": ("Plates in full scenes, United States", ["plates", "--manifest", "plates/us/manifest.csv"]),
    "eu": ("Plates in full scenes, Europe", ["plates", "--manifest", "plates/eu/manifest.csv"]),
    "crops": ("Plates already cropped, United States", ["plates", "--manifest", "plates/us_crops/manifest.csv"]),
    "gate": ("Plates at gates, day and infrared", ["plates", "--manifest", "gate/manifest.csv"]),
}  # fmt: skip


def measure(arguments: list[str]) -> dict[str, Any]:
    """Return the JSON of one `wayseal evaluate` command."""
    command = [str(Path(sys.executable).parent / "wayseal"), "evaluate", *arguments, "--json"]
    done = subprocess.run(command, cwd=DATA, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"accuracy: evaluate {arguments[0]} exited {done.returncode}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def main() -> int:
    """Measure, print, and store where asked."""
    if not (DATA / "README.md").is_file():
        print(
            "accuracy: there is no test data here; set WAYSEAL_TEST_DATA to a folder with faces, plates and lane videos"
        )
        return 0
    answers: Answers = {}
    for name, (title, arguments) in MEASURES.items():
        print(f"accuracy: {title}", file=sys.stderr, flush=True)
        answers[name] = measure(arguments)
    text = write_page(answers)
    print(text)
    if "--write" in sys.argv:
        PAGE.write_text(text, encoding="utf-8")
    return 0


def write_page(answers: Answers) -> str:
    """Return the whole page: what it is, the summary, then a section a measure."""
    parts = [HEAD, summarise(answers)]
    for name, (title, arguments) in MEASURES.items():
        command = f"`wayseal evaluate {' '.join(arguments)}`"
        parts.append(tabulate(title, f"{ABOUT.get(name, ABOUT['plates'])}\n\n{command}", answers[name]))
    return "".join(parts)


if __name__ == "__main__":
    sys.exit(main())
