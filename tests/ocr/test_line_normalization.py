"""Line images against what ocropy made of them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pyrnn2hdf5.errors import InvalidInputError, MissingExtraError
from pyrnn2hdf5.load import load_file
from pyrnn2hdf5.ocr.evaluation import error_rate
from pyrnn2hdf5.ocr.images import read_truth
from pyrnn2hdf5.ocr.line_reading import read_line

from ..conftest import LINES, MODELS, SHARED, grey_image, prepared


@pytest.mark.parametrize("number", range(6))
def test_lines_are_dewarped_as_ocropy_does(number: int) -> None:
    model = load_file(MODELS / "digits.pyrnn.gz")
    expected = np.load(LINES / f"line-{number}.line.npy")
    xs = read_line(grey_image(LINES / f"line-{number}.png"), model.line_normalizer, model.Ni).xs
    assert (xs.shape, xs.dtype) == (prepared(expected).shape, expected.dtype)
    # Another SciPy may shift single columns by a pixel.
    assert (np.abs(xs - prepared(expected)).max(axis=1) > 1e-6).mean() < 0.05
    text = model.predict_string(xs)
    assert text == (LINES / f"line-{number}.ocropy.txt").read_text("utf-8").rstrip("\n")
    assert text == read_truth(LINES / f"line-{number}.png")


@pytest.mark.real
def test_real_images_are_read_as_well_as_by_ocropy() -> None:
    model = load_file(SHARED / "real" / "fraktur-jze.pyrnn.gz")
    texts, ocropys, truths = [], [], []
    for path in sorted((SHARED / "real" / "lines").glob("*.png")):
        texts.append(model.predict_string(read_line(grey_image(path), model.line_normalizer, 48).xs))
        ocropys.append(path.with_name(path.name.split(".")[0] + ".ocropy.txt").read_text("utf-8").rstrip("\n"))
        truths.append(read_truth(path) or "")
    assert sum(map(str.__eq__, texts, ocropys)) >= 11
    assert error_rate(texts, truths) <= error_rate(ocropys, truths)


@pytest.mark.parametrize("image", [np.zeros((0, 5)), np.ones(7), np.ones((1, 9))])
def test_what_is_no_line_is_refused(image: Any) -> None:
    with pytest.raises(InvalidInputError, match="line image: expected"):
        read_line(image, None, 32)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingExtraError, match=r"need Pillow, of the extra \[ocr\]: `pip install pillow`"):
        grey_image(LINES / "line-0.png")


def test_a_line_at_600_dpi_is_measured() -> None:
    line = np.ones((300, 5000))
    line[100:200, 100:-100:50] = 0
    assert read_line(line, None, 48).xs.shape[1] == 48


def test_a_blank_first_frame_hides_no_other_frames(tmp_path: Path) -> None:
    blank = Image.new("L", (90, 30), 255)
    blank.save(tmp_path / "a.tif", save_all=True, append_images=[Image.open(LINES / "line-0.png")])
    assert read_line(tmp_path / "a.tif", None, 32).warnings == (
        "blank image, nothing to read",
        "the file has further frames, only the first was read",
    )
