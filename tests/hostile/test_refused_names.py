"""Globals outside the table: by every opcode, in every protocol, before, inside and after a real model."""

from __future__ import annotations

import gzip
import io
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pyrnn2hdf5.errors import CorruptPickleError, UnsafePickleError
from pyrnn2hdf5.hdf5.reader import load_hdf5
from pyrnn2hdf5.pyrnn.reader import load_pyrnn
from pyrnn2hdf5.pyrnn.unpickler import unpickle

from ..pickles import Dialect, Name, Raw, dump, recognizer
from .conftest import CANARY
from .opcodes import ARGUMENT, CALLS, NAMINGS, by_global, by_stack, text
from .promise import here, refused


def start(protocol: int) -> bytes:
    return b"\x80" + bytes([protocol]) if protocol >= 2 else b""


def loaded(data: bytes) -> Any:
    return unpickle(io.BytesIO(data))


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("naming", NAMINGS)
def test_every_opcode_that_names_or_calls(naming: str, call: str, protocol: int) -> None:
    data = start(protocol) + CALLS[call](NAMINGS[naming]("os", "system")) + b"."
    with pytest.raises(UnsafePickleError) as caught:
        loaded(data)
    assert str(caught.value) == (
        "refused global os.system: not part of an OCRopus line recognizer; it runs programs or reaches files"
    )
    assert caught.value.remedy is None


@pytest.mark.parametrize("protocol", range(6))
def test_inst(protocol: int) -> None:
    with pytest.raises(UnsafePickleError, match=r"^refused global os\.system: "):
        loaded(start(protocol) + b"(" + ARGUMENT + b"ios\nsystem\n.")


def test_each_of_these_would_have_run() -> None:
    for call in ("REDUCE", "REDUCE with TUPLE1", "OBJ"):
        with pytest.raises(ZeroDivisionError):
            pickle.loads(CALLS[call](by_global("builtins", "eval")).replace(ARGUMENT, text("1/0")) + b".")


USED_BY_OTHERS = """
os.system posix.system nt.system os.popen os.execv os.remove subprocess.Popen subprocess.check_output pty.spawn
builtins.eval builtins.exec builtins.compile builtins.open builtins.getattr builtins.__import__ builtins.breakpoint
builtins.type builtins.map builtins.print builtins.globals builtins.setattr builtins.memoryview builtins.complex
__builtin__.eval __builtin__.execfile __builtin__.file __builtin__.apply __builtin__.getattr __builtin__.buffer
importlib.import_module runpy.run_path code.interact timeit.timeit pickle.loads _pickle.loads cPickle.loads
marshal.loads types.FunctionType types.CodeType functools.partial operator.attrgetter operator.methodcaller
itertools.count shutil.rmtree socket.create_connection webbrowser.open ctypes.CDLL cProfile.run pdb.run bdb.Bdb
logging.config.dictConfig sys.exit sys.modules site.main tempfile.mktemp pathlib.Path io.open codecs.open
codecs.encode _codecs.decode copyreg.add_extension copyreg.__newobj__ copy_reg.__newobj__ copy_reg.constructor
copyreg.__reduce_ex__ collections.namedtuple collections.UserDict collections.abc.Mapping datetime.timezone
numpy.load numpy.loadtxt numpy.memmap numpy.fromfile numpy.fromstring numpy.frombuffer numpy.array numpy.ones
numpy.object_ numpy.matrix numpy.vectorize numpy.core.multiarray.fromfile numpy.core.multiarray.array
numpy.core.multiarray.fromstring numpy.core.multiarray._reconstruct.__globals__ numpy.core.numeric.load
numpy.core.multiarray.frombuffer numpy.core.fromnumeric.take numpy.random._pickle.__randomstate_ctor
numpy.testing.measure numpy.f2py.compile numpy.distutils.exec_command numpy.lib.npyio.load
numpy.ctypeslib.load_library h5py.File scipy.io.loadmat torch.load PIL.Image.open pip.main
ocrolib.common.load_object ocrolib.common.unpickle_find_global ocrolib.lstm.os ocrolib.lstm.pickle
ocrolib.toplevel.run kraken.lib.lstm.os kraken.lib.models.load_any kraken.lib.lstm.load_lstm pyrnn2hdf5.child.run
pyrnn2hdf5.unpickle.unpickle
"""


@pytest.mark.parametrize("gadget", USED_BY_OTHERS.split())
@pytest.mark.parametrize("naming", ["GLOBAL", "STACK_GLOBAL"])
def test_what_others_have_used(gadget: str, naming: str) -> None:
    module, _, name = gadget.rpartition(".")
    with pytest.raises(UnsafePickleError) as caught:
        loaded(CALLS["REDUCE"](NAMINGS[naming](module, name)) + b".")
    assert str(caught.value).startswith(f"refused global {gadget}: ")


MISSES = [
    *(
        "LSTM.__init__",
        "LSTM.__init__.__globals__",
        "LSTM.__new__",
        "LSTM.__class__.__base__",
        "LSTM.state",
        "LSTM.path",
    ),
    *("lstm", "Lstm", "LSTM ", " LSTM", "LSTM\t", "LSTM\r", "LSTM\0", "", "*", "__builtins__", "__class__"),
    *("np.load", "normalize_nfkc.__globals__", "normalize_nfkc\n", "normalize-nfkc", "normalize_ä"),
    "\uff2c\uff33\uff34\uff2d",
    "LSTM\u200b",
]


