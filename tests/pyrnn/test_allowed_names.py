"""What a user allows beyond OCRopus: names of any module, and labels in an encoding that is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrnn2hdf5.errors import InvalidModelError, UnsafePickleError
from pyrnn2hdf5.limits import Limits
from pyrnn2hdf5.model.model import Model
from pyrnn2hdf5.model.network import arrays_of
from pyrnn2hdf5.pyrnn.reader import examine_pyrnn, load_pyrnn

from ..pickles import DIALECTS, Call, Dialect, Name, Obj, Raw, Text, dump, recognizer

CLASSES = ("SeqRecognizer", "Stacked", "Parallel", "Reversed", "LSTM", "Softmax", "Codec")


def read(folder: Path, value: Any, dialect: Dialect | None = None, **allowed: Any) -> Model:
    path = folder / "m.pyrnn"
    path.write_bytes(dump(value, dialect))
    return load_pyrnn(path, limits=Limits(in_process=True, **allowed))


def same(one: Model, other: Model) -> bool:
    left, right = arrays_of(one.network), arrays_of(other.network)
    return (one.codec, one.line_normalizer) == (other.codec, other.line_normalizer) and all(
        np.array_equal(left[name], right[name]) for name in left
    )


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
def test_classes_of_any_module_are_what_they_are_called(tmp_path: Path, dialect: Dialect) -> None:
    allowed = [f"__main__.{name}" for name in (*CLASSES, "normalize_nfkc")] + ["a.b.CenterNormalizer"]
    model = read(tmp_path, recognizer(lstm="__main__", lineest="a.b"), dialect, allow_globals=tuple(allowed))
    assert same(model, read(tmp_path, recognizer(), dialect))
    assert model.normalize == "__main__.normalize_nfkc"
    (note,) = model.notes
    assert note.startswith("names outside OCRopus were allowed: __main__.SeqRecognizer, ")
    assert note.endswith(" and 6 more")


@pytest.mark.parametrize("missing", CLASSES)
def test_each_name_has_to_be_allowed(tmp_path: Path, missing: str) -> None:
    allowed = [f"__main__.{name}" for name in (*CLASSES, "normalize_nfkc") if name != missing]
    with pytest.raises(UnsafePickleError, match=rf"^refused global __main__\.{missing}: ") as caught:
        read(tmp_path, recognizer(lstm="__main__"), allow_globals=tuple(allowed))
    assert caught.value.remedy == f"allow_globals=__main__.{missing}"


VALUES = {
    "a name": Name("fork", "thing"),
    "an object": Obj(Name("fork", "thing"), {"x": 1, "y": Obj(Name("fork", "thing"))}),
    "a call": Call(Name("fork", "thing"), (1, Text("a"))),
    "a kind of array": Call(Name("numpy.core.multiarray", "_reconstruct"), (Name("fork", "thing"), (0,), b"b")),
    "a factory": Call(Name("collections", "defaultdict"), (Name("fork", "thing"),)),
    "a list": Raw(dump(Call(Name("fork", "thing"), ()), Dialect(1))[:-1] + b"(K\x01K\x02e"),
    "a dict": Raw(dump(Call(Name("fork", "thing"), ()), Dialect(1))[:-1] + b"(K\x01K\x02u"),
    "a derived dict": Call(
        Name("copy_reg", "_reconstructor"), (Name("fork", "thing"), Name("__builtin__", "dict"), {})
    ),
    "a key": {Name("fork", "thing"): 1},
}


@pytest.mark.parametrize("dialect", DIALECTS, ids=str)
@pytest.mark.parametrize("what", VALUES)
def test_values_that_no_model_needs(tmp_path: Path, what: str, dialect: Dialect) -> None:
    value = recognizer(changes={"extra": VALUES[what]})
    model = read(tmp_path, value, dialect, allow_globals=("fork.thing", "fork.other"))
    assert same(model, read(tmp_path, recognizer(), dialect))
    assert model.notes == ("names outside OCRopus were allowed: fork.thing",)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"codec": VALUES["a call"]}, "codec: expected Codec, got fork.thing(...), which is kept by name only"),
        ({"codec": VALUES["a name"]}, "codec: expected Codec, got fork.thing, which is kept by name only"),
        ({"lstm": VALUES["an object"]}, "lstm: expected Stacked, got fork.thing(...), which is kept by name only"),
        ({"No": VALUES["a call"]}, "No: expected an integer, got fork.thing(...), which is kept by name only"),
    ],
)
def test_values_that_a_model_needs(tmp_path: Path, changes: Any, expected: str) -> None:
    with pytest.raises(Exception, match="which is kept by name only") as caught:
        read(tmp_path, recognizer(changes=changes), allow_globals=("fork.thing",))
    assert str(caught.value) == expected


def test_what_may_be_missing(tmp_path: Path) -> None:
    changes = dict.fromkeys(("lnorm", "normalize", "last_trial", "error_log", "cerror_log", "command_log"))
    model = read(tmp_path, recognizer(changes=changes | {"lnorm": VALUES["a call"], "normalize": VALUES["a call"]}),
                 allow_globals=("fork.thing",))  # fmt: skip
    assert (model.line_normalizer, model.normalize) == (None, None)
    assert model.notes[1:] == (
        "the line normalizer was not kept: expected one of OCRopus, got fork.thing(...), which is kept by name only",
    )


def test_more_names_than_needed_change_nothing(tmp_path: Path) -> None:
    model = read(tmp_path, recognizer(), allow_globals=("os.system", "ocrolib.lstm.LSTM", "numpy.ndarray"))
    assert same(model, read(tmp_path, recognizer()))
    assert model.notes == ()


LONG = "a" * 100 + "." + "b" * 100


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("argparse.Namespace", "allow_globals=argparse.Namespace"),
        ("ocropus-rtrain.f", "allow_globals=ocropus-rtrain.f"),
        *((name, None) for name in ("os.system", "__builtin__.eval", "torch.nn.LSTM", "x y.z", "a.b\r", LONG, "ä.b")),
    ],
)
def test_what_is_offered(tmp_path: Path, name: str, remedy: str | None) -> None:
    with pytest.raises(UnsafePickleError) as caught:
        read(tmp_path, Name(*name.rsplit(".", 1)), Dialect(4))
    assert caught.value.remedy == remedy
    danger = str(caught.value).endswith("; it runs programs or reaches files")
    assert danger == (name in ("os.system", "__builtin__.eval", "torch.nn.LSTM", "x y.z"))


ENCODINGS = ("utf-8", "latin-1", "cp1252", "koi8-r", "cp932", "gb18030", "euc_kr", "iso8859_15")


@given(st.sampled_from(ENCODINGS), st.lists(st.characters(min_codepoint=0xA1, max_codepoint=0xFFFF), max_size=5))
def test_labels_in_every_encoding(tmp_path_factory: pytest.TempPathFactory, encoding: str, chars: list[str]) -> None:
    labels = ["", " "]
    for char in chars:
        encoded = char.encode(encoding, "ignore")
        if encoded and encoded.decode(encoding) not in labels:
            labels.append(encoded.decode(encoding))
    codec = {code: label.encode(encoding) for code, label in enumerate(labels)}
    folder = tmp_path_factory.getbasetemp()
    model = read(folder, recognizer(codec=codec), Dialect(3, 3), label_encoding=encoding)
    assert model.codec is not None
    assert model.codec.labels == tuple(labels)


def test_labels_that_are_none_in_the_encoding(tmp_path: Path) -> None:
    value = recognizer(codec={0: "", 1: b"\xe4", 2: b"b"})
    assert read(tmp_path, value, label_encoding="latin-1").codec != read(tmp_path, value, label_encoding="cp866").codec
    for encoding, said in (
        (None, "Unicode or ASCII, got bytes of unknown encoding"),
        ("utf-8", "utf-8, got other bytes"),
    ):
        with pytest.raises(InvalidModelError) as caught:
            read(tmp_path, value, label_encoding=encoding)
        assert str(caught.value) == rf"codec label 1: expected {said} b'\xe4'"
        assert caught.value.remedy == "label_encoding"


def test_text_labels_need_no_encoding(tmp_path: Path) -> None:
    for encoding in (None, "cp932"):
        assert read(tmp_path, recognizer(), label_encoding=encoding).codec == read(tmp_path, recognizer()).codec


def test_what_is_shown_is_read_the_same_way(tmp_path: Path) -> None:
    path = tmp_path / "m"
    codec = {0: "", 1: b"\xe4"}
    limits = Limits(allow_globals=("fork.thing",), label_encoding="latin-1", in_process=True)
    for changes in ({"extra": VALUES["a call"]}, {"extra": VALUES["a call"], "lstm": None}):
        path.write_bytes(dump(recognizer(codec=codec, changes=changes)))
        found, named = examine_pyrnn(path, limits=limits)
        assert found.remains is not None
        assert found.remains.labels == ((0, ""), (1, "ä"))
        assert ("fork.thing", "unknown") in {(name.path, name.verdict) for name in named}
