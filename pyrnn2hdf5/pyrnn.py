"""A pyrnn file becomes a `Model`: the stub graph is walked along known paths, never recursively."""

from __future__ import annotations

import itertools
import math
import os
import re
from collections.abc import Callable
from typing import Any, Final, cast

import numpy as np

from .errors import CorruptPickleError, InvalidModelError, UnsupportedModelError
from .lstm import GATES, PEEPHOLES, Float64
from .model import (
    MAX_CLASSES,
    Codec,
    LineNormalizer,
    Model,
    Parameter,
    Source,
    network_of,
    place,
)
from .sandbox import bounded
from .source import DEFAULT_LIMITS, Limits, SourceFacts, open_source
from .stubs import ArrayStub, FunctionStub, ObjectStub, StubType
from .training import training_record
from .unpickle import unpickle

CENTER_PARAMETERS: Final = ("target_height", "range", "smoothness", "extra")
"""What a CenterNormalizer is; its other attributes are left over from the last line it measured."""

PARAMETER_NAME: Final = re.compile(r"\w{1,64}", re.ASCII)
MAX_PARAMETERS: Final = 32
MAX_TEXT: Final = 1000
EXACT_INTEGER: Final = 2**53
"""Integers up to here are exact in float64."""

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


def _describe(value: object) -> str:
    if isinstance(value, ObjectStub):
        return value.path
    if isinstance(value, ArrayStub):
        return "an array"
    if isinstance(value, StubType):
        return f"the name {getattr(value, 'path', value.__name__)}"
    return "nothing" if value is None else f"a {type(value).__name__}"


def _recognizer(root: object) -> ObjectStub:
    if isinstance(root, ObjectStub):
        name = type(root).__name__
        if name == "SeqRecognizer":
            return root
        kind = OTHER_KINDS.get(name, "another part of OCRopus")
        raise UnsupportedModelError(f"expected a line recognizer, got {kind} ({root.path})")
    hint = _place_in_container(root)
    raise UnsupportedModelError(f"expected a line recognizer (SeqRecognizer), got {_describe(root)}{hint}")


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
    stacked = _part("lstm", recognizer.get("lstm"), "Stacked")
    nets = _nets("lstm", stacked)
    names = [_class_name(net) for net in nets]
    if names[:1] == ["LSTM"]:
        raise UnsupportedModelError("network: expected a bidirectional LSTM, got a unidirectional LSTM")
    if len(nets) != 2 or names[0] != "Parallel":
        raise UnsupportedModelError(f"network: expected [Parallel, Softmax], got [{', '.join(names)}]")
    if names[1] == "Logreg":
        raise UnsupportedModelError("output layer is Logreg (sigmoid); the HDF5 layout means softmax")
    softmax = _part("output layer", nets[1], "Softmax")

    branches = _nets("Parallel", cast(ObjectStub, nets[0]))
    names = [_class_name(net) for net in branches]
    if len(branches) != 2:
        count = {1: "one parallel branch", 3: "three parallel branches"}.get(
            len(branches), f"{len(branches)} parallel branches"
        )
        raise UnsupportedModelError(f"{count}, expected forward and reversed")
    if names == ["Reversed", "LSTM"]:
        raise UnsupportedModelError("parallel branches: expected forward, then reversed, got them swapped")
    forward = _part("forward branch", branches[0], "LSTM")
    backward = _part("reversed branch", _part("reversed branch", branches[1], "Reversed").get("net"), "LSTM")

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


def _class_name(value: object) -> str:
    return type(value).__name__ if isinstance(value, ObjectStub) else _describe(value)


def _part(name: str, value: object, kind: str) -> ObjectStub:
    if isinstance(value, ObjectStub) and type(value).__name__ == kind:
        return value
    raise UnsupportedModelError(f"{name}: expected {kind}, got {_describe(value)}")


