"""Who sits where: a face's place in the vehicle to one seat each.

Places are metres from the vehicle's middle, so that the grid holds for every lens; the ruler is the mean distance
between a person's eyes. Works for cameras that look at the front and at the side, and for either side of the wheel.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wayseal.model.border import Seat
from wayseal.vision.track import match_places

EYES_M = 0.063
"""Mean distance between the pupils of adults, in metres."""
FRONT_SEATS_M = 0.72
"""Metres between the eyes' middles of driver and front passenger."""
_FRONT = {Seat.DRIVER: (0.36, 0.0), Seat.FRONT_PASSENGER: (-0.36, 0.0)}
_REAR = {Seat.REAR_LEFT: (0.30, -0.06), Seat.REAR_CENTRE: (-0.03, -0.04), Seat.REAR_RIGHT: (-0.30, -0.06)}
_SPREAD_X, _SPREAD_Y = 0.12, 0.10  # metres by which people sit off their seat's middle
_RARE = {Seat.DRIVER: 0.0, Seat.FRONT_PASSENGER: 0.5, Seat.REAR_CENTRE: 1.0, Seat.REAR_LEFT: 3.0, Seat.REAR_RIGHT: 3.0, Seat.ROW3: 5.0}  # fmt: skip
_REAR_SIZE = 0.94  # size between the eyes of somebody in the second row, over that of somebody in the first
_SIZE_SPREAD = 0.09
_ROWS_M = (0.0, 0.85, 1.7)  # metres from the driver's eyes back to each row, in a side view


@dataclass(frozen=True, slots=True)
class Placed:
    """One face as the vehicle sees it, in metres.

    `right` is from the vehicle's middle as the picture shows it, `below` from the row of eyes; `size` is relative to the
    largest person.
    """

    right: float
    below: float
    size: float = 1.0


def seat_front(places: Sequence[Placed], *, steering: str = "left") -> list[Seat]:
    """Return one seat a face for a camera that looks at the vehicle's front, in the given order; no seat twice.

    With left-hand drive the driver is on the picture's right. More faces than seats: the least likely are in row 3.
    """
    sign = 1.0 if steering == "left" else -1.0
    seats = [*_FRONT, *_REAR]
    cost = np.array(
        [[_front_cost(place, seat, sign) for seat in seats] for place in places], dtype=np.float64
    )
    if cost.size == 0:
        return []
    answer = [Seat.ROW3] * len(places)
    for row, column in match_places(cost):
        answer[row] = _mirror(seats[column], steering)
    return answer


def seat_side(behind: Sequence[float], *, near: str) -> list[Seat]:
    """Return one seat a face for a camera that looks at the vehicle's side.

    `behind` is metres from where a driver's eyes would be, back along the vehicle; `near` is the side that the camera
    sees: `driver` or `passenger`, each with the vehicle's own left or right as `driver_left`, `passenger_right` and so on.
    """
    person, side = near.split("_")
    rows = [
        Seat.DRIVER if person == "driver" else Seat.FRONT_PASSENGER,
        Seat.REAR_LEFT if side == "left" else Seat.REAR_RIGHT,
        Seat.ROW3,
    ]
    cost = np.array([[abs(place - row) for row in _ROWS_M] for place in behind], dtype=np.float64)
    answer = [Seat.ROW3] * len(behind)
    for face, row in match_places(cost):
        answer[face] = rows[row]
    return answer


def _front_cost(place: Placed, seat: Seat, sign: float) -> float:
    """Return minus the log likelihood, up to a constant, that somebody at `place` sits in `seat`."""
    right, below = {**_FRONT, **_REAR}[seat]
    miss_x = (sign * place.right - right) / _SPREAD_X
    miss_y = (place.below - below) / _SPREAD_Y
    rear = seat in _REAR
    depth = (place.size - (_REAR_SIZE if rear else 1.0)) / _SIZE_SPREAD
    return float(0.5 * (miss_x**2 + 0.5 * miss_y**2 + depth**2) + _RARE[seat])


def _mirror(seat: Seat, steering: str) -> Seat:
    """Return the seat by the vehicle's own sides: the rear seats of the grid are named for left-hand drive."""
    if steering == "left":
        return seat
    return {Seat.REAR_LEFT: Seat.REAR_RIGHT, Seat.REAR_RIGHT: Seat.REAR_LEFT}.get(seat, seat)
