"""What a simulated lane shows, as values: camera, light, weather, vehicles, occupants, faces.

Owns the description of a scene and its limits. Draws nothing, reads no file, and knows no real person: identities are
labels that the caller chooses.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from wayseal.model.border import Seat
from wayseal.model.errors import Invalid
from wayseal.testing.lane.pace import Halt

METRES_PER_MILE_HOUR = 0.44704
"""Metres per second in one mile per hour."""
INTER_EYE_M = 0.063
"""Mean distance between the pupils of an adult, in metres."""


class Light(StrEnum):
    """What lights the lane."""

    DAY = "day"
    OVERCAST = "overcast"
    DUSK = "dusk"
    NIR = "nir"
    STROBE = "strobe"


class Motion(StrEnum):
    """How a vehicle crosses the picture: towards the camera, or across it from right to left."""

    TOWARD = "toward"
    ACROSS = "across"


class Shape(StrEnum):
    """Body shapes the renderer can draw."""

    SEDAN = "sedan"
    SUV = "suv"
    PICKUP = "pickup"


class Thing(StrEnum):
    """What looks like a face, or hides one, and is nobody."""

    STICKER = "windshield_sticker"
    SHIRT = "shirt_print"
    POSTER = "poster"
    DOG = "dog"
    PHONE = "phone"
    PHONE_FACE = "phone_face"
    MIRROR_IMAGE = "mirror_image"
    WALL_POSTER = "wall_poster"
    HEADREST = "headrest"
    HELD_PRINT = "held_print"
    HELD_TABLET = "held_tablet"
    WINDOW_MASK = "window_mask"
    WORN_MASK = "worn_mask"


ATTACKS = (Thing.HELD_PRINT, Thing.HELD_TABLET, Thing.WINDOW_MASK, Thing.WORN_MASK)
"""Presentation attacks: somebody's picture, life-size, where a head would be (ISO/IEC 30107-3's instruments)."""


@dataclass(frozen=True, slots=True, eq=False)
class FacePicture:
    """A photograph of one person: (height, width, 3) BGR pixels, and both eyes as (x, y), the picture's left one first."""

    pixels: NDArray[np.uint8] = field(repr=False)
    eyes: tuple[tuple[float, float], tuple[float, float]]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Traveller:
    """A person who can be put on a seat: a label, photographs, and whether the gallery should know them.

    `enrolled` of None leaves the choice to the scene.
    """

    identity: str
    pictures: tuple[FacePicture, ...] = field(repr=False)
    enrolled: bool | None = None

    @property
    def shown(self) -> FacePicture:
        """The photograph that the lane shows: the last."""
        return self.pictures[-1]

    @property
    def enrolling(self) -> tuple[str, ...]:
        """The names of the photographs that enrol this person: the others, or the shown one where there is no other."""
        return tuple(picture.name for picture in (self.pictures[:-1] or self.pictures))

    @property
    def same_picture(self) -> bool:
        """Whether the lane shows the very photograph that enrols: a demonstration then, and no measure of accuracy."""
        return len(self.pictures) == 1


@dataclass(frozen=True, slots=True)
class SceneOccupant:
    """Somebody on a seat. `gallery` names the pictures that enrol them; empty for a traveller who is not enrolled."""

    seat: Seat
    face: FacePicture = field(repr=False)
    identity: str
    gallery: tuple[str, ...] = ()
    same_picture: bool = False
    """The shown photograph also enrols: a demonstration, not a measure."""
    hidden: bool = False
    """A sun visor or a mask of shadow hides the face altogether: an occupant who cannot be captured."""


@dataclass(frozen=True, slots=True)
class Distractor:
    """Something that is not an occupant. `seat` says where (a sticker has none); `face` is what is printed on it.

    `size` is its share of life size; 0 is the usual one of its kind.
    """

    thing: Thing
    seat: Seat | None = None
    face: FacePicture | None = field(default=None, repr=False)
    printed_identity: str | None = None
    size: float = 0.0


@dataclass(frozen=True, slots=True)
class ScenePlate:
    """A licence plate: text as it is read, and the jurisdiction whose style it wears (see `plates.STYLES`)."""

    text: str
    region: str


