"""One vehicle while it is in the picture: where to look for faces, when, and what is kept of each look.

Owns the schedule that lets one core keep up: small planes until something moves, then only the glass, at the scale at
which faces are just large enough to find. The burst of shots lives here and nowhere else.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from wayseal.model.border import Box, Frame, Pixels
from wayseal.vision.belonging import is_elsewhere
from wayseal.vision.bestshot import ShotKeeper
from wayseal.vision.detect import IN_TRACK, Detection, FaceDetector, keep_best
from wayseal.vision.glass import GlassLook, keep_look
from wayseal.vision.notpeople import SMALLEST
from wayseal.vision.seats import EYES_M
from wayseal.vision.track import FaceTrack, FaceTracker
from wayseal.vision.vehicle import Moment, VehicleTrack, join_boxes, share_inside

BODY_M = 1.76
"""Width in metres that a car's points span, mirrors mostly left out."""
_SEARCH_EYES = (
    26.0  # pixels between the eyes at which faces are sought: below it they are missed, above it time is lost
)
_SCALES = (0.35, 2.0)
_TINY_EYES = 7.0  # pixels between the eyes under which nothing can be found even at twice the size
_GLASS = (0.95, 0.42, 0.42)  # metres beside the vehicle's middle, above and below the row of eyes
LOOK_EVERY_S = 1 / 16
"""Seconds between looks at a vehicle that comes toward the camera."""
_STANDING_S = 0.5  # and at one that stands
_LOOKS, _LOOK_EYES = (
    40,
    18.0,
)  # looks at the glass that are held, and pixels between the eyes from which they are
_WHOLE = (1, 2)  # of four looks those at all the glass; the others are at the faces already followed
_LATELY_S = 0.3  # seconds since a face was last seen in which it gets looks of its own
_ROOM = 3.2  # distances between the eyes that such a look reaches to each side
_LARGE_EYES = (
    60.0  # pixels between the eyes from which faces are soon out of the picture: each frame is searched
)
_FORGOTTEN_S = 1.0  # seconds without a sighting after which a face tells no more where to look
_KNOWN_S = 0.5  # seconds since a face was last seen for which its place is taken as known
_UNSURE = 0.78  # score in the middle of a track under which a followed face is looked at with evened contrast each time
_WEAK = 0.45  # score from which a look is remembered: hidden faces count as seen


@dataclass(frozen=True, slots=True)
class FacePlace:
    """Where a face is in a frame: the middle between its eyes, and their distance, in pixels."""

    x: float
    y: float
    size: float

    def covers(self, face: Detection) -> bool:
        """Return whether a detection is this very face: within one distance between the eyes, and about as large."""
        x, y = face.landmarks[:2].mean(axis=0)
        alike = 0.6 < face.inter_eye_px / max(self.size, 1e-6) < 1.7
        return alike and float(np.hypot(x - self.x, y - self.y)) < self.size


