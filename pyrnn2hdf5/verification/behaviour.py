"""What two networks do on the same lines, and how far apart rounding may bring them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np
from numpy.random import RandomState
from numpy.typing import NDArray

from ..limits import MAX_CELLS
from ..model.decoding import decode_blocks
from ..model.forward_pass import PAD, hidden_batch, probability_blocks
from ..model.model import Model
from ..model.network import Float64, Floats, Network, arrays_of, network_of
from ..ocr.evaluation import error_rate

FLOAT32_ROUNDING: Final = 2.0**-24
"""Rounding to float32 moves a weight by at most this part of itself."""

MARGIN: Final = 64.0
"""How much more than a seeded perturbation of that size a real rounding may move a probability."""

FLOOR: Final = 1e-12
"""Rounding of the float64 arithmetic itself."""

MAX_TOGETHER: Final = 2**20
"""Most weights of a network that runs beside others."""

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

    xs: Floats
    truth: str | None = None


def compare_behaviour(
    source: Model, result: Model, *, lines: Sequence[Line] = (), tolerance: float | None = None
) -> Behaviour | None:
    """Run both networks over built-in and the given lines; None where their shapes differ.

    Short built-in lines do where the difference is no more than rounding of the output layer alone explains:
    that takes no further pass, and allows less than rounding of all weights.
    """
    network = source.network
    if (network.forward_lstm.dims, network.softmax.No) != (result.network.forward_lstm.dims, result.network.softmax.No):
        return None
    if tolerance is not None:
        return _run_both(source, result, built_in_lines(source.Ni), lines, tolerance)
    quick = _run_both(source, result, short_lines(source.Ni), lines, output_perturbed(network))
    if not quick.problem:
        return quick
    return _run_both(source, result, built_in_lines(source.Ni), lines, perturbed(network))


def _run_both(
    source: Model, result: Model, built_in: Sequence[Float64], lines: Sequence[Line], allowed: float | Network
) -> Behaviour:
    """What both do; `allowed` is the tolerance, or the source's network moved as rounding may."""
    a, b = source.network, result.network
    inputs = [*built_in, *(line.xs for line in lines)]
    networks = [a, b] if isinstance(allowed, float) else [a, b, allowed]
    # LSTMs that are the source's own need no pass of theirs.
    shared = len(networks) > 2 and networks[2].forward_lstm is a.forward_lstm
    run = networks[:2] if shared else networks
    # Side by side they take less time, but each a copy of its weights: large ones take turns.
    together = sum(values.size for values in arrays_of(a).values()) <= MAX_TOGETHER
    turns = [run] if together else [[network] for network in run]
    largest = explained = 0.0
    other_best_class = 0
    varying = np.zeros(2 * source.Ns, bool)
    texts: tuple[list[str], list[str]] = ([], [])
    for batch in _batches(inputs, MAX_CELLS // (source.Ni + 2 * source.Ns)):
        hidden = [of_one for turn in turns for of_one in hidden_batch(turn, batch)]
        if shared:
            hidden.append(hidden[0])
        for per_network in zip(*hidden, strict=True):
            varying |= np.ptp(per_network[0], axis=0) > VARIES
            sides = [partial(probability_blocks, network, h) for network, h in zip(networks, per_network, strict=True)]
            for x, y, *moved in zip(*(side() for side in sides), strict=True):
                largest = max(largest, largest_difference(x, y))
                # What rounding turns into NaN explains nothing.
                explained = max([explained, *(d for z in moved if math.isfinite(d := largest_difference(x, z)))])
                other_best_class += int(np.count_nonzero(x.argmax(1) != y.argmax(1)))
            if source.codec and result.codec:
                for codec, side, read in zip((source.codec, result.codec), sides, texts, strict=False):
                    read.append("".join(codec.decode(code) for _, code, _ in decode_blocks(side())))
    error_rates = None
    known = [(i, line.truth) for i, line in enumerate(lines, len(built_in)) if line.truth is not None]
    if known and texts[0]:
        truth = [text for _, text in known]
        left, right = ([read[i] for i, _ in known] for read in texts)
        error_rates = error_rate(left, truth), error_rate(right, truth)
    return Behaviour(
        lines=len(inputs),
        steps=sum(map(len, inputs)),
        largest_difference=largest,
        tolerance=allowed if isinstance(allowed, float) else max(explained * MARGIN, FLOOR),
        other_best_class=other_best_class,
        texts_equal=texts[0] == texts[1] if source.codec and result.codec else None,
        varying=float(np.mean(varying)),
        error_rates=error_rates,
    )


def _batches(lines: Sequence[Floats], most: int) -> Iterator[list[Floats]]:
    """The lines in their order, together no more than `most` steps and one line."""
    batch: list[Floats] = []
    for line in lines:
        batch.append(line)
        if sum(map(len, batch)) >= most:
            yield batch
            batch = []
    if batch:
        yield batch


def largest_difference(left: Float64, right: NDArray[Any]) -> float:
    """Infinite where only one side is a number: weights near the limits of float64 overflow."""
    with np.errstate(invalid="ignore"):
        difference = np.abs(left - right)
    difference[np.isnan(left) & np.isnan(right)] = 0.0
    return float(np.nan_to_num(difference, nan=np.inf).max())


def perturbed(network: Network) -> Network:
    """The network with every weight moved by as much as rounding to float32 may, signs seeded."""
    random = RandomState(SEED)
    arrays = {name: _moved(values, random) for name, values in sorted(arrays_of(network).items())}
    Ni, Ns, _ = network.forward_lstm.dims
    return network_of(arrays, Ni, Ns, network.softmax.No)


def output_perturbed(network: Network) -> Network:
    """The network with the weights of its output layer moved so, and its very LSTMs."""
    return replace(network, softmax=replace(network.softmax, W2=_moved(network.softmax.W2, RandomState(SEED))))


def _moved(values: Float64, random: RandomState) -> Float64:
    signs = random.randint(0, 2, values.shape) * 2.0 - 1.0
    moved: Float64 = values * (1.0 + FLOAT32_ROUNDING * signs)
    return moved


SEED: Final = 2013
BUILT_IN_LINES: Final = 3
MAX_PEN: Final = 12
"""Widest stroke in steps, so that lines of the tallest networks stay short."""


def built_in_lines(Ni: int) -> list[Float64]:
    """Lines of made-up glyphs as a network sees them: float64 (T, Ni) in 0..1, ink is 1.

    Stems, bars, bowls and dots of a pen between baseline and ascender, word gaps, soft edges, and
    silence at both ends. The same on every machine: `RandomState` promises its stream.
    """
    return _lines(Ni, glyphs=4, pad=PAD)


def short_lines(Ni: int) -> list[Float64]:
    """Such lines of half the glyphs and half the silence."""
    return _lines(Ni, glyphs=2, pad=PAD // 2)


def _lines(Ni: int, glyphs: int, pad: int) -> list[Float64]:
    random = RandomState(SEED)
    return [_line_of_glyphs(random, Ni, glyphs, pad) for _ in range(BUILT_IN_LINES)]


def _line_of_glyphs(random: RandomState, Ni: int, glyphs: int, pad: int) -> Float64:
    pen = min(max(2, Ni // 16), MAX_PEN)
    top, x_height, base, bottom = (round(share * (Ni - 1)) for share in (0.12, 0.35, 0.72, 0.92))
    columns: list[Float64] = [np.zeros((pad, Ni))]
    for _ in range(glyphs):
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
    columns.append(np.zeros((pad, Ni)))
    line = np.concatenate(columns)
    # Soft edges along the line, as scaling leaves them; the silence stays silent.
    soft = line.copy()
    soft[1:-1] = (line[:-2] + 2.0 * line[1:-1] + line[2:]) / 4.0
    return soft
