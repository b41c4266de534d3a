"""A made glass: one face behind it in looks of a vehicle that comes nearer, with reflections or something in front of it."""

from datetime import UTC, datetime, timedelta

import cv2
import numpy as np

from wayseal.model.border import Pixels
from wayseal.vision.bestshot import ShotKeeper
from wayseal.vision.detect import FaceDetector
from wayseal.vision.glass import GlassLook, keep_look
from wayseal.vision.motion import Similarity
from wayseal.vision.track import FaceTrack, FaceTracker, Sighting
from wayseal.vision.vehicle import Moment, VehicleTrack
from wayseal.vision.watch import VehicleWatch

SCALES = np.linspace(0.8, 1.6, 16)
EYES = 30.0


def at(index: int) -> Moment:
    """The time of a frame."""
    return Moment(index, datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=index / 30), index / 30)


def sightings(detector: FaceDetector, portrait: Pixels) -> list[Sighting]:
    """A face 30 px between the eyes at scale 1 whose eyes' middle is at (200, 150) in vehicle coordinates."""
    tracker = FaceTracker()
    (found,) = detector.detect(portrait)
    eyes = found.landmarks[:2].mean(axis=0)
    for index, scale in enumerate(SCALES):
        factor = EYES * scale / found.inter_eye_px
        points = (found.landmarks - eyes) * factor + np.array([200, 150]) * scale
        moved = type(found)((0, 0, 60 * scale, 80 * scale), points.astype(np.float32), 0.9)
        tracker.feed(at(index), Similarity(float(scale)), [moved])
    return tracker.tracks[0].sightings


def film_frames(
    portrait: Pixels, detector: FaceDetector, *, reflection: bool, face: bool = True, mirror: bool = False
) -> list[Pixels]:
    """Frames of a glass with the face at (200, 150) times their scale, bright stripes of reflection moving over it, or one eye behind a mirror."""
    (found,) = detector.detect(portrait)
    eyes = found.landmarks[:2].mean(axis=0)
    rng = np.random.default_rng(3)
    frames = []
    for scale in SCALES:
        factor = EYES * scale / found.inter_eye_px
        shift = np.array([200, 150]) * scale - eyes * factor
        frame = np.full((480, 640, 3), 60, np.uint8)
        if face:
            matrix = np.array([[factor, 0, shift[0]], [0, factor, shift[1]]])
            frame = np.asarray(
                cv2.warpAffine(portrait, matrix, (640, 480), dst=frame, borderMode=cv2.BORDER_TRANSPARENT)
            )
            frame = (frame * 0.6).astype(np.uint8)
        if mirror:
            x, y = (int(value * scale) for value in (200 + 0.1 * EYES, 150 - 0.5 * EYES))
            frame[y : y + int(EYES * scale), x : x + int(2 * EYES * scale)] = 70
        if reflection:
            veil = np.zeros(frame.shape, np.float32)
            for _ in range(5):
                x = int(rng.integers(100, 380))
                veil[:, x : x + 60] += 120
            frame = np.clip(frame + veil, 0, 255).astype(np.uint8)
        frames.append(frame)
    return frames


def film_glass(
    portrait: Pixels, detector: FaceDetector, *, reflection: bool, face: bool = True, mirror: bool = False
) -> list[GlassLook]:
    """The looks that capture keeps of `film_frames`."""
    frames = film_frames(portrait, detector, reflection=reflection, face=face, mirror=mirror)
    box, looks = (40.0, 20.0, 560.0, 420.0), []
    for index, (scale, frame) in enumerate(zip(SCALES, frames, strict=True)):
        look = keep_look(at(index), Similarity(float(scale)), frame, box, EYES * float(scale))
        assert look is not None
        looks.append(look)
    return looks


def watch_hidden(portrait: Pixels, detector: FaceDetector, seen: list[Sighting]) -> VehicleWatch:
    """What a lane has kept of a vehicle with one face, one eye of it behind a mirror, that was found as `seen` in each frame."""
    keeper = ShotKeeper()
    for frame, one in zip(film_frames(portrait, detector, reflection=False, mirror=True), seen, strict=True):
        keeper.offer(frame, one)
    watch = VehicleWatch(VehicleTrack(1, at(0), at(15)))
    watch.faces.tracks = [FaceTrack(1, seen)]
    watch.bursts[1] = keeper
    watch.glass = film_glass(portrait, detector, reflection=False, mirror=True)
    return watch
