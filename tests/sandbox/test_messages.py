"""Values on their way between processes: nothing is lost, and no bytes become anything else."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from pyrnn2hdf5.errors import InvalidModelError
from pyrnn2hdf5.hdf5.layout import Stored, store
from pyrnn2hdf5.pyrnn.reader import load_pyrnn
from pyrnn2hdf5.sandbox.messages import decode, encode

from ..conftest import MODELS

STORED = store(load_pyrnn(MODELS / "digits.pyrnn.gz"))


def test_a_stored_model_comes_back() -> None:
    again = decode(encode(STORED))
    assert isinstance(again, Stored)
    assert encode(again) == encode(STORED)
    for name, values in STORED.data.items():
        assert (again.data[name].dtype, again.data[name].tobytes()) == (values.dtype, values.tobytes())


@given(
    st.recursive(
        st.one_of(st.none(), st.booleans(), st.integers(), st.text(st.characters(exclude_categories=[])), st.floats()),
        lambda inner: st.one_of(st.lists(inner).map(tuple), st.dictionaries(st.text(), inner)),
    )
)
def test_plain_values_come_back(value: object) -> None:
    assert repr(decode(encode(value))) == repr(value)


@pytest.mark.parametrize("array", [np.zeros((0, 3)), np.array(1, "f4"), np.arange(6).reshape(2, 3).T])
def test_arrays_come_back(array: NDArray[Any]) -> None:
    again = decode(encode((array, array)))[1]
    assert (again.dtype, again.shape, again.tolist()) == (array.dtype, array.shape, array.tolist())


@given(st.one_of(st.binary(), st.tuples(st.integers(0, 400), st.binary(min_size=1, max_size=4))))
def test_other_bytes_are_a_value_error(damage: bytes | tuple[int, bytes]) -> None:
    message = encode({"value": STORED.training})
    if isinstance(damage, tuple):
        at, data = damage
        message = message[:at] + data + message[at + len(data) :]
    else:
        message = damage
    with contextlib.suppress(ValueError, InvalidModelError):
        decode(message)
