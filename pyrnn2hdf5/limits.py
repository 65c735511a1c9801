"""Every limit on what a file may take or hold, in one place."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Final

from .errors import InvalidInputError

GLOBAL: Final = re.compile(r"(?:[^\W\d][\w-]*\.)+[^\W\d]\w*")
"""A module and a name in it; a module that is a script may have a hyphen in its name."""

ASCII: Final = rb"\n\x41\u0041.xn--4ca." + bytes(code for code in range(128) if code != ord("\\"))
"""What an encoding of characters leaves as it is, but `unicode_escape`, `idna` and their like do not."""


SECONDS: Final = (0.1, 86400)
"""Least and most of `Limits.seconds`."""


@dataclass(frozen=True)
class Limits:
    """What reading one file may take, and what a pickle may hold beyond what every model holds.

    Attributes
    ----------
    size
        Most bytes a source may unpack to, or an HDF5, pronn or ONNX file may have, 1 or more. The largest real model
        seen unpacks to 330 MB.
    memory
        Most bytes that reading may take above what the reader has at its start, 1 or more. A history of 250,000
        lines takes 160 MB.
    seconds
        Longest time for reading, 0.1 to 86400, by the clock on the wall: a busy machine takes more of it for the same
        file. That history takes a second or two.
    in_process
        Read in this very process where no reader can be started, as in a frozen program. Then memory,
        time and crashes are not bounded; what is refused is the same.
    allow_globals
        A tuple of names, `MODULE.NAME`, that a pickle may mention too. One that is called as a class of OCRopus is
        read as such, any other is kept by name only; nothing is ever imported or called.
    label_encoding
        The encoding of labels that are byte strings beyond ASCII, one of the standard library that leaves ASCII
        as it is. Python 2 recorded none.

    Raises
    ------
    InvalidInputError
        Where one of them is nothing of the kind, or out of its range.
    """

    size: int = 4 * 2**30
    memory: int = 512 * 2**20
    seconds: float = 15.0
    in_process: bool = False
    allow_globals: tuple[str, ...] = ()
    label_encoding: str | None = None

    def __post_init__(self) -> None:
        check_number("size", self.size, 1, whole=True)
        check_number("memory", self.memory, 1, whole=True)
        check_number("seconds", self.seconds, *SECONDS)
        names: Any = self.allow_globals
        if not isinstance(names, (tuple, list)):
            raise InvalidInputError(f"allow_globals: expected a tuple of MODULE.NAME, got {names!r:.100}")
        for name in names:
            check_global(name)
        # As plain values, whatever was given: they are sent to the process that reads.
        plain = (("size", int), ("memory", int), ("seconds", float), ("allow_globals", tuple))
        for field, kind in plain:
            object.__setattr__(self, field, kind(getattr(self, field)))
        if self.label_encoding is not None:
            check_encoding(self.label_encoding)


def check_number(name: str, value: Any, least: float, most: float = math.inf, *, whole: bool = False) -> None:
    """Raise `InvalidInputError` for anything but a number of this range."""
    number = value
    if not isinstance(value, Integral if whole else Real) or not least <= number <= most:
        kind = "a whole number" if whole else "a number"
        allowed = f"from {least:g} to {most:g}" if most < math.inf else f"of {least:g} or more"
        raise InvalidInputError(f"{name}: expected {kind} {allowed}, got {value!r:.40}")


def check_global(name: Any) -> None:
    """Raise `InvalidInputError` for anything but `MODULE.NAME`."""
    if not (isinstance(name, str) and GLOBAL.fullmatch(name)):
        raise InvalidInputError(f"allow_globals: expected MODULE.NAME, got {name!r:.100}")


def check_encoding(name: str) -> None:
    """Raise `InvalidInputError` for anything but an encoding of characters that leaves ASCII as it is."""
    try:
        known = ASCII.decode(name) == ASCII.decode("ascii")
    except (LookupError, ValueError, TypeError):
        known = False
    if not known:
        raise InvalidInputError(
            f"label_encoding: expected an encoding that leaves ASCII as it is, such as utf-8, got {name!r:.100}"
        )


DEFAULT_LIMITS: Final = Limits()

MAX_TRAILING: Final = 512 * 2**20
"""Most bytes read after the pickle, for the sake of the checksum."""

MAX_PACKINGS: Final = 2
"""How often a source may be packed: once as a rule, twice where what was packed was packed again for the way."""

MAX_CLASSES: Final = 50_000
"""Most classes a model may have. The largest real one seen has 550; a full CJK codec has 30,000."""

MAX_INPUTS: Final = 2_000
"""Greatest line height in pixels; real ones have 24 to 120."""

MAX_HIDDEN: Final = 5_000
"""Most hidden units of one direction; real ones have up to 800."""

MAX_WEIGHTS: Final = 8_000_000
"""Most weights of a model, 64 MB of float64: a conversion holds up to eight times as much at once.
Ns = 800 with Ni = 48 has 5.5 million; the largest real model, Ns = 200, has 0.5 million."""

MAX_LABEL: Final = 256
"""Longest label in code points. Real ones have one, forks with graphemes up to a handful."""

MAX_LABEL_TEXT: Final = 2**18
"""Most code points of all labels of a model together: five for each of `MAX_CLASSES`."""

MAX_LOG: Final = 2**22
"""Most lines of a training history that are kept; the longest real one has 250,000."""

MAX_PARAMETERS: Final = 32
"""Most parameters of a line normalizer, and most numbers in one; a real one has four."""

MAX_BYTES: Final = 64 * 2**20
"""Most bytes the data sets of one HDF5 file may unpack to: `MAX_WEIGHTS` in float64, and a codec."""

MAX_PRONN: Final = 40 * 2**20
"""Most bytes of a pronn file: `MAX_WEIGHTS` in float32, and a codec; the largest real one seen has 2 MB."""

MAX_ONNX: Final = 40 * 2**20
"""Most bytes of an ONNX file: `MAX_WEIGHTS` in float32, labels, and the graph."""

MAX_METADATA: Final = 4 * 2**20
"""Most bytes of an entry of an ONNX file's metadata: `MAX_LABEL_TEXT` as JSON, of 12 bytes a character at most."""

