"""What the parts of a model are called and how they must fit, by shapes and counts alone: needs no NumPy.

Shapes: `Ni` inputs (line height in pixels), `Ns` hidden units, `No` classes, `Na = 1 + Ni + Ns`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from ..errors import InvalidModelError
from ..limits import MAX_CLASSES, MAX_HIDDEN, MAX_INPUTS, MAX_LABEL, MAX_LABEL_TEXT, MAX_WEIGHTS

GATES: Final = ("WGI", "WGF", "WGO", "WCI")
"""Gate and cell-input weights of an LSTM, (Ns, Na) each."""

PEEPHOLES: Final = ("WIP", "WFP", "WOP")
"""Diagonal peephole weights of an LSTM, (Ns,) each."""

DIRECTIONS: Final = ("forward", "reversed")

EXACT_INTEGER: Final = 2**53
"""Integers up to here are exact in float64."""

Dims = tuple[int, int, int]
"""(Ni, Ns, Na) of an LSTM."""

Shape = tuple[int, ...]


def check_shapes(Ni: int, No: int, dims: Sequence[Dims], softmax: tuple[int, int], shapes: Mapping[str, Shape]) -> None:
    """Raise `InvalidModelError` unless the parts of a network fit.

    Parameters
    ----------
    Ni, No
        Inputs and classes as the recognizer declares them.
    dims
        Of the forward and of the reversed LSTM.
    softmax
        (No, Nh) as the output layer declares them.
    shapes
        Of the 15 weight arrays, named as in `network.arrays_of`.
    """
    for direction, found in zip(DIRECTIONS, dims, strict=True):
        _check_lstm(direction, found, shapes)
    if dims[1] != dims[0]:
        raise InvalidModelError(f"reversed LSTM dims: expected {dims[0]} as the forward LSTM, got {dims[1]}")
    if dims[0][0] != Ni:
        raise InvalidModelError(f"forward LSTM inputs: expected Ni = {Ni} as the recognizer says, got {dims[0][0]}")
    Ns, Na = dims[0][1:]
    if softmax[0] != No:
        raise InvalidModelError(f"softmax No: expected {No} as the recognizer says, got {softmax[0]}")
    if softmax[1] != 2 * Ns:
        raise InvalidModelError(f"softmax Nh: expected {2 * Ns}, twice the hidden units, got {softmax[1]}")
    check_classes(No)
    weights = 2 * Ns * (4 * Na + 3) + No * (1 + 2 * Ns)
    if weights > MAX_WEIGHTS:
        raise InvalidModelError(f"model: expected at most {MAX_WEIGHTS} weights, got {weights}")
    _check_shape("softmax W2", shapes["W2"], (No, 1 + 2 * Ns))


def _check_lstm(direction: str, dims: Dims, shapes: Mapping[str, Shape]) -> None:
    Ni, Ns, Na = dims
    if not (1 <= Ni <= MAX_INPUTS and 1 <= Ns <= MAX_HIDDEN and Na == 1 + Ni + Ns):
        raise InvalidModelError(
            f"{direction} LSTM dims: expected (Ni, Ns, 1 + Ni + Ns), at most {MAX_INPUTS} and {MAX_HIDDEN}, got {dims}"
        )
    for weight in GATES + PEEPHOLES:
        shape = (Ns, Na) if weight in GATES else (Ns,)
        _check_shape(f"{direction} LSTM {weight}", shapes[f"{direction}.{weight}"], shape)


def _check_shape(name: str, got: Shape, expected: Shape) -> None:
    if got != expected:
        raise InvalidModelError(f"{name}: expected shape {expected}, got {got}")


def check_classes(No: int) -> None:
    """Raise `InvalidModelError` unless a model may have so many classes."""
    if not 1 <= No <= MAX_CLASSES:
        raise InvalidModelError(f"No: expected 1 to {MAX_CLASSES} classes, got {No}")


def check_labels(labels: Sequence[str | None], No: int) -> None:
    """Raise `InvalidModelError` unless these are labels for `No` classes, none too long, nor all together."""
    if len(labels) != No:
        raise InvalidModelError(f"codec: expected {No} codes as the network has classes, got {len(labels)}")
    for code, label in enumerate(labels):
        if label is not None and len(label) > MAX_LABEL:
            raise InvalidModelError(f"codec label {code}: expected at most {MAX_LABEL} code points, got {len(label)}")
    total = sum(map(len, filter(None, labels)))
    if total > MAX_LABEL_TEXT:
        raise InvalidModelError(f"codec labels: expected at most {MAX_LABEL_TEXT} code points in all, got {total}")


def place(index: Shape) -> str:
    """An index in words: `row 3, column 5`."""
    return ", ".join(f"{axis} {i}" for axis, i in zip(("row", "column"), index, strict=False)) or "the only item"


def full_name(array: str) -> str:
    """The name of a weight array in words: `forward LSTM WGI`, `softmax W2`."""
    direction, _, weight = array.rpartition(".")
    return f"{direction} LSTM {weight}" if direction else f"softmax {weight}"
