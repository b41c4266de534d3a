"""A lane's capture against plain loops: detect and embed every face in every frame, same networks, same videos, one run.

Two loops, each at the frame's full size, above the same score. The first is what a user of the published models writes:
OpenCV reads the video, its FaceDetectorYN finds, its FaceRecognizerSF aligns and embeds. The second has the very same
order of work with our own detector and embedder on the same weights, which are faster than OpenCV's: what is left of the
lane's gain when each step is as good as we know how to make it. (`bench_dlib` is a third.)

Writes `bench/results/lane.json`. Videos: the test data's lane videos when WAYSEAL_TEST_DATA (or the data folder beside
the project) is there, else a rendered one. CPU seconds of one thread; the figures are ratios.
"""

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from bench_faces import CARRIER, YUNET, load_opencv_sface

from wayseal.flow.identify import GallerySearch
from wayseal.flow.measure.lane import LaneTally, measure_lane
from wayseal.flow.measure.lane_report import report_lane
from wayseal.flow.measure.lane_setup import enrol_pictures, read_gallery_list
from wayseal.flow.measure.lane_truth import LaneTruth, find_face, read_truth
from wayseal.model.border import Box, Pixels, Template
from wayseal.vision.capture import CaptureModels
from wayseal.vision.detect import NEW_TRACK
from wayseal.vision.frames import open_source
from wayseal.vision.networks import load_networks
from wayseal.vision.template import align_face, make_template

HERE = Path(__file__).resolve()
RESULT = HERE.parent / "results" / "lane.json"
Key = tuple[str, int, int]
"""Video, vehicle, occupant."""


Face = tuple[Box, float, Template]
"""Box in pixels, detector's score, template."""


@dataclass(slots=True)
class PlainLoop:
    """What a plain loop finds: for each true occupant the template of the first and of the best-scoring frame."""

    watch: Callable[[Path], Iterator[list[Face]]]
    """Gives the faces of each frame of a video."""
    cpu_s: float = 0.0
    frames: int = 0
    nobody: int = 0
    first: dict[Key, Template] = field(default_factory=dict)
    best: dict[Key, tuple[float, Template]] = field(default_factory=dict)

    def run(self, video: Path, truth: LaneTruth) -> None:
        """Detect and embed all faces of one video."""
        began = time.process_time()
        seen = list(self.watch(video))
        self.cpu_s += time.process_time() - began
        self.frames += len(seen)
        for index, faces in enumerate(seen):
            for box, score, template in faces:
                self._note(video.stem, find_face(truth.vehicles, index, box), score, template)

    def _note(self, video: str, place: tuple[int, int] | None, score: float, template: Template) -> None:
        """Give one face to the true occupant it is on."""
        if place is None:
            self.nobody += 1
            return
        key = (video, *place)
        self.first.setdefault(key, template)
        if key not in self.best or score > self.best[key][0]:
            self.best[key] = (score, template)


def watch_plainly(models: CaptureModels, video: Path) -> Iterator[list[Face]]:
    """Give the faces of each frame, found and embedded by our own classes."""
    with open_source(str(video)) as source:
        for frame in source:
            bgr = frame.colour()
            found = models.detector.detect(bgr, threshold=NEW_TRACK)
            yield [
                (face.box, face.score, models.embedder.embed([align_face(bgr, face.landmarks)])[0])
                for face in found
            ]


def watch_with_opencv(
    recogniser: cv2.FaceRecognizerSF, model_sha256: str, video: Path
) -> Iterator[list[Face]]:
    """Give the faces of each frame, read, found, aligned and embedded by OpenCV's own classes."""
    reader = cv2.VideoCapture(str(video))
    detector = None
    while True:
        there, bgr = reader.read()
        if not there:
            return
        if detector is None:
            detector = cv2.FaceDetectorYN.create(
                str(CARRIER.locate_file(YUNET)), "", bgr.shape[1::-1], NEW_TRACK, 0.3, 5000
            )
        _, rows = detector.detect(bgr)
        yield [_as_face(bgr, row, recogniser, model_sha256) for row in (rows if rows is not None else ())]


def _as_face(bgr: Pixels, row: Any, recogniser: cv2.FaceRecognizerSF, model_sha256: str) -> Face:
    """Return what OpenCV makes of one row that its detector gave."""
    x, y, width, height = (float(side) for side in row[:4])
    raw = np.asarray(recogniser.feature(recogniser.alignCrop(bgr, row)), dtype=np.float32).ravel()
    return (x, y, width, height), float(row[14]), make_template(raw, model_sha256)


