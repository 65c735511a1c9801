"""A pyrnn file becomes a `Model`: the stub graph is walked along known paths, never recursively."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from typing import Any, Final, cast

import numpy as np

from .errors import CorruptPickleError, InvalidModelError, UnsupportedModelError
from .expected import EXACT_INTEGER, class_name, described, integer_of, part_of
from .lstm import GATES, PEEPHOLES, Float64
from .model import (
    MAX_CLASSES,
    Codec,
    Model,
    Source,
    network_of,
    place,
)
from .normalizer import function_name_of, line_normalizer_of
from .numpy_stubs import ArrayStub
from .sandbox import bounded
from .source import DEFAULT_LIMITS, Limits, SourceFacts, open_source
from .stubs import ObjectStub
from .training import training_record
from .unpickle import unpickle

OTHER_KINDS: Final = {
    "MLP": "a multilayer perceptron character classifier",
    "AutoMLP": "a multilayer perceptron character classifier",
    "NGraphs": "a language model",
    "PcaKmeans": "a dictionary of character shapes",
    "Kmeans": "a dictionary of character shapes",
    "LSTM": "a single layer",
    "Softmax": "a single layer",
    "Logreg": "a single layer",
    "GradientLineGeometry": "a line geometry estimator",
    "TrainedLineGeometry": "a line geometry estimator",
    "LineEstimationModel": "a line geometry estimator",
    "CenterNormalizer": "a line normalizer alone",
    "Stacked": "a network without codec and recognizer around it",
    "Codec": "a codec alone",
}


def read_pyrnn(
    path: str | os.PathLike[str],
    *,
    limits: Limits = DEFAULT_LIMITS,
    ignore_checksum: bool = False,
    meanwhile: Callable[[], None] | None = None,
) -> tuple[Model, SourceFacts]:
    """Read a pyrnn file, plain or packed, in a bounded child process and without running anything in it.

    `meanwhile` is called while the child reads.
    Raises `OSError`, `SourceError`, `LoadLimitError`, `UnsafePickleError`, `CorruptPickleError`,
    `UnsupportedModelError` or `InvalidModelError`.
    """
    return bounded(lambda: _read(path, limits, ignore_checksum=ignore_checksum), limits, CorruptPickleError, meanwhile)


def _read(path: str | os.PathLike[str], limits: Limits, *, ignore_checksum: bool) -> tuple[Model, SourceFacts]:
    with open_source(path, limits=limits, ignore_checksum=ignore_checksum) as stream:
        root = unpickle(stream.reader)
        facts = stream.finish()
    return to_model(root, facts), facts


def load_pyrnn(
    path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS, ignore_checksum: bool = False
) -> Model:
    """Load a model from a pyrnn file; see `read_pyrnn` for arguments and errors."""
    return read_pyrnn(path, limits=limits, ignore_checksum=ignore_checksum)[0]


def to_model(root: object, facts: SourceFacts) -> Model:
    """Turn the root of a stub graph into a checked `Model`."""
    recognizer = _recognizer(root)
    arrays, dims, No = _network(recognizer)
    Ni, Ns = dims
    declared_No = integer_of("No", recognizer.get("No"), No)
    notes = [f"{facts.damage}; ignored, the pickle itself is complete"] if facts.damage else []
    return Model(
        Ni=integer_of("Ni", recognizer.get("Ni"), Ni),
        No=declared_No,
        network=network_of(arrays, Ni, Ns, No),
        codec=_codec(recognizer.get("codec"), declared_No),
        line_normalizer=line_normalizer_of(recognizer.get("lnorm"), notes),
        training=training_record(recognizer, notes),
        normalize=function_name_of(recognizer.get("normalize")),
        source=Source(facts.name, facts.sha256),
        notes=tuple(notes),
    )


def _recognizer(root: object) -> ObjectStub:
    if isinstance(root, ObjectStub):
        name = type(root).__name__
        if name == "SeqRecognizer":
            return root
        kind = OTHER_KINDS.get(name, "another part of OCRopus")
        raise UnsupportedModelError(f"expected a line recognizer, got {kind} ({root.path})")
    hint = _place_in_container(root)
    raise UnsupportedModelError(f"expected a line recognizer (SeqRecognizer), got {described(root)}{hint}")


def _place_in_container(root: object) -> str:
    if isinstance(root, dict):
        items: Any = root.items()
    elif isinstance(root, (list, tuple)):
        items = enumerate(root)
    else:
        return ""
    found = [
        key
        for key, value in itertools.islice(items, 10_000)
        if isinstance(value, ObjectStub) and type(value).__name__ == "SeqRecognizer"
    ]
    if (
        len(found) != 1
        or type(found[0]) not in (int, str, bytes)
        or (type(found[0]) is int and found[0] > EXACT_INTEGER)
    ):
        return ""
    return f" that holds one at [{found[0]!r:.60}]: pickle that item alone"


def _network(recognizer: ObjectStub) -> tuple[dict[str, Float64], tuple[int, int], int]:
    """The 15 weight arrays by name, (Ni, Ns) and No, of the one kind of network that is supported."""
    stacked = part_of("lstm", recognizer.get("lstm"), "Stacked")
    nets = _nets("lstm", stacked)
    names = [class_name(net) for net in nets]
    if names[:1] == ["LSTM"]:
        raise UnsupportedModelError("network: expected a bidirectional LSTM, got a unidirectional LSTM")
    if len(nets) != 2 or names[0] != "Parallel":
        raise UnsupportedModelError(f"network: expected [Parallel, Softmax], got [{', '.join(names)}]")
    if names[1] == "Logreg":
        raise UnsupportedModelError("output layer is Logreg (sigmoid); the HDF5 layout means softmax")
    softmax = part_of("output layer", nets[1], "Softmax")

    branches = _nets("Parallel", cast(ObjectStub, nets[0]))
    names = [class_name(net) for net in branches]
    if len(branches) != 2:
        count = {1: "one parallel branch", 3: "three parallel branches"}.get(
            len(branches), f"{len(branches)} parallel branches"
        )
        raise UnsupportedModelError(f"{count}, expected forward and reversed")
    if names == ["Reversed", "LSTM"]:
        raise UnsupportedModelError("parallel branches: expected forward, then reversed, got them swapped")
    forward = part_of("forward branch", branches[0], "LSTM")
    backward = part_of("reversed branch", part_of("reversed branch", branches[1], "Reversed").get("net"), "LSTM")

    arrays = {}
    dims = []
    for direction, lstm in (("forward", forward), ("reversed", backward)):
        for weight in GATES + PEEPHOLES:
            arrays[f"{direction}.{weight}"] = _weight(f"{direction} LSTM {weight}", lstm.get(weight))
        dims.append(_dims(f"{direction} LSTM", lstm.get("dims"), arrays[f"{direction}.WGI"]))
    if dims[0] != dims[1]:
        raise InvalidModelError(f"reversed LSTM (Ni, Ns): expected {dims[0]} as the forward LSTM, got {dims[1]}")
    W2 = arrays["W2"] = _weight("softmax W2", softmax.get("W2"))
    No = integer_of("softmax No", softmax.get("No"), W2.shape[0] if W2.ndim else 0)
    Nh = integer_of("softmax Nh", softmax.get("Nh"), 2 * dims[0][1])
    if Nh != 2 * dims[0][1]:
        raise InvalidModelError(f"softmax Nh: expected {2 * dims[0][1]}, twice the hidden units, got {Nh}")
    return arrays, dims[0], No


def _nets(name: str, stub: ObjectStub) -> list[object]:
    nets = stub.get("nets")
    if not isinstance(nets, (list, tuple)) or len(nets) > 16:
        raise UnsupportedModelError(f"{name} nets: expected a short list, got {described(nets)}")
    return list(nets)


def _weight(name: str, value: object) -> Float64:
    if not isinstance(value, ArrayStub) or value.shape is None:
        raise InvalidModelError(f"{name}: expected an array, got {described(value)}")
    if value.nan_at is not None:
        raise InvalidModelError(f"NaN in {name} at {place(value.nan_at)}")
    if value.values is None:
        raise InvalidModelError(f"{name}: expected plain numbers, got NumPy type {value.code}")
    values = value.values
    if values.dtype.kind in "iu" and values.size and int(abs(values.astype(object)).max()) > EXACT_INTEGER:
        raise InvalidModelError(f"{name}: expected numbers that float64 can hold, got larger integers")
    return np.ascontiguousarray(values, dtype=np.float64)


def _dims(name: str, value: object, WGI: Float64) -> tuple[int, int]:
    """(Ni, Ns) as declared, or as the shape of WGI says."""
    if value is None and WGI.ndim == 2:
        Ns, Na = WGI.shape
        return Na - 1 - Ns, Ns
    if isinstance(value, ArrayStub) and value.values is not None and value.values.ndim == 1:
        value = value.values.tolist()
    if not isinstance(value, (list, tuple)) or len(value) != 3:
        raise InvalidModelError(f"{name} dims: expected (Ni, Ns, Na), got {described(value)}")
    Ni, Ns, Na = (integer_of(f"{name} dims", item, 0) for item in value)
    if Na != 1 + Ni + Ns:
        raise InvalidModelError(f"{name} dims: expected Na = 1 + Ni + Ns = {1 + Ni + Ns}, got {Na}")
    return Ni, Ns


def _codec(value: object, No: int) -> Codec | None:
    if not 1 <= No <= MAX_CLASSES:
        raise InvalidModelError(f"No: expected 1 to {MAX_CLASSES} classes, got {No}")
    if value is None:
        return None
    codec = part_of("codec", value, "Codec")
    table = codec.get("code2char")
    if not isinstance(table, dict):
        raise InvalidModelError(f"codec code2char: expected a dict, got {described(table)}")
    if len(table) > MAX_CLASSES:
        raise InvalidModelError(f"codec: expected at most {MAX_CLASSES} codes, got {len(table)}")
    if len(table) > No:
        raise InvalidModelError(f"codec: expected {No} codes as the network has classes, got {len(table)}")
    labels: list[str | None] = [None] * No
    for key, char in table.items():
        code = integer_of("codec code", key, -1)
        if not 0 <= code < No:
            raise InvalidModelError(f"codec: expected codes 0 to {No - 1}, got {code}")
        if labels[code] is not None:
            raise InvalidModelError(f"codec: code {code} occurs twice")
        labels[code] = _label(code, char)
    return Codec(tuple(labels))


def _label(code: int, char: object) -> str:
    if type(char) is str:
        return char
    if type(char) is not bytes:
        raise InvalidModelError(f"codec label {code}: expected a string, got {described(char)}")
    try:
        return char.decode("ascii")
    except UnicodeDecodeError:
        # A Python 2 str has no encoding; to guess one would be to invent a character.
        raise InvalidModelError(
            f"codec label {code}: expected Unicode or ASCII, got bytes of unknown encoding {char[:20]!r}"
        ) from None
