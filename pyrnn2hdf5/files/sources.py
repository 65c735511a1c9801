"""What was read of a source, as facts, whatever its format; and sources that are read whole."""

from __future__ import annotations

import hashlib
import io
import os
from dataclasses import dataclass
from pathlib import Path

from ..errors import SizeLimitError
from ..limits import Limits
from .paths import open_regular


@dataclass(frozen=True)
class SourceFacts:
    """What was read: base name, SHA-256 of the file as it lies on disk, sizes in bytes.

    `compression` names the packings, the innermost first. `trailing_size` counts what follows the pickle;
    `damage` is what `ignore_checksum` passed over, `remarks` are what is odd and harmless.
    """

    name: str
    sha256: str
    compression: str
    size: int
    unpacked_size: int
    trailing_size: int
    damage: str | None
    remarks: tuple[str, ...] = ()


def facts_of_unpacked(path: str | os.PathLike[str], sha256: str, size: int) -> SourceFacts:
    """The facts of a file that nothing packs and that is read to its end."""
    return SourceFacts(Path(path).name, sha256, "none", size, size, trailing_size=0, damage=None)


def read_whole(path: str | os.PathLike[str], kind: str, most: int, limits: Limits) -> tuple[bytes, SourceFacts]:
    """The bytes of a file that is not packed, at most so many, and the facts of it.

    Raises `OSError`, and `SizeLimitError` where it has more than `most` or `limits.size`.
    """
    allowed = min(limits.size, most)
    with io.BufferedReader(open_regular(path)) as file:
        size = os.fstat(file.fileno()).st_size
        if size > allowed:
            raise SizeLimitError(
                f"{kind}: expected at most {allowed} bytes, got {size}", remedy="size" if allowed < most else None
            )
        data = file.read(size)
    return data, facts_of_unpacked(path, hashlib.sha256(data).hexdigest(), len(data))