@dataclass(frozen=True, slots=True)
class SceneVehicle:
    """One vehicle: how it looks, how it moves, who is inside. It is at the capture plane at `t_capture_s`."""

    t_capture_s: float
    speed_mph: float = 20.0
    shape: Shape = Shape.SEDAN
    colour: tuple[int, int, int] = (96, 84, 74)
    """Paint as blue, green, red, 0-255."""
    plate: ScenePlate | None = None
    occupants: tuple[SceneOccupant, ...] = ()
    distractors: tuple[Distractor, ...] = ()
    lateral_m: float = 0.0
    transmission: float = 0.75
    """Share of light that the glass lets through; heavy tint is 0.1 to 0.4."""

    @property
    def speed_m_s(self) -> float:
        """Speed in metres per second."""
        return self.speed_mph * METRES_PER_MILE_HOUR


@dataclass(frozen=True, slots=True)
class Camera:
    """A pinhole camera on a mast above the lane, and its sensor. Lengths in metres, focal length in pixels."""

    width: int = 1280
    height: int = 720
    fps: int = 30
    focal_px: float = 7680.0
    height_m: float = 2.15
    z_capture_m: float = 12.0
    aim_height_m: float = 1.12
    """The height above the ground, at the capture plane, that lands in the middle of the picture."""
    exposure_s: float = 0.001
    max_exposures: int = 16
    """Most sub-exposures that one picture is the mean of."""
    defocus_px: float = 2.2
    """Standard deviation of the blur of something infinitely far away when the capture plane is in focus."""
    lens_px: float = 0.6
    """Standard deviation of the blur of the lens in focus."""
    full_well: float = 4000.0
    """Electrons at white: fewer means more shot noise."""
    read_noise: float = 0.004
    """Standard deviation of the read noise, as a share of white."""
    vignetting: float = 0.25
    """Share of light lost in the corners."""

    @property
    def px_per_m(self) -> float:
        """Pixels per metre at the capture plane."""
        return self.focal_px / self.z_capture_m


@dataclass(frozen=True, slots=True)
class Weather:
    """Light and what comes between the lens and a face."""

    light: Light = Light.DAY
    glare: float = 0.06
    """Mean light that the windshield reflects, as a share of white."""
    glint: bool = False
    """The sun's own reflection, on the glass."""
    rain: float = 0.0
    """0 is dry, 1 is a cloudburst; drops on the glass, streaks in the air, wipers that wipe."""
    headlights: float = 0.0
    """0 is off, 1 is full beam into the lens."""


@dataclass(frozen=True, slots=True)
class LaneScene:
    """Everything that one video shows. `seconds` of 0 means until the last vehicle has left the picture."""

    vehicles: tuple[SceneVehicle, ...]
    camera: Camera = field(default_factory=Camera)
    weather: Weather = field(default_factory=Weather)
    motion: Motion = Motion.TOWARD
    halts: tuple[Halt, ...] = ()
    """When everybody brakes and stands. Times of vehicles are those of driving, as if nobody ever stood."""
    seed: int = 0
    seconds: float = 0.0
    crf: int = 23
    """Quality of the H.264 stream: 18 is near lossless, 30 is poor."""
    name: str = "scene"


def check_scene(scene: LaneScene) -> None:
    """Raise `Invalid` when no video can be made of the scene."""
    camera = scene.camera
    if (
        camera.width % 2
        or camera.height % 2
        or not 64 <= camera.width <= 4096
        or not 64 <= camera.height <= 4096
    ):
        raise Invalid("the picture size must be even and between 64 and 4096 pixels a side")
    if not scene.vehicles and scene.seconds <= 0:
        raise Invalid("a scene without vehicles has no end", hint="Give it a length: seconds=3.")
    if not 0 < camera.exposure_s <= 1 / camera.fps:
        raise Invalid("the exposure must be longer than 0 and no longer than one frame")
    ordered = sorted(scene.halts, key=lambda halt: halt.at_s)
    if any(one.at_s + one.length_s > other.at_s for one, other in pairwise(ordered)):
        raise Invalid("a halt begins before the one before it is over")
    for vehicle in scene.vehicles:
        if vehicle.speed_mph <= 0:
            raise Invalid("a vehicle that stands still never leaves", hint="Give it a speed above 0 mph.")
        seats = [occupant.seat for occupant in vehicle.occupants]
        if len(set(seats)) != len(seats):
            raise Invalid("two occupants on one seat")
        if Seat.ROW3 in seats:
            raise Invalid("the simulator draws two rows of seats")
