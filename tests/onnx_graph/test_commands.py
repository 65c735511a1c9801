"""ONNX in every command: convert from all that is a source, alone and by the folder; verify; show; ocr."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import h5py
import onnx
import pytest

import pyrnn2hdf5
from pyrnn2hdf5 import load
from pyrnn2hdf5.errors import InvalidInputError, SourceError, VerificationError
from pyrnn2hdf5.files.paths import sha256_of
from pyrnn2hdf5.load import load_stored
from pyrnn2hdf5.onnx_graph.model_file import to_onnx

from ..cli.commands import outputs
from ..conftest import LINES, MODELS, ROOT

PYRNN = MODELS / "digits.pyrnn.gz"
PRONN = ROOT / "fixtures" / "pronn" / "digits.pronn"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(PYRNN, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_convert(here: Path) -> None:
    code, said, warned = outputs("convert", PYRNN.name, "--to", "onnx")
    assert (code, warned) == (0, "")
    assert said.startswith("digits.pyrnn.gz -> digits.pyrnn.onnx (302.9 KiB -> 52.6 KiB), verified: 17 of 17 data sets")
    first = Path("digits.pyrnn.onnx").read_bytes()
    assert outputs("convert", PYRNN.name, "--to", "onnx") == (0, "digits.pyrnn.onnx is up to date\n", "")
    assert outputs("convert", PYRNN.name, "--to", "onnx", "--force", "-q") == (0, "", "")
    assert Path("digits.pyrnn.onnx").read_bytes() == first
    assert pyrnn2hdf5.load_any("digits.pyrnn.onnx").source == pyrnn2hdf5.Source(PYRNN.name, sha256_of(PYRNN))
    code, said, _ = outputs("verify", PYRNN.name, "digits.pyrnn.onnx")
    assert code == 0
    columns = [re.findall(r"^(  (\w+) +)", line)[0] for line in said.splitlines()[1:]]
    assert [name for _, name in columns] == ["stored", "labels", "behaviour", "onnxruntime"]
    assert {len(column) for column, _ in columns} == {len("  onnxruntime  ")}


@pytest.mark.parametrize("kind", ["ours", "as kraken writes them", "pronn"])
def test_other_sources(kind: str, here: Path) -> None:
    source = here / ("model.pronn" if kind == "pronn" else "model.hdf5")
    if kind == "pronn":
        shutil.copy(PRONN, source)
    else:
        pyrnn2hdf5.convert(PYRNN, source)
    if kind == "as kraken writes them":
        with h5py.File(source, "a") as file:
            del file["pyrnn2hdf5"]
    code, said, _ = outputs("convert", source, "--to", "onnx", "--json")
    assert (code, json.loads(said)["kind"], json.loads(said)["target"]) == (0, "onnx", str(here / "model.onnx"))
    model = pyrnn2hdf5.load_any("model.onnx")
    assert model.source == pyrnn2hdf5.Source(source.name, sha256_of(source))
    assert (model.line_normalizer is not None) == (kind == "ours")
    assert outputs("convert", source, "--to", "onnx")[1] == f"{here / 'model.onnx'} is up to date\n"
    for other in (source, PYRNN):
        verification = pyrnn2hdf5.verify(other, "model.onnx")
        assert verification.problems == ()
        assert verification.onnxruntime is not None
        assert verification.onnxruntime.texts_equal


def test_targets_that_are_in_the_way(here: Path) -> None:
    Path("digits.pyrnn.onnx").write_bytes(b"mine")
    code, _, said = outputs("convert", PYRNN.name, "--to", "onnx")
    expected = "digits.pyrnn.onnx exists and was not made from this source; convert it alone to another --output"
    assert (code, said) == (1, f"error: digits.pyrnn.gz: {expected}, or move the other file away\n")
    assert outputs("convert", MODELS / "digits-plain.pyrnn", "--to", "onnx", "-o", "other.onnx")[0] == 0
    # Of another format is one whose name does not tell it.
    pyrnn2hdf5.convert(PYRNN, "hdf5")
    for target in ("other.onnx", "hdf5"):
        code, _, said = outputs("convert", PYRNN.name, "--to", "onnx", "-o", target)
        assert (code, "was not made from this source" in said) == (1, True)
    # And the other way round.
    assert "was not made from this source" in outputs("convert", PYRNN.name, "-o", shutil.copy("other.onnx", "onnx"))[2]
    assert Path("digits.pyrnn.onnx").read_bytes() == b"mine"


def test_what_onnx_has_not_is_wrong_usage(here: Path) -> None:
    for option in ("--float64", "--compress"):
        code, _, said = outputs("convert", PYRNN.name, "--to", "onnx", option)
        assert (code, "expected hdf5 with --float64 or --compress" in said) == (2, True)
        with pytest.raises(InvalidInputError, match=f"to: expected hdf5 with {option[2:]}, got onnx"):
            pyrnn2hdf5.convert(PYRNN.name, to="onnx", **{option[2:]: True})  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="to: expected hdf5 or onnx, got 'pronn'"):
        pyrnn2hdf5.convert(PYRNN.name, to="pronn")
    assert [path.name for path in here.iterdir()] == [PYRNN.name]


def test_no_source_is_onnx_and_hdf5_no_source_of_hdf5(here: Path) -> None:
    pyrnn2hdf5.convert(PYRNN.name, "x.onnx", to="onnx", verify=False)
    pyrnn2hdf5.convert(PYRNN.name, "x.hdf5", verify=False)
    for source, kind, to in (("x.onnx", "ONNX", "onnx"), ("x.onnx", "ONNX", "hdf5"), ("x.hdf5", "HDF5", "hdf5")):
        expected = f"error: {source}: expected a pickle, got an {kind} file: this model is converted already\n"
        assert outputs("convert", source, "--to", to, "-o", "y")[2] == expected
    assert not Path("y").exists()


def test_a_target_beyond_the_size_limit_is_that(here: Path) -> None:
    pyrnn2hdf5.convert(MODELS / "digits-plain.pyrnn", "x.onnx", to="onnx", verify=False)
    Path("x.pronn").write_bytes(PRONN.read_bytes())
    code, _, said = outputs("convert", "x.pronn", "--to", "onnx", "--no-verify", "--max-size", "50000")
    assert (code, "x.onnx exists and is not read within the limits: ONNX: expected at most 50000 bytes" in said) == (
        1,
        True,
    )


def test_a_source_in_hdf5_that_changes_while_it_is_read(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = here / "x.hdf5"
    pyrnn2hdf5.convert(PYRNN.name, source, verify=False)

    def read_and_replace(*arguments: Any, **options: Any) -> Any:
        read = load_stored(*arguments, **options)
        pyrnn2hdf5.convert(MODELS / "digits-nolnorm.pyrnn.gz", source, force=True, verify=False)
        return read

    monkeypatch.setattr(load, "load_stored", read_and_replace)
    with pytest.raises(SourceError, match="got one that changed while it was read"):
        pyrnn2hdf5.convert(source, to="onnx", verify=False)
    assert not Path("x.onnx").exists()


def test_a_weight_beyond_float32(here: Path) -> None:
    wide = here / "wide.hdf5"
    pyrnn2hdf5.convert(PYRNN, wide, float64=True)
    with h5py.File(wide, "a") as file:
        file[".bidilstm.1.softmax.w"][3, 0] = 1e39
    code, _, said = outputs("convert", wide, "--to", "onnx")
    # No option gets past it.
    assert (code, said) == (
        1,
        f"error: {wide}: weights overflow float32: softmax W2: expected at most 3.4e38, got 1e+39 at row 3, column 0\n",
    )
    assert not Path("wide.onnx").exists()


@pytest.fixture
def folder(here: Path) -> Path:
    """A pyrnn, its conversion, a broken one, and HDF5 of which there is no source."""
    place = here / "models"
    (place / "below").mkdir(parents=True)
    shutil.copy(PYRNN, place)
    pyrnn2hdf5.convert(place / PYRNN.name, verify=False)
    pyrnn2hdf5.convert(MODELS / "digits-nolnorm.pyrnn.gz", place / "below" / "alone.hdf5", verify=False)
    (place / "broken.pyrnn").write_bytes(b"x")
    return place


def test_a_folder(folder: Path) -> None:
    code, said, _ = outputs("convert", folder, "--to", "onnx", "-o", "out", "--report", "report.json")
    assert (code, said.count("converted:")) == (1, 2)
    made = sorted(str(path) for path in Path("out").rglob("*.onnx"))
    assert made == ["out/below/alone.onnx", "out/digits.pyrnn.onnx"]
    records = json.loads(Path("report.json").read_text("utf-8"))
    assert [(record["status"], record["kind"]) for record in records] == [
        ("converted", "onnx"),
        ("refused", None),
        ("converted", "onnx"),
    ]
    assert records[0]["verification"]["onnxruntime"]["texts_equal"]
    assert outputs("convert", folder, "--to", "onnx", "-o", "out")[1].count("up to date:") == 2
    code, said, _ = outputs("convert", folder, "--to", "onnx", "--dry-run")
    assert said.splitlines()[0] == f"would convert: {folder}/below/alone.hdf5 -> {folder}/below/alone.onnx"
    # HDF5 is no source of HDF5.
    assert "alone" not in outputs("convert", folder, "-o", "hdf5", "--dry-run")[1]


def test_two_sources_of_one_target_are_told(folder: Path) -> None:
    shutil.copy(folder / "below" / "alone.hdf5", folder / "digits.pyrnn.hdf5")
    code, _, said = outputs("convert", folder, "--to", "onnx")
    assert (code, "target: expected one of its own, got" in said) == (1, True)


def test_verify_folders(folder: Path) -> None:
    (folder / "broken.pyrnn").unlink()
    outputs("convert", folder, "--to", "onnx", "--glob", "*.gz", "-o", "out")
    code, said, _ = outputs("verify", folder, "out")
    assert (code, "  onnxruntime  250 steps of 3 lines" in said) == (0, True)
    # One source may have both results.
    shutil.copy("out/digits.pyrnn.onnx", folder)
    code, said, _ = outputs("verify", folder, "--json")
    assert code == 0
    assert {Path(json.loads(line)["result"]).name for line in said.splitlines()} == {
        "digits.pyrnn.hdf5",
        "digits.pyrnn.onnx",
    }


def test_verify_tells_another_model(here: Path) -> None:
    pyrnn2hdf5.convert(MODELS / "digits-00004000.pyrnn.gz", "x.onnx", to="onnx")
    code, said, _ = outputs("verify", PYRNN.name, "x.onnx", "--lines", LINES / "line-0.png")
    assert (code, said.startswith("DIFFERENT: ")) == (1, True)
    # The file is what it says; it is another model.
    assert re.search(r"  onnxruntime  \d+ steps of 4 lines: .* texts equal", said)


def test_show(here: Path) -> None:
    pyrnn2hdf5.convert(PYRNN.name, to="onnx", verify=False)
    code, said, _ = outputs("show", "digits.pyrnn.onnx")
    assert (code, "ONNX, operator set 13, weights in float32" in said) == (0, True)
    assert "read by  onnxruntime, whatever else runs ONNX, pyrnn2hdf5" in said
    theirs, ours = (json.loads(outputs("show", name, "--json")[1]) for name in (PYRNN.name, "digits.pyrnn.onnx"))
    for section in ("network", "codec", "line_normalizer", "normalize", "units"):
        assert ours[section] == theirs[section]
    assert "  ONNX  52.6 KiB" in outputs("show", ".")[1]
    names = outputs("show", "digits.pyrnn.onnx", "--globals")[1]
    assert names.splitlines()[-1] == "an ONNX file holds no pickle, so it names no globals"


def test_the_model_directory_lists_it(here: Path, model_dir: Path) -> None:
    model_dir.mkdir()
    pyrnn2hdf5.convert(PYRNN.name, model_dir / "digits.onnx", to="onnx", verify=False)
    assert outputs("models") == (0, "digits.onnx  (an ONNX)  52.6 KiB  today\n", "")
    assert outputs("ocr", "-m", "digits.onnx", LINES / "line-0.png")[0] == 0


def test_ocr_takes_it_as_it_is(here: Path, model_dir: Path) -> None:
    pyrnn2hdf5.convert(PYRNN.name, to="onnx", verify=False)
    truth = (LINES / "line-0.ocropy.txt").read_text("utf-8").strip()
    assert outputs("ocr", "-m", "digits.pyrnn.onnx", LINES / "line-0.png") == (0, f"{truth}\n", "")
    assert not model_dir.exists()
    # Also by its name, where there is nothing else of that name.
    for name in ("digits.pyrnn", "digits"):
        Path(PYRNN.name).unlink(missing_ok=True)
        said = outputs("ocr", "-m", name, LINES / "line-0.png")
        assert said == (0, f"{truth}\n", f"{name}: digits.pyrnn.onnx\n")


@pytest.mark.parametrize("command", [("convert",), ("show",), ("ocr", LINES / "line-0.png", "-m"), ("verify", PYRNN)])
def test_onnx_that_is_not_ours(command: tuple[str | Path, ...], here: Path) -> None:
    stranger = onnx.load_model_from_string(to_onnx(pyrnn2hdf5.load_pyrnn(PYRNN)))
    stranger.producer_name = "pytorch"
    Path("x.onnx").write_bytes(stranger.SerializeToString())
    code, _, told = outputs(*command, "x.onnx")
    expected = (
        "an ONNX model that pyrnn2hdf5 did not write, and it reads no other: take the model that this was made from"
    )
    assert (code, told.splitlines()[-1]) == (1, f"error: x.onnx: expected a line recognizer, got {expected}")


@pytest.mark.parametrize("source", [PYRNN, MODELS])
def test_a_missing_extra_is_one_line_with_the_cure(source: Path, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    cure = "of the extra [onnx]: `pip install onnx onnxruntime`"
    code, said, told = outputs("convert", source, "--to", "onnx", "-o", "out")
    assert (code, said, told) == (1, "", f"error: verified ONNX files need onnxruntime, {cure}\n")
    assert not Path("out").exists()
    pyrnn2hdf5.convert(PYRNN, "x.onnx", to="onnx", verify=False)
    # The result is to blame, which nothing else asks to be run.
    assert outputs("verify", PYRNN, "x.onnx")[2] == f"error: x.onnx: verified ONNX files need onnxruntime, {cure}\n"


def test_evidence_is_kept(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise VerificationError("verification failed: on purpose")

    monkeypatch.setattr("pyrnn2hdf5.conversion.writer.compare_runs", fail)
    code, _, said = outputs("convert", PYRNN.name, "--to", "onnx", "--keep-failed", "failed")
    (kept,) = Path("failed").iterdir()
    assert (code, f"on purpose (the failed file is {kept})" in said) == (1, True)
    assert kept.name.startswith("digits.pyrnn.onnx.")
    assert not Path("digits.pyrnn.onnx").exists()