MAX_TEXT: Final = 4000
"""Most characters of a text that are shown."""

MAX_MESSAGE: Final = 400
"""Most characters of an error that the process that reads hands back; what it quotes may be a stranger's."""

MAX_PIXELS: Final = 2**23
"""Most pixels of a line image; a line of a page scanned at 600 dpi has about a million."""

MAX_HEIGHT: Final = 1000
"""Most rows of a line image: more are a page."""

MAX_STEPS: Final = 2**16
"""Most columns of a dewarped line; real ones have some 1000."""

MAX_CELLS: Final = 2**24
"""Most numbers held for the lines that are read together, `4 * Ni + 2 * Ns` a column: 64 MB of float32. A real line has
0.4 million with a usual model, 2.5 million with the largest."""

MAX_WORK: Final = 15 * 10**9
"""Most columns of a dewarped line times weights of the network, a class counted as `CLASS_WORK` more: some 3 s."""

CLASS_WORK: Final = 20
"""What the softmax of one class costs, in weights."""

LINE_MEMORY: Final = 256 * 2**20
LINE_SECONDS: Final = 5.0
LINE_LIMITS: Final = Limits(memory=LINE_MEMORY, seconds=LINE_SECONDS)
"""What decoding, measuring and dewarping one line image may take."""

MAX_TRUTH: Final = 2**16
"""Most bytes of the text beside a line image, and most characters of a text that is compared."""

MAX_COMPARED: Final = 2**24
"""Most characters of a text times characters of its truth, compared: 64 MB. Lines have some 100 each."""
