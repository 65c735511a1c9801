"""A line image becomes the network's input. The only module that imports SciPy and Pillow.

Both come with the extra `[ocr]` and are imported where they are used.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .errors import InvalidInputError, MissingExtraError
from .lstm import Float64
from .model import LineNormalizer

PAD = 16
"""Steps of silence before and after a line, as in ocropy."""

Float32 = NDArray[np.float32]


def read_image(path: str | os.PathLike[str]) -> Float64:
    """A line image as grey values (h, w), float64 in 0..1; a colour is the mean of its channels.

    Raises `OSError` for what Pillow cannot read, `MissingExtraError` without Pillow.
    """
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingExtraError("Pillow") from error
    with Image.open(path) as opened:
        image: Image.Image = opened
        if image.mode in ("I;16", "I;16L", "I;16B", "I"):
            return np.asarray(image, dtype=np.float64) / 65535.0
        if image.mode == "F":
            return np.asarray(image, dtype=np.float64)
        if "A" in image.getbands() or "transparency" in image.info:
            rgba = image.convert("RGBA")
            # What shows through is paper.
            image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
        grey = image.mode in ("1", "L")
        values = np.asarray(image.convert("L" if grey else "RGB"), dtype=np.float64) / 255.0
        return values if grey else values.mean(axis=2)


def read_truth(path: str | os.PathLike[str]) -> str | None:
    """The text of a line image, from the `.gt.txt` beside it; None where there is none."""
    path = Path(path)
    truth = path.with_name(path.name.split(".")[0] + ".gt.txt")
    return truth.read_text("utf-8").rstrip("\n") if truth.is_file() else None


def normalize_line(image: ArrayLike, normalizer: LineNormalizer | None, Ni: int) -> Float32:
    """Dewarp and scale a line image (h, w), dark on light, to (Ni, W) float32.

    The measures of OCRopus' CenterNormalizer, with the parameters of `normalizer` where it is one.
    Raises `InvalidInputError` for an empty or blank image, `MissingExtraError` without SciPy.
    """
    try:
        from scipy import ndimage
    except ImportError as error:
        raise MissingExtraError("SciPy") from error
    line = np.asarray(image, dtype=np.float64)
    if line.ndim != 2 or min(line.shape) < 2:
        raise InvalidInputError(f"line image: expected shape (h, w), got {line.shape}")
    if line.max() == line.min():
        raise InvalidInputError("line image: expected ink on paper, got a blank image")
    parameters: dict[str, Any] = {"range": 4, "smoothness": 1.0, "extra": 0.3}
    if normalizer and normalizer.kind == "CenterNormalizer":
        parameters.update(normalizer.parameters)

    h, w = line.shape
    ink = line.max() - line
    ink /= ink.max()
    smoothed = ndimage.gaussian_filter(ink, (h * 0.5, h * parameters["smoothness"]), mode="constant")
    smoothed += 0.001 * ndimage.uniform_filter(smoothed, (int(h * 0.5), w), mode="constant")
    # Filtered as integers, so truncated to integers, as OCRopus does.
    center = ndimage.gaussian_filter(smoothed.argmax(axis=0), h * parameters["extra"]).astype(np.int64)
    distance = np.abs(np.arange(h)[:, None] - center)
    r = int(1 + parameters["range"] * distance[ink != 0].mean())

    paper = line.max()
    padded = np.pad(line, ((r, r), (0, 0)), constant_values=paper)
    dewarped = padded[center + np.arange(2 * r)[:, None], np.arange(w)].astype(np.float32)
    scale = Ni / (2.0 * r)
    shape = (Ni, int(scale * w))
    if shape[1] == 0:
        raise InvalidInputError(f"line image: expected a line, got {h} rows and {w} columns")
    scaled = ndimage.affine_transform(
        dewarped.astype(np.float64), np.eye(2) / scale, order=1, output_shape=shape, mode="constant", cval=paper
    )
    return np.asarray(scaled, np.float32)


def prepare_line(line: ArrayLike, pad: int = PAD) -> Float64:
    """A dewarped line (Ni, W), dark on light, as input of the network: (W + 2 * pad, Ni), ink is 1."""
    values = np.asarray(line)
    values = values * 1.0 / values.max()
    steps = (values.max() - values).T
    return np.pad(steps.astype(np.float64), ((pad, pad), (0, 0)))
