"""Types, scalars and arrays of NumPy as a pickle has them."""

from __future__ import annotations

import io
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pyrnn2hdf5.errors import CorruptPickleError, InvalidModelError
from pyrnn2hdf5.files.sources import SourceFacts
from pyrnn2hdf5.pyrnn.extraction import extract
from pyrnn2hdf5.pyrnn.numpy_stubs import ArrayStub
from pyrnn2hdf5.pyrnn.unpickler import unpickle
from pyrnn2hdf5.sandbox.messages import decode, encode

from ..hostile_pickles import array
from ..pickles import DIALECTS, Call, Dialect, Name, Obj, Raw, Scalar, dump, recognizer

LSTM = Name("ocrolib.lstm", "LSTM")
FACTS = SourceFacts("m", "0" * 64, "none", 0, 0, 0, None)


def load(data: bytes) -> Any:
    return unpickle(io.BytesIO(data))


def received(stub: Any) -> NDArray[Any]:
    """The items of an array as they arrive in the process that asked for them."""
    assert isinstance(stub, ArrayStub)
    assert stub.raw is not None
    array: NDArray[Any] = decode(b"".join(encode(stub.raw)))
    assert array.shape == stub.shape
    return array


@pytest.mark.parametrize("code", [b"O8", b"V8", b"f16", b"c16", b"M8", b"S8", b"U2"])
def test_only_plain_numbers_are_kept(code: bytes) -> None:
    stub = load(array((3,), [Obj(LSTM)] if code == b"O8" else bytes(5), code))
    assert (stub.raw, stub.shape, stub.code) == (None, (3,), code.decode())
    with pytest.raises(InvalidModelError, match=f"softmax W2: expected plain numbers, got NumPy type {code.decode()}"):
        extract(load(dump(recognizer(softmax={"W2": Raw(array((4, 7), bytes(5), code)[2:-1])}))), FACTS)


def test_scalars_of_other_types_become_nothing() -> None:
    dtype = Raw(dump(Call(Name("numpy", "dtype"), (b"c16", 0, 1)), Dialect(1))[:-1])
    assert load(dump(Call(Name("numpy.core.multiarray", "scalar"), (dtype, bytes(16))), Dialect(1))) is None


@pytest.mark.parametrize("code", [b"i3", b"e", b"", b"<", b"O8,O8", b"x" * 99, 7, None])
def test_what_is_no_type_of_numpy(code: object) -> None:
    with pytest.raises(CorruptPickleError, match=r"numpy\.dtype: expected a type of NumPy, got"):
        load(dump(Call(Name("numpy", "dtype"), (code, 0, 1))))


def test_array_parts_fit() -> None:
    assert received(load(array((2, 3), np.arange(6.0).tobytes()))).tolist() == [[0, 1, 2], [3, 4, 5]]


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


def test_an_array_that_ends_in_nan_is_dropped_but_remembered() -> None:
    # As scratch buffers do, which are filled with it; a NaN elsewhere is found by who makes an array of the bytes.
    values = np.zeros((3, 4))
    values[1, 2] = values[2, 3] = np.nan
    stub = load(dump(values))
    assert (stub.raw, stub.shape, stub.nan_at, stub.tolist()) == (None, (3, 4), (1, 2), None)


@given(
    dtype=st.sampled_from(["<f2", ">f2", "<f4", ">f4", "<f8", ">f8"]),
    shape=st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple),
    order=st.sampled_from("CFK"),
    data=st.data(),
)
def test_a_nan_is_told_by_its_place(dtype: str, shape: tuple[int, ...], order: str, data: st.DataObject) -> None:
    flat = np.ones(math.prod(shape), dtype)
    first = data.draw(st.integers(0, len(flat) - 1))
    flat[[first, -1]] = np.nan
    axes = tuple(data.draw(st.permutations(range(len(shape))))) if order == "K" else tuple(range(len(shape)))
    values = flat.reshape(shape, order="F" if order == "F" else "C").transpose(axes)
    kind = Raw(dump(Call(Name("numpy", "dtype"), (dtype.encode(), 0, 1)), Dialect(1))[:-1])
    arguments = (flat.tobytes(), kind, shape, order, *([axes] if order == "K" else []))
    stub = load(dump(Call(Name("numpy._core.numeric", "_frombuffer"), arguments), Dialect(4, 3)))
    assert (stub.shape, stub.raw) == (values.shape, None)
    assert stub.nan_at in set(zip(*map(np.ndarray.tolist, np.nonzero(np.isnan(values))), strict=True))
    if order == "C":
        assert stub.nan_at == tuple(map(int, np.argwhere(np.isnan(values))[0]))


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
    array = received(stub)
    assert (array.dtype, array.tolist(), stub.size) == (values.dtype, values.tolist(), values.nbytes)
    assert stub.tolist() == (values.tolist() if values.ndim < 3 else None)


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
    assert received(stub).tolist() == values.reshape(2, 3, 4).transpose(2, 0, 1).tolist()
    with pytest.raises(CorruptPickleError):
        load(dump(Call(Name("numpy._core.numeric", "_frombuffer"), (*arguments[:4], (9, 9, 9))), Dialect(4, 3)))


def test_scalar_of_wrong_length() -> None:
    dtype = Raw(dump(Call(Name("numpy", "dtype"), (b"<f8", 0, 1)), Dialect(1))[:-1])
    with pytest.raises(CorruptPickleError, match="unpack requires a buffer of 8 bytes"):
        load(dump(Call(Name("numpy.core.multiarray", "scalar"), (dtype, bytes(7))), Dialect(1)))
