"""A pronn file becomes a `Model`: the network of a pyrnn as kraken 0.7 to 0.10 wrote it, in protobuf.

The schema is that of kraken's `proto/pyrnn.proto`, which never changed. A file has no magic number, but its first
field is `kind` and says `pyrnn-bidi`. It is read whole, in this very process: its size is known before, and nothing
else that it says is a size until the bytes are there.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from ..errors import InvalidModelError, SourceError
from ..files.sources import SourceFacts, read_whole
from ..limits import DEFAULT_LIMITS, MAX_CLASSES, MAX_PRONN, Limits
from ..model.model import Codec, Model, Source
from ..model.network import Float64, network_of
from ..model.shapes import DIRECTIONS, GATES, PEEPHOLES, Shape, check_shapes, full_name
from ..protobuf import Field, read_message

PRONN_MAGIC: Final = b"\n\npyrnn-bidi"
"""The field `kind`: tag (field 1, wire type 2), length 10, value."""

ARRAY_FIELDS: Final = {1: Field("dim", int, most=2), 2: Field("value", bytes)}
"""Shape, and float32 in little-endian order, packed."""

LSTM_FIELDS: Final = {number: Field(weight, ARRAY_FIELDS) for number, weight in enumerate(GATES + PEEPHOLES, 1)}
"""WGI, WGF, WGO, WCI, WIP, WFP, WOP: the order of kraken's schema is ours."""

SOFTMAX_FIELDS: Final = {1: Field("W2", ARRAY_FIELDS)}

PRONN_FIELDS: Final = {
    1: Field("kind", str),
    2: Field("name", str, least=0),
    10: Field("ninput", int),
    11: Field("noutput", int),
    12: Field("codec", str, least=0, most=MAX_CLASSES),
    13: Field("fwdnet", LSTM_FIELDS),
    14: Field("revnet", LSTM_FIELDS),
    15: Field("softmax", SOFTMAX_FIELDS),
}

NOTE: Final = (
    "a pronn keeps no line normalizer, for which a CenterNormalizer of {} pixels is taken, and no training record; "
    "its weights are rounded to float32 already"
)


def load_pronn(path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS) -> Model:
    """Load a model from a pronn file, kraken's protobuf of a pyrnn.

    Parameters
    ----------
    path
        The file, unpacked as kraken wrote it. What it is called does not matter.
    limits
        Of these, `size` holds; time and memory are bounded by the size.

    Returns
    -------
    Model
        Weights in float64, which holds float32 exactly, and the codec; a note tells what a pronn does not keep.

    Raises
    ------
    OSError
        Where the system refuses the path.
    SourceError
        Where it is no pronn file, or a damaged one; `SizeLimitError` where it is too large.
    InvalidModelError
        Where the parts of the model do not fit.
    """
    return read_pronn(path, limits=limits)[0]


def read_pronn(path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS) -> tuple[Model, SourceFacts]:
    """As `load_pronn`, with the facts of the file."""
    data, facts = read_whole(path, "pronn", MAX_PRONN, limits)
    return from_pronn(data, Source(facts.name, facts.sha256)), facts


def from_pronn(data: bytes, source: Source | None = None) -> Model:
    """The model in the bytes of a pronn. Raises `SourceError` or `InvalidModelError`."""
    if not data.startswith(PRONN_MAGIC):
        raise SourceError(f"expected a pronn, which begins with {PRONN_MAGIC!r}, got {data[: len(PRONN_MAGIC)]!r}")
    found = read_message(memoryview(data), PRONN_FIELDS, "pronn")
    (Ni,), (No,) = found["ninput"], found["noutput"]
    parts = {"W2": found["softmax"][0]["W2"][0]}
    for direction, field in zip(DIRECTIONS, ("fwdnet", "revnet"), strict=True):
        parts.update({f"{direction}.{weight}": arrays[0] for weight, arrays in found[field][0].items()})
    shapes = {name: tuple(part["dim"]) for name, part in parts.items()}
    Ns = shapes["forward.WIP"][0]
    # Before any array is made.
    check_shapes(Ni, No, [(Ni, Ns, 1 + Ni + Ns)] * 2, (No, 2 * Ns), shapes)
    weights = {name: _weight(name, shapes[name], part) for name, part in parts.items()}
    notes = [NOTE.format(Ni), *(f"the name that it gives itself is not kept: {name!r:.80}" for name in found["name"])]
    return Model(
        Ni=Ni,
        No=No,
        network=network_of(weights, Ni, Ns, No),
        codec=Codec(tuple(found["codec"])) if found["codec"] else None,
        source=source,
        notes=tuple(notes),
    )


def _weight(name: str, shape: Shape, part: Mapping[str, Any]) -> Float64:
    (value,), size = part["value"], 4 * math.prod(shape)
    if len(value) != size:
        raise InvalidModelError(f"{full_name(name)}: expected {size} bytes for shape {shape}, got {len(value)}")
    # A signalling NaN is told where the model is checked.
    with np.errstate(invalid="ignore"):
        return np.frombuffer(value, "<f4").reshape(shape).astype(np.float64)
