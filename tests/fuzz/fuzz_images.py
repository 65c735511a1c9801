"""Fuzz what decodes and dewarps line images: `python -m tests.fuzz.fuzz_images SECONDS`."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image

from pyrnn2hdf5.errors import FAILURES
from pyrnn2hdf5.ocr.line_reading import read_line
from pyrnn2hdf5.sandbox.bounded import Reader

from ..conftest import ROOT
from .loop import cut, flip, fuzz, number, repeat

LINE: Final = ROOT / "fixtures" / "lines" / "line-0.png"
READER: Final = Reader()


def seeds() -> list[bytes]:
    """One line in every format, in its ways to be packed, and in several frames."""
    image = Image.open(LINE).convert("L")
    kinds: tuple[tuple[str, dict[str, Any]], ...] = (
        *(("PNG", {}), ("PNG", {"bits": 1}), ("BMP", {}), ("PPM", {}), ("GIF", {}), ("WEBP", {}), ("JPEG2000", {})),
        *(("JPEG", {}), ("JPEG", {"progressive": True}), ("WEBP", {"lossless": True})),
        *(("TIFF", {"compression": packing}) for packing in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits")),
        *((kind, {"save_all": True, "append_images": [image] * 3}) for kind in ("TIFF", "GIF", "PNG")),
    )
    made = []
    for kind, options in kinds:
        file = io.BytesIO()
        image.save(file, kind, **options)
        made.append(file.getvalue())
    return made


def head(data: bytearray, chance: random.Random) -> None:
    """Another byte where a format keeps sizes and tables."""
    data[chance.randrange(min(len(data), 256))] = chance.randrange(256)


def target(path: Path, chance: random.Random) -> None:
    """Read as `ocr` does: a line, or one short error."""
    try:
        line = read_line(path, None, 32, reader=READER)
    except FAILURES as error:
        assert len(str(error).splitlines()) == 1
        assert len(str(error)) < 500
        raise
    assert np.isfinite(line.xs).all()


if __name__ == "__main__":
    fuzz("images", seeds(), (flip, number, cut, repeat, head, head, head), target)
