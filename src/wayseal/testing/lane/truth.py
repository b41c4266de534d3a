"""Ground truth in the format `lane-truth-1`: what is where in each picture, computed from the scene and never from pixels.

The one exception is `transmitted_share`, which is measured on the light before the sensor.
"""

from typing import Any

import numpy as np

from wayseal.model.border import Seat
from wayseal.testing.lane.nobodies import WALL_SIZE, locate_wall, wall_prints
from wayseal.testing.lane.optics import Card, Matrix, Pinhole, View, map_card
from wayseal.testing.lane.people import FACE_ABOVE, FACE_HEIGHT, FACE_WIDTH, Figure
from wayseal.testing.lane.scene import Camera, Motion, SceneVehicle
from wayseal.testing.lane.vehicle import Layer, VehicleModel

FORMAT = "lane-truth-1"
NOTE = (
    "synthetic composition; eyes are viewer-left then viewer-right; boxes x,y,w,h px (body_box x0,y0,x1,y1); "
    "transmitted_share = light from the face / all light at the face; visible = share of the inner face ellipse in the "
    "frame, inside the glass and not hidden by other occupants or headrests (wipers, drops and mirror not counted)"
)
SEAT_NAMES = {Seat.REAR_CENTRE: "rear_middle"}
INNER_X, INNER_Y, INNER_BELOW = 0.85, 1.15, 0.45
"""The inner face's ellipse, in units of the distance between the eyes: half width, half height, centre below the eyes."""


def name_seat(seat: Seat) -> str:
    """Return a seat's name in the truth."""
    return SEAT_NAMES.get(seat, str(seat))


def _round(values: Any, digits: int = 2) -> Any:
    """Return numbers rounded, as plain Python lists or floats."""
    return np.round(np.asarray(values, np.float64), digits).tolist()


def describe_vehicle(number: int, vehicle: SceneVehicle) -> dict[str, Any]:
    """Return what the truth says of a vehicle once."""
    return {
        "vehicle_id": number,
        "model": f"{vehicle.shape}_drawn",
        "speed_mph": round(vehicle.speed_mph, 2),
        "t_capture_s": round(vehicle.t_capture_s, 3),
        "plate": {"text": vehicle.plate.text, "region": vehicle.plate.region} if vehicle.plate else None,
        "occupants": [
            {
                "seat": name_seat(occupant.seat),
                "identity": occupant.identity,
                "enrollable": bool(occupant.gallery),
                "gallery": list(occupant.gallery),
            }
            for occupant in sorted(vehicle.occupants, key=lambda one: list(Seat).index(one.seat))
        ],
        "distractors": [_describe_thing(thing) for thing in vehicle.distractors],
    }


def _describe_thing(distractor: Any) -> dict[str, Any]:
    """Return what the truth says of a distractor once."""
    facts: dict[str, Any] = {"type": str(distractor.thing)}
    if distractor.seat is not None:
        facts["seat"] = name_seat(distractor.seat)
    if distractor.face is not None:
        facts["printed_identity"] = distractor.printed_identity
    return facts


def inner_face(eyes: Matrix) -> Matrix:
    """Return about 300 points of the inner face's ellipse around two eyes in the vehicle's axes, (n, 3)."""
    unit = float(np.linalg.norm(eyes[1] - eyes[0]))
    grid = np.stack(np.meshgrid(np.linspace(-1, 1, 21), np.linspace(-1, 1, 21)), axis=-1).reshape(-1, 2)
    grid = grid[(grid**2).sum(axis=1) <= 1]
    offset = np.zeros((len(grid), 3))
    offset[:, 0] = grid[:, 0] * INNER_X * unit
    offset[:, 1] = -grid[:, 1] * INNER_Y * unit - INNER_BELOW * unit
    points: Matrix = eyes.mean(axis=0) + offset
    return points


def _cover_at(card: Card, view: View, points: Matrix) -> Matrix:
    """Return a card's opacity where the camera sees it at picture points, (n,)."""
    back = np.linalg.inv(map_card(card, view))
    flat = np.concatenate([points, np.ones((len(points), 1))], axis=1) @ back.T
    column, row = (np.floor(flat[:, axis] / flat[:, 2]).astype(int) for axis in (0, 1))
    sheet = card.levels[0]
    inside = (column >= 0) & (row >= 0) & (column < sheet.shape[1]) & (row < sheet.shape[0])
    value = sheet[np.clip(row, 0, sheet.shape[0] - 1), np.clip(column, 0, sheet.shape[1] - 1), -1]
    cover: Matrix = np.where(inside, value, 0.0).astype(np.float64)
    return cover


def measure_visible(model: VehicleModel, figure: Figure, camera: Camera, view: View) -> tuple[float, Matrix]:
    """Return the visible share of a face's inner ellipse, and its visible points in the picture."""
    assert figure.eyes is not None  # noqa: S101 - callers pass occupants
    points = view.project(inner_face(figure.eyes))
    seen = (
        (points[:, 0] >= 0)
        & (points[:, 0] < camera.width)
        & (points[:, 1] >= 0)
        & (points[:, 1] < camera.height)
    )
    pane = np.max([_cover_at(card, view, points) for card in model.panes], axis=0)
    seen &= pane > 0.5
    order = [item.figure for item in model.inside].index(figure)
    for item in model.inside[order + 1 :]:
        if item.hides:
            seen &= _cover_at(item.card, view, points) < 0.5
    if figure.occupant is not None and figure.occupant.hidden:
        seen &= False
    return float(seen.mean()), points[seen]


