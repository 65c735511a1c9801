"""A pronn is taken wherever a pyrnn is: every command, archives, the model directory; its relatives are named."""

from __future__ import annotations

import bz2
import gzip
import json
import shutil
from pathlib import Path

import pytest

import pyrnn2hdf5
from pyrnn2hdf5.errors import SourceError
from pyrnn2hdf5.files.paths import sha256_of

from ..cli.commands import outputs
from ..conftest import LINES, MODELS, ROOT
from .messages import data, encode, fields, number, small

DIGITS = ROOT / "fixtures" / "pronn" / "digits.pronn"
PYRNN = MODELS / "digits.pyrnn.gz"
NOTE = "a pronn keeps no line normalizer"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(DIGITS, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_convert(here: Path) -> None:
    code, said, warned = outputs("convert", "digits.pronn")
    assert (code, said.startswith("digits.pronn -> digits.hdf5 (48.3 KiB -> ")) == (0, True)
    # Said once, and all of it in one line.
    assert (warned.count(NOTE), len(warned.splitlines())) == (1, 1)
    result = pyrnn2hdf5.load_hdf5("digits.hdf5")
    assert result.source == pyrnn2hdf5.Source("digits.pronn", sha256_of(DIGITS))
    assert result.codec == pyrnn2hdf5.load_pyrnn(PYRNN).codec
    assert outputs("convert", "digits.pronn") == (0, "digits.hdf5 is up to date\n", "")
    assert pyrnn2hdf5.verify(PYRNN, "digits.hdf5").ok


def test_what_it_is_called_does_not_matter(here: Path) -> None:
    (here / "digits.pronn").rename(here / "model.gz")
    assert pyrnn2hdf5.convert("model.gz", "out.hdf5").kind == "pyrnn-bidi"


def test_float64_keeps_what_there_is(here: Path) -> None:
    pyrnn2hdf5.convert("digits.pronn", "wide.hdf5", float64=True)
    assert pyrnn2hdf5.verify("digits.pronn", "wide.hdf5").ok


def test_another_target_stays(here: Path) -> None:
    (here / "digits.hdf5").write_bytes(b"mine")
    code, _, warned = outputs("convert", "digits.pronn")
    assert (code, "exists and was not made from this source" in warned) == (1, True)
    # What is no model is told before anything is said about a target.
    (here / "bad.pronn").write_bytes(b"%PDF-1.4")
    (here / "bad.hdf5").write_bytes(b"mine")
    assert outputs("convert", "bad.pronn")[2] == "error: bad.pronn: expected a line recognizer, got a PDF document\n"


def test_verify_either_side(here: Path) -> None:
    code, said, _ = outputs("verify", "digits.pronn", PYRNN)
    assert (code, said.splitlines()[0]) == (0, f"equal: digits.pronn and {PYRNN}")
    assert outputs("verify", PYRNN, "digits.pronn")[0] == 0
    other = MODELS / "digits-00004000.pyrnn.gz"
    assert outputs("verify", "digits.pronn", other)[0] == 1


def test_show(here: Path) -> None:
    code, said, _ = outputs("show", "digits.pronn")
    assert code == 0
    assert "format   pronn, not packed\n" in said.replace("  format", "format")
    assert NOTE in " ".join(said.split())
    code, said, _ = outputs("show", "digits.pronn", "--json")
    record = json.loads(said)
    assert (record["file"]["format"], record["file"]["protocol"], record["globals"]) == ("pronn", None, [])
    assert record["parts"] == {"weights": 4 * 12313, "rest": DIGITS.stat().st_size - 4 * 12313}
    assert record["file"]["sha256"] == sha256_of(DIGITS)
    code, said, _ = outputs("show", "digits.pronn", "--globals")
    assert (code, said.splitlines()[-1]) == (0, "a pronn file holds no pickle, so it names no globals")
    code, said, _ = outputs("show", here)
    assert said.splitlines()[1].split()[:2] == ["digits.pronn", "pronn"]


def test_archives(here: Path) -> None:
    (here / "sub").mkdir()
    shutil.copy(PYRNN, here / "sub")
    # Told by content, and by name where the content is broken.
    shutil.copy(DIGITS, here / "sub" / "other.bin")
    (here / "broken.pronn").write_bytes(DIGITS.read_bytes()[:1000])
    code, _, warned = outputs("convert", here, "-o", "out", "-j", "1")
    assert code == 1
    assert sorted(path.name for path in (here / "out").rglob("*.hdf5")) == [
        "digits.hdf5",
        "digits.pyrnn.hdf5",
        "other.hdf5",
    ]
    assert f"refused: {here / 'broken.pronn'}: pronn.fwdnet: expected" in warned
    assert warned.count(NOTE) == 2
    (here / "broken.pronn").unlink()
    assert outputs("verify", here, "out", "-q")[0] == 0


def test_two_sources_of_one_target(here: Path) -> None:
    shutil.copy(MODELS / "digits-plain.pyrnn", here / "digits.pyrnn")
    code, _, warned = outputs("convert", here)
    assert (code, "target: expected one of its own" in warned) == (1, True)


def test_ocr_and_the_model_directory(here: Path, model_dir: Path) -> None:
    line = LINES / "line-0.png"
    code, said, warned = outputs("ocr", "-m", "digits.pronn", line)
    assert (code, said.strip()) == (0, (LINES / "line-0.ocropy.txt").read_text("utf-8").strip())
    assert "the model names no line normalizer: lines are dewarped by a CenterNormalizer of 32 pixels" in warned
    assert [path.name for path in model_dir.iterdir()] == ["digits.hdf5"]
    shutil.copy(DIGITS, model_dir / "old.pronn")
    code, said, _ = outputs("models", "--json")
    assert [json.loads(text)["kind"] for text in said.splitlines()] == ["converted", "pronn"]
    assert "(a pronn)" in outputs("models")[1]
    # By its name in the model directory, and without a conversion.
    assert outputs("ocr", "-m", "old.pronn", line, "--disable-autoconversion")[:2] == (0, "88774 3\n")


def test_load_any(here: Path, model_dir: Path) -> None:
    assert pyrnn2hdf5.load_any("digits.pronn").No == 25
    assert (model_dir / "digits.hdf5").is_file()
    assert pyrnn2hdf5.load_any("digits.pronn", autoconvert=False).source == pyrnn2hdf5.Source(
        "digits.pronn", sha256_of(DIGITS)
    )


CLSTM = data(1, b"stacked") + number(10, 48) + number(11, 120)
RELATIVES = {
    "clstm": (CLSTM, "a clstm network: another architecture, without peepholes"),
    "clstm with a name": (data(1, b"NPLSTM") + data(2, b"x"), "a clstm network: another architecture, without"),
    "Core ML": (number(1, 1) + data(2, b"\x0a\x00"), "a Core ML model, as kraken 1.0 and later write them"),
    "safetensors": (
        (64).to_bytes(8, "little") + b'{"__metadata__":{}}',
        "a safetensors file, as kraken of today writes them",
    ),
    "safetensors that begin as a pickle": (
        (0x0280).to_bytes(8, "little") + b'{"nn.0":{}}',
        "a safetensors file, as kraken of today writes them",
    ),
    "pronn packed by gzip": (gzip.compress(encode(small())), "a pronn: if it is packed, unpack it first"),
    "pronn packed by bzip2": (bz2.compress(encode(small())), "a pronn: if it is packed, unpack it first"),
}


@pytest.mark.parametrize("name", RELATIVES)
@pytest.mark.parametrize("command", ["convert", "show"])
def test_relatives_are_named(command: str, name: str, tmp_path: Path) -> None:
    content, expected = RELATIVES[name]
    path = tmp_path / "model"
    path.write_bytes(content)
    code, said, warned = outputs(command, path)
    assert (code, said) == (1, "")
    assert warned.startswith(f"error: {path}: expected a pickle, got {expected}")
    assert len(warned.splitlines()) == 1


def test_relatives_are_told_by_more_than_a_byte(tmp_path: Path) -> None:
    path = tmp_path / "model"
    for content in (b"\n\x07stackes!", b"\nSome words.", b"\x08\x01\x0a", b"\x40" + bytes(7) + b"{}"):
        path.write_bytes(content)
        with pytest.raises(SourceError, match=r"got (data|text) that begins with"):
            pyrnn2hdf5.load_pyrnn(path)


def test_text_in_a_pronn_is_spelled_out(here: Path) -> None:
    parts = fields(small(("", "\x1b[31m", "\u202e")))
    (here / "evil.pronn").write_bytes(b"".join(parts.values()) + data(2, b"\x1b[2J\n[red]"))
    for command in (("convert",), ("show",), ("show", "--codec"), ("show", "--json")):
        _, said, warned = outputs(*command, "evil.pronn")
        assert not set("\x1b\u202e") & set(said + warned)
    parts["codec"] = data(12, b"\x1b[2J\xff")
    (here / "worse.pronn").write_bytes(b"".join(parts.values()))
    code, said, warned = outputs("convert", "worse.pronn")
    assert (code, said) == (1, "")
    assert warned == "error: worse.pronn: pronn.codec: expected UTF-8, got b'\\x1b[2J\\xff'\n"
