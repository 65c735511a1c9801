"""The restricted unpickler: every trick is refused with its reason, and no code of the file runs."""

from __future__ import annotations

import copyreg
import gc
import io
import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrnn2hdf5.errors import CorruptPickleError, InvalidModelError, Pyrnn2Hdf5Error, UnsafePickleError
from pyrnn2hdf5.pyrnn.findings import SourceFacts
from pyrnn2hdf5.pyrnn.numpy_stubs import ArrayStub
from pyrnn2hdf5.pyrnn.reader import to_model
from pyrnn2hdf5.pyrnn.stubs import ObjectStub, StubType
from pyrnn2hdf5.pyrnn.unpickler import ALLOWED, unpickle

from .pickles import Call, Dialect, Name, Obj, Raw, Scalar, Text, dump, recognizer

LSTM = Name("ocrolib.lstm", "LSTM")
FACTS = SourceFacts("m", "0" * 64, "none", 0, 0, 0, None)


def load(data: bytes) -> Any:
    return unpickle(io.BytesIO(data))


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A shell command that would leave a file behind; afterwards there must be none."""
    monkeypatch.chdir(tmp_path)
    yield "touch canary"
    assert not (tmp_path / "canary").exists()


def test_table_has_stub_types_only() -> None:
    assert all(type(stub) is StubType for stub in ALLOWED.values())


def evil(command: str) -> dict[str, bytes]:
    """One pickle per way to name or call `os.system`."""
    text = command.encode()
    argument = b"X" + len(text).to_bytes(4, "little") + text
    return {
        "GLOBAL": b"cos\nsystem\n(" + argument + b"tR.",
        "GLOBAL posix": b"cposix\nsystem\n(" + argument + b"tR.",
        "STACK_GLOBAL": b"\x80\x04\x8c\x02os\x8c\x06system\x93(" + argument + b"tR.",
        "INST": b"(" + argument + b"ios\nsystem\n.",
        "OBJ": b"(cos\nsystem\n" + argument + b"o.",
        "NEWOBJ": b"\x80\x02cos\nsystem\n(" + argument + b"t\x81.",
        "NEWOBJ_EX": b"\x80\x04cos\nsystem\n(" + argument + b"t}\x92.",
        "eval": b"c__builtin__\neval\n(" + argument + b"tR.",
        "getattr": b"cbuiltins\ngetattr\n(" + argument + b"tR.",
        "BUILD": b"cos\nsystem\n}b.",
        "inside a model": dump(recognizer(changes={"extra": Call(Name("os", "system"), (Text(command),))})),
        "before a model": b"cos\nsystem\n(" + argument + b"tR0" + dump(recognizer()),
    }


@pytest.mark.parametrize("trick", evil(""))
def test_foreign_globals_are_refused(trick: str, canary: str) -> None:
    with pytest.raises(UnsafePickleError, match=r"refused global (os|posix|__builtin__|builtins)\."):
        load(evil(canary)[trick])


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("numpy", "load"),
        ("numpy", "memmap"),
        ("numpy.core.multiarray", "fromfile"),
        ("numpy.core.multiarray", "_reconstruct "),
        ("numpy.Core.multiarray", "_reconstruct"),
        ("ocrolib.lstm", "lstm"),
        ("ocrolib.lstm", "LSTM.__init__"),
        ("ocrolib.lstm", "LSTM.__init__.__globals__"),
        ("ocrolib", "lstm.LSTM"),
        ("Ocrolib.lstm", "LSTM"),
        ("ocrolib.lstm", "LSTM "),
        ("ocrolib.common", "LSTM"),
        ("builtins", "eval"),
        ("collections", "UserDict"),
        ("datetime", "tzinfo"),
        ("numpy", "object_"),
        ("numpy", "void"),
        ("ocrolib.lstm", "normalize.x"),
        ("ocrolib.lstm", "normalize "),
        ("ocrolib.lstm", "denormalize"),
        ("ocrolib.common", "normalize_text"),
        ("ocrolib.mlp", "LSTM"),
    ],
)
@pytest.mark.parametrize("protocol", [2, 4])
def test_near_misses_are_refused_by_full_name(module: str, name: str, protocol: int) -> None:
    with pytest.raises(UnsafePickleError) as caught:
        load(dump(Name(module, name), Dialect(protocol)))
    assert f"refused global {module}.{name}: not part of" in str(caught.value)


@pytest.mark.parametrize("data", [b"P1\n.", b"\x80\x02K\x01Q."])
def test_persistent_ids_are_refused(data: bytes) -> None:
    with pytest.raises(UnsafePickleError, match="refused a persistent id"):
        load(data)


@pytest.mark.parametrize("opcode", [b"\x82\xf0", b"\x83\xf0\x00", b"\x84\xf0\x00\x00\x00"])
def test_extension_codes_are_refused_even_when_another_library_uses_them(opcode: bytes) -> None:
    data = b"\x80\x02" + opcode + b"."
    with pytest.raises(CorruptPickleError, match="unregistered extension code 240"):
        load(data)
    copyreg.add_extension("os", "getcwd", 240)
    try:
        assert pickle.loads(data) is os.getcwd
        with pytest.raises(UnsafePickleError, match=r"refused global os\.getcwd"):
            load(data)
    finally:
        copyreg.remove_extension("os", "getcwd", 240)


def test_out_of_band_buffers_are_refused() -> None:
    with pytest.raises(CorruptPickleError, match="out-of-band"):
        load(b"\x80\x05\x97.")


TAMPERING = {
    "slot state on a class": b"cocrolib.lstm\nLSTM\n(N}S'state'\nI1\nstb.",
    "state on a class": b"cocrolib.lstm\nLSTM\n}S'get'\nI1\nsb.",
    "slot state on an array class": b"cnumpy.core.multiarray\n_reconstruct\n(N}S'values'\nI1\nstb.",
    "slot state on the dict class": b"ccollections\ndefaultdict\n(N}S'x'\nI1\nstb.",
    "slot state on a function": b"cocrolib.lstm\nnormalize_nfkc\n(N}X\x04\x00\x00\x00pathI1\nstb.",
    "state on a dict": b"ccollections\ndefaultdict\n(tR}X\x01\x00\x00\x00xI1\nsb.",
    "a call of a function": b"cocrolib.lstm\nnormalize_nfkc\n(S'a'\ntR.",
    "a call of an instance": b"(iocrolib.lstm\nLSTM\n(tR.",
    "arguments for a class": b"(S'a'\niocrolib.lstm\nLSTM\n.",
    "a second state": b"(iocrolib.lstm\nLSTM\n}X\x01\x00\x00\x00xI1\nsb}X\x01\x00\x00\x00yI1\nsb.",
    "a state that is no dict": b"(iocrolib.lstm\nLSTM\n(lb.",
    "an attribute name that is no string": b"(iocrolib.lstm\nLSTM\n}I1\nI1\nsb.",
    "one attribute twice": b"(iocrolib.lstm\nLSTM\n}X\x01\x00\x00\x00xI1\nsS'x'\nI1\nsb.",
    "a default factory": b"ccollections\ndefaultdict\n(cocrolib.lstm\nLSTM\ntR.",
    "a base that is no object": b"ccopy_reg\n_reconstructor\n(cocrolib.lstm\nLSTM\nc__builtin__\nlist\nNtR.",
    "a reconstructed array class": b"ccopy_reg\n_reconstructor\n(cnumpy\nndarray\nc__builtin__\nobject\nNtR.",
    "state on an ordered dict": b"ccollections\nOrderedDict\n(tR}X\x01\x00\x00\x00xI1\nsb.",
    "an ordered dict of a name": b"ccollections\nOrderedDict\n(S'ab'\ntR.",
    "state on a set": b"c__builtin__\nset\n(tR}X\x01\x00\x00\x00xI1\nsb.",
    "a called type": b"c__builtin__\nint\n(I1\ntR.",
    "another codec": b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x05\x00\x00\x00rot13tR.",
    "text beyond latin-1": b"c_codecs\nencode\n(V\\u20ac\nX\x06\x00\x00\x00latin1tR.",
    "a million attributes": b"(iocrolib.lstm\nLSTM\n(d" + b"".join(b"S'%d'\nNs" % i for i in range(300)) + b"b.",
}


@pytest.mark.parametrize("trick", TAMPERING)
def test_stubs_cannot_be_altered(trick: str) -> None:
    before = {key: dict(vars(stub)) for key, stub in ALLOWED.items()}
    with pytest.raises(CorruptPickleError):
        load(TAMPERING[trick])
    assert {key: dict(vars(stub)) for key, stub in ALLOWED.items()} == before
    assert load(dump(Obj(LSTM, {"a": 1}))).get("a") == 1


def test_attributes_of_a_file_are_data() -> None:
    names = ["__class__", "__dict__", "__setstate__", "__reduce__", "get", "state"]
    for python in (2, 3):
        stub = load(dump(Obj(LSTM, dict.fromkeys(names, 1)), Dialect(python=python)))
        assert type(stub).__name__ == "LSTM"
        assert isinstance(stub, ObjectStub)
        assert all(stub.get(name) == 1 for name in names)


@pytest.mark.parametrize("code", [b"O8", b"V8", b"f16", b"c16", b"M8", b"S8", b"U2"])
def test_only_plain_numbers_are_kept(code: bytes) -> None:
    stub = load(array((3,), [Obj(LSTM)] if code == b"O8" else bytes(5), code))
    assert (stub.values, stub.shape, stub.code) == (None, (3,), code.decode())
    with pytest.raises(InvalidModelError, match=f"softmax W2: expected plain numbers, got NumPy type {code.decode()}"):
        to_model(load(dump(recognizer(softmax={"W2": Raw(array((4, 7), bytes(5), code)[2:-1])}))), FACTS)


def test_scalars_of_other_types_become_nothing() -> None:
    dtype = Raw(dump(Call(Name("numpy", "dtype"), (b"c16", 0, 1)), Dialect(1))[:-1])
    assert load(dump(Call(Name("numpy.core.multiarray", "scalar"), (dtype, bytes(16))), Dialect(1))) is None


@pytest.mark.parametrize("code", [b"i3", b"e", b"", b"<", b"O8,O8", b"x" * 99, 7, None])
def test_what_is_no_type_of_numpy(code: object) -> None:
    with pytest.raises(CorruptPickleError, match=r"numpy\.dtype: expected a type of NumPy, got"):
        load(dump(Call(Name("numpy", "dtype"), (code, 0, 1))))


def array(shape: Any, data: Any, code: bytes = b"f8", order: bytes = b"<", fortran: Any = False) -> bytes:
    """An array built from parts that need not fit."""
    dtype = dump(Call(Name("numpy", "dtype"), (code, 0, 1)), Dialect(1))[:-1]
    dtype += dump((3, order, None, None, None, -1, -1, 0), Dialect(1))[:-1] + b"b"
    head = dump(Call(Name("numpy.core.multiarray", "_reconstruct"), (Name("numpy", "ndarray"), (0,), b"b")))[:-1]
    return head + dump((1, shape, Raw(dtype), fortran, data), Dialect(1))[:-1] + b"b."


def test_array_parts_fit() -> None:
    stub = load(array((2, 3), np.arange(6.0).tobytes()))
    assert isinstance(stub, ArrayStub)
    assert stub.values is not None
    assert stub.values.tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"shape": (2, 3), "data": bytes(40)}, r"shape \(2, 3\): expected 48 bytes, got 40"),
        ({"shape": (10**12,), "data": bytes(8)}, "expected 8000000000000 bytes, got 8"),
        ({"shape": (-1, -1), "data": bytes(8)}, "expected a tuple of sizes"),
        ({"shape": (2**62, 4), "data": b""}, "bytes, got 0"),
        ({"shape": (1.0,), "data": bytes(8)}, "expected a tuple of sizes"),
        ({"shape": [1], "data": bytes(8)}, "expected a tuple of sizes"),
        ({"shape": (1,) * 33, "data": bytes(8)}, "expected a tuple of sizes"),
        ({"shape": (True,), "data": bytes(8)}, "expected a tuple of sizes"),
        ({"shape": (1,), "data": [1.0]}, "expected bytes as data, got list"),
        ({"shape": (1,), "data": bytes(8), "fortran": 7}, "expected an order flag"),
        ({"shape": (1,), "data": bytes(8), "order": b"?"}, "expected a plain type"),
    ],
)
def test_array_parts_that_do_not_fit(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(CorruptPickleError, match=message):
        load(array(**parts))


def test_array_with_nan_is_dropped_but_remembered() -> None:
    values = np.zeros((3, 4))
    values[1, 2] = np.nan
    stub = load(dump(values))
    assert (stub.values, stub.shape, stub.nan_at) == (None, (3, 4), (1, 2))


DIALECTS = [
    Dialect(protocol, python, style, core)
    for protocol in range(6)
    for python in (2, 3)
    for style in ("INST", "OBJ", "NEWOBJ", "reconstructor")
    for core in ("numpy.core", "numpy._core")
    if python == 3 or protocol <= 2
]


@given(
    dialect=st.sampled_from(DIALECTS),
    dtype=st.sampled_from(["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"]),
    order=st.sampled_from("<>"),
    shape=st.lists(st.integers(0, 4), max_size=3).map(tuple),
    fortran=st.booleans(),
    seed=st.integers(0, 99),
)
def test_arrays_of_every_dialect(
    dialect: Dialect, dtype: str, order: str, shape: tuple[int, ...], fortran: bool, seed: int
) -> None:
    values = np.random.RandomState(seed).randint(0, 2, shape).astype(order + dtype, order="F" if fortran else "C")
    stub = load(dump(values, dialect))
    assert stub.values.dtype == values.dtype
    assert stub.values.tolist() == values.tolist()


@given(
    dialect=st.sampled_from(DIALECTS),
    value=st.one_of(
        st.integers(-(2**63), 2**63 - 1).map(np.int64),
        st.integers(0, 255).map(np.uint8),
        st.floats(allow_nan=False).map(np.float64),
        st.floats(width=32, allow_nan=False).map(np.float32),
        st.booleans().map(np.bool_),
        st.text(st.characters(exclude_categories=[], exclude_characters="\0")).filter(bool).map(np.str_),
        st.binary(min_size=1).filter(lambda b: not b.endswith(b"\0")).map(np.bytes_),
    ),
)
def test_scalars_become_plain_values(dialect: Dialect, value: Any) -> None:
    loaded = load(dump(Scalar(value), dialect))
    assert loaded == value.item()
    assert type(loaded) is type(value.item())


def test_transposed_arrays_of_numpy_2_3() -> None:
    values = np.arange(24.0)
    dtype = Raw(dump(Call(Name("numpy", "dtype"), (b"<f8", 0, 1)), Dialect(1))[:-1])
    arguments = (values.tobytes(), dtype, (2, 3, 4), "K", (2, 0, 1))
    stub = load(dump(Call(Name("numpy._core.numeric", "_frombuffer"), arguments), Dialect(4, 3)))
    assert stub.shape == (4, 2, 3)
    assert stub.values.tolist() == values.reshape(2, 3, 4).transpose(2, 0, 1).tolist()
    with pytest.raises(CorruptPickleError):
        load(dump(Call(Name("numpy._core.numeric", "_frombuffer"), (*arguments[:4], (9, 9, 9))), Dialect(4, 3)))


def test_scalar_of_wrong_length() -> None:
    dtype = Raw(dump(Call(Name("numpy", "dtype"), (b"<f8", 0, 1)), Dialect(1))[:-1])
    with pytest.raises(CorruptPickleError, match="unpack requires a buffer of 8 bytes"):
        load(dump(Call(Name("numpy.core.multiarray", "scalar"), (dtype, bytes(7))), Dialect(1)))


@given(dialect=st.sampled_from(DIALECTS))
def test_instances_of_every_dialect(dialect: Dialect) -> None:
    stub = load(dump(recognizer(), dialect))
    assert type(stub).__name__ == "SeqRecognizer"
    assert stub.path == "ocrolib.lstm.SeqRecognizer"
    assert stub.get("normalize").path == "ocrolib.lstm.normalize_nfkc"


def test_collector_is_back_afterwards() -> None:
    assert gc.isenabled()
    load(dump([]))
    assert gc.isenabled()
    with pytest.raises(CorruptPickleError):
        load(b"garbage")
    assert gc.isenabled()


WHOLE = {d: dump(recognizer(), d) for d in (Dialect(0, style="INST"), Dialect(2), Dialect(4, 3, "NEWOBJ"))}


@given(st.sampled_from(sorted(WHOLE, key=repr)), st.data())
def test_truncated_pickles_are_corrupt(dialect: Dialect, data: st.DataObject) -> None:
    whole = WHOLE[dialect]
    with pytest.raises(Pyrnn2Hdf5Error):
        load(whole[: data.draw(st.integers(0, len(whole) - 1))])
