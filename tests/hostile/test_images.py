"""Line images and models that ask for hours and gigabytes when they are read: one line each, and bounded."""

from __future__ import annotations

import io
import os
import struct
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pyrnn2hdf5
from pyrnn2hdf5.limits import MAX_PIXELS
from pyrnn2hdf5.model.model import Codec, LineNormalizer, Model
from pyrnn2hdf5.model.network import arrays_of, network_of
from pyrnn2hdf5.model.shapes import DIRECTIONS, GATES, PEEPHOLES

from ..conftest import LINES, MODELS
from .promise import Done, hold_promise, measured

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded on Linux only")

LINE_SECONDS = 10.0
"""What a line may take; the start of two interpreters, and a loaded machine, come on top."""

DIGITS = MODELS / "digits.pyrnn.gz"
TAKES_MORE = "image: expected at most 5 s and 256 MiB to decode and dewarp it, it takes more"


def read(image: Path, model: Path = DIGITS) -> Done:
    done = measured("ocr", "-q", "--disable-autoconversion", "-m", model, image)
    assert done.memory < 400 * 2**20
    return done


def many_scans(count: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again."""
    rows = np.random.default_rng(0).integers(0, 255, (128, 1024), np.uint8)
    file = io.BytesIO()
    Image.fromarray(rows).resize((MAX_PIXELS // 1000, 999)).save(file, "JPEG", progressive=True, quality=5)
    data = file.getvalue()
    last = data.rindex(b"\xff\xda")
    head = data[last : last + 2 + int.from_bytes(data[last + 2 : last + 4], "big")]
    return data[:last] + (head + bytes(10)) * count + b"\xff\xd9"


def many_directories(count: int) -> bytes:
    """A TIFF of one line of which every directory names the next."""
    w, h, size = 900, 48, 2 + 12 * 9 + 4
    tags = {256: w, 257: h, 258: 8, 259: 1, 262: 1, 273: 8 + size * count, 277: 1, 278: h, 279: w * h}
    out = bytearray(struct.pack("<2sHI", b"II", 42, 8))
    for number in range(count):
        out += struct.pack("<H", len(tags))
        for tag, value in tags.items():
            out += struct.pack("<HHII", tag, 4, 1, value)
        out += struct.pack("<I", 8 + size * (number + 1) if number + 1 < count else 0)
    pixels = np.full((h, w), 255, np.uint8)
    pixels[18:30, 50:800:7] = 0
    return bytes(out) + pixels.tobytes()


def png(w: int, h: int, colour: int, data: bytes, *before: tuple[bytes, bytes]) -> bytes:
    """A PNG of chunks as given: its packed pixels, and what comes before these."""
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", w, h, 8, colour, 0, 0, 0)), *before, (b"IDAT", data), (b"IEND", b"")]
    packed = (struct.pack(">I", len(x)) + name + x + struct.pack(">I", zlib.crc32(name + x)) for name, x in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def zeros(mebibytes: int) -> bytes:
    packer = zlib.compressobj(9)
    return b"".join(packer.compress(bytes(2**20)) for _ in range(mebibytes)) + packer.flush()


def test_scans_of_a_progressive_jpeg(tmp_path: Path) -> None:
    (tmp_path / "x.jpg").write_bytes(many_scans(20_000))
    done = read(tmp_path / "x.jpg")
    assert TAKES_MORE in hold_promise(done)
    assert done.seconds < 2 * LINE_SECONDS


def test_directories_of_a_tiff_are_not_counted(tmp_path: Path) -> None:
    (tmp_path / "x.tif").write_bytes(many_directories(100_000))
    done = read(tmp_path / "x.tif")
    assert (done.code, done.stdout) == (0, "")
    assert done.stderr.endswith("the file has further frames, only the first was read\n")
    # Counting them took minutes.
    assert done.seconds < 2 * LINE_SECONDS


def test_what_unpacks_to_more_than_it_says(tmp_path: Path) -> None:
    (tmp_path / "pixels.png").write_bytes(png(900, 48, 0, zeros(100)))
    (tmp_path / "text.png").write_bytes(png(900, 48, 0, zeros(1), (b"zTXt", b"a\0\0" + zeros(100))))
    for name in ("pixels.png", "text.png"):
        done = read(tmp_path / name)
        # A black image, or a refusal.
        assert done.code in (0, 1)
        assert done.stderr.count("\n") == 1
        assert done.seconds < 2 * LINE_SECONDS


def test_a_sparse_file_of_gigabytes(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes((LINES / "line-0.png").read_bytes())
    os.truncate(path, 2**36)
    assert read(path).code == 0


def sized(Ni: int, Ns: int, No: int, reach: float, path: Path) -> Path:
    """A model of a size, with a line normalizer of a range."""
    random = np.random.default_rng(0)
    shapes: dict[str, tuple[int, ...]] = {
        f"{direction}.{gate}": (Ns, 1 + Ni + Ns) for direction in DIRECTIONS for gate in GATES
    }
    shapes |= {f"{direction}.{peephole}": (Ns,) for direction in DIRECTIONS for peephole in PEEPHOLES}
    arrays = {name: random.normal(0, 0.1, shape) for name, shape in {**shapes, "W2": (No, 1 + 2 * Ns)}.items()}
    labels = ("", *(chr(0x4E00 + code % 20_000) for code in range(1, No)))
    normalizer = LineNormalizer("CenterNormalizer", (("range", reach),))
    pyrnn2hdf5.save_hdf5(Model(Ni, No, network_of(arrays, Ni, Ns, No), Codec(labels), normalizer), path)
    return path


@pytest.mark.parametrize(
    ("Ni", "Ns", "No", "reach"),
    # Inputs, hidden units, classes; a range of next to nothing makes the longest of lines.
    [(2000, 2, 20, 4.0), (48, 300, 20, 0.01), (48, 2, 50_000, 0.01)],
)
def test_a_line_that_is_too_much_for_a_model_of_this_size(
    tmp_path: Path, Ni: int, Ns: int, No: int, reach: float
) -> None:
    model = sized(Ni, Ns, No, reach, tmp_path / "model.hdf5")
    line = np.tile(np.asarray(Image.open(LINES / "line-1.png").convert("L")), (1, 6))
    Image.fromarray(line).save(tmp_path / "line.png")
    done = read(tmp_path / "line.png", model)
    assert "as a model of this size reads them, got" in hold_promise(done)
    assert done.seconds < 2 * LINE_SECONDS


def test_weights_that_overflow_are_no_error(tmp_path: Path) -> None:
    digits = pyrnn2hdf5.load_pyrnn(DIGITS)
    arrays = {name: values * 1e37 for name, values in arrays_of(digits.network).items()}
    huge = replace(digits, network=network_of(arrays, digits.Ni, digits.Ns, digits.No))
    pyrnn2hdf5.save_hdf5(huge, tmp_path / "model.hdf5")
    done = read(LINES / "line-0.png", tmp_path / "model.hdf5")
    assert (done.code, done.stderr) == (0, "")


def test_labels_and_a_truth_too_long_to_compare(tmp_path: Path) -> None:
    digits = pyrnn2hdf5.load_pyrnn(DIGITS)
    labels = tuple(chr(0x4E00 + code) * 256 for code in range(digits.No))
    pyrnn2hdf5.save_hdf5(replace(digits, codec=Codec(("", *labels[1:]))), tmp_path / "model.hdf5")
    (tmp_path / "x.png").write_bytes((LINES / "line-1.png").read_bytes())
    (tmp_path / "x.gt.txt").write_text("x" * 65_536)
    done = measured("ocr", "-q", "--evaluate", "-m", tmp_path / "model.hdf5", tmp_path / "x.png")
    assert (done.code, done.stdout) == (1, "")
    assert "text and truth: expected at most 65536 characters each" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.memory < 400 * 2**20
