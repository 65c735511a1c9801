"""Proof that a result is the model of a source: what is stored, what it is called, what it does.

Three layers, from the sharpest to the one a user cares about:

- stored: every data set equals the source's, cast to the coarser of both types, bit for bit;
- labels: codec, line normalizer and training record are equal where both sides have them;
- behaviour: both networks run over the same lines and give the same class probabilities.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .load import load_stored
from .lstm import Float64, Network, class_probabilities, hidden_batch
from .model import Model, arrays_of, network_of, place
from .stored import LAYOUT, Stored

SEED: Final = 2013
LINES: Final = 3
GLYPHS: Final = 6
PAD: Final = 16
"""Steps of silence at both ends of a line, as ocropy pads."""

FLOAT32_ROUNDING: Final = 2.0**-24
"""Rounding to float32 moves a weight by at most this part of itself."""

MARGIN: Final = 64.0
"""How much more than a seeded perturbation of that size a real rounding may move a probability."""

FLOOR: Final = 1e-12
"""Rounding of the float64 arithmetic itself."""

VARIES: Final = 1e-3
"""A hidden unit that moves by more than this over a line takes part in it."""


@dataclass(frozen=True)
class DataSetCheck:
    """One data set compared: `index`, `expected`, `got` are of the first item that differs."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    equal: bool
    largest_difference: float | None = None
    index: tuple[int, ...] | None = None
    expected: float | None = None
    got: float | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Behaviour:
    """Both networks on the same lines.

    `tolerance` is what float32 rounding explains for this network; `texts_equal` is None where
    either side has no codec; `varying` is the share of hidden units that move over the lines.
    """

    lines: int
    steps: int
    largest_difference: float
    tolerance: float
    other_best_class: int
    texts_equal: bool | None
    varying: float


@dataclass(frozen=True)
class Verification:
    """Facts only; `problems` says in words what differs, and is empty for equal models."""

    stored: tuple[DataSetCheck, ...]
    labels: tuple[str, ...]
    behaviour: Behaviour | None

    @property
    def problems(self) -> tuple[str, ...]:
        """What differs, layer by layer, one sentence each."""
        said = [check.problem for check in self.stored if check.problem]
        said.extend(self.labels)
        behaviour = self.behaviour
        if behaviour and not behaviour.largest_difference <= behaviour.tolerance:
            said.append(
                f"behaviour: expected class probabilities within {behaviour.tolerance:.2g}, which float32 rounding "
                f"explains, got a difference of {behaviour.largest_difference:.2g}"
            )
        return tuple(said)

    @property
    def ok(self) -> bool:
        """Whether both are the same model."""
        return not self.problems


def verify(source: str | os.PathLike[str], result: str | os.PathLike[str]) -> Verification:
    """Compare two model files, pyrnn or HDF5 on either side.

    Raises `OSError` or a `Pyrnn2Hdf5Error` where either cannot be read as a model.
    """
    expected, source_model = load_stored(source)
    got, result_model = load_stored(result)
    return compare(expected, got, source_model, result_model)


def compare(expected: Stored, got: Stored, source: Model, result: Model) -> Verification:
    """Compare two models: their stored forms, their labels and what they do."""
    stored = tuple(compare_data_set(entry.name, expected.data[entry.name], got.data[entry.name]) for entry in LAYOUT)
    return Verification(stored, compare_labels(source, result), compare_behaviour(source, result))


def compare_data_set(name: str, expected: NDArray[Any], got: NDArray[Any]) -> DataSetCheck:
    """Compare one data set bit for bit, after casting both to the coarser of their types."""
    shape, dtype = got.shape, str(got.dtype)
    short = name.removeprefix(".bidilstm.")
    if expected.shape != shape:
        problem = f"stored: {short}: expected shape {expected.shape}, got {shape}"
        return DataSetCheck(name, shape, dtype, False, problem=problem)
    coarser = np.float32 if 4 in (expected.dtype.itemsize, got.dtype.itemsize) else np.float64
    bits = np.uint32 if coarser is np.float32 else np.uint64
    with np.errstate(over="ignore", under="ignore"):
        left = np.ascontiguousarray(expected, coarser)
        right = np.ascontiguousarray(got, coarser)
    differs = left.view(bits) != right.view(bits)
    if not differs.any():
        return DataSetCheck(name, shape, dtype, True, largest_difference=0.0)
    index = tuple(int(i) for i in np.unravel_index(int(differs.argmax()), shape))
    largest = float(np.abs(left.astype(np.float64) - right.astype(np.float64)).max())
    problem = f"stored: {short}: {place(index)}: expected {left[index]:.9g}, got {right[index]:.9g}"
    return DataSetCheck(name, shape, dtype, False, largest, index, float(left[index]), float(right[index]), problem)


