"""`show`: what is in a model, for people, machines and pictures; nothing of a file gets out raw."""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from typer.testing import Result

import pyrnn2hdf5
from pyrnn2hdf5.conversion.converter import convert
from pyrnn2hdf5.errors import InvalidModelError, LoadLimitError, UnsupportedModelError
from pyrnn2hdf5.limits import Limits
from pyrnn2hdf5.show.inspection import facts

from ..conftest import MODELS, SHARED
from ..pickles import Call, Dialect, Name, Obj, Text, dump, recognizer
from .commands import into_fifo, on_terminal, run

DIGITS = MODELS / "digits-00004000.pyrnn.gz"
LSTM = "ocrolib.lstm"


def show(*arguments: object, **environment: str) -> Result:
    return run("show", *arguments, env={"COLUMNS": "80", **environment})


def write(path: Path, value: Any, dialect: Dialect | None = None) -> Path:
    path.write_bytes(dump(value, dialect))
    return path


def test_the_page_of_a_model() -> None:
    done = show(DIGITS)
    assert (done.exit_code, done.stderr) == (0, "")
    for fact in (
        "pyrnn, a pickle of protocol 2, packed by gzip",
        "OCRopus under Python 2 (module ocrolib.lstm)",
        "987.2 KiB, unpacked 5.8 MiB",
        "(T, 32) ─┤                             ├─→ (T, 48) ─→ softmax ─→ (T, 25)",
        "parameters   12,313",
        "Latin small letters   12  a d e i n r s t u ä ö ü",
        "spaces                 1  U+0020 SPACE",
        "target_height  32",
        "lines trained         4,000",
        "start 100.00%, minimum 48.41%, end 48.41%",
        "ocropus-rtrain -l 32 -S 24",
        "dead: 0 of 48 hidden units; saturated: 0 of 144 gates",
        "kraken 0.3 to 0.6, kraken 7 with pyrnn2hdf5, pyrnn2hdf5",
    ):
        assert fact in done.stdout
    assert re.search(r"buffers +4\.6 MiB +79\.0% ", done.stdout)


@pytest.mark.parametrize("width", [40, 80, 120])
def test_a_page_keeps_to_its_width_and_ends_no_line_in_spaces(width: int) -> None:
    lines = show(DIGITS, COLUMNS=str(width)).stdout.splitlines()
    assert max(map(len, lines)) <= width
    assert not any(line.endswith(" ") for line in lines)


@pytest.mark.parametrize("columns", ["0", "1", "-1", "\u00b2", "999999999", "9" * 5000])
def test_a_page_for_a_screen_of_no_sense(columns: str) -> None:
    lines = show(DIGITS, COLUMNS=columns, LINES=columns).stdout.splitlines()
    assert "network" in lines
    assert max(map(len, lines)) <= 1000


def test_colour_only_on_a_terminal_that_wants_it() -> None:
    assert "\x1b" not in show(DIGITS).stdout
    assert "\x1b[" in show(DIGITS, FORCE_COLOR="1", TERM="xterm-256color").stdout
    assert "\x1b[3" not in show(DIGITS, FORCE_COLOR="1", TERM="xterm-256color", NO_COLOR="1").stdout


def test_several_models_come_one_after_the_other() -> None:
    done = show(MODELS / "digits.pyrnn.gz", MODELS / "digits-kraken.pyrnn.gz")
    assert done.stdout.count("\nnetwork\n") == 2
    assert f"\n\n{MODELS / 'digits-kraken.pyrnn.gz'}"[:40] in done.stdout
    assert "kraken under Python 2 (module kraken.lib.lstm)" in done.stdout


def test_a_folder_is_a_table(tmp_path: Path) -> None:
    shutil.copy(DIGITS, tmp_path)
    pyrnn2hdf5.convert(DIGITS, tmp_path / "m.hdf5")
    assert show(tmp_path).stdout.splitlines() == [
        "model                    format      size  Ni  Ns   No  trained   error scripts",
        "digits-00004000.pyrnn.gz  pyrnn 987.2 KiB  32  24   25    4,000  48.41% Latin",
        "m.hdf5                     HDF5  89.9 KiB  32  24   25    4,000  48.41% Latin",
    ]
    (tmp_path / "broken.pyrnn").write_bytes(b"garbage")
    write(tmp_path / "hostile.pyrnn", Name("os", "system"))
    done = show(tmp_path)
    assert done.exit_code == 1
    reasons = [line.partition("  error: ")[2] for line in done.stdout.splitlines()]
    danger = "refused global os.system: not part of an OCRopus line recognizer; it runs programs or reaches files"
    danger += "; show --globals lists all it names"
    assert reasons == ["", "expected a pickle, got text that begins with 'garbage'", "", danger, ""]
    told = [json.loads(line) for line in show(tmp_path, "--json").stdout.splitlines()]
    assert [one["status"] for one in told] == ["failed", "shown", "failed", "shown"]
    assert show(tmp_path, "--globals").stdout.count("ocrolib.lstm.SeqRecognizer") == 1


