"""The wire format: what is well formed is read, and nothing is made of what is only claimed."""

from __future__ import annotations

import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrnn2hdf5.errors import SourceError
from pyrnn2hdf5.protobuf import Field, read_message

from .pronn.messages import data, number, varint

INNER = {1: Field("n", int, most=2)}
SCHEMA = {1: Field("n", int, least=0), 2: Field("s", str, least=0, most=100), 3: Field("b", bytes, least=0)}
SCHEMA[4] = Field("m", INNER, least=0)


def read(message: bytes) -> dict[str, list[Any]]:
    return read_message(memoryview(message), SCHEMA, "it")


@given(
    n=st.lists(st.integers(0, 2**32 - 1), max_size=1),
    s=st.lists(st.text(max_size=256), max_size=100),
    b=st.lists(st.binary(max_size=300), max_size=1),
    m=st.lists(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=2), max_size=1),
)
def test_what_is_written_is_read(n: list[int], s: list[str], b: list[bytes], m: list[list[int]]) -> None:
    parts = [number(1, value) for value in n]
    try:
        parts += [data(2, value.encode()) for value in s]
    except UnicodeEncodeError:
        return
    parts += [data(3, value) for value in b] + [data(4, b"".join(number(1, v) for v in values)) for values in m]
    # Fields may stand in any order.
    for message in (b"".join(parts), b"".join(parts[::-1])):
        found = read(message)
        assert (found["n"], sorted(found["s"]), found["b"], found["m"]) == (n, sorted(s), b, [{"n": v} for v in m])


INTEGER = "expected an integer of 32 bits in as few bytes as it takes, got another"
MALFORMED = {
    "tag cut off": (b"\x80", "it: expected an integer, got the end"),
    "integer cut off": (b"\x08", "it.n: expected an integer, got the end"),
    "integer cut off within": (b"\x08\x80", "it.n: expected an integer, got the end"),
    "integer longer than need be": (b"\x08\x81\x00", f"it.n: {INTEGER}"),
    "nought in two bytes": (b"\x08\x80\x00", f"it.n: {INTEGER}"),
    "integer of 33 bits": (b"\x08" + varint(2**32), f"it.n: {INTEGER}"),
    "integer of 64 bits": (b"\x08" + varint(2**64 - 1), f"it.n: {INTEGER}"),
    "endless integer": (b"\x08" + b"\xff" * 1000, f"it.n: {INTEGER}"),
    "length cut off": (b"\x12", "it.s: expected an integer, got the end"),
    "length of nothing": (b"\x12\x01", "it.s: expected 1 bytes, got 0"),
    "length beyond the end": (data(3, b"xyz", 4), "it.b: expected 4 bytes, got 3"),
    "length of 4 GiB": (data(3, b"xyz", 2**32 - 1), "it.b: expected 4294967295 bytes, got 3"),
    "length beyond the message around": (data(4, data(1, b"")[:1] + b"\x01", 9), "it.m: expected 9 bytes, got 2"),
    "field nought": (b"\x00\x01", "it: expected fields 1, 2, 3, 4, got field 0"),
    "unknown field": (number(5, 1), "it: expected fields 1, 2, 3, 4, got field 5"),
    "unknown field inside": (data(4, number(1, 1) + number(7, 1)), "it.m: expected fields 1, got field 7"),
    "integer as bytes": (data(1, b"\x01"), "it.n: expected wire type 0, got 2"),
    "string as integer": (number(2, 1), "it.s: expected wire type 2, got 0"),
    "64 bits": (b"\x09" + bytes(8), "it.n: expected wire type 0, got 1"),
    "start of a group": (b"\x0b\x0c", "it.n: expected wire type 0, got 3"),
    "end of a group": (b"\x14", "it.s: expected wire type 2, got 4"),
    "32 bits": (b"\x0d" + bytes(4), "it.n: expected wire type 0, got 5"),
    "wire type 6": (b"\x0e", "it.n: expected wire type 0, got 6"),
    "wire type 7": (b"\x17", "it.s: expected wire type 2, got 7"),
    "twice": (number(1, 1) + number(1, 2), "it.n: expected at most 1, got more"),
    "message twice": (data(4, number(1, 1)) * 2, "it.m: expected at most 1, got more"),
    "more than there may be": (data(2, b"") * 101, "it.s: expected at most 100, got more"),
    "missing inside": (data(4, b""), "it.m.n: expected one, got none"),
    "no UTF-8": (data(2, b"\xff"), "it.s: expected UTF-8, got b'\\xff'"),
    "a surrogate in UTF-8": (data(2, b"\xed\xa0\x80"), "it.s: expected UTF-8, got b'\\xed\\xa0\\x80'"),
    "a long spelling in UTF-8": (data(2, b"\xc1\xa1"), "it.s: expected UTF-8, got b'\\xc1\\xa1'"),
    "half a letter": (data(2, b"\xc3"), "it.s: expected UTF-8, got b'\\xc3'"),
    "a long string": (data(2, b"x" * 1025), "it.s: expected at most 1024 bytes, got 1025"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_malformed_is_told(name: str) -> None:
    message, expected = MALFORMED[name]
    with pytest.raises(SourceError) as caught:
        read(message)
    assert str(caught.value) == expected


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(message: bytes) -> None:
    try:
        read(message)
    except SourceError as error:
        assert len(str(error).splitlines()) == 1


@given(
    st.lists(st.tuples(st.sampled_from([1, 2, 3, 4]), st.integers(0, 2**32 - 1), st.binary(max_size=8)), max_size=30)
)
def test_claims_allocate_nothing(claims: list[tuple[int, int, bytes]]) -> None:
    message = b"".join(data(field, value, length) for field, length, value in claims)
    tracemalloc.start()
    try:
        read(message)
    except SourceError:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    # A label of a few bytes is a str of some 60; the rest is the reader itself.
    assert peak < 40 * len(message) + 2**15
