"""What a user should know about a model: codecs that kraken would scramble, and remarks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pyrnn2hdf5.errors import InvalidModelError
from pyrnn2hdf5.model.compatibility import codec_problems, remarks

from ..conftest import Load
from ..pickles import Name, Obj, Text, recognizer

LABELS: list[tuple[dict[int, Any], str | None]] = [
    ({0: "", 1: Text("b"), 2: Text("a")}, None),
    ({0: "", 1: Text("\U0001d504")}, None),
    ({0: "", 1: Text("\ud835"), 2: Text("\udd04")}, None),
    ({0: Text("a"), 1: Text("b")}, "class 0, the blank, has the label 'a'"),
    ({1: Text("a")}, "the codec has no code 0"),
    ({0: "", 1: Text("a"), 3: Text("b")}, "the codec has no label for code 2"),
    ({0: "", 1: Text("ll")}, "not one code point in the label of code 1"),
    ({0: "", 1: Text("e\u0301")}, "not one code point in the label of code 1"),
    ({0: "", 1: ""}, "not one code point in the label of code 1"),
    ({0: "", 1: Text("a"), 2: Text("a")}, "codes 1 and 2 have the same label 'a'"),
    ({0: "", 1: Text("\0")}, r"U+0000 is the label of code 1"),
]


@pytest.mark.parametrize(("codec", "problem"), LABELS)
def test_codecs_that_kraken_would_scramble(load: Load, codec: dict[int, Any], problem: str | None) -> None:
    model = load(recognizer(codec=codec, No=max(codec) + 1))
    problems = codec_problems(model.codec)
    assert (problem in problems) if problem else not problems


def test_no_codec_at_all(load: Load) -> None:
    model = load(recognizer(changes={"codec": None}))
    assert codec_problems(model.codec) == ("the model has no codec",)
    with pytest.raises(InvalidModelError, match="codec: expected labels to decode with, got none"):
        model.predict_string(np.zeros((5, 4)))


def test_remarks(load: Load) -> None:
    model = load(recognizer(codec={0: "", 1: Text("\ud835")}, changes={"lnorm": normalizer(target_height=9)}))
    assert remarks(model) == (
        "the line normalizer scales to 9 pixels, the network takes 4",
        "lone surrogates, kept as they are, in the label of code 1",
    )


def normalizer(kind: str = "CenterNormalizer", **state: Any) -> Obj:
    return Obj(Name("ocrolib.lineest", kind), state)