@pytest.mark.parametrize("name", MISSES)
@pytest.mark.parametrize("module", ["ocrolib.lstm", "kraken.lib.lstm", "numpy.core.multiarray", "__builtin__"])
def test_near_misses_of_a_name(module: str, name: str) -> None:
    with pytest.raises(UnsafePickleError, match=r"^refused global "):
        loaded(b"\x80\x04" + by_stack(module, name) + b".")


@pytest.mark.parametrize(
    "module",
    [
        *("Ocrolib.lstm", "ocrolib.LSTM", "ocrolib.lstm ", " ocrolib.lstm", "ocrolib..lstm", "ocrolib.lstm.", ".lstm"),
        *(
            "ocrolib",
            "",
            "lstm.lstm.lstm",
            "evil.ocrolib.lstm",
            "ocrolib.lstm.os",
            "ocrolib/lstm",
            "ocrolib.lstm\0",
            "__main__",
        ),
    ],
)
def test_near_misses_of_a_module(module: str) -> None:
    with pytest.raises(UnsafePickleError, match=r"^refused global "):
        loaded(b"\x80\x04" + by_stack(module, "LSTM") + b".")


@pytest.mark.parametrize(
    "parts", [b"NN", b"K\x01K\x02", text("os") + b"N", b"]" + text("a"), b"U\x02osU\x06system", b""]
)
def test_stack_global_of_what_is_no_text(parts: bytes) -> None:
    with pytest.raises(CorruptPickleError):
        loaded(b"\x80\x04" + parts + b"\x93.")


@pytest.mark.parametrize("opcodes", [b"Pos.system\n", ARGUMENT + b"Q"], ids=["PERSID", "BINPERSID"])
@pytest.mark.parametrize("protocol", range(6))
def test_persistent_ids(opcodes: bytes, protocol: int) -> None:
    with pytest.raises(UnsafePickleError, match=r"^refused a persistent id: "):
        loaded(start(protocol) + opcodes + b".")


@pytest.mark.parametrize(
    "opcode", [b"\x82\x01", b"\x83\x01\x01", b"\x84\x01\x00\x00\x01", b"\x82\x00", b"\x84\xff\xff\xff\xff"]
)
@pytest.mark.parametrize("protocol", range(6))
def test_extension_codes(opcode: bytes, protocol: int) -> None:
    with pytest.raises(CorruptPickleError, match=r"unregistered extension code|EXT specifies code <= 0"):
        loaded(start(protocol) + opcode + b".")


MODEL = dump(recognizer())
PLACES: dict[str, Callable[[bytes], bytes]] = {
    "before a model": lambda call: call + b"0" + MODEL,
    "before a model, after PROTO": lambda call: MODEL[:2] + call + b"0" + MODEL[2:],
    "inside a model": lambda call: dump(recognizer(changes={"extra": Raw(call)})),
    "as its codec": lambda call: dump(recognizer(changes={"codec": Raw(call)})),
    "as its normalize": lambda call: dump(recognizer(changes={"normalize": Raw(call)})),
    "as a weight": lambda call: dump(recognizer(softmax={"W2": Raw(call)})),
    "as a label": lambda call: dump(recognizer(codec={0: "", 1: Raw(call)})),
    "between the model and its end": lambda call: MODEL[:-1] + call + b"0.",
}


@pytest.mark.parametrize("packed", [bytes, gzip.compress])
@pytest.mark.parametrize("place", PLACES)
def test_anywhere_in_a_model(tmp_path: Path, place: str, packed: Callable[[bytes], bytes]) -> None:
    content = packed(PLACES[place](CALLS["REDUCE"](by_global("posix", "system"))))
    assert "refused global posix.system: not part of an OCRopus line recognizer" in refused(tmp_path, content)


def test_after_a_model_it_is_never_looked_at(tmp_path: Path) -> None:
    source = tmp_path / "m.pyrnn"
    source.write_bytes(MODEL + CALLS["REDUCE"](by_global("os", "system")) + b".")
    assert here("convert", source).code == 0
    (tmp_path / "plain.pyrnn").write_bytes(MODEL)
    first, second = load_hdf5(tmp_path / "m.hdf5"), load_pyrnn(tmp_path / "plain.pyrnn")
    assert (first.codec, first.No) == (second.codec, second.No)


@pytest.mark.parametrize("dialect", [Dialect(protocol, 3, "NEWOBJ") for protocol in (2, 3, 4, 5)], ids=str)
def test_a_renamed_class_is_no_recognizer(tmp_path: Path, dialect: Dialect) -> None:
    evil = recognizer(lstm="evil.lstm")
    assert "refused global evil.lstm." in refused(tmp_path, dump(evil, dialect))


def test_a_long_name_is_cut(tmp_path: Path) -> None:
    line = refused(tmp_path, dump(Name("a" * 10_000_000, "b" * 10_000_000), Dialect(4)))
    assert "refused global aaaa" in line
    assert len(line) < 1000


class Evil:
    def __reduce__(self) -> Any:
        return os.system, (CANARY,)


@pytest.mark.parametrize("protocol", range(6))
def test_what_python_itself_would_write(tmp_path: Path, protocol: int) -> None:
    line = refused(tmp_path, pickle.dumps(Evil(), protocol))
    assert "refused global posix.system: " in line or "refused global nt.system: " in line
    inside = pickle.dumps([Evil(), {"model": MODEL}], protocol)
    assert "refused global" in refused(tmp_path, inside)


def test_text_of_a_name_is_shown_escaped(tmp_path: Path) -> None:
    assert "global os\\x1b[2J.\\u202ex[red]" in refused(tmp_path, dump(Name("os\x1b[2J", "\u202ex[red]"), Dialect(4)))