def test_how_many_cannot_be_converted_is_told(tmp_path: Path) -> None:
    shutil.copy(DIGITS, tmp_path / "good.pyrnn.gz")
    assert show(tmp_path).stderr == ""
    (tmp_path / "broken.pyrnn").write_bytes(b"garbage")
    write(tmp_path / "hostile.pyrnn", Name("os", "system"))
    done = show(tmp_path)
    assert (done.exit_code, done.stderr) == (1, "2 of 3 models cannot be converted\n")
    assert "models cannot" not in show(tmp_path / "broken.pyrnn").stderr


@pytest.mark.parametrize(("width", "last"), [(80, "scripts"), (64, "error"), (60, "trained"), (20, "model")])
def test_on_a_narrow_terminal_a_table_has_fewer_columns(width: int, last: str) -> None:
    code, said, _ = on_terminal(width, "show", MODELS, NO_COLOR="1")
    header, *rows = (re.sub("\x1b.*?m", "", line).rstrip() for line in said.splitlines())
    assert (code, header.split()[-1]) == (0, last)
    names = sorted(path.name for path in MODELS.iterdir())
    assert all(name in "".join(rows) for name in names)
    assert all(len(row) <= width for row in rows)
    if width >= 60:
        figures = [row for row in rows if "KiB" in row]
        # A long name stands on a line of its own, and nothing else does.
        assert all(row in names for row in rows if row not in figures)
        ends = {"scripts": "Latin", "trained": "00"}
        assert len(figures) == len(names)
        assert all(row.endswith(ends.get(last, ("-", "%"))) for row in figures)


def test_the_drawing_of_a_network_is_whole_or_in_words() -> None:
    assert "─→ softmax ─→ (T, 25)" in show(DIGITS, COLUMNS="80").stdout
    narrow = show(DIGITS, COLUMNS="60").stdout
    assert "softmax" not in narrow
    assert "  32 inputs, 24 hidden units in each direction, 25 classes\n" in narrow


def test_a_table_says_what_gets_past_a_refusal(tmp_path: Path) -> None:
    write(tmp_path / "fork.pyrnn", Name("fork", "Model"))
    write(tmp_path / "labels.pyrnn", recognizer(codec={0: "", 1: b"\xc3\xa4"}))
    (tmp_path / "cut.pyrnn").write_bytes(gzip.compress(DIGITS.read_bytes())[:-2])
    done = show(tmp_path)
    alone = [show(tmp_path / f"{name}.pyrnn").stderr.partition(".pyrnn: ")[2] for name in ("cut", "fork", "labels")]
    assert [line.partition("  error: ")[2] for line in done.stdout.splitlines()[1:]] == [one.strip() for one in alone]
    assert "--ignore-checksum" in alone[0] and "--allow-global fork.Model" in alone[1] and "--label-enc" in alone[2]
    told = [json.loads(line)["error"]["remedy"] for line in show(tmp_path, "--json").stdout.splitlines()]
    assert told == ["ignore_checksum", "allow_globals=fork.Model", "label_encoding"]


@pytest.mark.parametrize("columns", ["1", "40", "999999999"])
def test_a_table_that_is_no_terminals_has_a_row_a_model_whatever_the_width(columns: str, tmp_path: Path) -> None:
    names = ["a-name-of-a-model-that-is-long.pyrnn.gz", "b.pyrnn", "c.hdf5", f"sub/{'x' * 200}.pyrnn.gz"]
    (tmp_path / "sub").mkdir()
    for name in (names[0], names[3]):
        shutil.copy(DIGITS, tmp_path / name)
    scripts = "Arabic, Armenian, Cyrillic, Devanagari, Greek, Han, Hangul, Hebrew, Katakana, Latin"
    write(tmp_path / names[1], recognizer(codec={code: Text(char) for code, char in enumerate("~aбγאبᄒ漢कカԱ")}))
    (tmp_path / names[2]).write_bytes(b"\x89HDF\r\n\x1a\n" + b"x" * 999)
    for environment in ({}, {"FORCE_COLOR": "1", "TERM": "xterm"}):
        done = show(tmp_path, COLUMNS=columns, **environment)
        header, *rows = done.stdout.splitlines()
        assert [row.split()[0] for row in rows] == names
        assert [row[header.index(" scripts") :].split("  ")[0] for row in rows] == [
            " Latin",
            f" {scripts}",
            " -",
            " Latin",
        ]
        assert ["  error: " in row for row in rows] == [False, False, True, False]


