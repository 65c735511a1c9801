"""`convert` for one model: streams, exit codes, one clear line for every failure."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from pathlib import Path

import pytest

import pyrnn2hdf5
from pyrnn2hdf5.text import visible

from ..cli.commands import module, run
from ..conftest import MODELS
from ..pickles import Name, Text, dump, recognizer
from ..trees import names

SOURCE = MODELS / "digits.pyrnn.gz"


def test_one_line_on_stdout(tmp_path: Path) -> None:
    done = run("convert", SOURCE, "-o", tmp_path)
    assert (done.exit_code, done.stderr) == (0, "")
    target = tmp_path / "digits.pyrnn.hdf5"
    assert done.stdout.startswith(f"{SOURCE} -> {target} (302.9 KiB -> ")
    assert "verified: 17 of 17 data sets bit-equal, probabilities of " in done.stdout
    assert done.stdout.count("\n") == 1
    again = run("convert", SOURCE, "-o", tmp_path)
    assert (again.exit_code, again.stdout) == (0, f"{target} is up to date\n")


def test_a_target_named_as_another_format_is_wrong_usage(tmp_path: Path) -> None:
    done = run("convert", SOURCE, "-o", tmp_path / "x.onnx")
    assert (done.exit_code, "expected --to onnx as its name says, got hdf5" in " ".join(done.stderr.split())) == (
        2,
        True,
    )
    assert names(tmp_path) == []


def test_quiet_and_verbose(tmp_path: Path) -> None:
    assert run("convert", SOURCE, "-o", tmp_path, "-q").output == ""
    said = run("convert", SOURCE, "-o", tmp_path, "-v", "--force").stdout
    for fact in ("kind pyrnn-bidi\n", "source SHA-256 ", "unpacks to", "behaviour: 136 steps of 3 lines"):
        assert fact in said
    assert "not verified" in run("convert", SOURCE, "-o", tmp_path, "--force", "--no-verify").stdout


def test_json(tmp_path: Path) -> None:
    done = run("convert", SOURCE, "-o", tmp_path, "--json")
    said = json.loads(done.stdout)
    assert list(said) == [
        *("schema", "source", "target", "status", "kind", "source_size", "source_sha256", "target_size"),
        *("target_sha256", "verification", "warnings", "duplicate_of", "seconds", "error"),
    ]
    assert (said["schema"], said["status"], said["error"]) == (2, "converted", None)
    assert said["verification"]["ok"] is True
    assert [check["equal"] for check in said["verification"]["stored"]] == [True] * 17
    assert said["verification"]["behaviour"]["texts_equal"] is True
    again = json.loads(run("convert", SOURCE, "-o", tmp_path, "--json").stdout)
    assert (again["status"], again["target_sha256"]) == ("up to date", said["target_sha256"])
    failed = run("convert", "nothing", "--json")
    assert failed.exit_code == 1
    assert json.loads(failed.stdout)["error"] == {
        "kind": "FileNotFoundError",
        "message": "No such file or directory",
        "remedy": None,
    }


FAILURES = {
    "garbage": (b"garbage", "expected a pickle, got text that begins with 'garbage'"),
    "empty": (b"", "expected a pickle, got an empty file"),
    "png": (b"\x89PNG\r\n\x1a\n", "expected a pickle, got a PNG image"),
    "hdf5": (b"\x89HDF\r\n\x1a\n", "expected a pickle, got an HDF5 file"),
    "lfs": (b"version https://git-lfs.github.com/spec/v1\n", "expected a pickle, got a git-lfs pointer"),
    "html": (b"<!DOCTYPE html>", "expected a pickle, got an HTML page"),
    "truncated": (SOURCE.read_bytes()[:100_000], "gzip data is damaged or cut off: fetch the file again\n"),
    "truncated plain": (
        (MODELS / "digits-plain.pyrnn").read_bytes()[:9999],
        "it is damaged or cut off: fetch the file again",
    ),
    "something else": (dump({"a": 1}), "expected a line recognizer (SeqRecognizer), got a dict"),
    "hostile": (dump(Name("os", "system")), "refused global os.system: not part of an OCRopus line recognizer"),
    "bomb": (gzip.compress(b"\x80\x02" + b"N" * 9_000_000), "unpacked size: expected at most 8388608 bytes"),
}


@pytest.mark.parametrize("what", FAILURES)
def test_failures_are_one_line_and_exit_1(tmp_path: Path, what: str) -> None:
    content, message = FAILURES[what]
    source = tmp_path / "m"
    source.write_bytes(content)
    done = run("convert", source, "--max-size", "8M")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {source}: ")
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["m"]


def test_paths_that_cannot_be_used(tmp_path: Path) -> None:
    assert run("convert", tmp_path / "no").stderr == f"error: {tmp_path / 'no'}: No such file or directory\n"
    assert run("convert", tmp_path).stderr == f"error: {tmp_path}: expected models, found none\n"
    target = tmp_path / "file" / "x"
    target.parent.write_bytes(b"")
    assert run("convert", SOURCE, "-o", target).stderr == f"error: {SOURCE}: Not a directory: {target.parent}\n"


def test_folders_of_targets_are_made(tmp_path: Path) -> None:
    for number, more in enumerate(((), ("--report", tmp_path / "r.json"))):
        folder = tmp_path / str(number)
        assert run("convert", SOURCE, "-o", f"{folder}/results/", *more).exit_code == 0
        assert run("convert", SOURCE, "-o", folder / "deep" / "x.hdf5", *more).exit_code == 0
        assert names(folder) == ["deep/x.hdf5", "results/digits.pyrnn.hdf5"]
    assert pyrnn2hdf5.convert(SOURCE, f"{tmp_path}/2/").target == tmp_path / "2" / "digits.pyrnn.hdf5"
    taken = tmp_path / "taken"
    taken.write_bytes(b"precious")
    assert run("convert", SOURCE, "-o", f"{taken}/", "--force").exit_code == 2
    assert taken.read_bytes() == b"precious"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable(tmp_path: Path) -> None:
    source = tmp_path / "m"
    source.write_bytes(b"x")
    source.chmod(0)
    assert run("convert", source).stderr == f"error: {source}: Permission denied\n"


@pytest.mark.parametrize("size", ["", "0", "-1", "4X", "G", "1.5G", "\u0664G"])
def test_sizes_that_are_none(size: str) -> None:
    assert run("convert", SOURCE, "--max-size", size).exit_code == 2


@pytest.mark.parametrize(
    ("size", "enough"), [("200K", False), ("1M", True), ("1MiB", True), ("1g", True), ("9999", False)]
)
def test_sizes(tmp_path: Path, size: str, enough: bool) -> None:
    assert run("convert", SOURCE, "-o", tmp_path, "--max-size", size).exit_code == (0 if enough else 1)


def test_warnings_go_to_stderr(tmp_path: Path) -> None:
    source = tmp_path / "m.pyrnn"
    source.write_bytes(dump(recognizer(codec={0: "", 1: Text("ll\x1b[31m")})))
    done = run("convert", source)
    assert done.exit_code == 0
    assert done.stderr == (
        f"warning: {source}: kraken cannot read this codec (not one code point in the label of code 1): "
        "written as pyrnn-bidi-ext, which kraken refuses\n"
    )
    source.write_bytes(dump(recognizer(codec={0: "", 1: Text("b"), 2: Text("a")})))
    assert "classes were reordered" in run("convert", source, "--force").stderr


def test_what_follows_the_pickle_is_a_warning(tmp_path: Path) -> None:
    source, target = tmp_path / "m", tmp_path / "m.hdf5"
    source.write_bytes(dump(recognizer()) + b"cos\nsystem\n)R.")
    done = run("convert", source)
    said = "14 bytes behind the pickle do not belong to it, and begin as another pickle does"
    assert (done.exit_code, done.stderr) == (0, f"warning: {source}: {said}\n")
    again = run("convert", source)
    assert (again.exit_code, again.stdout, again.stderr) == (0, f"{target} is up to date\n", "")


def test_ignored_damage_is_a_warning(tmp_path: Path) -> None:
    source = tmp_path / "m.gz"
    source.write_bytes(SOURCE.read_bytes()[:-8] + bytes(8))
    assert run("convert", source).exit_code == 1
    done = run("convert", source, "--ignore-checksum")
    assert done.exit_code == 0
    assert "ignored, the pickle itself is complete" in done.stderr


@pytest.mark.parametrize(
    "name", ["-dash", "new\nline", "%s", "[red]", "\x1b[31m", "\u202eoverride", "x" * 240, "\udcff"]
)
def test_odd_names_work_and_are_shown_escaped(tmp_path: Path, name: str) -> None:
    source = tmp_path / name
    shutil.copy(SOURCE, source)
    done = module("convert", source)
    assert (done.returncode, done.stderr) == (0, b"")
    assert pyrnn2hdf5.load_hdf5(tmp_path / (Path(name).stem + ".hdf5")).source.name == name  # type: ignore[union-attr]
    text = done.stdout.decode("utf-8")
    assert text.count("\n") == 1
    assert not set(text[:-1]) & {"\n", "\x1b", "\u202e"}
    assert visible(name) in text


def test_a_hostile_name_of_a_global_is_escaped(tmp_path: Path) -> None:
    source = tmp_path / "m"
    source.write_bytes(dump(Name("os\x1b[2J", "[red]x")))
    assert run("convert", source).stderr == (
        f"error: {source}: refused global os\\x1b[2J.[red]x: not part of an OCRopus line recognizer; "
        "it runs programs or reaches files; show --globals lists all it names\n"
    )


@pytest.mark.parametrize("option", ["--max-seconds", "--timeout"])
def test_nan_is_no_time(option: str) -> None:
    done = run("convert", SOURCE, option, "nan")
    assert done.exit_code == 2
    assert "expected a finite number" in done.stderr


def test_a_file_that_is_said_to_be_closed_fails_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As the command line asks beforehand, which would be wrong usage and end the whole run.
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    assert run("convert", SOURCE, "-o", tmp_path).exit_code == 0


@pytest.mark.parametrize("words", [("convert", ""), ("convert", SOURCE, "-o", ""), ("verify", "", SOURCE)])
def test_an_empty_word_is_no_folder(words: tuple[object, ...]) -> None:
    done = run(*words)
    assert done.exit_code == 2
    assert "expected a path, got nothing" in done.stderr