def compare_labels(source: Model, result: Model) -> tuple[str, ...]:
    """What differs in codec, line normalizer and training record, where both sides have one."""
    said = []
    expected, got = source.codec, result.codec
    if (expected is None) != (got is None):
        names = {True: "no codec", False: "a codec"}
        said.append(f"labels: expected {names[expected is None]}, got {names[got is None]}")
    elif expected is not None and got is not None and expected != got:
        pairs = enumerate(zip(expected.labels, got.labels, strict=False))
        first = next(((code, pair) for code, pair in pairs if pair[0] != pair[1]), None)
        if first:
            said.append(f"labels: code {first[0]}: expected {first[1][0]!r}, got {first[1][1]!r}")
        else:
            said.append(f"labels: expected {len(expected.labels)} codes, got {len(got.labels)}")
    if source.line_normalizer and result.line_normalizer and source.line_normalizer != result.line_normalizer:
        said.append(f"labels: expected {source.line_normalizer}, got {result.line_normalizer}")
    if source.training and result.training:
        for name, value in vars(source.training).items():
            if not np.array_equal(value, getattr(result.training, name)):
                said.append(f"labels: the training record differs in {name}")
    return tuple(said)


def compare_behaviour(source: Model, result: Model) -> Behaviour | None:
    """Run both networks over the built-in lines; None where their shapes differ."""
    a, b = source.network, result.network
    if (a.forward_lstm.dims, a.softmax.No) != (b.forward_lstm.dims, b.softmax.No):
        return None
    lines = built_in_lines(source.Ni)
    networks = (a, b, perturbed(a))
    hidden = hidden_batch(networks, lines)
    expected, got, moved = (
        [class_probabilities(network, h) for h in per_line] for network, per_line in zip(networks, hidden, strict=True)
    )
    varying = [np.ptp(h, axis=0) > VARIES for h in hidden[0]]
    explained = max(_largest_difference(expected, moved) * MARGIN, FLOOR)
    texts_equal = None
    if source.codec and result.codec:
        texts_equal = all(source.decode(x) == result.decode(y) for x, y in zip(expected, got, strict=True))
    return Behaviour(
        lines=len(lines),
        steps=sum(map(len, lines)),
        largest_difference=_largest_difference(expected, got),
        tolerance=explained,
        other_best_class=sum(
            int(np.count_nonzero(x.argmax(1) != y.argmax(1))) for x, y in zip(expected, got, strict=True)
        ),
        texts_equal=texts_equal,
        varying=float(np.mean(np.any(varying, axis=0))),
    )


def _largest_difference(left: Sequence[Float64], right: Sequence[Float64]) -> float:
    return max(float(np.abs(x - y).max()) for x, y in zip(left, right, strict=True))


def perturbed(network: Network) -> Network:
    """The network with every weight moved by as much as rounding to float32 may, signs seeded."""
    random = np.random.RandomState(SEED)
    arrays = {}
    for name, values in sorted(arrays_of(network).items()):
        signs = random.randint(0, 2, values.shape) * 2.0 - 1.0
        arrays[name] = values * (1.0 + FLOAT32_ROUNDING * signs)
    Ni, Ns, _ = network.forward_lstm.dims
    return network_of(arrays, Ni, Ns, network.softmax.No)


def built_in_lines(Ni: int) -> list[Float64]:
    """Lines of made-up glyphs as a network sees them: float64 (T, Ni) in 0..1, ink is 1.

    Stems, bars, bowls and dots of a pen between baseline and ascender, word gaps, soft edges, and
    silence at both ends. The same on every machine: `RandomState` promises its stream.
    """
    random = np.random.RandomState(SEED)
    return [_line_of_glyphs(random, Ni) for _ in range(LINES)]


def _line_of_glyphs(random: np.random.RandomState, Ni: int) -> Float64:
    pen = max(2, Ni // 12)
    top, x_height, base, bottom = (round(share * (Ni - 1)) for share in (0.12, 0.35, 0.72, 0.92))
    columns: list[Float64] = [np.zeros((PAD, Ni))]
    for _ in range(GLYPHS):
        width = pen * int(random.randint(2, 6))
        glyph = np.zeros((width + 2 * pen, Ni))
        upper = top if random.randint(3) == 0 else x_height
        lower = bottom if random.randint(5) == 0 else base
        if random.randint(4):
            glyph[pen : 2 * pen, upper : lower + 1] = 1.0
        if random.randint(2):
            glyph[width : width + pen, x_height : base + 1] = 1.0
        for row in (x_height, (x_height + base) // 2, base):
            if random.randint(2):
                glyph[pen : width + pen, row : row + pen] = 1.0
        if random.randint(4) == 0:
            glyph[width // 2 : width // 2 + pen, top : top + pen] = 1.0
        columns.append(glyph)
        if random.randint(4) == 0:
            columns.append(np.zeros((4 * pen, Ni)))
    columns.append(np.zeros((PAD, Ni)))
    line = np.concatenate(columns)
    # Soft edges along the line, as scaling leaves them; the silence stays silent.
    soft = line.copy()
    soft[1:-1] = (line[:-2] + 2.0 * line[1:-1] + line[2:]) / 4.0
    return soft
