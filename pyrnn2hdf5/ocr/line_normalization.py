"""A line image becomes network input: checked, dewarped as its model asks for, turned into steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidInputError
from ..limits import MAX_HEIGHT, MAX_PIXELS
from ..model.model import LineNormalizer
from ..model.network import Float32, Float64
from .dewarping import dewarp, measure

USUAL_HEIGHT: Final = (12, 300)
TALL: Final = 4
"""An image this much taller than wide shows no horizontal line."""

MAX_GREY: Final = 1e30
"""Brightest grey value; all are squeezed into float32."""

CENTER: Final = {"range": 4.0, "smoothness": 1.0, "extra": 0.3}
"""Parameters of a CenterNormalizer, as OCRopus has them."""

CENTER_MAX: Final = 20.0
"""Greatest parameter taken from a model: they scale memory and time."""


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


def prepare_line(
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
        said = "no text line (a page? cut it into lines first, by kraken for instance)"
        raise InvalidInputError(f"line image: expected at most {MAX_HEIGHT} rows, got {values.shape[0]}: {said}")
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


def center_parameters(normalizer: LineNormalizer | None) -> dict[str, float]:
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
