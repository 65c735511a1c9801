"""What lies in the model directory that this project shares with kraken, and what of it is stale."""

from __future__ import annotations

import errno
import os
import re
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from ..errors import Pyrnn2Hdf5Error
from ..files import atomic
from ..hdf5.reader import read_source
from ..load import RECORD_LIMITS, is_hdf5, is_onnx, is_pronn, recorded_source
from ..model.model import Source
from ..pyrnn.stream import is_pyrnn

ENVIRONMENT: Final = "KRAKEN_HOME"
"""Variable that names the model directory."""

MARKED_NAME: Final = re.compile(r"-[0-9a-f]{12}\.hdf5$")
SHA256: Final = re.compile(r"[0-9a-f]{64}")
LEFTOVER_AGE: Final = 3600.0
"""Seconds after which a temporary file belongs to no living process."""


@dataclass(frozen=True)
class Entry:
    """One file of a model directory.

    `kind` is `converted` (by this project), `other` (HDF5 from elsewhere, such as kraken's own),
    `pyrnn`, `pronn`, `onnx` (of ours), `unreadable` or `leftover`; `size` is in bytes, `modified` in seconds since the
    epoch. `stale` says why the file may go.
    """

    path: Path
    kind: str
    size: int
    modified: float
    source: Source | None = None
    stale: str | None = None


def model_directory(chosen: str | os.PathLike[str] | None = None) -> Path:
    """The model directory: the one chosen, else that of the environment, else `~/.kraken`.

    Raises `FileNotFoundError` where the user has no home.
    """
    named = chosen or os.environ.get(ENVIRONMENT)
    if named:
        return Path(named)
    try:
        return Path.home() / ".kraken"
    except RuntimeError as error:
        raise FileNotFoundError(errno.ENOENT, f"no home folder, set {ENVIRONMENT}", "~/.kraken") from error


def marked_name(named: Path, sha256: str) -> Path:
    """The name of a conversion that cannot have `named`, the one kraken looks for."""
    return named.with_name(f"{named.stem}-{sha256[:12]}{named.suffix}")


def usable_source(path: Path) -> Source | None:
    """Which source a file records; None where that cannot be told, or cannot be used."""
    return _usable(recorded_source(path))


def _usable(source: Source | None) -> Source | None:
    """A record, where its checksum is one: a part of that gets into a file name."""
    return source if source and SHA256.fullmatch(source.sha256) else None


def list_models(folder: Path) -> list[Entry]:
    """The models in a model directory, and what writing them left over, in the order of their names.

    Stale are conversions by the store of which there is a newer one by the same source name (made
    again when they are wanted, as long as their pyrnn is there), and leftovers. Raises `OSError` where
    the system refuses the folder; one that does not exist is empty.
    """
    if not folder.exists():
        return []
    entries = [entry for path in sorted(folder.iterdir()) if (entry := _entry(path))]
    newest: dict[str, Path] = {}
    for entry in sorted(entries, key=newness):
        if entry.source:
            newest[entry.source.name] = entry.path
    return [
        replace(entry, stale=f"superseded by {newest[entry.source.name].name}")
        if entry.source and _is_stored_as(entry.source, entry.path) and newest[entry.source.name] != entry.path
        else entry
        for entry in entries
    ]


def _is_stored_as(source: Source, path: Path) -> bool:
    """Whether the store, not a user, gave a conversion its name."""
    return path.name == f"{Path(source.name).stem}.hdf5" or bool(MARKED_NAME.search(path.name))


def newness(entry: Entry) -> tuple[float, bool]:
    """What orders conversions by age; of two made at once that is newer which kraken finds."""
    return entry.modified, not MARKED_NAME.search(entry.path.name)


def _entry(path: Path) -> Entry | None:
    """What a file of a model directory is; None for what is no model."""
    try:
        found = path.stat()
    except OSError:
        # Gone meanwhile, or a dangling link.
        return None
    facts = (found.st_size, found.st_mtime)
    if not path.is_file():
        return None
    try:
        if path.name.startswith(atomic.PREFIX) and path.name.endswith(atomic.SUFFIX):
            old = time.time() - found.st_mtime > LEFTOVER_AGE
            return Entry(path, "leftover", *facts, stale="leftover of an interrupted write" if old else None)
        if path.suffix == ".hdf5" or is_hdf5(path):
            source = _usable(read_source(path, limits=RECORD_LIMITS))
            return Entry(path, "converted" if source else "other", *facts, source)
        if is_pronn(path):
            return Entry(path, "pronn", *facts)
        if is_onnx(path):
            # The user's own, whatever it was made from.
            return Entry(path, "onnx", *facts)
        return Entry(path, "pyrnn", *facts) if is_pyrnn(path) else None
    except Pyrnn2Hdf5Error:
        # Never stale: whatever its name is, nothing in it says that it is ours.
        return Entry(path, "unreadable", *facts)
    except OSError:
        # Gone meanwhile, or not ours to read.
        return None
