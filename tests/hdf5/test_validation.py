"""What is read is checked: odd files are refused, files of kraken read as kraken reads them."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest

from pyrnn2hdf5.errors import Hdf5LayoutError
from pyrnn2hdf5.hdf5.reader import load_hdf5
from pyrnn2hdf5.model.model import Codec

from ..hdf5_files import ODD_FILES, random_model, whole_model, written


def test_kraken_files_have_labels_by_code_point(tmp_path: Path) -> None:
    path = written(random_model(2, 2, ("", "a", "ä")), tmp_path)
    with h5py.File(path, "r+") as file:
        del file["pyrnn2hdf5"]
    model = load_hdf5(path)
    assert model.codec == Codec(("", "a", "ä"))
    assert (model.source, model.training, model.line_normalizer) == (None, None, None)


@pytest.mark.parametrize(
    ("points", "labels"),
    [
        ([0, 98, 97], ("", "a", "b")),
        ([0, 97, 97], ("", "a", None)),
        ([99, 97, 98], ("", "a", "b")),
        ([0, 0, 97], ("", "\0", "a")),
    ],
)
def test_kraken_files_are_read_as_kraken_reads_them(tmp_path: Path, points: list[int], labels: tuple[str]) -> None:
    # kraken 0.5.0: charset[0] = ""; sorted(list(set(charset)))
    path = written(random_model(2, 2, ("", "a", "b")), tmp_path)
    with h5py.File(path, "r+") as file:
        del file["pyrnn2hdf5"]
        file["codec"][:, 0] = points
    assert load_hdf5(path).codec == Codec(labels)


def test_labels_beside_another_codec_are_refused(tmp_path: Path) -> None:
    path = written(random_model(2, 2, ("", "a", "b")), tmp_path)
    with h5py.File(path, "r+") as file:
        file["codec"][2] = ord("x")
    with pytest.raises(Hdf5LayoutError, match="labels: expected those that kraken reads from the codec, got others"):
        load_hdf5(path)


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    return written(whole_model(), tmp_path)


@pytest.mark.parametrize("what", ODD_FILES)
def test_odd_files_are_refused_before_data_is_read(sound: Path, what: str) -> None:
    load_hdf5(sound)
    change, message = ODD_FILES[what]
    with h5py.File(sound, "r+") as file:
        change(file)
    with pytest.raises(Hdf5LayoutError, match=message):
        load_hdf5(sound)
