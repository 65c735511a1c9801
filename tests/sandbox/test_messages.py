"""Values on their way between processes: nothing is lost, and no bytes become anything else."""

from __future__ import annotations

import contextlib
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pyrnn2hdf5.errors import InvalidModelError, LoadLimitError, UnsafePickleError
from pyrnn2hdf5.hdf5.layout import Stored, store
from pyrnn2hdf5.model.model import LineNormalizer, Source, TrainingRecord
from pyrnn2hdf5.pyrnn.reader import load_pyrnn
from pyrnn2hdf5.sandbox.messages import RawArray, decode, encode, types_of
from pyrnn2hdf5.text import describe_error

from ..conftest import MODELS

STORED = store(load_pyrnn(MODELS / "digits.pyrnn.gz"))
TYPES = types_of(Stored, LineNormalizer, TrainingRecord, Source)


def message_of(value: object) -> bytes:
    return b"".join(encode(value))


def test_a_stored_model_comes_back() -> None:
    again = decode(message_of(STORED), TYPES)
    assert isinstance(again, Stored)
    assert message_of(again) == message_of(STORED)
    for name, values in STORED.data.items():
        assert (again.data[name].dtype, again.data[name].tobytes()) == (values.dtype, values.tobytes())


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.text(st.characters(exclude_categories=[])), st.floats()),
        lambda inner: st.one_of(st.lists(inner).map(tuple), st.dictionaries(st.text(), inner)),
    )
)
def test_plain_values_come_back(value: object) -> None:
    assert repr(decode(message_of(value))) == repr(value)


@pytest.mark.parametrize("array", [np.zeros((0, 3)), np.array(1, "f4"), np.arange(6).reshape(2, 3).T])
def test_arrays_come_back(array: NDArray[Any]) -> None:
    again = decode(message_of((array, array)))[1]
    assert (again.dtype, again.shape, again.tolist()) == (array.dtype, array.shape, array.tolist())


@given(st.one_of(st.binary(), st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=4))))
def test_other_bytes_are_a_value_error(damage: bytes | tuple[int, bytes]) -> None:
    message = message_of({"value": STORED.training})
    if isinstance(damage, tuple):
        at, data = damage
        message = message[:at] + data + message[at + len(data) :]
    else:
        message = damage
    with contextlib.suppress(ValueError, InvalidModelError):
        decode(message, TYPES)


@pytest.mark.parametrize(
    "error",
    [
        *(UnsafePickleError("refused", path="m", remedy=None), LoadLimitError("more", remedy="memory")),
        *(OSError(2, "No such file or directory", "m"), PermissionError(13, "Permission denied"), MemoryError("full")),
        *(TimeoutError("expected at most 3 s, took longer"), ChildProcessError("ended by SIGBUS")),
    ],
    ids=repr,
)
def test_errors_come_back(error: Exception) -> None:
    again = decode(message_of({"error": error}))["error"]
    assert isinstance(again, Exception)
    assert (describe_error(again), vars(again)) == (describe_error(error), vars(error))
    # Of those of the system the number tells the class.
    if not isinstance(error, OSError) or error.errno:
        assert type(again) is type(error)


def test_paths_come_back() -> None:
    assert decode(message_of({"path": Path("a\udcff/b")})) == {"path": Path("a\udcff/b")}


@given(
    st.lists(st.integers(0, 3), max_size=4).map(tuple),
    st.booleans(),
    st.sampled_from(["<f8", ">f8", "<i4", ">u2", "|b1"]),
    st.data(),
)
def test_raw_arrays_become_what_numpy_makes_of_them(
    shape: tuple[int, ...], fortran: bool, code: str, data: st.DataObject
) -> None:
    axes = data.draw(st.none() | st.permutations(range(len(shape))).map(tuple))
    values = np.arange(math.prod(shape)).astype(code)
    again = decode(message_of(RawArray(code, shape, values.tobytes(), fortran, axes)))
    expected = values.reshape(shape, order="F" if fortran else "C")
    expected = expected if axes is None else expected.transpose(axes)
    assert (again.dtype, again.tolist()) == (expected.dtype, expected.tolist())


def test_no_type_comes_back_that_was_not_asked_for() -> None:
    message = message_of(STORED.training)
    for types in ({}, types_of(Stored)):
        with pytest.raises(ValueError, match="no message"):
            decode(message, types)
