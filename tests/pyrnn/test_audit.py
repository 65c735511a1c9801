"""What a pickle names, told by the unpickler itself: nothing hides a name, and nothing is run."""

from __future__ import annotations

import collections
import contextlib
import io
import pickle
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrnn2hdf5.pyrnn import window
from pyrnn2hdf5.pyrnn.audit import MAX_GLOBALS
from pyrnn2hdf5.pyrnn.stream import is_pyrnn, open_source
from pyrnn2hdf5.pyrnn.stubs import ObjectStub
from pyrnn2hdf5.pyrnn.unpickler import RestrictedUnpickler
from pyrnn2hdf5.show.facts import PARTS

from ..conftest import MODELS, SHARED
from ..pickles import Call, Dialect, Name, Raw, Text, dump, recognizer

LINEAGES = SHARED / "lineages"


@pytest.fixture
def scanned(tmp_path: Path) -> Any:
    def scan_bytes(data: bytes) -> Scan:
        path = tmp_path / "m"
        path.write_bytes(data)
        return scan(path)[0]

    return scan_bytes


class Recorder(pickle.Unpickler):
    """CPython's own unpickler, asked which globals it would look up."""

    def __init__(self, data: bytes) -> None:
        super().__init__(io.BytesIO(data), fix_imports=False, encoding="bytes")
        self.named: dict[tuple[str, str], None] = {}

    def find_class(self, module: str, name: str) -> Any:
        self.named[module, name] = None
        with contextlib.suppress(Exception):
            return RestrictedUnpickler.find_class(self, module, name)  # type: ignore[arg-type]
        return ObjectStub

    def persistent_load(self, pid: object) -> None:
        self.named["", "a persistent id"] = None


def looked_up(data: bytes) -> list[tuple[str, str]]:
    recorder = Recorder(data)
    with contextlib.suppress(Exception):
        recorder.load()
    return list(recorder.named)


def names(found: Scan) -> list[tuple[str, str]]:
    return [(name.module, name.name) for name in found.globals]


DIALECTS = [
    *(Dialect(0, style="INST"), Dialect(1), Dialect(2), Dialect(2, style="reconstructor"), Dialect(0, 3, "NEWOBJ")),
    *(Dialect(3, 3, "NEWOBJ"), Dialect(4, 3, "NEWOBJ"), Dialect(5, 3, "NEWOBJ", "numpy._core")),
]


@pytest.mark.parametrize("dialect", DIALECTS, ids=repr)
def test_every_dialect(dialect: Dialect, scanned: Any) -> None:
    data = dump(recognizer(Ni=20, Ns=10), dialect)
    found = scanned(data)
    assert names(found) == looked_up(data)
    assert all(name.allowed for name in found.globals)
    assert (found.protocol, found.problem) == (dialect.protocol, None)
    for name in found.globals:
        spelled = b"%s\n%s\n" % (name.module.encode(), name.name.encode())
        assert data[name.offset :].startswith((b"c" + spelled, b"i" + spelled, b"\x93"))
    assert tuple(found.parts) == PARTS
    assert sum(found.parts.values()) == len(data)


def test_parts_are_told_by_name(scanned: Any) -> None:
    value = recognizer(Ni=20, Ns=10, changes={"key_log": ["a line of text, far longer than any name is"] * 50})
    data = dump(value, Dialect(2))
    parts = scanned(data).parts
    gates, peepholes, W2 = 2 * 4 * 10 * 31 * 8, 2 * 3 * 10 * 8, 4 * 21 * 8
    assert 0 < parts["weights"] - (gates + peepholes + W2) < 4000
    assert 0 < parts["derivatives"] - gates < 4000
    assert 2 * 2 * 10 * 8 < parts["buffers"] < 2000
    assert 50 * 43 < parts["history"] < 50 * 43 + 2000


