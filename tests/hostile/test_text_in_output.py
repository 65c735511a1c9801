"""Text of a file that would steer a terminal or a page: visible, escaped, harmless in every output."""

from __future__ import annotations

import csv
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import h5py
import pytest

from pyrnn2hdf5.hdf5 import h5py_io as hdf5
from pyrnn2hdf5.hdf5.layout import store
from pyrnn2hdf5.hdf5.reader import load_hdf5
from pyrnn2hdf5.pyrnn.reader import load_pyrnn
from pyrnn2hdf5.text import visible

from ..conftest import ROOT
from ..pickles import Call, Dialect, Name, Obj, Raw, Text, dump, recognizer
from .promise import Done, here, hold_promise, measured

EVIL = "\x1b[2J\x1b]0;x\x07\u202e\u2066\u200b[red]x[/red]%s{0}\r\n<script>&\"'\x9b1m\u2028\ud800\x7f"
NAME = EVIL.replace("/", "|").replace("\ud800", "\udcff")


def harmless(text: str) -> None:
    """Nothing in it but what is printed, and line feeds."""
    assert not [char for char in text if char != "\n" and not char.isprintable()]


def harmless_run(done: Done) -> Done:
    harmless(done.stdout)
    harmless(done.stderr)
    assert "Traceback" not in done.stderr
    return done


def evil_model(**changes: object) -> bytes:
    """Evil text wherever a file may have text."""
    codec = {0: "", 1: Text(EVIL), 2: Text("\0\x1b"), 3: Text("\u202e")}
    lnorm = Obj(Name("ocrolib.lineest", "CenterNormalizer"), {"range": Text(EVIL), "target_height": 9, EVIL_NAME: 1})
    logs = {"command_log": [[Text(EVIL), Text("\0")]], "key_log": [Text(EVIL)], EVIL_NAME: Text(EVIL)}
    return dump(recognizer(codec=codec, changes={"lnorm": lnorm, **logs, **changes}))


EVIL_NAME = "x\x1b[2J"


@pytest.mark.parametrize("options", [(), ("-v",), ("--json",), ("-q",)])
def test_labels_logs_and_parameters(tmp_path: Path, options: tuple[str, ...]) -> None:
    source = tmp_path / "m.pyrnn"
    source.write_bytes(evil_model())
    done = harmless_run(measured("convert", source, *options))
    assert done.code == 0
    model = load_hdf5(tmp_path / "m.hdf5")
    assert model.codec is not None
    # Kept to the letter, all the same.
    assert model.codec.labels == ("", EVIL, "\0\x1b", "\u202e")
    for more in ((), ("--json",)):
        verified = harmless_run(here("verify", source, tmp_path / "m.hdf5", *more))
        assert (verified.code, verified.stderr) == (0, "")


def test_a_difference_in_evil_labels(tmp_path: Path) -> None:
    source, other = tmp_path / "m.pyrnn", tmp_path / "n.pyrnn"
    source.write_bytes(evil_model())
    table = {0: "", 1: Text("b"), 2: Text(EVIL), 3: Text("c")}
    other.write_bytes(evil_model(codec=Obj(Name("ocrolib.lstm", "Codec"), {"code2char": table}), lnorm=None))
    done = harmless_run(here("verify", source, other, "--junit", tmp_path / "r.xml"))
    assert done.code == 1
    assert "DIFFERENT" in done.stdout
    assert r"\x1b[2J" in done.stdout
    harmless((tmp_path / "r.xml").read_text())
    ET.parse(tmp_path / "r.xml")
    harmless_run(here("verify", source, other, "--json"))


def test_names_of_globals_and_of_what_a_file_is(tmp_path: Path) -> None:
    source = tmp_path / "m.pyrnn"
    for content in (
        dump(Name(EVIL, EVIL), Dialect(4)),
        dump({EVIL: 1}, Dialect(4, 3)),
        dump({Text(EVIL).text: recognizer()}, Dialect(4, 3, "NEWOBJ")),
        dump(Call(Name("numpy", "dtype"), (Text(EVIL), 0, 1)), Dialect(4, 3)),
        dump(
            Obj(Name("ocrolib.lstm", "LSTM"), {EVIL: 1, EVIL.encode("utf-8", "surrogatepass"): 2}),
            Dialect(4, 3, "NEWOBJ"),
        ),
        dump(recognizer(changes={"codec": Raw(b"X\x03\x00\x00\x00\x1b[2")})),
        b"\x1b[2J\x07",
        b"c\x1b[2J\n\x9b\n.",
    ):
        source.write_bytes(content)
        line = hold_promise(here("convert", source))
        harmless(line)
        harmless_run(here("convert", source, "--json"))


