"""What `show --globals` names: all that Python would look up, whatever stands before it."""

from __future__ import annotations

import gzip
import json
import sys
from pathlib import Path

import pytest

from pyrnn2hdf5 import named_globals
from pyrnn2hdf5.errors import UnsafePickleError
from pyrnn2hdf5.limits import Limits
from pyrnn2hdf5.pyrnn.reader import load_pyrnn

from ..hostile_pickles import MONSTERS
from ..pickles import dump, recognizer
from .conftest import CANARY
from .opcodes import CALLS, NAMINGS, by_global, text
from .promise import here


@pytest.mark.parametrize("protocol", [0, 2, 5])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("naming", NAMINGS)
def test_every_opcode_that_names(tmp_path: Path, naming: str, call: str, protocol: int) -> None:
    path = tmp_path / "m"
    start = b"\x80" + bytes([protocol]) if protocol else b"("
    path.write_bytes(start + CALLS[call](NAMINGS[naming]("os", "system")) + b".")
    named = named_globals(path, limits=Limits(in_process=True))
    assert ("os.system", "dangerous") in {(name.path, name.verdict) for name in named}


CALLED = by_global("builtins", "str") + b")R"
"""What only a call would give."""

STOPS = {
    "a call with what a call gave": by_global("builtins", "int") + CALLED + b"R",
    "an instance of what a call gave": CALLED + b")\x81",
    "an instance with what a call gave": by_global("builtins", "int") + CALLED + b"\x81",
    "keywords that a call gave": by_global("builtins", "int") + b")" + CALLED + b"\x92",
    "a name that a call gave": CALLED + text("getcwd") + b"\x93",
    "a name in a text of Python 2": b"U\x02osU\x06getcwd\x93",
    "a buffer": b"\x97\x98",
    "no buffer": b"N\x98",
    "a persistent id": text("x") + b"Q",
    "an extension code": b"\x82\x07",
    "an extension code below": b"\x84\xff\xff\xff\xff",
    "a number of many digits": b"I" + b"9" * 5000 + b"\n",
    "text that is none": b"X\x01\x00\x00\x00\xff",
    "bytes beyond ASCII": b"S'\\xe4\xe4'\n",
    "a key that cannot be one": b"}]Ns",
    "a mark that is not there": b"t",
    "a memo of gigabytes": b"Nr\xff\xff\xff\x7f",
    "many items": b"(" + b"N" * 3_000_000 + b"l",
    "a minute of equal hashes": MONSTERS["equal hashes"][0]()[2:-1],
    "a crash": MONSTERS["nested dict key"][0]()[2:-1],
}


@pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded on Linux only")
@pytest.mark.parametrize("what", STOPS)
def test_nothing_hides_what_stands_behind_it(tmp_path: Path, what: str) -> None:
    path = tmp_path / "m"
    behind = STOPS[what] + b"0" + by_global("os", "system") + text(CANARY) + b"\x85R."
    path.write_bytes(gzip.compress(b"\x80\x05" + behind))
    named = named_globals(path, limits=Limits(memory=64 * 2**20, seconds=3))
    assert ("os.system", "dangerous") in {(name.path, name.verdict) for name in named}
    done = here("show", path, "--globals", "--json", "--max-seconds", 3, "--max-memory", "64M")
    assert done.code == 1
    shown = json.loads(done.stdout)
    assert "os.system" in {f"{name['module']}.{name['name']}" for name in shown["globals"]}


def test_a_name_that_is_computed_is_told(tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(b"\x80\x04" + STOPS["a name that a call gave"] + b".")
    last = named_globals(path)[-1]
    assert (last.path, last.allowed) == ("a computed name", False)


def test_what_is_too_long_to_be_looked_through_is_told(tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(gzip.compress(b"\x80\x02" + b"K\x01" * 5_000_000 + b"t0" + by_global("os", "system") + b"."))
    done = here("show", path, "--globals")
    assert done.code == 1
    assert "looked through, but not followed to its end: " in done.stdout
    assert "; nor is what comes behind" in done.stdout


def test_a_model_names_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(dump(recognizer()) + by_global("os", "system") + b".")
    assert all(name.allowed for name in named_globals(path))
    assert load_pyrnn(path).No == 4
    path.write_bytes(dump(recognizer())[:-1] + b"0" + by_global("os", "system") + b".")
    assert [name.path for name in named_globals(path) if not name.allowed] == ["os.system"]
    with pytest.raises(UnsafePickleError):
        load_pyrnn(path)
