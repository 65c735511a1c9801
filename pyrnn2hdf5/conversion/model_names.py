"""Where the model lies that a name means: in the folders of kraken, OCRopus and OCR-D, also by a part of its name."""

from __future__ import annotations

import contextlib
import difflib
import errno
import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from ..text import visible

LEGACY: Final = Path("/usr/local/share/ocropus")
"""Where OCRopus installed its models."""

SYSTEM: Final = Path("/usr/local/share")
"""Where OCR-D keeps the resources of all users."""

OCRD: Final = "ocrd-cis-ocropy-recognize"
"""The OCR-D processor that reads lines; the others of its family may have got models, too."""

ENDINGS: Final = (
    *(".hdf5", ".pyrnn.hdf5", ".pyrnn.gz", ".pyrnn", ".pyrnn.bz2", ".pyrnn.xz", ".pronn"),
    *(".gz", ".bz2", ".xz", ".onnx", ".pyrnn.onnx"),
)
"""What a user leaves out at the end of a name, what is read fastest first, and last what was made for others."""

MAX_ENTRIES: Final = 1000
"""Most files of a folder that are looked at."""

MAX_CLOSE: Final = 3
"""Most near names that are told."""

MAX_NEAR: Final = 120
MAX_LOOKED: Final = 230
"""Most bytes of the near names, and of the folders, that are told."""


def model_folders(model_dir: Path | None) -> list[Path]:
    """Where models are looked for by their names: kraken's folder, those of OCRopus, then those of OCR-D.

    `OCROPUS_DATA` is one folder to ocropy, a list of them to OCRopus before it; both look into `models` there.
    """
    ocropus = [*map(Path, filter(None, os.environ.get("OCROPUS_DATA", "").split(os.pathsep))), LEGACY]
    shared = [SYSTEM]
    with contextlib.suppress(RuntimeError):
        shared.insert(0, Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"))
    ocrd = []
    for resources in (place / "ocrd-resources" for place in shared):
        family = []
        with contextlib.suppress(OSError):
            family = sorted(resources.glob("ocrd-cis-ocropy-*"))
        ocrd += [resources / OCRD, *(folder for folder in family if folder.name != OCRD)]
    nested = (folder / below for folder in ocropus for below in ("", "models"))
    return list(dict.fromkeys([*([model_dir] if model_dir else []), *nested, *ocrd]))


def find_exactly(name: Path, folders: Sequence[Path]) -> Path | None:
    """The file at this path, or of this name in the first folder that has one. Raises `OSError` about the path."""
    return name if name.is_file() else _first(folder / name for folder in folders)


def find_by_beginning(name: Path, folders: Sequence[Path]) -> Path | None:
    """As `find_exactly`, for a name without its ending: `en-default` means `en-default.pyrnn.gz`."""
    places = (folder / name for folder in (Path(), *folders) if name.name)
    return _first(place.with_name(name.name + ending) for place in places for ending in ENDINGS)


def _first(places: Iterator[Path]) -> Path | None:
    for place in places:
        # A folder that is closed has no models for this user.
        with contextlib.suppress(OSError):
            if place.is_file():
                return place
    return None


def model_names(folders: Sequence[Path]) -> list[str]:
    """Names of files in these folders that end as models do."""
    found: list[str] = []
    for folder in folders:
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            found += sorted(entry.name for entry in itertools.islice(entries, MAX_ENTRIES))
    return [name for name in found if name.endswith(ENDINGS)]


def not_found(name: Path, folders: Sequence[Path]) -> FileNotFoundError:
    """The error of a name that means no model: which names are near, and where it was looked for."""
    files: dict[str, str] = {}
    for file in model_names([name.parent, *folders]):
        ending = max((ending for ending in ENDINGS if file.endswith(ending)), key=len)
        for key in (file, file.removesuffix(ending)):
            files.setdefault(key.lower(), file)
    close = difflib.get_close_matches(name.name.lower(), sorted(files), n=MAX_CLOSE)
    near = list(dict.fromkeys(files[one] for one in close))
    # Of folders one in the other, the outer one says it all.
    looked = [str(folder) for folder in folders if folder.parent not in folders]
    said = "No such file or directory"
    said += f", nor a model of this name in {_joined(looked, MAX_LOOKED)}" if looked else ""
    said += f"; near: {_joined(near, MAX_NEAR)}" if near else ""
    return FileNotFoundError(errno.ENOENT, said, os.fspath(name))


def _joined(parts: Sequence[str], most: int) -> str:
    """As many of these as there is room for."""
    sizes = itertools.accumulate(len(visible(part).encode()) + 2 for part in parts)
    fitting = [part for part, size in zip(parts, sizes, strict=True) if size <= most]
    return ", ".join((*fitting, *(["..."] if len(fitting) < len(parts) else [])))
