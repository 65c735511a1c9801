"""The forward pass against numbers computed by hand and against ocropy's own."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from pyrnn2hdf5.errors import InvalidInputError
from pyrnn2hdf5.load import load_file
from pyrnn2hdf5.model.decoding import decode_classes
from pyrnn2hdf5.model.forward_pass import class_probabilities, forward_batch, gates_of, hidden_batch, hidden_units
from pyrnn2hdf5.model.network import LSTM, Network, Softmax
from pyrnn2hdf5.verification.behaviour import built_in_lines

from ..conftest import LINES, MODELS, prepared


def one_unit(**weights: float) -> LSTM:
    """Ni = Ns = 1; a gate weight is given as WGI_bias, WGI_x, WGI_h."""
    gates = {g: np.array([[weights.get(f"{g}_{c}", 0.0) for c in ("bias", "x", "h")]]) for g in GATES}
    peepholes = {p: np.array([weights.get(p, 0.0)]) for p in ("WIP", "WFP", "WOP")}
    return LSTM((1, 1, 3), **gates, **peepholes)


GATES = ("WGI", "WGF", "WGO", "WCI")
PLAIN = Softmax(2, 2, np.array([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]))


def sigma(a: float) -> float:
    return 1.0 / (1.0 + math.exp(-a))


def test_two_steps_computed_by_hand() -> None:
    lstm = one_unit(
        WGI_bias=0.1, WGI_x=0.2, WGI_h=0.3, WGF_bias=-0.4, WGF_x=0.5, WGF_h=-0.6, WGO_bias=0.7, WGO_x=-0.8, WGO_h=0.9,
        WCI_bias=0.15, WCI_x=-0.25, WCI_h=0.35, WIP=0.45, WFP=-0.55, WOP=0.65,
    )  # fmt: skip
    # x = 0.5, then 1.0. First step: no peepholes, nothing recurrent.
    c0 = math.tanh(0.15 - 0.25 * 0.5) * sigma(0.1 + 0.2 * 0.5)
    h0 = math.tanh(c0) * sigma(0.7 - 0.8 * 0.5)
    i1 = sigma(0.1 + 0.2 + 0.3 * h0 + 0.45 * c0)
    f1 = sigma(-0.4 + 0.5 - 0.6 * h0 - 0.55 * c0)
    c1 = math.tanh(0.15 - 0.25 + 0.35 * h0) * i1 + f1 * c0
    h1 = math.tanh(c1) * sigma(0.7 - 0.8 + 0.9 * h0 + 0.65 * c1)
    # The same as decimal numbers, so that a slip in the lines above cannot hide.
    assert (h0, h1) == pytest.approx((0.0078940590, -0.0228228693), abs=1e-10)
    hidden = hidden_batch([Network(lstm, lstm, PLAIN)], [[[0.5], [1.0]]])[0][0]
    assert hidden[:, 0] == pytest.approx([h0, h1], abs=1e-15)
    # The reversed LSTM sees 1.0 first; its row 1 is its first step.
    c = math.tanh(0.15 - 0.25) * sigma(0.1 + 0.2)
    assert hidden[1, 1] == pytest.approx(math.tanh(c) * sigma(0.7 - 0.8), abs=1e-15)


def test_first_step_has_no_output_peephole() -> None:
    lstm = one_unit(WCI_x=1.0, WOP=5.0)
    hidden = hidden_batch([Network(lstm, lstm, PLAIN)], [[[1.0], [1.0]]])[0][0]
    c0 = math.tanh(1.0) * 0.5
    assert hidden[0, 0] == pytest.approx(math.tanh(c0) * 0.5, abs=1e-15)
    c1 = c0 + 0.5 * c0
    assert hidden[1, 0] == pytest.approx(math.tanh(c1) * sigma(5.0 * c1), abs=1e-15)


def test_gates_are_clipped_at_20() -> None:
    lstm = one_unit(WCI_x=1.0, WGI_bias=20.0, WGO_bias=1000.0)
    wide = one_unit(WCI_x=1.0, WGI_bias=500.0, WGO_bias=20.0)
    first, second = (hidden_batch([Network(net, net, PLAIN)], [[[1.0]]])[0][0] for net in (lstm, wide))
    assert first.tolist() == second.tolist()
    assert first[0, 0] == math.tanh(math.tanh(1.0) * sigma(20.0)) * sigma(20.0)
    closed = one_unit(WCI_x=1.0, WGI_bias=-1e4, WGO_bias=0.0)
    shut = hidden_batch([Network(closed, closed, PLAIN)], [[[1.0]]])[0][0]
    assert shut[0, 0] == pytest.approx(math.tanh(math.tanh(1.0) * sigma(-20.0)) * 0.5, rel=1e-12)


def test_logits_are_clipped_at_100() -> None:
    W2 = np.array([[1e6, 0, 0], [-1e6, 0, 0], [100.0, 0, 0]])
    outputs = forward_batch([Network(one_unit(), one_unit(), Softmax(2, 3, W2))], [[[0.0]]])[0][0]
    assert outputs[0, 0] == outputs[0, 2] == 0.5
    assert outputs[0, 1] == pytest.approx(0.5 * math.exp(-200), rel=1e-9)


def test_batches_equal_single_lines() -> None:
    network = load_file(MODELS / "digits.pyrnn.gz").network
    other = load_file(MODELS / "digits-00004000.pyrnn.gz").network
    lines = [line[: 40 + 13 * i] for i, line in enumerate(built_in_lines(32))]
    together = forward_batch([network, other], lines)
    for net, outputs in zip((network, other), together, strict=True):
        for line, output in zip(lines, outputs, strict=True):
            alone = forward_batch([net], [line])[0][0]
            assert output.shape == (len(line), 25)
            assert np.abs(output - alone).max() < 1e-14


def test_empty_line_has_no_steps() -> None:
    outputs = load_file(MODELS / "digits.pyrnn.gz").forward(np.empty((0, 32)))
    assert outputs.shape == (0, 25)


@pytest.mark.parametrize("shape", [(5,), (5, 31), (2, 5, 32)])
def test_wrong_line_shape_is_named(shape: tuple[int, ...]) -> None:
    model = load_file(MODELS / "digits.pyrnn.gz")
    with pytest.raises(InvalidInputError, match=r"line: expected shape \(T, 32\), got"):
        model.forward(np.zeros(shape))


@pytest.mark.parametrize("number", range(6))
def test_ocropy_reads_the_same(number: int) -> None:
    model = load_file(MODELS / "digits.pyrnn.gz")
    outputs = model.forward(prepared(np.load(LINES / f"line-{number}.line.npy")))
    assert model.decode(outputs) == (LINES / f"line-{number}.ocropy.txt").read_text("utf-8").rstrip("\n")
    if number == 0:
        assert np.abs(outputs - np.load(LINES / "line-0.outputs.npy")).max() < 1e-9


@pytest.mark.parametrize("name", ["digits", "digits-00004000"])
def test_float32_reads_the_same(name: str) -> None:
    network = load_file(MODELS / f"{name}.pyrnn.gz").network
    lines = [prepared(np.load(path)) for path in sorted(LINES.glob("*.line.npy"))]
    W2: Any = network.softmax.W2.astype(np.float32)
    single = replace(network, softmax=replace(network.softmax, W2=W2))
    (hidden,) = hidden_units(gates_of([network], np.float32), lines)
    for units, expected in zip(hidden, forward_batch([network], lines)[0], strict=True):
        outputs = class_probabilities(single, units)
        assert outputs.dtype == units.dtype == np.float32
        assert np.abs(outputs - expected).max() < 1e-5
        assert decode_classes(outputs) == decode_classes(expected)


def test_float32_is_bounded_as_float64() -> None:
    W2 = np.array([[1e6, 0, 0], [-1e6, 0, 0], [100.0, 0, 0]])
    lstm = one_unit(WCI_x=1.0, WGI_bias=1e4, WGO_bias=-1e4)
    networks = [Network(lstm, lstm, Softmax(2, 3, W2.astype(kind))) for kind in (np.float32, np.float64)]
    (units,) = hidden_units(gates_of(networks[:1], np.float32), [[[1.0]]])
    expected = forward_batch(networks[1:], [[[1.0]]])[0][0]
    assert np.abs(class_probabilities(networks[0], units[0]) - expected).max() < 1e-6
