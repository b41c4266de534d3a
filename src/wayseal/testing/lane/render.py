"""Renders a scene picture by picture, with each picture's ground truth.

Owns time: which vehicle is where in which picture, and when the scene ends. Writes nothing; `video` does.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wayseal.testing.lane.assemble import build_front
from wayseal.testing.lane.ground import FAR_M, draw_place, spread_ground
from wayseal.testing.lane.hiding import hide_behind
from wayseal.testing.lane.light import Levels, set_levels
from wayseal.testing.lane.nobodies import hang_posters
from wayseal.testing.lane.optics import (
    Array,
    Pinhole,
    View,
    Window,
    aim_camera,
    count_exposures,
    locate_vehicle,
)
from wayseal.testing.lane.pace import drive_seconds, video_seconds
from wayseal.testing.lane.scene import Camera, LaneScene, Motion, check_scene
from wayseal.testing.lane.sensor import Sensor, blur_layer, make_sensor, rain_air
from wayseal.testing.lane.side import build_side
from wayseal.testing.lane.truth import describe_frame, describe_walls
from wayseal.testing.lane.vehicle import Layer, VehicleModel, bound_vehicle, expose_vehicle

Picture = tuple[NDArray[np.uint8], dict[str, Any]]
LEFT_M = 2.2
"""The range at which a vehicle that drives at the camera has left the picture, for the length of the video."""
TAIL_S = 0.25
"""Seconds of empty lane after the last vehicle has left the picture."""
NEAREST_M = 0.6
"""The range at which a vehicle that drives at the camera is no longer drawn: all of it is under the picture by then."""


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """A scene ready to be photographed: everything that doesn't change from picture to picture."""

    scene: LaneScene
    pinhole: Pinhole
    levels: Levels
    place: Array = field(repr=False)
    models: tuple[VehicleModel, ...]
    sensor: Sensor
    chance: np.random.Generator

    @property
    def camera(self) -> Camera:
        """The scene's camera."""
        return self.scene.camera

    def view(self, model: VehicleModel, seconds: float) -> View:
        """Return the camera's view of a vehicle where it is at a time."""
        driven = drive_seconds(self.scene.halts, seconds)
        return View(self.pinhole, locate_vehicle(model.vehicle, self.camera, self.scene.motion, driven))


def set_stage(scene: LaneScene) -> Stage:
    """Draw everything that a scene needs. Raises `Invalid` for a scene that cannot be drawn."""
    check_scene(scene)
    camera, pinhole = scene.camera, aim_camera(scene.camera)
    levels = set_levels(scene.weather, camera)
    streams = np.random.default_rng(scene.seed).spawn(len(scene.vehicles) + 3)
    build = build_front if scene.motion is Motion.TOWARD else build_side
    models = tuple(
        build(number, vehicle, scene.weather, stream)
        for number, (vehicle, stream) in enumerate(zip(scene.vehicles, streams[3:], strict=True), start=1)
    )
    place = _light_place(scene, pinhole, levels, streams[0])
    return Stage(scene, pinhole, levels, place, models, make_sensor(camera, levels, streams[1]), streams[2])


def count_frames(scene: LaneScene) -> int:
    """Return how many pictures the scene lasts."""
    if scene.seconds > 0:
        return max(1, round(scene.seconds * scene.camera.fps))
    ends = [_leaving_time(scene, index) for index in range(len(scene.vehicles))]
    return max(1, round((max(ends) + TAIL_S) * scene.camera.fps))


def _leaving_time(scene: LaneScene, index: int) -> float:
    """Return when a vehicle has left the picture, in seconds."""
    vehicle, camera = scene.vehicles[index], scene.camera
    if scene.motion is Motion.TOWARD:
        way = camera.z_capture_m - LEFT_M
    else:
        way = camera.width / 2 / camera.px_per_m + 3.0
    return video_seconds(scene.halts, vehicle.t_capture_s + way / vehicle.speed_m_s)


