"""What is asked of a path before it is opened as anything."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Final

from .errors import InvalidInputError, SourceError

CHUNK: Final = 2**16


def regular_file(path: str | os.PathLike[str]) -> Path:
    """The path of a regular file. Raises `OSError` where there is none, `SourceError` for anything else.

    To be asked before a file is opened: opening a FIFO would wait for a writer.
    """
    path = usable_path(path)
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        what = "a directory" if stat.S_ISDIR(mode) else "a device, pipe or socket"
        raise SourceError(f"expected a file, got {what}")
    return path


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
