"""The file as it is written: layout, version, compression, the same bytes each time."""

from __future__ import annotations

import re
from pathlib import Path

import h5py
import numpy as np
import pytest

import pyrnn2hdf5
from pyrnn2hdf5.errors import Hdf5LayoutError
from pyrnn2hdf5.hdf5.h5py_io import to_hdf5
from pyrnn2hdf5.hdf5.layout import LAYOUT, store
from pyrnn2hdf5.hdf5.reader import read_by_library as read
from pyrnn2hdf5.load import load_file

from ..conftest import MODELS
from ..files.test_formats import tar
from ..hdf5_files import random_model, written

EXPECTED_LAYOUT = {
    ".bidilstm.0.parallel.0.lstm.WGI": (3, 8),
    ".bidilstm.0.parallel.0.lstm.WGF": (3, 8),
    ".bidilstm.0.parallel.0.lstm.WGO": (3, 8),
    ".bidilstm.0.parallel.0.lstm.WCI": (3, 8),
    ".bidilstm.0.parallel.0.lstm.WIP": (3, 1),
    ".bidilstm.0.parallel.0.lstm.WFP": (3, 1),
    ".bidilstm.0.parallel.0.lstm.WOP": (3, 1),
    ".bidilstm.0.parallel.1.reversed.0.lstm.WGI": (3, 8),
    ".bidilstm.0.parallel.1.reversed.0.lstm.WGF": (3, 8),
    ".bidilstm.0.parallel.1.reversed.0.lstm.WGO": (3, 8),
    ".bidilstm.0.parallel.1.reversed.0.lstm.WCI": (3, 8),
    ".bidilstm.0.parallel.1.reversed.0.lstm.WIP": (3, 1),
    ".bidilstm.0.parallel.1.reversed.0.lstm.WFP": (3, 1),
    ".bidilstm.0.parallel.1.reversed.0.lstm.WOP": (3, 1),
    ".bidilstm.1.softmax.w": (2, 1),
    ".bidilstm.1.softmax.W": (2, 6),
    "codec": (2, 1),
}


@pytest.mark.parametrize("float64", [False, True])
def test_root_holds_kind_and_the_data_sets_and_nothing_else(tmp_path: Path, float64: bool) -> None:
    model = random_model(4, 3, ("", "a"))
    with h5py.File(written(model, tmp_path, float64=float64), "r") as file:
        assert dict(file.attrs) == {"kind": "pyrnn-bidi"}
        assert {name: file[name].shape for name in file if name != "pyrnn2hdf5"} == EXPECTED_LAYOUT
        for name in EXPECTED_LAYOUT:
            assert file[name].dtype == (np.float64 if float64 and name != "codec" else np.float32)
            assert (file[name].chunks, file[name].maxshape) == (None, EXPECTED_LAYOUT[name])
        W2 = model.network.softmax.W2
        assert (
            file[".bidilstm.1.softmax.w"][()].tobytes()
            == W2[:, :1].astype(file[".bidilstm.1.softmax.w"].dtype).tobytes()
        )
        assert np.array_equal(file[".bidilstm.1.softmax.W"][()], W2[:, 1:].astype(file[".bidilstm.1.softmax.W"].dtype))
        assert file["codec"][()].tolist() == [[0], [97]]
        kind = file.attrs.get_id("kind")
        assert (kind.shape, kind.get_type().is_variable_str()) == ((), True)
    assert tuple(EXPECTED_LAYOUT) == tuple(entry.name for entry in LAYOUT)


def test_file_format_is_that_of_hdf5_1_8(tmp_path: Path) -> None:
    data = written(random_model(4, 3, ("", "a")), tmp_path).read_bytes()
    assert data[:9] == b"\x89HDF\r\n\x1a\n\x00"  # superblock version 0


def test_compression_is_gzip_and_shuffle_for_matrices(tmp_path: Path) -> None:
    assert read(written(random_model(1, 1, ("",)), tmp_path, compress=True)).compressed
    path = written(load_file(MODELS / "digits.pyrnn.gz"), tmp_path, compress=True)
    with h5py.File(path, "r") as file:
        large = file[LAYOUT[0].name]
        assert (large.compression, large.shuffle, large.chunks) == ("gzip", True, large.shape)
        assert file[LAYOUT[4].name].chunks is None
    assert read(path).compressed
    plain = written(load_file(MODELS / "digits.pyrnn.gz"), tmp_path)
    assert not read(plain).compressed


@pytest.mark.parametrize("options", [{}, {"compress": True}, {"float64": True}])
def test_the_same_model_gives_the_same_bytes(options: dict[str, bool]) -> None:
    first, second = (to_hdf5(store(load_file(MODELS / "digits-00004000.pyrnn.gz"), **options)) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ((MODELS / "digits.pyrnn.gz").read_bytes(), "expected an HDF5 file, got gzip data"),
        (b"\x80\x02ab", "expected an HDF5 file, got data that begins with b'\\x80\\x02ab'"),
        (b"\x89PNG\r\n\x1a\n", "expected an HDF5 file, got a PNG image"),
        (
            tar({"digits.pyrnn": b"x"}),
            "expected an HDF5 file, got a tar archive that holds digits.pyrnn: unpack it first",
        ),
        (b"some words", "expected an HDF5 file, got text that begins with 'some words'"),
        (None, "HDF5 data is damaged or cut off: fetch the file again"),
    ],
)
def test_what_the_library_does_not_open_is_told_in_words(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "m.hdf5"
    if content is None:
        content = pyrnn2hdf5.convert(MODELS / "digits.pyrnn.gz", path).target.read_bytes()[:-1000]
    path.write_bytes(content)
    with pytest.raises(Hdf5LayoutError, match=f"^{re.escape(said)}$"):
        pyrnn2hdf5.load_hdf5(path)
