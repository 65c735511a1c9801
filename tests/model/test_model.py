"""A model as a value: decoding, and what it has no codec for."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from pyrnn2hdf5.errors import InvalidInputError

from ..conftest import Load
from ..pickles import Text, recognizer


def test_classes_without_label_read_as_tilde(load: Load) -> None:
    model = load(recognizer(codec={0: "", 2: Text("b")}, No=3))
    assert model.decode(np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1.0]])) == "~b"


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        (np.zeros((4, 2)), "got float64 of shape (4, 2)"),
        (np.zeros(3), "got float64 of shape (3,)"),
        (np.zeros((2, 4, 3)), "got float64 of shape (2, 4, 3)"),
        (5, "got int64 of shape ()"),
        (np.array([["a", "b", "c"]]), "got <U1 of shape (1, 3)"),
    ],
)
def test_outputs_of_another_shape(load: Load, outputs: Any, said: str) -> None:
    model = load(recognizer(codec={0: "", 2: Text("b")}, No=3))
    with pytest.raises(InvalidInputError, match=re.escape(f"outputs: expected numbers of shape (T, 3), {said}")):
        model.decode(outputs)
    with pytest.raises(InvalidInputError, match=re.escape("outputs: expected numbers of shape (T, 3)")):
        model.decode([[1], [2, 3]])
