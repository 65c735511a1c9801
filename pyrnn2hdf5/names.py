"""How files are named after others, and that no two get one name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from .errors import TargetConflictError

STAGE: Final = re.compile(r"\.(bin|nrm|dew)$")
"""What ocropy adds to the name of a binarized, grey or dewarped image."""


def default_target(source: str | os.PathLike[str]) -> Path:
    """Where a conversion goes unless told otherwise: kraken drops the last suffix and adds `.hdf5`."""
    source = Path(source)
    return source.with_name(source.stem + ".hdf5")


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
            raise TargetConflictError(other, source, target)
