"""The reference forward pass, as OCRopus computes it.

Shapes are those of `network`. Equations of one LSTM, with s_t = [1, x_t, h_(t-1)] and h, c zero before the first
step:

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

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike

from ..errors import InvalidInputError
from .network import Float64, Floats, Network

GATE_CLIP: Final = 20.0
LOGIT_CLIP: Final = 100.0
STEPS: Final = 16
"""Steps of a block, from [1, x_t] to h_t: few enough to stay in the cache."""

CELLS: Final = 2**20
"""Most class probabilities of a block."""

PAD: Final = 16
"""Steps of silence at both ends of a line, as ocropy pads."""


def forward_batch(networks: Sequence[Network], lines: Sequence[ArrayLike]) -> list[list[Float64]]:
    """Run networks of one shape over several lines at once; all directions share every step.

    `lines` are (T, Ni) arrays, T may differ. Returns, per network and per line, the class
    probabilities, float64 (T, No). Raises `InvalidInputError` for lines of another shape.
    """
    return [
        [class_probabilities(network, hidden) for hidden in per_line]
        for network, per_line in zip(networks, hidden_batch(networks, lines), strict=True)
    ]


def _line(line: ArrayLike, Ni: int, dtype: np.dtype[Any]) -> Floats:
    try:
        xs = np.asarray(line, dtype=dtype)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"line: expected numbers of shape (T, {Ni}): {error}") from error
    if xs.ndim != 2 or xs.shape[1] != Ni:
        raise InvalidInputError(f"line: expected shape (T, {Ni}), got {xs.shape}")
    return xs


def hidden_batch(networks: Sequence[Network], lines: Sequence[ArrayLike]) -> list[list[Float64]]:
    """Outputs of both LSTMs per network and per line, float64 (T, 2 * Ns), forward units first.

    `networks` are of one shape. Raises `InvalidInputError` for lines that are not (T, Ni).
    """
    return hidden_units(gates_of(networks), lines)


@dataclass(frozen=True, eq=False, repr=False)
class Gates:
    """Weights of D LSTMs, in turn forward and reversed, as a step takes them; all float64, or all float32.

    Gates lie side by side in the order I, F, O, C. The weights of the first three are negated, so that sigma
    needs no more than 1 / (1 + exp(clip(a))).

    Attributes
    ----------
    into
        From [1, x_t], (D, 1 + Ni, 4 * Ns).
    recurrent
        From h_(t-1), (D, Ns, 4 * Ns).
    in_forget
        Peepholes WIP and WFP, (D, 1, 2, Ns).
    out
        Peephole WOP, (D, 1, Ns).
    """

    into: Floats
    recurrent: Floats
    in_forget: Floats
    out: Floats


def gates_of(networks: Sequence[Network], dtype: type[np.floating[Any]] = np.float64) -> Gates:
    """The gates of networks of one shape, for `hidden_units`.

    In float32 a pass takes half the time. Probabilities differ from those of float64 by some 1e-6 for real
    networks.
    """
    lstms = [lstm for network in networks for lstm in (network.forward_lstm, network.reversed_lstm)]
    Ni, Ns, _ = lstms[0].dims
    D = len(lstms)
    # Filled in place: of a large model there must not be more copies than needed.
    into, recurrent = np.empty((D, 1 + Ni, 4 * Ns), dtype), np.empty((D, Ns, 4 * Ns), dtype)
    for d, lstm in enumerate(lstms):
        for k, (sign, W) in enumerate(((-1.0, lstm.WGI), (-1.0, lstm.WGF), (-1.0, lstm.WGO), (1.0, lstm.WCI))):
            gate = np.s_[d, :, k * Ns : (k + 1) * Ns]
            np.multiply(W[:, : 1 + Ni].T, sign, out=into[gate], casting="same_kind")
            np.multiply(W[:, 1 + Ni :].T, sign, out=recurrent[gate], casting="same_kind")
    in_forget = -np.stack([np.concatenate((lstm.WIP, lstm.WFP)) for lstm in lstms]).reshape(D, 1, 2, Ns)
    out = -np.stack([lstm.WOP for lstm in lstms]).reshape(D, 1, Ns)
    return Gates(into, recurrent, in_forget.astype(dtype), out.astype(dtype))


def hidden_units(gates: Gates, lines: Sequence[ArrayLike]) -> list[list[Any]]:
    """As `hidden_batch`, in the type of the gates. Lines may have any lengths: none waits for a longer one."""
    D, Ni, Ns = len(gates.into), gates.into.shape[1] - 1, gates.out.shape[-1]
    xs = [_line(line, Ni, gates.into.dtype) for line in lines]
    hidden = [[np.empty((len(x), 2 * Ns), x.dtype) for x in xs] for _ in range(D // 2)]
    longest = sorted(range(len(xs)), key=lambda b: -len(xs[b]))
    # Weights near the limits of their type overflow; what comes of it is the caller's to judge.
    with np.errstate(over="ignore", invalid="ignore"):
        _run(gates, [xs[b] for b in longest], [[per_line[b] for b in longest] for per_line in hidden])
    return hidden


def _run(gates: Gates, lines: Sequence[Floats], hidden: Sequence[Sequence[Floats]]) -> None:
    """Fill `hidden`, per network and per line, with the h_t; the longest line is the first."""
    # D counts directions, B lines, T steps.
    D, Ni, Ns = len(gates.into), gates.into.shape[1] - 1, gates.out.shape[-1]
    dtype, T = gates.into.dtype, max(map(len, lines), default=0)

    def buffers(B: int) -> list[Floats]:
        shapes = (
            (2, STEPS, B, 1 + Ni),
            (STEPS, D, B, Ns),
            (D, STEPS, B, 4 * Ns),
            (D, B, 4 * Ns),
            (D, B, 2, Ns),
            (D, B, Ns),
        )
        return [np.zeros(shape, dtype) for shape in shapes]

    B = len(lines)
    inputs, outputs, projected, fed_back, pair, one = buffers(B)
    # g and c lie side by side, as do the gates that take them.
    g_c, h = np.zeros((D, B, 2, Ns), dtype), outputs[-1]
    for start in range(0, T, STEPS):
        left = sum(len(line) > start for line in lines)
        if left < B:
            # A line that has ended takes no more time.
            B, g_c, h = left, g_c[:, :left].copy(), h[:, :left].copy()
            inputs, outputs, projected, fed_back, pair, one = buffers(B)
        g, c, kept = g_c[:, :, 0], g_c[:, :, 1], g_c[:, :, 1:]
        inputs[..., 0] = 1.0
        for b, line in enumerate(lines[:B]):
            for turned, x in zip(inputs, (line, line[::-1]), strict=True):
                some = x[start : start + STEPS]
                turned[: len(some), b, 1:] = some
        for d in range(D):
            steps = inputs[d % 2].reshape(STEPS * B, -1)
            np.matmul(steps, gates.into[d], out=projected[d].reshape(STEPS * B, -1))
        for t in range(min(STEPS, T - start)):
            z = projected[:, t]
            i_f, o = z[..., : 2 * Ns].reshape(D, B, 2, Ns), z[..., 2 * Ns : 3 * Ns]
            first = start + t == 0
            if not first:
                z += np.matmul(h, gates.recurrent, out=fed_back)
                i_f += np.multiply(gates.in_forget, kept, out=pair)
            _one_over_sigma(i_f)
            np.tanh(z[..., 3 * Ns :], out=g)
            np.divide(g_c, i_f, out=pair)
            np.add(pair[:, :, 0], pair[:, :, 1], out=c)
            if not first:
                o += np.multiply(gates.out, c, out=one)
            _one_over_sigma(o)
            h = np.divide(np.tanh(c, out=one), o, out=outputs[t])
        for m, per_line in enumerate(hidden):
            for b, units in enumerate(per_line[:B]):
                count, end = min(STEPS, len(units) - start), len(units) - start
                units[start : start + count, :Ns] = outputs[:count, 2 * m, b]
                units[end - count : end, Ns:] = outputs[:count, 2 * m + 1, b][::-1]


def _one_over_sigma(negated: Floats) -> None:
    """1 / sigma(a), in place, given -a."""
    # In float32 the clip would move sigma by 2e-9 at most, less than rounding does.
    if negated.dtype == np.float64:
        negated.clip(-GATE_CLIP, GATE_CLIP, out=negated)
    np.exp(negated, out=negated)
    negated += 1.0


def class_probabilities(network: Network, hidden: Floats) -> Floats:
    """The output layer: hidden units (T, 2 * Ns) to class probabilities (T, No), in the type of both."""
    W2 = network.softmax.W2
    with np.errstate(over="ignore", invalid="ignore"):
        logits = hidden @ W2[:, 1:].T
        logits += W2[:, 0]
        np.clip(logits, -LOGIT_CLIP, LOGIT_CLIP, out=logits)
        if logits.dtype != np.float64:
            # exp(LOGIT_CLIP) is beyond float32.
            logits -= logits.max(axis=1, keepdims=True)
        np.exp(logits, out=logits)
        logits /= logits.sum(axis=1, keepdims=True)
    return logits


def probability_blocks(network: Network, hidden: Floats) -> Iterator[Floats]:
    """As `class_probabilities`, in blocks of steps: those of all steps at once may take gigabytes."""
    size = max(CELLS // network.softmax.No, 1)
    return (class_probabilities(network, hidden[start : start + size]) for start in range(0, len(hidden), size))
