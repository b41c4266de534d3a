"""A synthetic lane: videos of vehicles and their occupants with ground truth, for demonstrations, drills and tests.

Shipped because users drill with it. Renders real face photographs that the caller names, or that an installed package
carries under a clear licence, into drawn vehicles with real optics. Never fetches a picture, never opens a sealed record.
"""

from wayseal.testing.lane.faces import load_carried, read_people
from wayseal.testing.lane.pace import Halt
from wayseal.testing.lane.presets import PRESETS, demo_scene, make_scene
from wayseal.testing.lane.render import count_frames, render_frames
from wayseal.testing.lane.scene import (
    Camera,
    Distractor,
    FacePicture,
    LaneScene,
    Light,
    Motion,
    SceneOccupant,
    ScenePlate,
    SceneVehicle,
    Shape,
    Thing,
    Traveller,
    Weather,
)
from wayseal.testing.lane.video import render_video, write_gallery

__all__ = [
    "PRESETS",
    "Camera",
    "Distractor",
    "FacePicture",
    "Halt",
    "LaneScene",
    "Light",
    "Motion",
    "SceneOccupant",
    "ScenePlate",
    "SceneVehicle",
    "Shape",
    "Thing",
    "Traveller",
    "Weather",
    "count_frames",
    "demo_scene",
    "load_carried",
    "make_scene",
    "read_people",
    "render_frames",
    "render_video",
    "write_gallery",
]
