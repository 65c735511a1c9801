"""Line images are read: those in files by a process of its own, which decodes and dewarps them within limits."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError, LoadLimitError, ReaderError
from ..limits import LINE_LIMITS, MAX_STEPS, Limits
from ..model.forward_pass import PAD
from ..model.model import LineNormalizer
from ..sandbox.bounded import Reader, bounded
from ..sandbox.messages import types_of
from .images import decode_image
from .line_normalization import PreparedLine, center_parameters, prepare_line

Image = str | os.PathLike[str] | NDArray[Any]
"""A line image: its path, or its grey values (h, w), dark on light."""


def refuse_single(images: object) -> None:
    """Raise `InvalidInputError` for a single image where several are asked for."""
    if isinstance(images, (str, bytes, os.PathLike)):
        raise InvalidInputError(f"images: expected a list of them, got the single path {os.fspath(images)!r:.200}")
    if isinstance(images, np.ndarray) and images.ndim < 3:
        raise InvalidInputError(f"images: expected a list of them, got a single array of shape {images.shape}")


def read_line(
    image: Image,
    normalizer: LineNormalizer | None,
    Ni: int,
    *,
    pad: int = PAD,
    normalize: bool = True,
    most: int = MAX_STEPS,
    reader: Reader | None = None,
) -> PreparedLine:
    """A line image as input of a network with `Ni` inputs.

    Parameters
    ----------
    image
        Its grey values, or its path; a file is read by a process of its own, within `LINE_LIMITS`.
    normalizer
        Has the parameters of the CenterNormalizer that dewarps it, where it is one.
    Ni
        Height of the dewarped line in pixels.
    pad
        Steps of silence at both ends.
    normalize
        Without it the image must be dewarped already, `Ni` pixels high.
    most
        Most columns of the dewarped line.
    reader
        The process to use, for many files.

    Raises
    ------
    OSError, SourceError, InvalidInputError
        Where the image cannot be read, or is no line; what only looks wrong is in the warnings of the result.
    MissingExtraError
        Where the extra `[ocr]` is not installed.
    ReaderError
        Where no process can be started to read a file.
    """
    options: dict[str, Any] = {
        "parameters": center_parameters(normalizer) if normalize else None,
        "Ni": Ni,
        "pad": pad,
        "most": most,
    }
    if isinstance(image, np.ndarray):
        return prepare_line(image, **options)
    try:
        said = bounded(
            f"{__name__}:prepare_file",
            image,
            LINE_LIMITS,
            InvalidInputError,
            types=types_of(PreparedLine),
            make=_taker(Ni, pad, most),
            reader=reader,
            **options,
        )
    except ReaderError as error:
        raise ReaderError("no interpreter can be started to read an image file: pass arrays instead") from error
    except LoadLimitError as error:
        most_of = f"{LINE_LIMITS.seconds:g} s and {LINE_LIMITS.memory // 2**20} MiB"
        raise InvalidInputError(f"image: expected at most {most_of} to decode and dewarp it, it takes more") from error
    if isinstance(said, InvalidInputError):
        raise said
    return cast(PreparedLine, said)


def prepare_file(
    file: IO[bytes], limits: Limits, tell: Callable[[object], object], **options: Any
) -> PreparedLine | InvalidInputError:
    """As `read_line`, of an open file, in the process that reads it."""
    try:
        values, more = decode_image(file)
        said = ("the file has further frames, only the first was read",) if more else ()
        return prepare_line(values, said, **options)
    except InvalidInputError as error:
        # Handed back, not raised: an image that was refused in good order is no reason for another process.
        return error


def _taker(Ni: int, pad: int, most: int) -> Callable[[Any], PreparedLine | InvalidInputError]:
    """What takes a line from the process that made it, if it is one."""

    def take(said: Any) -> PreparedLine | InvalidInputError:
        if isinstance(said, InvalidInputError):
            return said
        xs = said.xs
        if (
            not (isinstance(said, PreparedLine) and xs.dtype == np.float32 and xs.ndim == 2 and xs.shape[1] == Ni)
            or not (said.pad == pad and len(xs) <= most + 2 * pad and np.isfinite(xs).all())
            or not (0 < said.scale < math.inf and said.width > 0)
            or not all(isinstance(warning, str) for warning in said.warnings)
        ):
            raise ValueError("no line")
        return said

    return take
