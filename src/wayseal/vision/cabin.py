"""What one vehicle's tracked faces are worth: their places and sizes, the vehicle's ruler and middle.

Geometry and the search for nobody's faces; it embeds nothing itself and keeps nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wayseal.vision.belonging import is_elsewhere
from wayseal.vision.bestshot import FusedShots, KeptShot
from wayseal.vision.detect import IN_TRACK, NEW_TRACK
from wayseal.vision.nearness import measure_nearness
from wayseal.vision.notpeople import (
    CLEAR_SCORE,
    LARGEST,
    SMALLEST,
    STEADY,
    SURE,
    FaceFacts,
    is_adrift,
    judge_faces,
    reference_size,
)
from wayseal.vision.seats import EYES_M
from wayseal.vision.track import FaceTrack, join_broken
from wayseal.vision.watch import BODY_M, VehicleWatch

_SEEN = 4  # sightings that make a clear face an occupant
_SEEN_WEAK = 7  # and a face that was never clear
_FEW_ACROSS = 0.25  # share of them that is enough where a vehicle is in the picture for a few frames only
_HALF_BODY_M = 0.87  # metres from the vehicle's middle to the side of its body
_NARROWEST = 2.75  # times that a body is at most wider than its points tell
_IDENTITY = 7.2  # template length that a person's face has and a dog's has not


@dataclass(slots=True, eq=False)
class SeenFace:
    """One tracked face on its way to a seat: median place and size in vehicle coordinates, and its shots.

    `strength` is the mean length of its three strongest templates, once some were made; `placed` says that the fused shots were
    placed by the track. `glimpses` are a few shots that the track placed, of a face whose own hold no identity.
    """

    track: FaceTrack
    x: float
    y: float
    size: float
    shots: list[KeptShot] = field(repr=False)
    fused: FusedShots | None = field(default=None, repr=False)
    placed: bool = False
    glimpses: list[KeptShot] = field(default_factory=list, repr=False)

    @property
    def clear(self) -> bool:
        """Whether it was a sure face in at least one frame."""
        return self.track.best_score >= NEW_TRACK

    @property
    def steady(self) -> float:
        """The detector's score in the middle of its sightings."""
        return self.track.steady

    @property
    def eyes_px(self) -> float:
        """The largest distance between the eyes in any frame, in pixels."""
        return max(one.found.inter_eye_px for one in self.track.sightings)

    @property
    def sure_px(self) -> float:
        """The same in the looks that were sure by themselves; 0 without one."""
        sure = [one.found for one in self.track.sightings if one.found.score >= CLEAR_SCORE]
        return max((found.inter_eye_px for found in sure), default=0.0)

    @property
    def strength(self) -> float | None:
        """The mean length of its three strongest templates; None before any was made."""
        return _measure_strength(self.shots)

    @property
    def placed_strength(self) -> float | None:
        """The same of the looks that the track placed; None where none were taken."""
        return _measure_strength(self.glimpses)

    @property
    def blank(self) -> bool:
        """Whether it was a sure face, and its strongest templates hold no identity."""
        return self.clear and self.strength is not None and self.strength < _IDENTITY

    @property
    def direction(self) -> NDArray[np.float32] | None:
        """The unit mean of its templates so far; None before any was made."""
        made = [shot.template.vector for shot in self.shots if shot.template]
        if not made:
            return None
        mean = np.mean(made, axis=0)
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), dtype=np.float32)

    @property
    def wander(self) -> float:
        """How far its place spreads over the vehicle, in distances between its eyes."""
        places = np.array([one.place for one in self.track.sightings])
        return float(np.hypot(*places.std(axis=0))) / max(self.size, 1e-6)

    @property
    def travel(self) -> float:
        """How far its place spreads over the picture, in distances between its eyes."""
        found = [one.found for one in self.track.sightings]
        places = np.array([one.landmarks[:2].mean(axis=0) for one in found])
        eyes = float(np.median([one.inter_eye_px for one in found]))
        return float(np.hypot(*places.std(axis=0))) / max(eyes, 1e-6)


@dataclass(frozen=True, slots=True)
class VehicleGeometry:
    """What one vehicle coordinate is worth: the size between people's eyes, and where the vehicle's middle is, if known."""

    eyes: float
    middle: float | None

    @property
    def metre(self) -> float:
        """Vehicle coordinates in one metre at the row of eyes."""
        return self.eyes / EYES_M


