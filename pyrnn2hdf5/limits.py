"""Every limit on what a file may take or hold, in one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Limits:
    """What reading one file may take.

    Attributes
    ----------
    size
        Most bytes a source may unpack to. The largest real model seen unpacks to 330 MB.
    memory
        Most bytes that reading may take above what the reader has at its start. A history of 250,000
        lines takes 160 MB.
    seconds
        Longest time for reading; that history takes a second or two.
    in_process
        Read in this very process where no reader can be started, as in a frozen program. Then memory,
        time and crashes are not bounded; what is refused is the same.
    """

    size: int = 4 * 2**30
    memory: int = 512 * 2**20
    seconds: float = 15.0
    in_process: bool = False


DEFAULT_LIMITS: Final = Limits()

MAX_TRAILING: Final = 512 * 2**20
"""Most bytes read after the pickle, for the sake of the checksum."""

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

MAX_LOG: Final = 2**22
"""Most lines of a training history that are kept; the longest real one has 250,000."""

MAX_BYTES: Final = 64 * 2**20
"""Most bytes the data sets of one HDF5 file may unpack to: `MAX_WEIGHTS` in float64, and a codec."""

MAX_PRONN: Final = 40 * 2**20
"""Most bytes of a pronn file: `MAX_WEIGHTS` in float32, and a codec; the largest real one seen has 2 MB."""

MAX_ONNX: Final = 40 * 2**20
"""Most bytes of an ONNX file: `MAX_WEIGHTS` in float32, labels, and the graph."""

MAX_METADATA: Final = 4 * 2**20
"""Most bytes of an entry of an ONNX file's metadata; the labels of a full CJK codec take 300 kB."""

MAX_TEXT: Final = 4000
"""Most characters of a text that are shown."""
