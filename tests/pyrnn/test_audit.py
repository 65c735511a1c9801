"""What a pickle names, told by the unpickler itself: nothing hides a name, and nothing is imported or run."""

from __future__ import annotations

import collections
import contextlib
import copyreg
import datetime
import fractions
import gzip
import io
import os
import pickle
import struct
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrnn2hdf5.errors import CorruptPickleError, LoadLimitError, Pyrnn2Hdf5Error, SourceError, UnsafePickleError
from pyrnn2hdf5.limits import Limits
from pyrnn2hdf5.pyrnn.audit import MAX_CALLS, MAX_EXTENSIONS, MAX_GLOBALS, Names, audit, spell
from pyrnn2hdf5.pyrnn.examination import measure_file
from pyrnn2hdf5.pyrnn.findings import Global, globals_of
from pyrnn2hdf5.pyrnn.reader import examine_pyrnn, named_globals
from pyrnn2hdf5.pyrnn.stream import is_pyrnn
from pyrnn2hdf5.pyrnn.stubs import ObjectStub
from pyrnn2hdf5.pyrnn.unpickler import MAX_NAME, RestrictedUnpickler, stub_of, verdict_of

from ..conftest import MODELS, SHARED
from ..hostile_pickles import evil
from ..pickles import DIALECTS, Call, Dialect, Name, Raw, Text, dump, recognizer

LINEAGES = SHARED / "lineages"
HERE = Limits(in_process=True)

Write = Callable[[bytes], Path]


@pytest.fixture
def written(tmp_path: Path) -> Write:
    """Write a pickle to a file."""

    def write(data: bytes) -> Path:
        path = tmp_path / "m"
        path.write_bytes(data)
        return path

    return write


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A shell command that would leave a file behind; afterwards there must be none."""
    monkeypatch.chdir(tmp_path)
    yield "touch canary"
    assert not (tmp_path / "canary").exists()


class Recorder(pickle.Unpickler):
    """CPython's own unpickler, asked which globals it would look up; what it gets is up to `found`."""

    def __init__(self, data: bytes, found: Callable[[Recorder, str, str], Any]) -> None:
        super().__init__(io.BytesIO(data), encoding="bytes")
        self.found = found
        self.named: dict[tuple[str, str], None] = {}

    def find_class(self, module: str, name: str) -> Any:
        self.named[module[:MAX_NAME], name[:MAX_NAME]] = None
        return self.found(self, module, name)

    def persistent_load(self, pid: object) -> None:
        self.named["", "a persistent id"] = None


def stub(recorder: Recorder, module: str, name: str) -> Any:
    return stub_of(module, name) or ObjectStub


def real(recorder: Recorder, module: str, name: str) -> Any:
    return pickle.Unpickler.find_class(recorder, module, name)


def looked_up(data: bytes, found: Callable[[Recorder, str, str], Any] = stub) -> list[tuple[str, str]]:
    """What CPython looks up, until what it gets is used in a way it cannot be."""
    recorder = Recorder(data, found)
    with contextlib.suppress(Exception):
        recorder.load()
    return list(recorder.named)


def audited(data: bytes) -> tuple[Global, ...]:
    """What our audit hears, in this process, until the pickle can be followed no more."""
    told: list[tuple[str, ...]] = []
    with contextlib.suppress(CorruptPickleError):
        audit(lambda: io.BytesIO(data), Names(told.append))
    return globals_of(told)


def names(found: tuple[Global, ...]) -> list[tuple[str, str]]:
    return [(name.module, name.name) for name in found]


@pytest.mark.parametrize("dialect", DIALECTS, ids=repr)
def test_every_dialect(dialect: Dialect) -> None:
    data = dump(recognizer(), dialect)
    found = audited(data)
    assert names(found) == looked_up(data)
    assert all(name.allowed for name in found)


@pytest.mark.parametrize("path", sorted(MODELS.iterdir()), ids=lambda path: path.name)
def test_fixtures(path: Path) -> None:
    found = named_globals(path)
    assert found
    assert all(name.allowed and not name.calls for name in found)


