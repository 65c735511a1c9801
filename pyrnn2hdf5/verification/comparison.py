"""Proof that a result is the model of a source: what is stored, what it is called, what it does.

Layers, from the sharpest to the one a user cares about:

- stored: every data set equals the source's, cast to the coarser of both types, bit for bit;
- labels: codec, line normalizer and training record are equal where both sides have them;
- behaviour: both networks run over the same lines and give the same class probabilities;
- onnxruntime: of an ONNX file, onnxruntime gives what our own pass through its network gives.

Of the networks only, the weights and the behaviour are compared.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError, Pyrnn2Hdf5Error
from ..hdf5.layout import LAYOUT, DataSet, Stored, store
from ..limits import DEFAULT_LIMITS, Limits
from ..load import is_onnx, load_stored
from ..model.model import LineNormalizer, Model
from ..model.shapes import place
from ..ocr.images import read_truth
from ..ocr.line_normalization import read_line
from ..ocr.recognition import most_steps
from ..onnx_graph import execution
from ..sandbox.bounded import Reader
from ..text import shorten
from .behaviour import Behaviour, Line, compare_behaviour
from .onnx_behaviour import compare_runs

ARRAYS: Final = ("error", "character_errors")
"""The parts of a training record that are arrays."""

NETWORKS: Final = 3
"""As many networks run over each line, in float64."""


@dataclass(frozen=True)
class DataSetCheck:
    """One data set compared: `index`, `expected`, `got` are of the first item that differs."""

    name: str
    label: str
    shape: tuple[int, ...]
    dtype: str
    differing: int = 0
    largest_difference: float = 0.0
    index: tuple[int, ...] | None = None
    expected: float | None = None
    got: float | None = None
    expected_shape: tuple[int, ...] | None = None

    @property
    def problem(self) -> str | None:
        """What differs, in words; None where the data set is equal."""
        if self.expected_shape is not None:
            return f"{self.label}: expected shape {self.expected_shape}, got {self.shape}"
        if self.index is None:
            return None
        return f"{self.label}: {place(self.index)}: expected {self.expected:.9g}, got {self.got:.9g}"


@dataclass(frozen=True)
class LabelsCheck:
    """What goes with the weights: number of labels, what both sides have, and what differs in it.

    Nothing of it is compared where the networks only are.
    """

    count: int
    compared: tuple[str, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, repr=False)
class Verification:
    """Facts only; `problems` says in words what differs, and is empty for equal models.

    `onnxruntime` is None unless the result is an ONNX file.
    """

    stored: tuple[DataSetCheck, ...]
    labels: LabelsCheck
    behaviour: Behaviour | None
    onnxruntime: Behaviour | None = None

    def __repr__(self) -> str:
        problems = self.problems
        first = f", the first {shorten(problems[0], 120)}" if problems else ""
        return f"Verification(ok={self.ok}, {len(self.stored)} data sets, {len(problems)} problems{first})"

    @property
    def problems(self) -> tuple[str, ...]:
        """What differs, one sentence each, beginning with its layer."""
        said = [f"stored: {check.problem}" for check in self.stored if check.problem]
        said += [f"labels: {problem}" for problem in self.labels.problems]
        if self.behaviour and self.behaviour.problem:
            said.append(f"behaviour: {self.behaviour.problem}")
        if self.onnxruntime and self.onnxruntime.problem:
            said.append(f"onnxruntime: {self.onnxruntime.problem}")
        elif self.onnxruntime and self.onnxruntime.texts_equal is False:
            said.append("onnxruntime: expected the texts of our own pass, got others")
        return tuple(said)

    @property
    def ok(self) -> bool:
        """Whether both are the same model."""
        return not self.problems


def verify(
    source: str | os.PathLike[str],
    result: str | os.PathLike[str],
    *,
    images: Sequence[str | os.PathLike[str]] = (),
    tolerance: float | None = None,
    network_only: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> Verification:
    """Compare two model files, pyrnn, pronn, HDF5 or ONNX of ours on either side.

    Parameters
    ----------
    source
        The model that is taken to be right.
    result
        The model to be compared with it.
    images
        Line images to run both on besides the built-in lines (needs the extra `[ocr]`), dewarped by the line
        normalizer of the source. A `*.gt.txt` beside one is its truth, for character error rates.
    tolerance
        Largest difference of a class probability, 0 to 1; by default what rounding to float32 explains.
    network_only
        Compare the weights and what the networks do, but neither codec nor line normalizer nor training record.
    limits
        What reading each model may take: bytes and seconds.

    Returns
    -------
    Verification
        Data sets compared bit for bit in the coarser of both types, labels, and what both networks do; `ok`
        where nothing differs.

    Raises
    ------
    OSError, Pyrnn2Hdf5Error
        Where a model or an image cannot be read. The `path` of a `Pyrnn2Hdf5Error` says which.
    MissingExtraError
        Where there are images and the extra `[ocr]` is not installed, or the result is an ONNX file and the extra
        `[onnx]` is not.
    """
    with Reader() as reader:
        return verify_files(
            source, result, reader, images=images, tolerance=tolerance, network_only=network_only, limits=limits
        )


def verify_files(
    source: str | os.PathLike[str],
    result: str | os.PathLike[str],
    reader: Reader,
    *,
    images: Sequence[str | os.PathLike[str]] = (),
    tolerance: float | None = None,
    network_only: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> Verification:
    """As `verify`; `reader` is the process to read with, for many pairs."""
    runs = is_onnx(result)
    if runs:
        execution.require()
    expected, source_model = _load(source, limits, reader)
    got, result_model = _load(result, limits, reader)
    normalizer = source_model.line_normalizer or result_model.line_normalizer
    lines = [_line(image, normalizer, source_model, reader) for image in images]
    # The file is that of its model, to the byte.
    onnxruntime = compare_runs(result_model, lines, tolerance) if runs else None
    if not network_only:
        compared = compare(expected, got, source_model, result_model, lines=lines, tolerance=tolerance)
        return replace(compared, onnxruntime=onnxruntime)
    pairs = ((expected, source_model), (got, result_model))
    (expected, source_model), (got, result_model) = (_network_of(stored, model) for stored, model in pairs)
    compared = compare(expected, got, source_model, result_model, lines=lines, tolerance=tolerance)
    weights = tuple(check for check in compared.stored if check.name != "codec")
    return replace(compared, stored=weights, labels=LabelsCheck(0, (), ()), onnxruntime=onnxruntime)


def _network_of(stored: Stored, model: Model) -> tuple[Stored, Model]:
    """A model without what comes with its network, in its own order of classes."""
    bare = replace(model, codec=None, line_normalizer=None, training=None)
    return store(bare, float64=stored.float64), bare


def _load(path: str | os.PathLike[str], limits: Limits, reader: Reader) -> tuple[Stored, Model]:
    try:
        return load_stored(path, limits=limits, reader=reader)
    except Pyrnn2Hdf5Error as error:
        raise error.about(path) from error


def _line(image: str | os.PathLike[str], normalizer: LineNormalizer | None, model: Model, reader: Reader) -> Line:
    try:
        xs = read_line(image, normalizer, model.Ni, most=max(most_steps(model) // NETWORKS, 1), reader=reader).xs
        if not len(xs):
            raise InvalidInputError("line image: expected ink on paper, got a blank image")
        return Line(xs, read_truth(image))
    except Pyrnn2Hdf5Error as error:
        raise error.about(image) from error


def compare(
    expected: Stored,
    got: Stored,
    source: Model,
    result: Model,
    *,
    lines: Sequence[Line] = (),
    tolerance: float | None = None,
) -> Verification:
    """Compare two models: their stored forms, their labels, and what they do on the built-in and more lines."""
    stored = tuple(compare_data_set(entry, expected.data[entry.name], got.data[entry.name]) for entry in LAYOUT)
    behaviour = compare_behaviour(source, result, lines=lines, tolerance=tolerance)
    return Verification(stored, compare_labels(source, result), behaviour)


def compare_data_set(entry: DataSet, expected: NDArray[Any], got: NDArray[Any]) -> DataSetCheck:
    """Compare one data set bit for bit, after casting both to the coarser of their types."""
    shape, dtype = got.shape, str(got.dtype)
    if expected.shape != shape:
        return DataSetCheck(entry.name, entry.label, shape, dtype, got.size, expected_shape=expected.shape)
    coarser = np.float32 if 4 in (expected.dtype.itemsize, got.dtype.itemsize) else np.float64
    bits = np.uint32 if coarser is np.float32 else np.uint64
    with np.errstate(over="ignore", under="ignore"):
        left = np.ascontiguousarray(expected, coarser)
        right = np.ascontiguousarray(got, coarser)
    differs = left.view(bits) != right.view(bits)
    count = int(np.count_nonzero(differs))
    if not count:
        return DataSetCheck(entry.name, entry.label, shape, dtype)
    index = tuple(int(i) for i in np.unravel_index(int(differs.argmax()), shape))
    with np.errstate(invalid="ignore"):
        largest = float(np.abs(left.astype(np.float64) - right.astype(np.float64)).max())
    return DataSetCheck(
        entry.name, entry.label, shape, dtype, count, largest, index, float(left[index]), float(right[index])
    )


def compare_labels(source: Model, result: Model) -> LabelsCheck:
    """Compare codec, line normalizer and training record, the latter two where both sides have one."""
    compared, problems = ["codec"], []
    expected, got = source.codec, result.codec
    if expected is None or got is None:
        if expected is not got:
            names = {True: "no codec", False: "a codec"}
            problems.append(f"expected {names[expected is None]}, got {names[got is None]}")
    elif len(expected.labels) != len(got.labels):
        problems.append(f"expected {len(expected.labels)} codes, got {len(got.labels)}")
    else:
        differing = [code for code, label in enumerate(expected.labels) if label != got.labels[code]]
        problems.extend(
            f"code {code}: expected {expected.labels[code]!r}, got {got.labels[code]!r}" for code in differing[:3]
        )
        if len(differing) > 3:
            problems.append(f"{len(differing) - 3} more labels differ")
    if source.line_normalizer and result.line_normalizer:
        compared.append("line normalizer")
        # In words, for a NaN among the parameters does not equal itself.
        if repr(source.line_normalizer) != repr(result.line_normalizer):
            problems.append(f"line normalizer: expected {source.line_normalizer}, got {result.line_normalizer}")
    if source.training and result.training:
        compared.append("training record")
        for name, value in vars(source.training).items():
            got = getattr(result.training, name)
            # A training error may be NaN. Of texts NumPy would make arrays as wide as the longest of them.
            equal = np.array_equal(value, got, equal_nan=name == "error") if name in ARRAYS else value == got
            if not equal:
                problems.append(f"training record: {name} differs")
    return LabelsCheck(0 if expected is None else len(expected.labels), tuple(compared), tuple(problems))
