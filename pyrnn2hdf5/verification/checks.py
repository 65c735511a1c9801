"""The layers of a comparison that run nothing: data sets bit for bit, and what goes with the weights."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..hdf5.layout import DataSet
from ..model.model import Model
from ..model.shapes import place

ARRAYS: Final = ("error", "character_errors")
"""The parts of a training record that are arrays."""


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
