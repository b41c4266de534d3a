"""A lane's capture beside `face_recognition` (dlib) called on every frame, as its own examples do: speed, capture, rank 1.

dlib comes as source only and its package wants a setuptools of its own, so it lives in an environment apart: name that
environment's Python in WAYSEAL_DLIB_PYTHON. Without one nothing is measured, and an earlier result stays. Some of the videos
only, whole: the loop takes half a second a frame. CPU seconds of one thread. Writes bench/results/dlib.json.
"""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from bench_lane import Key, find_videos, list_counted

from wayseal.flow.measure.lane import measure_lane
from wayseal.flow.measure.lane_report import report_lane
from wayseal.flow.measure.lane_setup import enrol_pictures, read_gallery_list
from wayseal.flow.measure.lane_truth import LaneTruth, find_face, read_truth
from wayseal.vision.networks import load_networks

HERE = Path(__file__).resolve().parent
RESULT = HERE / "results" / "dlib.json"
SOME = slice(3, None, 8)
"""Of the videos in order, those that are measured: of sixteen two, a rainy one of three people and one with faces that are nobody's."""


def find_python() -> str | None:
    """Return a Python that can import face_recognition, or None."""
    for python in filter(None, (os.environ.get("WAYSEAL_DLIB_PYTHON"), sys.executable)):
        probe = [python, "-c", "import face_recognition"]
        if subprocess.run(probe, check=False, capture_output=True).returncode == 0:
            return python
    return None


def run_loop(python: str, videos: list[Path], gallery: Path) -> dict[str, Any]:
    """Run face_recognition over gallery and videos in its own environment and return what it found."""
    people = [(str(picture.resolve()), name) for picture, name in read_gallery_list(gallery)]
    order = json.dumps({"videos": [str(video) for video in videos], "people": people})
    done = subprocess.run(
        [python, str(HERE / "dlib_loop.py")], input=order, stdout=subprocess.PIPE, text=True, check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": ""},
    )  # fmt: skip
    return dict(json.loads(done.stdout))


def name_nearest(encodings: np.ndarray, names: list[str], shots: list[list[float]]) -> str:
    """Return the enrolled name nearest to any of an occupant's frames: what a user of face_recognition would take."""
    apart = np.linalg.norm(encodings[None] - np.array(shots)[:, None], axis=2)
    return names[int(np.unravel_index(apart.argmin(), apart.shape)[1])]


def score_loop(found: dict[str, Any], truths: dict[str, LaneTruth]) -> dict[str, Any]:
    """Return the loop's captures and rank 1 over the occupants who count."""
    names = [name for name, _ in found["people"]]
    encodings = np.array([encoding for _, encoding in found["people"]])
    shots: dict[Key, list[list[float]]] = {}
    nobody = 0
    for video in found["videos"]:
        for index, box, encoding in video["faces"]:
            place = find_face(truths[video["video"]].vehicles, index, tuple(box))
            if place is None:
                nobody += 1
            else:
                shots.setdefault((video["video"], *place), []).append(encoding)
    counted = {
        key: name for video, truth in truths.items() for key, name in list_counted(video, truth).items()
    }
    enrolled = {key: name for key, name in counted.items() if name in set(names)}
    right = sum(
        key in shots and name_nearest(encodings, names, shots[key]) == name for key, name in enrolled.items()
    )
    return {
        "captured": len(counted.keys() & shots.keys()) / len(counted),
        "rank1_of_enrolled": right / len(enrolled) if enrolled else None,
        "boxes_that_are_nobody": nobody,
        "enrolled": len(set(names)),
    }


def compare(python: str, videos: list[Path], gallery: Path) -> dict[str, Any]:
    """Return both ways' figures over the same videos."""
    models = replace(load_networks(), new_plate=None)
    searcher = enrol_pictures(read_gallery_list(gallery), models, fpir=0.003)
    truths = {video.stem: read_truth(video.with_suffix(".json")) for video in videos}
    tallies = [measure_lane(video, truths[video.stem], models, searcher) for video in videos]
    found = run_loop(python, videos, gallery)
    ours, frames = report_lane(tallies), sum(tally.frames for tally in tallies)
    cpu = sum(tally.cpu_s for tally in tallies)
    theirs = sum(video["cpu_s"] for video in found["videos"])
    return {
        "videos": [video.name for video in videos],
        "frames": frames,
        "versions": found["versions"],
        "load_average": round(os.getloadavg()[0], 1),
        "speed_over_dlib": theirs / cpu,
        "ms_a_frame": {"wayseal": 1e3 * cpu / frames, "face_recognition": 1e3 * theirs / frames},
        "wayseal": {"captured": ours["captured_rate"], "rank1_of_enrolled": ours["rank1_rate"]},
        "face_recognition": score_loop(found, truths),
    }


def main() -> None:
    """Measure and write the result, or say why not."""
    cv2.setNumThreads(1)
    python = find_python()
    if python is None:
        print("bench dlib: skipped, no Python here can import face_recognition (set WAYSEAL_DLIB_PYTHON)")
        return
    with tempfile.TemporaryDirectory() as folder:
        videos, gallery = find_videos(Path(folder))
        result = compare(python, (videos[SOME] or videos), gallery)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
