"""The pictures are what their makers draw, true, and readable on any page."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path
from types import ModuleType

import pytest

import pyrnn2hdf5
from pyrnn2hdf5.kraken7.loader import HEAD, is_ours

from ..conftest import MODELS, ROOT

PAGES_BEHIND = ("#ffffff", "#0d1117")
"""A white page, and GitHub's dark one."""
TEXT, SHAPE = 4.5, 3
"""Least contrast of text and of what is drawn, as WCAG 2.1 has them (1.4.3 and 1.4.11)."""


@pytest.fixture
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("draw_formats", ROOT / "docs" / "draw_formats.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_picture_of_the_formats_is_what_the_script_draws(maker: ModuleType) -> None:
    assert (ROOT / "docs" / "formats.svg").read_text("utf-8") == maker.draw()


def test_the_picture_of_the_formats_is_readable_on_any_page(maker: ModuleType) -> None:
    assert set(re.findall(r"#[0-9a-f]{6}", maker.draw())) == {
        *maker.BOXES.values(), maker.TEXT, maker.FAINT, maker.LINE, maker.READS, maker.RUNS,
    }  # fmt: skip
    for colour in (maker.TEXT, maker.FAINT):
        assert all(contrast(colour, behind) >= TEXT for behind in maker.BOXES.values())
    for colour in (maker.LINE, maker.READS, maker.RUNS):
        assert all(contrast(colour, behind) >= SHAPE for behind in PAGES_BEHIND), colour


def test_the_picture_of_the_formats_is_true(maker: ModuleType, tmp_path: Path) -> None:
    files = {
        "pyrnn": MODELS / "digits.pyrnn.gz",
        "pronn": ROOT / "fixtures" / "pronn" / "digits.pronn",
        "HDF5": tmp_path / "digits.hdf5",
        "ONNX": tmp_path / "digits.onnx",
    }
    assert list(files) == list(maker.FORMATS)
    shutil.copy(files["pyrnn"], tmp_path)
    pyrnn2hdf5.convert(files["pyrnn"], files["HDF5"])
    pyrnn2hdf5.convert(files["HDF5"], files["ONNX"], to="onnx")
    reads = {name: formats.split() for name, (_, formats) in maker.READERS.items()}
    assert reads["pyrnn2hdf5 ocr"] == [
        name for name, file in files.items() if pyrnn2hdf5.load_any(file, autoconvert=False).No == 25
    ]
    assert reads["kraken 7"] == [name for name, file in files.items() if is_ours(file.read_bytes()[:HEAD])]
