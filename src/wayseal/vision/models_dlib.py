"""The dlib face network (2017, public domain) as an ONNX graph, read from its own file format. Bytes in, bytes out.

A second opinion beside the main model, never alone: its impostor scores rise on poor pictures. Nothing of dlib runs here.
Layout: after each layer's tag comes a tensor (four sizes, then little-endian 32-bit floats) and the layer's whole numbers;
layers follow each other from the input on. Batch norms were frozen into `affine_` layers, which are folded into the
convolution before them.
"""

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from wayseal.model.errors import WrongModel
from wayseal.vision.models_derive import write_graph

CHIP = 150
_MEAN = np.array([122.782, 117.001, 104.298], np.float32)
_LAYER = re.compile(rb"con_4|affine_|fc_2")
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Convolution:
    """One convolution with its affine layer folded in: weights (out, in, height, width), bias, stride, padding."""

    weights: Floats
    bias: Floats
    stride: int
    padding: int


def derive_dlib(data: bytes) -> bytes:
    """Return the network as ONNX: bytes (1, 150, 150, 3) RGB in, 128 floats out, not of unit length.

    Raises `WrongModel` when the bytes are not that network.
    """
    try:
        return _build_graph(*_read_layers(data))
    except (ArithmeticError, LookupError, ValueError, TypeError):
        raise WrongModel("the file is not dlib's face network") from None


def _build_graph(layers: list[Convolution], last: Floats) -> bytes:
    """Return the residual network of these layers as ONNX."""
    build = _Builder()
    name = build.add(
        "Sub", [build.add("Cast", ["input"], to=onnx.TensorProto.FLOAT), build.keep("mean", _MEAN)]
    )
    name = build.add("Mul", [name, build.keep("scale", np.array(1 / 256, np.float32))])
    name = build.add("Transpose", [name], perm=[0, 3, 1, 2])
    name = build.add("Relu", [build.convolve(name, layers[0])])
    name = build.add("MaxPool", [name], kernel_shape=[3, 3], strides=[2, 2])
    side, channels = 35, len(layers[0].bias)
    for first, second in zip(layers[1::2], layers[2::2], strict=True):
        name, side, channels = build.add_block(name, first, second, side, channels)
    name = build.add("Flatten", [build.add("GlobalAveragePool", [name])])
    build.nodes.append(helper.make_node("MatMul", [name, build.keep("last", last)], ["template"]))
    source = helper.make_tensor_value_info("input", onnx.TensorProto.UINT8, [1, CHIP, CHIP, 3])
    output = helper.make_tensor_value_info("template", onnx.TensorProto.FLOAT, None)
    return write_graph("dlib_resnet", build.nodes, build.constants, source, [output])


class _Builder:
    """The nodes and constants of a graph under construction."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: dict[str, NDArray[Any]] = {}

    def keep(self, name: str, value: NDArray[Any]) -> str:
        """Add a constant; return its name."""
        self.constants[name] = value
        return name

    def add(self, operation: str, sources: list[str], **attributes: Any) -> str:
        """Add a node; return the name of its output."""
        name = f"n{len(self.nodes)}"
        self.nodes.append(helper.make_node(operation, sources, [name], **attributes))
        return name

    def convolve(self, source: str, layer: Convolution) -> str:
        """Add a convolution; return the name of its output."""
        number = len(self.nodes)
        parts = [source, self.keep(f"w{number}", layer.weights), self.keep(f"b{number}", layer.bias)]
        return self.add("Conv", parts, strides=[layer.stride] * 2, pads=[layer.padding] * 4)

    def pad(self, source: str, grow: int, channels: int) -> str:
        """Add zeros below and right of a picture and behind its channels."""
        if not grow and not channels:
            return source
        number = len(self.nodes)
        sizes = np.array([0, 0, 0, 0, 0, channels, grow, grow], np.int64)
        return self.add("Pad", [source, self.keep(f"p{number}", sizes)])

    def add_block(
        self, source: str, first: Convolution, second: Convolution, side: int, channels: int
    ) -> tuple[str, int, int]:
        """Add a residual block; a first stride of 2 halves the size beside a 2x2 average. Return (name, side, channels)."""
        main = self.convolve(self.add("Relu", [self.convolve(source, first)]), second)
        main_side = (side + 2 * first.padding - 3) // first.stride + 1
        wide = len(second.weights)
        if first.stride == 2:
            source, side = self.add("AveragePool", [source], kernel_shape=[2, 2], strides=[2, 2]), side // 2
        both = max(side, main_side)
        main = self.pad(main, both - main_side, 0)
        source = self.pad(source, both - side, wide - channels)
        return self.add("Relu", [self.add("Add", [main, source])]), both, wide


def _read_layers(data: bytes) -> tuple[list[Convolution], Floats]:
    """Return the convolutions from the input on, affine layers folded in, and the last (256, 128) matrix."""
    layers: list[Convolution] = []
    place, channels = 0, 3
    while (found := _LAYER.search(data, place)) is not None:
        tag, place = found.group(), found.end()
        if tag == b"fc_2":
            numbers, place = _read_integers(data, place, 2)
            matrix, _ = _read_tensor(data, place)
            return layers, matrix.reshape(numbers[1], numbers[0])
        values, place = _read_tensor(data, place)
        if tag == b"con_4":
            (count, height, width, stride, _, padding, _), place = _read_integers(data, place, 7)
            weights = values[:-count].reshape(count, channels, height, width)
            layers.append(Convolution(weights, values[-count:], stride, padding))
            channels = count
        else:
            layers[-1] = _fold_affine(layers[-1], values)
    raise ValueError("no last layer")


def _fold_affine(layer: Convolution, values: Floats) -> Convolution:
    """Return a convolution that also scales by the first half of `values` and adds the second."""
    gamma, beta = np.split(values, 2)
    weights = (layer.weights * gamma[:, None, None, None]).astype(np.float32)
    return Convolution(weights, (layer.bias * gamma + beta).astype(np.float32), layer.stride, layer.padding)


def _read_integers(data: bytes, place: int, count: int) -> tuple[list[int], int]:
    """Return `count` packed whole numbers (a length byte, then little-endian bytes) and the place after them."""
    numbers = []
    for _ in range(count):
        size = data[place] & 0x0F
        numbers.append(int.from_bytes(data[place + 1 : place + 1 + size], "little"))
        place += 1 + size
    return numbers, place


def _read_tensor(data: bytes, place: int) -> tuple[Floats, int]:
    """Return a tensor's values, flat, and the place after them."""
    numbers, place = _read_integers(data, place, 5)
    if numbers[0] != 2:
        raise ValueError("another tensor format")
    count = math.prod(numbers[1:])
    if place + 4 * count > len(data):
        raise ValueError("a tensor beyond the end")
    return np.frombuffer(data, "<f4", count, place).astype(np.float32), place + 4 * count
