"""From light to a picture: focus, vignetting, shot and read noise, gain, the screen's curve, rain in the air.

Owns what happens between the lens and the encoder.
"""

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from wayseal.testing.lane.canvas import Array, to_screen
from wayseal.testing.lane.light import Levels
from wayseal.testing.lane.scene import Camera

_STEPS = 4096
_BANK_MARGIN = 96
_NIR = np.array([0.12, 0.30, 0.58], np.float32)
"""How much of each colour's reflectance a near-infrared picture resembles: skin and paint are bright in it."""


@dataclass(frozen=True, slots=True, eq=False)
class Sensor:
    """A sensor with its noise drawn beforehand: each picture takes another part of the bank, flipped by turns."""

    camera: Camera
    levels: Levels
    shade: Array = field(repr=False)
    bank: Array = field(repr=False)
    curve: NDArray[np.uint8] = field(repr=False)
    electrons: float
    """Electrons at white after gain."""

    def develop(self, light: Array, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Return 8-bit BGR of linear light. Changes `light`."""
        if self.levels.mono:
            light = np.repeat((light @ _NIR)[..., None], 3, axis=2)
        light = cv2.GaussianBlur(light, (0, 0), self.camera.lens_px) if self.camera.lens_px > 0 else light
        light *= self.shade
        light *= self.levels.gain
        dx, dy = rng.integers(0, _BANK_MARGIN, 2)
        noise = self.bank[dy : dy + light.shape[0], dx : dx + light.shape[1]]
        noise = noise[:: -1 if rng.integers(2) else 1, :: -1 if rng.integers(2) else 1]
        if self.levels.mono:
            noise = noise[..., :1]
        np.maximum(light, 0, out=light)
        read = self.camera.read_noise * self.levels.gain**0.5
        light += noise * np.sqrt(light / self.electrons + read**2)
        index = np.clip(light * ((_STEPS - 1) / 2.0), 0, _STEPS - 1).astype(np.uint16)
        picture: NDArray[np.uint8] = self.curve[index]
        return picture


def make_sensor(camera: Camera, levels: Levels, rng: np.random.Generator) -> Sensor:
    """Return the sensor of a camera in a light."""
    y = (np.arange(camera.height, dtype=np.float32)[:, None] - camera.height / 2) / (camera.height / 2)
    x = (np.arange(camera.width, dtype=np.float32)[None, :] - camera.width / 2) / (camera.width / 2)
    shade = (1 - camera.vignetting * (x * x + y * y) / 2)[..., None].astype(np.float32)
    size = camera.height + _BANK_MARGIN, camera.width + _BANK_MARGIN, 3
    bank = rng.standard_normal(size, np.float32)
    light = np.linspace(0, 2.0, _STEPS, dtype=np.float32)
    knee = np.where(light < 0.7, light, 0.7 + 0.3 * (1 - np.exp(-(light - 0.7) / 0.3)))
    curve = np.round(to_screen(knee)).astype(np.uint8)
    collected = camera.full_well * float(np.clip(camera.exposure_s / 0.001, 0.25, 4.0))
    return Sensor(camera, levels, shade, bank, curve, collected / levels.gain)


def blur_layer(pixels: Array, camera: Camera, range_m: float) -> Array:
    """Return premultiplied light as a lens sees it that is focused on the capture plane."""
    spread = camera.defocus_px * abs(1 - camera.z_capture_m / max(range_m, 0.5))
    if spread < 0.25:
        return pixels
    blurred: Array = cv2.GaussianBlur(pixels, (0, 0), min(spread, 9.0))
    return blurred


def rain_air(light: Array, amount: float, rng: np.random.Generator, brightness: float) -> None:
    """Add falling drops to the picture, in place: short bright streaks, longer and softer the nearer they fall."""
    rows, columns = light.shape[:2]
    sheet = np.zeros((rows, columns), np.uint8)
    for _ in range(round(260 * amount * rows * columns / 921600)):
        x, y = int(rng.integers(0, columns)), int(rng.integers(-60, rows))
        length, value = int(rng.integers(8, 46)), int(rng.integers(30, 150))
        cv2.line(sheet, (x, y), (x + length // 12, y + length), value, 1, cv2.LINE_AA)
    streaks = cv2.GaussianBlur(sheet, (0, 0), 0.7).astype(np.float32) * (0.55 * brightness / 255)
    light += streaks[..., None]
    light *= 1 - 0.06 * amount
    light += 0.03 * amount * brightness
