"""`models` as a user meets it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import pyrnn2hdf5
from pyrnn2hdf5.text import format_size

from ..conftest import MODELS
from .commands import run

SOURCE = MODELS / "digits.pyrnn.gz"
NOLNORM = MODELS / "digits-nolnorm.pyrnn.gz"


@pytest.fixture
def stale(model_dir: Path, tmp_path: Path) -> Path:
    """A model directory with one superseded conversion, one of use, and one of kraken's."""
    for source in (SOURCE, NOLNORM):
        copied = shutil.copy(source, tmp_path / "m.pyrnn.gz")
        pyrnn2hdf5.load_any(copied)
    pyrnn2hdf5.save_hdf5(replace(pyrnn2hdf5.load_pyrnn(SOURCE), source=None), model_dir / "theirs\x1b.hdf5")
    for name, age in (("m.pyrnn.hdf5", 10 * 86400), ("theirs\x1b.hdf5", 86400 * 1.5)):
        at = (model_dir / name).stat().st_mtime - age
        os.utime(model_dir / name, (at, at))
    (old,) = model_dir.glob("m.pyrnn-*.hdf5")
    os.utime(old, (0, 0))
    return old


def test_models_are_listed(model_dir: Path, stale: Path) -> None:
    def size(name: str) -> list[str]:
        return format_size((model_dir / name).stat().st_size).split()

    done = run("models")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0][:2] == [stale.name, "m.pyrnn.gz"]
    assert lines[0][-5:] == ["old", "stale:", "superseded", "by", "m.pyrnn.hdf5"]
    assert lines[1] == ["m.pyrnn.hdf5", "m.pyrnn.gz", *size("m.pyrnn.hdf5"), "10", "days", "old"]
    assert lines[2] == ["theirs\\x1b.hdf5", "(not", "by", "pyrnn2hdf5)", *size("theirs\x1b.hdf5"), "1", "day", "old"]
    said = [json.loads(line) for line in run("models", "--json").stdout.splitlines()]
    assert [entry["kind"] for entry in said] == ["converted", "converted", "other"]
    assert said[0]["stale"] == "superseded by m.pyrnn.hdf5"
    assert said[0]["modified"] == "1970-01-01T00:00:00Z"
    assert (said[2]["path"], said[2]["source"]) == (str(model_dir / "theirs\x1b.hdf5"), None)
    assert run("models", "--model-dir", model_dir / "nothing").output == ""
    assert run("models", "--model-dir", SOURCE).stderr == f"error: Not a directory: {SOURCE}\n"


def test_clean_asks(model_dir: Path, stale: Path) -> None:
    for answer in ("n\n", ""):
        done = run("models", "clean", answer=answer)
        assert (done.exit_code, "removed" in done.output) == (1, False)
        assert f"{stale.name}  m.pyrnn.gz" in done.stderr
        assert stale.exists()
    done = run("models", "clean", answer="y\n")
    assert done.exit_code == 0
    assert done.stdout.endswith(f"removed {stale}\n")
    assert sorted(path.name for path in model_dir.iterdir()) == ["m.pyrnn.hdf5", "theirs\x1b.hdf5"]
    done = run("models", "clean")
    assert (done.exit_code, done.stderr) == (0, "nothing is stale\n")


@pytest.mark.parametrize("answer", ["n\n", ""])
def test_an_answer_that_is_no_ends_its_line(stale: Path, answer: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pyrnn2hdf5", "models", "clean"],
        input=answer,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (1, "")
    # A space ends the question in older versions of click.
    assert [line.rstrip() for line in done.stderr.splitlines()[1:]] == ["Remove it? [y/N]:", "nothing changed"]
    assert stale.exists()


def test_clean_touches_nothing_unreadable(model_dir: Path, stale: Path) -> None:
    names = ("mine-0123456789ab.hdf5", "mine.hdf5")
    for name in names:
        (model_dir / name).write_bytes(b"x")
    assert run("models", "clean", "--yes").stdout == f"removed {stale}\n"
    assert all((model_dir / name).exists() for name in names)


@pytest.mark.parametrize("place", ["before", "after"])
def test_clean_without_asking(model_dir: Path, stale: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KRAKEN_HOME")
    option = ["--model-dir", model_dir]
    before, after = (option, []) if place == "before" else ([], option)
    assert run("models", *before, "clean", "--yes", *after).stdout == f"removed {stale}\n"
    assert not stale.exists()


def test_what_cannot_be_removed_is_told(stale: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "unlink", refuse)
    done = run("models", "clean", "--yes")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == f"error: {stale}: Permission denied\n"


def test_models_list_is_models(model_dir: Path, stale: Path, tmp_path: Path) -> None:
    for options in ([], ["--json"]):
        expected = run("models", *options)
        assert stale.name in expected.stdout
        assert run("models", "list", *options).stdout == run("models", *options, "list").stdout == expected.stdout
        assert run("models", "list", *options, "--model-dir", tmp_path / "no").stdout == ""
        assert run("models", "--model-dir", tmp_path / "no", "list", *options).stdout == ""
