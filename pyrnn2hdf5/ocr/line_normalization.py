"""Line images become network input; those in files are decoded and dewarped by a process with limits of its own."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any, Final, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidInputError, LoadLimitError
from ..limits import LINE_LIMITS, MAX_HEIGHT, MAX_PIXELS, MAX_STEPS, Limits
from ..model.forward_pass import PAD
from ..model.model import LineNormalizer
from ..model.network import Float32, Float64
from ..sandbox.bounded import Reader, bounded
from ..sandbox.messages import types_of
from .dewarping import dewarp, measure
from .images import decode_image

USUAL_HEIGHT: Final = (12, 300)
TALL: Final = 4
"""An image this much taller than wide shows no horizontal line."""

MAX_GREY: Final = 1e30
"""Brightest grey value; all are squeezed into float32."""

CENTER: Final = {"range": 4.0, "smoothness": 1.0, "extra": 0.3}
"""Parameters of a CenterNormalizer, as OCRopus has them."""

CENTER_MAX: Final = 20.0
"""Greatest parameter taken from a model: they scale memory and time."""

Image = str | os.PathLike[str] | NDArray[Any]
"""A line image: its path, or its grey values (h, w), dark on light."""


@dataclass(frozen=True, eq=False)
class PreparedLine:
    """A line as input of a network.

    `xs` is float32 (T, Ni), ink is 1, with `pad` steps of silence at both ends; no steps at all for
    a blank image. `scale` is in steps a column of the image, which has `width` columns. `warnings`
    say what looks wrong with the image.
    """

    xs: Float32
    pad: int
    scale: float
    width: int
    warnings: tuple[str, ...] = ()

    def column(self, step: int) -> float:
        """The column of the image that a step shows, in pixels from its left edge (0 to width - 1).

        Dewarping moves pixels up and down only and scales the line as a whole, so that step
        `pad + x` shows column `x / scale`. Steps of silence show the nearest edge.
        """
        return min(max((step - self.pad) / self.scale, 0.0), self.width - 1.0)


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
        "parameters": _parameters(normalizer) if normalize else None,
        "Ni": Ni,
        "pad": pad,
        "most": most,
    }
    if isinstance(image, np.ndarray):
        return _prepared(image, **options)
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
        return _prepared(values, said, **options)
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


def _prepared(
    image: ArrayLike,
    said: tuple[str, ...] = (),
    *,
    parameters: Mapping[str, float] | None,
    Ni: int,
    pad: int,
    most: int,
) -> PreparedLine:
    values = _checked(image)
    h, w = values.shape
    if values.max() == values.min():
        return PreparedLine(np.empty((0, Ni), np.float32), pad, 1.0, w, ("blank image, nothing to read", *said))
    said = (*_odd(values), *said)
    if parameters is None:
        if h != Ni:
            raise InvalidInputError(f"dewarped line: expected {Ni} rows as the model has inputs, got {h}")
        if w > most:
            raise InvalidInputError(f"dewarped line: expected at most {most} columns for a model of this size, got {w}")
        return PreparedLine(_steps(values, pad).astype(np.float32), pad, 1.0, w, said)
    dewarped, scale = _dewarped(values, parameters, Ni, most)
    return PreparedLine(_steps(dewarped, pad), pad, scale, w, said)


def _checked(image: ArrayLike) -> Float64:
    try:
        values = np.asarray(image, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"line image: expected numbers of shape (h, w): {error}") from error
    if values.ndim != 2 or min(values.shape) < 2:
        raise InvalidInputError(f"line image: expected shape (h, w) of at least (2, 2), got {values.shape}")
    if values.shape[0] > MAX_HEIGHT:
        raise InvalidInputError(f"line image: expected at most {MAX_HEIGHT} rows, got {values.shape[0]}: no text line")
    if values.size > MAX_PIXELS:
        raise InvalidInputError(f"line image: expected at most {MAX_PIXELS} pixels, got {values.shape}")
    # Neither holds of NaN.
    if not (values.min() >= 0 and values.max() <= MAX_GREY):
        raise InvalidInputError(f"line image: expected grey values from 0 to at most {MAX_GREY:g}, got others")
    return values


def _odd(values: Float64) -> list[str]:
    """What looks wrong with an image, a sentence each."""
    h, w = values.shape
    said = []
    low, high = USUAL_HEIGHT
    if h > TALL * w:
        said.append(_vertical(h, w))
    elif not low <= h <= high:
        said.append(f"{h} rows: lines are {low} to {high} pixels high as a rule")
    if np.count_nonzero(values < (values.max() + values.min()) / 2) > values.size / 2:
        said.append("mostly dark: expected dark ink on light paper, the image may be inverted")
    return said


def _vertical(h: int, w: int) -> str:
    return f"{w} x {h} pixels, much taller than wide: expected one horizontal line; if the text is vertical, turn it"


def normalizer_warning(normalizer: LineNormalizer | None, Ni: int) -> str | None:
    """Why lines are not dewarped as the model asks for; None where they are."""
    ours = f"lines are dewarped by a CenterNormalizer of {Ni} pixels"
    if normalizer is None:
        return f"the model names no line normalizer: {ours}"
    if normalizer.kind != "CenterNormalizer":
        return f"the model has the line normalizer {normalizer.kind}: {ours}"
    given = dict(normalizer.parameters)
    odd = [name for name in CENTER if name in given and not _is_usable(given[name])]
    return (
        f"line normalizer: expected numbers above 0, at most {CENTER_MAX:g}, for {', '.join(odd)}: {ours}"
        if odd
        else None
    )


def _is_usable(value: object) -> bool:
    return isinstance(value, int | float) and 0 < value <= CENTER_MAX


def _parameters(normalizer: LineNormalizer | None) -> dict[str, float]:
    """Those of a CenterNormalizer, from the model where all that it has are usable."""
    if normalizer is None or normalizer_warning(normalizer, 0):
        return dict(CENTER)
    given = dict(normalizer.parameters)
    return {name: float(cast(float, given.get(name, usual))) for name, usual in CENTER.items()}


def _dewarped(line: Float64, parameters: Mapping[str, float], Ni: int, most: int) -> tuple[Float32, float]:
    """The dewarped line (Ni, W) and its scale, output pixels an input pixel."""
    h, w = line.shape
    center, r = measure(line, parameters)
    scale = Ni / (2.0 * r)
    width = int(scale * w)
    if width < 1 and h > TALL * w:
        raise InvalidInputError(f"line image: {_vertical(h, w)}")
    if not 1 <= width <= most:
        raise InvalidInputError(
            f"line image: expected a text line of 1 to {most} columns once it is {Ni} pixels high, as a model of this "
            f"size reads them, got {width}: {h} rows and {w} columns, ink over {2 * r} rows"
        )
    return dewarp(line, center, r, Ni), scale


def _steps(values: NDArray[Any], pad: int) -> NDArray[Any]:
    """A dewarped line (Ni, W), dark on light, as input of the network: (W + 2 * pad, Ni), ink is 1."""
    # Nothing but black has no scale of its own.
    values = values * 1.0 / (values.max() or 1.0)
    np.subtract(values.max(), values, out=values)
    return np.pad(values.T, ((pad, pad), (0, 0)))