def _nets(name: str, stub: ObjectStub) -> list[object]:
    nets = stub.get("nets")
    if not isinstance(nets, (list, tuple)) or len(nets) > 16:
        raise UnsupportedModelError(f"{name} nets: expected a short list, got {_describe(nets)}")
    return list(nets)


def _weight(name: str, value: object) -> Float64:
    if not isinstance(value, ArrayStub) or value.shape is None:
        raise InvalidModelError(f"{name}: expected an array, got {_describe(value)}")
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
        raise InvalidModelError(f"{name} dims: expected (Ni, Ns, Na), got {_describe(value)}")
    Ni, Ns, Na = (integer_of(f"{name} dims", item, 0) for item in value)
    if Na != 1 + Ni + Ns:
        raise InvalidModelError(f"{name} dims: expected Na = 1 + Ni + Ns = {1 + Ni + Ns}, got {Na}")
    return Ni, Ns


def integer_of(name: str, value: object, default: int) -> int:
    """A Python int, also where the file has a NumPy integer or an array of one; `default` for None."""
    if value is None:
        return default
    if isinstance(value, ArrayStub) and value.values is not None and value.values.shape == ():
        value = value.values.item()
    if type(value) is not int or abs(value) > EXACT_INTEGER:
        raise InvalidModelError(f"{name}: expected an integer, got {_describe(value)}")
    return value


def _codec(value: object, No: int) -> Codec | None:
    if not 1 <= No <= MAX_CLASSES:
        raise InvalidModelError(f"No: expected 1 to {MAX_CLASSES} classes, got {No}")
    if value is None:
        return None
    codec = _part("codec", value, "Codec")
    table = codec.get("code2char")
    if not isinstance(table, dict):
        raise InvalidModelError(f"codec code2char: expected a dict, got {_describe(table)}")
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
        raise InvalidModelError(f"codec label {code}: expected a string, got {_describe(char)}")
    try:
        return char.decode("ascii")
    except UnicodeDecodeError:
        # A Python 2 str has no encoding; to guess one would be to invent a character.
        raise InvalidModelError(
            f"codec label {code}: expected Unicode or ASCII, got bytes of unknown encoding {char[:20]!r}"
        ) from None


def line_normalizer_of(value: object, notes: list[str]) -> LineNormalizer | None:
    if value is None:
        return None
    if not isinstance(value, ObjectStub) or not type(value).__name__.endswith("Normalizer"):
        notes.append(f"the line normalizer was not kept: expected one of OCRopus, got {_describe(value)}")
        return None
    kind = type(value).__name__
    names = CENTER_PARAMETERS if kind == "CenterNormalizer" else tuple(value.state)[:MAX_PARAMETERS]
    # Names become names of HDF5 attributes.
    parameters = {name: _parameter(value.get(name)) for name in names if PARAMETER_NAME.fullmatch(name)}
    return LineNormalizer(kind, tuple(sorted((name, p) for name, p in parameters.items() if p is not None)))


def _parameter(value: object) -> Parameter | None:
    if isinstance(value, ArrayStub) and value.values is not None and value.values.shape == ():
        value = value.values.item()
    if type(value) is bytes:
        value = value.decode("latin-1")
    if type(value) is int:
        return value if abs(value) <= EXACT_INTEGER else None
    if type(value) is str:
        # An HDF5 string ends at a NUL.
        return value[:MAX_TEXT] if "\0" not in value else None
    if isinstance(value, (list, tuple)) and 0 < len(value) <= MAX_PARAMETERS and set(map(type, value)) <= {int, float}:
        numbers = tuple(map(float, value)) if max(map(abs, value)) <= EXACT_INTEGER else (math.nan,)
        return numbers if all(map(math.isfinite, numbers)) else None
    if type(value) is float:
        return value if math.isfinite(value) else None
    return value if type(value) is bool else None


def function_name_of(value: object) -> str | None:
    if isinstance(value, type) and issubclass(value, FunctionStub):
        return value.path
    return None
