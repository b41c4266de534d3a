"""How bright things are: the levels of each kind of light, relative to white on the sensor.

Owns the numbers that tell day from night. One place to tune them.
"""

from dataclasses import dataclass, field

import numpy as np

from wayseal.testing.lane.canvas import Array
from wayseal.testing.lane.scene import Camera, Light, Weather


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """Linear light of blue, green, red: on bodies, in the cabin, on the ground; what glass adds; what the sensor does."""

    outside: Array = field(repr=False)
    cabin: Array = field(repr=False)
    ground: Array = field(repr=False)
    mirrored: float
    lamps: float
    glint: float
    gain: float
    """Amplification after the electrons are counted."""
    mono: bool
    passes: int
    """How often the light that shows a face crosses the glass: once by day, twice from an illuminator."""
    lit_at_m: float
    """The range at which an illuminator on the mast gives its nominal light; 0 where the light is the sun's."""

    def falloff(self, range_m: float) -> float:
        """Return the share of an illuminator's light that is left at a range: the inverse square law."""
        if self.lit_at_m == 0:
            return 1.0
        return float(min((self.lit_at_m / max(range_m, 1.0)) ** 2, 2.5))


def _tint(blue: float, green: float, red: float) -> Array:
    return np.array([blue, green, red], np.float32)


def set_levels(weather: Weather, camera: Camera) -> Levels:
    """Return the levels of a weather at a camera."""
    glare, lamps, lit = weather.glare, weather.headlights, camera.z_capture_m
    match weather.light:
        case Light.DAY:
            outside, cabin, ground = _tint(1.04, 1.0, 0.98), _tint(0.70, 0.70, 0.70), _tint(1, 1, 1)
            glint = 1.0 if weather.glint else 0.0
            return Levels(
                outside, cabin, ground, glare, lamps * 0.5, glint, 1.35, mono=False, passes=1, lit_at_m=0
            )
        case Light.OVERCAST:
            outside, cabin, ground = _tint(0.66, 0.62, 0.60), _tint(0.46, 0.45, 0.45), _tint(0.62, 0.60, 0.58)
            return Levels(
                outside, cabin, ground, glare * 1.1, lamps * 0.6, 0, 1.9, mono=False, passes=1, lit_at_m=0
            )
        case Light.DUSK:
            outside, cabin, ground = (
                _tint(0.135, 0.11, 0.10),
                _tint(0.080, 0.076, 0.075),
                _tint(0.12, 0.10, 0.09),
            )
            return Levels(
                outside, cabin, ground, glare * 0.22, lamps * 0.22, 0, 6.5, mono=False, passes=1, lit_at_m=0
            )
        case Light.STROBE:
            outside, cabin, ground = _tint(0.62, 0.62, 0.62), _tint(0.95, 0.95, 0.95), _tint(0.16, 0.15, 0.15)
            return Levels(
                outside, cabin, ground, glare * 0.10, lamps * 0.8, 0, 1.3, mono=False, passes=2, lit_at_m=lit
            )
        case _:
            outside, cabin, ground = _tint(0.55, 0.55, 0.55), _tint(0.95, 0.95, 0.95), _tint(0.16, 0.16, 0.16)
            return Levels(
                outside, cabin, ground, glare * 0.12, lamps, 0, 1.3, mono=True, passes=2, lit_at_m=lit
            )
