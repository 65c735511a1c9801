"""Fuzz the reader of HDF5: `python -m tests.fuzz.fuzz_hdf5 SECONDS`."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Final

from pyrnn2hdf5.hdf5.h5py_io import to_hdf5
from pyrnn2hdf5.hdf5.layout import restore, store
from pyrnn2hdf5.hdf5.plain_reader import NotPlainError
from pyrnn2hdf5.hdf5.reader import load_hdf5, read_by_library, read_plain, read_source
from pyrnn2hdf5.limits import Limits
from pyrnn2hdf5.pyrnn.reader import load_pyrnn
from pyrnn2hdf5.sandbox.messages import encode

from ..conftest import MODELS
from .loop import cut, flip, fuzz, number, repeat

MODEL: Final = load_pyrnn(MODELS / "digits-00004000.pyrnn.gz")
SEEDS: Final = (
    to_hdf5(store(MODEL)),
    to_hdf5(store(MODEL, compress=True)),
    to_hdf5(store(MODEL, float64=True)),
)


def metadata(data: bytearray, chance: random.Random) -> None:
    """A number at the edge of its type where HDF5 keeps headers, heaps and trees, not weights."""
    place = data.find(chance.choice((b"TREE", b"SNOD", b"HEAP", b"GCOL", b"lstm", b"\x03\x01", b"\x11\x20")))
    at = max(place, 0) + chance.randrange(0, 512)
    data[at : at + 1] = bytes([chance.randrange(256)])


def head(data: bytearray, chance: random.Random) -> None:
    """Another byte in the first pages."""
    data[chance.randrange(min(len(data), 4096))] = chance.randrange(256)


def target(path: Path, chance: random.Random) -> None:
    """Read in this process, one time in fifty as users do; both readers must agree."""
    if chance.randrange(50) == 0:
        load_hdf5(path, limits=Limits(seconds=5))
        return
    try:
        plain = read_plain(path)
    except NotPlainError:
        plain = None
    stored = read_by_library(path)
    if plain is not None:
        assert encode(plain) == encode(stored)
    restore(stored)
    read_source(path)


if __name__ == "__main__":
    fuzz("hdf5", SEEDS, (flip, number, cut, repeat, metadata, metadata, head, head), target)