def measure_share(layer: Layer | None, points: Matrix) -> float | None:
    """Return the part of the light at picture points that comes from behind the glass; None when nothing is seen."""
    if (
        layer is None
        or layer.glass is None
        or layer.through is None
        or layer.mirrored is None
        or not len(points)
    ):
        return None
    rows, columns = layer.through.shape
    x = np.clip(points[:, 0].astype(int) - layer.glass[0], 0, columns - 1)
    y = np.clip(points[:, 1].astype(int) - layer.glass[1], 0, rows - 1)
    face, all_light = layer.through[y, x].sum(), (layer.through + layer.mirrored)[y, x].sum()
    return round(float(face / max(all_light, 1e-9)), 3)


def _describe_occupant(
    model: VehicleModel, figure: Figure, camera: Camera, views: list[View], layer: Layer | None
) -> dict[str, Any]:
    """Return one occupant's facts in one picture; `views` are at the shutter's opening, middle and closing."""
    assert figure.eyes is not None  # noqa: S101
    assert figure.occupant is not None  # noqa: S101
    eyes = views[1].project(figure.eyes)
    apart = float(np.linalg.norm(eyes[1] - eyes[0]))
    middle = eyes.mean(axis=0)
    path = [view.project(figure.eyes).mean(axis=0) for view in (views[0], views[2])]
    visible, points = measure_visible(model, figure, camera, views[1])
    box = [
        middle[0] - FACE_WIDTH / 2 * apart,
        middle[1] - FACE_ABOVE * apart,
        FACE_WIDTH * apart,
        FACE_HEIGHT * apart,
    ]
    return {
        "seat": name_seat(figure.occupant.seat),
        "identity": figure.occupant.identity,
        "eyes": _round(eyes),
        "face_box": _round(box),
        "iod_px": round(apart, 2),
        "blur_px": round(float(np.linalg.norm(path[1] - path[0])), 2),
        "visible": round(visible, 3),
        "transmitted_share": measure_share(layer, points),
    }


def _describe_distractor(figure: Figure, view: View) -> dict[str, Any]:
    """Return a distractor's facts in one picture: its eyes when a face is printed on it, else its box."""
    assert figure.distractor is not None  # noqa: S101
    facts = _describe_thing(figure.distractor)
    if figure.eyes is not None:
        facts["eyes"] = _round(view.project(figure.eyes))
    else:
        corners = view.project(figure.card.corners)
        low, high = corners.min(axis=0), corners.max(axis=0)
        facts["box"] = _round([*low, *(high - low)])
    return facts


def describe_frame(
    model: VehicleModel, camera: Camera, views: list[View], layer: Layer | None
) -> dict[str, Any] | None:
    """Return one vehicle's facts in one picture; None when its body is out of the picture."""
    view = views[1]
    place = view.place
    body = view.project(model.body)
    if np.isnan(body).all():
        return None
    low, high = np.nanmin(body, axis=0), np.nanmax(body, axis=0)
    if (high < 0).any() or low[0] > camera.width or low[1] > camera.height:
        return None
    facts: dict[str, Any] = {
        "vehicle_id": model.number,
        "range_m": round(float(place[2]), 3),
        "lateral_m": round(float(place[0]), 3),
        "px_per_m": round(camera.focal_px / float(place[2]), 1),
        "body_box": _round([*low, *high]),
        "glass": [_round(view.project(outline)) for outline in model.outlines],
        "occupants": [
            _describe_occupant(model, figure, camera, views, layer)
            for figure in sorted(model.figures, key=lambda f: list(Seat).index(f.seat) if f.seat else 99)
            if figure.occupant is not None
        ],
        "distractors": [
            _describe_distractor(figure, view) for figure in model.figures if figure.distractor is not None
        ],
    }
    for figure in model.figures:
        if figure.shirt is not None:
            facts["distractors"].append(_describe_shirt(figure, view))
    if model.plate is not None and model.vehicle.plate is not None:
        facts["plate"] = _describe_plate(model, camera, view)
    return facts


def describe_walls(
    vehicle: SceneVehicle, camera: Camera, pinhole: Pinhole, motion: Motion
) -> list[dict[str, Any]]:
    """Return the facts of the faces on walls that a vehicle passes: they stand still in every picture."""
    view = View(pinhole, np.zeros(3))
    return [
        {
            **_describe_thing(thing),
            "eyes": _round(view.project(locate_wall(camera, motion, thing.size or WALL_SIZE))),
        }
        for thing in wall_prints(vehicle)
    ]


def _describe_shirt(figure: Figure, view: View) -> dict[str, Any]:
    """Return the facts of a face printed on an occupant's shirt."""
    assert figure.shirt is not None  # noqa: S101
    assert figure.shirt_eyes is not None  # noqa: S101
    return {**_describe_thing(figure.shirt), "eyes": _round(view.project(figure.shirt_eyes))}


def _describe_plate(model: VehicleModel, camera: Camera, view: View) -> dict[str, Any]:
    """Return the plate's text, box, and whether all of it is in the picture."""
    assert model.plate is not None  # noqa: S101
    assert model.vehicle.plate is not None  # noqa: S101
    corners = view.project(model.plate.corners)
    low, high = corners.min(axis=0), corners.max(axis=0)
    inside = bool((low >= 0).all() and high[0] <= camera.width and high[1] <= camera.height)
    return {"text": model.vehicle.plate.text, "box": _round([*low, *(high - low)]), "in_frame": inside}
