"""How a conversion is done, and what became of it, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import Failure, TargetConflictError, TargetExistsError, VerificationError
from ..limits import DEFAULT_LIMITS, Limits

if TYPE_CHECKING:
    from ..files.sources import SourceFacts
    from ..verification.comparison import Verification


@dataclass(frozen=True)
class Options:
    """How a conversion is done; see `convert`."""

    force: bool = False
    verify: bool = True
    float64: bool = False
    compress: bool = False
    limits: Limits = DEFAULT_LIMITS
    ignore_checksum: bool = False
    keep_failed: Path | None = None
    to: str = "hdf5"


@dataclass(frozen=True)
class Conversion:
    """A result, and what it was made from.

    Attributes
    ----------
    status
        `converted` or `up to date`.
    kind
        `pyrnn-bidi`, or `pyrnn-bidi-ext` where kraken could not read the codec; `onnx`.
    source_size, target_size
        In bytes.
    source_sha256, target_sha256
        Of the files as they lie on disk, in hexadecimal.
    facts
        A `SourceFacts` of what was read: packing, unpacked size, bytes behind the pickle, damage that was passed over.
        None where nothing had to be read.
    verification
        How source and target compare; None where nothing had to be verified, or nothing was to be.
    warnings
        What a user should know, a sentence each.
    """

    source: Path
    target: Path
    status: str
    kind: str
    source_size: int
    source_sha256: str
    target_size: int
    target_sha256: str
    facts: SourceFacts | None = None
    verification: Verification | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What became of one source: its conversion, or the error it met; of a dry run neither where it would convert.

    `duplicate_of` is a source with the same content; `source_size` in bytes, where there is a file.
    """

    source: Path
    target: Path
    conversion: Conversion | None = None
    error: Failure | None = None
    duplicate_of: Path | None = None
    source_size: int | None = None
    seconds: float = 0.0

    @property
    def status(self) -> str:
        """What became of it.

        `converted`, `duplicate` (converted too), `up to date`, `refused` where the file is to blame, `failed`
        where the world is; of a dry run `would convert`.
        """
        if self.error is not None:
            world = (TargetExistsError, TargetConflictError, VerificationError, OSError, MemoryError)
            return "failed" if isinstance(self.error, world) else "refused"
        if self.conversion is None:
            return "would convert"
        return "duplicate" if self.duplicate_of and self.conversion.status == "converted" else self.conversion.status

    @property
    def bad(self) -> bool:
        """Whether this source has no result."""
        return self.error is not None
