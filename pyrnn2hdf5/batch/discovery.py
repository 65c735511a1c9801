"""Which files of a folder are models, results or line images."""

from __future__ import annotations

import errno
import fnmatch
import glob
import itertools
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple, NoReturn

from ..errors import SourceError
from ..files.paths import SOURCE_NAME, sha256_of
from ..limits import DEFAULT_LIMITS, Limits
from ..load import is_hdf5, is_onnx, is_pronn, recorded_source
from ..pyrnn.stream import archive_in_words, is_pyrnn

Unlisted = Callable[[OSError], object]
"""What is told of a place below a folder that cannot be searched; the search goes on."""

NO_MODEL: Final = "no model"
ARCHIVE: Final = "archive"
HDF5: Final = "HDF5"
ONNX: Final = "ONNX"
LINK: Final = "link"
DEAD_LINK: Final = "dead link"

SYSTEM_NAME: Final = re.compile(r"\._.*|\.DS_Store|__MACOSX|Thumbs\.db|\.(git|hg|svn)")
"""What macOS, Windows and version control put beside a user's files: `._m.pyrnn` holds what macOS knows of `m.pyrnn`,
`.git` old versions of everything."""

IMAGE_NAME: Final = re.compile(r"[^.].*\.(png|tiff?|jpe?g|jp2|webp|bmp|gif|p[bgnp]m)", re.IGNORECASE)


def tell_by_raising(error: OSError) -> NoReturn:
    """The `Unlisted` of who wants all or nothing."""
    raise error


def tell_nobody(_: SkippedFile) -> None:
    """The `Skipped` of who does not want to know."""


class SkippedFile(NamedTuple):
    """A file that a search passes over, and why.

    It is `NO_MODEL`, or an `ARCHIVE` that may hold models, which is in words then; `HDF5` or `ONNX` of ours, converted
    already; a `LINK` that is not followed, or a `DEAD_LINK`.
    """

    path: Path
    why: str
    words: str = ""


Skipped = Callable[[SkippedFile], object]
"""What is told of a file that a search passes over."""


class ImageFile(NamedTuple):
    """A line image, and where it lies below the folder or pattern that was asked for."""

    path: Path
    relative: Path


def source_files(
    folder: Path,
    unlisted: Unlisted = tell_by_raising,
    skipped: Skipped = tell_nobody,
    pattern: str = "*",
    *,
    hdf5: bool = False,
) -> list[Path]:
    """The pyrnn and pronn files below a folder whose names fit `pattern`, in the order of their names.

    They are told by content; a file with a name of theirs counts too, so that a broken one is told. With `hdf5` the
    HDF5 files too, but for those that record the SHA-256 of one of the others: they are the same model.
    """
    found: list[Path] = []
    stored: list[Path] = []
    for path in _files(folder, unlisted, skipped, pattern):
        if _is_source(path):
            found.append(path)
        elif _is_hdf5(path):
            stored.append(path)
        elif is_onnx(path):
            skipped(SkippedFile(path, ONNX))
        else:
            skipped(_no_model(path))
    if not (hdf5 and stored):
        for path in stored:
            skipped(SkippedFile(path, HDF5))
        return found
    known = {sha256_if_readable(path) for path in found}
    return sorted([*found, *(path for path in stored if recorded_sha256(path) not in known)])


def sha256_if_readable(path: Path, limits: Limits = DEFAULT_LIMITS) -> str:
    """The SHA-256 of a file; nothing where it cannot be read, which is told when it is looked at."""
    try:
        return sha256_of(path, limits)
    except (OSError, SourceError):
        return ""


def recorded_sha256(path: Path) -> str | None:
    """The SHA-256 of the source that a result records, where it records one."""
    source = recorded_source(path)
    return source.sha256 if source else None


def result_files(folder: Path, unlisted: Unlisted = tell_by_raising) -> list[Path]:
    """The HDF5 files, and ONNX files of ours, below a folder, told by content, in the order of their names."""
    return [path for path in _files(folder, unlisted) if _is_result(path)]


def image_files(argument: str, unlisted: Unlisted = tell_by_raising) -> list[ImageFile]:
    """The line images meant by a file, a folder or a pattern (with `**` for folders), sorted.

    In a folder they are told by name. A file counts as one whatever it is called, even where it does
    not exist.
    """
    path = Path(argument)
    # A name too long for the system, or one in a place that is closed, is told when it is read.
    if os.path.isdir(path):  # noqa: PTH112
        files = (file for file in _files(path, unlisted) if IMAGE_NAME.fullmatch(file.name))
        return [ImageFile(file, file.relative_to(path)) for file in files]
    if os.path.exists(path) or not re.search(r"[*?[]", argument):  # noqa: PTH110
        return [ImageFile(path, Path(path.name))]
    fixed = Path(*itertools.takewhile(lambda part: not re.search(r"[*?[]", part), path.parts))
    # A pattern may be absolute, which Path.glob refuses.
    found = map(Path, sorted(glob.glob(argument, recursive=True)))  # noqa: PTH207
    return [ImageFile(file, file.relative_to(fixed)) for file in found if file.is_file()]


def model_files(folder: Path, unlisted: Unlisted = tell_by_raising, skipped: Skipped = tell_nobody) -> list[Path]:
    """The files below a folder that are models of any kind, or are named so, in the order of their names."""
    found = []
    for path in _files(folder, unlisted, skipped):
        if _is_result(path) or _is_source(path):
            found.append(path)
        else:
            skipped(_no_model(path))
    return found


def _no_model(path: Path) -> SkippedFile:
    words = archive_in_words(path)
    return SkippedFile(path, ARCHIVE, words) if words else SkippedFile(path, NO_MODEL)


def _is_hdf5(path: Path) -> bool:
    try:
        return is_hdf5(path)
    except OSError:
        # It cannot be read, which is to be told with its name.
        return path.suffix == ".hdf5"


def _is_result(path: Path) -> bool:
    return _is_hdf5(path) or is_onnx(path)


def _is_source(path: Path) -> bool:
    return bool(SOURCE_NAME.search(path.name)) or is_pronn(path) or is_pyrnn(path)


def _files(folder: Path, unlisted: Unlisted, skipped: Skipped = tell_nobody, pattern: str = "*") -> Iterator[Path]:
    """Regular files below a folder, sorted; links are followed only to places within it."""
    root = folder.resolve()

    def leads_away(path: Path) -> bool:
        away = path.is_symlink() and not (path.exists() and path.resolve().is_relative_to(root))
        if away:
            skipped(SkippedFile(path, LINK if path.exists() else DEAD_LINK))
        return away

    for place, folders, names in os.walk(folder, onerror=unlisted):
        # What is left of these is walked through, links excepted.
        folders[:] = sorted(name for name in folders if not SYSTEM_NAME.fullmatch(name))
        if names and not os.access(place, os.X_OK):
            unlisted(PermissionError(errno.EACCES, os.strerror(errno.EACCES), place))
            continue
        for name in folders:
            leads_away(Path(place, name))
        for name in sorted(names):
            path = Path(place, name)
            if SYSTEM_NAME.fullmatch(name) or not fnmatch.fnmatchcase(name, pattern) or leads_away(path):
                continue
            if path.is_file():
                yield path
            else:
                skipped(SkippedFile(path, NO_MODEL))
