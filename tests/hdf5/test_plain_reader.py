"""Plain files are read without the HDF5 library, anything else is left to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyrnn2hdf5.hdf5.plain_reader import NotPlainError
from pyrnn2hdf5.hdf5.reader import read_plain
from pyrnn2hdf5.load import load_file

from ..conftest import MODELS
from ..hdf5_files import written


@pytest.mark.parametrize(("at", "byte"), [(4, b"\0"), (11, b"x")])
def test_a_name_that_does_not_end_at_its_only_nul_is_left_to_the_library(tmp_path: Path, at: int, byte: bytes) -> None:
    model = load_file(MODELS / "digits.pyrnn.gz")
    path = written(model, tmp_path)
    data = path.read_bytes()
    start = data.index(b"source_name\0") + at
    path.write_bytes(data[:start] + byte + data[start + 1 :])
    with pytest.raises(NotPlainError):
        read_plain(path)
