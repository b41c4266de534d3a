"""Builds a vehicle's cards from its description: the front view for a lane that leads to the camera.

Owns which thing hides which. The side view is `side`.
"""

from collections.abc import Mapping

import numpy as np

from wayseal.model.border import Seat
from wayseal.testing.lane.attacks import draw_attack
from wayseal.testing.lane.cabin import draw_backdrop, draw_dashboard, draw_seats, locate_seat
from wayseal.testing.lane.front import draw_bonnet, draw_fascia
from wayseal.testing.lane.glass import SKY_LENGTH_M, draw_drops, make_sky
from wayseal.testing.lane.ground import draw_shadow
from wayseal.testing.lane.headrests import draw_headrest
from wayseal.testing.lane.measures import MEASURES
from wayseal.testing.lane.nobodies import draw_mirror_image, draw_phone_face
from wayseal.testing.lane.optics import Matrix
from wayseal.testing.lane.people import Figure, draw_distractor, draw_figure
from wayseal.testing.lane.plates import hang_plate
from wayseal.testing.lane.scene import ATTACKS, Distractor, Light, SceneVehicle, Shape, Thing, Weather
from wayseal.testing.lane.shell import draw_flanks, draw_frame, draw_roof, glass_outline
from wayseal.testing.lane.vehicle import Inside, VehicleModel

_FRONT = (Seat.DRIVER, Seat.FRONT_PASSENGER)


def build_front(
    number: int, vehicle: SceneVehicle, weather: Weather, rng: np.random.Generator
) -> VehicleModel:
    """Return a vehicle as a camera in front of it sees it. Who sits inside changes nothing outside."""
    paint_chance, sky_chance, rain_chance, seat_chance = rng.spawn(4)
    colour = tuple(float(value) for value in vehicle.colour)
    paint = (colour[0], colour[1], colour[2])
    wheels, shoulders, mirrors = draw_flanks(vehicle.shape, paint)
    frame, pane = draw_frame(vehicle.shape, paint)
    plate = hang_plate(vehicle.plate, vehicle.shape) if vehicle.plate else None
    front = [
        frame,
        draw_bonnet(vehicle.shape, paint, paint_chance),
        draw_fascia(vehicle.shape, paint, paint_chance),
    ]
    return VehicleModel(
        number=number,
        vehicle=vehicle,
        behind=(
            draw_shadow(vehicle.shape, across=False),
            draw_roof(vehicle.shape, paint),
            wheels,
            shoulders,
            mirrors,
        ),
        inside=tuple(_furnish(vehicle, seat_chance, weather.light)),
        panes=(pane,),
        outlines=(_outline_glass(vehicle.shape),),
        before=(*front, plate) if plate else tuple(front),
        drops=draw_drops(vehicle.shape, weather.rain, rain_chance) if weather.rain > 0 else None,
        plate=plate,
        body=_bound_body(vehicle.shape),
        lamps=_place_lamps(vehicle.shape),
        sky=make_sky(1.9, SKY_LENGTH_M, sky_chance),
        wiping=weather.rain > 0,
    )


def _furnish(vehicle: SceneVehicle, rng: np.random.Generator, light: Light) -> list[Inside]:
    """Return what is in the cabin, from far to near."""
    chances = dict(zip(Seat, rng.spawn(len(Seat)), strict=True))
    rear: list[Figure] = []
    front: list[Figure] = []
    glass: list[Figure] = []
    for occupant in vehicle.occupants:
        figure = draw_figure(
            occupant,
            locate_seat(vehicle.shape, occupant.seat),
            chances[occupant.seat],
            _find_shirt(vehicle, occupant.seat),
        )
        (front if occupant.seat in _FRONT else rear).append(figure)
    for distractor in vehicle.distractors:
        drawn = _draw_thing(distractor, vehicle.shape, light, chances)
        if drawn is not None:
            stuck = distractor.thing is Thing.WINDOW_MASK
            where = glass if drawn.seat is None or stuck else front if drawn.seat in _FRONT else rear
            where.append(drawn)
    near = draw_dashboard(vehicle.shape)
    return [
        Inside(draw_backdrop(vehicle.shape), hides=False),
        Inside(draw_seats(vehicle.shape, front=False)),
        *(Inside(figure.card, figure) for figure in rear),
        Inside(draw_seats(vehicle.shape, front=True)),
        *(Inside(figure.card, figure) for figure in front),
        *(Inside(card, hides=False) for card in near),
        *(Inside(figure.card, figure) for figure in glass),
    ]


def _draw_thing(
    distractor: Distractor, shape: Shape, light: Light, chances: Mapping[Seat, np.random.Generator]
) -> Figure | None:
    """Return what stands for a distractor on its seat or on the glass, each seat with chances of its own; None as `draw_distractor`."""
    seat = distractor.seat
    if seat is None:
        return draw_distractor(distractor, np.array([-0.15, MEASURES[shape].roof_up - 0.17, 0.12]))
    place = locate_seat(shape, seat)
    if distractor.thing in ATTACKS:
        return draw_attack(distractor, place, light, chances[seat])
    if distractor.thing is Thing.PHONE_FACE:
        return draw_phone_face(place, seat, distractor)
    if distractor.thing is Thing.MIRROR_IMAGE:
        return draw_mirror_image(place, seat, distractor)
    if distractor.thing is Thing.HEADREST:
        return draw_headrest(place, seat, distractor, chances[seat])
    return draw_distractor(distractor, place)


def _find_shirt(vehicle: SceneVehicle, seat: Seat) -> Distractor | None:
    """Return the shirt print that the occupant of a seat wears."""
    return next(
        (item for item in vehicle.distractors if item.thing is Thing.SHIRT and item.seat is seat), None
    )


def _outline_glass(shape: Shape) -> Matrix:
    """Return the clear glass as a polygon in the vehicle's axes, (n, 3)."""
    return np.array([(x, *MEASURES[shape].climb(along)) for x, along in glass_outline(shape)])


def _bound_body(shape: Shape) -> Matrix:
    """Return points on the body's silhouette: roof edge, mirrors, bumper and tyres."""
    frame = MEASURES[shape]
    corners: list[tuple[float, float, float]] = []
    for sign in (-1, 1):
        corners += [
            (sign * frame.half_roof, frame.roof_up, frame.roof_depth),
            (sign * frame.half_roof * 0.95, frame.roof_up + 0.03, frame.roof_depth + 1.3),
            (sign * (frame.half_cowl * 1.03 + 0.26), frame.cowl_up + 0.1, frame.cowl_depth + 0.3),
            (sign * frame.half_width, 0.2, frame.nose_depth),
            (sign * frame.half_width * 0.98, 0.0, frame.nose_depth + 0.35),
        ]
    return np.array(corners)


def _place_lamps(shape: Shape) -> Matrix:
    """Return the middle of both main headlamp bowls, (2, 3)."""
    frame = MEASURES[shape]
    x = 0.70 * frame.half_width / 0.90
    return np.array([(sign * x, frame.nose_up - 0.115, frame.nose_depth - 0.03) for sign in (-1, 1)])
