"""Names of results, and targets that two sources would share."""

from __future__ import annotations

from pathlib import Path

import pytest

import pyrnn2hdf5
from pyrnn2hdf5.files.paths import text_target


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("en-default.pyrnn.gz", "en-default.pyrnn.hdf5"),
        ("en-default.pyrnn", "en-default.hdf5"),
        ("a.b/model", "a.b/model.hdf5"),
        (".pyrnn", ".pyrnn.hdf5"),
    ],
)
def test_targets_are_named_as_kraken_names_them(source: str, target: str) -> None:
    assert pyrnn2hdf5.default_target(source) == Path(target)


@pytest.mark.parametrize(
    ("image", "target"),
    [("a.png", "a.txt"), ("d/a.bin.png", "d/a.txt"), ("a.b.dew.tif", "a.b.txt"), ("a.1", "a.txt"), ("a", "a.txt")],
)
def test_names_of_texts(image: str, target: str) -> None:
    assert text_target(Path(image), ".txt") == Path(target)
