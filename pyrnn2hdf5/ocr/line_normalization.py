"""Line images become network input. The only module that imports SciPy, which the extra `[ocr]` brings."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any, Final, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidInputError, missing_extra
from ..model.lstm import PAD, Float64
from ..model.model import LineNormalizer
from .images import MAX_PIXELS, read_frames

MAX_HEIGHT: Final = 1000
"""Most rows of a line image: more are a page."""

MAX_WORK: Final = 2e9
"""Most rows * rows * columns of a line image, for that is what measuring it costs: some ten seconds."""

USUAL_HEIGHT: Final = (12, 300)
TALL: Final = 4
"""An image this much taller than wide shows no line."""

MAX_GREY: Final = 1e30
"""Brightest grey value; all are squeezed into float32."""

MAX_STEPS: Final = 2**16
"""Most columns of a dewarped line; real ones have some 1000."""

CENTER: Final = {"range": 4.0, "smoothness": 1.0, "extra": 0.3}
"""Parameters of a CenterNormalizer, as OCRopus has them."""

CENTER_MAX: Final = 20.0
"""Greatest parameter taken from a model: they scale memory and time."""

Float32 = NDArray[np.float32]
Image = str | os.PathLike[str] | NDArray[Any]
"""A line image: its path, or its grey values (h, w), dark on light."""


@dataclass(frozen=True, eq=False)
class PreparedLine:
    """A line as input of a network.

    `xs` is float64 (T, Ni), ink is 1, with `pad` steps of silence at both ends; no steps at all for
    a blank image. `scale` is in steps a column of the image, which has `width` columns. `warnings`
    say what looks wrong with the image.
    """

    xs: Float64
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
    image: Image, normalizer: LineNormalizer | None, Ni: int, *, pad: int = PAD, normalize: bool = True
) -> PreparedLine:
    """A line image as input of a network with `Ni` inputs.

    It is dewarped by a CenterNormalizer, with the parameters of `normalizer` where it is one; without
    `normalize` it must be dewarped already, `Ni` pixels high. Raises `OSError`, `InvalidInputError`
    or `MissingExtraError`; what only looks wrong is in the warnings of the result.
    """
    values, frames = (image, 1) if isinstance(image, np.ndarray) else read_frames(image)
    values = _checked(values)
    said = [f"the file has {frames} frames, only the first was read"] if frames > 1 else []
    h, w = values.shape
    if values.max() == values.min():
        return PreparedLine(np.empty((0, Ni)), pad, 1.0, w, ("blank image, nothing to read", *said))
    said = _odd(values) + said
    if not normalize:
        if h != Ni:
            raise InvalidInputError(f"dewarped line: expected {Ni} rows as the model has inputs, got {h}")
        if w > MAX_STEPS:
            raise InvalidInputError(f"dewarped line: expected at most {MAX_STEPS} columns, got {w}")
        return PreparedLine(prepare_line(values, pad), pad, 1.0, w, tuple(said))
    dewarped, scale = _dewarp(values, normalizer, Ni)
    return PreparedLine(prepare_line(dewarped, pad), pad, scale, w, tuple(said))


def normalize_line(image: ArrayLike, normalizer: LineNormalizer | None, Ni: int) -> Float32:
    """Dewarp and scale a line image (h, w), dark on light, to (Ni, W) float32.

    The measures of OCRopus' CenterNormalizer, with the parameters of `normalizer` where it is one.
    Raises `InvalidInputError` for an empty or blank image, `MissingExtraError` without SciPy.
    """
    values = _checked(image)
    if values.max() == values.min():
        raise InvalidInputError("line image: expected ink on paper, got a blank image")
    return _dewarp(values, normalizer, Ni)[0]


def _checked(image: ArrayLike) -> Float64:
    try:
        values = np.asarray(image, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(f"line image: expected numbers of shape (h, w): {error}") from error
    if values.ndim != 2 or min(values.shape) < 2:
        raise InvalidInputError(f"line image: expected shape (h, w) of at least (2, 2), got {values.shape}")
    if values.shape[0] > MAX_HEIGHT:
        raise InvalidInputError(f"line image: expected at most {MAX_HEIGHT} rows, got {values.shape[0]}: no text line")
    if not ((values >= 0) & (values <= MAX_GREY)).all():
        raise InvalidInputError(f"line image: expected grey values from 0 to at most {MAX_GREY:g}, got others")
    return values


def _odd(values: Float64) -> list[str]:
    """What looks wrong with an image, a sentence each."""
    h, w = values.shape
    said = []
    low, high = USUAL_HEIGHT
    if not low <= h <= high:
        said.append(f"{h} rows: lines are {low} to {high} pixels high as a rule")
    if h > TALL * w:
        said.append(f"much taller ({h}) than wide ({w}): expected one horizontal line")
    if np.median(values) < (values.max() + values.min()) / 2:
        said.append("mostly dark: expected dark ink on light paper, the image may be inverted")
    return said


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


def _dewarp(line: Float64, normalizer: LineNormalizer | None, Ni: int) -> tuple[Float32, float]:
    """The dewarped line (Ni, W) and its scale, output pixels an input pixel."""
    try:
        from scipy import ndimage
    except ImportError as error:
        raise missing_extra("SciPy") from error
    parameters = dict(CENTER)
    if normalizer and not normalizer_warning(normalizer, Ni):
        given = dict(normalizer.parameters)
        parameters.update({name: float(cast(float, given[name])) for name in CENTER if name in given})

    h, w = line.shape
    # Both filters below are as wide as the line is high.
    widest = int(MAX_WORK * 1.5 / (h * h * (0.5 + parameters["smoothness"])))
    if w > widest:
        raise InvalidInputError(f"line image: expected at most {widest} columns of {h} rows, got {w}: no text line")
    ink = line.max() - line
    ink /= ink.max()
    smoothed = ndimage.gaussian_filter(ink, (h * 0.5, h * parameters["smoothness"]), mode="constant")
    smoothed += 0.001 * ndimage.uniform_filter(smoothed, (int(h * 0.5), w), mode="constant")
    # Filtered as integers, so truncated to integers, as OCRopus does.
    center = ndimage.gaussian_filter(smoothed.argmax(axis=0), h * parameters["extra"]).astype(np.int64)
    distance = np.abs(np.arange(h)[:, None] - center)
    r = int(1 + parameters["range"] * distance[ink != 0].mean())

    scale = Ni / (2.0 * r)
    shape = (Ni, int(scale * w))
    if not 1 <= shape[1] <= MAX_STEPS or 2 * r * w > 2 * MAX_PIXELS:
        raise InvalidInputError(
            f"line image: expected a text line, got {h} rows and {w} columns, ink over {2 * r} rows"
        )
    paper = line.max()
    padded = np.pad(line, ((r, r), (0, 0)), constant_values=paper)
    dewarped = padded[center + np.arange(2 * r)[:, None], np.arange(w)].astype(np.float32)
    scaled = ndimage.affine_transform(
        dewarped.astype(np.float64), np.eye(2) / scale, order=1, output_shape=shape, mode="constant", cval=paper
    )
    return np.asarray(scaled, np.float32), scale


def prepare_line(line: ArrayLike, pad: int = PAD) -> Float64:
    """A dewarped line (Ni, W), dark on light, as input of the network: (W + 2 * pad, Ni), ink is 1."""
    values = np.asarray(line)
    # Nothing but black has no scale of its own.
    values = values * 1.0 / (values.max() or 1.0)
    steps = (values.max() - values).T
    return np.pad(steps.astype(np.float64), ((pad, pad), (0, 0)))
