"""Image files become grey values. Pillow does it, which the extra `[ocr]` brings."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from ..errors import InvalidInputError
from ..extras import require
from ..limits import MAX_PIXELS, MAX_TRUTH
from ..model.network import Float64

IMAGE_FORMATS: Final[tuple[str, ...]] = ("PNG", "TIFF", "JPEG", "JPEG2000", "WEBP", "BMP", "GIF", "PPM")
"""Formats that Pillow decodes by itself; for others, such as EPS, it starts another program."""

BAND: Final = 2**18
"""Pixels of an image that become grey values at once."""


def decode_image(file: IO[bytes]) -> tuple[Float64, bool]:
    """An image file as grey values (h, w), float64 in 0..1, and whether further frames follow the first.

    A colour is the mean of its channels. A few bytes may ask for hours and gigabytes: to be called in a process with
    limits, as `read_line` does. Raises `InvalidInputError` for what is no image of a sane size, `MissingExtraError`
    without Pillow.
    """
    require("ocr")
    from PIL import Image, UnidentifiedImageError

    try:
        # What Pillow has to say about odd files is no concern of the caller.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            Image.init()
            # Not every Pillow was built with every format.
            formats = [name for name in IMAGE_FORMATS if name in Image.OPEN]
            with Image.open(file, formats=formats) as image:
                w, h = image.size
                if w * h > MAX_PIXELS:
                    raise InvalidInputError(f"image: expected at most {MAX_PIXELS} pixels, got {w} x {h}")
                return grey_values(image), _has_second_frame(image)
    except (InvalidInputError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise InvalidInputError(f"expected an image ({', '.join(IMAGE_FORMATS)}), got something else") from error
    except Exception as error:
        # Pillow raises about any type for a damaged file; all of it means the same here.
        raise InvalidInputError(f"not a readable image: {error}") from error


def _has_second_frame(image: Any) -> bool:
    # Not `n_frames`: that may count for hours.
    try:
        image.seek(1)
    except EOFError:
        return False
    return True


def grey_values(image: Any) -> Float64:
    """A Pillow image of any mode as grey values (h, w), float64 in 0..1. Raises `InvalidInputError` for odd numbers."""
    if image.mode[0] in "IF":
        values = np.asarray(image, dtype=np.float64)
        if not (np.isfinite(values).all() and values.min() >= 0):
            raise InvalidInputError("image: expected grey values of 0 or more, got others")
        # Integers are 16 bits wide as a rule. Whatever is brighter than white makes its own white.
        return values / max(float(values.max()), 1.0 if image.mode == "F" else 65535.0)
    image.load()
    w, h = image.size
    values = np.empty((h, w))
    # In bands: the channels of all of it, as float64, would take many times the memory of the image.
    rows = max(BAND // w, 1)
    for top in range(0, h, rows):
        band = image.crop((0, top, w, min(top + rows, h)))
        values[top : top + rows] = _grey_band(band)
    return values


def _grey_band(image: Any) -> Float64:
    from PIL import Image

    if "A" in image.getbands() or "transparency" in image.info:
        rgba = image.convert("RGBA")
        # What shows through is paper.
        image = Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba)
    grey = image.mode in ("1", "L")
    values = np.asarray(image.convert("L" if grey else "RGB"), dtype=np.float64) / 255.0
    return values if grey else np.asarray(values.mean(axis=2))


def read_truth(path: str | os.PathLike[str]) -> str | None:
    """The text of a line image, from the `.gt.txt` beside it; None where there is none.

    For `a.b.png` that is `a.b.gt.txt` or, as ocropy has it, `a.gt.txt`. Raises `OSError`, or
    `InvalidInputError` where it is not UTF-8, or too long for a line.
    """
    path = Path(path)
    name = path.name
    while "." in name[1:]:
        name = name.rpartition(".")[0]
        truth = path.with_name(name + ".gt.txt")
        if truth.is_file():
            if truth.stat().st_size > MAX_TRUTH:
                raise InvalidInputError(f"{truth}: expected at most {MAX_TRUTH} bytes, got {truth.stat().st_size}")
            try:
                return truth.read_text("utf-8-sig").rstrip("\n")
            except UnicodeDecodeError as error:
                raise InvalidInputError(f"{truth.name}: expected UTF-8: {error}") from error
    return None
