"""What is known of a model file, as frozen values: gathered by `show`, told by `page` and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..pyrnn.findings import Global

if TYPE_CHECKING:
    from ..errors import Pyrnn2Hdf5Error
    from ..model.model import LineNormalizer
    from .unicode_labels import LabelGroup
    from .weight_statistics import MatrixFacts, UnitFacts

PARTS: Final = ("weights", "buffers", "derivatives", "spelling", "rest")
"""What the bytes of a file are: data of arrays; what protocol 0 takes more than that to spell bytes as text; and the
rest, mostly the training history where there is one."""


@dataclass(frozen=True)
class FileFacts:
    """The file: sizes in bytes, SHA-256 of it as it lies on disk.

    `protocol` is that of the pickle, None where there is none; `trailing_size` counts bytes after the pickle.
    """

    format: str
    compression: str
    protocol: int | None
    writer: str | None
    size: int
    unpacked_size: int | None
    trailing_size: int
    sha256: str


@dataclass(frozen=True)
class NetworkFacts:
    """Inputs, hidden units of one direction, classes, and the number of weights."""

    Ni: int
    Ns: int
    No: int
    parameters: int


@dataclass(frozen=True)
class CodecFacts:
    """Labels as (code, label), by code; the same in groups; codes of the network without a label."""

    labels: tuple[tuple[int, str], ...]
    groups: tuple[LabelGroup, ...]
    unlabelled: tuple[int, ...]


@dataclass(frozen=True)
class Curve:
    """An error over time: `points` are means over equal numbers of lines, None where nothing is known.

    `kind` is `character error rate`, errors by length, or `training error`, as the program counted it.
    """

    kind: str
    points: tuple[float | None, ...]
    start: float
    minimum: float
    end: float


@dataclass(frozen=True)
class TrainingFacts:
    """Lines trained as the file says, entries of its logs, the commands, and the error."""

    last_trial: int | None
    lines: int
    commands: tuple[str, ...]
    curve: Curve | None


@dataclass(frozen=True)
class Compatibility:
    """Which readers take the converted file (`kind` as in the file), and why not kraken."""

    kind: str
    readers: tuple[str, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Facts:
    """All that is known of a model file. What could not be read, or is not there, is None or empty.

    `problem` is why it cannot be converted (for HDF5: read), an error of this package. `structure` is
    the tree of the parts of what is no convertible model; `parts` are bytes of the unpacked file by
    `PARTS`; `globals` are what its pickle names, `unlisted_globals` counts the uses of more, and
    `unfollowed` is why behind some place only those that are spelled out are known.
    """

    path: str
    file: FileFacts
    network: NetworkFacts | None = None
    structure: tuple[str, ...] = ()
    parts: dict[str, int] | None = None
    codec: CodecFacts | None = None
    line_normalizer: LineNormalizer | None = None
    normalize: str | None = None
    training: TrainingFacts | None = None
    weights: tuple[MatrixFacts, ...] = ()
    units: UnitFacts | None = None
    compatibility: Compatibility | None = None
    globals: tuple[Global, ...] = ()
    unlisted_globals: int = 0
    unfollowed: str | None = None
    notes: tuple[str, ...] = ()
    problem: Pyrnn2Hdf5Error | None = None

    @property
    def readable(self) -> bool:
        """Whether anything is known of what is inside."""
        return self.network is not None or bool(self.structure)

    @property
    def dangerous(self) -> bool:
        """Whether the pickle names what runs programs or reaches files."""
        return any(name.verdict == "dangerous" for name in self.globals)

    @property
    def scripts(self) -> tuple[str, ...]:
        """Scripts of the codec, the one with the most labels first."""
        groups = self.codec.groups if self.codec else ()
        return tuple(dict.fromkeys(group.script for group in groups if group.script))
