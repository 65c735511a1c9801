"""A model as a value: decoding, and what it has no codec for."""

from __future__ import annotations

import numpy as np

from ..conftest import Load
from ..pickles import Text, recognizer


def test_classes_without_label_read_as_tilde(load: Load) -> None:
    model = load(recognizer(codec={0: "", 2: Text("b")}, No=3))
    assert model.decode(np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1.0]])) == "~b"