@pytest.mark.parametrize("path", sorted(MODELS.iterdir()), ids=lambda path: path.name)
def test_fixtures(path: Path) -> None:
    found, facts = scan(path)
    assert all(name.allowed for name in found.globals)
    assert facts.unpacked_size == sum(found.parts.values())
    # 12,313 weights of eight bytes; protocol 0 spells bytes out.
    assert found.parts["weights"] // 12_313 == (23 if found.protocol == 0 else 8)


@pytest.mark.real
@pytest.mark.parametrize("path", [p for p in sorted(LINEAGES.glob("*.*")) if is_pyrnn(p)], ids=lambda path: path.name)
def test_lineages(path: Path) -> None:
    with open_source(path, ignore_checksum=True) as stream:
        data = stream.reader.read()
    assert names(scan(path)[0]) == looked_up(data)


VALUES = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=600), st.binary(max_size=600),
        st.sampled_from([collections.OrderedDict, collections.defaultdict, dict, Path, "WGI", "dstats", "W2"]),
    ),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=30,
)  # fmt: skip


@given(VALUES, st.integers(0, 5), st.integers(1, 40))
def test_whatever_python_pickles(
    tmp_path_factory: pytest.TempPathFactory, value: Any, protocol: int, chunk: int
) -> None:
    data = pickle.dumps(value, protocol)
    if data[0] not in b"\x80(c]}":
        data = pickle.dumps([value], protocol)
    path = tmp_path_factory.mktemp("scan") / "m"
    path.write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(window, "CHUNK", chunk)
        found = scan(path)[0]
    assert names(found) == looked_up(data)
    assert (sum(found.parts.values()), found.problem) == (len(data), None)


def test_names_come_back_from_the_memo(scanned: Any) -> None:
    def name(text: bytes) -> bytes:
        return b"\x8c" + bytes([len(text)]) + text + b"\x94"

    # What is memoized in between counts: the tuple is 3, the bytes are 4, `defaultdict` is 5.
    data = b"".join(
        (
            *(b"\x80\x04(", name(b"collections"), name(b"OrderedDict"), b"\x93\x94K\x01\x85\x94C\x01b\x94N0"),
            *(b"h\x00", name(b"defaultdict"), b"\x93\x94h\x00h\x05\x93t."),
        )
    )
    assert names(scanned(data)) == looked_up(data) == [("collections", "OrderedDict"), ("collections", "defaultdict")]


TEXTS = [b"os", b"system", b"ocrolib.lstm", b"LSTM", b"x" * 600]
PIECES = st.one_of(
    st.sampled_from([b"\x8c" + bytes([len(text)]) + text for text in TEXTS[:4]]),
    st.sampled_from([b"X" + struct.pack("<I", len(text)) + text for text in TEXTS]),
    st.sampled_from([b"V" + text + b"\n" for text in TEXTS]),
    st.sampled_from([b"U\x02os", b"C\x02os", b"S'os'\n", b"K\x01", b"G12345678", b"L5L\n", b"I01\n", b"\x8a\x01\x05"]),
    st.sampled_from([b"L" + b"9" * 300 + b"L\n", b"C\x01\x94", b"\x80\x04", b"K\x94", b"h\x94"]),
    st.sampled_from([b"cos\nsystem\n", b"(iocrolib.lstm\nLSTM\n", b"\x93", b"\x93", b"\x93", b"Pid\n", b"Q"]),
    st.sampled_from([b"\x94", b"q\x00", b"q\x01", b"r\x00\x00\x00\x00", b"p0\n", b"p1\n", b"\x95" + bytes(8)]),
    st.sampled_from([b"h\x00", b"h\x01", b"j\x00\x00\x00\x00", b"g0\n", b"g1\n", b"h\x02", b"g 0\n", b"p +1\n"]),
    st.sampled_from([b"0", b"1", b"2", b"(", b"N", b"t", b"\x85", b"\x86", b")", b"]", b"}", b"a", b"R", b"b", b"o"]),
)


@given(st.sampled_from([b"\x80\x02", b"\x80\x04", b"]"]), st.lists(PIECES, max_size=25))
def test_nothing_hides_a_global(tmp_path_factory: pytest.TempPathFactory, start: bytes, pieces: list[bytes]) -> None:
    data = start + b"".join(pieces) + b"."
    path = tmp_path_factory.mktemp("scan") / "m"
    path.write_bytes(data)
    found = names(scan(path)[0])
    if ("", "a computed name") not in found:
        assert set(looked_up(data)) <= set(found)


