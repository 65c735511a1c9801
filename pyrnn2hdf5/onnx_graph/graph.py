"""The network as an ONNX graph: its weights as ONNX orders them, and the nodes that compute what OCRopus computes.

The operator LSTM of ONNX has the peepholes of this network, but applies that of the output gate on the first step too,
which OCRopus does not. So the first step of each direction is computed apart, and its h and c are what the operator
begins with. Every number and name below is of `onnx.proto` (https://github.com/onnx/onnx), operator set 13.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..hdf5.layout import cast
from ..model.forward_pass import LOGIT_CLIP
from ..model.network import Float32, Float64, Network, arrays_of, network_of
from ..model.shapes import DIRECTIONS, Shape, full_name
from ..protobuf import write_field

FLOAT: Final = 1
INT32: Final = 6
INT64: Final = 7
"""Types of elements (`TensorProto.DataType`)."""

INT: Final = 2
STRING: Final = 3
INTS: Final = 7
"""Types of attributes (`AttributeProto.AttributeType`)."""

GATE_ORDER: Final = ("WGI", "WGO", "WGF", "WCI")
PEEPHOLE_ORDER: Final = ("WIP", "WOP", "WFP")
"""The order of the operator LSTM: input, output, forget, cell."""

INPUT: Final = "x"
LENGTHS: Final = "lengths"
OUTPUT: Final = "probabilities"


def weight_shapes(Ni: int, Ns: int, No: int) -> dict[str, Shape]:
    """Names and shapes of the weights in the graph, all float32, in the order in which they stand there."""
    shapes: dict[str, Shape] = {}
    for direction in DIRECTIONS:
        shapes[f"{direction}.W"] = (1, 4 * Ns, Ni)
        shapes[f"{direction}.R"] = (1, 4 * Ns, Ns)
        shapes[f"{direction}.B"] = (1, 8 * Ns)
        shapes[f"{direction}.P"] = (1, 3 * Ns)
    return shapes | {"softmax.W": (2 * Ns, No), "softmax.w": (No,)}


def to_weights(network: Network) -> dict[str, Float32]:
    """The weights of a network as the graph holds them, rounded to float32 once.

    Raises `InvalidModelError` where one overflows float32.
    """
    Ni, Ns, _ = network.forward_lstm.dims
    arrays = {name: cast(full_name(name), values, np.float32) for name, values in arrays_of(network).items()}
    weights: dict[str, Float32] = {}
    for direction in DIRECTIONS:
        gates = np.concatenate([arrays[f"{direction}.{gate}"] for gate in GATE_ORDER])
        weights[f"{direction}.W"] = gates[None, :, 1 : 1 + Ni]
        weights[f"{direction}.R"] = gates[None, :, 1 + Ni :]
        # A bias for the input, and one for the output before, of which OCRopus has none.
        weights[f"{direction}.B"] = np.concatenate((gates[:, 0], np.zeros(4 * Ns, np.float32)))[None]
        weights[f"{direction}.P"] = np.concatenate([arrays[f"{direction}.{name}"] for name in PEEPHOLE_ORDER])[None]
    weights["softmax.W"], weights["softmax.w"] = arrays["W2"][:, 1:].T, arrays["W2"][:, 0]
    return weights


def to_network(weights: Mapping[str, Float32], Ni: int, Ns: int, No: int) -> Network:
    """The network of the weights in a graph, in float64; the inverse of `to_weights`."""
    arrays: dict[str, Float64] = {}
    # A signalling NaN is told where the model is checked.
    with np.errstate(invalid="ignore"):
        wide = {name: values.astype(np.float64) for name, values in weights.items()}
    for direction in DIRECTIONS:
        bias = wide[f"{direction}.B"].reshape(2, 4 * Ns, 1)[0]
        gates = np.concatenate((bias, wide[f"{direction}.W"][0], wide[f"{direction}.R"][0]), axis=1)
        for names, values in ((GATE_ORDER, gates), (PEEPHOLE_ORDER, wide[f"{direction}.P"][0])):
            parts = zip(names, np.split(values, len(names)), strict=True)
            arrays.update({f"{direction}.{name}": part for name, part in parts})
    arrays["W2"] = np.concatenate((wide["softmax.w"][:, None], wide["softmax.W"].T), axis=1)
    return network_of(arrays, Ni, Ns, No)


def graph(network: Network) -> bytes:
    """The graph of a network, a `GraphProto`: always the same bytes.

    Inputs `x` float32 (N, T, Ni), N lines padded to T steps, and `lengths` int64 (N,), how many of these count, at
    least one; output `probabilities` float32 (N, T, No). Raises `InvalidModelError` where a weight overflows float32.
    """
    Ni, Ns, _ = network.forward_lstm.dims
    tensors = [_tensor(name, values) for name, values in (*to_weights(network).items(), *CONSTANTS.items())]
    parts = [
        *(write_field(1, node) for node in _nodes(Ns)),
        write_field(2, "pyrnn"),
        *(write_field(5, tensor) for tensor in tensors),
        write_field(11, _value(INPUT, FLOAT, ("N", "T", Ni))),
        write_field(11, _value(LENGTHS, INT64, ("N",))),
        write_field(12, _value(OUTPUT, FLOAT, ("N", "T", network.softmax.No))),
    ]
    return b"".join(parts)


CONSTANTS: Final[dict[str, NDArray[Any]]] = {
    "0": np.array(0, np.int64),
    "1": np.array(1, np.int64),
    "[0]": np.array([0], np.int64),
    "[1]": np.array([1], np.int64),
    "[2]": np.array([2], np.int64),
    "[-1]": np.array([-1], np.int64),
    "end": np.array([2**63 - 1], np.int64),
    "one step behind": np.array([0, 0, 0, 1, 0, 0], np.int64),
    "lowest": np.array(-LOGIT_CLIP, np.float32),
    "highest": np.array(LOGIT_CLIP, np.float32),
}
"""What the nodes need besides weights."""


def _nodes(Ns: int) -> list[bytes]:
    """The nodes in the order of computation; T steps of N lines are (T, N, ...) inside."""
    nodes = [
        _node("Transpose", (INPUT,), "steps", perm=(1, 0, 2)),
        _node("Sub", (LENGTHS, "1"), "last"),
        # The operator is to run over all steps but the first of each line.
        _node("Cast", ("last",), "rest", to=INT32),
        _node("Gather", ("steps", "0"), "forward.x", axis=0),
        _node("Unsqueeze", ("last", "[1]"), "last of line"),
        _node("GatherND", (INPUT, "last of line"), "reversed.x", batch_dims=1),
        # A step more behind the end, so that a step is left also where all lines have only one.
        _node("Pad", ("steps", "one step behind"), "padded"),
        _node("Slice", ("padded", "[1]", "end", "[0]"), "forward.steps"),
        _node("Identity", ("steps",), "reversed.steps"),
    ]
    for direction, name in zip(DIRECTIONS, ("forward", "reverse"), strict=True):
        nodes += _lstm(direction, name, Ns)
    nodes += [
        # The forward LSTM has its first step in front, and one too many behind.
        _node("Concat", ("forward.h", "forward.y"), "forward.all", axis=0),
        _node("Slice", ("forward.all", "[0]", "[-1]", "[0]"), "forward.outputs"),
        # The reversed LSTM has its first step where the line ends.
        _node("Shape", ("steps",), "shape"),
        _node("Gather", ("shape", "0"), "T", axis=0),
        _node("Range", ("0", "T", "1"), "range"),
        _node("Unsqueeze", ("range", "[1]"), "step"),
        _node("Equal", ("step", "last"), "is last"),
        _node("Unsqueeze", ("is last", "[2]"), "is last unit"),
        _node("Where", ("is last unit", "reversed.h", "reversed.y"), "reversed.outputs"),
        _node("Concat", ("forward.outputs", "reversed.outputs"), "hidden steps", axis=2),
        _node("Transpose", ("hidden steps",), "hidden", perm=(1, 0, 2)),
        _node("MatMul", ("hidden", "softmax.W"), "products"),
        _node("Add", ("products", "softmax.w"), "sums"),
        _node("Clip", ("sums", "lowest", "highest"), "logits"),
        _node("Softmax", ("logits",), OUTPUT, axis=2),
    ]
    return nodes


def _lstm(direction: str, onnx_direction: str, Ns: int) -> list[bytes]:
    """One direction: its first step `h` (1, N, Ns), and its other steps `y` (T, N, Ns)."""

    def node(operator: str, inputs: str, outputs: str, **attributes: int | str | tuple[int, ...]) -> bytes:
        own = [name if name in CONSTANTS or name == "rest" else f"{direction}.{name}" for name in inputs.split()]
        return _node(operator, own, *(f"{direction}.{name}" for name in outputs.split()), **attributes)

    return [
        node("Squeeze", "W [0]", "gates"),
        node("Squeeze", "B [0]", "biases"),
        node("Split", "biases", "bias no_bias", axis=0),
        node("Gemm", "x gates bias", "z", transB=1),
        # The forget gate has nothing to forget yet.
        node("Split", "z", "i o f g", axis=1),
        node("Sigmoid", "i", "sigma_i"),
        node("Sigmoid", "o", "sigma_o"),
        node("Tanh", "g", "tanh_g"),
        node("Mul", "sigma_i tanh_g", "c_first"),
        node("Tanh", "c_first", "tanh_c"),
        node("Mul", "tanh_c sigma_o", "h_first"),
        node("Unsqueeze", "h_first [0]", "h"),
        node("Unsqueeze", "c_first [0]", "c"),
        node("LSTM", "steps W R B rest h c P", "Y", direction=onnx_direction, hidden_size=Ns),
        node("Squeeze", "Y [1]", "y"),
    ]


def _node(
    operator: str, inputs: tuple[str, ...] | list[str], *outputs: str, **attributes: int | str | tuple[int, ...]
) -> bytes:
    """A `NodeProto`."""
    return b"".join(
        [
            *(write_field(1, name) for name in inputs),
            *(write_field(2, name) for name in outputs),
            write_field(4, operator),
            *(write_field(5, _attribute(name, value)) for name, value in attributes.items()),
        ]
    )


def _attribute(name: str, value: int | str | tuple[int, ...]) -> bytes:
    """An `AttributeProto`."""
    named = write_field(1, name)
    if isinstance(value, int):
        return named + write_field(3, value) + write_field(20, INT)
    if isinstance(value, str):
        return named + write_field(4, value) + write_field(20, STRING)
    return named + b"".join(write_field(8, item) for item in value) + write_field(20, INTS)


def _tensor(name: str, values: NDArray[Any]) -> bytes:
    """A `TensorProto`, its values as bytes in little-endian order."""
    kind = FLOAT if values.dtype == np.float32 else INT64
    dims = b"".join(write_field(1, size) for size in values.shape)
    data = np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes()
    return dims + write_field(2, kind) + write_field(8, name) + write_field(9, data)


def _value(name: str, kind: int, shape: tuple[int | str, ...]) -> bytes:
    """A `ValueInfoProto`: a number is the size of an axis, a string the name of one that is not known before."""
    axes = [write_field(1, write_field(2 if isinstance(axis, str) else 1, axis)) for axis in shape]
    tensor = write_field(1, kind) + write_field(2, b"".join(axes))
    return write_field(1, name) + write_field(2, write_field(1, tensor))
