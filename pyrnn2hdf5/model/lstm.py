"""The network: weights, the reference forward pass, and decoding, as OCRopus computes them.

Shapes: `Ni` inputs (line height in pixels), `Ns` hidden units, `No` classes, `Na = 1 + Ni + Ns`.
Column order of the gate matrices: column 0 bias, columns 1..Ni the input, the rest the previous
output. Equations of one LSTM, with s_t = [1, x_t, h_(t-1)] and h, c zero before the first step:

    i_t = sigma(WGI s_t + WIP * c_(t-1))
    f_t = sigma(WGF s_t + WFP * c_(t-1))
    g_t = tanh(WCI s_t)
    c_t = g_t * i_t + f_t * c_(t-1)
    o_t = sigma(WGO s_t + WOP * c_t)        on the first step without the WOP term, as in OCRopus
    h_t = tanh(c_t) * o_t

    sigma(a) = 1 / (1 + exp(clip(-a, -20, 20)))
    P_t = softmax(clip(W2 [1, forward h_t, reversed h_t], -100, 100))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidInputError

GATE_CLIP: Final = 20.0
LOGIT_CLIP: Final = 100.0
STEPS: Final = 16
"""Steps of a block, from [1, x_t] to h_t: few enough to stay in the cache."""

THRESHOLD: Final = 0.7
"""P(blank) below which ocropy sees a character; kraken uses 0.5."""

PAD: Final = 16
"""Steps of silence at both ends of a line, as ocropy pads."""

Float64 = NDArray[np.float64]


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


def forward_batch(networks: Sequence[Network], lines: Sequence[ArrayLike]) -> list[list[Float64]]:
    """Run networks of one shape over several lines at once; all directions share every step.

    `lines` are (T, Ni) arrays, T may differ. Returns, per network and per line, the class
    probabilities, float64 (T, No). Raises `InvalidInputError` for lines of another shape.
    """
    return [
        [class_probabilities(network, hidden) for hidden in per_line]
        for network, per_line in zip(networks, hidden_batch(networks, lines), strict=True)
    ]


def _line(line: ArrayLike, Ni: int) -> Float64:
    try:
        xs = np.asarray(line, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"line: expected numbers of shape (T, {Ni}): {error}") from error
    if xs.ndim != 2 or xs.shape[1] != Ni:
        raise InvalidInputError(f"line: expected shape (T, {Ni}), got {xs.shape}")
    return xs


def hidden_batch(networks: Sequence[Network], lines: Sequence[ArrayLike]) -> list[list[Float64]]:
    """Outputs of both LSTMs per network and per line, float64 (T, 2 * Ns), forward units first.

    `networks` are of one shape. Raises `InvalidInputError` for lines that are not (T, Ni).
    """
    Ni, Ns, _ = networks[0].forward_lstm.dims
    xs = [_line(line, Ni) for line in lines]
    hidden = [[np.empty((len(x), 2 * Ns)) for x in xs] for _ in networks]
    lstms = [lstm for network in networks for lstm in (network.forward_lstm, network.reversed_lstm)]
    # Weights near the limits of float64 overflow; what comes of it is the caller's to judge.
    with np.errstate(over="ignore", invalid="ignore"):
        _run(lstms, xs, hidden)
    return hidden


def _run(lstms: Sequence[LSTM], lines: list[Float64], hidden: list[list[Float64]]) -> None:
    """Fill `hidden`, per network and per line, with the h_t of the LSTMs, in turn forward and reversed.

    Gates lie side by side in the order I, F, O, C; the weights of the first three are negated, so
    that sigma needs no more than 1 / (1 + exp(clip(a))).
    """
    # D counts directions, B lines, T steps; of a line that has ended, what comes is not used.
    Ni, Ns, _ = lstms[0].dims
    D, B, T = len(lstms), len(lines), max(map(len, lines), default=0)
    # Filled in place: of a large model there must not be more copies than needed.
    into, recurrent = np.empty((D, 1 + Ni, 4 * Ns)), np.empty((D, Ns, 4 * Ns))
    for d, lstm in enumerate(lstms):
        for k, (sign, W) in enumerate(((-1.0, lstm.WGI), (-1.0, lstm.WGF), (-1.0, lstm.WGO), (1.0, lstm.WCI))):
            gate = np.s_[d, :, k * Ns : (k + 1) * Ns]
            np.multiply(W[:, : 1 + Ni].T, sign, out=into[gate])
            np.multiply(W[:, 1 + Ni :].T, sign, out=recurrent[gate])
    in_forget = -np.stack([np.concatenate((lstm.WIP, lstm.WFP)) for lstm in lstms]).reshape(D, 1, 2, Ns)
    output_peephole = -np.stack([lstm.WOP for lstm in lstms]).reshape(D, 1, Ns)

    inputs, outputs = np.zeros((2, STEPS, B, 1 + Ni)), np.empty((STEPS, D, B, Ns))
    inputs[..., 0] = 1.0
    projected, fed_back, peeped = np.empty((D, STEPS, B, 4 * Ns)), np.empty((D, B, 4 * Ns)), np.empty((D, B, 2, Ns))
    c = np.zeros((D, B, Ns))
    for start in range(0, T, STEPS):
        for b, line in enumerate(lines):
            for turned, x in zip(inputs, (line, line[::-1]), strict=True):
                some = x[start : start + STEPS]
                turned[: len(some), b, 1:] = some
        for d in range(D):
            steps = inputs[d % 2].reshape(STEPS * B, -1)
            np.matmul(steps, into[d], out=projected[d].reshape(STEPS * B, -1))
        for t in range(min(STEPS, T - start)):
            z = projected[:, t]
            i_f, o, g = z[..., : 2 * Ns], z[..., 2 * Ns : 3 * Ns], z[..., 3 * Ns :]
            first = start + t == 0
            if not first:
                # Before the first step of these there is the last of those before.
                z += np.matmul(outputs[t - 1], recurrent, out=fed_back)
                i_f += np.multiply(in_forget, c[:, :, None], out=peeped).reshape(D, B, 2 * Ns)
            _one_over_sigma(i_f)
            np.tanh(g, out=g)
            g /= i_f[..., :Ns]
            c /= i_f[..., Ns:]
            c += g
            if not first:
                o += np.multiply(output_peephole, c, out=g)
            _one_over_sigma(o)
            np.divide(np.tanh(c, out=g), o, out=outputs[t])
        for m, per_line in enumerate(hidden):
            for b, h in enumerate(per_line):
                count, end = min(STEPS, len(h) - start), len(h) - start
                if count > 0:
                    h[start : start + count, :Ns] = outputs[:count, 2 * m, b]
                    h[end - count : end, Ns:] = outputs[:count, 2 * m + 1, b][::-1]


def _one_over_sigma(negated: Float64) -> None:
    """1 / sigma(a), in place, given -a."""
    negated.clip(-GATE_CLIP, GATE_CLIP, out=negated)
    np.exp(negated, out=negated)
    negated += 1.0


def class_probabilities(network: Network, hidden: Float64) -> Float64:
    """The output layer: hidden units (T, 2 * Ns) to class probabilities (T, No), float64."""
    W2 = network.softmax.W2
    with np.errstate(over="ignore", invalid="ignore"):
        logits = hidden @ W2[:, 1:].T + W2[:, 0]
        np.clip(logits, -LOGIT_CLIP, LOGIT_CLIP, out=logits)
        np.exp(logits, out=logits)
        logits /= logits.sum(axis=1, keepdims=True)
    return logits


def decode_classes(outputs: NDArray[Any], threshold: float = THRESHOLD) -> list[tuple[int, int]]:
    """Runs of steps with P(blank) below `threshold`, each as (step, class) of its largest probability.

    `outputs` are class probabilities (T, No). The blank, class 0, takes part as any other class. Of
    equal probabilities the last counts, as in `scipy.ndimage.maximum_position`, which ocropy uses.
    """
    if outputs.ndim != 2 or outputs.shape[1] == 0:
        raise InvalidInputError(f"outputs: expected shape (T, No), got {outputs.shape}")
    inside = np.concatenate(([False], outputs[:, 0] < threshold, [False]))
    edges = np.flatnonzero(inside[1:] != inside[:-1]).reshape(-1, 2)
    found = []
    for start, end in edges.tolist():
        run = outputs[start:end].ravel()
        step, code = divmod(run.size - 1 - int(run[::-1].argmax()), outputs.shape[1])
        found.append((start + step, code))
    return found
