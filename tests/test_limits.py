"""What may be allowed beyond the ordinary is checked where it is said."""

from __future__ import annotations

import math
import pkgutil
import re
from encodings import __path__ as encodings
from typing import Any, Final

import numpy as np
import pytest

from pyrnn2hdf5 import Limits
from pyrnn2hdf5.errors import InvalidInputError, SizeLimitError
from pyrnn2hdf5.pyrnn.reader import load_pyrnn

from .conftest import MODELS

NO_CHARACTERS: Final = """
base64 bz2 hex idna punycode quopri raw_unicode_escape rot13 undefined unicode_escape utf-7 uu zip zlib
utf-16 utf-32 cp037 cp500 no-such ../latin_1 aliases latin\0 \udcff é
"""
"""No encodings of characters, those to which ASCII is something else, and none at all."""


@pytest.mark.parametrize("value", [math.inf, math.nan, 1e12, 0, -1, "4G", None, 1.5])
@pytest.mark.parametrize("name", ["size", "memory"])
def test_no_number_of_bytes(name: str, value: Any) -> None:
    said = f"{name}: expected a whole number of 1 or more, got {value!r}"
    with pytest.raises(InvalidInputError, match=f"^{re.escape(said)}$"):
        Limits(**{name: value})


@pytest.mark.parametrize("value", [math.inf, math.nan, 1e12, 0, -1, "4G", None, 0.01])
def test_no_time(value: Any) -> None:
    said = f"seconds: expected a number from 0.1 to 86400, got {value!r}"
    with pytest.raises(InvalidInputError, match=f"^{re.escape(said)}$"):
        Limits(seconds=value)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("os.system", "a tuple of MODULE.NAME, got 'os.system'"),
        (None, "a tuple of MODULE.NAME, got None"),
        ((5,), "MODULE.NAME, got 5"),
    ],
)
def test_no_names(names: Any, said: str) -> None:
    with pytest.raises(InvalidInputError, match=f"^allow_globals: expected {re.escape(said)}$"):
        Limits(allow_globals=names)


def test_numbers_of_any_type_become_plain_ones() -> None:
    assert Limits(size=10**400, memory=10**400).size == 10**400
    numbers = Limits(np.int64(5000), np.int32(10**7), np.float32(2), allow_globals=["a.b"])  # type: ignore[arg-type]
    assert numbers == Limits(5000, 10**7, 2.0, allow_globals=("a.b",))
    assert hash(numbers) == hash(Limits(5000, 10**7, 2.0, allow_globals=("a.b",)))
    with pytest.raises(SizeLimitError):
        load_pyrnn(MODELS / "digits.pyrnn.gz", limits=numbers)


@pytest.mark.parametrize("name", [*NO_CHARACTERS.split(), "", " ", "x" * 10_000])
def test_no_encoding(name: str) -> None:
    with pytest.raises(
        InvalidInputError, match=r"^label_encoding: expected an encoding that leaves ASCII as it is"
    ) as caught:
        Limits(label_encoding=name)
    assert len(str(caught.value)) < 800


CHARACTERS: Final = "utf-8 UTF8 latin-1 cp1252 iso8859_15 koi8-r shift_jis cp932 euc_jp gbk gb18030 big5 mac_roman"


@pytest.mark.parametrize("name", CHARACTERS.split())
def test_encodings(name: str) -> None:
    assert Limits(label_encoding=name).label_encoding == name


def test_what_python_has_is_an_encoding_or_none() -> None:
    for module in pkgutil.iter_modules(encodings):
        try:
            Limits(label_encoding=module.name)
        except InvalidInputError:
            continue
        assert b"aZ09 ~\\".decode(module.name) == "aZ09 ~\\"


@pytest.mark.parametrize(
    "name",
    ["", "x", ".", "a.", ".a", "a..b", "a b.c", "a.b c", "a.b\n", "a.*", "1.2", "os.system()", "-a.b", "a.-b", "a\0.b"],
)
def test_no_name_of_a_global(name: str) -> None:
    with pytest.raises(InvalidInputError, match=r"^allow_globals: expected MODULE\.NAME, got "):
        Limits(allow_globals=("a.b", name))


@pytest.mark.parametrize("name", ["a.b", "__main__.f", "ocropy_master.ocrolib.lstm.LSTM", "ocropus-rtrain.normalize"])
def test_names_of_globals(name: str) -> None:
    assert Limits(allow_globals=(name,)).allow_globals == (name,)
