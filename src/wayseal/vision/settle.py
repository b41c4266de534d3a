"""A vehicle that has left, turned into its pass: who was in it, where, and the pictures that stay.

Joins the burst, the seats and the checks for nobody. After it, of each face one picture and one template remain.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Protocol

import numpy as np

from wayseal.model.border import Occupant, Seat, Shot
from wayseal.vision.bestshot import KeptShot, choose_shots, embed_enough, embed_shots, fuse_shots
from wayseal.vision.cabin import SeenFace, VehicleGeometry, drop_nobodies, gather_faces, measure_vehicle
from wayseal.vision.detect import FaceDetector
from wayseal.vision.doubles import mark_double
from wayseal.vision.glass import model_place
from wayseal.vision.located import PARTLY_HIDDEN
from wayseal.vision.optics import LaneOptics
from wayseal.vision.partly import look_again, take_glimpses
from wayseal.vision.picture import encode_picture
from wayseal.vision.presentation import (
    MAY_BE_PICTURE,
    NOT_COUNTED,
    discount_picture,
    is_sheet,
    is_suspicious,
    measure_cues,
    score_presentation,
)
from wayseal.vision.restore import LEAST_EYES, LEAST_LOOKS, RESTORED, restore_face
from wayseal.vision.seating import seat_faces
from wayseal.vision.seats import EYES_M, FRONT_SEATS_M
from wayseal.vision.second_opinion import SecondOpinion
from wayseal.vision.speed import speed_across, speed_toward
from wayseal.vision.template import FaceModel
from wayseal.vision.watch import VehicleWatch

EXPOSURE_TOO_LONG = "exposure_too_long"
"""Reason on every occupant of a vehicle whose faces the lane's shutter must smear."""
NOT_VISIBLE = "not_visible"
"""Reason on a driver whom nobody saw: somebody else was seen, and a vehicle that moves has one."""
SAME_FACE_TWICE = "same_face_twice"
"""Reason on each of two occupants who have one face: a picture or a mirror image of one of them, or twins."""
HIDDEN = "hidden"
"""Reason on somebody who was seen, and never with a face to look at."""
SMEAR_MPH_MS = 30.0
"""Miles an hour times milliseconds beyond which a face that passes across is smeared: 1.5 ms at 20 mph."""
SMEAR_EYES = 0.2
"""The same as a share of the distance between the eyes."""
_GLIMPSES = 3  # shots embedded of every face, to tell people from animals


class FaceNetworks(Protocol):
    """What settling needs of a lane's networks."""

    @property
    def detector(self) -> FaceDetector:
        """Finds faces in restored pictures."""

    @property
    def embedder(self) -> FaceModel:
        """Makes templates."""

    @property
    def second(self) -> SecondOpinion | None:
        """Makes an independent network's templates, where the lane has one."""


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """What is left of a vehicle: its people, one a seat; how many were seen; its speed where the geometry tells."""

    occupants: tuple[Occupant, ...]
    seen: int
    speed_mph: float | None


def settle_vehicle(watch: VehicleWatch, networks: FaceNetworks, optics: LaneOptics) -> Settled:
    """Return the people of a vehicle that has left, from what was kept of them. The burst is not released here."""
    faces, model = gather_faces(watch), networks.embedder
    for face in faces:
        embed_shots(choose_shots(face.shots)[:_GLIMPSES], model)
        if face.blank:
            face.glimpses = take_glimpses(watch.glass, face.track.sightings, model)
    geometry = measure_vehicle(watch, faces)
    if geometry is None:
        return Settled((), 0, None)
    people = drop_nobodies(faces, geometry, across=watch.vehicle.went_across)
    for face in people:
        face.fused = fuse_shots(embed_enough(choose_shots(face.shots), model))
        if face.clear and (face.fused is None or not face.fused.recognisable):
            placed = look_again(watch.glass, face.track.sightings, model)
            face.fused, face.placed = placed or face.fused, placed is not None
    seats = seat_faces(watch.vehicle, people, geometry, steering=optics.steering)
    speed = measure_speed(watch, geometry, optics)
    smeared = _is_smeared(watch, speed, optics)
    seated = [
        _describe(face, seat, networks.second, smeared=smeared)
        for face, seat in zip(people, seats, strict=True)
    ]
    seated += _find_driver(watch, people, seats)
    found = dict(zip(seats, people, strict=True))
    seated = [_restore(watch, networks, found, person, optics.steering) for person in seated]
    judged = [discount_picture(person) for person in seated]
    counted = sum(NOT_COUNTED not in person.reasons for person in judged)
    return Settled(_name_doubles(_one_each(judged)), counted, speed)


