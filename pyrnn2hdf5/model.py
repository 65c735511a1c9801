"""A line recognizer as frozen values, and every check that makes it one.

Whatever was read, from a pickle or from HDF5, becomes a `Model` here or is refused here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InvalidModelError
from .lstm import GATES, LSTM, PEEPHOLES, THRESHOLD, Float64, Network, Softmax, decode_classes, forward_batch

MAX_CLASSES: Final = 50_000
"""Most classes a model may have. The largest real one seen has 550; a full CJK codec has 30,000."""

MAX_INPUTS: Final = 2_000
"""Greatest line height in pixels; real ones have 24 to 120."""

MAX_HIDDEN: Final = 5_000
"""Most hidden units of one direction; real ones have up to 800."""

MAX_WEIGHTS: Final = 8_000_000
"""Most weights of a model, 64 MB of float64: a conversion holds up to eight times as much at once.
Ns = 800 with Ni = 48 has 5.5 million; the largest real model, Ns = 200, has 0.5 million."""

MAX_LABEL: Final = 256
"""Longest label in code points. Real ones have one, forks with graphemes up to a handful."""

UNKNOWN: Final = "~"
"""What OCRopus reads for a class without a label."""

Parameter = bool | int | float | str | tuple[float, ...]


@dataclass(frozen=True)
class Codec:
    """Labels by code (class number); code 0 is the CTC blank. None: the codec has no such code."""

    labels: tuple[str | None, ...]

    def decode(self, code: int) -> str:
        """The label of a code, `~` where there is none."""
        label = self.labels[code] if 0 <= code < len(self.labels) else None
        return UNKNOWN if label is None else label


@dataclass(frozen=True)
class LineNormalizer:
    """Class name of the line normalizer and its plain parameters, sorted by name."""

    kind: str
    parameters: tuple[tuple[str, Parameter], ...] = ()

    @property
    def target_height(self) -> int | None:
        """Height in pixels to which lines are scaled, where the normalizer says one."""
        height = dict(self.parameters).get("target_height")
        return height if type(height) is int else None


@dataclass(frozen=True, eq=False)
class TrainingRecord:
    """The training history, thinned to blocks of lines.

    `error` is float64 (n,), the mean error of each block of `lines_per_point` lines;
    `character_errors` int64 (m, 2), the sums of (errors, length) of each block.
    `lines` counts the entries of the longer of both logs before thinning; `last_trial`, the number of
    lines trained, is None where the file does not say.
    """

    last_trial: int | None
    commands: tuple[str, ...]
    lines: int
    lines_per_point: int
    error: Float64
    character_errors: NDArray[np.int64]


@dataclass(frozen=True)
class Source:
    """Where a model came from: base name and SHA-256 of the pyrnn file."""

    name: str
    sha256: str


@dataclass(frozen=True, eq=False)
class Model:
    """A bidirectional LSTM line recognizer. Raises `InvalidModelError` unless all parts fit.

    `Ni` and `No` are what the recognizer declares; `normalize` is the name of the function that
    normalized the training text, kept for information; `notes` tell what was odd while reading.
    """

    Ni: int
    No: int
    network: Network
    codec: Codec | None = None
    line_normalizer: LineNormalizer | None = None
    training: TrainingRecord | None = None
    normalize: str | None = None
    source: Source | None = None
    notes: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        _check_network(self.network, self.Ni, self.No)
        if self.codec is not None:
            _check_codec(self.codec, self.No)

    @property
    def Ns(self) -> int:
        """Hidden units of one direction."""
        return self.network.forward_lstm.dims[1]

    def forward(self, xs: ArrayLike) -> Float64:
        """Class probabilities of one line: (T, Ni) float in 0..1 to float64 (T, No).

        Raises `InvalidInputError` for another shape.
        """
        return forward_batch([self.network], [xs])[0][0]

    def decode(self, outputs: ArrayLike, threshold: float = THRESHOLD) -> str:
        """The text of class probabilities (T, No), as ocropy reads it.

        Raises `InvalidModelError` where the model has no codec.
        """
        if self.codec is None:
            raise InvalidModelError("codec: expected labels to decode with, got none")
        found = decode_classes(np.asarray(outputs), threshold)
        return "".join(self.codec.decode(code) for _, code in found)

    def predict_string(self, xs: ArrayLike, threshold: float = THRESHOLD) -> str:
        """The text of one prepared line, (T, Ni) float in 0..1."""
        return self.decode(self.forward(xs), threshold)


def _check_network(network: Network, Ni: int, No: int) -> None:
    for name, lstm in (("forward LSTM", network.forward_lstm), ("reversed LSTM", network.reversed_lstm)):
        _check_lstm(name, lstm)
    dims, other = network.forward_lstm.dims, network.reversed_lstm.dims
    if other != dims:
        raise InvalidModelError(f"reversed LSTM dims: expected {dims} as the forward LSTM, got {other}")
    if dims[0] != Ni:
        raise InvalidModelError(f"forward LSTM inputs: expected Ni = {Ni} as the recognizer says, got {dims[0]}")
    softmax = network.softmax
    if softmax.No != No:
        raise InvalidModelError(f"softmax No: expected {No} as the recognizer says, got {softmax.No}")
    if softmax.Nh != 2 * dims[1]:
        raise InvalidModelError(f"softmax Nh: expected {2 * dims[1]}, twice the hidden units, got {softmax.Nh}")
    if not 1 <= No <= MAX_CLASSES:
        raise InvalidModelError(f"No: expected 1 to {MAX_CLASSES} classes, got {No}")
    weights = 2 * dims[1] * (4 * dims[2] + 3) + No * (1 + 2 * dims[1])
    if weights > MAX_WEIGHTS:
        raise InvalidModelError(f"model: expected at most {MAX_WEIGHTS} weights, got {weights}")
    check_weight("softmax W2", softmax.W2, (No, 1 + 2 * dims[1]))


def _check_lstm(name: str, lstm: LSTM) -> None:
    Ni, Ns, Na = lstm.dims
    if not (1 <= Ni <= MAX_INPUTS and 1 <= Ns <= MAX_HIDDEN and Na == 1 + Ni + Ns):
        raise InvalidModelError(
            f"{name} dims: expected (Ni, Ns, 1 + Ni + Ns), at most {MAX_INPUTS} and {MAX_HIDDEN}, got {lstm.dims}"
        )
    for weight in GATES:
        check_weight(f"{name} {weight}", getattr(lstm, weight), (Ns, Na))
    for weight in PEEPHOLES:
        check_weight(f"{name} {weight}", getattr(lstm, weight), (Ns,))


def check_weight(name: str, values: NDArray[Any], shape: tuple[int, ...]) -> None:
    """Raise `InvalidModelError` unless `values` is float64 of that shape and finite."""
    if values.shape != shape:
        raise InvalidModelError(f"{name}: expected shape {shape}, got {values.shape}")
    if values.dtype != np.float64:
        raise InvalidModelError(f"{name}: expected float64, got {values.dtype}")
    finite = np.isfinite(values)
    if not finite.all():
        index = tuple(int(i) for i in np.unravel_index(int(finite.argmin()), shape))
        raise InvalidModelError(f"{name}: expected finite numbers, got {values[index]} at {place(index)}")


def place(index: tuple[int, ...]) -> str:
    """An index in words: `row 3, column 5`."""
    return ", ".join(f"{axis} {i}" for axis, i in zip(("row", "column"), index, strict=False)) or "the only item"


def _check_codec(codec: Codec, No: int) -> None:
    if len(codec.labels) != No:
        raise InvalidModelError(f"codec: expected {No} codes as the network has classes, got {len(codec.labels)}")
    for code, label in enumerate(codec.labels):
        if label is not None and len(label) > MAX_LABEL:
            raise InvalidModelError(f"codec label {code}: expected at most {MAX_LABEL} code points, got {len(label)}")


def network_of(arrays: Mapping[str, Float64], Ni: int, Ns: int, No: int) -> Network:
    """Build a network from 15 arrays named `forward.WGI` ... `reversed.WOP` and `W2`."""
    dims = (Ni, Ns, 1 + Ni + Ns)
    lstms = [
        LSTM(dims, **{weight: arrays[f"{direction}.{weight}"] for weight in GATES + PEEPHOLES})
        for direction in ("forward", "reversed")
    ]
    return Network(lstms[0], lstms[1], Softmax(2 * Ns, No, arrays["W2"]))


def arrays_of(network: Network) -> dict[str, Float64]:
    """The 15 weight arrays of a network by name; the inverse of `network_of`."""
    arrays = {"W2": network.softmax.W2}
    for direction, lstm in (("forward", network.forward_lstm), ("reversed", network.reversed_lstm)):
        arrays.update({f"{direction}.{weight}": getattr(lstm, weight) for weight in GATES + PEEPHOLES})
    return arrays
