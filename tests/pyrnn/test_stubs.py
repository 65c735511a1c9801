"""Stubs are inert: a file cannot alter them, and what it sets is data."""

from __future__ import annotations

import io
from typing import Any

import pytest

from pyrnn2hdf5.errors import CorruptPickleError
from pyrnn2hdf5.pyrnn.stubs import ObjectStub
from pyrnn2hdf5.pyrnn.unpickler import ALLOWED, unpickle

from ..hostile_pickles import TAMPERING
from ..pickles import Dialect, Name, Obj, dump

LSTM = Name("ocrolib.lstm", "LSTM")


def load(data: bytes) -> Any:
    return unpickle(io.BytesIO(data))


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