def _find_driver(watch: VehicleWatch, people: Sequence[SeenFace], seats: Sequence[Seat]) -> list[Occupant]:
    """Return a driver whom nobody saw, when others were seen from the front; else nobody."""
    if not people or Seat.DRIVER in seats or watch.vehicle.went_across:
        return []
    return [Occupant(Seat.DRIVER, None, None, None, 0, (NOT_VISIBLE,))]


def _restore(
    watch: VehicleWatch, networks: FaceNetworks, found: dict[Seat, SeenFace], person: Occupant, steering: str
) -> Occupant:
    """Return somebody who was not captured with what many looks at the glass show of them, when that is enough.

    Where the face itself was seen often enough it tells where to look; else the front row's other face does.
    """
    if person.template is not None or len(watch.glass) < LEAST_LOOKS:
        return person
    own, beside = found.get(person.seat), found.get(Seat.FRONT_PASSENGER)
    if own is not None and len(own.track.sightings) >= LEAST_LOOKS and own.eyes_px >= LEAST_EYES:
        guide, right = own, 0.0
    elif own is None and person.seat is Seat.DRIVER and beside is not None:
        guide, right = beside, (1.0 if steering == "left" else -1.0) * FRONT_SEATS_M / EYES_M
    else:
        return person
    place = model_place(guide.track.sightings)
    face = restore_face(watch.glass, place, right, networks.detector, networks.embedder)
    if face is None:
        return person
    reasons = (RESTORED, *face.shot.quality.reasons)
    return Occupant(person.seat, face.shot, encode_picture(face.view), face.template, person.shots, reasons)


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


def _name_doubles(occupants: Sequence[Occupant]) -> tuple[Occupant, ...]:
    """Return the occupants, those with the reason whose face another of them has too."""
    faces = [(person, person.template) for person in occupants if person.template is not None]
    return tuple(
        mark_double(one, [face for person, face in faces if person is not one], SAME_FACE_TWICE)
        for one in occupants
    )


def _rank(person: Occupant) -> tuple[bool, int]:
    """Return the order in which occupants are kept for one seat."""
    return person.template is not None, 0 if person.best is None else person.best.quality.score


def _describe(face: SeenFace, seat: Seat, second: SecondOpinion | None, *, smeared: bool) -> Occupant:
    """Return an occupant with the pictures that stay, or, when none is usable, with the best look and why it is not."""
    fused, count = face.fused, len(face.track.sightings)
    warning = (EXPOSURE_TOO_LONG,) if smeared else ()
    if fused is None or not fused.recognisable or not face.clear:
        look = max(face.shots, key=lambda shot: shot.quality.score, default=None)
        reasons = (look.quality.reasons if look is not None else ()) or (HIDDEN,)
        return Occupant(
            seat, None if look is None else _as_shot(look), None, None, count, (*reasons, *warning)
        )
    best = max(fused.shots, key=lambda shot: (shot.view is not None, shot.quality.score))
    view = encode_picture(best.crop if best.view is None else best.view)
    shot, doubt = _advise(face, _as_shot(best))
    known = [reason for reason in best.quality.reasons if reason != "unrecognisable"]
    hidden = (PARTLY_HIDDEN,) if face.placed else ()
    reasons = (*hidden, *known, *doubt, *warning)
    other = None if second is None else second.embed_shots(fused.shots)
    return Occupant(seat, shot, view, fused.template, count, reasons, other)


def _advise(face: SeenFace, shot: Shot) -> tuple[Shot, tuple[str, ...]]:
    """Return the shot with the component `bona_fide` (100: nothing speaks for a picture), and the reason when much does."""
    cues = measure_cues([kept.surround for kept in face.shots if kept.surround is not None])
    if cues is None:
        return shot, ()
    score = score_presentation(cues)
    components = {**shot.quality.components, "bona_fide": 100.0 - score}
    doubt = (MAY_BE_PICTURE,) if is_suspicious(score) else ()
    doubt = (NOT_COUNTED, *doubt) if is_sheet(cues) else doubt
    return replace(shot, quality=replace(shot.quality, components=components)), doubt


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
