"""A vehicle from its left side, for a camera beside the lane: body, wheels, side windows, and who sits behind them.

Owns the side view. Faces look at the camera, as when somebody turns to an officer; profiles are not modelled.
"""

import numpy as np

from wayseal.model.border import Seat
from wayseal.testing.lane.canvas import Canvas, Colour, Point, round_outline, smooth_outline
from wayseal.testing.lane.glass import SKY_LENGTH_M, make_sky
from wayseal.testing.lane.ground import draw_shadow
from wayseal.testing.lane.measures import MEASURES, stand_card
from wayseal.testing.lane.optics import Card, Matrix, place_card
from wayseal.testing.lane.people import Figure, draw_distractor, draw_figure
from wayseal.testing.lane.scene import SceneVehicle, Shape, Thing, Weather
from wayseal.testing.lane.vehicle import Inside, VehicleModel

PX_PER_M = 420.0
FRONT_X, REAR_X = -1.95, 2.60
"""The bumpers, in metres from the vehicle's origin; it drives to the picture's left."""
SEATS_X = {
    Seat.DRIVER: 0.14,
    Seat.FRONT_PASSENGER: 0.02,
    Seat.REAR_LEFT: 0.99,
    Seat.REAR_CENTRE: 1.05,
    Seat.REAR_RIGHT: 0.90,
}
SEATS_DEPTH = {
    Seat.DRIVER: 0.34,
    Seat.FRONT_PASSENGER: 1.05,
    Seat.REAR_LEFT: 0.34,
    Seat.REAR_CENTRE: 0.70,
    Seat.REAR_RIGHT: 1.05,
}
AXLES = (-1.15, 1.62)


def build_side(
    number: int, vehicle: SceneVehicle, _weather: Weather, rng: np.random.Generator
) -> VehicleModel:
    """Return a vehicle as a camera at its driver's side sees it. It shows no plate; rain leaves its side windows dry."""
    paint: Colour = (float(vehicle.colour[0]), float(vehicle.colour[1]), float(vehicle.colour[2]))
    belt, roof = MEASURES[vehicle.shape].cowl_up, MEASURES[vehicle.shape].roof_up
    body, pane = draw_flank(vehicle.shape, paint)
    corners = [(FRONT_X, 0.0, 0.0), (REAR_X, 0.0, 0.0), (FRONT_X + 1.2, roof, 0.0), (REAR_X - 0.6, roof, 0.0)]
    outlines = tuple(
        np.array([(x, up, 0.0) for x, up in round_outline(window, 0.06, 4)])
        for window in side_windows(vehicle.shape)
    )
    return VehicleModel(
        number=number,
        vehicle=vehicle,
        behind=(draw_shadow(vehicle.shape, across=True),),
        inside=tuple(_furnish(vehicle, rng)),
        panes=(pane,),
        outlines=outlines,
        before=(body, draw_wheels()),
        drops=None,
        plate=None,
        body=np.array(corners),
        lamps=np.array([(FRONT_X + 0.08, belt - 0.30, -0.02)]),
        sky=make_sky(SKY_LENGTH_M, 1.9, rng),
    )


def side_windows(shape: Shape) -> list[list[Point]]:
    """Return the front and the rear side window, as (x, up)."""
    frame = MEASURES[shape]
    low, high = frame.cowl_up + 0.015, frame.roof_up - 0.07
    front = [
        (-0.62, low),
        (-0.60, low + 0.04),
        (-0.18, high - 0.01),
        (0.02, high),
        (0.50, high),
        (0.52, low + 0.01),
    ]
    rear = [(0.62, low + 0.01), (0.60, high), (1.05, high - 0.01), (1.38, high - 0.13), (1.50, low + 0.03)]
    return [front, rear]


def _outline(shape: Shape) -> list[Point]:
    """Return the body's silhouette from the side, as (x, up)."""
    belt, roof = MEASURES[shape].cowl_up, MEASURES[shape].roof_up
    points = [
        (FRONT_X, 0.42), (FRONT_X + 0.02, belt - 0.30), (FRONT_X + 0.30, belt - 0.19), (-0.95, belt - 0.01),
        (-0.78, belt + 0.03), (-0.20, roof - 0.03), (0.35, roof), (1.05, roof - 0.015), (1.75, belt + 0.10),
        (2.35, belt + 0.02), (REAR_X - 0.02, belt - 0.12), (REAR_X, 0.45), (REAR_X - 0.10, 0.26), (FRONT_X + 0.10, 0.24),
    ]  # fmt: skip
    return smooth_outline(points, 8)


