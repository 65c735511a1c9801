"""A model file of either format, told apart by its first bytes and read within limits."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from . import hdf5
from .errors import Hdf5LayoutError
from .model import Model, Source
from .plain_hdf5 import NotPlainError
from .sandbox import bounded
from .source import DEFAULT_LIMITS, Limits
from .stored import Stored, restore, store

HDF5_MAGIC: Final = b"\x89HDF\r\n\x1a\n"


def load_file(path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS) -> Model:
    """Load a model from a pyrnn or an HDF5 file within `limits`.

    Raises `OSError` or a `Pyrnn2Hdf5Error`.
    """
    return load_stored(path, limits=limits)[1]


def load_hdf5(path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS) -> Model:
    """Load a model from HDF5, written by this project or by kraken.

    Raises `OSError`, `Hdf5LayoutError`, `LoadLimitError` or `InvalidModelError`.
    """
    return restore(read_stored(path, limits=limits))


def load_stored(path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS) -> tuple[Stored, Model]:
    """A model in its stored form and as such; a pyrnn as it would be stored without rounding."""
    if is_hdf5(path):
        stored = read_stored(path, limits=limits)
        return stored, restore(stored)
    # Imported when a pickle is met: an HDF5 file needs none of it.
    from .pyrnn import load_pyrnn

    model = load_pyrnn(path, limits=limits)
    return store(model, float64=True), model


def read_stored(path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS) -> Stored:
    """The stored form of a model in an HDF5 file. Raises `OSError`, `Hdf5LayoutError` or `LoadLimitError`."""
    try:
        return hdf5.read_plain(path)
    except NotPlainError:
        return bounded(lambda: hdf5.read(path), limits, Hdf5LayoutError)


def read_source(path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS) -> Source | None:
    """Which source an HDF5 file records; None where it records none. Errors are those of `read_stored`."""
    try:
        return hdf5.read_plain_source(path)
    except NotPlainError:
        return bounded(lambda: hdf5.read_source(path), limits, Hdf5LayoutError)


def is_hdf5(path: str | os.PathLike[str]) -> bool:
    """Whether a regular file begins as HDF5 does."""
    path = Path(path)
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(HDF5_MAGIC)) == HDF5_MAGIC
