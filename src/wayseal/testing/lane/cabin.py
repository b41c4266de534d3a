"""The cabin's furniture and its places: seats, dashboard, wheel, mirror, rear window.

Owns where everybody sits. Each thing is a card at its own depth, so that the parallax is the real one.
"""

import numpy as np

from wayseal.model.border import Seat
from wayseal.testing.lane.canvas import Canvas, Colour, round_outline, smooth_outline
from wayseal.testing.lane.measures import MEASURES, stand_card
from wayseal.testing.lane.optics import Card, Matrix
from wayseal.testing.lane.scene import Shape


def locate_seat(shape: Shape, seat: Seat) -> Matrix:
    """Return where the middle of the eyes of whoever sits there is: (x, up, depth); the driver sits on the picture's right."""
    up = MEASURES[shape].eye_up
    places = {
        Seat.DRIVER: (0.355, up, 0.60),
        Seat.FRONT_PASSENGER: (-0.355, up, 0.62),
        Seat.REAR_LEFT: (0.44, up + 0.03, 1.42),
        Seat.REAR_CENTRE: (-0.03, up, 1.45),
        Seat.REAR_RIGHT: (-0.44, up + 0.03, 1.42),
    }
    return np.array(places[seat])


def draw_backdrop(shape: Shape) -> Card:
    """Return the rear of the cabin: pillars, roof lining, and daylight through the rear window."""
    frame = MEASURES[shape]
    low, high = frame.cowl_up - 0.45, frame.roof_up + 0.1
    sheet = Canvas(-1.0, low, 1.0, high, px_per_m=200)
    sheet.fill([(-1, low), (1, low), (1, high), (-1, high)], (24, 25, 27))
    window = smooth_outline(
        [
            (-0.50, frame.roof_up - 0.12),
            (0.50, frame.roof_up - 0.12),
            (0.60, frame.cowl_up + 0.06),
            (-0.60, frame.cowl_up + 0.06),
        ],
        5,
    )
    sheet.fill(window, (118, 120, 120), soft_m=0.012)
    sheet.shade(
        np.clip(0.8 + 0.5 * (sheet.heights() - frame.cowl_up), 0.4, 1.2) * np.ones_like(sheet.offsets())
    )
    return stand_card(sheet, 2.25)


def draw_seats(shape: Shape, *, front: bool) -> Card:
    """Return the seat backs and head-rests of a row."""
    frame = MEASURES[shape]
    sheet = Canvas(-0.75, frame.eye_up - 0.62, 0.75, frame.eye_up + 0.16, px_per_m=420)
    cloth: Colour = (46, 46, 49) if front else (38, 38, 40)
    middles = (-0.355, 0.355) if front else (-0.40, 0.0, 0.40)
    eye = frame.eye_up
    for x in middles:
        wide = 0.235 if front else 0.21
        back = smooth_outline(
            [
                (x - wide, eye - 0.62),
                (x - wide * 0.95, eye - 0.25),
                (x - wide * 0.55, eye - 0.135),
                (x + wide * 0.55, eye - 0.135),
                (x + wide * 0.95, eye - 0.25),
                (x + wide, eye - 0.62),
            ],
            6,
        )
        sheet.fill(back, cloth, soft_m=0.002)
        rest = smooth_outline(
            [
                (x - 0.125, eye - 0.095),
                (x - 0.135, eye + 0.03),
                (x - 0.08, eye + 0.085),
                (x + 0.08, eye + 0.085),
                (x + 0.135, eye + 0.03),
                (x + 0.125, eye - 0.095),
            ],
            6,
        )
        for post in (-0.05, 0.05):
            sheet.fill(
                [
                    (x + post - 0.008, eye - 0.16),
                    (x + post + 0.008, eye - 0.16),
                    (x + post + 0.008, eye - 0.08),
                    (x + post - 0.008, eye - 0.08),
                ],
                (120, 120, 122),
            )
        sheet.fill(rest, cloth, soft_m=0.002)
        sheet.paint(sheet.mask(rest, 0.03) * sheet.mask(rest), (86, 86, 88), 0.35)
    return stand_card(sheet, 0.86 if front else 1.72)


def draw_dashboard(shape: Shape) -> list[Card]:
    """Return the steering wheel, the dashboard's top, and the mirror, in the order of their depths."""
    frame = MEASURES[shape]
    foot = frame.cowl_up
    wheel = Canvas(0.10, foot - 0.30, 0.62, foot + 0.20, px_per_m=420)
    ring = [
        (0.355 + 0.185 * np.cos(a), foot - 0.075 + 0.165 * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 60)
    ]
    wheel.stroke(ring, (26, 26, 28), 0.030)
    wheel.stroke([(p[0], p[1] + 0.006) for p in ring[4:27]], (96, 96, 100), 0.006, soft_m=0.003, opacity=0.7)
    wheel.fill(
        [(0.30, foot - 0.06), (0.41, foot - 0.06), (0.40, foot - 0.16), (0.31, foot - 0.16)],
        (30, 30, 32),
        soft_m=0.01,
    )
    board = Canvas(-0.85, foot - 0.4, 0.85, foot + 0.10, px_per_m=300)
    top = smooth_outline(
        [
            (-0.85, foot + 0.0),
            (-0.4, foot + 0.018),
            (0.0, foot + 0.012),
            (0.22, foot + 0.03),
            (0.36, foot + 0.052),
            (0.50, foot + 0.03),
            (0.85, foot + 0.0),
            (0.85, foot - 0.4),
            (-0.85, foot - 0.4),
        ],
        5,
    )
    board.fill(top, (30, 30, 31), soft_m=0.003)
    mirror = Canvas(-0.15, frame.roof_up - 0.20, 0.15, frame.roof_up, px_per_m=420)
    up = frame.roof_up - 0.098
    mirror.stroke([(0, up), (0, frame.roof_up)], (22, 22, 23), 0.016)
    shell = round_outline(
        [(-0.105, up + 0.026), (0.105, up + 0.026), (0.095, up - 0.026), (-0.095, up - 0.026)], 0.02
    )
    mirror.fill(shell, (20, 20, 21))
    return [stand_card(wheel, 0.22), stand_card(mirror, 0.16), stand_card(board, -0.12)]