HOSTILE = {
    "GLOBAL": (dump(Name("os", "system")), "os.system"),
    "INST": (b"(ios\nsystem\n.", "os.system"),
    "STACK_GLOBAL": (dump(Call(Name("os", "system"), ("id",)), Dialect(4, 3)), "os.system"),
    "STACK_GLOBAL in protocol 2": (b"\x80\x02X\x02\0\0\0osq\0X\x06\0\0\0system\x93.", "os.system"),
    "by GETs": (b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94N0h\0h\1\x93.", "os.system"),
    "a name behind what is taken away": (
        b"\x80\x04\x8c\x02os\x8c\x06system\x8c\x0cocrolib.lstm\x8c\x04LSTM00\x93.",
        "a computed name",
    ),
    "a memo written over": (
        b"\x80\x02X\x04\0\0\0LSTMq\0X\x06\0\0\0systemN0q\0X\x02\0\0\0osh\0\x93.",
        "a computed name",
    ),
    "numbered and counted memo": (b"\x80\x04\x8c\x04LSTMq\1\x8c\x06system\x94\x8c\x02osh\1\x93.", "a computed name"),
    "numbered memo, counted over in a run": (
        b"\x80\x04\x8c\x08builtinsq\2q\x030\x8c\x04evilN0\x940h\2\x8c\x04list\x93.",
        "a computed name",
    ),
    "a memo index that only Python understands": (
        b"\x80\x02X\x04\0\0\0LSTMq\1X\x06\0\0\0systemp +1\nX\x02\0\0\0osh\1\x93.",
        "a computed name",
    ),
    "behind a number of many digits": (b"(L" + b"9" * 300 + b"L\ncos\nsystem\n.", "os.system"),
    "extension code": (b"\x80\x02\x82\x01.", "an extension code"),
    "persistent id": (b"(Pid\nt.", "a persistent id"),
    "persistent id from the stack": (b"\x80\x02NQ.", "a persistent id"),
    "out-of-band buffer": (b"\x80\x05\x97.", "an out-of-band buffer"),
    "subclass of an allowed name": (b"cocrolib.lstm\nLSTM.__init__\n.", "ocrolib.lstm.LSTM.__init__"),
}


@pytest.mark.parametrize("trick", HOSTILE)
def test_tricks(trick: str, scanned: Any) -> None:
    data, culprit = HOSTILE[trick]
    refused = [name.path for name in scanned(data).globals if not name.allowed]
    assert refused == [culprit]


def test_a_pickle_that_cannot_be_read_is_scanned_as_far_as_it_goes(scanned: Any) -> None:
    found = scanned(b"\x80\x02cos\nsystem\n\xff")
    assert (names(found), found.problem) == ([("os", "system")], r"no opcode of a pickle: b'\xff' at byte 13")
    for cut in (b"\x80\x02cos\nsystem\nT\xff\xff\xff\x7fabc", b"\x80\x02cos\nsystem\nX\x09", b"cos\nsystem\ncos\nsys"):
        found = scanned(cut)
        assert (names(found)[0], found.problem) == (("os", "system"), "the pickle is cut off")
        assert sum(found.parts.values()) <= len(cut)


def test_only_the_first_pickle_counts(scanned: Any) -> None:
    assert names(scanned(dump(Text("a"), Dialect(2)) + dump(Name("os", "system")))) == []


def test_a_long_list_of_globals_is_cut_with_a_count(scanned: Any) -> None:
    found = scanned(dump([Raw(b"cm\nn%d\n" % n) for n in range(MAX_GLOBALS + 7)], Dialect(2)))
    assert (len(found.globals), found.unlisted) == (MAX_GLOBALS, 7)
    assert len(scanned(b"c" + b"m" * 10**6 + b"\nn\n.").globals[0].module) == 500