def _measure_strength(shots: Sequence[KeptShot]) -> float | None:
    """Return the mean length of the three strongest templates; None before any was made."""
    lengths = sorted((shot.template.strength for shot in shots if shot.template), reverse=True)
    return float(np.mean(lengths[:3])) if lengths else None


def gather_faces(watch: VehicleWatch) -> list[SeenFace]:
    """Return the tracked faces that were seen often enough, with all their shots; those of other vehicles are left to them."""
    shots_at = {id(shot.sighting): shot for burst in watch.bursts.values() for shot in burst.shots}
    share = _FEW_ACROSS if watch.vehicle.went_across else 1.0
    faces = []
    for track in join_broken(watch.faces.tracks):
        needed = max(2, round(share * (_SEEN if track.best_score >= NEW_TRACK else _SEEN_WEAK)))
        if len(track.sightings) < needed:
            continue
        if not watch.vehicle.went_across and is_elsewhere(track.sightings):
            continue
        sure = [one for one in track.sightings if one.found.score >= IN_TRACK] or track.sightings
        x, y = np.median([one.place for one in sure], axis=0)
        size = float(np.median([one.size for one in sure]))
        shots = [shots_at[id(one)] for one in track.sightings if id(one) in shots_at]
        faces.append(SeenFace(track, float(x), float(y), size, shots))
    return faces


def measure_vehicle(watch: VehicleWatch, faces: Sequence[SeenFace]) -> VehicleGeometry | None:
    """Return the vehicle's ruler and middle; None when neither faces nor body give a ruler.

    Faces without identity or without a steady score (dogs), and faces outside the vehicle, are no ruler while there are others;
    where the body tells what to expect, only the surest are (head-rests with holes are larger than heads, and nearly as steady).
    """
    vehicle = watch.vehicle
    facing = None if vehicle.went_across else vehicle.width
    expected = facing * EYES_M / BODY_M if facing else None
    known = [face for face in faces if face.strength is None or face.strength >= _IDENTITY] or list(faces)
    steady = [face for face in known if face.steady >= STEADY] or known
    if expected is not None:
        steady = [face for face in steady if face.steady >= SURE] or steady
    people = [face for face in steady if not is_adrift(face.wander, face.travel)] or steady
    if expected is not None and _outgrow(people, expected):
        expected = None
    eyes = reference_size(
        [face.size for face in people], [float(len(face.track.sightings)) for face in people], expected
    )
    if eyes is None or eyes <= 0:
        return None
    half = _HALF_BODY_M * eyes / EYES_M
    middle = vehicle.axis
    if vehicle.went_across:
        middle = None
    elif middle is None and vehicle.right_side is not None:
        middle = vehicle.right_side - half
    elif middle is None and vehicle.left_side is not None:
        middle = vehicle.left_side + half
    return VehicleGeometry(eyes, middle)


def _outgrow(faces: Sequence[SeenFace], expected: float) -> bool:
    """Return whether sure faces say that the body's points missed its sides: all are people's, and larger than it allows.

    Points never make a body too wide, and often too narrow where a long lens shows no more than its bonnet.
    """
    sure = [face.strength is not None and face.strength >= _IDENTITY and face.clear for face in faces]
    sizes = [face.size / expected for face in faces]
    return all(sure) and bool(sizes) and min(sizes) > LARGEST and max(sizes) < _NARROWEST


def drop_nobodies(
    faces: Sequence[SeenFace], geometry: VehicleGeometry, *, across: bool = False
) -> list[SeenFace]:
    """Return the faces that are people's. `across` is for a vehicle that passed across: there nearness tells nothing."""
    aboard = [face for face in faces if not is_adrift(face.wander, face.travel)]
    heads = [face.y for face in aboard if face.size >= SMALLEST * geometry.eyes]
    row = min(heads, default=0.0)
    facts = [
        FaceFacts(
            right=None if geometry.middle is None else (face.x - geometry.middle) / geometry.metre,
            below=(face.y - row) / geometry.metre,
            size=face.size / geometry.eyes,
            score=face.track.best_score,
            eyes_px=face.eyes_px,
            strength=face.strength,
            placed=face.placed_strength,
            sure_px=face.sure_px,
            steady=face.steady,
            wander=face.wander,
            travel=face.travel,
            near=None if across else measure_nearness(face.track.sightings, geometry.eyes),
            direction=face.direction,
        )
        for face in faces
    ]
    return [face for face, verdict in zip(faces, judge_faces(facts), strict=True) if verdict is None]
