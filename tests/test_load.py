"""Files of either format, and of none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pyrnn2hdf5.errors import Hdf5LayoutError, SourceError
from pyrnn2hdf5.load import load_hdf5
from pyrnn2hdf5.model.model import LineNormalizer, Source, TrainingRecord

from .hdf5_files import random_model, written


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    normalizer = LineNormalizer("CenterNormalizer", (("range", 4),))
    training = TrainingRecord(5, ("x",), 2, 1, np.zeros(2), np.zeros((2, 2), np.int64))
    model = random_model(4, 3, ("", "a"), line_normalizer=normalizer, training=training, source=Source("m", "0" * 64))
    return written(model, tmp_path)


def test_files_that_are_no_hdf5(tmp_path: Path, sound: Path) -> None:
    path = tmp_path / "x"
    with pytest.raises(SourceError, match="expected a file, got a directory"):
        load_hdf5(tmp_path)
    for data in (b"", b"garbage", sound.read_bytes()[:700]):
        path.write_bytes(data)
        with pytest.raises(Hdf5LayoutError, match="not a readable HDF5 model"):
            load_hdf5(path)
    with pytest.raises(FileNotFoundError):
        load_hdf5(tmp_path / "nothing")
