"""The stored form: order of classes, labels of every kind, and the way back."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrnn2hdf5.errors import InvalidModelError
from pyrnn2hdf5.hdf5.layout import KIND, KIND_EXT, restore, store
from pyrnn2hdf5.hdf5.reader import load_hdf5
from pyrnn2hdf5.model.model import Codec, LineNormalizer, Model, Source, TrainingRecord
from pyrnn2hdf5.model.network import arrays_of, network_of

from ..hdf5_files import random_model, same, written

LABEL = st.one_of(
    st.none(),
    st.text(st.characters(exclude_categories=[]), max_size=4),
    st.sampled_from(["", "\0", "a\0", "\ud800", "~"]),
)
PARAMETER = st.one_of(
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False),
    st.lists(st.floats(allow_nan=False), min_size=1, max_size=3).map(tuple),
    st.text(st.characters(exclude_categories=[], exclude_characters="\0"), max_size=5),
)


@given(
    Ni=st.integers(1, 5),
    Ns=st.integers(1, 4),
    labels=st.one_of(st.none(), st.lists(LABEL, min_size=1, max_size=6).map(tuple)),
    options=st.sampled_from([{}, {"float64": True}, {"compress": True}]),
    normalizer=st.dictionaries(st.sampled_from(["a", "b", "target_height"]), PARAMETER),
    commands=st.lists(st.text(max_size=5), max_size=3).map(tuple),
    name=st.text(st.characters(exclude_characters="\0"), min_size=1),
)
def test_every_model_comes_back(
    tmp_path_factory: pytest.TempPathFactory,
    Ni: int,
    Ns: int,
    labels: tuple[str | None, ...] | None,
    options: dict[str, bool],
    normalizer: dict[str, Any],
    commands: tuple[str, ...],
    name: str,
) -> None:
    training = TrainingRecord(5, commands, 3, 2, np.array([0.5, 1e300]), np.array([[1, 2], [3, 4]], np.int64))
    model = random_model(
        Ni,
        Ns,
        labels,
        line_normalizer=LineNormalizer("K", tuple(sorted(normalizer.items()))),
        training=training,
        normalize="ocrolib.lstm.normalize_nfkc",
        source=Source(name, "0" * 64),
    )
    again = load_hdf5(written(model, tmp_path_factory.mktemp("again"), **options))
    if not options.get("float64"):
        arrays = {key: value.astype("f4").astype("f8") for key, value in arrays_of(model.network).items()}
        model = replace(model, network=network_of(arrays, Ni, Ns, model.No))
    assert same(model, again)
    assert again.line_normalizer == model.line_normalizer
    assert (again.normalize, again.source) == (model.normalize, model.source)
    assert again.training is not None
    assert vars(again.training).keys() == vars(training).keys()
    for key, value in vars(training).items():
        assert np.array_equal(getattr(again.training, key), value)


@given(labels=st.permutations(list("abcdeäſ\U0001d504")), seed=st.integers(0, 9))
def test_codec_out_of_order_is_permuted_and_restored(
    tmp_path_factory: pytest.TempPathFactory, labels: list[str], seed: int
) -> None:
    model = random_model(2, 2, ("", *labels), seed)
    stored = store(model, float64=True)
    assert stored.kind == KIND
    points = stored.data["codec"][:, 0].tolist()
    assert points == sorted(points)
    assert stored.labels == ("", *sorted(labels))
    assert (stored.permutation is None) == (labels == sorted(labels))
    # Each row still belongs to its label.
    W2 = np.hstack([stored.data[".bidilstm.1.softmax.w"], stored.data[".bidilstm.1.softmax.W"]])
    for row, label in enumerate(stored.labels):
        assert W2[row].tolist() == model.network.softmax.W2[("", *labels).index(label or "")].tolist()
    assert same(model, load_hdf5(written(model, tmp_path_factory.mktemp("order"), float64=True)))


@pytest.mark.parametrize(
    "labels", [None, ("a", "b"), ("", "ll"), ("", "a", "a"), ("", None, "b"), (None, "a"), ("", "\0"), ("", "")]
)
def test_codecs_kraken_would_scramble_get_another_kind(labels: tuple[str | None, ...] | None) -> None:
    stored = store(random_model(2, 2, labels))
    assert stored.kind == KIND_EXT
    assert stored.permutation is None
    assert stored.labels == labels
    assert stored.data["codec"][0, 0] == 0


def test_overflow_of_float32_is_refused_and_float64_keeps_it(tmp_path: Path) -> None:
    arrays = arrays_of(random_model(2, 2, ("", "a")).network)
    arrays["W2"] = arrays["W2"].copy()
    arrays["W2"][1, 3] = -1e300
    model = Model(2, 2, network_of(arrays, 2, 2, 2), Codec(("", "a")))
    message = "weights overflow float32: softmax W: expected at most 3.4e38, got -1e+300"
    with pytest.raises(InvalidModelError, match=re.escape(message) + " at row 1, column 2"):
        store(model)
    assert same(model, load_hdf5(written(model, tmp_path, float64=True)))


def test_restore_is_the_inverse_of_store() -> None:
    model = random_model(3, 2, ("", "b", "a"))
    assert same(model, restore(store(model, float64=True)))