@pytest.mark.real
@pytest.mark.parametrize("path", [p for p in sorted(LINEAGES.glob("*.*")) if is_pyrnn(p)], ids=lambda path: path.name)
def test_lineages(path: Path) -> None:
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        packed, data = gzip.GzipFile(fileobj=io.BytesIO(data)), b""
        # One of them has a damaged trailer.
        with contextlib.suppress(OSError):
            while more := packed.read1(2**20):
                data += more
    found = named_globals(path)
    assert names(found) == looked_up(data)
    assert all(name.allowed for name in found)


VALUES = st.recursive(
    st.one_of(
        *(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=600), st.binary(max_size=600)),
        *(st.binary(max_size=60).map(bytearray), st.complex_numbers(), st.dates(), st.timedeltas(), st.fractions()),
        *(st.uuids(), st.sets(st.integers()), st.frozensets(st.text(max_size=3))),
        st.sampled_from(
            [
                *(collections.OrderedDict, collections.defaultdict, dict, Path, len, print, "WGI", os.getcwd),
                *(collections.OrderedDict(a=1), collections.Counter("abca"), collections.deque([1, [2]], 5)),
                *(collections.defaultdict(list, a=[1]), Path("a/b"), range(5), slice(1, 2), datetime.timezone.utc),
                *(fractions.Fraction, uuid.UUID, ValueError("x"), OSError(2, "x"), bytearray.fromhex, b"".join),
            ]
        ),
    ),
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=30,
)


@given(VALUES, st.integers(0, 5))
def test_whatever_python_pickles(value: Any, protocol: int) -> None:
    data = pickle.dumps(value, protocol)
    told: list[tuple[str, ...]] = []
    # To its end: nothing may stop it.
    audit(lambda: io.BytesIO(data), Names(told.append))
    assert names(globals_of(told)) == looked_up(data, real)


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
    st.sampled_from([b"e", b"s", b"u", b"\x81", b"\x92", b"\x8f", b"\x90", b"\x91"]),
)


@given(st.sampled_from([b"\x80\x02", b"\x80\x04", b"]"]), st.lists(PIECES, max_size=25))
def test_nothing_hides_a_global(start: bytes, pieces: list[bytes]) -> None:
    data = start + b"".join(pieces) + b"."
    met = looked_up(data)
    assert names(audited(data))[: len(met)] == met


