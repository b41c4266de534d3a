"""A vehicle that has left, turned into its pass: who was in it, where, and the pictures that stay.

Joins the burst, the seats and the checks for nobody. After it, of each face one picture and one template remain.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from wayseal.model.border import Occupant, Seat, Shot
from wayseal.vision.bestshot import FusedShots, KeptShot, choose_shots, embed_shots, fuse_shots
from wayseal.vision.detect import IN_TRACK, NEW_TRACK
from wayseal.vision.notpeople import FaceFacts, judge_faces, reference_size
from wayseal.vision.optics import LaneOptics
from wayseal.vision.picture import encode_picture
from wayseal.vision.seats import EYES_M, Placed, seat_front, seat_side
from wayseal.vision.speed import speed_across, speed_toward
from wayseal.vision.template import FaceModel
from wayseal.vision.track import FaceTrack, join_broken
from wayseal.vision.watch import BODY_M, VehicleWatch

EXPOSURE_TOO_LONG = "exposure_too_long"
"""Reason on every occupant of a vehicle whose faces the lane's shutter must smear."""
SMEAR_MPH_MS = 30.0
"""Miles an hour times milliseconds beyond which a face that passes across is smeared: 1.5 ms at 20 mph (MODELS measure)."""
SMEAR_EYES = 0.2
"""The same as a share of the distance between the eyes."""
_SEEN = 4  # sightings that make a clear face an occupant
_SEEN_WEAK = 7  # and a face that was never clear
_HALF_BODY_M = 0.87  # metres from the vehicle's middle to the side of its body


@dataclass(slots=True, eq=False)
class _Face:
    """One tracked face on its way to a seat."""

    track: FaceTrack
    x: float
    y: float
    size: float
    shots: list[KeptShot]
    fused: FusedShots | None = None

    @property
    def clear(self) -> bool:
        """Whether it was a sure face in at least one frame."""
        return self.track.best_score >= NEW_TRACK


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """What is left of a vehicle: its people, one a seat; how many were seen; its speed where the geometry tells."""

    occupants: tuple[Occupant, ...]
    seen: int
    speed_mph: float | None


@dataclass(frozen=True, slots=True)
class VehicleGeometry:
    """What one vehicle coordinate is worth: pixels of size between people's eyes, and where the vehicle's middle is."""

    eyes: float
    middle: float | None

    @property
    def metre(self) -> float:
        """Vehicle coordinates in one metre at the row of eyes."""
        return self.eyes / EYES_M


def settle_vehicle(watch: VehicleWatch, model: FaceModel, optics: LaneOptics) -> Settled:
    """Return the people of a vehicle that has left, from what was kept of them. The burst is not released here."""
    faces = _gather_faces(watch)
    geometry = measure_vehicle(watch, faces)
    if geometry is None:
        return Settled((), 0, None)
    people = _drop_nobodies(faces, geometry, strengths=False)
    for face in people:
        embed_shots(chosen := choose_shots(face.shots), model)
        face.fused = fuse_shots(chosen)
    people = _drop_nobodies(people, geometry, strengths=True)
    seats = _seat(watch, people, geometry, optics.steering)
    speed = measure_speed(watch, geometry, optics)
    smeared = _is_smeared(watch, speed, optics)
    seated = [_describe(face, seat, smeared=smeared) for face, seat in zip(people, seats, strict=True)]
    return Settled(_one_each(seated), len(people), speed)


def measure_speed(watch: VehicleWatch, geometry: VehicleGeometry, optics: LaneOptics) -> float | None:
    """Return the vehicle's speed in mph; toward the camera only with a focal length in the settings."""
    if watch.vehicle.went_across:
        return speed_across(
            [one[0] for one in watch.path], [one[1] for one in watch.path], eyes=geometry.eyes
        )
    path = [(seconds, float(np.log(scale))) for seconds, _, scale in watch.path]
    return speed_toward(path, eyes=geometry.eyes, focal_px=optics.focal_px)


def _is_smeared(watch: VehicleWatch, speed: float | None, optics: LaneOptics) -> bool:
    """Return whether the reported shutter smears faces at this speed: more than 1.5 ms at 20 mph, or as much in movement.

    Toward the camera a face moves across the picture far less than the vehicle moves, so its own movement is what counts.
    """
    if optics.exposure_ms is None:
        return False
    if speed is not None and watch.vehicle.went_across:
        return speed * optics.exposure_ms > SMEAR_MPH_MS
    shares = [
        np.hypot(*(late.found.landmarks[2] - early.found.landmarks[2]))
        / max(late.moment.seconds - early.moment.seconds, 1e-3)
        / max(late.found.inter_eye_px, 1.0)
        for track in watch.faces.tracks
        for early, late in pairwise(track.sightings)
    ]
    return bool(shares) and float(np.median(shares)) * optics.exposure_ms / 1000 > SMEAR_EYES


def _one_each(occupants: Sequence[Occupant]) -> tuple[Occupant, ...]:
    """Return at most one occupant a seat, the best captured first: a third row has one name for all its seats."""
    best: dict[Seat, Occupant] = {}
    for person in occupants:
        held = best.get(person.seat)
        if held is None or _rank(person) > _rank(held):
            best[person.seat] = person
    return tuple(sorted(best.values(), key=lambda person: list(Seat).index(person.seat)))


def _rank(person: Occupant) -> tuple[bool, int]:
    """Return the order in which occupants are kept for one seat."""
    return person.template is not None, 0 if person.best is None else person.best.quality.score


