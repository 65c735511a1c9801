"""The network as frozen values: the weights of a bidirectional LSTM with a softmax on top.

Shapes: `Ni` inputs (line height in pixels), `Ns` hidden units, `No` classes, `Na = 1 + Ni + Ns`.
Column order of the gate matrices: column 0 bias, columns 1..Ni the input, the rest the previous output.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .shapes import DIRECTIONS, GATES, PEEPHOLES

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Floats = NDArray[Any]
"""float64, or float32 where speed counts more than the last digits."""


@dataclass(frozen=True, eq=False, repr=False)
class LSTM:
    """Weights of one direction, float64: gates (Ns, Na), peepholes (Ns,), dims = (Ni, Ns, Na)."""

    dims: tuple[int, int, int]
    WGI: Float64
    WGF: Float64
    WGO: Float64
    WCI: Float64
    WIP: Float64
    WFP: Float64
    WOP: Float64

    def __repr__(self) -> str:
        return f"LSTM(dims={self.dims})"


@dataclass(frozen=True, eq=False, repr=False)
class Softmax:
    """Output layer: W2 float64 (No, 1 + Nh), column 0 the bias; Nh = 2 * Ns."""

    Nh: int
    No: int
    W2: Float64

    def __repr__(self) -> str:
        return f"Softmax(Nh={self.Nh}, No={self.No})"


@dataclass(frozen=True, eq=False, repr=False)
class Network:
    """A bidirectional LSTM with a softmax on top."""

    forward_lstm: LSTM
    reversed_lstm: LSTM
    softmax: Softmax

    def __repr__(self) -> str:
        return f"Network({self.forward_lstm}, {self.reversed_lstm}, {self.softmax})"


def network_of(arrays: Mapping[str, Float64], Ni: int, Ns: int, No: int) -> Network:
    """Build a network from 15 arrays named `forward.WGI` ... `reversed.WOP` and `W2`."""
    dims = (Ni, Ns, 1 + Ni + Ns)
    lstms = [
        LSTM(dims, **{weight: arrays[f"{direction}.{weight}"] for weight in GATES + PEEPHOLES})
        for direction in DIRECTIONS
    ]
    return Network(lstms[0], lstms[1], Softmax(2 * Ns, No, arrays["W2"]))


def arrays_of(network: Network) -> dict[str, Float64]:
    """The 15 weight arrays of a network by name; the inverse of `network_of`."""
    arrays = {"W2": network.softmax.W2}
    for direction, lstm in (("forward", network.forward_lstm), ("reversed", network.reversed_lstm)):
        arrays.update({f"{direction}.{weight}": getattr(lstm, weight) for weight in GATES + PEEPHOLES})
    return arrays
