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

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrnn2hdf5.errors import CorruptPickleError, Pyrnn2Hdf5Error, UnsafePickleError
from pyrnn2hdf5.pyrnn.stubs import StubType
from pyrnn2hdf5.pyrnn.unpickler import ALLOWED, unpickle

from ..hostile_pickles import evil
from ..pickles import DIALECTS, Dialect, Name, dump, recognizer

LSTM = Name("ocrolib.lstm", "LSTM")


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