@dataclass(slots=True, eq=False)
class VehicleWatch:
    """Everything held of one vehicle until it has left; `release` empties it."""

    vehicle: VehicleTrack
    faces: FaceTracker = field(default_factory=FaceTracker)
    bursts: dict[int, ShotKeeper] = field(default_factory=dict)
    looks: int = 0
    path: list[tuple[float, float, float]] = field(default_factory=list)
    """(stream seconds, x shift, vehicle scale) at each frame."""
    scene: Pixels | None = field(default=None, repr=False)
    """The frame that shows most of the vehicle, in memory."""
    glass: list[GlassLook] = field(default_factory=list, repr=False)
    """Looks at the glass, for faces that only many of them show."""
    _shown: float = 0.0
    _looked: float = -1.0

    def note(self, frame: Frame) -> None:
        """Take the vehicle's place in one frame."""
        if not self.vehicle.stands:
            self.path.append((frame.seconds, self.vehicle.pose.dx, self.vehicle.pose.scale))

    def is_due(self, frame: Frame) -> bool:
        """Return whether this frame should be searched: it is time, and faces can be large enough."""
        if self.vehicle.agreed < 3:
            return False
        pause = 0.0 if self._is_brief() else _STANDING_S if self.vehicle.stands else LOOK_EVERY_S
        return frame.seconds - self._looked >= pause - 1e-3 and self.eyes_px() * _SCALES[1] > 2 * _TINY_EYES

    def look(
        self,
        frame: Frame,
        bgr: Pixels,
        detector: FaceDetector,
        *,
        alone: bool,
        taken: Sequence[FacePlace] = (),
    ) -> int:
        """Search the glass in one frame and keep what is there; return the number of faces seen.

        With other vehicles in the picture, faces of a size that cannot be this vehicle's are left to them; `taken` are the
        places of faces that are known to be in nearer ones.
        """
        self._looked = frame.seconds
        self.looks += 1
        self._keep_scene(bgr)
        eyes = self.eyes_px()
        glass = self.glass_box(bgr)
        found = self._search(frame, bgr, detector, glass, float(np.clip(_SEARCH_EYES / eyes, *_SCALES)))
        if eyes >= _LOOK_EYES and not self.vehicle.went_across and not self.vehicle.stands:
            self._keep_glass(frame, bgr, glass, eyes)
        if not alone:
            found = [face for face in found if 0.3 * eyes < face.inter_eye_px < 1.8 * eyes]
            found = [face for face in found if not any(place.covers(face) for place in taken)]
        moment = Moment.of(frame)
        for track, sighting in self.faces.feed(moment, self.vehicle.pose, found):
            track.elsewhere = is_elsewhere(track.sightings)
            if sighting.found.score >= IN_TRACK:
                self.bursts.setdefault(track.number, ShotKeeper()).offer(bgr, sighting)
        return len(found)

    def _search(
        self, frame: Frame, bgr: Pixels, detector: FaceDetector, glass: Box, scale: float
    ) -> list[Detection]:
        """Return the faces in one frame: two looks at all the glass, then two at the faces that are already followed.

        Of each two one is with the contrast evened out, once a face is clear: veiled and shaded ones show then, clear ones
        suffer by it. A followed face that is unsure gets such a look of its own each time.
        """
        clear = bool(self._clear_faces())
        even = clear and self.looks % 2 == 0
        near = [track for track in self.faces.tracks if self._is_near(track, frame)]
        whole = self.looks % 4 in _WHOLE or not near
        boxes = [glass] if whole else join_touching([self._expect_box(track, frame) for track in near])
        wanted = [(box, even) for box in boxes]
        if clear and (whole or not even):
            unsure = [track for track in near if track.steady < _UNSURE]
            wanted += [(self._expect_box(track, frame), True) for track in unsure]
        looked = [
            detector.detect_region(bgr, box, scale=scale, threshold=_WEAK, even=evened)
            for box, evened in wanted
        ]
        return keep_best([face for found in looked for face in found]) if len(looked) > 1 else looked[0]

    def _is_near(self, track: FaceTrack, frame: Frame) -> bool:
        """Return whether a face was seen lately, so that it is worth a look of its own."""
        return frame.seconds - track.last.moment.seconds < _LATELY_S

    def _expect_box(self, track: FaceTrack, frame: Frame) -> Box:
        """Return where in the frame a face should be now, with room to spare."""
        pose = self.vehicle.pose
        x, y = track.expected_place(frame.seconds)
        reach = _ROOM * track.last.size
        return pose.move_box((x - reach, y - 0.9 * reach, 2 * reach, 2 * reach))

    def eyes_px(self) -> float:
        """Return how many pixels there should be between the eyes now: from faces already seen, else from the body's width."""
        sizes = [track.last.size for track in self._clear_faces()]
        if sizes:
            return max(sizes) * self.vehicle.pose.scale
        return self._body_eyes() or 1.0

    def places(self, seconds: float) -> list[FacePlace]:
        """Return where this vehicle's own clear faces are at a stream time; faces too small for it are behind it."""
        eyes = max(self.eyes_px(), self._body_eyes())
        pose, places = self.vehicle.pose, []
        for track in self._clear_faces():
            size = track.last.size * pose.scale
            if size >= SMALLEST * eyes and seconds - track.last.moment.seconds < _KNOWN_S:
                (x, y), *_ = pose.move(np.array([track.expected_place(seconds)], np.float32))
                places.append(FacePlace(float(x), float(y), size))
        return places

    def glass_box(self, bgr: Pixels) -> Box:
        """Return where faces can be: around the row of eyes once it is known, else all of the vehicle that is in view."""
        width = bgr.shape[1]
        faces = self._clear_faces()
        x, y, wide, high = self.vehicle.box
        if not faces:
            return (x - 0.05 * wide, y - 0.3 * wide, 1.1 * wide, high + 0.3 * wide)
        metre = self.eyes_px() / EYES_M
        side, above, below = (metre * part for part in _GLASS)
        pose = self.vehicle.pose
        row = float(np.median([track.last.place[1] for track in faces])) * pose.scale + pose.dy
        middle = self.vehicle.middle()
        if middle is None or self.vehicle.across:
            return (0.0, row - above, float(width), above + below)
        return (middle - side, row - above, 2 * side, above + below)

    def release(self) -> None:
        """Forget every crop of the burst."""
        for burst in self.bursts.values():
            burst.release()
        self.bursts.clear()
        self.glass.clear()
        self.scene = None

    def _keep_glass(self, frame: Frame, bgr: Pixels, glass: Box, eyes: float) -> None:
        """Keep the glass of this frame for later, when the last one kept is old enough."""
        if self.glass and frame.seconds - self.glass[-1].moment.seconds < LOOK_EVERY_S - 1e-3:
            return
        look = keep_look(Moment.of(frame), self.vehicle.pose, bgr, glass, eyes)
        self.glass = [*self.glass[-_LOOKS + 1 :], look] if look is not None else self.glass

    def _keep_scene(self, bgr: Pixels) -> None:
        """Keep this frame when it shows more of the vehicle than the one held: as large as can be with nothing cut off."""
        x, y, wide, high = self.vehicle.box
        height, width = bgr.shape[:2]
        inside_x = max(0.0, min(x + wide, width) - max(x, 0.0))
        inside_y = max(0.0, min(y + high, height) - max(y, 0.0))
        shown = inside_x * inside_y * (inside_x * inside_y / max(wide * high, 1.0)) ** 2
        if shown > self._shown:
            self._shown, self.scene = shown, bgr

    def _is_brief(self) -> bool:
        """Return whether faces are soon gone: the vehicle passes across, or some are large already."""
        if self.vehicle.across:
            return True
        scale = self.vehicle.pose.scale
        return not self.vehicle.stands and any(
            track.last.size * scale > _LARGE_EYES and self._looked - track.last.moment.seconds < _KNOWN_S
            for track in self.faces.tracks
        )

    def _body_eyes(self) -> float:
        """Return the pixels between the eyes that the body's width tells now; 0 without a body."""
        return self.vehicle.box[2] * EYES_M / BODY_M

    def _clear_faces(self) -> list[FaceTrack]:
        """Return the tracks that are surely faces in this vehicle by now; one that was not seen again for long was none."""
        return [
            track
            for track in self.faces.tracks
            if len(track.sightings) >= 3
            and not track.elsewhere
            and track.best_score >= 0.8
            and self._looked - track.last.moment.seconds < _FORGOTTEN_S
        ]


def join_touching(boxes: Sequence[Box]) -> list[Box]:
    """Return the boxes with those joined that share a third of one of them: one larger search is cheaper than two."""
    joined: list[Box] = []
    for box in boxes:
        for other in list(joined):
            if max(share_inside(box, other), share_inside(other, box)) > 1 / 3:
                joined.remove(other)
                box = join_boxes(box, other)  # noqa: PLW2901 - it grows by what it touches
        joined.append(box)
    return joined
