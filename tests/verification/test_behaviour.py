"""What two networks do on the built-in lines, and what these lines are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pyrnn2hdf5.load import load_file
from pyrnn2hdf5.model.lstm import PAD, hidden_batch
from pyrnn2hdf5.model.model import arrays_of, network_of
from pyrnn2hdf5.verification.behaviour import built_in_lines, compare_behaviour

from ..conftest import MODELS

DIGITS = load_file(MODELS / "digits.pyrnn.gz")


@pytest.mark.parametrize("Ni", [1, 2, 5, 24, 32, 48, 120])
def test_built_in_lines_are_like_text(Ni: int) -> None:
    lines = built_in_lines(Ni)
    assert len(lines) == 3
    for line, again in zip(lines, built_in_lines(Ni), strict=True):
        assert line.tobytes() == again.tobytes()
        assert line.shape[1] == Ni
        assert line.min() == 0 < 0.7 < line.max() <= 1
        assert not line[: PAD - 1].any()
        assert not line[1 - PAD :].any()
        if Ni > 5:
            assert 0.05 < (line > 0.5).mean() < 0.5


def test_built_in_lines_exercise_the_network() -> None:
    hidden = np.concatenate(hidden_batch([DIGITS.network], [built_in_lines(32)][0])[0])
    assert (np.ptp(hidden, axis=0) > 0.1).all()
    assert (np.abs(hidden) > 0.99).mean() < 0.2


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
