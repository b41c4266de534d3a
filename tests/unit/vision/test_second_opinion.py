"""The second opinion: its file format is read exactly, its absence is ordinary, its doubt is an alarm and no decision."""

import struct
from pathlib import Path

import cv2
import numpy as np
import onnxruntime
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from wayseal.model.border import Pixels
from wayseal.model.errors import NotFound, WrongModel
from wayseal.vision import models
from wayseal.vision.detect import FaceDetector
from wayseal.vision.models_dlib import derive_dlib
from wayseal.vision.second_opinion import CHIP_POINTS, SecondOpinion, is_contradicted, rate_likeness
from wayseal.vision.template import align_matrix, make_template

Layer = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int, int]


def pack(*numbers: int) -> bytes:
    """Return whole numbers as dlib packs them."""
    out = b""
    for number in numbers:
        size = max(1, (number.bit_length() + 7) // 8)
        out += bytes([size]) + number.to_bytes(size, "little")
    return out


def tensor(values: np.ndarray) -> bytes:
    """Return a flat tensor as dlib writes it."""
    return pack(2, values.size, 1, 1, 1) + struct.pack(f"<{values.size}f", *values.ravel().tolist())


def small_network(rng: np.random.Generator) -> tuple[list[Layer], np.ndarray]:
    """Return a network of dlib's shape with few channels: stem, a plain block, two halving blocks, and the last matrix."""
    shapes = [(4, 3, 7, 2, 0), (4, 4, 3, 1, 1), (4, 4, 3, 1, 1), (6, 4, 3, 2, 0), (6, 6, 3, 1, 1), (6, 6, 3, 2, 0),
              (6, 6, 3, 1, 1)]  # fmt: skip
    layers = []
    for out, wide, side, stride, padding in shapes:
        weights = rng.normal(0, 0.3, (out, wide, side, side)).astype(np.float32)
        bias, gamma, beta = (rng.normal(0, 0.5, out).astype(np.float32) for _ in range(3))
        layers.append((weights, bias, gamma, beta, stride, padding))
    return layers, rng.normal(0, 1, (6, 5)).astype(np.float32)


def write_dat(layers: list[Layer], last: np.ndarray) -> bytes:
    """Return a network in dlib's file format."""
    out = b"head of the file"
    for weights, bias, gamma, beta, stride, padding in layers:
        count, _, side, _ = weights.shape
        out += (
            b"con_4"
            + tensor(np.r_[weights.ravel(), bias])
            + pack(count, side, side, stride, stride, padding, padding)
        )
        out += b"affine_" + tensor(np.r_[gamma, beta])
    return out + b"fc_2" + pack(last.shape[1], last.shape[0]) + tensor(last) + b"tail"


def convolve(x: np.ndarray, layer: Layer) -> np.ndarray:
    """Return convolution and affine layer by the definition."""
    weights, bias, gamma, beta, stride, padding = layer
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(x, weights.shape[2:], axis=(1, 2))[
        :, ::stride, ::stride
    ]
    out = np.einsum("cyxhw,ochw->oyx", windows, weights) + bias[:, None, None]
    return out * gamma[:, None, None] + beta[:, None, None]


def pool(x: np.ndarray, side: int, stride: int, how: str) -> np.ndarray:
    """Return maxima or means over windows that lie wholly inside."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (side, side), axis=(1, 2))[:, ::stride, ::stride]
    return windows.max(axis=(3, 4)) if how == "max" else windows.mean(axis=(3, 4))


def run_reference(chip: np.ndarray, layers: list[Layer], last: np.ndarray) -> np.ndarray:
    """Return the network's answer, computed step by step in NumPy."""
    x = (chip.astype(np.float64) - np.array([122.782, 117.001, 104.298])).transpose(2, 0, 1) / 256
    x = pool(np.maximum(convolve(x, layers[0]), 0), 3, 2, "max")
    for first, second in zip(layers[1::2], layers[2::2], strict=True):
        main = convolve(np.maximum(convolve(x, first), 0), second)
        if first[4] == 2:
            x = pool(x, 2, 2, "mean")
        both = np.zeros((len(main), *(max(a, b) for a, b in zip(x.shape[1:], main.shape[1:], strict=True))))
        both[:, : main.shape[1], : main.shape[2]] += main
        both[: len(x), : x.shape[1], : x.shape[2]] += x
        x = np.maximum(both, 0)
    return x.mean(axis=(1, 2)) @ last


def test_format_is_read_exactly() -> None:
    """A network written in dlib's format gives, as ONNX, the numbers of a step by step computation."""
    rng = np.random.default_rng(8)
    layers, last = small_network(rng)
    derived = derive_dlib(write_dat(layers, last))
    session = onnxruntime.InferenceSession(derived, providers=["CPUExecutionProvider"])
    chip = rng.integers(0, 255, (150, 150, 3), np.uint8)
    answer = session.run(None, {"input": chip[None]})[0][0]
    assert np.allclose(answer, run_reference(chip, layers, last), rtol=1e-3, atol=1e-3)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2000), st.binary(max_size=30))
