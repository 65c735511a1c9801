"""What a value shows of itself in Python: two lines of a terminal, whatever is in its file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pyrnn2hdf5.hdf5.layout import store
from pyrnn2hdf5.load import load_file
from pyrnn2hdf5.model.model import Codec, LineNormalizer, Model, Source, TrainingRecord
from pyrnn2hdf5.ocr.recognition import Character, Recognition
from pyrnn2hdf5.verification.checks import LabelsCheck
from pyrnn2hdf5.verification.comparison import Verification, compare, verify

from .conftest import MODELS
from .hdf5_files import random_model

DIGITS = load_file(MODELS / "digits-00004000.pyrnn.gz")
NAMES = ["m.pyrnn.gz", "", "a" * 5000, "\U000e0001" * 5000, "\x1b[31m'\"\\\n" * 1000, "\ud800" * 300]


def hostile(name: str) -> Model:
    """A model with a name, a normalizer and labels as odd as may be."""
    labels = ("", *(chr(0x1D7FF - n) * 256 for n in range(500)), *("\x1b\u202e\U000e0001" * 80 for _ in range(500)))
    return random_model(
        4,
        3,
        labels,
        source=Source(name, "0" * 64),
        line_normalizer=LineNormalizer(name, (("x" * 64, name),)),
        training=TrainingRecord(2**53, (name,) * 1000, 2**53, 2**53, np.zeros(1000), np.zeros((1000, 2), np.int64)),
        normalize=name,
        notes=(name,) * 5,
    )


@pytest.mark.parametrize("name", NAMES, ids=["plain", "empty", "long", "unseen", "controls", "surrogates"])
def test_values_are_shown_in_two_lines(name: str) -> None:
    model = hostile(name)
    same, stored = store(DIGITS), store(model)
    equal = compare(same, same, DIGITS, DIGITS)
    other = Verification(equal.stored, LabelsCheck(3, ("codec",), (name,) * 1000), None)
    characters = (Character(name, 1.0, 0.5),) * 1000
    for value in (
        *(model, model.network, model.codec, model.training, stored, equal, other),
        *(model.network.forward_lstm, model.network.softmax, Recognition(name * 50, characters, (name,) * 50)),
    ):
        shown = repr(value)
        assert len(shown) <= 240
        assert shown.isprintable()
        assert shown.startswith(f"{type(value).__name__}(")


def test_what_is_shown(tmp_path: Path) -> None:
    assert repr(DIGITS) == (
        "Model(Ni=32, Ns=24, No=25, labels=25, line_normalizer='CenterNormalizer', source='digits-00004000.pyrnn.gz')"
    )
    assert repr(DIGITS.codec) == "Codec(25 labels, ' 0123456789adeinrstu~äöü')"
    assert repr(DIGITS.training) == "TrainingRecord(last_trial=4000, lines=4000, 1 commands)"
    assert repr(DIGITS.network) == ("Network(LSTM(dims=(32, 24, 57)), LSTM(dims=(32, 24, 57)), Softmax(Nh=48, No=25))")
    assert repr(store(DIGITS)) == (
        "Stored(kind='pyrnn-bidi', 17 data sets, labels=25, float64=False, compressed=False, permuted=False, "
        "source='digits-00004000.pyrnn.gz')"
    )
    assert repr(Recognition("abc", (Character("a", 1.0, 0.5),))) == "Recognition('abc', 1 characters, 0 warnings)"
    same = MODELS / "digits.pyrnn.gz"
    assert repr(verify(same, same)) == "Verification(ok=True, 17 data sets, 0 problems)"
    assert repr(verify(same, MODELS / "digits-00004000.pyrnn.gz")).startswith(
        "Verification(ok=False, 17 data sets, 23 problems, the first 'stored: forward LSTM WGI: row 0, column 0: "
    )


def test_a_model_of_nothing_but_weights_is_shown() -> None:
    bare = replace(random_model(4, 3, None), codec=None)
    assert repr(bare) == "Model(Ni=4, Ns=3, No=3, labels=None, line_normalizer=None, source=None)"
    assert "labels=None" in repr(store(bare))
    assert repr(Codec(())) == "Codec(0 labels, '')"
