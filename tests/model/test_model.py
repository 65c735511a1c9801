"""A model as a value: decoding, and what it has no codec for."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyrnn2hdf5
from pyrnn2hdf5.errors import InvalidInputError
from pyrnn2hdf5.model.network import arrays_of

from ..conftest import MODELS, Load
from ..pickles import Text, recognizer

PRONN = MODELS.parent / "pronn" / "digits.pronn"


def test_classes_without_label_read_as_tilde(load: Load) -> None:
    model = load(recognizer(codec={0: "", 2: Text("b")}, No=3))
    assert model.decode(np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1.0]])) == "~b"


def test_a_shared_model_cannot_be_changed(tmp_path: Path) -> None:
    source = MODELS / "digits-00004000.pyrnn.gz"
    targets = [pyrnn2hdf5.convert(source, tmp_path / f"m.{to}", to=to).target for to in ("hdf5", "onnx")]
    for path in (source, *targets, PRONN):
        model = pyrnn2hdf5.load_any(path, autoconvert=False)
        arrays: list[Any] = list(arrays_of(model.network).values())
        arrays += [model.training.error, model.training.character_errors] if model.training else []
        assert len(arrays) >= 15
        for values in arrays:
            with pytest.raises(ValueError, match="read-only"):
                values[...] = 0


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


# NumPy before 1.24 warns of such rows where it refuses them today.
@pytest.mark.filterwarnings("ignore:Creating an ndarray from ragged nested sequences")
def test_outputs_of_rows_of_different_lengths(load: Load) -> None:
    model = load(recognizer(codec={0: "", 2: Text("b")}, No=3))
    with pytest.raises(InvalidInputError, match=re.escape("outputs: expected numbers of shape (T, 3)")):
        model.decode([[1], [2, 3]])
