"""What a plain pass finds: every face of every frame, whom that gives, and whom the lane has beside it.

Usage: plain_pass.py FOLDER [--gallery CSV]

FOLDER holds .mp4 with .json beside them (lane-truth-1). The same detector and embedder as the lane's, at each frame's full
size; somebody is found when one box of that score or more is on their face in any frame. Prints counts and seats, no identity.
"""

import argparse
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2

from wayseal.flow.identify import GallerySearch
from wayseal.flow.measure.lane import LaneTally, measure_lane
from wayseal.flow.measure.lane_setup import enrol_pictures, list_videos, read_gallery_list
from wayseal.flow.measure.lane_truth import LaneTruth, find_face, read_truth
from wayseal.model.border import Template
from wayseal.vision.capture import CaptureModels
from wayseal.vision.frames import open_source
from wayseal.vision.networks import load_networks
from wayseal.vision.template import align_face

SCORES = (0.5, 0.6, 0.7, 0.75, 0.8, 0.9)
"""Scores from which a box is taken for a face; the lane begins tracks of its own at a look of 0.55."""
Person = tuple[str, int, int]
"""Video, place of the vehicle and of the occupant in its truth."""


@dataclass(frozen=True, slots=True, eq=False)
class PlainFace:
    """One box: on whom it is, or None for nobody, the detector's score, and its template when it is on somebody."""

    person: Person | None
    score: float
    template: Template | None = field(default=None, repr=False)


def list_faces(video: Path, truth: LaneTruth, models: CaptureModels) -> Iterable[PlainFace]:
    """Give the faces of every frame of a video, in order."""
    with open_source(str(video)) as source:
        for frame in source:
            bgr = frame.colour()
            for found in models.detector.detect(bgr, threshold=SCORES[0]):
                place = find_face(truth.vehicles, frame.index, found.box)
                if place is None:
                    yield PlainFace(None, found.score)
                    continue
                template = models.embedder.embed([align_face(bgr, found.landmarks)])[0]
                yield PlainFace((video.stem, *place), found.score, template)


def choose_looks(
    faces: Sequence[PlainFace], score: float
) -> tuple[dict[Person, PlainFace], dict[Person, PlainFace]]:
    """Return the best-scoring and the first face of everybody with boxes of that score."""
    best: dict[Person, PlainFace] = {}
    first: dict[Person, PlainFace] = {}
    for face in faces:
        if face.person is None or face.score < score:
            continue
        first.setdefault(face.person, face)
        if face.person not in best or face.score > best[face.person].score:
            best[face.person] = face
    return best, first


def count_first(
    looks: Mapping[Person, PlainFace], names: Mapping[Person, str], searcher: GallerySearch
) -> int:
    """Return how many of `names` their look brings first in the gallery."""
    right = 0
    for person, name in names.items():
        template = looks[person].template if person in looks else None
        if template is not None:
            hit = searcher.gallery.find([template], 1)[0]
            right += searcher.gallery.name_of(int(hit.owners[0])) == name
    return right


def print_table(faces: Sequence[PlainFace], names: Mapping[Person, str], searcher: GallerySearch) -> None:
    """Print one row a score."""
    known = set(searcher.gallery.travellers())
    enrolled = {person: name for person, name in names.items() if name in known}
    print("| from score | found | first, best frame | first, first frame | boxes that are nobody |")
    print("|---|---|---|---|---|")
    for score in SCORES:
        best, first = choose_looks(faces, score)
        nobody = sum(face.person is None and face.score >= score for face in faces)
        ranks = [f"{count_first(looks, enrolled, searcher)}/{len(enrolled)}" for looks in (best, first)]
        print(
            f"| {score} | {len(best.keys() & names.keys())}/{len(names)} | {' | '.join(ranks)} | {nobody} |"
        )


def print_people(
    faces: Sequence[PlainFace], truths: Mapping[str, LaneTruth], tallies: Sequence[LaneTally]
) -> None:
    """Print whoever is missed by the plain pass at some score, or by the lane: seat, best score, and what the lane made of them."""
    scores: dict[Person, float] = {}
    for face in faces:
        if face.person is not None:
            scores[face.person] = max(face.score, scores.get(face.person, 0.0))
    print("\n| who | eyes, px | plain pass, best score | the lane |\n|---|---|---|---|")
    for tally in tallies:
        counted = iter(tally.occupants)
        for number, vehicle in enumerate(truths[tally.name].vehicles):
            for place, person in enumerate(vehicle.occupants):
                if not person.counts:
                    continue
                row, score = next(counted), scores.get((tally.name, number, place), 0.0)
                made = "captured" if row.captured else "counted" if row.detected else "missed"
                if score < SCORES[-1] or not row.captured:
                    print(
                        f"| {tally.name} {number + 1} {person.seat.value} | {row.eyes_px:.0f} | {score:.2f} | {made} |"
                    )


def main() -> None:
    """Run both over a folder and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--gallery", type=Path, help="default: FOLDER/gallery.csv")
    given = parser.parse_args()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    cv2.setNumThreads(1)
    models = load_networks(plates=False)
    gallery = read_gallery_list(given.gallery or given.folder / "gallery.csv")
    searcher = enrol_pictures(gallery, models, fpir=0.003)
    faces: list[PlainFace] = []
    truths: dict[str, LaneTruth] = {}
    tallies: list[LaneTally] = []
    names: dict[Person, str] = {}
    for video, path in list_videos(None, None, given.folder):
        truth = truths[video.stem] = read_truth(path)
        faces += list_faces(video, truth, models)
        tallies.append(measure_lane(video, truth, models, searcher))
        for number, vehicle in enumerate(truth.vehicles):
            seated = enumerate(vehicle.occupants)
            names |= {(video.stem, number, place): one.identity for place, one in seated if one.counts}
    print_table(faces, names, searcher)
    print_people(faces, truths, tallies)


if __name__ == "__main__":
    main()
