"""Paths as they are given, what is asked of them before they are opened, and names of results."""

from __future__ import annotations

import enum
import hashlib
import io
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from ..errors import InvalidInputError, SizeLimitError, SourceError, TargetConflictError
from ..limits import DEFAULT_LIMITS, Limits

CHUNK: Final = 2**16
SEPARATORS: Final = tuple(filter(None, (os.sep, os.altsep)))

SOURCE_NAME: Final = re.compile(r"\.(pyrnn(\.(gz|bz2|xz))?|pronn)$")
"""Names of files that can be converted."""


def open_regular(path: str | os.PathLike[str]) -> io.FileIO:
    """Open a regular file for reading, unbuffered.

    Raises `OSError` where there is none, `SourceError` for anything else: a FIFO would wait for a writer, a
    device may act on being opened. So what is there is asked before, and of what was opened again.
    """
    _refuse_other_than_files(usable_path(path).stat().st_mode, path)
    file = io.FileIO(Path(path), opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0)))
    try:
        _refuse_other_than_files(os.fstat(file.fileno()).st_mode, path)
    except SourceError:
        file.close()
        raise
    return file


def _refuse_other_than_files(mode: int, path: str | os.PathLike[str]) -> None:
    if not stat.S_ISREG(mode):
        what = "a directory" if stat.S_ISDIR(mode) else "a device, pipe or socket"
        raise SourceError(f"expected a file, got {what}", path=os.fspath(path))


def usable_path(path: str | os.PathLike[str]) -> Path:
    """A path that the system can be asked for. Raises `InvalidInputError` for one with a NUL."""
    if "\0" in os.fspath(path):
        raise InvalidInputError("path: expected a name, got one with a NUL")
    return Path(path)


def sha256_of(path: str | os.PathLike[str], limits: Limits = DEFAULT_LIMITS) -> str:
    """The SHA-256 of a file as it lies on disk, in hexadecimal.

    Raises `SizeLimitError` where it is larger than a source may be: sparse files claim any size.
    """
    digest = hashlib.sha256()
    left = limits.size
    with open_regular(path) as file:
        left -= os.fstat(file.fileno()).st_size
        while left >= 0 and (chunk := file.read(CHUNK)):
            digest.update(chunk)
    if left < 0:
        raise SizeLimitError(f"file size: expected at most {limits.size} bytes, got more", remedy="size")
    return digest.hexdigest()


STAGE: Final = re.compile(r"\.(bin|nrm|dew)$")
"""What ocropy adds to the name of a binarized, grey or dewarped image."""


class Format(str, enum.Enum):
    """What a model can be converted to; also the suffixes of the results."""

    HDF5 = "hdf5"
    ONNX = "onnx"


def check_format(to: str) -> None:
    """Raise `InvalidInputError` for anything but the name of a format."""
    if to not in (names := [known.value for known in Format]):
        raise InvalidInputError(f"to: expected {' or '.join(names)}, got {to!r:.40}")


def named_format(target: str | os.PathLike[str]) -> str | None:
    """The format that the name of a target tells; None for a folder, or where it tells none."""
    suffix = Path(target).suffix[1:].lower()
    return suffix if suffix in [known.value for known in Format] and not means_folder(target) else None


def default_target(source: str | os.PathLike[str], to: str = "hdf5") -> Path:
    """Where a conversion goes unless told otherwise: beside its source, named as kraken names it.

    Parameters
    ----------
    source
        What is converted; it need not exist.
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
    InvalidInputError
        Where `to` is another word.
    """
    check_format(to)
    source = Path(source)
    # Not `with_name`, which refuses a folder such as `/`: that it is no file is told when it is opened.
    return source.parent / f"{source.stem}.{to}"


def target_of(source: str | os.PathLike[str], target: str | os.PathLike[str] | None, to: str = "hdf5") -> Path:
    """Where one conversion goes: a target that is a folder, or ends as the name of one (`results/`), is to hold it.

    Raises `InvalidInputError` for a target with a NUL.
    """
    if target is None:
        return default_target(source, to)
    path = usable_path(target)
    return path / default_target(source, to).name if means_folder(target) else path


def means_folder(target: str | os.PathLike[str]) -> bool:
    """Whether a target is a folder, or ends as the name of one that is to be made."""
    return os.fspath(target).endswith(SEPARATORS) or os.path.isdir(target)  # noqa: PTH112 - of any length


def text_target(image: Path, suffix: str) -> Path:
    """Where the text of a line image goes: `0001.png` and `0001.bin.png` become `0001` and the suffix."""
    return image.with_name(STAGE.sub("", image.stem) + suffix)


def canonical_path(path: Path) -> str:
    """Where a file lies, however its folders are spelled and linked; the file itself may be a link."""
    return os.path.join(os.path.realpath(path.parent), path.name)  # noqa: PTH118


def shared_targets(pairs: Iterable[tuple[Path, Path]]) -> Iterator[tuple[Path, Path, Path]]:
    """Each of these sources whose target another one would get too, with the first such one and the target.

    Targets are the same where links lead to one place: what is written goes through them.
    """
    sources: dict[str, list[tuple[Path, Path]]] = {}
    for source, target in pairs:
        sources.setdefault(os.path.realpath(target), []).append((source, target))
    for sharing in sources.values():
        for number, (source, target) in enumerate(sharing if len(sharing) > 1 else ()):
            yield source, sharing[not number][0], target


def refuse_shared_targets(pairs: Iterable[tuple[Path, Path]]) -> None:
    """Raise `TargetConflictError` where two of these sources would get one target."""
    for source, other, target in shared_targets(pairs):
        raise TargetConflictError(f"{source} and {other}: expected a target for each, both would be {target}")
