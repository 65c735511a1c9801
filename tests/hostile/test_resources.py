"""Resources: a small file that would take much, and a large one that does."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyrnn2hdf5.hdf5.reader import load_hdf5
from pyrnn2hdf5.limits import MAX_WEIGHTS

from ..hostile_pickles import BLOCK, MONSTERS, array
from ..pickles import Call, Dialect, Name, Obj, Raw, Text, dump, recognizer
from .opcodes import text
from .promise import MEMORY, SECONDS, here, hold_promise, measured, refused

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded on Linux only")

FAST = ("--max-seconds", 3)
MALFORMED = "malformed pickle: "
OVER = ("memory to load: expected at most 512 MiB", "time to load: expected at most 3 s")

MEMO = {
    "PUT": b"Np2147483647\n.",
    "PUT of a million digits": b"Np" + b"9" * 1_000_000 + b"\n.",
    "PUT below zero": b"Np-1\n.",
    "LONG_BINPUT": b"Nr\xff\xff\xff\x7f.",
    "LONG_BINPUT, highest": b"Nr\xff\xff\xff\xff.",
    "LONG_BINPUT, many": b"".join(b"Nr" + struct.pack("<I", 2**k) for k in range(10, 31)) + b".",
    "GET of nothing": b"g2147483647\n.",
    "LONG_BINGET of nothing": b"j\xff\xff\xff\x7f.",
    "BINGET of nothing": b"h\x07.",
    "MEMOIZE of nothing": b"\x94.",
}


@pytest.mark.parametrize("what", MEMO)
def test_memo(tmp_path: Path, what: str) -> None:
    line = refused(tmp_path, b"\x80\x04" + MEMO[what], *FAST)
    assert any(reason in line for reason in (MALFORMED, *OVER))


LENGTHS = {
    "BINSTRING": b"T\xff\xff\xff\x7f",
    "BINSTRING below zero": b"T\xff\xff\xff\xff",
    "SHORT_BINSTRING": b"U\xff",
    "BINUNICODE": b"X\xff\xff\xff\xff",
    "BINUNICODE8": b"\x8d" + b"\xff" * 7 + b"\x7f",
    "BINUNICODE8, highest": b"\x8d" + b"\xff" * 8,
    "BINBYTES": b"B\xff\xff\xff\xff",
    "BINBYTES8": b"\x8e" + struct.pack("<Q", 2**40),
    "BYTEARRAY8": b"\x96" + struct.pack("<Q", 2**40),
    "BYTEARRAY8, highest": b"\x96" + b"\xff" * 8,
    "LONG4": b"\x8b\xff\xff\xff\x7f",
    "LONG4 below zero": b"\x8b\xff\xff\xff\xff",
    "FRAME": b"\x95" + struct.pack("<Q", 2**40),
    "FRAME, highest": b"\x95" + b"\xff" * 8,
    "FRAME in a FRAME": (b"\x95" + struct.pack("<Q", 2**30)) * 100,
}


@pytest.mark.parametrize("what", LENGTHS)
def test_declared_lengths(tmp_path: Path, what: str) -> None:
    line = refused(tmp_path, b"\x80\x05" + LENGTHS[what] + b"short.", *FAST)
    assert any(reason in line for reason in (MALFORMED, *OVER))


def test_frames_that_lie_about_a_good_model(tmp_path: Path) -> None:
    whole = dump(recognizer(), Dialect(4, 3, "NEWOBJ"))
    for length in (0, 1, 100, len(whole) + 1):
        source = tmp_path / "m.pyrnn"
        source.write_bytes(whole[:2] + b"\x95" + struct.pack("<Q", length) + whole[2:])
        done = here("convert", source, "--force")
        # CPython reads what is there, or refuses; the model is never another one.
        if done.code:
            hold_promise(done)
        else:
            assert load_hdf5(tmp_path / "m.hdf5").No == 4


def long_integer(digits: int) -> Raw:
    return Raw(b"\x8b" + struct.pack("<i", digits) + b"\x7f" * digits)


@pytest.mark.parametrize("place", ["Ni", "No", "last_trial"])
def test_numbers_of_a_million_digits(tmp_path: Path, place: str) -> None:
    source = tmp_path / "m.pyrnn"
    source.write_bytes(dump(recognizer(changes={place: long_integer(400_000)})))
    if place == "last_trial":
        assert here("convert", source).code == 0
    else:
        assert f"{place}: expected an integer" in refused(tmp_path, source.read_bytes())


@pytest.mark.parametrize("opcodes", [b"I" + b"9" * 1_000_000 + b"\n", b"L" + b"9" * 1_000_000 + b"L\n"])
def test_numbers_of_a_million_digits_as_text(tmp_path: Path, opcodes: bytes) -> None:
    assert MALFORMED in refused(tmp_path, b"(" + opcodes + b"t.")
    assert MALFORMED in refused(tmp_path, dump(recognizer(changes={"Ni": Raw(opcodes)})))


def test_long_numbers_where_codes_dims_and_sizes_belong(tmp_path: Path) -> None:
    huge = long_integer(100_000)
    for model in (
        recognizer(
            codec={},
            No=4,
            changes={"codec": Obj(Name("ocrolib.lstm", "Codec"), {"code2char": Raw(b"}" + huge.opcodes + b"Ns")})},
        ),
        recognizer(forward={"dims": (4, huge, 8)}),
        recognizer(softmax={"No": huge}),
    ):
        assert "expected an integer" in refused(tmp_path, dump(model))


PACKERS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}


@pytest.mark.parametrize("packer", PACKERS)
def test_bombs(tmp_path: Path, packer: str) -> None:
    bomb = PACKERS[packer](b"\x80\x02" + b"N0" * 3_000_000 + b"N.")
    assert "unpacked size: expected at most 1048576 bytes, got more (see --max-size)" in refused(
        tmp_path, bomb, "--max-size", "1M"
    )
    behind = PACKERS[packer](dump(recognizer()) + bytes(5_000_000))
    assert "unpacked size: expected at most 1048576 bytes" in refused(tmp_path, behind, "--max-size", "1M")


@pytest.mark.parametrize("inner", PACKERS)
@pytest.mark.parametrize("outer", PACKERS)
def test_packed_too_often_is_no_pickle(tmp_path: Path, outer: str, inner: str) -> None:
    content = PACKERS[outer](PACKERS[inner](gzip.compress(dump(recognizer()))))
    assert "expected a pickle packed at most 2 times, got one packed more often" in refused(tmp_path, content)


def test_many_members(tmp_path: Path) -> None:
    line = refused(tmp_path, gzip.compress(b"") * 100_000, *FAST)
    assert "expected a pickle, got an empty stream" in line or OVER[1] in line


@pytest.mark.parametrize("what", ["memo index", "declared length", "10 GB string", "many None", "nested dict key"])
def test_real_monsters_within_the_limits_users_have(tmp_path: Path, what: str) -> None:
    make, _ = MONSTERS[what]
    refused(tmp_path, make(), apart=True)


def test_ten_gigabytes_behind_a_model(tmp_path: Path) -> None:
    line = refused(tmp_path, gzip.compress(dump(recognizer())) + BLOCK * 160, apart=True)
    assert "bytes after the pickle: expected at most 536870912, got more" in line


SHAPES: dict[str, tuple[dict[str, Any], str]] = {
    "10^12 elements": ({"shape": (10**12,), "data": bytes(8)}, "expected 8000000000000 bytes, got 8"),
    "10^12 in two axes": ({"shape": (10**6, 10**6), "data": bytes(8)}, "expected 8000000000000 bytes, got 8"),
    "negative": ({"shape": (-1,), "data": bytes(8)}, "expected a tuple of sizes as shape"),
    "overflowing": ({"shape": (2**62, 2**62), "data": b""}, "bytes, got 0"),
    "overflowing to nothing": ({"shape": (2**32, 2**32), "data": b""}, "bytes, got 0"),
    "nothing": ({"shape": (0, 10**12), "data": b""}, "softmax W2: expected shape"),
    "mismatching": ({"shape": (4, 7), "data": bytes(8 * 27)}, "expected 224 bytes, got 216"),
    "text as data": ({"shape": (4, 7), "data": Text("a" * 224)}, "expected bytes as data, got str"),
    "a list as data": ({"shape": (2,), "data": [1.0, 2.0]}, "expected bytes as data, got list"),
    "objects": (
        {"shape": (4, 7), "data": [Obj(Name("ocrolib.lstm", "LSTM"))] * 28, "code": b"O8"},
        "got NumPy type O8",
    ),
    "structures": ({"shape": (4, 7), "data": bytes(224), "code": b"V8"}, "got NumPy type V8"),
    "strings": ({"shape": (4, 7), "data": bytes(224), "code": b"S8"}, "got NumPy type S8"),
    "wide strings": ({"shape": (4, 7), "data": bytes(224), "code": b"U2"}, "got NumPy type U2"),
    "complex": ({"shape": (4, 7), "data": bytes(448), "code": b"c16"}, "got NumPy type c16"),
    "dates": ({"shape": (4, 7), "data": bytes(224), "code": b"M8"}, "got NumPy type M8"),
    "no type": ({"shape": (4, 7), "data": bytes(224), "code": b"f8,f8"}, "numpy.dtype: expected a type of NumPy"),
    "Boolean sizes": ({"shape": (True, True), "data": bytes(8)}, "expected a tuple of sizes"),
    "33 axes": ({"shape": (1,) * 33, "data": bytes(8)}, "expected a tuple of sizes"),
    "an endless size": ({"shape": (long_integer(1000),), "data": b""}, "expected a tuple of sizes"),
}


@pytest.mark.parametrize("what", SHAPES)
def test_arrays(tmp_path: Path, what: str) -> None:
    parts, message = SHAPES[what]
    line = refused(tmp_path, dump(recognizer(softmax={"W2": Raw(array(**parts)[2:-1])})))
    assert message in line


def test_a_structured_type_of_a_state(tmp_path: Path) -> None:
    dtype = dump(Call(Name("numpy", "dtype"), (b"f8", 0, 1)), Dialect(1))[:-1]
    state = (3, b"<", None, ("a", "b"), {"a": 1}, -1, -1, 0)
    assert "expected a plain type, got a structured one" in refused(
        tmp_path, dtype + dump(state, Dialect(1))[:-1] + b"b."
    )


def laughs(kind: bytes, depth: int = 40) -> Raw:
    """A list, tuple or dict of two of a list, ... : 2^depth items in a few hundred bytes."""
    data = b"N"
    for _ in range(depth):
        data += (
            b"q\x01"
            + {b"list": b"0]h\x01ah\x01a", b"tuple": b"0h\x01h\x01\x86", b"dict": b"0}K\x00h\x01sK\x01h\x01s"}[kind]
        )
    return Raw(data)


@pytest.mark.parametrize("kind", [b"list", b"tuple", b"dict"])
@pytest.mark.parametrize(
    "place", ["codec", "code2char", "label", "error_log", "cerror_log", "command_log", "lstm", "nets", "lnorm", "extra"]
)
def test_billion_laughs(tmp_path: Path, kind: bytes, place: str) -> None:
    laugh = laughs(kind)
    model = {
        "code2char": lambda: recognizer(changes={"codec": Obj(Name("ocrolib.lstm", "Codec"), {"code2char": laugh})}),
        "label": lambda: recognizer(codec={0: "", 1: laugh}),
        "nets": lambda: recognizer(changes={"lstm": Obj(Name("ocrolib.lstm", "Stacked"), {"nets": laugh})}),
        "lnorm": lambda: recognizer(
            changes={"lnorm": Obj(Name("ocrolib.lineest", "CenterNormalizer"), {"range": laugh})}
        ),
    }.get(place, lambda: recognizer(changes={place: laugh}))()
    if place in ("codec", "code2char", "label", "lstm", "nets"):
        assert "expected" in refused(tmp_path, dump(model))
        assert "expected" in here("show", tmp_path / "hostile.pyrnn").stderr
    else:
        source = tmp_path / "m.pyrnn"
        source.write_bytes(dump(model))
        assert here("convert", source).code == 0


NESTED = {
    "lists": (b"(l" * 100_000 + b"a" * 99_999, "got a list"),
    "binary lists": (b"]" * 100_000 + b"a" * 99_999, "got a list"),
    "tuples": (b")" + b"\x85" * 100_000, "got a tuple"),
    "dicts": (b"}" + b"N}" * 100_000 + b"s" * 100_000, "got a dict"),
    "marks": (b"(" * 100_000 + b"t" * 100_000, "got a tuple"),
    "instances": (
        b"(iocrolib.lstm\nStacked\n}U\x04nets" * 20_000 + b"N" + b"sb" * 20_000,
        "expected a line recognizer",
    ),
}


@pytest.mark.parametrize("what", NESTED)
def test_nesting(tmp_path: Path, what: str) -> None:
    opcodes, message = NESTED[what]
    assert message in refused(tmp_path, b"\x80\x02" + opcodes + b".")


@pytest.mark.parametrize("what", ["lists", "tuples", "dicts"])
@pytest.mark.parametrize(
    "place", ["error_log", "cerror_log", "command_log", "extra", "lnorm", "normalize", "last_trial"]
)
def test_nesting_where_it_does_no_harm(tmp_path: Path, what: str, place: str) -> None:
    source = tmp_path / "m.pyrnn"
    source.write_bytes(dump(recognizer(changes={place: Raw(NESTED[what][0])})))
    assert here("convert", source).code == 0


ITSELF = {
    "a list": b"]q\x01h\x01a",
    "a dict": b"}q\x01K\x00h\x01s",
    "a tuple": b"]q\x01h\x01\x85q\x02a0h\x02",
}


@pytest.mark.parametrize("what", ITSELF)
@pytest.mark.parametrize("place", ["codec", "lstm", "Ni", "No"])
def test_what_contains_itself(tmp_path: Path, what: str, place: str) -> None:
    assert "expected" in refused(tmp_path, b"\x80\x02" + ITSELF[what] + b".")
    assert f"{place}: expected" in refused(tmp_path, dump(recognizer(changes={place: Raw(ITSELF[what])})))


@pytest.mark.parametrize("kind", ["Stacked", "Parallel", "Reversed"])
def test_networks_that_contain_themselves(tmp_path: Path, kind: str) -> None:
    # An instance whose `nets` and `net` hold the instance.
    me = f"(iocrolib.lstm\n{kind}\n".encode() + b"q\x01}" + text("nets") + b"]h\x01ah\x01as" + text("net") + b"h\x01sb"
    assert "expected" in refused(tmp_path, dump(recognizer(changes={"lstm": Raw(me)})))


def test_a_codec_of_five_million(tmp_path: Path) -> None:
    items = b"".join(b"J" + struct.pack("<i", code) + b"U\x01a" for code in range(5_000_000))
    codec = Obj(Name("ocrolib.lstm", "Codec"), {"code2char": Raw(b"}(" + items + b"u")})
    line = refused(tmp_path, gzip.compress(dump(recognizer(changes={"codec": codec})), 1), apart=True)
    assert "codec: expected at most 50000 codes, got 5000000" in line or OVER[0] in line


def test_a_million_nets(tmp_path: Path) -> None:
    nets = Raw(b"](" + b"(iocrolib.lstm\nLSTM\n" * 100_000 + b"e")
    line = refused(tmp_path, dump(recognizer(changes={"lstm": Obj(Name("ocrolib.lstm", "Stacked"), {"nets": nets})})))
    assert "lstm nets: expected a short list, got a list" in line


def big(Ni: int, Ns: int) -> bytes:
    """A model of many weights, all alike, that packs to little."""
    Na = 1 + Ni + Ns
    lstm: dict[str, Any] = {name: np.full((Ns, Na), 1e-3) for name in ("WGI", "WGF", "WGO", "WCI")} | {
        name: np.full(Ns, 1e-3) for name in ("WIP", "WFP", "WOP")
    }
    lstm |= {"dims": (Ni, Ns, Na), "gix": None, **{f"D{name}": None for name in ("WGI", "WGF", "WGO", "WCI")}}
    softmax = {"Nh": 2 * Ns, "W2": np.full((4, 1 + 2 * Ns), 1e-3)}
    model = recognizer(2, 2, changes={"Ni": Ni, "lnorm": None}, forward=lstm, backward=lstm, softmax=softmax)
    return gzip.compress(dump(model), 1)


def test_more_weights_than_any_model_has(tmp_path: Path) -> None:
    line = refused(tmp_path, big(48, 1000), apart=True)
    assert f"model: expected at most {MAX_WEIGHTS} weights, got 8406004" in line
    assert "expected" in refused(tmp_path, big(2000, 2000), apart=True)


def test_the_largest_model_that_is_accepted_keeps_the_bounds(tmp_path: Path) -> None:
    source = tmp_path / "m.pyrnn.gz"
    source.write_bytes(big(48, 970))
    for arguments in (("convert", source), ("verify", source, tmp_path / "m.pyrnn.hdf5")):
        done = measured(*arguments)
        assert (done.code, done.stderr) == (0, "")
        assert done.memory < MEMORY
        assert done.seconds < SECONDS
