"""What really happened in a lane video: the `lane-truth-1` format as values.

Reads and checks; measures nothing. Names in it are opaque labels of test people.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wayseal.model.border import Box, Seat
from wayseal.model.errors import Invalid, NotFound
from wayseal.vision.detect import overlap

FORMAT = "lane-truth-1"
VISIBLE = 0.6
"""Share of the inner face that must be visible in at least one frame for an occupant to count."""
PLATE_WIDTH = 60.0
"""Pixels that a plate must be wide, wholly in the frame, in at least one frame to count."""
_ON_FACE = 0.25
_SEATS = {"rear_middle": Seat.REAR_CENTRE}


@dataclass(frozen=True, slots=True)
class FaceTruth:
    """One occupant's face in one frame: box in pixels, distance between the eyes in pixels, share visible."""

    box: Box
    eye_distance: float
    visible: float


@dataclass(slots=True)
class OccupantTruth:
    """One occupant: seat, opaque label, and the face frame by frame."""

    seat: Seat
    identity: str
    faces: dict[int, FaceTruth] = field(default_factory=dict)

    @property
    def counts(self) -> bool:
        """Whether the occupant was visible enough in at least one frame."""
        return any(face.visible >= VISIBLE for face in self.faces.values())

    @property
    def eyes_px(self) -> float:
        """The largest distance between the eyes, in pixels, in a frame where the face is visible; 0 when it never is."""
        return max(
            (face.eye_distance for face in self.faces.values() if face.visible >= VISIBLE), default=0.0
        )


@dataclass(slots=True)
class VehicleTruth:
    """One vehicle: occupants in the file's order, plate text or None, and the frames in which it can be seen."""

    number: int
    speed_mph: float | None
    plate: str | None
    occupants: list[OccupantTruth]
    frames: list[int] = field(default_factory=list)
    plate_counts: bool = False


@dataclass(frozen=True, slots=True)
class LaneTruth:
    """One video's truth."""

    frames: int
    fps: float
    focal_px: float | None
    exposure_ms: float | None
    vehicles: list[VehicleTruth]


def read_truth(path: Path) -> LaneTruth:
    """Return the truth in a JSON file. Raises `NotFound`, or `Invalid` when it is not `lane-truth-1`."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NotFound(f"cannot read the truth file: {error.strerror}", hint="Give a .json file.") from None
    except ValueError:
        raise Invalid("the truth file is not JSON", hint=f"Its format is {FORMAT}.") from None
    try:
        return parse_truth(document)
    except (KeyError, TypeError, ValueError, IndexError, AttributeError):
        raise Invalid(f"the truth file is not {FORMAT}", hint="See docs/reference/simulator.md.") from None


def parse_truth(document: Mapping[str, Any]) -> LaneTruth:
    """Return the truth in a parsed document. A missing field raises `KeyError`."""
    if document["format"] != FORMAT:
        raise ValueError(FORMAT)
    video = document["video"]
    vehicles = [_parse_vehicle(one) for one in document["vehicles"]]
    by_number = {vehicle.number: vehicle for vehicle in vehicles}
    size = (float(video["width"]), float(video["height"]))
    for index, frame in enumerate(document["frames"]):
        for seen in frame["vehicles"]:
            _add_frame(by_number[seen["vehicle_id"]], index, seen, size)
    exposure = video.get("exposure_s")
    return LaneTruth(
        frames=int(video["frames"]),
        fps=float(video["fps"]),
        focal_px=video.get("focal_px"),
        exposure_ms=None if exposure is None else 1000.0 * float(exposure),
        vehicles=vehicles,
    )


def _parse_vehicle(one: Mapping[str, Any]) -> VehicleTruth:
    """Return a vehicle without its frames."""
    occupants = [
        OccupantTruth(_SEATS.get(person["seat"]) or Seat(person["seat"]), person["identity"])
        for person in one["occupants"]
    ]
    plate = one.get("plate")
    return VehicleTruth(
        int(one["vehicle_id"]), one.get("speed_mph"), plate["text"] if plate else None, occupants
    )


def _add_frame(vehicle: VehicleTruth, index: int, seen: Mapping[str, Any], size: tuple[float, float]) -> None:
    """Add what one frame shows of a vehicle."""
    x0, y0, x1, y1 = seen["body_box"]
    if x1 > 0 and y1 > 0 and x0 < size[0] and y0 < size[1]:
        vehicle.frames.append(index)
    plate = seen.get("plate")
    if plate and plate["in_frame"] and float(plate["box"][2]) >= PLATE_WIDTH:
        vehicle.plate_counts = True
    for person, face in zip(vehicle.occupants, seen["occupants"], strict=True):
        x, y, width, height = (float(value) for value in face["face_box"])
        person.faces[index] = FaceTruth((x, y, width, height), float(face["iod_px"]), float(face["visible"]))


def find_face(vehicles: Sequence[VehicleTruth], frame: int, box: Box) -> tuple[int, int] | None:
    """Return (vehicle, occupant) places of the true face that a found box is on, or None: nobody is there.

    The boxes must share at least a quarter of their union: a hidden face is often found by the half that shows.
    """
    best, most = None, _ON_FACE
    for number, vehicle in enumerate(vehicles):
        for place, person in enumerate(vehicle.occupants):
            face = person.faces.get(frame)
            shared = 0.0 if face is None else overlap(box, face.box)
            if shared > most:
                best, most = (number, place), shared
    return best
