"""A model file of either format, told apart by its first bytes and read within limits."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from .errors import Hdf5LayoutError, Pyrnn2Hdf5Error
from .files import regular_file
from .model import Model, Source
from .plain_hdf5 import NotPlainError, parse
from .reading import MAX_BYTES, source_of, stored_of
from .sandbox import bounded
from .source import DEFAULT_LIMITS, Limits
from .stored import Stored, restore, store
from .tree import Group

Read = TypeVar("Read")

HDF5_MAGIC: Final = b"\x89HDF\r\n\x1a\n"

MAX_FILE: Final = MAX_BYTES + 2**20
"""Largest file that is read whole."""


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
    """The stored form of a model in an HDF5 file.

    Raises `OSError`, `SourceError` where it is no regular file, `Hdf5LayoutError` or `LoadLimitError`.
    """
    try:
        return read_plain(path)
    except NotPlainError:
        return bounded(lambda: read_by_library(path), limits, Hdf5LayoutError)


def read_source(path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS) -> Source | None:
    """Which source an HDF5 file records; None where it records none. Errors are those of `read_stored`."""
    try:
        return _guarded(lambda: source_of(_plain_tree(path)))
    except NotPlainError:
        return bounded(lambda: _guarded(lambda: source_of(_tree(path, data=False))), limits, Hdf5LayoutError)


def recorded_source(path: str | os.PathLike[str]) -> Source | None:
    """Which source an HDF5 file records; None also where that cannot be told."""
    try:
        return read_source(path)
    except (Pyrnn2Hdf5Error, OSError):
        return None


def read_plain(path: str | os.PathLike[str]) -> Stored:
    """As `read_stored`, without the HDF5 library. Raises `NotPlainError` too: only the library can read that file."""
    return _guarded(lambda: stored_of(_plain_tree(path)))


def read_by_library(path: str | os.PathLike[str]) -> Stored:
    """As `read_stored`, by the HDF5 library and in this very process: for files this process has written."""
    return _guarded(lambda: stored_of(_tree(path)))


def _plain_tree(path: str | os.PathLike[str]) -> Group:
    with regular_file(path).open("rb") as stream:
        data = stream.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise NotPlainError
    return parse(data)


def _tree(path: str | os.PathLike[str], *, data: bool = True) -> Group:
    # Imported when it is needed: h5py takes as long to import as everything else a plain file needs.
    from .hdf5 import read_tree

    # Opened by Python: a path that cannot be read is an OSError like any other, and HDF5 sees no path.
    with regular_file(path).open("rb") as stream:
        try:
            return read_tree(stream, data=data)
        except OSError as error:
            # h5py raises it about the bytes.
            raise Hdf5LayoutError(f"not a readable HDF5 model: {error}") from error


def _guarded(read: Callable[[], Read]) -> Read:
    try:
        return read()
    except (Pyrnn2Hdf5Error, NotPlainError, OSError, MemoryError):
        raise
    except Exception as error:
        # h5py raises about any type for a damaged file; all of it means the same here.
        raise Hdf5LayoutError(f"not a readable HDF5 model: {error}") from error


def is_hdf5(path: str | os.PathLike[str]) -> bool:
    """Whether a regular file begins as HDF5 does."""
    path = Path(path)
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(HDF5_MAGIC)) == HDF5_MAGIC
