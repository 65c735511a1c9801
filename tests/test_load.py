"""HDF5 files, and files that are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyrnn2hdf5 import load
from pyrnn2hdf5.errors import Hdf5LayoutError, LoadLimitError, SizeLimitError, SourceError
from pyrnn2hdf5.hdf5 import reader
from pyrnn2hdf5.hdf5.plain_reader import NotPlainError
from pyrnn2hdf5.hdf5.reader import load_hdf5
from pyrnn2hdf5.limits import Limits
from pyrnn2hdf5.load import RECORD_LIMITS

from .conftest import MODELS
from .hdf5_files import whole_model, written


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    return written(whole_model(), tmp_path)


def test_files_that_are_no_hdf5(tmp_path: Path, sound: Path) -> None:
    path = tmp_path / "x"
    with pytest.raises(SourceError, match="expected a file, got a directory"):
        load_hdf5(tmp_path)
    for data, said in (
        (b"", "expected an HDF5 file, got an empty file"),
        (b"garbage", "expected an HDF5 file, got text that begins with 'garbage'"),
        (sound.read_bytes()[:700], "HDF5 data is damaged or cut off: fetch the file again"),
    ):
        path.write_bytes(data)
        with pytest.raises(Hdf5LayoutError, match=f"^{said}$"):
            load_hdf5(path)
    with pytest.raises(FileNotFoundError):
        load_hdf5(tmp_path / "nothing")


def test_a_file_of_any_dialect_is_bounded_by_its_size(sound: Path) -> None:
    size = sound.stat().st_size
    assert load_hdf5(sound, limits=Limits(size=size)).Ni == 4
    with pytest.raises(SizeLimitError, match=f"^HDF5: expected at most {size - 1} bytes, got {size}$") as caught:
        load_hdf5(sound, limits=Limits(size=size - 1))
    assert caught.value.remedy == "size"


def test_looking_for_a_record_takes_little_time(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Limits] = []

    def hang(read: str, path: Path, limits: Limits, *_: object, **options: object) -> None:
        asked.append(limits)
        raise LoadLimitError("time to load")

    def other_dialect(data: bytes) -> None:
        raise NotPlainError

    monkeypatch.setattr(reader, "bounded", hang)
    monkeypatch.setattr(reader, "parse", other_dialect)
    assert load.recorded_source(MODELS / "digits.pyrnn.gz") is None
    assert asked == [RECORD_LIMITS]
    assert RECORD_LIMITS.seconds <= 2
