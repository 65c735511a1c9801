"""`convert` for whole archives: reports, dry runs, and going on after an end."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import h5py
import pytest

from pyrnn2hdf5.batch.runner import plan
from pyrnn2hdf5.conversion.converter import convert
from pyrnn2hdf5.errors import TargetConflictError
from pyrnn2hdf5.verification.comparison import verify

from ..conftest import MODELS
from ..pickles import Text, dump, recognizer
from ..trees import make_tree, names
from .commands import on_terminal, run

SOURCE = MODELS / "digits.pyrnn.gz"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "tree")


def test_two_sources_of_one_target_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    for name in ("m.pyrnn.gz", "m.pyrnn.bz2"):
        shutil.copy(SOURCE, tmp_path / name)
    with pytest.raises(TargetConflictError) as caught:
        plan([tmp_path], None)
    first, second = tmp_path / "m.pyrnn.bz2", tmp_path / "m.pyrnn.gz"
    assert str(caught.value).startswith(f"{first} and {second}: expected a target for each, both would be ")
    done = run("convert", tmp_path)
    assert (done.exit_code, done.stdout) == (1, "")
    assert names(tmp_path) == ["m.pyrnn.bz2", "m.pyrnn.gz"]
    assert len(plan([first, first, tmp_path / "." / "m.pyrnn.bz2"], None)) == 1


def test_nobody_waits_for_the_writers_of_two_pipes(tmp_path: Path) -> None:
    for name in ("a.pyrnn", "b.pyrnn"):
        os.mkfifo(tmp_path / name)
    result = run("convert", tmp_path / "a.pyrnn", tmp_path / "b.pyrnn")
    assert result.exit_code == 1
    assert result.stderr.count("expected a file, got a device, pipe or socket") == 2


def test_the_report_on_stdout_is_in_the_order_of_the_sources(tree: Path) -> None:
    done = run("convert", tree, "-j", "2")
    assert done.exit_code == 1
    lines = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines[:6]] == [
        *("converted", "refused", "refused", "converted", "converted", "duplicate")
    ]
    assert [line.split()[:2] for line in lines[6:]] == [
        *(["converted", "3"], ["up", "to"], ["duplicate", "1"], ["refused", "2"], ["failed", "0"], ["total", "6"])
    ]
    assert done.stderr.splitlines() == [
        f"refused: {tree / 'evil.pyrnn'}: refused global os.system: not part of an OCRopus line recognizer",
        f"refused: {tree / 'sub' / 'broken.pyrnn.gz'}: gzip data is damaged: Compressed file ended before the "
        "end-of-stream marker was reached (see convert --ignore-checksum)",
    ]
    good = run("convert", tree / "a.pyrnn.gz", tree / "sub" / "no-suffix", "-q")
    assert (good.exit_code, good.output) == (0, "")


def test_json_is_a_line_a_model(tree: Path) -> None:
    done = run("convert", tree, "--json")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(record["status"] for record in records) == [
        *("converted", "converted", "converted", "duplicate", "refused", "refused")
    ]
    assert all(record["schema"] == 1 for record in records)
    (plain,) = [record for record in records if record["source"].endswith("no-suffix")]
    assert plain["verification"]["ok"] is True
    assert plain["seconds"] > 0


@pytest.mark.parametrize("suffix", ["json", "jsonl", "csv", "xml"])
def test_reports(tree: Path, tmp_path: Path, suffix: str) -> None:
    report = tmp_path / f"report.{suffix}"
    assert run("convert", tree, "-q", "--report", report).exit_code == 1
    text = report.read_text("utf-8")
    expected = ["converted", "refused", "refused", "converted", "converted", "duplicate"]
    if suffix == "json":
        assert [record["status"] for record in json.loads(text)] == expected
    elif suffix == "jsonl":
        assert [json.loads(line)["status"] for line in text.splitlines()] == expected
    elif suffix == "csv":
        rows = list(csv.DictReader(text.splitlines()))
        assert [row["status"] for row in rows] == expected
        assert rows[0]["source_sha256"] == hashlib.sha256(SOURCE.read_bytes()).hexdigest()
        assert float(rows[0]["largest_difference"]) < float(rows[0]["tolerance"])
        assert rows[1]["reason"].startswith("refused global os.system")
    else:
        (suite,) = ET.fromstring(text)
        assert [suite.get(name) for name in ("tests", "failures", "errors")] == ["6", "2", "0"]


def test_a_report_of_another_kind_is_wrong_usage(tree: Path) -> None:
    assert run("convert", tree, "--report", "x.pdf").exit_code == 2
    assert run("convert", tree, "-o", tree / "a.pyrnn.gz").exit_code == 2
    assert run("convert", tree, "-j", "0").exit_code == 2
    assert not list(tree.rglob("*.hdf5"))


def test_a_dry_run_writes_nothing(tree: Path) -> None:
    before = names(tree)
    done = run("convert", tree, "--dry-run")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0] == f"would convert: {tree / 'a.pyrnn.gz'} -> {tree / 'a.pyrnn.hdf5'}"
    assert names(tree) == before
    run("convert", tree / "a.pyrnn.gz")
    (tree / "sub" / "no-suffix.hdf5").write_bytes(b"precious")
    said = [line.split(":")[0] for line in run("convert", tree, "--dry-run").stdout.splitlines()]
    assert said == ["up to date", "would convert", "would convert", "would convert", "target exists", "would convert"]
    forced = run("convert", tree, "--dry-run", "--force").stdout
    assert {line.split(":")[0] for line in forced.splitlines()} == {"would convert"}


def test_an_archive_without_models_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "readme.txt").write_text("nothing\n")
    assert run("convert", tmp_path).exit_code == 1


def test_many_labels_and_names_of_a_file_stay_data(tmp_path: Path) -> None:
    source = tmp_path / "x\x1b[31m.pyrnn"
    source.write_bytes(dump(recognizer(codec={0: "", 1: Text("\x1b]0;title\x07")})))
    report = tmp_path / "r.csv"
    done = run("convert", tmp_path, "--report", report)
    assert done.exit_code == 0
    assert "\x1b" not in done.output + report.read_text("utf-8")


def many(folder: Path, count: int) -> None:
    """Models that differ in a byte behind the compressed data, so that none is a duplicate."""
    data = gzip.compress((MODELS / "digits-plain.pyrnn").read_bytes())
    folder.mkdir()
    for number in range(count):
        # A second, empty gzip member with the number as its name.
        member = gzip.compress(b"")
        (folder / f"m{number:03}.pyrnn.gz").write_bytes(data + member[:4] + number.to_bytes(4, "little") + member[8:])


def contents(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def command(tree: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "pyrnn2hdf5", "convert", str(tree), "-o", str(out), "-j", "2"]


def test_killed_and_started_again_it_ends_with_the_same_bytes(tmp_path: Path) -> None:
    tree, whole, out = tmp_path / "tree", tmp_path / "whole", tmp_path / "out"
    many(tree, 12)
    start = time.monotonic()
    subprocess.run(command(tree, whole), check=True, capture_output=True)
    duration = time.monotonic() - start
    chance = random.Random(5)
    for _ in range(8):
        process = subprocess.Popen(command(tree, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(chance.uniform(0.2, 0.9) * duration)
        process.kill()
        process.wait()
        if out.exists() and len(contents(out)) > 9:
            # Workers of the killed parent may still be at work in it.
            shutil.rmtree(out, ignore_errors=True)
    # Workers of a killed parent end by themselves.
    time.sleep(1)
    done = subprocess.run(command(tree, out), check=True, capture_output=True, text=True)
    assert contents(out) == contents(whole)
    assert "refused         0" in done.stdout


def test_an_interrupt_ends_cleanly_and_tells_what_was_done(tmp_path: Path) -> None:
    tree, out = tmp_path / "tree", tmp_path / "out"
    many(tree, 40)
    process = subprocess.Popen(command(tree, out), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate()
    assert process.returncode == 130
    assert errors == "interrupted\n"
    assert "not done" in said
    assert all(name.endswith(".hdf5") for name in contents(out))
    assert len(contents(out)) < 40


def test_a_name_too_long_for_the_system_fails_alone(tmp_path: Path) -> None:
    shutil.copy(SOURCE, tmp_path / "a.pyrnn.gz")
    done = run("convert", tmp_path / "a.pyrnn.gz", tmp_path / ("x" * 300))
    assert done.exit_code == 1
    assert done.stderr.startswith("failed: ")
    assert ": File name too long" in done.stderr
    assert (tmp_path / "a.pyrnn.hdf5").exists()


def test_a_duplicate_is_made_of_what_was_proven_in_this_run(tree: Path) -> None:
    result = convert(tree / "a.pyrnn.gz").target
    with h5py.File(result, "r+") as file:
        file[".bidilstm.1.softmax.W"][...] = 0
    done = run("convert", tree)
    assert done.stdout.splitlines()[0].startswith("up to date: ")
    assert verify(tree / "sub" / "z.pyrnn.gz", tree / "sub" / "z.pyrnn.hdf5").ok


def test_one_file_with_a_report_goes_where_it_would_go_without(tmp_path: Path) -> None:
    target = tmp_path / "m.hdf5"
    assert run("convert", SOURCE, "-o", target, "--dry-run").stdout == f"would convert: {SOURCE} -> {target}\n"
    assert run("convert", SOURCE, "-o", target, "--report", tmp_path / "r.json").exit_code == 0
    assert target.is_file()
    assert run("convert", SOURCE, "-o", target, "--dry-run").stdout == f"up to date: {SOURCE} -> {target}\n"


def test_a_dry_run_says_what_the_run_would_say(tree: Path, tmp_path: Path) -> None:
    missing = run("convert", "nothere.pyrnn.gz", "--dry-run", "--json")
    assert missing.exit_code == 1
    assert json.loads(missing.stdout)["status"] == "would fail"
    convert(tree / "a.pyrnn.gz")
    done = run("convert", tree / "a.pyrnn.gz", tree / "evil.pyrnn", "--compress", "--dry-run")
    assert done.exit_code == 1
    assert [line.split(":")[0] for line in done.stdout.splitlines()] == ["target exists", "would convert"]
    assert "was made with other options" in done.stderr
    assert run("convert", tree, "--dry-run", "--report", tmp_path / "r.json").exit_code == 2


def test_folders_that_cannot_be_searched_are_told(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    access = os.access

    def closed(path: Any, mode: int, **options: Any) -> bool:
        return Path(path) != tree / "sub" / "deep" and access(path, mode, **options)

    monkeypatch.setattr(os, "access", closed)
    (tree / "evil.pyrnn").unlink()
    (tree / "sub" / "broken.pyrnn.gz").unlink()
    done = run("convert", tree)
    assert done.exit_code == 1
    assert done.stderr == f"error: {tree / 'sub' / 'deep'}: Permission denied\n"
    assert (tree / "a.pyrnn.hdf5").exists()


def test_the_report_is_written_where_nobody_listens(tree: Path, tmp_path: Path) -> None:
    report = tmp_path / "r.json"
    words = [sys.executable, "-m", "pyrnn2hdf5", "convert", str(tree), "--report", str(report)]
    with Path("/dev/full").open("w") as full:
        assert subprocess.run(words, stdout=full, stderr=subprocess.DEVNULL, check=False).returncode == 1
    assert json.loads(report.read_text("utf-8"))


def test_a_report_overwrites_no_model(tmp_path: Path) -> None:
    source = Path(shutil.copy(SOURCE, tmp_path / "m.json"))
    assert run("convert", source, "--report", source).exit_code == 2
    assert source.read_bytes() == SOURCE.read_bytes()


def test_a_report_that_cannot_be_written_hides_nothing(tree: Path) -> None:
    done = run("convert", tree, "--report", tree / "nowhere" / "r.json")
    assert done.exit_code == 1
    assert done.stderr.startswith("error: No such file or directory: ")
    assert f"refused: {tree / 'evil.pyrnn'}: " in done.stderr
    assert "total           6" in done.stdout


def visible_lines(screen: str) -> list[str]:
    return re.sub("\x1b.*?[mKhlA]", "", screen).replace("\r", "\n").splitlines()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_terminal_gets_each_refusal_once_and_the_totals_last(tree: Path, width: int) -> None:
    code, screen, _ = on_terminal(width, "convert", tree, "-j", 2)
    lines = visible_lines(screen)
    assert code == 1
    reason = f"refused: {tree / 'evil.pyrnn'}: refused global os.system: not part of an OCRopus line recognizer"
    assert [line for line in lines if "evil.pyrnn" in line and not re.search(r"\d/6 ", line)] == [reason]
    assert [line.split()[0] for line in lines if line.strip()][-6:] == [
        *("converted", "up", "duplicate", "refused", "failed", "total")
    ]
    assert f"\x1b[31mrefused\x1b[0m: {tree / 'evil.pyrnn'}" in screen
    assert f"\x1b[32mconverted\x1b[0m: {tree / 'a.pyrnn.gz'}" in screen
    bars = [line for line in lines if re.search(r"\d/6 ", line)]
    assert all(re.search(r" \d/6 .* (-:--:--|0:0\d:\d\d) ", line) for line in bars)
    assert any(", 2 refused 0:0" in line for line in bars)
    assert max(map(len, bars)) == width
    # Grey on any ground, where nothing is done yet.
    assert re.search("\x1b\\[90m\u2501+\x1b\\[0m *\x1b\\[32m *0/6", screen)


def test_what_is_piped_beside_a_bar_is_as_ever(tree: Path) -> None:
    _, screen, piped = on_terminal(80, "convert", tree, piped="stdout")
    assert piped.splitlines()[1] == f"refused: {tree / 'evil.pyrnn'}"
    assert "\x1b" not in piped
    assert "not part of an OCRopus line recognizer" in visible_lines(screen)[-2]
    assert piped.splitlines()[-1].startswith("total")


def test_the_report_says_where_it_is(tree: Path, tmp_path: Path) -> None:
    report = tmp_path / "r.json"
    assert f"report written to {report}\n" in run("convert", tree, "--report", report).stderr
    assert "written" not in run("convert", tree, "-q", "--report", report).stderr
