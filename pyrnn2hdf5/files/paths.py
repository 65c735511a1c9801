"""Paths as they are given, what is asked of them before they are opened, and names of results."""

from __future__ import annotations

import hashlib
import io
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from ..errors import InvalidInputError, SourceError, TargetConflictError

CHUNK: Final = 2**16


def open_regular(path: str | os.PathLike[str]) -> io.FileIO:
    """Open a regular file for reading, unbuffered.

    Raises `OSError` where there is none, `SourceError` for anything else: a FIFO would wait for a writer, a
    device may act on being opened. So what is there is asked before, and of what was opened again.
    """
    path = usable_path(path)
    _refuse_other_than_files(path.stat().st_mode)
    file = io.FileIO(path, opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0)))
    try:
        _refuse_other_than_files(os.fstat(file.fileno()).st_mode)
    except SourceError:
        file.close()
        raise
    return file


def _refuse_other_than_files(mode: int) -> None:
    if not stat.S_ISREG(mode):
        what = "a directory" if stat.S_ISDIR(mode) else "a device, pipe or socket"
        raise SourceError(f"expected a file, got {what}")


def usable_path(path: str | os.PathLike[str]) -> Path:
    """A path that the system can be asked for. Raises `InvalidInputError` for one with a NUL."""
    if "\0" in os.fspath(path):
        raise InvalidInputError("path: expected a name, got one with a NUL")
    return Path(path)


def sha256_of(path: str | os.PathLike[str]) -> str:
    """The SHA-256 of a file as it lies on disk, in hexadecimal."""
    digest = hashlib.sha256()
    with Path(path).open("rb", buffering=0) as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


STAGE: Final = re.compile(r"\.(bin|nrm|dew)$")
"""What ocropy adds to the name of a binarized, grey or dewarped image."""


def default_target(source: str | os.PathLike[str], to: str = "hdf5") -> Path:
    """Where a conversion goes unless told otherwise: beside its source, named as kraken names it.

    Parameters
    ----------
    source
        A pyrnn file; it need not exist.
    to
        The format: `hdf5` or `onnx`.

    Returns
    -------
    pathlib.Path
        The last suffix is dropped and the format added: `model.pyrnn.gz` becomes `model.pyrnn.hdf5`.

    Raises
    ------
    TypeError
        Where `source` is no path.
    """
    source = Path(source)
    # Not `with_name`, which refuses a folder such as `/`: that it is no file is told when it is opened.
    return source.parent / f"{source.stem}.{to}"


def text_target(image: Path, suffix: str) -> Path:
    """Where the text of a line image goes: `0001.png` and `0001.bin.png` become `0001` and the suffix."""
    return image.with_name(STAGE.sub("", image.stem) + suffix)


def place(path: Path) -> str:
    """Where a file lies, however its folders are spelled and linked; the file itself may be a link."""
    return os.path.join(os.path.realpath(path.parent), path.name)  # noqa: PTH118


def refuse_shared_targets(pairs: Iterable[tuple[Path, Path]]) -> None:
    """Raise `TargetConflictError` where two of these sources would get one target."""
    taken: dict[str, Path] = {}
    for source, target in pairs:
        other = taken.setdefault(place(target), source)
        if other is not source:
            raise TargetConflictError(f"{other} and {source}: expected a target for each, both would be {target}")
