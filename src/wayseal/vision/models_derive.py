"""Rewrites of carried ONNX graphs into the ones that run: same numbers, fewer operations, any picture size.

Pure functions from bytes to bytes; they know nothing of files or pins. The result is deterministic for one version of
the onnx package; `content_digest` is the same for all of them, and that is what a pin falls back on.
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from wayseal.model.errors import WrongModel

Constants = dict[str, NDArray[Any]]


def derive_detector(data: bytes) -> bytes:
    """Return YuNet with plain float weights that takes any (1, 3, H, W) of bytes with H and W multiples of 32.

    Bytes in place of floats save the caller a fresh 11 MB array a frame. The carried file fixes its outputs to 640x640 by Reshape constants; their middle dimension becomes free.
    """
    graph, constants = _parse(data)
    nodes = _fold_weights(graph, constants)
    for node in nodes:
        target = constants.get(node.input[1]) if node.op_type == "Reshape" else None
        if target is not None and target.ndim == 1 and target.size == 3:
            constants[node.input[1]] = np.array([1, -1, int(target[2])], dtype=np.int64)
    _rename_input(nodes, "input", "values")
    nodes.insert(0, helper.make_node("Cast", ["input"], ["values"], to=onnx.TensorProto.FLOAT))
    source = helper.make_tensor_value_info("input", onnx.TensorProto.UINT8, [1, 3, "height", "width"])
    return write_graph("yunet", nodes, constants, source, graph.output)


def derive_embedder(data: bytes) -> bytes:
    """Return SFace with plain float weights, one input, a free batch size, and PReLU written as ReLU arithmetic.

    PReLU(x) = a*x + (1 - a)*ReLU(x) with one `a` a channel: onnxruntime runs it in half the time of its PRelu.
    """
    graph, constants = _parse(data)
    nodes: list[Any] = []
    for node in _fold_weights(graph, constants):
        nodes += _split_prelu(node, constants) if node.op_type == "PRelu" else [node]
    source = helper.make_tensor_value_info("data", onnx.TensorProto.FLOAT, ["batch", 3, 112, 112])
    return write_graph("sface", nodes, constants, source, graph.output)


def derive_reader(data: bytes) -> bytes:
    """Return PP-OCR's recogniser with a second output: the features (batch, T, 120) that its classes are weighed from."""
    model = _load(data)
    made = {node.output[0]: node for node in model.graph.node}
    node = made[model.graph.output[0].name]
    while node.op_type != "MatMul":
        node = made[node.input[0]]
    model.graph.output.append(helper.make_tensor_value_info(node.input[0], onnx.TensorProto.FLOAT, None))
    return bytes(model.SerializeToString(deterministic=True))


def content_digest(data: bytes) -> str:
    """Return SHA-256 (hex) over a graph's operations, attributes and constants in order.

    Other than the file's own SHA-256 it does not depend on how a version of onnx or protobuf lays out bytes.
    """
    model = _load(data)
    digest = hashlib.sha256()
    for node in model.graph.node:
        digest.update(repr((node.op_type, tuple(node.input), tuple(node.output))).encode())
        for attribute in sorted(node.attribute, key=lambda item: str(item.name)):
            value = helper.get_attribute_value(attribute)
            if isinstance(value, onnx.TensorProto):
                value = numpy_helper.to_array(value).tolist()
            elif not isinstance(value, bytes | int | float):
                value = list(value)
            digest.update(repr((attribute.name, value)).encode())
    for tensor in sorted(model.graph.initializer, key=lambda item: str(item.name)):
        array = np.ascontiguousarray(numpy_helper.to_array(tensor))
        digest.update(repr((tensor.name, array.dtype.str, array.shape)).encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _load(data: bytes) -> Any:
    """Return the parsed ONNX model. Raises `WrongModel` when the bytes are none."""
    try:
        return onnx.load_model_from_string(data)
    except Exception:  # noqa: BLE001 - protobuf's DecodeError differs between its implementations
        raise WrongModel("the file is not an ONNX model") from None


def _parse(data: bytes) -> tuple[Any, Constants]:
    """Return the graph and its constants by name."""
    graph = _load(data).graph
    return graph, {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}


def _fold_weights(graph: Any, constants: Constants) -> list[Any]:
    """Return the nodes that remain when dequantised weights and their reshapes have become constants."""
    remaining = []
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in constants:
            quantised, scale, zero = (constants[name] for name in node.input)
            constants[node.output[0]] = _dequantise(quantised, scale, zero, node)
        elif node.op_type == "Reshape" and all(name in constants for name in node.input):
            weight, shape = (constants[name] for name in node.input)
            constants[node.output[0]] = weight.reshape([int(side) for side in shape])
        elif node.op_type == "Dropout":
            constants.pop(node.output[0], None)
            _rename_input(graph.node, node.output[0], node.input[0])
        else:
            remaining.append(node)
    return remaining


def _dequantise(
    quantised: NDArray[Any], scale: NDArray[Any], zero: NDArray[Any], node: Any
) -> NDArray[np.float32]:
    """Return (q - zero) * scale as DequantizeLinear of opset 21 defines it: per tensor, per axis, or blocked."""
    attributes = {item.name: helper.get_attribute_value(item) for item in node.attribute}
    axis, block = int(attributes.get("axis", 1)), int(attributes.get("block_size", 0))
    if block:
        scale, zero = (np.repeat(part, block, axis=axis) for part in (scale, zero))
        keep = tuple(slice(0, side) for side in quantised.shape)
        scale, zero = scale[keep], zero[keep]
    elif scale.ndim == 1 and scale.size > 1:
        sides = [1] * quantised.ndim
        sides[axis] = -1
        scale, zero = scale.reshape(sides), zero.reshape(sides)
    centred = (quantised.astype(np.int32) - zero.astype(np.int32)).astype(np.float32)
    return np.asarray(centred * scale, dtype=np.float32)


def _split_prelu(node: Any, constants: Constants) -> list[Any]:
    """Return a*x + (1 - a)*ReLU(x) in place of a PRelu node, adding its two constants."""
    source, slope_name = node.input
    slope = constants[slope_name]
    name = node.output[0]
    constants[f"{name}_slope"] = slope
    constants[f"{name}_rest"] = (np.float32(1) - slope).astype(np.float32)
    return [
        helper.make_node("Relu", [source], [f"{name}_relu"]),
        helper.make_node("Mul", [source, f"{name}_slope"], [f"{name}_low"]),
        helper.make_node("Mul", [f"{name}_relu", f"{name}_rest"], [f"{name}_high"]),
        helper.make_node("Add", [f"{name}_low", f"{name}_high"], [name]),
    ]


def _rename_input(nodes: Sequence[Any], old: str, new: str) -> None:
    """Let every node that read `old` read `new`."""
    for node in nodes:
        for place, name in enumerate(node.input):
            if name == old:
                node.input[place] = new


def write_graph(
    name: str, nodes: Sequence[Any], constants: Constants, source: Any, outputs: Sequence[Any]
) -> bytes:
    """Return the ONNX bytes of a graph with the input `source`; only the constants that a node reads are kept."""
    read = {item for node in nodes for item in node.input}
    graph = helper.make_graph(
        list(nodes),
        name,
        [source],
        [helper.make_tensor_value_info(output.name, onnx.TensorProto.FLOAT, None) for output in outputs],
        [numpy_helper.from_array(constants[key], key) for key in sorted(constants) if key in read],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], producer_name="wayseal")
    model.ir_version = 10
    return bytes(model.SerializeToString(deterministic=True))
