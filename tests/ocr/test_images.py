"""Image files to grey values: every mode, every size, and what is no image."""

from __future__ import annotations

import contextlib
import os
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from pyrnn2hdf5.errors import InvalidInputError, SourceError
from pyrnn2hdf5.ocr import images
from pyrnn2hdf5.ocr.recognition import Recognition, recognize
from pyrnn2hdf5.pyrnn.reader import load_pyrnn

from ..conftest import LINES, MODELS, grey_image

DIGITS = load_pyrnn(MODELS / "digits.pyrnn.gz")
IMAGES = sorted(LINES.glob("*.png"))
OCROPY = [path.with_name(path.stem + ".ocropy.txt").read_text("utf-8").rstrip("\n") for path in IMAGES]


def texts(results: list[Recognition]) -> list[str]:
    return [result.text for result in results]


MODES = ["1", "L", "P", "RGB", "RGBA", "LA", "PA", "CMYK", "YCbCr", "HSV", "LAB", "I", "F", "I;16", "I;16B", "RGBX"]


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.sampled_from(MODES),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.sampled_from(["PNG", "TIFF", "JPEG", "GIF", "BMP", "WEBP", "PPM", "MPO"]),
    st.binary(min_size=1, max_size=64),
)
def test_no_image_that_pillow_writes_is_a_crash(
    tmp_path: Path, mode: str, size: tuple[int, int], format: str, data: bytes
) -> None:
    bits = {"1": 1, "F": 4, "I": 4}.get(mode, 2 if mode.startswith("I;") else len(Image.new(mode, (1, 1)).getbands()))
    count = ((size[0] + 7) // 8 if mode == "1" else size[0] * bits) * size[1]
    image = Image.frombytes(mode, size, (data * (count // len(data) + 1))[:count])
    path = tmp_path / "image"
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image.save(path, format=format)
    except (OSError, KeyError, ValueError):
        return
    # Without the process around it: that would turn what is forgotten into an error of the file.
    with contextlib.suppress(InvalidInputError):
        assert grey_image(path).shape == image.size[::-1]


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["png", "tif", "jpg", "gif"]), st.data())
def test_no_damaged_image_is_a_crash(tmp_path: Path, suffix: str, data: st.DataObject) -> None:
    path = tmp_path / f"image.{suffix}"
    Image.open(IMAGES[0]).save(path)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, min(len(content), 300) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    with contextlib.suppress(InvalidInputError):
        assert grey_image(path).ndim == 2


@pytest.mark.parametrize("size", [(20000, 900), (13000, 13000), (60000, 60000)])
def test_huge_images_are_refused_before_they_are_unpacked(tmp_path: Path, size: tuple[int, int]) -> None:
    # At the second size Pillow warns, at the third it raises.
    Image.new("1", (8, 8)).save(tmp_path / "x.png")
    small = (tmp_path / "x.png").read_bytes()
    head = b"IHDR" + size[0].to_bytes(4, "big") + size[1].to_bytes(4, "big") + small[24:29]
    (tmp_path / "x.png").write_bytes(small[:12] + head + zlib.crc32(head).to_bytes(4, "big") + small[33:])
    with pytest.raises(InvalidInputError, match=r"at most 8388608 pixels, got|exceeds limit of 178956970 pixels"):
        recognize(DIGITS, [tmp_path / "x.png"])


def test_other_things_than_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(SourceError, match="expected a file, got a d"):
            recognize(DIGITS, [path])
    (tmp_path / "text.png").write_bytes(b"no image")
    (tmp_path / "x.eps").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 50 50\n")
    for name in ("text.png", "x.eps"):
        with pytest.raises(InvalidInputError, match=r"expected an image \(PNG, TIFF, .*\), got something else"):
            recognize(DIGITS, [tmp_path / name])


def test_of_several_frames_the_first_is_read(tmp_path: Path) -> None:
    image = Image.open(IMAGES[0])
    image.save(tmp_path / "x.tif", save_all=True, append_images=[Image.new("L", image.size, 255)])
    (result,) = recognize(DIGITS, [tmp_path / "x.tif"])
    assert result.text == OCROPY[0]
    assert result.warnings == ("the file has further frames, only the first was read",)


@pytest.mark.parametrize("top", [1.0, 255.0, 65535.0, 1e30])
def test_grey_values_may_have_any_scale(tmp_path: Path, top: float) -> None:
    values = grey_image(IMAGES[0])
    Image.fromarray((values / values.max() * top).astype(np.float32)).save(tmp_path / "x.tif")
    assert texts(recognize(DIGITS, [tmp_path / "x.tif", values * top])) == OCROPY[:1] * 2
    Image.fromarray((values - 0.5).astype(np.float32)).save(tmp_path / "x.tif")
    with pytest.raises(InvalidInputError, match="grey values of 0 or more"):
        recognize(DIGITS, [tmp_path / "x.tif"])


def test_truths(tmp_path: Path) -> None:
    (tmp_path / "a.gt.txt").write_bytes(b"\xef\xbb\xbfa\r\n")
    (tmp_path / "a.b.gt.txt").write_text("a.b\n", "utf-8")
    (tmp_path / "bad.gt.txt").write_bytes(b"\xe4")
    assert images.read_truth(tmp_path / "a.png") == images.read_truth(tmp_path / "a.bin.png") == "a"
    assert images.read_truth(tmp_path / "a.b.png") == images.read_truth(tmp_path / "a.b.nrm.png") == "a.b"
    assert images.read_truth(tmp_path / "c.png") is None
    with pytest.raises(InvalidInputError, match=r"bad.gt.txt: expected UTF-8"):
        images.read_truth(tmp_path / "bad.png")


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F"])
def test_images_of_every_mode_are_grey_in_0_to_1(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("m.tif" if mode in ("CMYK", "I;16", "I", "F") else "m.png")
    grey = np.full((4, 6), 255, np.uint8)
    grey[1:3, 2:4] = 0
    if mode in ("I;16", "I"):
        image = Image.fromarray(grey.astype(np.uint16) * 257).convert(mode)
    elif mode == "F":
        image = Image.fromarray(grey.astype(np.float32) / 255)
    else:
        image = Image.fromarray(grey).convert("RGB" if mode == "CMYK" else mode).convert(mode)
    image.save(path)
    values = grey_image(path)
    assert values.tolist() == (grey / 255).tolist()


def test_colour_is_the_mean_of_its_channels_and_transparency_is_paper(tmp_path: Path) -> None:
    Image.new("RGB", (2, 2), (30, 60, 90)).save(tmp_path / "a.png")
    assert grey_image(tmp_path / "a.png") == pytest.approx(np.full((2, 2), 60 / 255))
    Image.new("RGBA", (2, 2), (0, 0, 0, 0)).save(tmp_path / "b.png")
    assert grey_image(tmp_path / "b.png").tolist() == [[1.0] * 2] * 2


def test_an_image_is_bounded(tmp_path: Path) -> None:
    Image.new("1", (2**13, 2**10 + 1), 1).save(tmp_path / "a.png")
    with pytest.raises(InvalidInputError, match="expected at most 8388608 pixels, got 8192 x 1025"):
        grey_image(tmp_path / "a.png")