def measure_vehicle(watch: VehicleWatch, faces: Sequence[_Face]) -> VehicleGeometry | None:
    """Return the vehicle's ruler and middle; None when neither faces nor body give a ruler."""
    vehicle = watch.vehicle
    facing = vehicle.width if not vehicle.went_across else None
    expected = facing * EYES_M / BODY_M if facing else None
    eyes = reference_size(
        [face.size for face in faces], [float(len(face.track.sightings)) for face in faces], expected
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


def _gather_faces(watch: VehicleWatch) -> list[_Face]:
    """Return the tracked faces that were seen often enough, with all their shots."""
    joined = join_broken(watch.faces.tracks)
    shots_at = {id(shot.sighting): shot for burst in watch.bursts.values() for shot in burst.shots}
    faces = []
    few = 0.25 if watch.vehicle.went_across else 1.0
    for track in joined:
        needed = max(2, round(few * (_SEEN if track.best_score >= NEW_TRACK else _SEEN_WEAK)))
        if len(track.sightings) < needed:
            continue
        sure = [one for one in track.sightings if one.found.score >= IN_TRACK] or track.sightings
        places = np.array([one.place for one in sure])
        shots = [shots_at[id(one)] for one in track.sightings if id(one) in shots_at]
        x, y = np.median(places, axis=0)
        size = float(np.median([one.size for one in sure]))
        faces.append(_Face(track, float(x), float(y), size, shots))
    return faces


def _drop_nobodies(faces: Sequence[_Face], geometry: VehicleGeometry, *, strengths: bool) -> list[_Face]:
    """Return the faces that are people's."""
    if not faces:
        return []
    row = (
        min(face.y for face in faces if face.size >= 0.68 * geometry.eyes)
        if any(face.size >= 0.68 * geometry.eyes for face in faces)
        else 0.0
    )
    facts = [
        FaceFacts(
            right=None if geometry.middle is None else (face.x - geometry.middle) / geometry.metre,
            below=(face.y - row) / geometry.metre,
            size=face.size / geometry.eyes,
            score=face.track.best_score,
            eyes_px=max(one.found.inter_eye_px for one in face.track.sightings),
            strength=_top_strength(face) if strengths else None,
        )
        for face in faces
    ]
    return [face for face, verdict in zip(faces, judge_faces(facts), strict=True) if verdict is None]


def _top_strength(face: _Face) -> float | None:
    """Return the mean length of the three strongest templates, or None."""
    if face.fused is None:
        return None
    return float(np.mean([shot.template.strength for shot in face.fused.shots[:3] if shot.template]))


def _seat(
    watch: VehicleWatch, faces: Sequence[_Face], geometry: VehicleGeometry, steering: str
) -> list[Seat]:
    """Return one seat a face."""
    if not faces:
        return []
    if watch.vehicle.went_across:
        return _seat_across(watch, faces, geometry, steering)
    middle = geometry.middle
    if middle is None:
        middle = _guess_middle(faces, geometry, steering)
    row = float(np.median([face.y for face in faces]))
    largest = max(face.size for face in faces)
    places = [
        Placed(
            right=(face.x - middle) / geometry.metre,
            below=(face.y - row) / geometry.metre,
            size=face.size / largest,
        )
        for face in faces
    ]
    return seat_front(places, steering=steering)


def _guess_middle(faces: Sequence[_Face], geometry: VehicleGeometry, steering: str) -> float:
    """Return where the vehicle's middle must be when neither of its sides was seen: every vehicle has a driver."""
    outermost = max(face.x for face in faces) if steering == "left" else min(face.x for face in faces)
    return outermost - (0.36 if steering == "left" else -0.36) * geometry.metre


def _seat_across(
    watch: VehicleWatch, faces: Sequence[_Face], geometry: VehicleGeometry, steering: str
) -> list[Seat]:
    """Return one seat a face for a vehicle that passes across: rows are counted from its leading edge."""
    goes_right = watch.vehicle.pose.dx > 0
    side = "right" if goes_right else "left"
    person = "driver" if side == steering else "passenger"
    front = watch.vehicle.leading_edge(goes_right=goes_right)
    sign = -1.0 if goes_right else 1.0
    behind = [sign * (face.x - front) / geometry.metre - 1.95 for face in faces]
    return seat_side(behind, near=f"{person}_{side}")


def _describe(face: _Face, seat: Seat, *, smeared: bool) -> Occupant:
    """Return an occupant with the pictures that stay, or, when none is usable, with the best look and why it is not."""
    fused, count = face.fused, len(face.track.sightings)
    warning = (EXPOSURE_TOO_LONG,) if smeared else ()
    if fused is None or not fused.recognisable or not face.clear:
        look = max(face.shots, key=lambda shot: shot.quality.score, default=None)
        reasons = (look.quality.reasons if look is not None else ()) or ("hidden",)
        return Occupant(
            seat, None if look is None else _as_shot(look), None, None, count, (*reasons, *warning)
        )
    best = max(fused.shots, key=lambda shot: (shot.view is not None, shot.quality.score))
    view = encode_picture(best.crop if best.view is None else best.view)
    reasons = (*best.quality.reasons, *warning)
    return Occupant(seat, _as_shot(best), view, fused.template, count, reasons)


def _as_shot(kept: KeptShot) -> Shot:
    """Return a kept shot as the value that leaves this floor."""
    sighting = kept.sighting
    return Shot(
        frame=sighting.moment.index,
        time=sighting.moment.time,
        box=sighting.found.box,
        landmarks=sighting.found.landmarks,
        detector_score=sighting.found.score,
        inter_eye_px=sighting.found.inter_eye_px,
        quality=kept.quality,
        template=kept.template,
    )