def draw_flank(shape: Shape, paint: Colour) -> tuple[Card, Card]:
    """Return the body's side with holes for the windows, and the holes as a one-channel mask card."""
    belt, roof = MEASURES[shape].cowl_up, MEASURES[shape].roof_up
    sheet = Canvas(FRONT_X - 0.05, 0.15, REAR_X + 0.05, roof + 0.05, px_per_m=PX_PER_M)
    outline = _outline(shape)
    sheet.fill(outline, paint)
    up, x = sheet.heights(), sheet.offsets()
    tone = np.interp(
        up[:, 0], [0.2, 0.45, 0.62, 0.64, belt - 0.06, belt, roof], [0.30, 0.62, 0.86, 0.70, 1.02, 1.18, 1.05]
    )
    sheet.shade(tone.astype(np.float32)[:, None] * np.ones_like(x))
    gleam = np.exp(-(((up - (belt - 0.08)) / 0.03) ** 2)) * np.ones_like(x)
    sheet.add_light(gleam.astype(np.float32), (255, 252, 248), 0.14)
    _draw_panels(sheet, belt)
    hole = np.zeros(sheet.pixels.shape[:2], np.float32)
    for window in side_windows(shape):
        smooth = round_outline(window, 0.06)
        middle = np.mean(np.array(smooth), axis=0)
        rim = [
            ((px - middle[0]) * 1.035 + middle[0], (py - middle[1]) * 1.07 + middle[1]) for px, py in smooth
        ]
        sheet.fill(rim, (11, 11, 12), soft_m=0.002)
        hole = np.maximum(hole, sheet.mask(smooth, 0.0015))
    sheet.fill(
        [(0.515, belt + 0.01), (0.615, belt + 0.01), (0.60, roof - 0.06), (0.505, roof - 0.06)], (12, 12, 13)
    )
    sheet.pixels *= (1 - hole)[..., None]
    card = stand_card(sheet, 0.0)
    corners = card.corners
    return card, place_card(hole[..., None], corners[0], corners[1], corners[3])


def _draw_panels(sheet: Canvas, belt: float) -> None:
    """Draw doors, handles, arches, sill, lamps and the mirror."""
    dark: Colour = (12, 12, 12)
    for seam in (
        [(-0.72, belt), (-0.70, 0.34), (0.50, 0.32), (0.56, belt)],
        [(0.56, belt), (0.60, 0.32), (1.20, 0.34), (1.55, belt)],
    ):
        sheet.stroke(seam, dark, 0.006, soft_m=0.002, opacity=0.7)
    for handle in (0.36, 1.34):
        bar = [
            (handle - 0.09, belt - 0.115),
            (handle + 0.09, belt - 0.10),
            (handle + 0.09, belt - 0.125),
            (handle - 0.09, belt - 0.14),
        ]
        sheet.fill(bar, (150, 150, 152), soft_m=0.002)
        sheet.stroke(
            [(handle - 0.1, belt - 0.15), (handle + 0.1, belt - 0.135)],
            dark,
            0.008,
            soft_m=0.004,
            opacity=0.6,
        )
    sheet.fill(
        [(FRONT_X + 0.6, 0.27), (REAR_X - 0.8, 0.27), (REAR_X - 0.8, 0.22), (FRONT_X + 0.6, 0.22)],
        (16, 16, 16),
    )
    for axle in AXLES:
        arch = [(axle + 0.385 * np.cos(a), 0.32 + 0.385 * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 60)]
        sheet.fill(arch, (8, 8, 9))
    lamp = [
        (FRONT_X + 0.01, belt - 0.33),
        (FRONT_X + 0.10, belt - 0.26),
        (FRONT_X + 0.36, belt - 0.24),
        (FRONT_X + 0.22, belt - 0.35),
    ]
    sheet.fill(smooth_outline(lamp, 5), (206, 208, 210))
    tail = [
        (REAR_X - 0.02, belt - 0.20),
        (REAR_X - 0.30, belt - 0.12),
        (REAR_X - 0.28, belt - 0.22),
        (REAR_X - 0.02, belt - 0.32),
    ]
    sheet.fill(smooth_outline(tail, 5), (24, 20, 170))
    mirror = smooth_outline(
        [(-0.70, belt + 0.02), (-0.60, belt + 0.13), (-0.48, belt + 0.12), (-0.50, belt + 0.0)], 6
    )
    sheet.fill(mirror, (30, 30, 31))


