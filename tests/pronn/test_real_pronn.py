"""Real pronn files that kraken 0.7 left, against kraken's own HDF5 and the pyrnn of the same weights."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import h5py
import pytest

import pyrnn2hdf5
from pyrnn2hdf5.errors import Pyrnn2Hdf5Error
from pyrnn2hdf5.pronn.reader import from_pronn

from ..conftest import SHARED
from .messages import encode

pytestmark = pytest.mark.real
REAL = SHARED / "real"
SOURCES = {"en-default": "en-default-history.pyrnn.gz", "loeb-greek": "loeb-greek.pyrnn.gz"}


def data_sets(path: Path) -> dict[str, tuple[Any, ...]]:
    with h5py.File(path, "r") as file:
        return {
            name: (file[name].shape, file[name].dtype.str, file[name][()].tobytes())
            for name in file
            if name != "pyrnn2hdf5"
        }


@pytest.mark.parametrize("name", SOURCES)
def test_data_sets_equal_those_of_kraken(name: str, tmp_path: Path) -> None:
    result = pyrnn2hdf5.convert(REAL / f"{name}.pronn", tmp_path)
    assert (result.target.name, result.kind, len(result.warnings)) == (f"{name}.hdf5", "pyrnn-bidi", 1)
    assert data_sets(result.target) == data_sets(REAL / f"{name}.kraken.hdf5")


@pytest.mark.parametrize("name", SOURCES)
def test_equal_to_the_pyrnn_and_to_the_hdf5_of_kraken(name: str) -> None:
    for other in (SOURCES[name], f"{name}.kraken.hdf5"):
        verification = pyrnn2hdf5.verify(REAL / f"{name}.pronn", REAL / other)
        assert verification.problems == ()
        assert verification.behaviour is not None
        assert verification.behaviour.texts_equal


def test_a_label_on_the_blank(tmp_path: Path) -> None:
    result = pyrnn2hdf5.convert(REAL / "kraken-test.pronn", tmp_path)
    assert result.kind == "pyrnn-bidi-ext"
    assert "class 0, the blank, has the label ' '" in result.warnings[1]


@pytest.mark.parametrize("name", [*SOURCES, "kraken-test"])
def test_bytes_are_those_of_our_encoder(name: str) -> None:
    seed = (REAL / f"{name}.pronn").read_bytes()
    assert encode(from_pronn(seed)) == seed


def test_every_byte_mutated() -> None:
    seed = (REAL / "kraken-test.pronn").read_bytes()
    for at in range(len(seed)):
        for value in range(256):
            check(seed[:at] + bytes([value]) + seed[at + 1 :])


@pytest.mark.parametrize("name", SOURCES)
def test_bytes_mutated_where_lengths_and_labels_are(name: str) -> None:
    seed, chance = (REAL / f"{name}.pronn").read_bytes(), random.Random(name)
    beginning = seed.index(b"\x0a", len("\n\npyrnn-bidi") + 4) + 16
    for _ in range(200):
        at = chance.randrange(beginning)
        check(seed[:at] + bytes([chance.randrange(256)]) + seed[at + 1 :])


def check(content: bytes) -> None:
    """Refused in one line, or read as what it says."""
    try:
        model = from_pronn(content)
    except Pyrnn2Hdf5Error as error:
        assert len(str(error).splitlines()) == 1
        return
    assert encode(model) == content
