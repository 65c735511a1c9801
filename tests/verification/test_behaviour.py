"""What two networks do on the built-in lines, and what these lines are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from pyrnn2hdf5.load import load_file
from pyrnn2hdf5.model.forward_pass import PAD, forward_batch, hidden_batch
from pyrnn2hdf5.model.network import Float64, arrays_of, network_of
from pyrnn2hdf5.verification.behaviour import MARGIN, built_in_lines, compare_behaviour, perturbed, short_lines

from ..conftest import MODELS

DIGITS = load_file(MODELS / "digits.pyrnn.gz")


@pytest.mark.parametrize(("make", "pad", "ink"), [(built_in_lines, PAD, 0.05), (short_lines, PAD // 2, 0.03)])
@pytest.mark.parametrize("Ni", [1, 2, 5, 24, 32, 48, 120])
def test_built_in_lines_are_like_text(make: Callable[[int], list[Float64]], pad: int, ink: float, Ni: int) -> None:
    lines = make(Ni)
    assert len(lines) == 3
    for line, again in zip(lines, make(Ni), strict=True):
        assert line.tobytes() == again.tobytes()
        assert line.shape[1] == Ni
        assert line.min() == 0 < 0.7 < line.max() <= 1
        assert not line[: pad - 1].any()
        assert not line[1 - pad :].any()
        if Ni > 5:
            assert ink < (line > 0.5).mean() < 0.5


@pytest.mark.parametrize("make", [built_in_lines, short_lines])
def test_built_in_lines_exercise_the_network(make: Callable[[int], list[Float64]]) -> None:
    hidden = np.concatenate(hidden_batch([DIGITS.network], make(32))[0])
    assert (np.ptp(hidden, axis=0) > 0.1).all()
    assert (np.abs(hidden) > 0.99).mean() < 0.2


def test_what_the_output_layer_does_not_explain_is_held_against_long_lines_and_all_weights() -> None:
    source = DIGITS.network
    quick = compare_behaviour(DIGITS, replace(DIGITS, network=perturbed(source)))
    lstms = arrays_of(source) | {name: values * 1.00001 for name, values in arrays_of(source).items() if name != "W2"}
    moved = compare_behaviour(DIGITS, replace(DIGITS, network=network_of(lstms, DIGITS.Ni, DIGITS.Ns, DIGITS.No)))
    assert quick
    assert moved
    assert quick.problem is None
    assert quick.steps == sum(map(len, short_lines(DIGITS.Ni)))
    assert moved.steps == sum(map(len, built_in_lines(DIGITS.Ni)))
    # What all weights explain is what it always was, whatever came before.
    networks, lines = [source, perturbed(source)], built_in_lines(DIGITS.Ni)
    pairs = zip(*forward_batch(networks, lines), strict=True)
    assert moved.tolerance == pytest.approx(MARGIN * max(float(np.abs(x - y).max()) for x, y in pairs))
    assert quick.tolerance < moved.tolerance


@pytest.mark.filterwarnings("error")
def test_numbers_on_one_side_only_differ_by_more_than_any_tolerance() -> None:
    good = DIGITS.network
    arrays = arrays_of(good) | {"W2": np.where(np.indices(good.softmax.W2.shape).sum(0) % 2, 1.7e308, -1.7e308)}
    broken = replace(DIGITS, network=network_of(arrays, DIGITS.Ni, DIGITS.Ns, DIGITS.No))
    for left, right in ((DIGITS, broken), (broken, DIGITS)):
        behaviour = compare_behaviour(left, right, tolerance=0.9)
        assert behaviour
        assert behaviour.largest_difference > 0.9
        assert behaviour.problem
    same = compare_behaviour(broken, broken)
    assert same
    assert same.problem is None