def draw_wheels() -> Card:
    """Return both wheels of the near side: tyres, rims and five spokes."""
    sheet = Canvas(FRONT_X, 0.0, REAR_X, 0.66, px_per_m=PX_PER_M)
    turn = np.linspace(0, 2 * np.pi, 72)
    for axle in AXLES:
        for radius, tone in (
            (0.325, (18, 18, 19)),
            (0.225, (150, 151, 153)),
            (0.205, (52, 52, 54)),
            (0.05, (150, 151, 153)),
        ):
            sheet.fill([(axle + radius * np.cos(a), 0.325 + radius * np.sin(a)) for a in turn], tone)
        for spoke in range(5):
            angle = 2 * np.pi * spoke / 5 + 0.3
            end = (axle + 0.21 * np.cos(angle), 0.325 + 0.21 * np.sin(angle))
            sheet.stroke([(axle, 0.325), end], (158, 159, 161), 0.045)
    return stand_card(sheet, -0.01)


def _seat_place(vehicle: SceneVehicle, seat: Seat) -> Matrix:
    """Return where the middle of the eyes on a seat is, in the axes of the side view."""
    return np.array([SEATS_X[seat], MEASURES[vehicle.shape].eye_up + 0.02, SEATS_DEPTH[seat]])


def _furnish(vehicle: SceneVehicle, rng: np.random.Generator) -> list[Inside]:
    """Return what is behind the side windows, from far to near."""
    figures: list[Figure] = []
    for occupant in vehicle.occupants:
        shirt = next(
            (d for d in vehicle.distractors if d.thing is Thing.SHIRT and d.seat is occupant.seat), None
        )
        figures.append(draw_figure(occupant, _seat_place(vehicle, occupant.seat), rng, shirt))
    for distractor in vehicle.distractors:
        if distractor.seat is not None:
            drawn = draw_distractor(distractor, _seat_place(vehicle, distractor.seat))
            if drawn is not None:
                figures.append(drawn)
    figures.sort(key=lambda figure: -float(figure.card.origin[2]))
    seats = _draw_seats(vehicle.shape)
    return [
        Inside(_draw_far_side(vehicle.shape), hides=False),
        *(Inside(figure.card, figure) for figure in figures if figure.card.origin[2] > 0.6),
        Inside(seats, hides=False),
        *(Inside(figure.card, figure) for figure in figures if figure.card.origin[2] <= 0.6),
    ]


def _draw_far_side(shape: Shape) -> Card:
    """Return the far door and its windows with daylight behind them."""
    frame = MEASURES[shape]
    sheet = Canvas(-1.3, frame.cowl_up - 0.4, 2.3, frame.roof_up + 0.1, px_per_m=160)
    sheet.fill([(-1.3, 0), (2.3, 0), (2.3, 3), (-1.3, 3)], (26, 26, 28))
    for window in side_windows(shape):
        sheet.fill(
            smooth_outline([(x + 0.05, up - 0.01) for x, up in window], 5), (120, 122, 122), soft_m=0.01
        )
    return stand_card(sheet, 1.5)


def _draw_seats(shape: Shape) -> Card:
    """Return the seat backs and head-rests of both rows, seen from the side."""
    eye = MEASURES[shape].eye_up
    sheet = Canvas(-0.4, eye - 0.7, 1.9, eye + 0.2, px_per_m=300)
    for seat in (Seat.DRIVER, Seat.REAR_LEFT):
        x = SEATS_X[seat] + 0.20
        back = [(x - 0.10, eye - 0.7), (x - 0.06, eye - 0.15), (x + 0.10, eye - 0.12), (x + 0.12, eye - 0.7)]
        rest = [
            (x - 0.06, eye - 0.08),
            (x - 0.05, eye + 0.09),
            (x + 0.07, eye + 0.09),
            (x + 0.09, eye - 0.08),
        ]
        for shape_points in (back, rest):
            sheet.fill(smooth_outline(shape_points, 6), (44, 44, 47), soft_m=0.003)
    return stand_card(sheet, 0.62)
