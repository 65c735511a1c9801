"""Statistics of the weights of a network, computed from nothing but the weights."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from ..model.network import LSTM, Float64, Network, arrays_of

BINS: Final = 12
"""Bins of a histogram, of equal width from the least weight to the greatest."""

DEAD: Final = 1e-6
"""A hidden unit is dead where no weight towards it (its row of WCI) or no weight from it (its columns
of W2 and of the four gate matrices) is larger than this: nothing it does moves a class."""

SATURATED: Final = 5.0
"""A gate is saturated where its sum is beyond this, on one side, for every input in 0..1 and every
output of hidden units in -1..1, peepholes aside: sigma(5) = 0.993, so it is always open or always shut."""


@dataclass(frozen=True)
class MatrixFacts:
    """One weight matrix: its name, shape, mean, standard deviation, range and counts of a histogram.

    A figure is None where float64 cannot hold it.
    """

    name: str
    shape: tuple[int, ...]
    mean: float | None
    sd: float | None
    min: float
    max: float
    histogram: tuple[int, ...]


@dataclass(frozen=True)
class UnitFacts:
    """Of `units` hidden units of both directions, how many are `DEAD`, and how many gates `SATURATED`."""

    units: int
    dead: int
    gates: int
    saturated: int


def matrix_facts(network: Network) -> tuple[MatrixFacts, ...]:
    """Facts of the 15 weight matrices, those of the output layer last."""
    arrays = arrays_of(network)
    W2 = arrays.pop("W2")
    return tuple(_matrix(name, values) for name, values in (*arrays.items(), ("W2", W2)))


def _matrix(name: str, values: Float64) -> MatrixFacts:
    low, high = float(values.min()), float(values.max())
    with np.errstate(over="ignore", invalid="ignore"):
        mean, sd = float(values.mean()), float(values.std())
        # Computed by hand: np.histogram refuses a range that float64 cannot hold.
        scale = (BINS - 1e-9) / (high / 2 - low / 2) / 2 if high / 2 > low / 2 else 0.0
        bins = np.clip(((values / 2 - low / 2) * 2 * scale).astype(np.int64), 0, BINS - 1)
    return MatrixFacts(
        name=name,
        shape=values.shape,
        mean=_finite(mean),
        sd=_finite(sd),
        min=low,
        max=high,
        histogram=tuple(np.bincount(bins.ravel(), minlength=BINS).tolist()),
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def unit_facts(network: Network) -> UnitFacts:
    """Dead units and saturated gates of both directions."""
    Ns = network.forward_lstm.dims[1]
    W2 = network.softmax.W2
    dead = saturated = 0
    for lstm, columns in ((network.forward_lstm, W2[:, 1 : 1 + Ns]), (network.reversed_lstm, W2[:, 1 + Ns :])):
        dead += _dead(lstm, columns)
        with np.errstate(over="ignore", invalid="ignore"):
            saturated += sum(_saturated(gate, lstm.dims[0]) for gate in (lstm.WGI, lstm.WGF, lstm.WGO))
    return UnitFacts(2 * Ns, dead, 6 * Ns, saturated)


def _dead(lstm: LSTM, columns: Float64) -> int:
    Ni = lstm.dims[0]
    outgoing = [np.abs(columns).max(axis=0)]
    outgoing += [np.abs(gate[:, 1 + Ni :]).max(axis=0) for gate in (lstm.WGI, lstm.WGF, lstm.WGO, lstm.WCI)]
    incoming = np.abs(lstm.WCI).max(axis=1)
    return int(np.count_nonzero((np.max(outgoing, axis=0) <= DEAD) | (incoming <= DEAD)))


def _saturated(gate: Float64, Ni: int) -> int:
    bias, inputs, recurrent = gate[:, 0], gate[:, 1 : 1 + Ni], np.abs(gate[:, 1 + Ni :]).sum(axis=1)
    least = bias + np.minimum(inputs, 0).sum(axis=1) - recurrent
    most = bias + np.maximum(inputs, 0).sum(axis=1) + recurrent
    return int(np.count_nonzero((least > SATURATED) | (most < -SATURATED)))
