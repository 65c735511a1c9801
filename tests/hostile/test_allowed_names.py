"""Names that a user allows: whatever they are, and however they are called, they stay names."""

from __future__ import annotations

import gc
import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrnn2hdf5.errors import Pyrnn2Hdf5Error
from pyrnn2hdf5.hdf5.h5py_io import to_hdf5
from pyrnn2hdf5.hdf5.layout import store
from pyrnn2hdf5.limits import GLOBAL, Limits
from pyrnn2hdf5.pyrnn.reader import load_pyrnn
from pyrnn2hdf5.pyrnn.unpickler import unpickle

from ..conftest import MODELS
from ..hostile_pickles import TAMPERING, evil
from ..pickles import Call, Name, Raw, Text, dump, recognizer
from .conftest import CANARY
from .opcodes import CALLS, NAMINGS, by_stack, text
from .promise import here, hold_promise
from .test_refused_names import PLACES, USED_BY_OTHERS

EVENTS: list[str] = []
LISTENING = False


def hear(event: str, arguments: tuple[object, ...]) -> None:
    if LISTENING and event != "object.__getattr__":
        EVENTS.append(event)


@pytest.fixture(scope="module", autouse=True)
def listening() -> None:
    """What Python itself reports: imports, compiled and executed code, files, processes, sockets."""
    # A hook stays for good.
    sys.addaudithook(hear)


def events_of(work: Callable[[], object]) -> list[str]:
    """What Python reports while this is done."""
    global LISTENING
    EVENTS.clear()
    collecting = gc.isenabled()
    # What other tests have left is no matter of this one.
    gc.disable()
    LISTENING = True
    try:
        work()
    except Pyrnn2Hdf5Error:
        pass
    finally:
        LISTENING = False
        if collecting:
            gc.enable()
    return list(EVENTS)


class Everything(dict[str, bool]):
    """Every name is allowed."""

    def __contains__(self, name: object) -> bool:
        return True


def read_all(data: bytes) -> None:
    unpickle(io.BytesIO(data), allowed=Everything({"": False}))


def test_what_runs_is_heard() -> None:
    assert "exec" in events_of(lambda: eval("1"))
    assert "open" in events_of(lambda: Path(__file__).read_bytes())


PICKLES = {
    **evil(CANARY),
    **TAMPERING,
    **{
        f"{name} by {naming}, {call}": b"\x80\x04" + CALLS[call](NAMINGS[naming](*name.rsplit(".", 1))) + b"."
        for name in ("os.system", "builtins.eval", "importlib.import_module", "ocrolib.lstm.os", "evil.LSTM")
        for naming in NAMINGS
        for call in CALLS
    },
    **{
        f"{name} {place}": PLACES[place](CALLS["REDUCE"](by_stack(*name.rsplit(".", 1))))
        for name in ("posix.system", "builtins.exec", "evil.SeqRecognizer")
        for place in PLACES
    },
    **{name: CALLS["REDUCE"](by_stack(*name.rsplit(".", 1))) + b"." for name in USED_BY_OTHERS.split()},
}


def test_of_the_corpus_nothing_runs_with_all_of_its_names_allowed() -> None:
    model = MODELS / "digits.pyrnn.gz"
    expected = to_hdf5(store(load_pyrnn(model)))
    heard = {what: events for what, data in PICKLES.items() if (events := events_of(lambda data=data: read_all(data)))}  # type: ignore[misc]
    assert heard == {}
    # And the next model of this process is as ever.
    assert to_hdf5(store(load_pyrnn(model, limits=Limits(in_process=True)))) == expected


PART = st.from_regex(r"[a-zA-Z_][a-z0-9_]{0,8}", fullmatch=True)
NAMES = st.sampled_from(USED_BY_OTHERS.split()) | st.lists(PART, min_size=2, max_size=4).map(".".join)


@given(NAMES, st.sampled_from(sorted(CALLS)), st.sampled_from(sorted(NAMINGS)), st.sampled_from(sorted(PLACES)))
def test_any_name_allowed_stays_a_name(name: str, call: str, naming: str, place: str) -> None:
    data = PLACES[place](CALLS[call](NAMINGS[naming](*name.rsplit(".", 1))))
    assert GLOBAL.fullmatch(name)
    Limits(allow_globals=(name,))
    assert events_of(lambda: unpickle(io.BytesIO(data), allowed={name: False})) == []


@given(st.binary(max_size=60), NAMES)
def test_no_opcodes_make_more_of_a_name(opcodes: bytes, name: str) -> None:
    data = b"\x80\x04" + by_stack(*name.rsplit(".", 1)) + text(CANARY) + b"\x85" + opcodes + b"."
    assert events_of(lambda: unpickle(io.BytesIO(data), allowed={name: False})) == []


EVIL = dump(recognizer(changes={"extra": Call(Name("os", "system"), (Text(CANARY),))}))


def test_the_commands_tell_of_a_dangerous_name(tmp_path: Path) -> None:
    source = tmp_path / "m.pyrnn"
    source.write_bytes(EVIL)
    line = hold_promise(here("convert", source))
    assert line.endswith(
        "refused global os.system: not part of an OCRopus line recognizer; it runs programs or reaches files; "
        "show --globals lists all it names\n"
    )
    said = "warning: --allow-global os.system: a name that runs programs or reaches files; "
    for command in ("convert", "verify", "show"):
        paths = (source, tmp_path / "m.hdf5") if command == "verify" else (source,)
        done = here(command, *paths, "--allow-global", "os.system")
        assert done.code == 0
        assert done.stderr.startswith(said)
    shown = here("show", source, "--globals", "--allow-global", "os.system").stdout
    assert "DANGEROUS  os.system" in shown
    assert "REFUSED" not in shown
    assert f"called with ('{CANARY}')" in shown
    assert "names that run programs or reach files: 1; " in shown


@pytest.mark.parametrize("trick", ["GLOBAL", "INST", "NEWOBJ_EX", "BUILD", "eval", "before a model"])
def test_a_command_runs_nothing(tmp_path: Path, trick: str) -> None:
    source = tmp_path / "m.pyrnn"
    source.write_bytes(evil(CANARY)[trick])
    allowed = ("--allow-global", "os.system", "--allow-global", "__builtin__.eval")
    done = here("convert", source, *allowed)
    assert done.code == (0 if trick == "before a model" else 1)
    assert done.stderr.count("warning: --allow-global") == 2


def test_what_is_made_of_a_value_that_is_no_more_than_a_name(tmp_path: Path) -> None:
    source = tmp_path / "m.pyrnn"
    call = Raw(CALLS["REDUCE"](by_stack("evil", "make")))
    for changes, said in (
        ({"codec": call}, "codec: expected Codec, got evil.make(...), which is kept by name only"),
        ({"lstm": call}, "lstm: expected Stacked, got evil.make(...), which is kept by name only"),
        ({"Ni": call}, "Ni: expected an integer, got evil.make(...), which is kept by name only"),
    ):
        source.write_bytes(dump(recognizer(changes=changes)))
        assert said in hold_promise(here("convert", source, "--allow-global", "evil.make"))
