"""How often a leaked face names whom it was given to, after each thing a thief does; and whether an innocent is ever named.

Needs the folder of test pictures (WAYSEAL_TEST_DATA, else ../shared/data). Every reading is made as a trace makes it: registered
from nothing but the leak's own file, then 1,000 recipients' keys (one to five guilty) and 2,000 random decoys. Writes
bench/results/marks.json and docs/assets/marks-*.svg. `bench_marks.py FACES WEAK` sets how many faces are tried.
"""

import csv
import json
import os
import random
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from wayseal.export.mark import luma, mark_picture, measure_psnr
from wayseal.export.markcode import Channel, MarkRoot
from wayseal.export.markjpeg import read_compression
from wayseal.export.markread import cut_view, gather_evidence
from wayseal.export.markscore import score_keys, suffices
from wayseal.export.register import Leak
from wayseal.testing.leaks import average, crop, photograph, screenshot, shrink, to_jpeg, to_png
from wayseal.vision.picture import encode_picture, read_picture

HERE = Path(__file__).resolve().parent
ROOT = MarkRoot(b"bench" * 8)
RECIPIENTS = [ROOT.key(Channel.EXPORT, f"{number:026d}") for number in range(1000)]
BINS = np.linspace(-8, 8, 161)
LONGEST = 640
Copies = list[np.ndarray]
Attack = Callable[[Copies], bytes]


def blurred(bgr: np.ndarray, sigma: float) -> np.ndarray:
    """A Gaussian blur."""
    return np.asarray(cv2.GaussianBlur(bgr, (0, 0), sigma), np.uint8)


def denoised(bgr: np.ndarray) -> np.ndarray:
    """Non-local means: the strongest classical regeneration at hand."""
    return np.asarray(cv2.fastNlMeansDenoisingColored(bgr, None, 8, 8, 7, 21), np.uint8)


def inpainted(bgr: np.ndarray) -> np.ndarray:
    """Seven of ten pixels painted anew from the rest (Telea)."""
    mask = (np.random.default_rng(3).random(bgr.shape[:2]) < 0.7).astype(np.uint8)
    return np.asarray(cv2.inpaint(bgr, mask, 3, cv2.INPAINT_TELEA), np.uint8)


def redrawn(bgr: np.ndarray) -> np.ndarray:
    """Super-resolution as far as it goes without a network: a sixth of the size, back up, sharpened."""
    small = shrink(bgr, 1 / 6)
    large = cv2.resize(small, (bgr.shape[1], bgr.shape[0]), interpolation=cv2.INTER_LANCZOS4).astype(
        np.float32
    )
    return np.clip(large + 0.8 * (large - cv2.GaussianBlur(large, (0, 0), 2)), 0, 255).astype(np.uint8)