def find_videos(folder: Path) -> tuple[list[Path], Path]:
    """Return videos with their truth, and the gallery CSV: test data where there is some, else rendered into `folder`."""
    named = os.environ.get("WAYSEAL_TEST_DATA")
    data = (Path(named) if named else HERE.parents[2] / "shared" / "data") / "lane"
    if (data / "gallery.csv").is_file():
        return sorted(data.glob("*.mp4")), data / "gallery.csv"
    from wayseal.testing.lane import load_carried, make_scene, render_video, write_gallery

    people = load_carried()
    scene = make_scene("day", people, seed=1)
    render_video(scene, folder / "day.mp4")
    write_gallery(scene, folder / "gallery.csv")
    return [folder / "day.mp4"], folder / "gallery.csv"


def list_counted(video: str, truth: LaneTruth) -> dict[Key, str]:
    """Return the occupants of a video who count, with their identities."""
    return {
        (video, number, place): person.identity
        for number, vehicle in enumerate(truth.vehicles)
        for place, person in enumerate(vehicle.occupants)
        if person.counts
    }


def rank_one(templates: dict[Any, Template], names: dict[Any, str], searcher: GallerySearch) -> float | None:
    """Return the share of enrolled occupants whose template is nearest to themselves; a missing one counts as wrong."""
    known = set(searcher.gallery.travellers())
    enrolled = [key for key, name in names.items() if name in known]
    right = 0
    for key in enrolled:
        if key in templates:
            hits = searcher.gallery.find([templates[key]], 1)[0]
            right += searcher.gallery.name_of(int(hits.owners[0])) == names[key]
    return right / len(enrolled) if enrolled else None


def compare(videos: list[Path], gallery: Path, folder: Path) -> dict[str, Any]:
    """Return all ways' CPU, captures and rank-1 over the same videos."""
    models = replace(load_networks(), new_plate=None)
    searcher = enrol_pictures(read_gallery_list(gallery), models, fpir=0.003)
    model = models.embedder.manifest.sha256
    loops = {
        "opencv_loop": PlainLoop(partial(watch_with_opencv, load_opencv_sface(folder), model)),
        "plain_loop": PlainLoop(partial(watch_plainly, models)),
    }
    tallies, names = [], {}
    for video in videos:
        truth = read_truth(video.with_suffix(".json"))
        tallies.append(measure_lane(video, truth, models, searcher))
        for loop in loops.values():
            loop.run(video, truth)
        names |= list_counted(video.stem, truth)
        taken = {name: round(loop.cpu_s, 1) for name, loop in loops.items()}
        print(f"{video.stem}: {tallies[-1].cpu_s:.1f} s; so far {taken}", flush=True)
    return join_figures(tallies, loops, names, searcher)


def join_figures(
    tallies: list[LaneTally], loops: dict[str, PlainLoop], names: dict[Key, str], searcher: GallerySearch
) -> dict[str, Any]:
    """Return the figures of the lane and of each loop side by side."""
    ours = report_lane(tallies)
    cpu, frames = (sum(getattr(tally, name) for tally in tallies) for name in ("cpu_s", "frames"))
    video_s = sum(tally.video_s for tally in tallies)
    best = {name: {key: one for key, (_, one) in loop.best.items()} for name, loop in loops.items()}
    return {
        "videos": len(tallies),
        "occupants": ours["occupants"],
        "load_average": round(os.getloadavg()[0], 1),
        "speed_over": {name: loop.cpu_s / cpu for name, loop in loops.items()},
        "ms_a_frame": {"wayseal": 1e3 * cpu / frames}
        | {name: 1e3 * loop.cpu_s / loop.frames for name, loop in loops.items()},
        "realtime_factor": {"wayseal": ours["realtime_factor"]}
        | {name: video_s / loop.cpu_s for name, loop in loops.items()},
        "captured": {"wayseal": ours["captured_rate"]}
        | {name: len(names.keys() & loop.best.keys()) / len(names) for name, loop in loops.items()},
        "rank1_of_enrolled": {"wayseal": ours["rank1_rate"]}
        | {f"{name}_best_scoring_frame": rank_one(best[name], names, searcher) for name in loops}
        | {f"{name}_first_frame": rank_one(loop.first, names, searcher) for name, loop in loops.items()},
        "accepted_that_are_nobody": {"wayseal_occupants": ours["distractors_accepted"]}
        | {f"{name}_boxes": loop.nobody for name, loop in loops.items()},
        "seat_accuracy": ours["seat_accuracy"],
        "capture_to_result_p95_s": ours["capture_to_result_p95_s"],
    }


def main() -> None:
    """Run and write the result."""
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        result = compare(*find_videos(Path(folder)), Path(folder))
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
