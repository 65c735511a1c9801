"""Which file a name means: exactly, by its beginning, and what is said where there is none."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import pyrnn2hdf5
from pyrnn2hdf5 import text
from pyrnn2hdf5.conversion import model_names
from pyrnn2hdf5.conversion.model_lookup import find_model
from pyrnn2hdf5.conversion.model_names import ENDINGS, find_by_beginning, find_exactly, model_folders, not_found
from pyrnn2hdf5.limits import Limits
from pyrnn2hdf5.model.model import Source

from ..conftest import MODELS

SOURCE = MODELS / "digits.pyrnn.gz"


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model_dir: Path) -> list[Path]:
    """Every kind of folder that is looked into, in that order, below a working folder that is empty."""
    here, data = tmp_path / "here", tmp_path / "data"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(model_names, "LEGACY", tmp_path / "ocropus")
    monkeypatch.setattr(model_names, "SYSTEM", tmp_path / "system")
    monkeypatch.setenv("OCROPUS_DATA", os.pathsep.join([str(tmp_path / "one"), "", str(tmp_path / "two")]))
    monkeypatch.setenv("XDG_DATA_HOME", str(data))
    names = (
        *("one", "one/models", "two", "two/models", "ocropus", "ocropus/models"),
        *("data/ocrd-resources/ocrd-cis-ocropy-recognize", "data/ocrd-resources/ocrd-cis-ocropy-denoise"),
        *("system/ocrd-resources/ocrd-cis-ocropy-recognize", "system/ocrd-resources/ocrd-cis-ocropy-train"),
    )
    found = [model_dir, *(tmp_path / name for name in names)]
    for folder in (*found, data / "ocrd-resources" / "ocrd-tesserocr-recognize"):
        folder.mkdir(parents=True)
    return found


def test_the_folders(folders: list[Path], model_dir: Path) -> None:
    assert model_folders(model_dir) == folders
    assert model_folders(None) == folders[1:]


def test_without_a_home_the_others_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError

    monkeypatch.delenv("XDG_DATA_HOME")
    monkeypatch.setattr(Path, "home", homeless)
    assert model_folders(None)[:1] == [model_names.LEGACY]


def test_an_exact_name_comes_first_wherever_it_is(folders: list[Path]) -> None:
    name = Path("m.pyrnn")
    for folder in reversed(folders):
        shutil.copy(SOURCE, folder / "m.pyrnn.gz")
        assert find_by_beginning(name, folders) == folder / "m.pyrnn.gz"
    for folder in reversed(folders):
        shutil.copy(SOURCE, folder / "m.pyrnn")
        assert find_exactly(name, folders) == folder / "m.pyrnn"
        assert find_model(name, autoconvert=False).path == folder / "m.pyrnn"
    shutil.copy(SOURCE, name)
    assert find_model(name, autoconvert=False).path == name


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_ending_may_be_left_out(folders: list[Path], ending: str) -> None:
    for folder in (folders[-1], folders[0], Path()):
        place = folder / f"en-default{ending}"
        shutil.copy(SOURCE, place)
        assert find_by_beginning(Path("en-default"), folders) == place
    for name in ("en-defaul", "default", "EN-DEFAULT", ".", ".."):
        assert find_by_beginning(Path(name), folders) is None


def test_a_name_finds_the_stored_conversion(folders: list[Path], tmp_path: Path) -> None:
    place = folders[7] / "en-default.pyrnn.gz"
    shutil.copy(SOURCE, place)
    first = find_model("en-default")
    assert (first.path, first.pyrnn, first.converted) == (folders[0] / "en-default.pyrnn.hdf5", place, True)
    second = find_model("en-default")
    assert (second.path, second.converted) == (first.path, False)
    place.unlink()
    for name in ("en-default", "en-default.pyrnn", "en-default.pyrnn.gz"):
        assert find_model(name).path == first.path


def test_a_conversion_of_what_has_changed_is_not_meant(folders: list[Path]) -> None:
    place = folders[1] / "en-default.pyrnn.gz"
    shutil.copy(SOURCE, place)
    first = find_model("en-default")
    shutil.copy(MODELS / "digits-00004000.pyrnn.gz", place)
    second = find_model("en-default")
    assert (second.pyrnn, second.converted) == (place, True)
    assert first.model.source != second.model.source


@pytest.mark.parametrize("recorded", ["m.pyrnn", "m." + "x" * 300, "m./../../x", "../m.x", "", "n.pyrnn"])
def test_what_a_conversion_says_it_was_made_from_leads_nowhere_else(folders: list[Path], recorded: str) -> None:
    model = pyrnn2hdf5.load_pyrnn(SOURCE)
    place = folders[0] / "m.pyrnn.hdf5"
    pyrnn2hdf5.save_hdf5(replace(model, source=Source(recorded, "0" * 64)), place)
    assert find_model("m").path == place


def test_a_path_means_no_other_folder(folders: list[Path], tmp_path: Path) -> None:
    shutil.copy(SOURCE, folders[0] / "m.pyrnn.gz")
    with pytest.raises(FileNotFoundError) as caught:
        find_model(tmp_path / "m.pyrnn.gz")
    assert caught.value.strerror == "No such file or directory"
    shutil.copy(SOURCE, tmp_path / "m.pyrnn.gz")
    assert find_model(tmp_path / "m", autoconvert=False).path == tmp_path / "m.pyrnn.gz"


def test_what_is_near(folders: list[Path]) -> None:
    for folder, name in zip(
        folders, ("en-default.pyrnn.hdf5", "en-default.pyrnn.gz", "fraktur.pyrnn.gz"), strict=False
    ):
        (folder / name).write_bytes(b"")
    (folders[1] / "en-defualt.txt").write_bytes(b"")
    with pytest.raises(FileNotFoundError) as caught:
        find_model("en-defualt")
    said = str(caught.value.strerror)
    assert said.startswith(f"No such file or directory, nor a model of this name in {folders[0]}, {folders[1]}, ")
    assert said.endswith("; near: en-default.pyrnn.hdf5, en-default.pyrnn.gz")
    assert "fraktur.pyrnn.gz" in str(not_found(Path("FRAKTUR"), folders).strerror)
    assert "; near" not in str(not_found(Path("zz"), folders).strerror)


TEXTS = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=80)


@given(st.lists(TEXTS, max_size=30, unique=True), st.lists(TEXTS, max_size=20), TEXTS)
def test_what_is_said_is_bounded(
    tmp_path_factory: pytest.TempPathFactory, files: list[str], folders: list[str], name: str
) -> None:
    place = tmp_path_factory.mktemp("names")
    for file in files:
        if len(os.fsencode(file)) < 240 and file not in (".", ".."):
            (place / f"{file}.pyrnn").touch()
    said = str(not_found(place / name, [Path(folder) for folder in folders]).strerror)
    assert len(text.visible(said).encode()) < 450


def test_a_folder_that_is_closed_hides_no_other(folders: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    is_file = Path.is_file

    def closed(path: Path) -> bool:
        if path.parent == folders[0]:
            raise PermissionError(13, "Permission denied")
        return is_file(path)

    monkeypatch.setattr(Path, "is_file", closed)
    shutil.copy(SOURCE, folders[-1] / "m.pyrnn.gz")
    assert find_model("m", autoconvert=False).path == folders[-1] / "m.pyrnn.gz"


def test_what_is_allowed_holds_for_once(tmp_path: Path, model_dir: Path) -> None:
    for limits in (Limits(allow_globals=("a.b",)), Limits(label_encoding="utf-8")):
        found = find_model(SOURCE, limits=limits)
        assert (found.path, found.converted) == (SOURCE, False)
    assert not model_dir.exists()
    assert find_model(SOURCE).converted
