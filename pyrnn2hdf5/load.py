"""A model file of either format, told apart by its first bytes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from .hdf5 import read
from .model import Model
from .source import DEFAULT_LIMITS, Limits
from .stored import Stored, restore, store

HDF5_MAGIC: Final = b"\x89HDF\r\n\x1a\n"


def load_any(path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS) -> Model:
    """Load a model from a pyrnn or an HDF5 file; `limits` bound the reading of a pyrnn.

    Raises `OSError` or a `Pyrnn2Hdf5Error`.
    """
    return load_stored(path, limits=limits)[1]


def load_stored(path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS) -> tuple[Stored, Model]:
    """A model in its stored form and as such; a pyrnn as it would be stored without rounding."""
    if is_hdf5(path):
        stored = read(path)
        return stored, restore(stored)
    # Imported when a pickle is met: an HDF5 file needs none of it.
    from .pyrnn import load_pyrnn

    model = load_pyrnn(path, limits=limits)
    return store(model, float64=True), model


def is_hdf5(path: str | os.PathLike[str]) -> bool:
    """Whether a regular file begins as HDF5 does."""
    path = Path(path)
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(HDF5_MAGIC)) == HDF5_MAGIC
