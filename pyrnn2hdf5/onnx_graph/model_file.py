"""An ONNX file of ours: a `Model` to bytes, and back.

ONNX can say far more than a line recognizer needs, and point to other files. So what is read is the weights and what
goes with them; then the file is made again from these, and must be the same to the byte. That leaves no node, tensor,
name or path in it that is not ours, and no doubt about what it computes.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from ..errors import SourceError
from ..files.sources import SourceFacts, read_whole
from ..limits import DEFAULT_LIMITS, MAX_ONNX, Limits
from ..model.model import Model
from ..model.network import Float32
from ..model.shapes import Shape
from ..protobuf import Field, read_message, write_field
from .graph import CONSTANTS, FLOAT, graph, to_network, weight_shapes
from .metadata import from_metadata, to_metadata

IR_VERSION: Final = 7
"""Of the format itself; the one that came with the operator set."""

OPERATOR_SET: Final = 13
"""The oldest whose operators all are as they still are."""

ONNX_MAGIC: Final = write_field(1, IR_VERSION) + write_field(2, "pyrnn2hdf5")
"""A file of ours begins with the version of its format and its producer."""

TENSOR_FIELDS: Final = {
    1: Field("dims", int, least=0, most=3),
    2: Field("data_type", int),
    8: Field("name", str),
    9: Field("raw_data", bytes),
}
"""Anything else, such as a place in another file, is not ours."""

GRAPH_FIELDS: Final = {
    1: Field("node", bytes, most=100),
    2: Field("name", str),
    5: Field("initializer", TENSOR_FIELDS, most=len(weight_shapes(1, 1, 1)) + len(CONSTANTS)),
    11: Field("input", bytes, most=2),
    12: Field("output", bytes),
}

ENTRY_FIELDS: Final = {1: Field("key", str), 2: Field("value", bytes)}

MODEL_FIELDS: Final = {
    1: Field("ir_version", int),
    2: Field("producer_name", str),
    7: Field("graph", GRAPH_FIELDS),
    8: Field("opset_import", bytes),
    14: Field("metadata_props", ENTRY_FIELDS, least=0, most=20),
}


def to_onnx(model: Model) -> bytes:
    """The ONNX file of a model: always the same bytes.

    Raises `InvalidModelError` where a weight overflows float32.
    """
    operator_set = write_field(1, "") + write_field(2, OPERATOR_SET)
    parts = [ONNX_MAGIC, write_field(7, graph(model.network)), write_field(8, operator_set)]
    for name, text in to_metadata(model).items():
        parts.append(write_field(14, write_field(1, name) + write_field(2, text)))
    return b"".join(parts)


def from_onnx(data: bytes) -> Model:
    """The model in the bytes of an ONNX file of ours, weights in float64.

    Raises `SourceError` where they are anything else, or `InvalidModelError` where its parts do not fit.
    """
    if not data.startswith(ONNX_MAGIC):
        raise SourceError(
            f"expected ONNX by pyrnn2hdf5, which begins with {ONNX_MAGIC!r}, got {data[: len(ONNX_MAGIC)]!r}"
        )
    found = read_message(memoryview(data), MODEL_FIELDS, "ONNX")
    tensors = {tensor["name"][0]: tensor for tensor in found["graph"][0]["initializer"]}
    Ni, Ns, No = _sizes(tensors)
    weights = {name: _weight(name, shape, tensors[name]) for name, shape in weight_shapes(Ni, Ns, No).items()}
    model = Model(
        Ni=Ni,
        No=No,
        network=to_network(weights, Ni, Ns, No),
        **from_metadata({entry["key"][0]: bytes(entry["value"][0]) for entry in found["metadata_props"]}),
    )
    if to_onnx(model) != data:
        raise SourceError("ONNX: expected the very file that pyrnn2hdf5 writes for these weights, got another")
    return model


def read_onnx(path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS) -> tuple[Model, SourceFacts]:
    """The model in an ONNX file of ours, and the facts of the file.

    It is read whole, in this very process: its size is known before, and nothing else that it says is a size until
    the bytes are there. Raises `OSError`, `SourceError`, `SizeLimitError` or `InvalidModelError`.
    """
    data, facts = read_whole(path, "ONNX", MAX_ONNX, limits)
    return from_onnx(data), facts


def _sizes(tensors: Mapping[str, Mapping[str, Any]]) -> tuple[int, int, int]:
    """(Ni, Ns, No) of a network, by the shapes alone, which fit. That it is none too large is for `Model` to say."""
    shapes = {name: tuple(tensor["dims"]) for name, tensor in tensors.items()}
    inputs, units, output = (shapes.get(name, ()) for name in ("forward.W", "forward.P", "softmax.w"))
    if len(inputs) != 3 or len(units) != 2 or len(output) != 1:
        raise SourceError("ONNX: expected the weights forward.W, forward.P and softmax.w, got others")
    Ni, Ns, No = inputs[2], units[1] // 3, output[0]
    for name, shape in weight_shapes(Ni, Ns, No).items():
        if shapes.get(name) != shape:
            raise SourceError(f"ONNX {name}: expected shape {shape}, got {shapes.get(name, 'nothing')}")
    return Ni, Ns, No


def _weight(name: str, shape: Shape, tensor: Mapping[str, Any]) -> Float32:
    (data,), size = tensor["raw_data"], 4 * math.prod(shape)
    if tensor["data_type"] != [FLOAT] or len(data) != size:
        raise SourceError(f"ONNX {name}: expected {size} bytes of float32 for shape {shape}, got {len(data)}")
    return np.frombuffer(data, "<f4").reshape(shape)
