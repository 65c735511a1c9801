"""A model in an HDF5 file: read as plain bytes where it is plain, else by the library in a process of its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import IO, Final, TypeVar

from ..errors import Hdf5LayoutError, Pyrnn2Hdf5Error, SizeLimitError
from ..files.paths import open_regular, usable_path
from ..limits import DEFAULT_LIMITS, MAX_BYTES, Limits
from ..model.model import LineNormalizer, Model, Source, TrainingRecord
from ..sandbox.bounded import Reader, bounded, only
from ..sandbox.messages import types_of
from .layout import Stored, restore
from .plain_reader import NotPlainError, parse
from .schema import Group
from .validation import source_of, stored_of

Parsed = TypeVar("Parsed")

MAX_FILE: Final = MAX_BYTES + 2**20
"""Largest file that is read whole."""

BEGINNING_SIZE: Final = 512
"""Bytes of a file by which it is told what it is."""


def load_hdf5(path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS) -> Model:
    """Load a model from HDF5, written by this project or by kraken.

    Parameters
    ----------
    path
        The file. What it is called does not matter.
    limits
        What reading it may take: bytes and seconds.

    Returns
    -------
    Model
        Weights in float64; classes in the order of the source, also where the file has them permuted.

    Raises
    ------
    OSError
        Where the system refuses the path.
    Hdf5LayoutError
        Where the file is not of the layout in FORMAT.md.
    InvalidModelError
        Where its parts do not fit.
    SizeLimitError, LoadLimitError
        Where it is larger than it may be, or reading it takes more time or memory.
    """
    return restore(read_stored(path, limits=limits))


def read_stored(
    path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS, reader: Reader | None = None
) -> Stored:
    """The stored form of a model in an HDF5 file.

    Raises `OSError`, `SourceError` where it is no regular file, `Hdf5LayoutError`, `SizeLimitError` or
    `LoadLimitError`.
    """
    size = usable_path(path).stat().st_size
    if size > limits.size:
        raise SizeLimitError(f"HDF5: expected at most {limits.size} bytes, got {size}", remedy="size")
    try:
        return read_plain(path)
    except NotPlainError:
        types = types_of(Stored, LineNormalizer, TrainingRecord, Source)
        stored: Stored = bounded(
            f"{__name__}:stored_by_library",
            path,
            limits,
            Hdf5LayoutError,
            types=types,
            make=only(Stored),
            reader=reader,
        )
        return stored


def read_source(path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS) -> Source | None:
    """Which source an HDF5 file records; None where it records none. Errors are those of `read_stored`."""
    try:
        return _guarded(lambda: source_of(_plain_tree(path)))
    except NotPlainError:
        source: Source | None = bounded(
            f"{__name__}:source_by_library",
            path,
            limits,
            Hdf5LayoutError,
            types=types_of(Source),
            make=only(Source, type(None)),
        )
        return source


def read_plain(path: str | os.PathLike[str]) -> Stored:
    """As `read_stored`, without the HDF5 library. Raises `NotPlainError` too: only the library can read that file."""
    return _guarded(lambda: stored_of(_plain_tree(path)))


def read_by_library(path: str | os.PathLike[str]) -> Stored:
    """As `read_stored`, by the HDF5 library and in this very process: for files this process has written."""
    with open(path, "rb") as file:  # noqa: PTH123
        return stored_by_library(file)


def stored_by_library(file: IO[bytes], limits: Limits = DEFAULT_LIMITS, tell: object = None) -> Stored:
    return _guarded(lambda: stored_of(_tree(file)))


def source_by_library(file: IO[bytes], limits: Limits = DEFAULT_LIMITS, tell: object = None) -> Source | None:
    return _guarded(lambda: source_of(_tree(file, data=False)))


def _plain_tree(path: str | os.PathLike[str]) -> Group:
    with open_regular(path) as file:
        # A file too large is not read at all.
        data = file.read() if os.fstat(file.fileno()).st_size <= MAX_FILE else b""
    return parse(data)


def _tree(file: IO[bytes], *, data: bool = True) -> Group:
    # Imported when it is needed: h5py takes as long to import as everything else a plain file needs.
    from .h5py_io import read_tree

    try:
        return read_tree(file, data=data)
    except OSError as error:
        # h5py raises it about the bytes.
        raise Hdf5LayoutError(_in_words(file, error)) from error


def _in_words(file: IO[bytes], error: OSError) -> str:
    """Why the library does not open a file."""
    if "truncated file" in str(error):
        return "HDF5 data is damaged or cut off: fetch the file again"
    if "file signature not found" not in str(error):
        return f"not a readable HDF5 model: {error}"
    # Imported when something else than HDF5 is met.
    from ..files.formats import MAX_SKIPPED, describe, describe_text
    from ..files.packings import packing_of

    file.seek(0)
    head = file.read(BEGINNING_SIZE)
    if not head:
        return "expected an HDF5 file, got an empty file"
    file.seek(0)
    packing = packing_of(head)
    what = f"{packing.name} data" if packing else describe(head, file, file, None, MAX_SKIPPED) or describe_text(head)
    return f"expected an HDF5 file, got {what or f'data that begins with {head[:8]!r}'}"


def _guarded(read: Callable[[], Parsed]) -> Parsed:
    try:
        return read()
    except (Pyrnn2Hdf5Error, NotPlainError, OSError, MemoryError):
        raise
    except Exception as error:
        # h5py raises about any type for a damaged file; all of it means the same here.
        raise Hdf5LayoutError(f"not a readable HDF5 model: {error}") from error
