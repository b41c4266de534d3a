"""Quality: each defect lowers its own component and gives its own reason; the score predicts recognisability."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wayseal.model.border import Pixels, Quality
from wayseal.vision.condition import Treatment, apply_treatment, choose_treatment
from wayseal.vision.detect import FaceDetector
from wayseal.vision.quality import REASON_TEXTS, is_recognisable, rate_face
from wayseal.vision.quality_measure import FACE_MODEL, estimate_noise, measure_face, measure_pose
from wayseal.vision.template import OnnxFaceModel, align_face


@pytest.fixture(scope="module")
def rate(detector: FaceDetector, sface: OnnxFaceModel, astronaut: Pixels) -> Callable[[Pixels], Quality]:
    """Rate a changed copy of the portrait at the points of the original, so that only pixels differ."""
    found = detector.detect(astronaut)[0]

    def rate_copy(bgr: Pixels) -> Quality:
        crop = align_face(bgr, found.landmarks)
        strength = sface.embed([crop])[0].strength
        return rate_face(measure_face(bgr, found, crop), strength=strength)

    return rate_copy


def smear(bgr: Pixels, length: int, angle: float) -> Pixels:
    """Return a picture smeared along a direction."""
    kernel = np.zeros((2 * length + 1, 2 * length + 1), np.float32)
    reach = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))]) * length / 2
    first, last = (length - reach).round().astype(int), (length + reach).round().astype(int)
    cv2.line(kernel, tuple(map(int, first)), tuple(map(int, last)), 1, 1)
    return np.asarray(cv2.filter2D(bgr, -1, kernel / kernel.sum()), dtype=np.uint8)


def scaled(bgr: Pixels, gain: float, offset: float = 0.0) -> Pixels:
    """Return a picture with its grey levels scaled and moved."""
    return np.clip(bgr * gain + offset, 0, 255).astype(np.uint8)


def half_dark(bgr: Pixels) -> Pixels:
    """Return the portrait with the left half of the face in shadow."""
    shadow = bgr.copy()
    shadow[:, :222] = scaled(shadow[:, :222], 0.12)
    return shadow


def with_noise(bgr: Pixels) -> Pixels:
    """Return the portrait with heavy noise."""
    return np.clip(bgr + np.random.default_rng(4).normal(0, 30, bgr.shape), 0, 255).astype(np.uint8)


def with_sunglasses(bgr: Pixels) -> Pixels:
    """Return the portrait with dark glasses painted on."""
    out = bgr.copy()
    for eye in ((200, 102), (247, 103)):
        cv2.ellipse(out, eye, (20, 14), 0, 0, 360, (15, 15, 15), -1)
    return out


def with_mask(bgr: Pixels) -> Pixels:
    """Return the portrait with a plain mask painted over nose and mouth."""
    out = bgr.copy()
    cv2.ellipse(out, (221, 146), (40, 30), 0, 0, 360, (205, 200, 190), -1)
    return out


@pytest.mark.parametrize(
    ("spoil", "component", "reason"),
    [
        (lambda bgr: scaled(bgr, 0.08), "under_exposure_prevention", "too_dark"),
        (lambda bgr: scaled(bgr, 2.5, 120), "over_exposure_prevention", "too_bright"),
        (lambda bgr: scaled(bgr, 0.15, 160), "dynamic_range", "low_contrast"),
        (half_dark, "illumination_uniformity", "uneven_light"),
        (with_noise, "noise_prevention", "too_noisy"),
        (
            lambda bgr: np.asarray(cv2.GaussianBlur(bgr, (0, 0), 5), dtype=np.uint8),
            "sharpness",
            "too_blurred",
        ),
        (with_sunglasses, "eyes_visible", "eyes_covered"),
        (with_mask, "mouth_occlusion_prevention", "mouth_covered"),
    ],
    ids=["dark", "bright", "veil", "shadow", "noise", "blur", "sunglasses", "mask"],
)
def test_defect_has_its_reason(
    rate: Callable[[Pixels], Quality],
    astronaut: Pixels,
    spoil: Callable[[Pixels], Pixels],
    component: str,
    reason: str,
) -> None:
    """Each defect lowers its component well below the clean picture's and names its reason in plain words."""
    clean, poor = rate(astronaut), rate(spoil(astronaut))
    assert poor.components[component] < clean.components[component] - 25
    assert reason in poor.reasons
    assert reason not in clean.reasons
    assert REASON_TEXTS[reason]
    assert poor.score < clean.score


def test_clean_portrait_has_no_reason(rate: Callable[[Pixels], Quality], astronaut: Pixels) -> None:
    """A good portrait has no reason against it, and every component lies in 0-100."""
    clean = rate(astronaut)
    assert clean.reasons == ()
    assert clean.score > 60
    assert all(0 <= value <= 100 for value in clean.components.values())
    assert is_recognisable(clean)


def test_score_falls_as_blur_grows(rate: Callable[[Pixels], Quality], astronaut: Pixels) -> None:
    """More blur, lower score, down to a face that must not be compared."""
    levels = [
        rate(np.asarray(cv2.GaussianBlur(astronaut, (0, 0), s), dtype=np.uint8)) for s in (0.5, 3, 6, 12)
    ]
    scores = [level.score for level in levels]
    assert scores == sorted(scores, reverse=True)
    assert not is_recognisable(levels[-1])
    assert "unrecognisable" in levels[-1].reasons


