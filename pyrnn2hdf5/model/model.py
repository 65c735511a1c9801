"""A line recognizer as frozen values, and every check that makes it one.

Whatever was read, from a pickle or from HDF5, becomes a `Model` here or is refused here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidInputError, InvalidModelError
from ..text import shorten
from .decoding import THRESHOLD, decode_classes
from .forward_pass import forward_batch
from .network import Float64, Network, arrays_of
from .shapes import check_labels, check_shapes, full_name, place

UNKNOWN: Final = "~"
"""What OCRopus reads for a class without a label."""

Parameter = bool | int | float | str | tuple[float, ...]


@dataclass(frozen=True, repr=False)
class Codec:
    """Labels by code (class number); code 0 is the CTC blank. None: the codec has no such code."""

    labels: tuple[str | None, ...]

    def __repr__(self) -> str:
        known = "".join(label for label in self.labels if label)
        return f"Codec({len(self.labels)} labels, {shorten(known)})"

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


@dataclass(frozen=True, eq=False, repr=False)
class TrainingRecord:
    """The training history, thinned to blocks of lines.

    `error` is float64 (n,), the mean error of each block of `lines_per_point` lines;
    `character_errors` int64 (m, 2), the sums of (errors, length) of each block.
    `lines` counts the entries of the longer of both logs before thinning: 0 where the file kept no history, however
    long the training was. `last_trial`, the number of lines trained, is None where the file does not say.
    """

    last_trial: int | None
    commands: tuple[str, ...]
    lines: int
    lines_per_point: int
    error: Float64
    character_errors: NDArray[np.int64]

    def __repr__(self) -> str:
        return f"TrainingRecord(last_trial={self.last_trial}, lines={self.lines}, {len(self.commands)} commands)"


@dataclass(frozen=True)
class Source:
    """Where a model came from: base name and SHA-256 of the file it was made from."""

    name: str
    sha256: str


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """A bidirectional LSTM line recognizer. Raises `InvalidModelError` unless all parts fit.

    `Ni` and `No` are what the recognizer declares; `normalize` is the name of the function that
    normalized the training text, kept for information; `notes` tell what was odd while reading. Its arrays are made
    read-only; those of a copy, by `copy.deepcopy` or pickle, are the copy's own.

    Models compare by identity: `pyrnn2hdf5.verify` compares files, `numpy.array_equal` their arrays.
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
        lstms, softmax = (self.network.forward_lstm, self.network.reversed_lstm), self.network.softmax
        shapes = {name: values.shape for name, values in arrays_of(self.network).items()}
        check_shapes(self.Ni, self.No, [lstm.dims for lstm in lstms], (softmax.No, softmax.Nh), shapes)
        _check_weights(self.network)
        if self.codec is not None:
            check_labels(self.codec.labels, self.No)
        training = self.training
        history = (training.error, training.character_errors) if training else ()
        for values in (*arrays_of(self.network).values(), *history):
            values.setflags(write=False)

    def __repr__(self) -> str:
        source = shorten(self.source.name) if self.source else None
        normalizer = shorten(self.line_normalizer.kind) if self.line_normalizer else None
        labels = len(self.codec.labels) if self.codec else None
        return (
            f"Model(Ni={self.Ni}, Ns={self.Ns}, No={self.No}, labels={labels}, "
            f"line_normalizer={normalizer}, source={source})"
        )

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

        Raises `InvalidModelError` where the model has no codec, `InvalidInputError` for another shape.
        """
        codec = codec_of(self)
        try:
            probabilities = np.asarray(outputs)
        except ValueError as error:
            raise InvalidInputError(f"outputs: expected numbers of shape (T, {self.No}): {error}") from error
        if probabilities.dtype.kind not in "biuf" or probabilities.shape[1:] != (self.No,):
            what = f"{probabilities.dtype} of shape {probabilities.shape}"
            raise InvalidInputError(f"outputs: expected numbers of shape (T, {self.No}), got {what}")
        found = decode_classes(probabilities, threshold)
        return "".join(codec.decode(code) for _, code in found)

    def predict_string(self, xs: ArrayLike, threshold: float = THRESHOLD) -> str:
        """The text of one prepared line, (T, Ni) float in 0..1."""
        return self.decode(self.forward(xs), threshold)


def codec_of(model: Model) -> Codec:
    """The codec to decode with. Raises `InvalidModelError` where the model has none."""
    if model.codec is None:
        raise InvalidModelError("codec: expected labels to decode with, got none")
    return model.codec


def _check_weights(network: Network) -> None:
    for name, values in arrays_of(network).items():
        if values.dtype != np.float64:
            raise InvalidModelError(f"{full_name(name)}: expected float64, got {values.dtype}")
        finite = np.isfinite(values)
        if not finite.all():
            index = tuple(int(i) for i in np.unravel_index(int(finite.argmin()), values.shape))
            raise InvalidModelError(
                f"{full_name(name)}: expected finite numbers, got {values[index]} at {place(index)}"
            )
