"""The loader by itself, where there is no kraken: what it takes, what it refuses, what it imports."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import pyrnn2hdf5
from pyrnn2hdf5.files.packings import PACKINGS
from pyrnn2hdf5.kraken7.loader import BEGINNINGS, MAGIC_SIZE, is_ours, load_model
from pyrnn2hdf5.load import HDF5_MAGIC

from ..conftest import MODELS, SHARED

HEAVY = {"numpy", "h5py", "torch", "kraken", "scipy", "PIL", "rich", "typer"}
FOREIGN = {
    "CoreML": b"\x08\x01\x12\x07\x0a\x05input",
    "safetensors": b"\x60\x00\x00\x00\x00\x00\x00\x00{",
    "safetensors with a length like a pickle": b"\x80\x02\x00\x00\x00\x00\x00\x00{",
    "safetensors with a length like gzip": b"\x1f\x8b\x00\x00\x00\x00\x00\x00{",
    "zip": b"PK\x03\x04\x00\x00\x00\x00\x00",
    "text": b"no model\n",
    "nothing": b"",
}


def test_what_our_readers_know_is_taken() -> None:
    assert is_ours(HDF5_MAGIC)
    assert all(packing.magic.startswith(BEGINNINGS) for packing in PACKINGS)
    for path in [*MODELS.iterdir(), *(SHARED / "real").glob("*.pyrnn.gz")]:
        assert is_ours(path.read_bytes()[:MAGIC_SIZE]), path


@pytest.mark.real
def test_every_lineage_is_taken() -> None:
    for path in (SHARED / "lineages").glob("*.pyrnn*"):
        assert is_ours(path.read_bytes()[:MAGIC_SIZE]) or not path.stat().st_size, path


@pytest.mark.parametrize("content", FOREIGN.values(), ids=FOREIGN)
def test_what_is_not_ours_is_left_to_other_loaders(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"^neither a pyrnn, nor a pronn, nor an HDF5 model$"):
        load_model(path)


@pytest.mark.parametrize("name", ["absent", ".", "a\0b"])
def test_only_a_value_error_leaves(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match=r"directory|null"):
        load_model(tmp_path / name)


def test_a_model_for_another_task_is_no_model() -> None:
    assert load_model(MODELS / "digits.pyrnn.gz", tasks=["segmentation"]) == []


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("touch canary",)


@pytest.mark.parametrize("autoconversion", ["0", "1"])
def test_a_hostile_pickle_is_refused_in_our_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model_dir: Path, autoconversion: str
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYRNN2HDF5_AUTOCONVERSION", autoconversion)
    (tmp_path / "evil.pyrnn").write_bytes(pickle.dumps(Evil(), 2))
    with pytest.raises(ValueError, match=r"^refused global posix\.system: not part of an OCRopus line recognizer;"):
        load_model("evil.pyrnn")
    assert not (tmp_path / "canary").exists()
    assert not list(model_dir.glob("*"))


def test_a_damaged_hdf5_file_is_refused_in_one_line(tmp_path: Path) -> None:
    target = pyrnn2hdf5.convert(MODELS / "digits.pyrnn.gz", tmp_path / "model.hdf5").target
    content = target.read_bytes()
    target.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"^HDF5 data is damaged or cut off: fetch the file again$"):
        load_model(target)


def test_nothing_heavy_is_imported_for_a_file_of_others(tmp_path: Path) -> None:
    (tmp_path / "model").write_bytes(FOREIGN["CoreML"])
    code = "\n".join(
        (
            "import sys",
            "from pyrnn2hdf5.kraken7.loader import load_model",
            "try: load_model(sys.argv[1])",
            "except ValueError: print(*sys.modules)",
        )
    )
    words = [sys.executable, "-X", "importtime", "-c", code, str(tmp_path / "model")]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    timed = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "pyrnn2hdf5.kraken7.loader" in timed
    imported = {name.partition(".")[0] for name in (*timed, *done.stdout.split())}
    assert not imported & HEAVY
