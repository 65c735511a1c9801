"""What two networks do on the same lines, and how far apart rounding may bring them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import RandomState

from .built_in_lines import SEED, built_in_lines
from .lstm import Float64, Network, class_probabilities, hidden_batch
from .model import Model, arrays_of, network_of
from .recognition import error_rate

FLOAT32_ROUNDING: Final = 2.0**-24
"""Rounding to float32 moves a weight by at most this part of itself."""

MARGIN: Final = 64.0
"""How much more than a seeded perturbation of that size a real rounding may move a probability."""

FLOOR: Final = 1e-12
"""Rounding of the float64 arithmetic itself."""

VARIES: Final = 1e-3
"""A hidden unit that moves by more than this over a line takes part in it."""


@dataclass(frozen=True)
class Behaviour:
    """Both networks on the same lines.

    `tolerance` is what float32 rounding explains for this network, or what the caller allows;
    `texts_equal` is None where either side has no codec; `varying` is the share of hidden units
    that move over the lines; `error_rates` are the character error rates of source and result where
    the truth was given.
    """

    lines: int
    steps: int
    largest_difference: float
    tolerance: float
    other_best_class: int
    texts_equal: bool | None
    varying: float
    error_rates: tuple[float, float] | None = None

    @property
    def problem(self) -> str | None:
        """Why the networks do not behave alike; None where they do."""
        if self.largest_difference <= self.tolerance:
            return None
        return (
            f"expected class probabilities within {self.tolerance:.2g}, "
            f"got a difference of {self.largest_difference:.2g}, "
            f"{self.other_best_class} of {self.steps} steps with another best class"
        )


@dataclass(frozen=True, eq=False)
class Line:
    """A real line: the network's input (T, Ni), and the text it shows where that is known."""

    xs: Float64
    truth: str | None = None


def compare_behaviour(
    source: Model, result: Model, *, lines: Sequence[Line] = (), tolerance: float | None = None
) -> Behaviour | None:
    """Run both networks over the built-in and the given lines; None where their shapes differ."""
    a, b = source.network, result.network
    if (a.forward_lstm.dims, a.softmax.No) != (b.forward_lstm.dims, b.softmax.No):
        return None
    inputs = [*built_in_lines(source.Ni), *(line.xs for line in lines)]
    networks = [a, b] if tolerance is not None else [a, b, perturbed(a)]
    hidden = hidden_batch(networks, inputs)
    largest = explained = 0.0
    other_best_class = 0
    texts: tuple[list[str], list[str]] = ([], [])
    # Line by line: the probabilities of all lines at once would take many times a model's memory.
    for per_network in zip(*hidden, strict=True):
        x, y, *moved = (class_probabilities(network, h) for network, h in zip(networks, per_network, strict=True))
        largest = max(largest, _largest_difference(x, y))
        # What rounding turns into NaN explains nothing.
        explained = max([explained, *(d for z in moved if math.isfinite(d := _largest_difference(x, z)))])
        other_best_class += int(np.count_nonzero(x.argmax(1) != y.argmax(1)))
        if source.codec and result.codec:
            texts[0].append(source.decode(x))
            texts[1].append(result.decode(y))
    error_rates = None
    known = [(i, line.truth) for i, line in enumerate(lines, len(inputs) - len(lines)) if line.truth is not None]
    if known and texts[0]:
        truth = [text for _, text in known]
        left, right = ([read[i] for i, _ in known] for read in texts)
        error_rates = error_rate(left, truth), error_rate(right, truth)
    varying = [np.ptp(h, axis=0) > VARIES for h in hidden[0]]
    return Behaviour(
        lines=len(inputs),
        steps=sum(map(len, inputs)),
        largest_difference=largest,
        tolerance=max(explained * MARGIN, FLOOR) if tolerance is None else tolerance,
        other_best_class=other_best_class,
        texts_equal=texts[0] == texts[1] if source.codec and result.codec else None,
        varying=float(np.mean(np.any(varying, axis=0))),
        error_rates=error_rates,
    )


def _largest_difference(left: Float64, right: Float64) -> float:
    """Infinite where only one side is a number: weights near the limits of float64 overflow."""
    with np.errstate(invalid="ignore"):
        difference = np.abs(left - right)
    difference[np.isnan(left) & np.isnan(right)] = 0.0
    return float(np.nan_to_num(difference, nan=np.inf).max())


def perturbed(network: Network) -> Network:
    """The network with every weight moved by as much as rounding to float32 may, signs seeded."""
    random = RandomState(SEED)
    arrays = {}
    for name, values in sorted(arrays_of(network).items()):
        signs = random.randint(0, 2, values.shape) * 2.0 - 1.0
        arrays[name] = values * (1.0 + FLOAT32_ROUNDING * signs)
    Ni, Ns, _ = network.forward_lstm.dims
    return network_of(arrays, Ni, Ns, network.softmax.No)
