"""The stored form of a model: which array lies under which name, and in which order of classes.

A pure value between `Model` and the file: what `hdf5` writes and reads, and what is compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidModelError
from ..model.compatibility import codec_problems, kraken_labels
from ..model.model import Codec, LineNormalizer, Model, Source, TrainingRecord
from ..model.network import Float64, arrays_of, network_of
from ..model.shapes import GATES, PEEPHOLES, place
from ..text import shorten

KIND: Final = "pyrnn-bidi"
KIND_EXT: Final = "pyrnn-bidi-ext"


class DataSet(NamedTuple):
    """One data set of the root: its name, symbolic shape, the array of the model it holds, and its name in words."""

    name: str
    shape: tuple[str, str]
    array: str
    label: str


def _layout() -> tuple[DataSet, ...]:
    layout = []
    for direction, prefix in (
        ("forward", ".bidilstm.0.parallel.0.lstm."),
        ("reversed", ".bidilstm.0.parallel.1.reversed.0.lstm."),
    ):
        for weight in GATES + PEEPHOLES:
            shape = ("Ns", "Na") if weight in GATES else ("Ns", "1")
            layout.append(DataSet(prefix + weight, shape, f"{direction}.{weight}", f"{direction} LSTM {weight}"))
    layout.append(DataSet(".bidilstm.1.softmax.w", ("No", "1"), "W2[:, 0]", "softmax w"))
    layout.append(DataSet(".bidilstm.1.softmax.W", ("No", "2*Ns"), "W2[:, 1:]", "softmax W"))
    layout.append(DataSet("codec", ("No", "1"), "codec", "codec"))
    return tuple(layout)


LAYOUT: Final = _layout()
"""The data sets of the root, all of them required."""

ROWS_BY_CLASS: Final = (".bidilstm.1.softmax.w", ".bidilstm.1.softmax.W", "codec")


@dataclass(frozen=True, eq=False, repr=False)
class Stored:
    """A model as it lies in a file: data sets by name, labels by row, and what goes with them."""

    kind: str
    data: Mapping[str, NDArray[Any]]
    compressed: bool = False
    labels: tuple[str | None, ...] | None = None
    permutation: tuple[int, ...] | None = None
    line_normalizer: LineNormalizer | None = None
    training: TrainingRecord | None = None
    normalize: str | None = None
    source: Source | None = None

    def __repr__(self) -> str:
        labels = None if self.labels is None else len(self.labels)
        source = shorten(self.source.name) if self.source else None
        return (
            f"Stored(kind={shorten(self.kind)}, {len(self.data)} data sets, labels={labels}, float64={self.float64}, "
            f"compressed={self.compressed}, permuted={self.permutation is not None}, source={source})"
        )

    @property
    def float64(self) -> bool:
        """Whether the weights are kept unrounded."""
        return any(values.dtype.itemsize == 8 for values in self.data.values())


def store(model: Model, *, float64: bool = False, compress: bool = False) -> Stored:
    """The stored form of a model, weights cast to float32 once, or as they are with `float64`.

    `compress` packs the matrices with gzip and shuffle; kraken reads these too.

    Raises `InvalidModelError` where a weight overflows float32.
    """
    arrays = arrays_of(model.network)
    codec = model.codec
    ext = bool(codec_problems(codec))
    labels = codec.labels if codec else None
    permutation = None
    points = [ord(label) if label and len(label) == 1 and code else 0 for code, label in enumerate(labels or ())]
    if labels and not ext:
        order = sorted(range(len(points)), key=points.__getitem__)
        if order != list(range(len(points))):
            permutation = tuple(order)
            labels = tuple(labels[code] for code in order)

    data: dict[str, NDArray[Any]] = {}
    for entry in LAYOUT:
        if entry.array == "codec":
            values: NDArray[Any] = np.array(points or [0] * model.No, np.float32).reshape(-1, 1)
        else:
            dtype = np.float64 if float64 else np.float32
            values = cast(entry.label, _slice(arrays, entry.array), dtype, remedy="float64")
        data[entry.name] = values[list(permutation)] if permutation and entry.name in ROWS_BY_CLASS else values
    return Stored(
        kind=KIND_EXT if ext else KIND,
        data=data,
        compressed=compress,
        labels=labels,
        permutation=permutation,
        line_normalizer=model.line_normalizer,
        training=model.training,
        normalize=model.normalize,
        source=model.source,
    )


def _slice(arrays: Mapping[str, Float64], name: str) -> Float64:
    if name == "W2[:, 0]":
        return arrays["W2"][:, :1]
    if name == "W2[:, 1:]":
        return arrays["W2"][:, 1:]
    values = arrays[name]
    return values.reshape(-1, 1) if values.ndim == 1 else values


def cast(label: str, values: Float64, dtype: type[np.floating[Any]], *, remedy: str | None = None) -> NDArray[Any]:
    """Weights rounded once. Raises `InvalidModelError` where one overflows `dtype`; `label` and `remedy` are for it."""
    with np.errstate(over="ignore", under="ignore"):
        rounded = np.ascontiguousarray(values, dtype=dtype)
    finite = np.isfinite(rounded)
    if not finite.all():
        index = tuple(int(i) for i in np.unravel_index(int(finite.argmin()), rounded.shape))
        got = f"{values[index]:g} at {place(index)}"
        raise InvalidModelError(
            f"weights overflow float32: {label}: expected at most 3.4e38, got {got}",
            remedy=remedy,
        )
    return rounded


def restore(stored: Stored) -> Model:
    """The model of a stored form, classes in the order of the source.

    Raises `InvalidModelError` where the parts do not fit.
    """
    data = dict(stored.data)
    labels = stored.labels
    Ns, Na = data[LAYOUT[0].name].shape
    No = len(data["codec"])
    if labels is None and stored.kind == KIND:
        # A file that kraken wrote: the code points are all there is.
        labels = kraken_labels(data["codec"])
    if stored.permutation:
        inverse = np.argsort(stored.permutation)
        data.update({name: data[name][inverse] for name in ROWS_BY_CLASS})
        labels = tuple(labels[row] for row in inverse) if labels is not None else None
    arrays: dict[str, Float64] = {}
    # A signalling NaN is told where the model is checked.
    with np.errstate(invalid="ignore"):
        for entry in LAYOUT:
            if entry.array[0] in "fr":
                values = data[entry.name].astype(np.float64)
                arrays[entry.array] = values.ravel() if entry.shape[1] == "1" else values
        bias, weights = (data[name].astype(np.float64) for name in ROWS_BY_CLASS[:2])
    arrays["W2"] = np.concatenate((bias, weights), axis=1)
    return Model(
        Ni=Na - 1 - Ns,
        No=No,
        network=network_of(arrays, Na - 1 - Ns, Ns, No),
        codec=None if labels is None else Codec(labels),
        line_normalizer=stored.line_normalizer,
        training=stored.training,
        normalize=stored.normalize,
        source=stored.source,
    )