@example(
    26, bytes.fromhex("0101070000000000000109000000000000000001")
)  # a tensor longer than any memory, found by chance
def test_damaged_file_refused(cut: int, tail: bytes) -> None:
    """A cut or altered file is refused as a wrong model, whatever the damage."""
    layers, last = small_network(np.random.default_rng(8))
    data = write_dat(layers, last)
    with pytest.raises(WrongModel):
        derive_dlib(data[: min(cut, len(data) - 200)] + tail)


def test_absence_is_ordinary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its file the second opinion is not there, says how to bring it, and nothing else fails."""
    monkeypatch.setenv("WAYSEAL_MODELS", str(tmp_path))
    monkeypatch.setattr(
        models, "find_carried", lambda *_: (_ for _ in ()).throw(NotFound("not installed", hint="--from DIR"))
    )
    with pytest.raises(NotFound) as caught:
        SecondOpinion()
    assert "--from" in caught.value.hint


def test_wrong_file_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another file under the right name is refused."""
    monkeypatch.setenv("WAYSEAL_MODELS", str(tmp_path / "models"))
    (tmp_path / models.find_model(models.SECOND_OPINION).file).write_bytes(b"something else")
    with pytest.raises(WrongModel):
        models.install_all(tmp_path)


def test_likeness_is_one_minus_distance() -> None:
    """Likeness uses the network's own lengths, and refuses templates of other models."""
    first, second = (make_template(np.array(raw, np.float32), "d" * 64) for raw in ([1.0, 0.5], [0.4, 0.5]))
    assert rate_likeness(first, second) == pytest.approx(0.4, abs=1e-6)
    assert rate_likeness(first, first) == pytest.approx(1)
    with pytest.raises(WrongModel):
        rate_likeness(first, make_template(np.array([1.0, 0], np.float32), "e" * 64))


def test_doubt_needs_a_match() -> None:
    """Only a match of the first network can be doubted by the second."""
    assert is_contradicted(0.5, 0.2, match=0.45, disagree=0.36)
    assert not is_contradicted(0.5, 0.5, match=0.45, disagree=0.36)
    assert not is_contradicted(0.3, 0.2, match=0.45, disagree=0.36)
    assert is_contradicted(0.5, float("nan"), match=0.45, disagree=0.36)
    assert not is_contradicted(float("nan"), 0.2, match=0.45, disagree=0.36)


def test_chip_points_are_upright() -> None:
    """A frontal face needs no turn to fit the chip."""
    matrix = align_matrix(CHIP_POINTS.astype(np.float32), CHIP_POINTS)
    assert np.allclose(matrix, [[1, 0, 0], [0, 1, 0]], atol=1e-4)


def test_real_network(detector: FaceDetector, astronaut: Pixels) -> None:
    """Where the site brought the file: one person in two pictures is alike, in 128 numbers of about length 1.4."""
    try:
        second = SecondOpinion()
    except NotFound:
        pytest.skip("the second network's file was not brought (wayseal models install --from DIR)")
    smaller = np.asarray(
        cv2.resize(astronaut, None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA), dtype=np.uint8
    )
    one, two = (second.embed(bgr, detector.detect(bgr)[0].landmarks) for bgr in (astronaut, smaller))
    assert one.vector.shape == (128,)
    assert 1.0 < one.strength < 1.8
    assert rate_likeness(one, two) > 0.7