def render_frames(scene: LaneScene) -> Iterator[Picture]:
    """Yield each picture as 8-bit BGR (height, width, 3) with its entry of the truth's `frames`."""
    stage = set_stage(scene)
    for index in range(count_frames(scene)):
        yield photograph(stage, index)


def photograph(stage: Stage, index: int) -> Picture:
    """Return one picture and its truth. Pictures differ in their noise by the order in which they are taken."""
    opening = index / stage.camera.fps
    light = stage.place.copy()
    entries = list[dict[str, Any]]()
    for model in sorted(stage.models, key=lambda item: -stage.view(item, opening).place[2]):
        entry, layer = _show_vehicle(light, stage, model, opening)
        if layer is not None:
            hide_behind(entries, layer)
        if entry is not None:
            entries.append(entry)
    if stage.scene.weather.rain > 0:
        rain_air(light, stage.scene.weather.rain, stage.chance, float(stage.levels.ground.mean()))
    pixels = stage.sensor.develop(light, stage.chance)
    return pixels, {"i": index, "t": round(opening, 5), "vehicles": entries}


def _light_place(scene: LaneScene, pinhole: Pinhole, levels: Levels, rng: np.random.Generator) -> Array:
    """Return the empty lane in the scene's light."""
    across = scene.motion is Motion.ACROSS
    place = draw_place(scene.camera, pinhole, rng, wet=scene.weather.rain, across=across)
    hang_posters(place, scene.camera, pinhole, scene.motion, scene.vehicles)
    place *= levels.ground
    if levels.lit_at_m > 0:
        _, z = spread_ground(scene.camera, pinhole)
        place *= np.clip((levels.lit_at_m / np.maximum(z, 1.0)) ** 2, 0, 2.5)[..., None] * 0.7 + 0.05
    return place


def _show_vehicle(
    light: Array, stage: Stage, model: VehicleModel, opening: float
) -> tuple[dict[str, Any] | None, Layer | None]:
    """Draw a vehicle into the picture, in place; return its entry of the truth and what was drawn, None when it is not there."""
    camera = stage.camera
    views = [stage.view(model, opening + share * camera.exposure_s) for share in (0.0, 0.5, 1.0)]
    range_m = float(views[1].place[2])
    if stage.scene.motion is Motion.TOWARD and not NEAREST_M <= range_m <= FAR_M:
        return None, None
    window = bound_vehicle(model, [views[0], views[2]], (0, 0, camera.width, camera.height))
    layer = None
    if window is not None:
        layer = _expose(stage, model, views, window)
        x0, y0, x1, y1 = window
        pixels = blur_layer(layer.pixels, camera, range_m)
        part = light[y0:y1, x0:x1]
        part *= 1 - pixels[..., 3:]
        part += pixels[..., :3]
    entry = describe_frame(model, camera, views, layer)
    if entry is not None:
        entry["distractors"] += describe_walls(model.vehicle, camera, stage.pinhole, stage.scene.motion)
    return entry, layer


def _expose(stage: Stage, model: VehicleModel, views: list[View], window: Window) -> Layer:
    """Return the vehicle as the open shutter sees it: as many sub-exposures as its path is long."""
    count = count_exposures(
        _longest_path(model, stage.camera, views[0], views[2]), stage.camera.max_exposures
    )
    start, stop = views[0].place, views[2].place
    steps = [View(stage.pinhole, start + (step + 0.5) / count * (stop - start)) for step in range(count)]
    return expose_vehicle(model, steps, window, stage.levels)


def _longest_path(model: VehicleModel, camera: Camera, opened: View, closed: View) -> float:
    """Return the longest way in pixels that a point of the body within the picture takes between two views."""
    points = np.concatenate([model.body, *model.outlines])
    start, stop = opened.project(points), closed.project(points)
    margin = 0.1 * camera.width
    low, high = -margin, np.array([camera.width, camera.height]) + margin
    seen = ((start > low) & (start < high)).all(axis=1)
    paths = np.linalg.norm(stop - start, axis=1)[seen]
    return float(np.nanmax(np.append(paths, 0.0)))