def evil_hdf5(path: Path) -> None:
    path.write_bytes(hdf5.to_hdf5(store(load_pyrnn(write(path.with_name("p.pyrnn"), dump(recognizer()))))))
    path.with_name("p.pyrnn").unlink()


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "place", ["kind", "source_name", "normalize", "line_normalizer", "line_normalizer.range", "version"]
)
def test_text_in_hdf5(tmp_path: Path, place: str) -> None:
    path = tmp_path / "x.hdf5"
    source = write(tmp_path / "m.pyrnn", dump(recognizer()))
    evil_hdf5(path)
    text = EVIL.replace("\ud800", "").encode()
    with h5py.File(path, "r+") as file:
        group = file if place == "kind" else file["pyrnn2hdf5"]
        group.attrs[{"version": "format_version"}.get(place, place)] = text.decode()
    for arguments in ((source, path), (path, source), (source, path, "--json")):
        harmless_run(here("verify", *arguments))


def test_file_names(tmp_path: Path) -> None:
    folder = tmp_path / NAME[:100]
    folder.mkdir()
    good, bad = folder / f"{NAME[:60]}.pyrnn", folder / f"a{NAME[:60]}.pyrnn"
    good.write_bytes(dump(recognizer()))
    bad.write_bytes(dump(Name("os", "system")))
    harmless_run(measured("convert", bad))
    harmless_run(measured("convert", good, "-o", tmp_path / f"{NAME[:80]}.hdf5"))
    for suffix in ("json", "jsonl", "csv", "xml"):
        done = harmless_run(here("convert", folder, "--force", "--report", tmp_path / f"r.{suffix}"))
        assert done.code == 1
        assert r"\x1b[2J" in done.stderr
        harmless((tmp_path / f"r.{suffix}").read_text("utf-8"))
    records = json.loads((tmp_path / "r.json").read_text())
    assert {record["source"] for record in records} == {str(good), str(bad)}
    assert len([json.loads(line) for line in (tmp_path / "r.jsonl").read_text().splitlines()]) == 2
    with (tmp_path / "r.csv").open(newline="") as file:
        assert {row["source"] for row in csv.DictReader(file)} == {visible(good), visible(bad)}
    names = [case.get("name") for case in ET.parse(tmp_path / "r.xml").iter("testcase")]
    assert sorted(map(str, names)) == sorted((visible(good), visible(bad)))
    for more in ((), ("--json",), ("--junit", tmp_path / "v.xml")):
        harmless_run(here("verify", folder, *more))
    harmless((tmp_path / "v.xml").read_text())
    harmless_run(here("convert", folder, "--dry-run"))


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", '=1,2"3'])
def test_no_cell_of_a_table_is_a_formula(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    (folder / f"{name}.pyrnn".replace("/", "|")).write_bytes(dump(recognizer()))
    (folder / "b.pyrnn").write_bytes(b"garbage")
    monkeypatch.chdir(folder)
    assert here("convert", "--report", "../r.csv", "--", f"{name}.pyrnn".replace("/", "|"), "b.pyrnn").code == 1
    with (tmp_path / "r.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2
    for row in rows:
        for key, cell in row.items():
            if not re.fullmatch(r"-?[\d.e-]*", cell):
                assert cell[:1] not in "=+-@\t", (key, cell)


def test_markup_is_text(tmp_path: Path) -> None:
    source = tmp_path / "[bold]m[bold] :smile:.pyrnn"
    source.write_bytes(dump(recognizer()))
    done = measured("convert", source, env={"PATH": "", "FORCE_COLOR": "1", "PYTHONPATH": str(ROOT)})
    assert (done.code, done.stderr) == (0, "")
    assert "[bold]m[bold] :smile:.pyrnn" in done.stdout
