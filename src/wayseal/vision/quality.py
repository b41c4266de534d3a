"""How usable a face picture is: components with the names of ISO/IEC 29794-5, one score, reasons an officer can act on.

The unified score estimates the similarity that the picture would reach with a clean picture of the same person. Its weights
are data with their provenance (quality_weights.toml, made by tools/fit_quality.py). It never sees the gallery: choosing
frames by likeness to enrolled people would turn an unknown traveller into the nearest known one.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wayseal.model.border import Quality
from wayseal.vision.quality_measure import FaceMeasures

FULL_COSINE = 0.75
"""The similarity to a clean picture of the same person that counts as 100: what good pairs reach with SFace."""
RECOGNISABLE = 35
"""Score under which a face, probe or enrolment, must not be compared: blurred faces match each other."""
ACCEPTABLE = 50.0
"""Component value under which a component becomes a reason."""

REASON_TEXTS = {
    "unrecognisable": "cannot be recognised: retake",
    "too_small": "too few pixels: move closer or use a longer lens",
    "motion_blur": "smeared by movement: shorten the exposure",
    "too_blurred": "blurred: refocus or clean the glass",
    "too_dark": "too dark: retake with more light",
    "too_bright": "too bright: retake with less light",
    "low_contrast": "veiled by reflection: change the angle of the light",
    "uneven_light": "half in shadow: light both sides",
    "too_noisy": "noisy: more light, less gain",
    "turned_away": "turned away: look at the camera",
    "tilted": "head tilted: hold it upright",
    "eyes_covered": "eyes covered: take off the sunglasses",
    "mouth_covered": "mouth covered: take off the mask",
}
"""Each reason code in plain words, with what to do about it."""
_REASONS = {
    "inter_eye_distance": "too_small",
    "sharpness": "too_blurred",
    "motion_blur_prevention": "motion_blur",
    "under_exposure_prevention": "too_dark",
    "over_exposure_prevention": "too_bright",
    "dynamic_range": "low_contrast",
    "illumination_uniformity": "uneven_light",
    "noise_prevention": "too_noisy",
    "head_pose_yaw": "turned_away",
    "head_pose_pitch": "turned_away",
    "head_pose_roll": "tilted",
    "eyes_visible": "eyes_covered",
    "mouth_occlusion_prevention": "mouth_covered",
}
FRONTAL_PITCH = 5.0
"""What `pitch` reads, in degrees, on faces that look straight at the camera (median of the fitting set)."""


@dataclass(frozen=True, slots=True, eq=False)
class ScoreWeights:
    """A linear estimate of the mated cosine from standardised features: `intercept + coefficients . (f - mean) / scale`."""

    names: tuple[str, ...]
    intercept: float
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    coefficients: NDArray[np.float64]

    def estimate(self, features: dict[str, float]) -> float:
        """Return the estimated cosine; features beyond three deviations count as three."""
        values = np.array([features[name] for name in self.names])
        return float(self.intercept + self.coefficients @ np.clip((values - self.mean) / self.scale, -3, 3))


def parse_weights(part: dict[str, Any]) -> ScoreWeights:
    """Return the weights in one table of a weights file."""
    return ScoreWeights(
        tuple(part["names"]),
        part["intercept"],
        np.array(part["mean"]),
        np.array(part["scale"]),
        np.array(part["coefficients"]),
    )


def rate_face(
    measures: FaceMeasures, *, strength: float | None = None, model_sha256: str | None = None
) -> Quality:
    """Return the quality of a measured face. With the template's `strength` the score is surer (AUC 0.93 for 0.88).

    A strength says something only under the model that the weights were fitted with: give `model_sha256`, and that of
    another model is left out.
    """
    if model_sha256 not in {None, _read_weights()["provenance"]["model_sha256"]}:
        strength = None
    estimate = _load_weights()["blind" if strength is None else "embedded"].estimate(
        name_features(measures, strength)
    )
    score = int(np.clip(round(100 * estimate / FULL_COSINE), 0, 100))
    components = rate_components(measures)
    poor = sorted(
        (value, name) for name, value in components.items() if value < ACCEPTABLE and name in _REASONS
    )
    reasons = list(dict.fromkeys(_REASONS[name] for _, name in poor))
    if score < RECOGNISABLE:
        reasons.append("unrecognisable")
    if strength is not None:
        components["template_strength"] = _scale(strength, 7.0, 14.0)
    return Quality(score, {name: round(value, 1) for name, value in components.items()}, tuple(reasons))


def is_recognisable(quality: Quality) -> bool:
    """Return whether a face may be compared at all: the gate for probes and enrolments alike."""
    return quality.score >= RECOGNISABLE


def rate_components(m: FaceMeasures) -> dict[str, float]:
    """Return the components, each 0-100, 100 best. Names: ISO/IEC 29794-5, as far as it has them."""
    smear = 100.0 if m.detail[2] > -0.55 else _scale(m.isotropy, 0.5, 0.95)
    return {
        "inter_eye_distance": _scale(np.log(max(m.inter_eye_px, 1.0)), np.log(7.0), np.log(45.0)),
        "sharpness": _scale(m.detail[2] + m.detail[1], -2.1, -1.0),
        "motion_blur_prevention": smear,
        "under_exposure_prevention": 100 * (1 - m.dark_share) * _scale(m.luma_mean, 5.0, 60.0) / 100,
        "over_exposure_prevention": 100 * (1 - min(1.0, 1.5 * m.bright_share)),
        "dynamic_range": _scale(m.contrast, 10.0, 110.0),
        "illumination_uniformity": _scale(m.side_balance, 0.1, 0.8),
        "noise_prevention": _scale(-m.noise, -18.0, -2.0),
        "head_pose_yaw": 100 * float(np.cos(np.radians(m.yaw)) ** 2),
        "head_pose_pitch": 100 * float(np.cos(np.radians(m.pitch - FRONTAL_PITCH)) ** 2),
        "head_pose_roll": 100 * float(np.cos(np.radians(m.roll)) ** 2),
        "eyes_visible": _scale(m.eye_light, 0.3, 0.68),
        "mouth_occlusion_prevention": _scale(m.mouth_edges, 0.0, 0.5),
        "detection_confidence": _scale(m.detector_score, 0.5, 0.95),
    }


def name_features(m: FaceMeasures, strength: float | None = None) -> dict[str, float]:
    """Return the numbers that the unified score is a sum of, by name."""
    features = {
        "size": float(np.log(np.clip(m.inter_eye_px, 5, 120) / 30)),
        "detail_fine": m.detail[0],
        "detail_middle": m.detail[1],
        "detail_coarse": m.detail[2],
        "detail_widest": m.detail[3],
        "isotropy": m.isotropy,
        "noise": float(np.log1p(m.noise)),
        "contrast": float(np.log(max(m.contrast, 5.0) / 120)),
        "dark": m.dark_share,
        "bright": m.bright_share,
        "balance": m.side_balance,
        "yaw": min(abs(m.yaw), 60.0) / 30,
        "pitch": min(abs(m.pitch - FRONTAL_PITCH), 60.0) / 30,
        "points": float(np.log(np.clip(m.point_error, 0.3, 10))),
        "score": float(np.clip(m.detector_score, 0.5, 0.95)),
    }
    if strength is not None:
        features["strength"] = strength / 13
        features["strength_low"] = min(strength / 13 - 0.9, 0.0)
    return features


@cache
def _read_weights() -> dict[str, dict[str, Any]]:
    """Return the weights file: `provenance`, and a table for each of the two scores."""
    return tomllib.loads(files("wayseal.vision").joinpath("quality_weights.toml").read_text())


@cache
def _load_weights() -> dict[str, ScoreWeights]:
    """Return the fitted weights: `blind` before, `embedded` after the template is there."""
    return {kind: parse_weights(part) for kind, part in _read_weights().items() if kind != "provenance"}


def _scale(value: float, low: float, high: float) -> float:
    """Return `value` as 0-100 between `low` and `high`."""
    return float(np.clip(100 * (value - low) / (high - low), 0, 100))
