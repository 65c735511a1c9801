"""Options that allow what no model should hold: how they are offered, followed, refused, and for how long they hold."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from ..conftest import LINES, SHARED
from ..pickles import Call, Name, dump, recognizer
from .commands import run

CASES = SHARED / "cases"
LABELS = dump(recognizer(codec={0: "", 1: b"\xc3\xa4", 2: b"a"}))


def follow(command: str, *arguments: object) -> list[str]:
    """Repeat a command with the option its refusal ends with, until nothing is refused; the options."""
    options: list[str] = []
    while True:
        done = run(command, *arguments, *options)
        if done.exit_code == 0:
            return options
        (offered,) = re.findall(r"; to read it all the same: (--allow-global \S+)\n\Z", done.stderr)
        assert len(done.stderr.splitlines()[-1].encode()) < 500
        options += shlex.split(offered)


@pytest.mark.parametrize("command", ["convert", "show", "verify"])
def test_a_refusal_ends_with_the_option_that_gets_past_it(tmp_path: Path, command: str) -> None:
    source = tmp_path / "m.pyrnn"
    changes = {"extra": Call(Name("fork.util", "Namespace"), ()), "normalize": Name("__main__", "normalize")}
    source.write_bytes(dump(recognizer(changes=changes)))
    paths = [source, source] if command == "verify" else [source]
    names = ["__main__.normalize", "fork.util.Namespace"]
    assert follow(command, *paths) in (
        [option for name in names for option in ("--allow-global", name)],
        [option for name in names[::-1] for option in ("--allow-global", name)],
    )


def offered(source: Path, *arguments: object) -> list[str]:
    """The last line of `show --globals`, where that has options, as words."""
    line = run("show", source, "--globals", *arguments).stdout.splitlines()[-1]
    beginning = "to read it all the same: "
    return shlex.split(line.removeprefix(beginning)) if line.startswith(beginning) else []


def test_the_options_for_all_names_are_listed_at_once(tmp_path: Path) -> None:
    source = tmp_path / "m.pyrnn"
    changes = {f"extra{number}": Call(Name("fork.util", f"Namespace{number}"), ()) for number in range(9)}
    source.write_bytes(dump(recognizer(changes=changes)))
    said = run("convert", source).stderr
    assert "; show --globals lists all it names, with the options; to read it all the same: " in said
    options = offered(source)
    assert sorted(options[1::2]) == [f"fork.util.Namespace{number}" for number in range(9)]
    assert run("convert", source, *options).exit_code == 0
    assert "names that are unknown here: 9; nobody has said what they do" in run("show", source, "--globals").stdout
    # Nothing is refused any more, one name runs programs, or no option can name it.
    assert offered(source, *options) == []
    for name in (Name("os", "system"), Name("x y", "z")):
        source.write_bytes(dump(recognizer(changes={**changes, "evil": Call(name, ())})))
        assert offered(source) == []


@pytest.mark.real
@pytest.mark.parametrize("case", sorted(CASES.glob("07[a-co]*")), ids=lambda path: path.name)
def test_models_of_unknown_forks(tmp_path: Path, case: Path) -> None:
    result = tmp_path / "m.hdf5"
    options = follow("convert", case, "-o", result)
    assert options
    assert run("verify", case, result, *options).exit_code == 0
    assert run("convert", case, "-o", result, *options).stdout.endswith(" is up to date\n")


@pytest.mark.parametrize("command", ["convert", "show", "verify", "ocr"])
@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--allow-global", "system", "expected MODULE.NAME, got 'system'"),
        ("--allow-global", "os.system()", "expected MODULE.NAME, got 'os.system()'"),
        ("--label-encoding", "no-such", "expected an encoding that leaves ASCII as it is"),
        ("--label-encoding", "zip", "expected an encoding that leaves ASCII as it is"),
    ],
)
def test_wrong_usage(command: str, option: str, value: str, said: str) -> None:
    arguments = {"verify": ("a", "b"), "ocr": ("-m", "a", "b")}.get(command, ("a",))
    done = run(command, *arguments, option, value)
    assert (done.exit_code, done.stdout) == (2, "")
    assert f"Invalid value for '{option}': {said}" in done.stderr


def test_labels_in_an_encoding(tmp_path: Path) -> None:
    source, result = tmp_path / "m.pyrnn", tmp_path / "m.hdf5"
    source.write_bytes(LABELS)
    refused = run("convert", source)
    assert refused.exit_code == 1
    hint = "; all labels are valid UTF-8 (see --label-encoding)\n"
    assert refused.stderr.endswith(r"got bytes of unknown encoding b'\xc3\xa4'" + hint)
    wrong = run("convert", source, "--label-encoding", "ascii")
    assert wrong.exit_code == 1
    assert r"codec label 1: expected ascii, got other bytes b'\xc3\xa4'" in wrong.stderr
    assert run("convert", source, "--label-encoding", "utf-8").exit_code == 0
    assert run("convert", source, "--label-encoding", "utf-8").stdout.endswith(" is up to date\n")
    otherwise = "made with other options: its labels are read otherwise; convert it to another --output"
    assert otherwise in run("convert", source, "--label-encoding", "latin-1").stderr
    # One label that is no UTF-8 is enough.
    source.write_bytes(dump(recognizer(codec={0: "", 1: b"\xc3\xa4", 2: b"\xe4"})))
    assert run("show", source).stderr.endswith(r"b'\xc3\xa4' (see --label-encoding)" + "\n")
    source.write_bytes(LABELS)
    assert run("verify", source, result, "--label-encoding", "utf8").exit_code == 0
    assert "code 1: expected 'Ã¤', got 'ä'" in run("verify", source, result, "--label-encoding", "latin-1").stdout
    codec = json.loads(run("show", source, "--label-encoding", "utf-8", "--json").stdout)["codec"]
    assert [label["label"] for label in codec["labels"]] == ["", "ä", "a"]


def test_many_are_read_with_the_same(tmp_path: Path) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "a.pyrnn").write_bytes(LABELS)
    (folder / "b.pyrnn").write_bytes(dump(recognizer(changes={"normalize": Name("__main__", "normalize")})))
    options = ("--label-encoding", "utf-8", "--allow-global", "__main__.normalize")
    done = run("convert", folder, *options)
    assert done.exit_code == 0
    assert "names outside OCRopus were allowed: __main__.normalize" in done.stderr
    assert run("verify", folder, *options).exit_code == 0
    assert run("verify", folder).exit_code == 1
    again = run("convert", folder, *options)
    assert re.search(r"^up to date +2$", again.stdout, re.MULTILINE)


def test_recognition_stores_nothing_that_was_allowed(tmp_path: Path, model_dir: Path) -> None:
    source = tmp_path / "m.pyrnn"
    source.write_bytes(dump(recognizer(Ni=32, changes={"normalize": Name("__main__", "normalize")})))
    image = LINES / "line-0.png"
    for _ in range(2):
        done = run("ocr", "-m", source, image, "--allow-global", "__main__.normalize")
        assert done.exit_code == 0
        assert "warning: " in done.stderr
        assert "names outside OCRopus were allowed: __main__.normalize" in done.stderr
    assert not model_dir.exists()
    assert run("ocr", "-m", source, image).exit_code == 1


def test_the_shell_completes_names_of_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("en-default.pyrnn.gz", "en-default.onnx", "fraktur.pyrnn.gz", "en-notes.txt"):
        (tmp_path / name).touch()
    monkeypatch.setenv("OCROPUS_DATA", str(tmp_path))
    typed = {"COMP_WORDS": "pyrnn2hdf5 ocr -m en", "COMP_CWORD": "3", "_PYRNN2HDF5_COMPLETE": "complete_bash"}
    command = [sys.executable, "-c", "from pyrnn2hdf5.cli import app; app(prog_name='pyrnn2hdf5')"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **typed}, check=False)
    assert done.stdout.split() == ["en-default.onnx", "en-default.pyrnn.gz"]


def test_a_model_is_found_by_the_beginning_of_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "data" / "m.pyrnn.gz"
    place.parent.mkdir()
    place.write_bytes(dump(recognizer(Ni=32)))
    monkeypatch.setenv("OCROPUS_DATA", str(place.parent))
    done = run("ocr", "-m", "m", LINES / "line-0.png", "--disable-autoconversion")
    assert done.exit_code == 0
    assert f"m: {place}\n" in done.stderr
    assert str(place) not in run("ocr", "-m", "m", LINES / "line-0.png", "--disable-autoconversion", "-q").stderr
    missed = run("ocr", "-m", "n.pyrnn", LINES / "line-0.png")
    assert missed.exit_code == 1
    assert missed.stderr.endswith("; near: m.pyrnn.gz\n")
    assert len(missed.stderr.encode()) < 500