def test_on_a_terminal_long_names_stand_on_a_line_of_their_own_in_a_table(tmp_path: Path) -> None:
    name = "a-name-of-a-model-that-is-long.pyrnn.gz"
    shutil.copy(DIGITS, tmp_path / name)
    (tmp_path / "b.pyrnn").write_bytes(b"garbage")
    code, said, _ = on_terminal(80, "show", tmp_path, NO_COLOR="1")
    lines = [re.sub("\x1b.*?m", "", line).rstrip() for line in said.splitlines()]
    assert (code, lines[1:3]) == (1, [name, " " * 25 + " pyrnn 987.2 KiB  32  24   25    4,000  48.41% Latin"])
    assert lines[4] == "  expected a pickle, got text that begins with 'garbage'"
    assert name + "  pyrnn" in on_terminal(120, "show", tmp_path)[1]


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    done = show(tmp_path)
    assert (done.exit_code, done.stderr) == (1, f"error: {tmp_path}: expected models, found none\n")


def test_json_holds_all_of_it() -> None:
    told = json.loads(show(DIGITS, "--json").stdout)
    assert list(told) == [
        *("schema", "source", "status", "error", "file", "network", "structure", "parts", "codec"),
        *("line_normalizer", "normalize", "training", "weights", "units", "compatibility", "globals"),
        *("unlisted_globals", "unfollowed", "notes"),
    ]
    assert (told["schema"], told["status"], told["error"]) == (2, "shown", None)
    assert told["codec"]["labels"][22] == {
        **{"code": 22, "label": "ä", "code_points": [0xE4]},
        "names": "LATIN SMALL LETTER A WITH DIAERESIS",
    }
    assert told["line_normalizer"]["parameters"]["target_height"] == 32
    assert [matrix["shape"] for matrix in told["weights"]] == ([[24, 57]] * 4 + [[24]] * 3) * 2 + [[25, 49]]
    assert all(sum(matrix["histogram"]) == np.prod(matrix["shape"]) for matrix in told["weights"])
    first = {"module": LSTM, "name": "SeqRecognizer", "verdict": "allowed", "calls": [], "allowed": True}
    assert told["globals"][0] == first


def test_json_has_no_nan_and_no_infinity(tmp_path: Path) -> None:
    huge = np.full((3, 8), 1.7e308)
    huge[0] *= -1
    logs = {"error_log": [float("nan"), float("inf")], "cerror_log": []}
    path = write(tmp_path / "m", recognizer(forward={"WGI": huge}, changes=logs))
    told = json.loads(show(path, "--json").stdout, parse_constant=pytest.fail)
    assert told["weights"][0]["sd"] is None
    assert sum(told["weights"][0]["histogram"]) == 24
    assert told["training"]["curve"] is None
    assert show(path).exit_code == 1


