"""`face_recognition` on every frame, as in its own examples; run by `bench_dlib` in an environment that holds dlib.

Takes {"videos", "people": [[path, name]]} as JSON on stdin and gives what it found as JSON on stdout. It imports nothing of
Wayseal. Each frame: read by OpenCV, turned to RGB, `face_locations` and `face_encodings` with their own defaults.
"""

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cv2
import face_recognition


def find_faces(bgr: Any) -> list[tuple[list[float], list[float]]]:
    """Return each face's box (x, y, width, height) and 128 numbers."""
    rgb = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    places = face_recognition.face_locations(rgb)
    encodings = face_recognition.face_encodings(rgb, places)
    boxes = [
        [float(left), float(top), float(right - left), float(bottom - top)]
        for top, right, bottom, left in places
    ]
    return [(box, encoding.tolist()) for box, encoding in zip(boxes, encodings, strict=True)]


def read_video(path: str) -> dict[str, Any]:
    """Return the faces of every frame, and the CPU seconds that it took."""
    began = time.process_time()
    reader, faces, index = cv2.VideoCapture(path), [], 0
    while True:
        there, bgr = reader.read()
        if not there:
            break
        faces += [(index, box, encoding) for box, encoding in find_faces(bgr)]
        index += 1
    return {"video": Path(path).stem, "cpu_s": time.process_time() - began, "frames": index, "faces": faces}


def enrol_people(people: list[list[str]]) -> list[tuple[str, list[float]]]:
    """Return a name and encoding for each picture in which a face is found, the largest one's."""
    enrolled = []
    for path, name in people:
        picture = cv2.imread(path)
        found = find_faces(picture) if picture is not None else []
        if found:
            enrolled.append((name, max(found, key=lambda face: face[0][2])[1]))
    return enrolled


def main() -> None:
    """Enrol, watch, and print."""
    cv2.setNumThreads(1)
    order = json.load(sys.stdin)
    answer = {
        "versions": {name: version(name) for name in ("dlib", "face_recognition")},
        "people": enrol_people(order["people"]),
        "videos": [read_video(path) for path in order["videos"]],
    }
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