@pytest.mark.parametrize("angle", [0, 45, 90, 135])
def test_smear_direction(detector: FaceDetector, astronaut: Pixels, angle: float) -> None:
    """The direction of a smear is found within 25 degrees, and a smear is told from a round blur of like strength."""
    found = detector.detect(astronaut)[0]
    moved = measure_face(smear(astronaut, 15, angle), found)
    still = measure_face(np.asarray(cv2.GaussianBlur(astronaut, (0, 0), 4), dtype=np.uint8), found)
    assert abs((moved.motion_angle - angle + 90) % 180 - 90) < 25
    assert moved.isotropy < still.isotropy


def test_pose_from_points() -> None:
    """Turning the mean face by known angles gives these angles back."""
    for yaw, pitch in ((0, 0), (30, 0), (-20, 0), (0, 20), (25, -15)):
        a, b = np.radians(yaw), np.radians(pitch)
        about_y = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
        about_x = np.array([[1, 0, 0], [0, np.cos(b), np.sin(b)], [0, -np.sin(b), np.cos(b)]])
        points = (FACE_MODEL @ about_y.T @ about_x.T)[:, :2].astype(np.float32) * 0.8 + 100
        found_yaw, found_pitch, _ = measure_pose(points)
        assert found_yaw == pytest.approx(yaw, abs=6)
        assert found_pitch == pytest.approx(pitch, abs=6)


def test_roll_follows_the_eyes() -> None:
    """Roll is the eyes' own angle; points in one place give zeros instead of an error."""
    points = np.array([[0, 0], [10, 10], [3, 12], [-4, 14], [4, 22]], np.float32)
    assert measure_pose(points)[2] == pytest.approx(45, abs=0.1)
    assert measure_pose(np.zeros((5, 2), np.float32)) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("sigma", [2.0, 8.0, 20.0])
def test_noise_estimate(sigma: float, astronaut: Pixels) -> None:
    """The estimate follows the added noise and hardly sees edges."""
    grey = np.asarray(
        cv2.GaussianBlur(cv2.cvtColor(astronaut, cv2.COLOR_BGR2GRAY), (0, 0), 1.5), dtype=np.uint8
    )
    noisy = np.clip(grey + np.random.default_rng(1).normal(0, sigma, grey.shape), 0, 255).astype(np.uint8)
    assert estimate_noise(grey) < 1
    assert estimate_noise(noisy) == pytest.approx(sigma, rel=0.25)


@given(st.integers(1, 12), st.integers(1, 12))
def test_measures_of_tiny_regions(height: int, width: int) -> None:
    """Regions of any size, down to one pixel, have a noise and a treatment."""
    luma = np.full((height, width), 90, np.uint8)
    assert estimate_noise(luma) == 0
    assert choose_treatment(luma) in set(Treatment)


def test_strength_of_another_model_is_left_out(detector: FaceDetector, astronaut: Pixels) -> None:
    """The length of another model's vectors means nothing to the fitted weights, so the score does without."""
    measures = measure_face(astronaut, detector.detect(astronaut)[0])
    other = rate_face(measures, strength=24.0, model_sha256="0" * 64)
    assert other == rate_face(measures)
    assert other != rate_face(measures, strength=24.0)


def test_face_at_the_edge(detector: FaceDetector, astronaut: Pixels) -> None:
    """A face cut by the picture's edge is measured without an error."""
    cut = np.ascontiguousarray(astronaut[80:, 190:])
    for found in detector.detect(cut, threshold=0.3):
        measures = measure_face(cut, found)
        assert 0 <= rate_face(measures).score <= 100


def test_treatment_is_chosen_by_defect() -> None:
    """Noise asks for smoothing, a veil for stretching, a noisy veil for both, a good picture for nothing."""
    rng = np.random.default_rng(6)
    ramp = np.tile(np.linspace(0, 255, 200), (200, 1))
    assert choose_treatment(ramp.astype(np.uint8)) is Treatment.NONE
    noisy = np.clip(ramp + rng.normal(0, 15, ramp.shape), 0, 255).astype(np.uint8)
    assert choose_treatment(noisy) is Treatment.SMOOTH
    veiled = (ramp * 0.3 + 150).astype(np.uint8)
    assert choose_treatment(veiled) is Treatment.STRETCH
    grainy = np.clip(ramp * 0.3 + 150 + rng.normal(0, 5, ramp.shape), 0, 255).astype(np.uint8)
    assert choose_treatment(grainy) is Treatment.SMOOTH_STRETCH
    night = np.clip(ramp * 0.2 + rng.normal(0, 8, ramp.shape), 0, 255).astype(np.uint8)
    assert choose_treatment(night) is Treatment.DENOISE_STRETCH


def test_stretch_fills_the_range(astronaut: Pixels) -> None:
    """Stretching a veiled picture brings back its range; no treatment changes nothing."""
    veiled = scaled(astronaut, 0.2, 180)
    stretched = apply_treatment(veiled, Treatment.STRETCH)
    assert int(stretched.max()) - int(stretched.min()) == 255
    assert apply_treatment(veiled, Treatment.NONE) is veiled
    flat = np.full((20, 20, 3), 7, np.uint8)
    assert apply_treatment(flat, Treatment.SMOOTH_STRETCH).shape == flat.shape