REFUSED = {
    "GLOBAL": (dump(Name("os", "system")), "global os.system"),
    "STACK_GLOBAL": (dump(Call(Name("os", "system"), ("touch CANARY",)), Dialect(4, 3)), "global os.system"),
    "deep inside": (dump(recognizer(changes={"key_log": [Name("posix", "system")]})), "global posix.system"),
    "INST": (b"(S'touch CANARY'\nios\nsystem\n.", "global os.system"),
    "persistent id": (b"(Pa\nt.", "a persistent id"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_refused_pickle_is_one_red_line(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data, culprit = REFUSED[what]
    Path("m").write_bytes(data)
    done = show("m")
    danger = "" if "persistent" in what else "; it runs programs or reaches files"
    danger += "; show --globals lists all it names"
    line = f"error: m: refused {culprit}: not part of an OCRopus line recognizer{danger}\n"
    assert (done.exit_code, done.stdout, done.stderr) == (1, "", line)
    coloured = show("m", FORCE_COLOR="1", TERM="xterm").stderr
    assert coloured == f"\x1b[31m{line.rstrip()}\x1b[0m\n"
    listed = show("m", "--globals")
    assert (listed.exit_code, listed.stderr) == (1, line)
    verdict = "unknown" if "persistent" in what else "DANGEROUS"
    assert re.search(rf"^REFUSED, {verdict} +{culprit.removeprefix('global ')}$", listed.stdout, re.MULTILINE)
    assert ("names that run programs or reach files: 1" in listed.stdout) == (verdict == "DANGEROUS")
    assert re.search(r"called with \(b?'touch CANARY'\)$", listed.stdout, re.MULTILINE) or b"CANARY" not in data
    told = json.loads(show("m", "--json").stdout)
    assert told["error"]["kind"] == "UnsafePickleError"
    assert [one["allowed"] for one in told["globals"]].count(False) == 1
    assert os.listdir() == ["m"]  # noqa: PTH208


def test_globals_of_a_pickle_that_cannot_be_loaded(tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(b"\x80\x02cos\nsystem\nr\xff\xff\xff\x7f.")
    assert "REFUSED, DANGEROUS  os.system" in show(path, "--globals").stdout
    path.write_bytes(b"\x80\x02c__builtin__\nlist\nr\xff\xff\xff\x7f.")
    done = show(path, "--globals")
    assert done.stdout.splitlines()[2:] == [
        "allowed  __builtin__.list",
        "looked through, but not followed to its end: memory is at its limit",
        "every name that was met belongs to an OCRopus model",
    ]
    assert "memory to load" in done.stderr
    assert isinstance(facts(path).problem, LoadLimitError)
    path.write_bytes(b"\x80\x02c__builtin__\nlist\n\xffcos\nsystem\n")
    listed = show(path, "--globals", COLUMNS="200").stdout.splitlines()[2:]
    assert listed[0] == "allowed  __builtin__.list"
    assert listed[1].startswith(
        r"looked through, but not followed to its end: malformed pickle: invalid load key, '\xff'."
    )
    assert listed[2:] == ["every name that was met belongs to an OCRopus model"]
    assert show(DIGITS, "--globals").stdout.endswith("\nevery name belongs to an OCRopus model\n")


def test_nothing_is_said_for_a_name_that_is_unknown(tmp_path: Path) -> None:
    path = write(tmp_path / "m", recognizer(changes={"extra": Call(Name("fork", "Thing"), (Text("a"),))}))
    done = show(path, "--globals", COLUMNS="200")
    assert re.search(r"^REFUSED, unknown +fork.Thing\n +called with \(b?'a'\)$", done.stdout, re.MULTILINE)
    assert done.stdout.splitlines()[-2] == (
        "names that are unknown here: 1; nobody has said what they do, and only pyrnn2hdf5 reads such a file safely"
    )


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x80\x02K\x01.", "it names nothing"),
        (b"\x80\x02K\x01", "no name was met, so nothing can be said of the rest"),
    ],
)
def test_where_there_is_no_name_none_is_said_to_be_good(data: bytes, said: str, tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(data)
    assert show(path, "--globals").stdout.splitlines()[-1] == said


@pytest.mark.parametrize("value", [recognizer(), Name("os", "system"), 1], ids=["a model", "an attack", "no model"])
def test_what_follows_a_pickle_is_told(value: object, tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(dump(value, Dialect(2)) + b"cos\nsystem\n(S'x'\ntR.")
    said = "20 bytes behind the pickle do not belong to it, and begin as another pickle does"
    assert show(path, "--globals", COLUMNS="200").stdout.splitlines()[-1] == f"note: {said}"
    told = json.loads(show(path, "--json").stdout)
    assert (told["notes"], told["file"]["trailing_size"]) == ([said], 20)


def test_padding_behind_a_pickle_is_no_news(tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(dump(recognizer()) + bytes(512))
    assert show(path, "--globals").stdout.splitlines()[-1] == "every name belongs to an OCRopus model"


def test_an_hdf5_file_names_no_globals(tmp_path: Path) -> None:
    done = show(pyrnn2hdf5.convert(DIGITS, tmp_path).target, "--globals")
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "an HDF5 file holds no pickle, so it names no globals")


def test_the_codec_as_a_list() -> None:
    lines = show(DIGITS, "--codec").stdout.splitlines()
    assert lines[-4:] == [
        "  21  ~       U+007E       TILDE",
        "  22  ä       U+00E4       LATIN SMALL LETTER A WITH DIAERESIS",
        "  23  ö       U+00F6       LATIN SMALL LETTER O WITH DIAERESIS",
        "  24  ü       U+00FC       LATIN SMALL LETTER U WITH DIAERESIS",
    ]
    assert show(DIGITS, "--codec", "--globals").exit_code == 2


PARTIAL: dict[str, tuple[Obj, type[Exception], str]] = {
    "no network": (recognizer(changes={"lstm": None}), UnsupportedModelError, "lstm: expected Stacked, got nothing"),
    "a shape": (recognizer(softmax={"W2": np.zeros((4, 3))}), InvalidModelError, "softmax W2: expected shape (4, 7)"),
    "a codec too large": (recognizer(No=2), InvalidModelError, "codec: expected 2 codes"),
}


@pytest.mark.parametrize("what", PARTIAL)
def test_what_cannot_be_converted_is_shown_as_far_as_it_can_be_read(what: str, tmp_path: Path) -> None:
    value, kind, message = PARTIAL[what]
    path = write(tmp_path / "m", value)
    found = facts(path)
    assert isinstance(found.problem, kind)
    assert found.codec is not None
    assert dict(found.codec.labels) == {0: "", 1: " ", 2: "a", 3: "ä"}
    assert found.line_normalizer is not None
    assert found.training is not None
    assert (found.training.last_trial, found.training.commands) == (7, ("ocropus-rtrain -S 3",))
    done = show(path)
    assert done.exit_code == 1
    assert f"cannot be converted: {message}" in done.stdout
    assert f"error: {path}: {message}" in done.stderr
    assert "  ocrolib.lstm.SeqRecognizer\n" in done.stdout


def test_files_that_are_no_models(tmp_path: Path) -> None:
    assert show(tmp_path / "no").stderr == f"error: {tmp_path / 'no'}: No such file or directory\n"
    (tmp_path / "m").write_bytes(b"\x89HDF\r\n\x1a\n")
    done = show(tmp_path / "m")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "not a readable HDF5 model" in done.stderr
    assert "unpacked size: expected at most 9999 bytes" in show(DIGITS, "--max-size", "9999").stderr
    with pytest.raises(pyrnn2hdf5.SizeLimitError):
        facts(DIGITS, limits=Limits(size=9999))


EVIL = "\0\x07\x1b[31m\u202e[red]x[/red]<script>&amp;\x7f\x9b\ufffe\u2028"
SEEN = r"\x00\x07\x1b[31m\u202e[red]x[/red]<script>&amp;\x7f\x9b\ufffe\u2028"
RAW = re.compile("[\0-\x09\x0b-\x1f\x7f-\x9f\u202e\u2028\ufffe\ufffd]")


@pytest.fixture
def evil(tmp_path: Path) -> Path:
    """A model with hostile text in each place that has text."""
    normalizer = Obj(Name("ocrolib.lineest", "MvNormalizer"), {"name": Text(EVIL[1:]), "[red]": 1})
    codec = {0: "", 1: Text(EVIL), 2: Text("\u202e"), 3: Text("[red]"), 4: Text("\ue000"), 5: Text("\u0301"), 6: "<&>"}
    logs = {"command_log": [[Text(EVIL)], *(["line", str(n)] for n in range(40))]}
    return write(
        tmp_path / "[red]\x1b[1m<b>\u202e&.pyrnn", recognizer(codec=codec, changes={"lnorm": normalizer, **logs})
    )


def test_hostile_text_in_the_page(evil: Path) -> None:
    text = show(evil, COLUMNS="400").stdout
    assert RAW.search(text) is None
    assert r"[red]\x1b[1m<b>\u202e&.pyrnn" in text
    assert re.search(rf"commands +{re.escape(SEEN)}\n", text)
    assert re.search(rf"name +{re.escape(SEEN[4:])}\n", text)
    assert "... (36 more)" in text
    for label in ("[red]", "<&>", "U+202E", "U+E000", "\u25cc\u0301"):
        assert label in text


def test_hostile_text_in_lists(evil: Path) -> None:
    text = show(evil, "--codec", COLUMNS="400").stdout
    assert RAW.search(text) is None
    assert re.search(r"\n +2  U\+202E +U\+202E +RIGHT-TO-LEFT OVERRIDE\n", text)
    assert re.search(r"\n +4  U\+E000 +U\+E000 +\(private use\)\n", text)
    text = show(evil.parent, COLUMNS="200").stdout
    assert RAW.search(text) is None
    assert r"[red]\x1b[1m<b>\u202e&.pyrnn" in text
    hostile = evil.with_name("\x1b\u202e")
    hostile.write_bytes(b"\x80\x02c[red]\x1b[31m\xe2\x80\xae\n<script>\n.")
    done = show(hostile, "--globals")
    assert r"REFUSED, DANGEROUS  [red]\x1b[31m\u202e.<script>" in done.stdout
    assert done.stderr.startswith(f"error: {evil.parent}/\\x1b\\u202e: refused global [red]\\x1b[31m\\u202e.<script>")


def test_hostile_text_in_json(evil: Path) -> None:
    text = show(evil, "--json").stdout
    assert text.isascii()
    assert RAW.search(text) is None
    told = json.loads(text)
    assert told["codec"]["labels"][1]["label"] == EVIL
    assert told["training"]["commands"][0] == EVIL
    assert told["source"] == str(evil)


def test_hostile_text_in_pictures(evil: Path, tmp_path: Path) -> None:
    svg, html = tmp_path / "p.svg", tmp_path / "p.html"
    assert show(evil, "--svg", svg, "--html", html).exit_code == 0
    picture = svg.read_text("utf-8")
    assert RAW.search(picture) is None
    root = ET.fromstring(picture)
    assert {element.tag.rpartition("}")[2] for element in root.iter()} <= {
        *("svg", "style", "defs", "clipPath", "rect", "text", "g", "circle")
    }
    said = "".join(root.itertext()).replace("\xa0", " ")
    assert "<script>&amp;" in said
    assert r"[red]\x1b[1m<b>\u202e&.pyrnn" in said
    document = html.read_text("utf-8")
    assert RAW.search(document) is None
    assert "&lt;script&gt;&amp;amp;" in document
    assert "<script" not in document
    assert r"<title>[red]\x1b[1m&lt;b&gt;\u202e&amp;.pyrnn</title>" in document


def test_pictures_are_the_same_each_time_and_fetch_nothing(tmp_path: Path) -> None:
    for name, width in (("a", "80"), ("b", "120")):
        show(DIGITS, "--svg", tmp_path / f"{name}.svg", "--html", tmp_path / f"{name}.html", COLUMNS=width)
    for kind in ("svg", "html"):
        first, second = (tmp_path / f"{name}.{kind}" for name in "ab")
        assert first.read_bytes() == second.read_bytes()
        addresses = set(re.findall(r"https?://[^\s\"'<)]+", first.read_text("utf-8")))
        assert addresses <= {"http://www.w3.org/2000/svg", "https://www.textualize.io"}
    assert "<title>digits-00004000.pyrnn.gz</title>" in (tmp_path / "a.html").read_text("utf-8")


@pytest.mark.parametrize("option", ["--svg", "--html"])
def test_a_picture_that_cannot_be_written_is_told_before_any_work(tmp_path: Path, option: str) -> None:
    (tmp_path / "file").touch()
    for target, why in ((tmp_path, "Is a directory"), (tmp_path / "file" / "p", "Not a directory")):
        done = show(DIGITS, option, target)
        assert (done.exit_code, done.stdout, done.stderr) == (1, "", f"error: {why}: {target}\n")
    assert show(DIGITS, option, tmp_path / "new" / "p").exit_code == 0
    assert (tmp_path / "new" / "p").is_file()
    written = into_fifo(tmp_path / "fifo", lambda fifo: show(DIGITS, option, fifo))
    assert written == (tmp_path / "new" / "p").read_bytes()


def test_an_output_without_unicode_gets_escapes() -> None:
    command = [sys.executable, "-m", "pyrnn2hdf5", "show", str(DIGITS)]
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1", "COLUMNS": "80"}
    done = subprocess.run(command, capture_output=True, env=environment, check=True)
    assert "a d e i n r s t u ä ö ü".encode("latin-1") in done.stdout
    assert rb"\u2192 softmax" in done.stdout


def test_json_has_no_nan_in_a_line_normalizer_of_arrays(tmp_path: Path) -> None:
    path = tmp_path / "m.hdf5"
    convert(MODELS / "digits.pyrnn.gz", path)
    with h5py.File(path, "r+") as file:
        file["pyrnn2hdf5"].attrs["line_normalizer.range"] = np.array([np.nan, 1.0])
    told = json.loads(show(path, "--json").stdout, parse_constant=pytest.fail)
    assert told["line_normalizer"]["parameters"]["range"] == [None, 1.0]


def test_a_signalling_nan_is_an_error_and_no_warning(tmp_path: Path) -> None:
    path = tmp_path / "m.hdf5"
    convert(MODELS / "digits.pyrnn.gz", path)
    with h5py.File(path, "r+") as file:
        weights = file[".bidilstm.0.parallel.0.lstm.WGI"]
        values = weights[...]
        values.view(np.uint32)[0, 0] = 0x7F800001
        weights[...] = values
    assert "expected finite numbers" in show(path).stderr


LINEAGES = SHARED / "lineages"
INDEX = json.loads((LINEAGES / "index.json").read_text("utf-8")) if LINEAGES.is_dir() else []


@pytest.mark.real
@pytest.mark.parametrize("entry", INDEX, ids=lambda entry: entry["file"])
def test_every_lineage(entry: dict[str, Any]) -> None:
    path = LINEAGES / entry["file"]
    done = show(path, COLUMNS="120")
    assert "Traceback" not in done.output
    assert done.exception is None or isinstance(done.exception, SystemExit)
    told = json.loads(show(path, "--json").stdout, parse_constant=pytest.fail)
    assert done.exit_code == (0 if told["status"] == "shown" else 1)
    if entry["file"] == "bad_empty.pyrnn.gz":
        assert (done.stdout, told["error"]["kind"]) == ("", "SourceError")
        return
    file = told["file"]
    assert file["protocol"] == entry["protocol"]
    assert all(one["allowed"] for one in told["globals"])
    assert sum(told["parts"].values()) + file["trailing_size"] == file["unpacked_size"]
    if told["network"]:
        sizes = told["network"]
        assert [sizes[name] for name in ("Ni", "Ns", "No")] == [
            entry.get(name, sizes[name]) for name in ("Ni", "Ns", "No")
        ]
        if entry.get("codec"):
            assert [[one["code"], one["label"]] for one in told["codec"]["labels"]] == entry["codec"]
        # One file holds one LSTM for both directions.
        assert told["parts"]["weights"] >= 8 * sizes["parameters"] or "shared" in entry["file"]
        assert entry["module"] in file["writer"]
        python = re.search(r"py(\d)", entry["writer"])
        assert python is None or f"under Python {python[1]}" in file["writer"]
    else:
        assert told["error"]["message"] in done.stderr


def test_an_output_that_would_cost_a_model_is_wrong_usage(tmp_path: Path) -> None:
    path = Path(shutil.copy(DIGITS, tmp_path))
    link = tmp_path / "link.svg"
    link.symlink_to(path)
    for shown in (path, tmp_path):
        for options in (["--svg", path], ["--html", path], ["--svg", tmp_path / "a", "--html", tmp_path / "a"]):
            done = show(shown, *options)
            assert (done.exit_code, done.stdout) == (2, "")
            assert "expected a file of its own" in done.stderr
    assert show(path, "--svg", link).exit_code == 2
    assert path.read_bytes() == DIGITS.read_bytes()
    assert sorted(tmp_path.iterdir()) == [path, link]


def test_a_folder_that_cannot_be_searched_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").mkdir()
    for folder in (tmp_path, tmp_path / "closed"):
        shutil.copy(DIGITS, folder)
    access = os.access
    monkeypatch.setattr(
        "os.access", lambda path, *rest, **more: not str(path).endswith("closed") and access(path, *rest, **more)
    )
    line = f"error: {tmp_path}/closed: Permission denied\n"
    done = show(tmp_path)
    assert (done.exit_code, done.stderr) == (1, line)
    assert done.stdout.splitlines()[1].startswith(DIGITS.name)
    assert len(done.stdout.splitlines()) == 2
    done = show(tmp_path / "closed")
    assert (done.exit_code, done.stdout, done.stderr) == (1, "", line)


def test_a_bad_path_fails_alone(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    long = "x" * 300
    for bad, message in ((tmp_path / "empty", "expected models, found none"), (long, "File name too long")):
        done = show(bad, MODELS, DIGITS, "--svg", tmp_path / "a.svg", "--html", tmp_path / "a.html")
        assert (done.exit_code, done.stderr) == (1, f"error: {bad}: {message}\n")
        assert "digits.pyrnn.bz2" in done.stdout
        assert "\nnetwork\n" in done.stdout
        for target in (tmp_path / "a.svg", tmp_path / "a.html"):
            assert "digits.pyrnn.bz2" in target.read_text("utf-8")
            target.unlink()


def test_a_narrow_terminal_keeps_the_names_and_leaves_out_whole_columns() -> None:
    lines = show(DIGITS, COLUMNS="40").stdout.splitlines()
    assert lines[lines.index("network") + 1 :][:10] == [
        "  32 inputs, 24 hidden units in each",
        "  direction, 25 classes",
        "",
        "  parameters   12,313",
        "  in the file  weights      96.2 KiB",
        "               buffers       4.6 MiB",
        "               derivatives  96.2 KiB",
        "               rest          1.0 MiB",
        "",
        "codec",
    ]
    assert "  forward WGI  24x57  0.028 0.127 -0.353" in lines
    assert re.search(r"  weights +96\.2 KiB +1\.6%$", show(DIGITS, COLUMNS="60").stdout, re.MULTILINE)


@pytest.mark.parametrize("path", [MODELS, DIGITS])
def test_a_picture_is_the_same_whatever_the_terminal(path: Path, tmp_path: Path) -> None:
    drawn = []
    for columns in ("40", "80", "250"):
        show(path, "--svg", tmp_path / "a.svg", "--html", tmp_path / "a.html", COLUMNS=columns)
        drawn.append([(tmp_path / name).read_text("utf-8") for name in ("a.svg", "a.html")])
    assert drawn[0] == drawn[1] == drawn[2]
    assert path == DIGITS or "digits-protocol0.pyrnn.gz  pyrnn" in drawn[0][1]


def test_a_file_is_80_wide_whatever_the_terminal_of_the_others() -> None:
    assert on_terminal(200, "show", DIGITS, piped="stdout")[2] == show(DIGITS, COLUMNS="80").stdout
    assert on_terminal(60, "show", DIGITS, piped="stdout")[2] == show(DIGITS, COLUMNS="80").stdout


def test_labels_too_long_together_are_refused_and_shown_in_part(tmp_path: Path) -> None:
    limit = 2**18
    labels = {code: Text(f"{code:0256}") for code in range(1, limit // 256 + 1)}
    path = write(tmp_path / "most", recognizer(1, 1, {0: "", **labels}))
    done = show(path, "--codec")
    assert (done.exit_code, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 2 + 1 + 1024
    pyrnn2hdf5.convert(path, tmp_path / "most.hdf5")
    path = write(tmp_path / "more", recognizer(1, 1, {0: "a", **labels}))
    reason = f"codec labels: expected at most {limit} code points in all, got {limit + 1}"
    done = show(path)
    assert (done.exit_code, done.stderr) == (1, f"error: {path}: {reason}\n")
    assert "only the first 1024 of 1025 labels are known" in done.stdout
    assert len(json.loads(show(path, "--json").stdout)["codec"]["labels"]) == 1024
    with h5py.File(tmp_path / "most.hdf5", "r+") as file:
        file["pyrnn2hdf5/labels_bytes"][...] = 1024
        del file["pyrnn2hdf5/labels"]
        file["pyrnn2hdf5"].create_dataset("labels", data=np.full(1025, b"x" * 1024))
    assert "labels: expected at most 1048576 bytes in all, got 1049600" in show(tmp_path / "most.hdf5").stderr


@pytest.mark.parametrize("options", [(), ("--codec",), ("--globals",)])
def test_pictures_hold_no_path_of_this_machine(options: tuple[str, ...], tmp_path: Path) -> None:
    folder = tmp_path / "LIGHT-DARK"
    folder.mkdir()
    model = Path(shutil.copy(DIGITS, folder / "TITLE-LIGHT.pyrnn.gz"))
    write(folder / "bad.pyrnn", recognizer(changes={"lstm": None}))
    svg, html = tmp_path / "p.svg", tmp_path / "p.html"
    done = show(model, folder / "bad.pyrnn", folder, tmp_path / "no", *options, "--svg", svg, "--html", html)
    assert str(model) in done.stdout.replace("\n", "")
    for picture in (svg, html):
        said = picture.read_text("utf-8").replace("&#160;", " ")
        assert str(tmp_path) not in said.replace("\n", "")
        assert tmp_path.name not in said
        assert "TITLE-LIGHT.pyrnn.gz" in said


def test_a_page_follows_the_theme_of_its_reader(tmp_path: Path) -> None:
    show(DIGITS, "--html", tmp_path / "p.html")
    page = (tmp_path / "p.html").read_text("utf-8")
    light, dark = page.partition("</style>")[0].split("@media (prefers-color-scheme: dark) {")
    assert '<meta name="color-scheme" content="light dark">' in light
    rules = [dict(re.findall(r"^(\S+) \{(.*?)\}$", css, re.MULTILINE)) for css in (light, dark)]
    assert list(rules[0]) == list(rules[1])
    for css, brightness in zip(rules, (255, 0x0C), strict=True):
        colours = {name: re.findall(r"(?<![-\w])color: #(\w{6})", rule) for name, rule in css.items()}
        assert f"background-color: #{brightness:02x}" in css["body"]
        for found in filter(None, colours.values()):
            assert max(abs(int(found[0][i : i + 2], 16) - brightness) for i in (0, 2, 4)) > 80


def test_what_a_folder_holds_besides_models_is_counted(tmp_path: Path) -> None:
    shutil.copy(DIGITS, tmp_path / "m.pyrnn.gz")
    (tmp_path / "notes.txt").write_text("no model")
    (tmp_path / "._m.pyrnn.gz").write_bytes(b"of macOS")
    done = show(tmp_path)
    assert (done.exit_code, done.stderr) == (0, "1 file is no model\n")
