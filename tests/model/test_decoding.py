"""Decoding, against runs of steps made by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pyrnn2hdf5.errors import InvalidInputError
from pyrnn2hdf5.model.decoding import decode_blocks, decode_classes


def rows(*classes: tuple[int, float]) -> np.ndarray:
    """Steps with one class at a probability, the rest spread over the others of four."""
    outputs = np.empty((len(classes), 4))
    for step, (code, p) in enumerate(classes):
        outputs[step] = (1 - p) / 3
        outputs[step, code] = p
    return outputs


def test_decoding_takes_the_best_of_each_run() -> None:
    outputs = rows((0, 0.9), (1, 0.6), (2, 0.8), (0, 0.9), (3, 0.5), (0, 0.95))
    assert decode_classes(outputs) == [(2, 2), (4, 3)]


def test_threshold_is_exclusive_and_the_blank_takes_part() -> None:
    outputs = rows((0, 0.7), (0, 0.69), (0, 0.9))
    assert decode_classes(outputs, 0.7) == [(1, 0)]
    assert decode_classes(outputs, 0.69) == []


def test_runs_reach_both_ends() -> None:
    assert decode_classes(rows((1, 0.9), (0, 0.9), (2, 0.9))) == [(0, 1), (2, 2)]
    assert decode_classes(rows((0, 0.9))) == []
    assert decode_classes(np.empty((0, 4))) == []


def test_of_equal_probabilities_the_last_counts() -> None:
    assert decode_classes(np.array([[0.1, 0.3, 0.3, 0.3], [0.1, 0.3, 0.3, 0.3]])) == [(1, 3)]


def test_outputs_must_be_two_dimensional() -> None:
    with pytest.raises(InvalidInputError, match="outputs: expected shape"):
        decode_classes(np.zeros(3))


@given(
    hnp.arrays(np.float64, st.tuples(st.integers(0, 12), st.just(3)), elements=st.sampled_from([0.0, 0.2, 0.6, 0.9])),
    st.lists(st.integers(0, 12), max_size=4),
)
def test_blocks_of_steps_are_decoded_as_the_whole(outputs: np.ndarray, cuts: list[int]) -> None:
    whole = decode_classes(outputs)
    found = list(decode_blocks(np.split(outputs, sorted(cut for cut in cuts if cut <= len(outputs)))))
    assert [(step, code) for step, code, _ in found] == whole
    assert all(p == outputs[step, code] for step, code, p in found)
