"""A lane's capture against the plain loop: detect and embed every face in every frame, same networks, same videos, one run.

Writes `bench/results/lane.json`. Videos: the test data's lane videos when WAYSEAL_TEST_DATA (or the data folder beside
the project) is there, else a rendered one. CPU seconds of one thread; the figures are ratios.
"""

import json
import os
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2

from wayseal.flow.identify import GallerySearch
from wayseal.flow.measure.lane import measure_lane
from wayseal.flow.measure.lane_report import report_lane
from wayseal.flow.measure.lane_setup import enrol_pictures, read_gallery_list
from wayseal.flow.measure.lane_truth import LaneTruth, find_face, read_truth
from wayseal.model.border import Template
from wayseal.vision.capture import CaptureModels
from wayseal.vision.detect import NEW_TRACK
from wayseal.vision.frames import open_source
from wayseal.vision.networks import load_networks
from wayseal.vision.template import align_face

HERE = Path(__file__).resolve()
RESULT = HERE.parent / "results" / "lane.json"


@dataclass(slots=True)
class PlainLoop:
    """What the plain loop finds: for each true occupant the template of the first and of the best-scoring frame."""

    cpu_s: float = 0.0
    frames: int = 0
    nobody: int = 0
    first: dict[tuple[str, int, int], Template] = field(default_factory=dict)
    best: dict[tuple[str, int, int], tuple[float, Template]] = field(default_factory=dict)

    def run(self, video: Path, truth: LaneTruth, models: CaptureModels) -> None:
        """Detect and embed all faces of one video."""
        began = time.process_time()
        sightings = []
        with open_source(str(video)) as source:
            for frame in source:
                self.frames += 1
                bgr = frame.colour()
                for found in models.detector.detect(bgr, threshold=NEW_TRACK):
                    template = models.embedder.embed([align_face(bgr, found.landmarks)])[0]
                    sightings.append((frame.index, found, template))
        self.cpu_s += time.process_time() - began
        for index, found, template in sightings:
            place = find_face(truth.vehicles, index, found.box)
            if place is None:
                self.nobody += 1
                continue
            key = (video.stem, *place)
            self.first.setdefault(key, template)
            if key not in self.best or found.score > self.best[key][0]:
                self.best[key] = (found.score, template)


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


def compare(videos: list[Path], gallery: Path) -> dict[str, Any]:
    """Return both ways' CPU, captures and rank-1 over the same videos."""
    models = replace(load_networks(), new_plate=None)
    searcher = enrol_pictures(read_gallery_list(gallery), models, fpir=0.003)
    plain, tallies, names, counted = PlainLoop(), [], {}, set()
    for video in videos:
        truth = read_truth(video.with_suffix(".json"))
        tallies.append(measure_lane(video, truth, models, searcher))
        plain.run(video, truth, models)
        for number, vehicle in enumerate(truth.vehicles):
            for place, person in enumerate(vehicle.occupants):
                if person.counts:
                    names[(video.stem, number, place)] = person.identity
                    counted.add((video.stem, number, place))
        print(f"{video.stem}: {tallies[-1].cpu_s:.1f} s against {plain.cpu_s:.1f} s so far", flush=True)
    ours = report_lane(tallies)
    cpu = sum(tally.cpu_s for tally in tallies)
    video_s = sum(tally.video_s for tally in tallies)
    return {
        "videos": len(videos),
        "occupants": ours["occupants"],
        "cpu_of_plain_loop": cpu / plain.cpu_s,
        "realtime_factor": {"wayseal": ours["realtime_factor"], "plain_loop": video_s / plain.cpu_s},
        "captured": {
            "wayseal": ours["captured_rate"],
            "plain_loop": len(counted & plain.best.keys()) / len(counted),
        },
        "rank1_of_enrolled": {
            "wayseal": ours["rank1_rate"],
            "plain_loop_best_scoring_frame": rank_one(
                {key: one for key, (_, one) in plain.best.items()}, names, searcher
            ),
            "plain_loop_first_frame": rank_one(plain.first, names, searcher),
        },
        "accepted_that_are_nobody": {
            "wayseal_occupants": ours["distractors_accepted"],
            "plain_loop_boxes": plain.nobody,
        },
        "seat_accuracy": ours["seat_accuracy"],
        "capture_to_result_p95_s": ours["capture_to_result_p95_s"],
    }


def main() -> None:
    """Run and write the result."""
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        result = compare(*find_videos(Path(folder)))
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
