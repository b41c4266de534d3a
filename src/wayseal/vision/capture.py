"""From a lane's frames to its vehicles: the one way in, `LaneCapture.feed`.

Owns the order of work in a frame and the counts. It writes nothing, knows no traveller, and forgets the burst of each
vehicle as soon as its pass is made; templates are compared for ten seconds more (`doubles`). A lane that people have opted out of searches no face at all (R-11).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from wayseal.model.border import Box, Frame, Plate, VehiclePass
from wayseal.vision.detect import FaceDetector
from wayseal.vision.doubles import RecentFaces
from wayseal.vision.optics import LaneOptics
from wayseal.vision.picture import encode_picture
from wayseal.vision.second_opinion import SecondOpinion
from wayseal.vision.settle import settle_vehicle
from wayseal.vision.template import FaceModel
from wayseal.vision.vehicle import VehicleTrack
from wayseal.vision.vehicle_tracker import VehicleTracker
from wayseal.vision.watch import LOOK_EVERY_S, FacePlace, VehicleWatch


class PlateSession(Protocol):
    """The plate of one vehicle, read over its frames."""

    def offer(self, frame: Frame, vehicle_box: Box) -> None:
        """Take one frame; the session decides whether to spend time on it."""

    def result(self) -> Plate | None:
        """Return what was read, when enough readings agree."""


@dataclass(frozen=True, slots=True, eq=False)
class CaptureModels:
    """The networks of one lane. `new_plate` starts a plate session for a vehicle; None reads no plates.

    `second` is an independent network whose templates go beside the others, for doubts about a match.
    """

    detector: FaceDetector
    embedder: FaceModel
    new_plate: Callable[[], PlateSession] | None = None
    second: SecondOpinion | None = None


@dataclass(slots=True)
class CaptureCounts:
    """What was done so far. `searches` are looks for faces; `quiet` are frames that cost only a look at a tiny plane.

    `skipped` are frames that were only decoded: every vehicle in the picture was being followed and is looked at less often.
    """

    frames: int = 0
    quiet: int = 0
    skipped: int = 0
    searches: int = 0
    faces: int = 0
    vehicles: int = 0


@dataclass(slots=True, eq=False)
class LaneCapture:
    """Turns frames into vehicle passes. Feed frames in order; `finish` gives the vehicles still in the picture."""

    models: CaptureModels
    optics: LaneOptics = field(default_factory=LaneOptics)
    counts: CaptureCounts = field(default_factory=CaptureCounts)
    _tracker: VehicleTracker = field(default_factory=VehicleTracker)
    _watches: dict[int, VehicleWatch] = field(default_factory=dict)
    _plates: dict[int, PlateSession] = field(default_factory=dict)
    _recent: RecentFaces = field(default_factory=RecentFaces)
    _fed: float = -1.0

    def feed(self, frame: Frame) -> list[VehiclePass]:
        """Take the next frame and return the passes of the vehicles that have left with it."""
        self.counts.frames += 1
        if self._may_skip(frame):
            self.counts.skipped += 1
            return []
        self._fed = frame.seconds
        gone = self._tracker.feed(frame)
        if not self._tracker.tracks:
            self.counts.quiet += 1
        taken: list[FacePlace] = []
        for vehicle in sorted(self._tracker.tracks, key=lambda track: -(track.box[1] + track.box[3])):
            taken += self._watch(vehicle, frame, taken)
        self._forget_unbelieved(gone)
        return [self._close(vehicle) for vehicle in gone]

    def _may_skip(self, frame: Frame) -> bool:
        """Return whether nothing is lost without this frame: all vehicles are followed, and none is due for a look."""
        early = frame.seconds - self._fed < LOOK_EVERY_S - 1e-3
        return early and self._tracker.steady and not any(one.is_due(frame) for one in self._watches.values())

    def finish(self) -> list[VehiclePass]:
        """Return the passes of the vehicles still in the picture: the stream has ended."""
        passes = [self._close(vehicle) for vehicle in self._tracker.finish()]
        self._watches.clear()
        self._plates.clear()
        self._recent.forget()
        return passes

    def _watch(self, vehicle: VehicleTrack, frame: Frame, taken: Sequence[FacePlace]) -> list[FacePlace]:
        """Look at one vehicle in one frame, as far as its schedule says, and return where its faces are.

        `taken` are the places of those in nearer vehicles.
        """
        watch = self._watches.setdefault(vehicle.number, VehicleWatch(vehicle))
        watch.note(frame)
        if self.models.new_plate is not None and vehicle.believed:
            session = self._plates.get(vehicle.number)
            if session is None:
                session = self._plates[vehicle.number] = self.models.new_plate()
            session.offer(frame, vehicle.box)
        if self.optics.faces and watch.is_due(frame):
            alone = len(self._tracker.tracks) == 1
            self.counts.searches += 1
            self.counts.faces += watch.look(
                frame, frame.colour(), self.models.detector, alone=alone, taken=taken
            )
        return watch.places(frame.seconds) if vehicle.believed else []

    def _close(self, vehicle: VehicleTrack) -> VehiclePass:
        """Return the pass of a vehicle that has left, and forget its burst."""
        watch = self._watches.pop(vehicle.number, VehicleWatch(vehicle))
        plate = self._plates.pop(vehicle.number, None)
        settled = settle_vehicle(watch, self.models, self.optics)
        occupants = self._recent.mark(
            settled.occupants, self._watches.values(), self.models.embedder, self._fed
        )
        scene = None if watch.scene is None else encode_picture(watch.scene, quality=85)
        watch.release()
        self.counts.vehicles += 1
        return VehiclePass(
            number=self.counts.vehicles,
            entered=vehicle.entered.time,
            left=vehicle.seen.time,
            speed_mph=settled.speed_mph,
            plate=plate.result() if plate is not None else None,
            occupants=occupants,
            occupants_seen=settled.seen,
            frames=vehicle.agreed,
            scene=scene,
        )

    def _forget_unbelieved(self, gone: list[VehicleTrack]) -> None:
        """Drop what was kept for tracks that turned out to be no vehicle."""
        known = {vehicle.number for vehicle in (*self._tracker.tracks, *gone)}
        for number in [number for number in self._watches if number not in known]:
            self._watches.pop(number).release()
            self._plates.pop(number, None)
