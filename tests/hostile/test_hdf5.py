"""Hostile HDF5: the library is kept in a child, and nothing but plain data of this very file is read."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pyrnn2hdf5.errors import Hdf5LayoutError, LoadLimitError
from pyrnn2hdf5.hdf5 import to_bytes
from pyrnn2hdf5.load import load_hdf5, read_source, read_stored
from pyrnn2hdf5.pyrnn import load_pyrnn
from pyrnn2hdf5.source import Limits
from pyrnn2hdf5.stored import store

from ..conftest import MODELS

SOUND = to_bytes(store(load_pyrnn(MODELS / "digits.pyrnn.gz")))
HEAP = SOUND.index(b"GCOL")


def changed(folder: Path, at: int, byte: int) -> Path:
    path = folder / "x.hdf5"
    path.write_bytes(SOUND[:at] + bytes([byte]) + SOUND[at + 1 :])
    return path


@pytest.mark.skipif(sys.platform == "win32", reason="without fork nothing bounds the library")
@pytest.mark.parametrize("read", [load_hdf5, read_stored])
def test_one_byte_in_the_heap_of_kind_makes_the_library_loop(tmp_path: Path, read: object) -> None:
    path = changed(tmp_path, HEAP + 24, 0x50)
    with pytest.raises(LoadLimitError, match=r"time to load: expected at most 0.5 s, got more \(see --max-seconds\)"):
        read(path, limits=Limits(seconds=0.5))  # type: ignore[operator]
    # Who made it is told without `kind`.
    assert read_source(path) is not None


def test_one_byte_makes_the_library_want_gigabytes(tmp_path: Path) -> None:
    with pytest.raises((Hdf5LayoutError, LoadLimitError), match=r"memory|not a readable HDF5 model"):
        load_hdf5(changed(tmp_path, 883, 0x80))
