"""What is known of a model file, as frozen values: gathered by `show`, told by `page` and as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .errors import Pyrnn2Hdf5Error
    from .labels import LabelGroup
    from .model import LineNormalizer, TrainingRecord
    from .weights import MatrixFacts, UnitFacts

PARTS: Final = ("weights", "buffers", "derivatives", "history", "other")
"""What the bytes of a file are; of HDF5 only weights and other are told apart."""


@dataclass(frozen=True)
class FileFacts:
    """The file: sizes in bytes, SHA-256 of it as it lies on disk.

    `protocol` is that of the pickle, None for HDF5; `trailing_size` counts bytes after the pickle.
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
class Global:
    """A global a pickle names, and the byte offset of the opcode that does so first.

    `module` is empty where it is no global, but something as bad: then `name` says what.
    """

    module: str
    name: str
    offset: int
    allowed: bool

    @property
    def path(self) -> str:
        """Module and name in one."""
        return f"{self.module}.{self.name}" if self.module else self.name


@dataclass(frozen=True)
class Scan:
    """What the opcodes of the first pickle of a stream say.

    `globals` in the order of their first use; `unlisted` counts the uses of those beyond
    `MAX_GLOBALS`. `parts` are bytes by `PARTS`. `problem` says why the scan ended before the pickle did.
    """

    protocol: int
    globals: tuple[Global, ...]
    unlisted: int
    parts: dict[str, int]
    problem: str | None


@dataclass(frozen=True)
class Remains:
    """Parts of an object that is no convertible model; None or empty where they could not be read.

    `structure` is the tree of its parts, an indented line a part; `labels` are (code, label).
    """

    structure: tuple[str, ...] = ()
    No: int | None = None
    labels: tuple[tuple[int, str], ...] | None = None
    line_normalizer: LineNormalizer | None = None
    training: TrainingRecord | None = None
    normalize: str | None = None
    notes: tuple[str, ...] = ()


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
    `scan_problem` is why the search for them ended early.
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
    scan_problem: str | None = None
    notes: tuple[str, ...] = ()
    problem: Pyrnn2Hdf5Error | None = None

    @property
    def readable(self) -> bool:
        """Whether anything is known of what is inside."""
        return self.network is not None or bool(self.structure)

    @property
    def scripts(self) -> tuple[str, ...]:
        """Scripts of the codec, the one with the most labels first."""
        groups = self.codec.groups if self.codec else ()
        return tuple(dict.fromkeys(group.script for group in groups if group.script))