def swapped(bgr: np.ndarray) -> np.ndarray:
    """The middle replaced by another picture's, blended in at its edge: a face swap."""
    height, width = bgr.shape[:2]
    other = cv2.resize(OTHER[0], (width, height))
    mask = np.zeros((height, width), np.uint8)
    cv2.ellipse(mask, (width // 2, height // 2), (width // 3, int(height * 0.4)), 0, 0, 360, 255, -1)
    return np.asarray(
        cv2.seamlessClone(other, bgr, mask, (width // 2, height // 2), cv2.NORMAL_CLONE), np.uint8
    )


def to_width(bgr: np.ndarray, pixels: int) -> np.ndarray:
    """A copy of that longer side."""
    return shrink(bgr, min(1.0, pixels / max(bgr.shape[:2])))


OTHER: list[np.ndarray] = []
MAIN: dict[str, Attack] = {
    "JPEG 50": lambda c: to_jpeg(c[0], 50),
    "half size": lambda c: to_png(shrink(c[0], 0.5)),
    "crop 10 %": lambda c: to_png(crop(c[0], 0.1)),
    "screenshot": lambda c: to_png(screenshot(c[0])),
    "screen photograph": lambda c: to_jpeg(photograph(c[0], zoom=1.8), 75),
    "5 averaged": lambda c: to_png(average(c)),
    "crop 10 % + half size + JPEG 50": lambda c: to_jpeg(shrink(crop(c[0], 0.1), 0.5), 50),
    "screenshot + JPEG 50": lambda c: to_jpeg(screenshot(c[0]), 50),
    "crop 10 % + screen photograph": lambda c: to_jpeg(photograph(crop(c[0], 0.1), zoom=1.8), 75),
    "5 averaged + JPEG 50": lambda c: to_jpeg(average(c), 50),
    "5 averaged + crop 10 % + half size": lambda c: to_png(shrink(crop(average(c), 0.1), 0.5)),
    "5 averaged + screenshot": lambda c: to_png(screenshot(average(c))),
}
WEAK: dict[str, Attack] = {
    "5 averaged + half size + JPEG 50": lambda c: to_jpeg(shrink(average(c), 0.5), 50),
    "5 averaged + screen photograph": lambda c: to_jpeg(photograph(average(c), zoom=1.8), 75),
    "screen photograph + 40 % size + JPEG 60": lambda c: to_jpeg(shrink(photograph(c[0], zoom=1.8), 0.4), 60),
    "JPEG 30": lambda c: to_jpeg(c[0], 30),
    "JPEG 10": lambda c: to_jpeg(c[0], 10),
    "quarter size": lambda c: to_png(shrink(c[0], 0.25)),
    "64 px + JPEG 30": lambda c: to_jpeg(to_width(c[0], 64), 30),
    "crop 50 %": lambda c: to_png(crop(c[0], 0.5)),
    "crop 75 %": lambda c: to_png(crop(c[0], 0.75)),
    "blur, sigma 3": lambda c: to_png(blurred(c[0], 3)),
    "denoised (non-local means)": lambda c: to_png(denoised(c[0])),
    "inpainted, 70 % of pixels": lambda c: to_png(inpainted(c[0])),
    "super-resolution from a sixth": lambda c: to_png(redrawn(c[0])),
    "face swap": lambda c: to_png(swapped(c[0])),
}


def find_faces(count: int) -> list[Path]:
    """Face pictures of all sources, in a fixed order: no source gives more than it must."""
    named = os.environ.get("WAYSEAL_TEST_DATA")
    folder = (Path(named) if named else HERE.parents[1] / "shared" / "data") / "faces"
    if not (folder / "manifest.csv").exists():
        sys.exit("no test pictures: set WAYSEAL_TEST_DATA")
    by_source: dict[str, list[Path]] = defaultdict(list)
    for row in csv.DictReader((folder / "manifest.csv").open(encoding="utf-8")):
        by_source[row["source"]].append(folder / row["path"])
    for files in by_source.values():
        random.Random(1).shuffle(files)
    chosen: list[Path] = []
    while len(chosen) < count and any(by_source.values()):
        chosen += [files.pop() for files in by_source.values() if files]
    return chosen[:count]


class Tally:
    """What was read, attack by attack."""

    def __init__(self) -> None:
        self.guilty: dict[tuple[str, str], list[float]] = defaultdict(list)
        self.weakest: dict[tuple[str, str], list[float]] = defaultdict(list)
        self.lost: dict[tuple[str, str], int] = defaultdict(int)
        self.accused = self.innocents = self.trials = 0
        self.worst = 0.0
        self.histogram = np.zeros(len(BINS) - 1, np.int64)
        self.psnr: list[float] = []
        self.seconds: list[float] = []

    def read(self, name: str, file: bytes, original: np.ndarray, record: str, guilty: int) -> None:
        """Read one leak as a trace does and count what it says."""
        group = "from 240 px" if min(original.shape[:2]) >= 240 else "under 240 px"
        start = time.process_time()
        bgr = read_picture(file)
        leak = Leak(bgr)
        placed = leak.place(original)
        if placed is None or not placed.agrees:
            self.lost[name, group] += 1
            self.guilty[name, group].append(0.0)
            return
        compression = read_compression(file)
        view = cut_view(leak.plane, placed.matrix, original.shape[:2], compression)
        scores = score_keys(gather_evidence(luma(original), view), RECIPIENTS, [record] * len(RECIPIENTS))
        self.seconds.append(time.process_time() - start)
        others = np.concatenate([scores.z[guilty:], scores.decoys])
        self.accused += sum(suffices(float(z), len(RECIPIENTS)) for z in others[others > 6])
        self.innocents += len(RECIPIENTS) - guilty
        self.trials += len(scores.decoys)
        self.worst = max(self.worst, float(others.max()))
        self.histogram += np.histogram(others, BINS)[0]
        self.guilty[name, group].append(float(scores.z[:guilty].max()))
        self.weakest[name, group].append(float(scores.z[:guilty].min()))


def make_copies(file: Path) -> tuple[np.ndarray, Copies, list[float]]:
    """Return the lane's sealed picture, five recipients' copies as decoded files, and the marks' PSNR."""
    taken = read_picture(file)
    taken = shrink(taken, min(1.0, LONGEST / max(taken.shape[:2])))
    lane = ROOT.key(Channel.LANE, "lane1")
    marked = mark_picture(taken, lane, file.name)
    sealed = read_picture(encode_picture(marked).data)
    given = [mark_picture(sealed, key, file.name) for key in RECIPIENTS[:5]]
    psnr = [measure_psnr(taken, marked), *(measure_psnr(sealed, one) for one in given)]
    return sealed, [read_picture(encode_picture(one).data) for one in given], psnr


def summarise(tally: Tally, attacks: dict[str, Attack]) -> list[dict[str, object]]:
    """Return a row for each attack and size group."""
    rows = []
    for name in attacks:
        for group in ("from 240 px", "under 240 px"):
            z = tally.guilty.get((name, group))
            if z:
                named = sum(suffices(one, len(RECIPIENTS)) for one in z)
                rows.append(
                    {
                        "attack": name, "pictures": group, "faces": len(z), "attributed": named / len(z),
                        "not_registered": tally.lost[name, group], "z_median": float(np.median(z)),
                        "z_5th_percentile": float(np.percentile(z, 5)),
                    }
                )  # fmt: skip
    return rows


def draw(tally: Tally, rows: list[dict[str, object]]) -> None:
    """Draw the innocents' distribution and the guilty scores by attack."""
    from matplotlib.figure import Figure

    folder = HERE.parent / "docs" / "assets"
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    middle = (BINS[1:] + BINS[:-1]) / 2
    total = tally.histogram.sum()
    axes.step(middle, np.maximum(tally.histogram, 0.5), where="mid", label=f"{total:,} innocent keys")
    axes.plot(
        middle,
        np.exp(-0.5 * middle**2) / np.sqrt(2 * np.pi) * total * (BINS[1] - BINS[0]),
        "k:",
        label="normal law",
    )
    axes.axvline(7, color="tab:red", linestyle="--", label="named from 7")
    axes.set(yscale="log", ylim=(0.5, None), xlabel="z", ylabel="keys")
    axes.legend()
    figure.savefig(folder / "marks-decoys.svg")
    large = [row for row in rows if row["pictures"] == "from 240 px"]
    figure = Figure(figsize=(8, 0.32 * len(large) + 1), layout="constrained")
    axes = figure.subplots()
    axes.boxplot(
        [tally.guilty[str(row["attack"]), "from 240 px"] for row in large],
        orientation="horizontal",
        whis=(5, 95),
        showfliers=False,
    )
    axes.set_yticks(range(1, len(large) + 1), [str(row["attack"]) for row in large])
    axes.invert_yaxis()
    axes.axvline(7, color="tab:red", linestyle="--")
    axes.set(
        xscale="symlog", xlim=(0, None), xlabel="z of the guilty (best of five where five were averaged)"
    )
    figure.savefig(folder / "marks-attacks.svg")


def report_of(tally: Tally, faces: int) -> dict[str, object]:
    """Return all figures so far."""
    return {
        "faces": faces, "recipients": len(RECIPIENTS), "psnr_min": min(tally.psnr), "psnr_median": float(np.median(tally.psnr)),
        "innocent_keys_tried": tally.innocents, "decoys_tried": tally.trials, "innocents_accused": tally.accused,
        "innocent_z_max": tally.worst, "cpu_seconds_per_leak": float(np.median(tally.seconds)),
        "rows": summarise(tally, MAIN | WEAK),
    }  # fmt: skip


def write_report(tally: Tally, faces: int) -> list[dict[str, object]]:
    """Write the figures and drawings so far, and return the rows."""
    report = report_of(tally, faces)
    (HERE / "results" / "marks.json").write_text(json.dumps(report, indent=1) + "\n")
    rows = summarise(tally, MAIN | WEAK)
    draw(tally, rows)
    return rows


def main() -> None:
    """Run, write the results and print the table."""
    cv2.setNumThreads(1)
    faces, weak = (int(value) for value in (sys.argv[1:3] or (208, 36)))
    files, tally = find_faces(faces), Tally()
    OTHER.append(read_picture(files[0]))
    for number, file in enumerate(files):
        sealed, copies, psnr = make_copies(file)
        tally.psnr += psnr
        for name, attack in (MAIN | WEAK if number < weak else MAIN).items():
            tally.read(name, attack(copies), sealed, file.name, 5 if "averaged" in name else 1)
        if number % 20 == 19:
            write_report(tally, number + 1)
            print(f"{number + 1} of {len(files)} faces, {tally.accused} accused", flush=True)
    rows = write_report(tally, len(files))
    print("| attack | pictures | faces | attributed | z median | z 5 % |\n|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['attack']} | {row['pictures']} | {row['faces']} | {100 * row['attributed']:.1f} % | "
            f"{row['z_median']:.1f} | {row['z_5th_percentile']:.1f} |"
        )
    print({name: value for name, value in report_of(tally, len(files)).items() if name != "rows"})


if __name__ == "__main__":
    main()
