"""Tampering with the stubs: nothing of a file alters them, and the next model of the process is as ever."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import Any

import pytest

from pyrnn2hdf5.errors import CorruptPickleError, Pyrnn2Hdf5Error
from pyrnn2hdf5.hdf5.h5py_io import to_hdf5
from pyrnn2hdf5.hdf5.layout import store
from pyrnn2hdf5.limits import Limits
from pyrnn2hdf5.model.network import arrays_of
from pyrnn2hdf5.pyrnn.reader import load_pyrnn
from pyrnn2hdf5.pyrnn.unpickler import ALLOWED, unpickle

from ..conftest import MODELS
from ..hostile_pickles import TAMPERING
from ..pickles import Call, Dialect, Name, Obj, Raw, Text, dump, recognizer
from .opcodes import by_global as name
from .opcodes import text
from .promise import refused

MODEL = MODELS / "digits.pyrnn.gz"
EXPECTED = to_hdf5(store(load_pyrnn(MODEL)))


def in_this_process() -> bytes:
    """A genuine model as a file, read in this very process, so that a stub changed here would show."""
    return to_hdf5(store(load_pyrnn(MODEL, limits=Limits(in_process=True))))


LSTM = name("ocrolib.lstm", "LSTM")
INSTANCE = b"(iocrolib.lstm\nLSTM\n"
ARRAY = name("numpy.core.multiarray", "_reconstruct") + name("numpy", "ndarray") + b"K\x00\x85U\x01b\x87R"
DTYPE = name("numpy", "dtype") + b"U\x02f8K\x00K\x01\x87R"
SLOTS = (
    "__class__",
    "__dict__",
    "__setstate__",
    "__reduce__",
    "__new__",
    "__init__",
    "state",
    "get",
    "path",
    "values",
    "code",
)

TARGETS = {
    "a class": LSTM,
    "an instance": INSTANCE,
    "an array": ARRAY,
    "the array class": name("numpy.core.multiarray", "_reconstruct"),
    "a dtype": DTYPE,
    "the dtype class": name("numpy", "dtype"),
    "a function": name("ocrolib.lstm", "normalize_nfkc"),
    "a defaultdict": name("collections", "defaultdict") + b")R",
    "an ordered dict": name("collections", "OrderedDict") + b")R",
    "a set": name("__builtin__", "set") + b")R",
    "a deque": name("collections", "deque") + b")R",
    "a date": name("datetime", "date") + b"U\x04abcd\x85R",
    "a type of NumPy": name("numpy", "float64"),
    "a list": b"]",
    "a dict": b"}",
    "a tuple": b")",
    "text": text("a"),
    "a number": b"K\x01",
    "nothing": b"N",
}


@pytest.mark.parametrize("slot", SLOTS)
@pytest.mark.parametrize("what", TARGETS)
def test_slot_state(what: str, slot: str) -> None:
    # BUILD with (None, {slot: value}) sets attributes one by one where there is no __setstate__.
    data = TARGETS[what] + b"N}" + text(slot) + LSTM + b"s\x86b."
    with contextlib.suppress(Pyrnn2Hdf5Error):
        loaded = unpickle(io.BytesIO(data))
        # Only an instance takes a state, as data.
        assert what == "an instance"
        assert loaded.get(slot) is ALLOWED["ocrolib.lstm", "LSTM"]  # type: ignore[attr-defined]
        assert type(loaded).__name__ == "LSTM"


@pytest.mark.parametrize("slot", SLOTS)
@pytest.mark.parametrize("what", [what for what in TARGETS if what != "an instance"])
def test_plain_state(what: str, slot: str) -> None:
    with pytest.raises(CorruptPickleError):
        unpickle(io.BytesIO(TARGETS[what] + b"}" + text(slot) + b"K\x01sb."))


def test_every_trick_leaves_the_next_model_as_ever() -> None:
    before = {key: dict(vars(stub)) for key, stub in ALLOWED.items()}
    tricks = [*TAMPERING.values()]
    for target in TARGETS.values():
        for slot in SLOTS:
            tricks.append(target + b"N}" + text(slot) + b"K\x01s\x86b.")
            tricks.append(target + b"}" + text(slot) + LSTM + b"sb.")
    for data in tricks:
        with contextlib.suppress(Pyrnn2Hdf5Error):
            unpickle(io.BytesIO(data))
    assert {key: dict(vars(stub)) for key, stub in ALLOWED.items()} == before
    assert in_this_process() == EXPECTED


ARGUMENTS: dict[str, bytes] = {
    "none": b")",
    "one": b"K\x01\x85",
    "text": text("a") + b"\x85",
    "a class": LSTM + b"\x85",
    "itself": b"]q\x07h\x07ah\x07\x85",
    "three": b"K\x01K\x01K\x01\x87",
    "many": b"(" + b"N" * 300 + b"t",
    "no tuple": b"K\x01",
}
CALLABLE = sorted(
    {(f"{module}.{attribute}", name(module, attribute)) for module, attribute in ALLOWED if "lstm" not in module}
)


@pytest.mark.parametrize("arguments", ARGUMENTS)
@pytest.mark.parametrize("call", [b"R", b"\x81"], ids=["REDUCE", "NEWOBJ"])
def test_allowed_names_with_any_arguments(arguments: str, call: bytes) -> None:
    for _, function in CALLABLE:
        with contextlib.suppress(Pyrnn2Hdf5Error):
            unpickle(io.BytesIO(function + ARGUMENTS[arguments] + call + b"."))
    assert in_this_process() == EXPECTED


@pytest.mark.parametrize(
    "factory",
    [
        LSTM,
        b"]",
        b"K\x01",
        name("numpy", "ndarray") + b")R",
        name("numpy.core.multiarray", "_reconstruct"),
        text("list"),
    ],
)
def test_default_factories(tmp_path: Path, factory: bytes) -> None:
    assert "error: " in refused(tmp_path, name("collections", "defaultdict") + factory + b"\x85R.")


def weights(path: Path) -> dict[str, bytes]:
    return {key: value.tobytes() for key, value in arrays_of(load_pyrnn(path).network).items()}


@pytest.mark.parametrize("dialect", [Dialect(0, style="INST"), Dialect(2), Dialect(4, 3, "NEWOBJ")], ids=str)
def test_attributes_that_shadow_methods_are_data(tmp_path: Path, dialect: Dialect) -> None:
    (tmp_path / "plain").write_bytes(dump(recognizer(), dialect))
    shadows: dict[str, Any] = dict.fromkeys((*SLOTS, "__slots__", "__getattr__", "__del__", "__hash__", "__eq__"), 1)
    whole = recognizer(changes=shadows, forward=shadows, softmax={**shadows, "values": Name("ocrolib.lstm", "LSTM")})
    (tmp_path / "shadowed").write_bytes(dump(whole, dialect))
    assert weights(tmp_path / "plain") == weights(tmp_path / "shadowed")


def test_objects_as_keys_and_items_are_data(tmp_path: Path) -> None:
    lstm = Name("ocrolib.lstm", "LSTM")
    # A model may be its own attribute, an attribute may be a class or an instance of the wrong one.
    odd = {"a": lstm, "b": Obj(lstm), "c": [Obj(lstm), {1: lstm}], "d": Raw(b"(iocrolib.lstm\nLSTM\n")}
    (tmp_path / "plain").write_bytes(dump(recognizer()))
    (tmp_path / "odd").write_bytes(dump(recognizer(changes=odd)))
    assert weights(tmp_path / "plain") == weights(tmp_path / "odd")


def test_a_class_is_no_instance(tmp_path: Path) -> None:
    assert "error: " in refused(tmp_path, dump(Name("ocrolib.lstm", "SeqRecognizer")))
    for part in ("lstm", "codec"):
        line = refused(tmp_path, dump(recognizer(changes={part: Name("ocrolib.lstm", "Stacked")})))
        assert f"{part}: expected" in line
        assert "got the name ocrolib.lstm.Stacked" in line


def test_encodings_other_than_latin_1(tmp_path: Path) -> None:
    for encoding in ("rot13", "unicode_escape", "idna", "zip", "hex", "utf-7"):
        call = Call(Name("_codecs", "encode"), (Text("a"), Text(encoding)))
        assert "_codecs.encode: expected text and 'latin1'" in refused(tmp_path, dump(call))