TRICKS = {
    "GLOBAL": (dump(Name("os", "system")), "os.system"),
    "INST": (b"(ios\nsystem\n.", "os.system"),
    "STACK_GLOBAL": (dump(Call(Name("os", "system"), ("id",)), Dialect(4, 3)), "os.system"),
    "STACK_GLOBAL in protocol 2": (b"\x80\x02X\x02\0\0\0osq\0X\x06\0\0\0system\x93.", "os.system"),
    "by GETs": (b"\x80\x04\x8c\x02os\x94\x8c\x06system\x94N0h\0h\1\x93.", "os.system"),
    "a name behind what is taken away": (
        b"\x80\x04\x8c\x02os\x8c\x06system\x8c\x0cocrolib.lstm\x8c\x04LSTM00\x93.",
        "os.system",
    ),
    "a memo written over": (b"\x80\x02X\x04\0\0\0LSTMq\0X\x06\0\0\0systemN0q\0X\x02\0\0\0osh\0\x93.", "os.system"),
    "numbered and counted memo": (b"\x80\x04\x8c\x04LSTMq\1\x8c\x06system\x94\x8c\x02osh\1\x93.", "os.system"),
    "numbered memo, counted over in a run": (
        b"\x80\x04\x8c\x08builtinsq\2q\x030\x8c\x04evilN0\x940h\2\x8c\x04list\x93.",
        "evil.list",
    ),
    "a memo index that only Python understands": (
        b"\x80\x02X\x04\0\0\0LSTMq\1X\x06\0\0\0systemp +1\nX\x02\0\0\0osh\1\x93.",
        "os.system",
    ),
    "behind a number of many digits": (b"(L" + b"9" * 300 + b"L\ncos\nsystem\n.", "os.system"),
    "persistent id": (b"(Pid\nt.", "a persistent id"),
    "persistent id from the stack": (b"\x80\x02NQ.", "a persistent id"),
    "subclass of an allowed name": (b"cocrolib.lstm\nLSTM.__init__\n.", "ocrolib.lstm.LSTM.__init__"),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_tricks(trick: str, written: Write) -> None:
    data, culprit = TRICKS[trick]
    found = named_globals(written(data))
    assert [name.path for name in found if not name.allowed] == [culprit]
    assert names(found) == looked_up(data)


@pytest.mark.parametrize(
    ("data", "culprit"),
    [
        (b"\x80\x02\x82\x01.", "an extension code"),
        (b"\x80\x02\x83\x01\x02.", "an extension code"),
        (b"\x80\x02\x84\xff\xff\xff\x7f.", "an extension code"),
        (b"\x80\x05\x97.", "an out-of-band buffer"),
    ],
)
def test_what_is_no_name_is_told_too(data: bytes, culprit: str, written: Write) -> None:
    found, named = examine_pyrnn(written(data))
    assert named == (Global("", culprit, "unknown"),)
    assert found.unfollowed is None


def test_names_behind_extension_codes_are_told() -> None:
    def data(count: int) -> bytes:
        return b"\x80\x02cos\ngetcwd\n)R0" + b"".join(b"\x82%c0" % n for n in range(1, count + 1)) + b"cos\nsystem\n."

    found = audited(data(MAX_EXTENSIONS))
    assert [name.path for name in found] == ["os.getcwd", "an extension code", "os.system"]
    # However often it was begun again.
    assert found[0].calls == ("",)
    with pytest.raises(CorruptPickleError, match=f"extension codes: expected at most {MAX_EXTENSIONS}, got more"):
        audit(lambda: io.BytesIO(data(MAX_EXTENSIONS + 1)), Names(lambda told: None))


def test_extension_codes_of_another_library_are_names() -> None:
    copyreg.add_extension("os", "getcwd", 240)
    try:
        # So that it is in the cache of Python.
        assert pickle.loads(b"\x80\x02\x82\xf0.") is os.getcwd
        assert [name.path for name in audited(b"\x80\x02\x82\xf0\x82\xf10.")] == ["os.getcwd", "an extension code"]
        assert pickle.loads(b"\x80\x02\x82\xf0.") is os.getcwd
    finally:
        copyreg.remove_extension("os", "getcwd", 240)


@pytest.mark.parametrize("limits", [Limits(), HERE], ids=["in a process", "in this process"])
@pytest.mark.parametrize("data", [b"\x80\x02\x82\x01.", b"\x80\x02\x82\x02\xff", b"\x80\x02\x82\x03cos\nsystem\n)R."])
def test_copyreg_is_afterwards_as_it_was_before(data: bytes, limits: Limits, written: Write) -> None:
    def state() -> list[dict[Any, Any]]:
        registries = ("_extension_registry", "_inverted_registry", "_extension_cache", "dispatch_table")
        return [dict(getattr(copyreg, name)) for name in registries]

    before = state()
    assert named_globals(written(data), limits=limits)
    assert state() == before


@pytest.mark.parametrize("limits", [Limits(), HERE], ids=["in a process", "in this process"])
@pytest.mark.parametrize("trick", evil(""))
def test_what_runs_programs_is_dangerous_and_not_run(trick: str, limits: Limits, canary: str, written: Write) -> None:
    found = named_globals(written(evil(canary)[trick]), limits=limits)
    (name,) = [name for name in found if not name.allowed]
    assert name.verdict == "dangerous"
    assert name.path in ("os.system", "posix.system", "__builtin__.eval", "builtins.getattr")
    assert name.calls == (() if trick == "BUILD" else ("'touch canary'",))


def test_nothing_is_imported(written: Write) -> None:
    before = set(sys.modules)
    data = b"cantigravity\nfly\n)R0cthis\ns\n0cwebbrowser\nopen\n(S'x'\ntR."
    found = named_globals(written(data), limits=HERE)
    assert [name.path for name in found] == ["antigravity.fly", "this.s", "webbrowser.open"]
    assert {"antigravity", "this"}.isdisjoint(set(sys.modules) - before)


@pytest.mark.parametrize(
    ("path", "verdict"),
    [
        *(("os.system", "dangerous"), ("nt.system", "dangerous"), ("subprocess.Popen", "dangerous")),
        *(("os.path.join", "dangerous"), ("importlib.util.x", "dangerous"), ("builtins.eval", "dangerous")),
        *(("__builtin__.getattr", "dangerous"), ("builtins.eval.__call__", "dangerous"), ("numpy.load", "dangerous")),
        *(("numpy.core.multiarray.fromfile", "dangerous"), ("numpy.f2py.diagnose", "dangerous")),
        *(("torch.load", "dangerous"), ("ctypes.CDLL", "dangerous"), ("pickle.loads", "dangerous")),
        *(("builtins.dict", "allowed"), ("ocrolib.lstm.LSTM", "allowed"), ("lstm.lstm.Codec", "allowed")),
        *(("numpy.dtype", "allowed"), ("collections.OrderedDict", "allowed")),
        *(("osx.path", "unknown"), ("my.fork.LSTM", "unknown"), ("builtins.evaluate", "unknown")),
        *(("numpy.random.RandomState", "unknown"), ("ocrolib.lstm.LSTM.__init__", "dangerous")),
        # What OCRopus and kraken have themselves, or import: `from pylab import *` is in `ocrolib.morph`.
        *(
            (f"ocrolib.common.{name}", "dangerous")
            for name in ("pyconstruct", "mkpython", "load_object", "save_object")
        ),
        *((f"ocrolib.common.{name}", "dangerous") for name in ("glob_all", "set_params", "die", "os", "write_text")),
        *(("ocrolib.common.unpickle_find_global", "dangerous"), ("ocrolib.native.compile_and_load", "dangerous")),
        *(("ocrolib.lstm.load", "dangerous"), ("lstm.load", "dangerous"), ("ocrolib.morph.fromfile", "dangerous")),
        *(("ocrd_cis.ocropy.ocrolib.common.die", "dangerous"), ("kraken.lib.models.load_any", "dangerous")),
        *(("kraken.lib.models.pyrnn_to_hdf5", "dangerous"), ("kraken.lib.vgsl.TorchVGSLModel.load_model", "dangerous")),
        *(("ocrolib.lstm.normalize_nfkc", "allowed"), ("ocrolib.common.normalize_text", "unknown")),
        *(("ocropy_master.ocrolib.lstm.LSTM", "unknown"), ("kraken.lib.lstm.BIDILSTM", "unknown")),
        # Names of the fourth protocol, of which Python looks up part after part.
        *(("__main__.__builtins__.eval", "dangerous"), ("ocrolib.lstm.os.system", "dangerous")),
        *(("fork.tools.subprocess.Popen", "dangerous"), ("fork.X.__globals__", "dangerous")),
        *(("fork.tools.system", "dangerous"), ("fork.tools.popen2", "dangerous"), ("fork.io", "dangerous")),
        *(("__main__.LSTM", "unknown"), ("__main__.normalize_komi", "unknown"), ("__builtin__.complex", "unknown")),
        # Known ways to run code.
        *(("pandas.eval", "dangerous"), ("pandas.read_pickle", "dangerous"), ("numexpr.evaluate", "dangerous")),
        *(("sympy.sympify", "dangerous"), ("yaml.unsafe_load", "dangerous"), ("pexpect.run", "dangerous")),
        *(("weave.inline", "dangerous"), ("scipy.weave.inline", "dangerous"), ("git.Repo", "dangerous")),
        *(("fabric.api.local", "dangerous"), ("IPython.embed", "dangerous"), ("keras.models.load_model", "dangerous")),
        *(("tensorflow.io.read_file", "dangerous"), ("h5py.File", "dangerous"), ("PIL.Image.open", "dangerous")),
        *(("matplotlib.pyplot.savefig", "dangerous"), ("pylab.savefig", "dangerous"), ("sh.Command", "dangerous")),
        *(("jinja2.Template", "dangerous"), ("new.code", "dangerous"), ("joblib.load", "dangerous")),
        *((f"numpy.{name}", "dangerous") for name in ("fromfile", "save", "memmap", "loads", "lib.npyio.load")),
        *((f"numpy.{name}", "dangerous") for name in ("core.memmap.memmap", "testing.rundocs", "DataSource")),
        *(("dill.loads", "dangerous"), ("cloudpickle.loads", "dangerous"), ("scipy.io.loadmat", "dangerous")),
        *(("fork.tools.load_all", "dangerous"), ("fork.tools.reopen", "unknown"), ("fork.tools.loader", "unknown")),
    ],
)
def test_verdicts(path: str, verdict: str) -> None:
    module, _, name = path.rpartition(".")
    assert verdict_of(module, name) == verdict
    # As the fourth protocol may spell it.
    head, _, rest = path.partition(".")
    assert verdict_of(head, rest) == verdict or verdict == "allowed"


@pytest.mark.parametrize(
    "module",
    ['json;import os;os.system("x")', "json as x", "json,os", "os\n", " os", "a..b", ".a", "a.", "1a", "m" * 501],
)
def test_a_module_that_is_no_name_is_dangerous(module: str, written: Write) -> None:
    """OCRopus' own loader runs `exec "import " + module`."""
    assert verdict_of(module, "dumps") == "dangerous"
    if "\n" not in module:
        assert [name.verdict for name in named_globals(written(b"\x80\x02c" + module.encode() + b"\ndumps\n."))] == [
            "dangerous"
        ]


def test_nothing_behind_the_part_of_a_name_that_is_told_hides() -> None:
    assert verdict_of("m", "x." * 400 + "os.system") == "dangerous"
    (name,) = audited(b"\x80\x04\x8c\x01mX\x29\x03\0\0" + b"x." * 400 + b"os.system\x93.")
    assert name.verdict == "dangerous"


@pytest.mark.parametrize("prefix", ["", "ocrd_cis.ocropy.ocrolib."])
def test_names_with_a_hyphen_are_names(prefix: str) -> None:
    assert verdict_of(f"{prefix}ocropus-rtrain", "Trainer") == "unknown"


def test_arguments_are_told_as_python_would_write_them() -> None:
    inner = Call(Name("os", "getenv"), (Text("HOME"),))
    arguments = (Text("\x1b[2J\u202e"), b"a\n", 5, -1.5, None, [1, (2, [3, [4]])], Name("os", "x"), inner)
    (call,) = audited(dump(Call(Name("os", "popen"), arguments)))[0].calls
    assert call == r"'\x1b[2J\u202e', b'a\n', 5, -1.5, None, (1, (2, a list)), os.x, os.getenv(...)"


def test_arguments_of_unknown_names_are_told_too(written: Write) -> None:
    thing, known = Name("fork", "Thing"), Name("collections", "OrderedDict")
    data = dump(
        [Call(thing, (Text("rm"), 1)), Call(known, ([],)), Call(Name("os", "getenv"), (Text("x"),))], Dialect(2)
    )
    told = {name.path: name.calls for name in named_globals(written(data))}
    assert told == {"fork.Thing": ("'rm', 1",), "collections.OrderedDict": (), "os.getenv": ("'x'",)}


def test_arguments_that_are_long_many_or_endless_are_cut() -> None:
    def calls(*arguments: Any) -> str:
        (call,) = audited(dump(Call(Name("os", "popen"), arguments)))[0].calls
        return call

    assert calls(Text("a" * 1000)) == f"'{'a' * 80}'..."
    assert calls(*range(20)) == "0, 1, 2, 3, 4, 5, 6, 7, ..."
    assert calls(list(range(20))) == "(0, 1, 2, 3, 4, 5, 6, 7, ...)"
    assert calls(10**400) == "a int"
    assert calls({1: 2}) == "a dict"
    # A list that holds itself.
    assert audited(b"cos\nsystem\n((lp0\ng0\natR.")[0].calls == ("((a list))",)
    many = dump([Call(Name("os", "system"), (number,)) for number in range(MAX_CALLS + 5)])
    assert audited(many)[0].calls == tuple(map(str, range(MAX_CALLS)))
    assert audited(dump([Call(Name("os", "system"), (7,))] * 3))[0].calls == ("7",)


def test_a_pickle_is_followed_as_far_as_it_goes(written: Write) -> None:
    for data, problem in (
        (b"\x80\x02cos\nsystem\n\xff", r"malformed pickle: invalid load key, '\xff'."),
        (b"\x80\x02cos\nsystem\nT\xff\xff\x00\x00abc", "malformed pickle: pickle data was truncated"),
        (b"cos\nsystem\ncos\nsys", "malformed pickle: pickle data was truncated"),
    ):
        found, named = examine_pyrnn(written(data))
        assert names(named)[0] == ("os", "system")
        assert {name.module for name in named} == {"os"}
        assert found.unfollowed is not None
        assert found.unfollowed.startswith(problem)
        assert isinstance(found.problem, UnsafePickleError)


def test_only_the_first_pickle_counts(written: Write) -> None:
    assert named_globals(written(dump(Text("a"), Dialect(2)) + dump(Name("os", "system")))) == ()


def test_a_long_list_of_globals_is_cut_with_a_count(written: Write) -> None:
    found, named = examine_pyrnn(written(dump([Raw(b"cm\nn%d\n" % n) for n in range(MAX_GLOBALS + 7)], Dialect(2))))
    assert (len(named), found.unlisted) == (MAX_GLOBALS, 7)
    long = named_globals(written(b"c" + b"m" * 10**6 + b"\nn\n."))
    assert len(long[0].module) == MAX_NAME


def test_no_number_of_names_hides_a_dangerous_one() -> None:
    harmless = [Raw(b"cm\nn%d\n" % n) for n in range(MAX_GLOBALS)]
    found = audited(dump([*harmless, Call(Name("os", "system"), (1,))]))
    assert found[-1] == Global("os", "system", "dangerous", ("1",))
    dangerous = [Raw(b"cos\nn%d\n" % n) for n in range(3 * MAX_GLOBALS)]
    assert len(audited(dump(dangerous))) == 2 * MAX_GLOBALS


ENDINGS: dict[str, tuple[Callable[[], bytes], type[Pyrnn2Hdf5Error], str]] = {
    "a crash": (lambda: b"})" + b"\x85" * 2_000_000 + b"Ns.", CorruptPickleError, "loading ended by SIGSEGV"),
    "time": (
        # Keys of one hash: what Python takes for them grows with the square of their number.
        lambda: b"}(" + b"".join(b"L%dL\nN" % (k * (2**61 - 1)) for k in range(60_000)) + b"u.",
        LoadLimitError,
        "time to load: expected at most 2 s",
    ),
}


@pytest.mark.parametrize("what", ENDINGS)
def test_what_was_named_before_the_end_of_a_reader_is_told(what: str, written: Write) -> None:
    make, kind, message = ENDINGS[what]
    path = written(gzip.compress(b"\x80\x02cos\nsystem\n(S'id'\ntR0" + make(), 1))
    found, named = examine_pyrnn(path, limits=Limits(seconds=2))
    assert named == (Global("os", "system", "dangerous", ("b'id'",)),)
    assert isinstance(found.problem, kind)
    assert message in str(found.problem)
    assert found.unfollowed == str(found.problem)
    assert (found.protocol, found.source.compression) == (2, "gzip")
    assert found.source.size == path.stat().st_size


def test_a_busy_machine_spells_fewer_names_and_tells_the_file_all_the_same(
    written: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyrnn2hdf5.pyrnn.audit.SPELL_SECONDS", 0)
    path = written(b"\x80\x02cos\nsystem\n(S'id'\ntR.")
    told: list[tuple[str, ...]] = []
    with path.open("rb", buffering=0) as file:
        found = measure_file(file, Limits(), told.append, name="m")
    assert (told, found.source.size) == ([], path.stat().st_size)


@pytest.mark.parametrize(("spent", "left"), [(1, 14), (12, 3), (15.5, 3), (100, 3)])
def test_a_second_reading_takes_what_the_first_has_left(
    spent: float, left: float, written: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, asked = [0.0], []

    def bounded(read: str, path: Path, limits: Limits, *_: object, **__: object) -> object:
        asked.append(limits.seconds)
        now[0] += spent
        raise LoadLimitError(f"reading {len(asked)}")

    monkeypatch.setattr("pyrnn2hdf5.pyrnn.reader.bounded", bounded)
    monkeypatch.setattr("pyrnn2hdf5.pyrnn.reader.monotonic", lambda: now[0])
    with pytest.raises(LoadLimitError, match="reading 1"):
        examine_pyrnn(written(b""), limits=Limits())
    assert asked == [15, left]


def test_looking_through_leaves_time_for_the_facts_of_the_file(written: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    granted: list[float] = []
    monkeypatch.setattr("pyrnn2hdf5.pyrnn.examination.spell", lambda stream, names, seconds: granted.append(seconds))
    with written(b"\x80\x02N.").open("rb", buffering=0) as file:
        measure_file(file, Limits(seconds=3), lambda told: None, name="m")
    assert granted == [2]


def test_millions_of_opcodes_that_name_nothing_cost_next_to_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pyrnn2hdf5.pyrnn.audit.MAX_OPCODES", 10_000)
    told: list[tuple[str, ...]] = []
    data = b"\x80\x04" + b"N0)\x85" * 1_000_000 + b"\x8c\x02os\x8c\x06system\x93" + b"0N" * 1_000_000 + b"cos\nx\n."
    spell(io.BufferedReader(cast(Any, io.BytesIO(data)), 2**16), Names(told.append))
    assert told == [("os", "system", "dangerous"), ("os", "x", "dangerous")]
    told.clear()
    data = b"\x80\x04\x8c\x02os\x8c\x06system" + b"N" * 100_000 + b"\x93."
    spell(io.BufferedReader(cast(Any, io.BytesIO(data)), 2**16), Names(told.append))
    assert told == [("", "a computed name", "unknown")]


def test_memory_is_no_way_out(written: Write) -> None:
    found, named = examine_pyrnn(written(b"\x80\x02cos\nsystem\nr\xff\xff\xff\x7f."))
    assert names(named) == [("os", "system")]
    assert found.unfollowed == "memory is at its limit"


@pytest.mark.parametrize("data", [b"", b"garbage", b"\x89HDF\r\n\x1a\n"])
def test_what_is_no_pickle_is_an_error(data: bytes, written: Write) -> None:
    with pytest.raises(SourceError, match="expected a pickle"):
        named_globals(written(data))
    with pytest.raises(FileNotFoundError):
        named_globals("nothing")


def test_the_restricted_unpickler_tells_the_same() -> None:
    told: list[tuple[str, str]] = []
    data = dump(recognizer(), Dialect(4, 3, "NEWOBJ"))
    RestrictedUnpickler(io.BytesIO(data), lambda module, name: told.append((module, name)), {}).load()
    assert list(dict.fromkeys(told)) == looked_up(data)
