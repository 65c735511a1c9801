"""A stub graph becomes plain values and raw arrays: walked along known paths, never recursively.

This runs in the process that reads, without NumPy: shapes and counts are checked here, by arithmetic.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Mapping
from typing import IO, Any, Final, cast

from ..errors import CorruptPickleError, InvalidModelError, SourceError, UnsafePickleError, UnsupportedModelError
from ..files.sources import SourceFacts
from ..limits import Limits
from ..model.shapes import (
    DIRECTIONS,
    EXACT_INTEGER,
    GATES,
    PEEPHOLES,
    check_labels,
    check_shapes,
    full_name,
    place,
)
from ..sandbox.messages import RawArray
from .attributes import (
    class_name,
    described,
    function_name_of,
    integer_of,
    labels_of,
    line_normalizer_of,
    listed,
    part_of,
    training_logs_of,
)
from .findings import RawModel
from .numpy_stubs import ArrayStub
from .stream import checked_stream
from .stubs import ObjectStub
from .unpickler import unpickle

MAX_TOLD: Final = 3
"""Most names that a user allowed that are told one by one."""

OTHER_KINDS: Final = {
    "MLP": "a multilayer perceptron character classifier",
    "AutoMLP": "a multilayer perceptron character classifier",
    "NGraphs": "a language model",
    "PcaKmeans": "a dictionary of character shapes",
    "Kmeans": "a dictionary of character shapes",
    "HierarchicalSplitter": "a dictionary of character shapes",
    **dict.fromkeys(("LocalCmodel", "LogisticCmodel", "TrivialCmodel"), "a character classifier of OCRopus 0.6"),
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


def read(
    file: IO[bytes], limits: Limits, tell: object = None, *, name: str, ignore_checksum: bool
) -> tuple[RawModel, SourceFacts]:
    """Read a pyrnn file.

    Raises what `checked_stream`, `unpickle` and `extract` raise, but damage of the file before what it leads to.
    """
    stream = checked_stream(name, file, limits.size)
    allowed = dict.fromkeys(limits.allow_globals, False)
    try:
        root = unpickle(stream.reader, allowed=allowed)
    except (UnsafePickleError, CorruptPickleError, MemoryError) as error:
        if isinstance(error, MemoryError):
            stream = stream.again()
        # Where what follows is too long, what was met first is why it is refused.
        with contextlib.suppress(SourceError):
            stream.finish()
        if refusal := stream.refusal(complete=False):
            raise refusal from None
        raise
    facts = stream.finish()
    refusal = stream.refusal(complete=True)
    if refusal and not ignore_checksum:
        raise refusal
    return extract(root, facts, limits.label_encoding, allowed), facts


def extract(
    root: object,
    facts: SourceFacts,
    label_encoding: str | None = None,
    allowed: Mapping[str, bool] = {},
) -> RawModel:
    """The model at the root of a stub graph; `allowed` says of each name that a user allowed whether it was met.

    Raises `UnsupportedModelError` for anything but a bidirectional LSTM line recognizer, `InvalidModelError`
    where its parts do not fit.
    """
    recognizer = _recognizer(root)
    notes = [*facts.remarks, *([f"{facts.damage}; ignored, the pickle itself is complete"] if facts.damage else [])]
    met = [name for name, was_met in allowed.items() if was_met]
    if met:
        more = f" and {len(met) - MAX_TOLD} more" if len(met) > MAX_TOLD else ""
        notes.append(f"names outside OCRopus were allowed: {', '.join(met[:MAX_TOLD])}{more}")
    weights, dims, softmax = _network(recognizer)
    Ni, Ns, _ = dims[0]
    Ni = integer_of("Ni", recognizer.get("Ni"), Ni)
    No = integer_of("No", recognizer.get("No"), softmax[0])
    labels = labels_of(recognizer.get("codec"), No, label_encoding)
    line_normalizer = line_normalizer_of(recognizer.get("lnorm"), notes.append)
    logs = training_logs_of(recognizer, notes.append)
    check_shapes(Ni, No, dims, softmax, {name: _shape(array) for name, array in weights.items()})
    if labels is not None:
        check_labels(labels, No)
    return RawModel(
        Ni=Ni,
        Ns=Ns,
        No=No,
        weights={name: _items(name, array) for name, array in weights.items()},
        labels=labels,
        line_normalizer=line_normalizer,
        logs=logs,
        normalize=function_name_of(recognizer.get("normalize")),
        notes=tuple(notes),
    )


def _recognizer(root: object) -> ObjectStub:
    if isinstance(root, ObjectStub):
        name = type(root).__name__
        if name == "SeqRecognizer":
            return root
        kind = OTHER_KINDS.get(name, "another part of OCRopus")
        raise UnsupportedModelError(f"expected a line recognizer, got {kind} ({root.path})")
    if isinstance(root, dict) and any(isinstance(root.get(key), ObjectStub) for key in (b"codec", "codec")):
        raise UnsupportedModelError(
            "expected a line recognizer (SeqRecognizer), got a dict of the TensorFlow fork of ocropy: there are no "
            "weights in it, but codec and line normalizer; the weights are in a checkpoint of TensorFlow"
        )
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


def _network(recognizer: ObjectStub) -> tuple[dict[str, ArrayStub], list[tuple[int, int, int]], tuple[int, int]]:
    """The 15 weight arrays by name, (Ni, Ns, Na) of both LSTMs, and (No, Nh), of the one kind that is supported."""
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
    for direction, lstm in zip(DIRECTIONS, (forward, backward), strict=True):
        for weight in GATES + PEEPHOLES:
            arrays[f"{direction}.{weight}"] = _array(f"{direction}.{weight}", lstm.get(weight))
        dims.append(_dims(f"{direction} LSTM", lstm.get("dims"), _shape(arrays[f"{direction}.WGI"])))
    if dims[0] != dims[1]:
        raise InvalidModelError(
            f"reversed LSTM (Ni, Ns): expected {dims[0][:2]} as the forward LSTM, got {dims[1][:2]}"
        )
    arrays["W2"] = _array("W2", softmax.get("W2"))
    No = integer_of("softmax No", softmax.get("No"), (*_shape(arrays["W2"]), 0)[0])
    return arrays, dims, (No, integer_of("softmax Nh", softmax.get("Nh"), 2 * dims[0][1]))


def _nets(name: str, stub: ObjectStub) -> list[object]:
    nets = stub.get("nets")
    if not isinstance(nets, (list, tuple)) or len(nets) > 16:
        raise UnsupportedModelError(f"{name} nets: expected a short list, got {described(nets)}")
    return list(nets)


def _array(name: str, value: object) -> ArrayStub:
    if not isinstance(value, ArrayStub) or value.shape is None:
        raise InvalidModelError(f"{full_name(name)}: expected an array, got {described(value)}")
    if value.nan_at is not None:
        raise InvalidModelError(f"NaN in {full_name(name)} at {place(value.nan_at)}")
    if value.raw is None:
        raise InvalidModelError(f"{full_name(name)}: expected plain numbers, got NumPy type {value.code}")
    return value


def _shape(array: ArrayStub) -> tuple[int, ...]:
    return array.shape or ()


def _items(name: str, array: ArrayStub) -> RawArray:
    assert array.raw is not None, name  # noqa: S101 - `_array` has looked
    return array.raw


def _dims(name: str, value: object, shape: tuple[int, ...]) -> tuple[int, int, int]:
    """(Ni, Ns, Na) as declared, or as the shape of WGI says."""
    if value is None and len(shape) == 2:
        Ns, Na = shape
        return Na - 1 - Ns, Ns, Na
    value = listed(value)
    if not isinstance(value, (list, tuple)) or len(value) != 3:
        raise InvalidModelError(f"{name} dims: expected (Ni, Ns, Na), got {described(value)}")
    Ni, Ns, Na = (integer_of(f"{name} dims", item, 0) for item in value)
    if Na != 1 + Ni + Ns:
        raise InvalidModelError(f"{name} dims: expected Na = 1 + Ni + Ns = {1 + Ni + Ns}, got {Na}")
    return Ni, Ns, Na
