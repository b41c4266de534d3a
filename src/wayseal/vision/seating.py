"""Which seat each of a vehicle's faces is in: from vehicle coordinates to the metres of the seat grid."""

from collections.abc import Sequence

import numpy as np

from wayseal.model.border import Seat
from wayseal.vision.cabin import SeenFace, VehicleGeometry
from wayseal.vision.seats import Placed, seat_front, seat_side
from wayseal.vision.vehicle import VehicleTrack

_DRIVER_M = 0.36  # metres from the vehicle's middle to the driver
_DRIVER_BEHIND_M = 1.95  # metres from the vehicle's front to the driver's eyes


def seat_faces(
    vehicle: VehicleTrack, faces: Sequence[SeenFace], geometry: VehicleGeometry, *, steering: str
) -> list[Seat]:
    """Return one seat a face, in order. `steering` is the side where drivers sit, `left` or `right`."""
    if not faces:
        return []
    if vehicle.went_across:
        return _seat_across(vehicle, faces, geometry, steering)
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


def _guess_middle(faces: Sequence[SeenFace], geometry: VehicleGeometry, steering: str) -> float:
    """Return where the vehicle's middle must be when neither of its sides was seen: every vehicle has a driver."""
    if steering == "left":
        return max(face.x for face in faces) - _DRIVER_M * geometry.metre
    return min(face.x for face in faces) + _DRIVER_M * geometry.metre


def _seat_across(
    vehicle: VehicleTrack, faces: Sequence[SeenFace], geometry: VehicleGeometry, steering: str
) -> list[Seat]:
    """Return one seat a face for a vehicle that passes across: rows are counted from its leading edge."""
    goes_right = vehicle.pose.dx > 0
    side = "right" if goes_right else "left"
    person = "driver" if side == steering else "passenger"
    front = vehicle.leading_edge(goes_right=goes_right)
    back = -1.0 if goes_right else 1.0
    behind = [back * (face.x - front) / geometry.metre - _DRIVER_BEHIND_M for face in faces]
    return seat_side(behind, near=f"{person}_{side}")
