"""From a pyrnn file to a model: genuine ones, every dialect, and damage anywhere."""

from __future__ import annotations

import contextlib
import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrnn2hdf5.conversion.writer import save_hdf5
from pyrnn2hdf5.errors import (
    Pyrnn2Hdf5Error,
)
from pyrnn2hdf5.hdf5.reader import load_hdf5
from pyrnn2hdf5.model.compatibility import codec_problems, remarks
from pyrnn2hdf5.model.model import Codec, LineNormalizer, Source
from pyrnn2hdf5.model.network import arrays_of
from pyrnn2hdf5.pyrnn.reader import load_pyrnn

from ..conftest import MODELS, Load
from ..pickles import DIALECTS, Dialect, Text, dump, recognizer


@pytest.mark.parametrize("name", sorted(path.name for path in MODELS.iterdir()))
def test_genuine_models(name: str) -> None:
    model = load_pyrnn(MODELS / name)
    assert (model.Ni, model.Ns, model.No) == (32, 24, 25)
    assert model.codec is not None
    assert model.codec.labels == ("", *" 0123456789adeinrstu~äöü")
    assert model.line_normalizer == (
        None
        if "nolnorm" in name
        else LineNormalizer(
            "CenterNormalizer", (("extra", 0.3), ("range", 4), ("smoothness", 1.0), ("target_height", 32))
        )
    )
    module = "kraken.lib.lstm" if "kraken" in name else "ocrolib.lstm"
    assert model.normalize == f"{module}.normalize_nfkc"
    assert model.source is not None
    assert model.source.name == name
    assert remarks(model) == ()


def test_dialects_of_one_model_are_equal() -> None:
    names = ("digits.pyrnn.gz", "digits.pyrnn.bz2", "digits-plain.pyrnn", "digits-kraken.pyrnn.gz")
    expected, *others = (arrays_of(load_pyrnn(MODELS / name).network) for name in names)
    for arrays in others:
        assert {n: a.tobytes() for n, a in arrays.items()} == {n: a.tobytes() for n, a in expected.items()}


@given(dialect=st.sampled_from(DIALECTS), order=st.sampled_from("<>"), dtype=st.sampled_from(["f8", "f4", "f2"]))
def test_every_dialect_gives_the_same_model(
    tmp_path_factory: pytest.TempPathFactory, dialect: Dialect, order: str, dtype: str
) -> None:
    W2 = np.random.RandomState(1).normal(size=(4, 7)).astype(order + dtype)
    path = tmp_path_factory.mktemp("dialect") / "m"
    path.write_bytes(dump(recognizer(softmax={"W2": np.asfortranarray(W2)}), dialect))
    model = load_pyrnn(path)
    assert model.network.softmax.W2.tolist() == W2.astype(float).tolist()
    assert model.codec == Codec(("", " ", "a", "ä"))
    assert model.training is not None
    assert model.training.error.tolist() == [0.5, 0.25]
    assert model.training.character_errors.tolist() == [[1, 4], [0, 3]]
    assert model.normalize == "ocrolib.lstm.normalize_nfkc"
    assert model.source == Source("m", model.source.sha256 if model.source else "")


def test_surrogates_that_follow_each_other_stay_two(load: Load, tmp_path: Path) -> None:
    model = load(recognizer(codec={0: "", 1: Text("\ud835\udd04")}), Dialect(2, python=3, style="NEWOBJ"))
    assert model.codec == Codec(("", "\ud835\udd04"))
    assert codec_problems(model.codec) == ("not one code point in the label of code 1",)
    path = tmp_path / "x.hdf5"
    assert save_hdf5(model, path).ok
    assert load_hdf5(path).codec == model.codec


REAL = gzip.decompress((MODELS / "digits.pyrnn.gz").read_bytes())


WHOLE = {
    dialect: dump(recognizer(), dialect)
    for dialect in (Dialect(0, style="INST"), Dialect(2), Dialect(2, style="reconstructor"), Dialect(4, 3, "NEWOBJ"))
}


@given(st.sampled_from(sorted(WHOLE, key=repr)), st.data())
def test_any_flipped_bit_gives_a_model_or_our_error(
    tmp_path_factory: pytest.TempPathFactory, dialect: Dialect, data: st.DataObject
) -> None:
    damaged = bytearray(WHOLE[dialect])
    bit = data.draw(st.integers(0, len(damaged) * 8 - 1))
    damaged[bit // 8] ^= 1 << bit % 8
    path = tmp_path_factory.mktemp("flip") / "m"
    path.write_bytes(damaged)
    try:
        model = load_pyrnn(path)
    except Pyrnn2Hdf5Error:
        return
    assert model.forward(np.zeros((2, model.Ni))).shape == (2, model.No)


@given(st.binary(max_size=60), st.integers(0, len(REAL)))
def test_garbage_anywhere_gives_a_model_or_our_error(
    tmp_path_factory: pytest.TempPathFactory, garbage: bytes, at: int
) -> None:
    path = tmp_path_factory.mktemp("garbage") / "m"
    path.write_bytes(REAL[:at] + garbage + REAL[at + len(garbage) :])
    with contextlib.suppress(Pyrnn2Hdf5Error):
        load_pyrnn(path)
