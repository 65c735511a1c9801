"""A model file of any format, told by its first bytes and read within limits."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from .errors import Hdf5LayoutError, Pyrnn2Hdf5Error, SourceError
from .files.paths import open_regular, sha256_of
from .files.sources import SourceFacts, facts_of_unpacked
from .hdf5.layout import Stored, restore, store
from .hdf5.reader import read_source, read_stored
from .limits import DEFAULT_LIMITS, Limits
from .model.model import Model, Source
from .onnx_graph.model_file import ONNX_MAGIC, read_onnx
from .pronn.reader import PRONN_MAGIC, read_pronn
from .sandbox.bounded import Reader

HDF5_MAGIC: Final = b"\x89HDF\r\n\x1a\n"

RECORD_LIMITS: Final = replace(DEFAULT_LIMITS, seconds=2.0)
"""What looking for a record may take: it is read in milliseconds, and a folder may hold many files."""


def load_file(path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS, reader: Reader | None = None) -> Model:
    """Load a model from a pyrnn, pronn, HDF5 or ONNX file within `limits`.

    Raises `OSError` or a `Pyrnn2Hdf5Error`.
    """
    return load_stored(path, limits=limits, reader=reader)[1]


def load_stored(
    path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS, reader: Reader | None = None
) -> tuple[Stored, Model]:
    """A model in its stored form and as such; a pyrnn as it would be stored without rounding."""
    if is_hdf5(path):
        stored = read_stored(path, limits=limits, reader=reader)
        return stored, restore(stored)
    if is_onnx(path):
        model = read_onnx(path, limits=limits)[0]
        return store(model), model
    model = read_source_model(path, limits=limits, reader=reader)[0]
    # What a pronn holds is rounded already.
    return store(model, float64=not is_pronn(path)), model


def read_source_model(
    path: str | os.PathLike[str],
    *,
    limits: Limits = DEFAULT_LIMITS,
    ignore_checksum: bool = False,
    reader: Reader | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> tuple[Model, SourceFacts]:
    """The model in what can be converted, and the facts of the file; see `read_pyrnn`.

    That is a pyrnn or a pronn, or for another format an HDF5 file, which is then the source.
    """
    if is_pronn(path):
        return read_pronn(path, limits=limits)
    if is_hdf5(path):
        sha256 = sha256_of(path, limits)
        model = load_stored(path, limits=limits, reader=reader)[1]
        if sha256_of(path, limits) != sha256:
            raise SourceError("expected a file that stays as it is, got one that changed while it was read")
        size = Path(path).stat().st_size
        facts = facts_of_unpacked(path, sha256, size)
        return replace(model, source=Source(facts.name, sha256)), facts
    # Imported when a pickle is met: other files need none of it.
    from .pyrnn.reader import read_pyrnn

    return read_pyrnn(path, limits=limits, ignore_checksum=ignore_checksum, reader=reader, meanwhile=meanwhile)


def check_source(path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS, hdf5: bool = False) -> None:
    """Raise `OSError` or `SourceError` where the first bytes already are those of nothing that can be converted.

    `hdf5` says whether an HDF5 file can be.
    """
    if is_hdf5(path):
        if hdf5:
            return
        try:
            read_stored(path, limits=limits)
        except Hdf5LayoutError as error:
            raise SourceError(f"expected a pickle, got an HDF5 file: {error}") from error
        raise SourceError("expected a pickle, got an HDF5 file: this model is converted already")
    if is_onnx(path):
        raise SourceError("expected a pickle, got an ONNX file: this model is converted already")
    if not is_pronn(path):
        from .pyrnn.stream import open_source

        with open_source(path, limits=limits):
            pass


def recorded_source(path: str | os.PathLike[str]) -> Source | None:
    """Which source an HDF5 or ONNX file records; None also where that cannot be told within `RECORD_LIMITS`."""
    try:
        if is_onnx(path):
            return read_onnx(path, limits=RECORD_LIMITS)[0].source
        return read_source(path, limits=RECORD_LIMITS)
    except (Pyrnn2Hdf5Error, OSError):
        return None


def is_hdf5(path: str | os.PathLike[str]) -> bool:
    """Whether a regular file begins as HDF5 does. Raises `OSError` where it cannot be read."""
    return _begins_with(path, HDF5_MAGIC)


def is_pronn(path: str | os.PathLike[str]) -> bool:
    """Whether a regular file begins as a pronn does; not so where it cannot be read."""
    try:
        return _begins_with(path, PRONN_MAGIC)
    except OSError:
        return False


def is_onnx(path: str | os.PathLike[str]) -> bool:
    """Whether a regular file begins as an ONNX file of ours does; not so where it cannot be read."""
    try:
        return _begins_with(path, ONNX_MAGIC)
    except OSError:
        return False


def _begins_with(path: str | os.PathLike[str], magic: bytes) -> bool:
    try:
        with open_regular(path) as file:
            return file.read(len(magic)) == magic
    except (FileNotFoundError, NotADirectoryError, SourceError):
        return False
