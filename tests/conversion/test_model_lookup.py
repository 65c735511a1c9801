"""The model directory: the right model, converted once, and nothing of anybody else's touched."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import pyrnn2hdf5
from pyrnn2hdf5.conversion import model_directory, model_lookup, model_names
from pyrnn2hdf5.conversion.model_directory import list_models
from pyrnn2hdf5.conversion.model_lookup import find_model, load_any
from pyrnn2hdf5.errors import Hdf5LayoutError, Pyrnn2Hdf5Error, SourceError
from pyrnn2hdf5.files.paths import sha256_of
from pyrnn2hdf5.hdf5.h5py_io import to_hdf5
from pyrnn2hdf5.hdf5.layout import store
from pyrnn2hdf5.model.model import Source
from pyrnn2hdf5.model.network import arrays_of

from ..conftest import MODELS
from ..hdf5_files import as_kraken_writes
from ..pickles import Text, dump, recognizer

SOURCE = MODELS / "digits.pyrnn.gz"
OTHER = MODELS / "digits-00004000.pyrnn.gz"
STORED = "digits.pyrnn.hdf5"


@pytest.fixture
def no_pickles(monkeypatch: pytest.MonkeyPatch) -> None:
    """From here on reading a pickle is an error."""

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a pickle was read")

    monkeypatch.setattr("pyrnn2hdf5.pyrnn.reader.bounded", refuse)


def same(one: pyrnn2hdf5.Model, other: pyrnn2hdf5.Model) -> bool:
    """Whether both have the same weights after rounding to float32, and the same labels."""
    left, right = arrays_of(one.network), arrays_of(other.network)
    return one.codec == other.codec and all(
        np.array_equal(left[name].astype("f4"), right[name].astype("f4")) for name in left
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def copy(source: Path, folder: Path, name: str = "m.pyrnn.gz") -> Path:
    folder.mkdir(exist_ok=True)
    return Path(shutil.copy(source, folder / name))


def test_a_pyrnn_is_converted_once_and_its_conversion_used(model_dir: Path, request: pytest.FixtureRequest) -> None:
    first = find_model(SOURCE)
    assert (first.path, first.converted, first.warnings) == (model_dir / STORED, True, ())
    written = first.path.stat()
    request.getfixturevalue("no_pickles")
    second = find_model(SOURCE)
    assert (second.path, second.converted) == (first.path, False)
    assert (second.path.stat().st_ino, second.path.stat().st_mtime_ns) == (written.st_ino, written.st_mtime_ns)
    assert names(model_dir) == [STORED]
    # Not float64 the first time and float32 from then on.
    left, right = arrays_of(first.model.network), arrays_of(second.model.network)
    assert all(left[name].tobytes() == right[name].tobytes() for name in left)


def test_the_stored_file_is_a_conversion_like_any_other(model_dir: Path, tmp_path: Path) -> None:
    load_any(SOURCE)
    expected = pyrnn2hdf5.convert(SOURCE, tmp_path).target
    assert (model_dir / STORED).read_bytes() == expected.read_bytes()


def test_nothing_is_stored_where_autoconversion_is_off(model_dir: Path) -> None:
    assert find_model(SOURCE, autoconvert=False).path == SOURCE
    assert same(load_any(SOURCE, False), load_any(SOURCE))
    shutil.rmtree(model_dir)
    load_any(SOURCE, autoconvert=False)
    assert not model_dir.exists()


def test_hdf5_is_used_as_it_is(model_dir: Path, tmp_path: Path) -> None:
    target = pyrnn2hdf5.convert(SOURCE, tmp_path).target
    assert find_model(target).path == target
    assert not model_dir.exists()


def test_where_a_name_is_looked_for(model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here, legacy = tmp_path / "here", tmp_path / "legacy"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(model_names, "LEGACY", legacy)
    for folder in (legacy, model_dir, here):
        place = copy(SOURCE, folder)
        assert find_model("m.pyrnn.gz", autoconvert=False).path == (Path(place.name) if folder is here else place)


def test_without_a_home_recognition_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KRAKEN_HOME")

    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    found = find_model(SOURCE)
    assert found.warnings == ("no model directory: no home folder, set KRAKEN_HOME",)
    assert same(found.model, pyrnn2hdf5.load_pyrnn(SOURCE))
    with pytest.warns(UserWarning, match="no home folder"):
        load_any(SOURCE)
    with pytest.raises(FileNotFoundError):
        find_model("nothing")


def test_two_folders_with_one_name_both_get_their_own(model_dir: Path, tmp_path: Path) -> None:
    one, two = copy(SOURCE, tmp_path / "one"), copy(OTHER, tmp_path / "two")
    for _ in range(2):
        assert same(load_any(one), pyrnn2hdf5.load_pyrnn(SOURCE))
        assert same(load_any(two), pyrnn2hdf5.load_pyrnn(OTHER))
    sha256 = sha256_of(SOURCE)
    assert names(model_dir) == [f"m.pyrnn-{sha256[:12]}.hdf5", "m.pyrnn.hdf5"]
    assert not find_model(one).converted
    assert not find_model(two).converted


def test_a_changed_model_is_converted_again_and_takes_the_name(model_dir: Path, tmp_path: Path) -> None:
    path = copy(SOURCE, tmp_path)
    find_model(path)
    copy(OTHER, tmp_path)
    changed = find_model(path)
    assert (changed.path, changed.converted) == (model_dir / "m.pyrnn.hdf5", True)
    assert same(pyrnn2hdf5.load_hdf5(changed.path), pyrnn2hdf5.load_pyrnn(OTHER))
    assert [entry.stale for entry in list_models(model_dir)] == ["superseded by m.pyrnn.hdf5", None]


def kraken_wrote(path: Path, source: Path) -> bytes:
    """A conversion as kraken itself writes it."""
    path.parent.mkdir(exist_ok=True)
    return as_kraken_writes(pyrnn2hdf5.load_pyrnn(source), path).read_bytes()


@pytest.mark.parametrize("what", ["kraken", "garbage", "folder", "dangling link", "pipe"])
def test_what_is_not_ours_is_left_alone(model_dir: Path, what: str) -> None:
    model_dir.mkdir()
    theirs = model_dir / STORED
    content = b"garbage"
    if what == "kraken":
        # Of another model: substituting it by its name alone would be wrong.
        content = kraken_wrote(theirs, OTHER)
    elif what == "garbage":
        theirs.write_bytes(content)
    elif what == "folder":
        theirs.mkdir()
    elif what == "pipe":
        os.mkfifo(theirs)
    else:
        theirs.symlink_to("nowhere")
    before = os.lstat(theirs)
    found = find_model(SOURCE)
    assert found.converted
    assert same(found.model, pyrnn2hdf5.load_pyrnn(SOURCE))
    assert found.path.name == f"digits.pyrnn-{sha256_of(SOURCE)[:12]}.hdf5"
    after = os.lstat(theirs)
    assert (after.st_mode, after.st_ino, after.st_mtime_ns) == (before.st_mode, before.st_ino, before.st_mtime_ns)
    if what in ("kraken", "garbage"):
        assert theirs.read_bytes() == content
    again = find_model(SOURCE)
    assert (again.path, again.converted) == (found.path, False)


def test_a_file_that_kraken_would_refuse_does_not_get_the_name_it_looks_for(model_dir: Path, tmp_path: Path) -> None:
    source = tmp_path / "m.pyrnn"
    source.write_bytes(dump(recognizer(codec={0: "", 1: Text("ll")})))
    assert find_model(source).path.name.startswith("m-")
    assert not find_model(source).converted
    assert not (model_dir / "m.hdf5").exists()


@pytest.mark.parametrize("damage", ["truncated", "weights gone", "not finite", "empty"])
def test_a_damaged_stored_file_is_replaced_or_passed_over(model_dir: Path, damage: str) -> None:
    stored = find_model(SOURCE).path
    if damage == "truncated":
        stored.write_bytes(stored.read_bytes()[:-9000])
    elif damage == "empty":
        stored.write_bytes(b"")
    else:
        with h5py.File(stored, "r+") as file:
            if damage == "weights gone":
                del file["codec"]
            else:
                file[".bidilstm.1.softmax.w"][0] = np.nan
    found = find_model(SOURCE)
    assert found.converted
    assert same(found.model, pyrnn2hdf5.load_pyrnn(SOURCE))
    assert not find_model(SOURCE).converted


@pytest.mark.parametrize("record", [("", "0" * 64), ("../../x", "/../../../../../x"), ("x", ""), ("\x00", "a/b")])
def test_a_hostile_record_names_no_file(model_dir: Path, record: tuple[str, str]) -> None:
    model_dir.mkdir()
    hostile = replace(pyrnn2hdf5.load_pyrnn(OTHER), source=Source(*record))
    (model_dir / STORED).write_bytes(to_hdf5(store(hostile)))
    assert same(find_model(SOURCE).model, pyrnn2hdf5.load_pyrnn(SOURCE))
    list_models(model_dir)
    assert {path.parent for path in model_dir.parent.rglob("*.hdf5")} == {model_dir}


@pytest.mark.parametrize("obstacle", ["file", "dangling link", "read-only", "full"])
def test_where_nothing_can_be_stored_recognition_goes_on(
    model_dir: Path, obstacle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if obstacle == "file":
        model_dir.write_bytes(b"x")
    elif obstacle == "dangling link":
        model_dir.symlink_to("nowhere")
    else:
        number = {"read-only": errno.EROFS, "full": errno.ENOSPC}[obstacle]

        def refuse(*_: Any, **__: Any) -> None:
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr(model_lookup, "convert", refuse)
    found = find_model(SOURCE)
    assert len(found.warnings) == 1
    assert found.warnings[0].startswith(f"the conversion was not stored in {model_dir}: ")
    assert (found.path, found.converted) == (SOURCE, False)
    assert same(found.model, pyrnn2hdf5.load_pyrnn(SOURCE))


def test_weights_that_float32_cannot_hold_are_used_unstored(model_dir: Path, tmp_path: Path) -> None:
    source = tmp_path / "m.pyrnn"
    source.write_bytes(dump(recognizer(softmax={"W2": np.full((4, 7), 1e300)})))
    found = find_model(source)
    assert "weights overflow float32" in found.warnings[0]
    assert found.model.network.softmax.W2.max() == 1e300
    assert not model_dir.exists()


def test_processes_that_start_at_once_end_with_one_good_file(model_dir: Path) -> None:
    script = (
        "import sys, time, pyrnn2hdf5\n"
        "time.sleep(max(0, float(sys.argv[1]) - time.time()))\n"
        "from pyrnn2hdf5.conversion.model_lookup import find_model\n"
        f"found = find_model({str(SOURCE)!r})\n"
        "sys.exit(len(found.warnings))"
    )
    at = str(time.time() + 2)
    processes = [subprocess.Popen([sys.executable, "-c", script, at]) for _ in range(4)]
    assert [process.wait() for process in processes] == [0] * 4
    assert names(model_dir) == [STORED]
    assert same(load_any(SOURCE), pyrnn2hdf5.load_pyrnn(SOURCE))


@pytest.mark.parametrize("at", range(8))
@pytest.mark.parametrize("content", [SOURCE, OTHER], ids=["the same model", "another of its name"])
def test_another_process_may_convert_at_any_instant(
    model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Path, at: int
) -> None:
    """Between any two steps on names another process does all of its own work."""
    ours = copy(SOURCE, tmp_path)
    (tmp_path / "other").mkdir()
    theirs = copy(content, tmp_path / "other")
    steps = 0

    def step(doing: Any) -> Any:
        def stepped(*arguments: Any, **options: Any) -> Any:
            nonlocal steps
            steps += 1
            if steps == at + 1:
                find_model(theirs)
            return doing(*arguments, **options)

        return stepped

    with monkeypatch.context() as patched:
        patched.setattr(model_lookup, "usable_source", step(model_directory.usable_source))
        for name in ("link", "replace", "rename", "unlink"):
            patched.setattr(os, name, step(getattr(os, name)))
        found = find_model(ours)
    assert found.warnings in ((), (f"the conversion was not stored in {model_dir}: another process took its name",))
    assert same(found.model, pyrnn2hdf5.load_pyrnn(SOURCE))
    for source in (ours, theirs):
        assert same(find_model(source).model, pyrnn2hdf5.load_pyrnn(source))
    marked = "m.pyrnn-" + sha256_of(ours)[:12] + ".hdf5", "m.pyrnn-" + sha256_of(theirs)[:12] + ".hdf5"
    stored = names(model_dir)
    assert "m.pyrnn.hdf5" in stored
    assert len(stored) == len({sha256_of(ours), sha256_of(theirs)})
    assert set(stored) <= {"m.pyrnn.hdf5", *marked}


def test_another_process_may_come_first(model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    convert = pyrnn2hdf5.convert

    def late(source: Path, target: Path, **options: Any) -> pyrnn2hdf5.Conversion:
        made = convert(source, target, **options)
        kraken_wrote(model_dir / STORED, OTHER)
        return made

    monkeypatch.setattr(model_lookup, "convert", late)
    found = find_model(SOURCE)
    assert found.path != model_dir / STORED
    assert pyrnn2hdf5.load_hdf5(model_dir / STORED).source is None
    monkeypatch.setattr(model_lookup, "convert", convert)
    assert not find_model(SOURCE).converted


def test_a_bare_name_without_a_pyrnn_means_its_conversion(model_dir: Path, tmp_path: Path) -> None:
    source = copy(SOURCE, tmp_path)
    load_any(source)
    source.unlink()
    assert find_model("m.pyrnn.gz").path == model_dir / "m.pyrnn.hdf5"
    # A folder that has no such model is a mistake, not a wish for another one.
    with pytest.raises(FileNotFoundError):
        find_model(source)
    with pytest.raises(FileNotFoundError):
        find_model("m.pyrnn.bz2")
    with pytest.raises(FileNotFoundError):
        find_model("m.pyrnn.gz", autoconvert=False)
    copy(OTHER, tmp_path)
    load_any(source)
    source.unlink()
    found = find_model("m.pyrnn.gz")
    assert same(found.model, pyrnn2hdf5.load_pyrnn(OTHER))
    assert found.warnings == ("2 models of this name are stored, m.pyrnn.hdf5 is the newest",)


def test_a_bare_name_may_mean_what_kraken_converted(model_dir: Path) -> None:
    kraken_wrote(model_dir / "m.pyrnn.hdf5", SOURCE)
    found = find_model("m.pyrnn.gz")
    assert same(found.model, pyrnn2hdf5.load_pyrnn(SOURCE))
    assert found.warnings == ("m.pyrnn.hdf5 does not record what it was made from",)


@pytest.mark.parametrize("name", ["", ".", "..", "/", "no/such", "/dev/null"])
def test_names_of_no_model(name: str) -> None:
    with pytest.raises((Pyrnn2Hdf5Error, OSError)):
        find_model(name)


def test_a_pyrnn_that_is_refused_leaves_nothing(model_dir: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.pyrnn"
    bad.write_bytes(b"garbage")
    with pytest.raises(SourceError):
        load_any(bad)
    assert not model_dir.exists()


def test_a_stored_file_that_cannot_be_read_for_a_name_is_an_error(model_dir: Path) -> None:
    copy(SOURCE, model_dir)
    load_any("m.pyrnn.gz")
    (model_dir / "m.pyrnn.gz").unlink()
    with h5py.File(model_dir / "m.pyrnn.hdf5", "r+") as file:
        del file["codec"]
    with pytest.raises(Hdf5LayoutError):
        load_any("m.pyrnn.gz")
