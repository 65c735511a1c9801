"""`convert` for whole archives: reports, dry runs, and going on after an end."""

from __future__ import annotations

import csv
import errno
import gzip
import hashlib
import json
import lzma
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

from pyrnn2hdf5.batch import reports
from pyrnn2hdf5.batch.runner import plan
from pyrnn2hdf5.conversion.converter import convert
from pyrnn2hdf5.verification.comparison import verify

from ..conftest import MODELS, ROOT
from ..files.test_formats import MODELS_IN, tar, zipped
from ..pickles import Text, dump, recognizer
from ..trees import make_tree, names
from .commands import into_fifo, on_terminal, run

SOURCE = MODELS / "digits.pyrnn.gz"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "tree")


def test_two_sources_of_one_target_cost_these_two(tmp_path: Path) -> None:
    for name in ("m.pyrnn.gz", "m.pyrnn.bz2", "n.pyrnn.gz"):
        shutil.copy(SOURCE, tmp_path / name)
    first, second, third = tmp_path / "m.pyrnn.bz2", tmp_path / "m.pyrnn.gz", tmp_path / "n.pyrnn.gz"
    report = tmp_path / "r.json"
    done = run("convert", tmp_path, "--report", report)
    assert done.exit_code == 1
    hint = "; convert it alone to another --output, or move the other file away"
    target = tmp_path / "m.pyrnn.hdf5"
    assert done.stderr.splitlines() == [
        f"report written to {report}",
        f"failed: {first}: target: expected one of its own, got {target}, which {second} would get too{hint}",
        f"failed: {second}: target: expected one of its own, got {target}, which {first} would get too{hint}",
    ]
    assert [record["status"] for record in json.loads(report.read_text("utf-8"))] == ["failed", "failed", "converted"]
    assert names(tmp_path) == ["m.pyrnn.bz2", "m.pyrnn.gz", "n.pyrnn.gz", "n.pyrnn.hdf5", "r.json"]
    foreseen = run("convert", tmp_path, "--dry-run")
    assert foreseen.exit_code == 1
    assert [line.split(":")[0] for line in foreseen.stdout.splitlines()] == ["would fail", "would fail", "up to date"]
    assert len(plan([third, third, tmp_path / "." / "n.pyrnn.gz"], None)) == 1
    # What the hint says works.
    assert run("convert", first, "-o", tmp_path / "other" / "m.hdf5").exit_code == 0
    assert run("convert", tmp_path, "--glob", "*.gz").exit_code == 0


def test_no_source_is_the_target_of_another(tmp_path: Path) -> None:
    for name in ("models/sub/y.pyrnn", "out/sub/y.hdf5", "models/x.pyrnn", "z.pyrnn"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(MODELS / "digits-plain.pyrnn", tmp_path / name)
    # What is forced goes through a link.
    (tmp_path / "out" / "x.hdf5").symlink_to(tmp_path / "z.pyrnn")
    before = (tmp_path / "z.pyrnn").read_bytes()
    sources = [tmp_path / "models", tmp_path / "out" / "sub" / "y.hdf5", tmp_path / "z.pyrnn"]
    done = run("convert", *sources, "-o", tmp_path / "out", "--force")
    assert done.exit_code == 1
    assert done.stderr.count(", which is a source itself; convert it alone") == 2
    assert (tmp_path / "z.pyrnn").read_bytes() == (tmp_path / "out" / "sub" / "y.hdf5").read_bytes() == before


def test_what_is_passed_over_in_folders_is_counted(tree: Path, tmp_path: Path) -> None:
    (tree / "evil.pyrnn").unlink()
    (tree / "sub" / "broken.pyrnn.gz").unlink()
    assert run("convert", tree).stderr == "1 file is no model\n"
    (tree / "words.txt").write_text("cat\ndog\n")
    (tree / "away.pyrnn.gz").symlink_to(SOURCE)
    (tree / "gone").symlink_to(tmp_path / "nothing")
    # A result that lies beside its source is none of these, nor is what another name was asked for.
    done = run("convert", tree)
    assert (done.exit_code, done.stderr) == (
        0,
        "2 files are no models\n"
        f"1 link was not followed, name it to take it: {tree / 'away.pyrnn.gz'}\n"
        f"1 link is dead: {tree / 'gone'}\n",
    )
    followed = f"1 link was not followed, name it to take it: {tree / 'away.pyrnn.gz'}\n"
    assert run("convert", tree, "--glob", "*.gz").stderr == followed
    assert run("convert", tree, "-q").output == ""


def test_of_many_links_the_first_are_named(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.pyrnn.gz").symlink_to(SOURCE)
        (tmp_path / f"dead{number}").symlink_to(tmp_path / "nothing")
    shutil.copy(SOURCE, tmp_path / "m.pyrnn.gz")
    followed = ", ".join(str(tmp_path / f"{number}.pyrnn.gz") for number in range(3))
    dead = ", ".join(str(tmp_path / f"dead{number}") for number in range(3))
    said = f"5 links were not followed, name them to take them: {followed}, ...\n5 links are dead: {dead}, ...\n"
    assert run("convert", tmp_path).stderr == said
    assert run("show", tmp_path).stderr == said
    assert run("verify", tmp_path).stderr == said


ARCHIVES = {
    "models.zip": (zipped(MODELS_IN), "a zip archive that holds models/d.pyrnn.gz: unpack it first"),
    "models.tar": (tar(MODELS_IN), "a tar archive that holds models/d.pyrnn.gz: unpack it first"),
    "models.tar.xz": (
        lzma.compress(tar(MODELS_IN)),
        "a tar archive packed by xz that holds models/d.pyrnn.gz: unpack it first",
    ),
    "models.7z": (b"7z\xbc\xaf\x27\x1c\0\4" + bytes(99), "a 7z archive: if it holds models, unpack it first"),
    "models.rar": (b"Rar!\x1a\x07\x01\0" + bytes(99), "a rar archive: if it holds models, unpack it first"),
    "m.pronn.gz": (
        gzip.compress((ROOT / "fixtures" / "pronn" / "digits.pronn").read_bytes()),
        "a pronn: if it is packed, unpack it first",
    ),
    "m.pyrnn.zst": (b"\x28\xb5\x2f\xfd" + bytes(99), "zstd data: if it is a model, unpack it first"),
}


@pytest.mark.parametrize("command", ["convert", "show", "verify"])
def test_archives_that_may_hold_models_are_named(tmp_path: Path, command: str) -> None:
    folder = tmp_path / "models"
    folder.mkdir()
    for name, (content, _) in ARCHIVES.items():
        (folder / name).write_bytes(content)
    (folder / "texts.zip").write_bytes(zipped({"readme.txt": b"x"}))
    warned = [f"warning: {folder / name}: {ARCHIVES[name][1]}" for name in sorted(ARCHIVES)]
    done = run(command, folder)
    assert done.exit_code == 1
    said = done.stderr.splitlines()
    assert [line for line in said if line.startswith("warning")] == warned
    assert "1 file is no model" in said
    assert f"error: {folder}: expected models, found none" in said
    shutil.copy(SOURCE, folder / "good.pyrnn.gz")
    assert run("convert", folder, "-o", tmp_path / "out", "-q").exit_code == 0
    good = run(command, folder, *([tmp_path / "out"] if command == "verify" else []))
    assert (good.exit_code, good.stderr.splitlines()[: len(warned)]) == (0, warned)


def test_hdf5_and_onnx_files_are_left_as_they_are(tmp_path: Path) -> None:
    folder, out = tmp_path / "models", tmp_path / "out"
    folder.mkdir()
    for name in ("a", "b"):
        convert(SOURCE, folder / f"{name}.hdf5")
    convert(SOURCE, folder / "c.onnx", to="onnx", verify=False)
    expected = "expected pyrnn or pronn files, found 2 HDF5 files (--to onnx takes these), 1 ONNX file"
    done = run("convert", folder)
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (1, f"error: {folder}: {expected}")
    shutil.copy(MODELS / "digits-nolnorm.pyrnn.gz", folder / "m.pyrnn.gz")
    left = "2 HDF5 files are left as they are\n1 ONNX file is left as it is\n"
    # What it makes itself is none of these, nor is it when it is up to date.
    for _ in range(2):
        done = run("convert", folder)
        assert (done.exit_code, done.stderr) == (0, left)
    assert run("convert", folder, "-q", "-o", out).output == ""
    assert "left as" not in run("verify", folder).stderr + run("show", folder).stderr
    done = run("convert", folder, "--to", "onnx", "--no-verify", "-o", out)
    assert (done.exit_code, done.stderr) == (0, "1 ONNX file is left as it is\n")


def test_options_of_many_hold_for_one_or_are_wrong_usage(tmp_path: Path) -> None:
    target = tmp_path / "m.hdf5"
    done = run("convert", SOURCE, "-o", target, "--glob", "*")
    assert (done.exit_code, target.exists()) == (2, False)
    assert "expected a folder among the sources" in done.stderr
    hanging = tmp_path / "h.pyrnn"
    hanging.write_bytes(b"\x80\x02}(" + b"".join(b"L%dL\nN" % (k * (2**61 - 1)) for k in range(60_000)) + b"u.")
    done = run("convert", hanging, "--timeout", 1)
    assert done.exit_code == 1
    assert "expected at most 1 s, took longer (see --timeout)" in done.stderr
    done = run("convert", SOURCE, "-o", target, "-j", 2)
    assert (done.exit_code, done.stdout.splitlines()[0]) == (0, f"converted: {SOURCE} -> {target}")


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
        "1 file is no model",
        f"refused: {tree / 'evil.pyrnn'}: refused global os.system: not part of an OCRopus line recognizer; "
        "it runs programs or reaches files; show --globals lists all it names",
        f"refused: {tree / 'sub' / 'broken.pyrnn.gz'}: gzip data is damaged or cut off: fetch the file again",
    ]
    good = run("convert", tree / "a.pyrnn.gz", tree / "sub" / "no-suffix", "-q")
    assert (good.exit_code, good.output) == (0, "")


def test_json_is_a_line_a_model(tree: Path) -> None:
    done = run("convert", tree, "--json")
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert sorted(record["status"] for record in records) == [
        *("converted", "converted", "converted", "duplicate", "refused", "refused")
    ]
    assert all(record["schema"] == 2 for record in records)
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


def test_an_interrupt_before_anything_is_found_leaves_a_report(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object, **__: object) -> None:
        raise SystemExit(130)

    monkeypatch.setattr("pyrnn2hdf5.batch.runner.plan", stop)
    report = tmp_path / "r.json"
    assert run("convert", tree, "--report", report).exit_code == 130
    assert json.loads(report.read_text("utf-8")) == []
    # Nobody has asked yet whether this is a source.
    report.write_text("precious", "utf-8")
    assert run("convert", tree, "--report", report).exit_code == 130
    assert report.read_text("utf-8") == "precious"


@pytest.mark.parametrize("command", ["show", "convert", "verify"])
def test_a_folder_without_models_has_a_record(tmp_path: Path, command: str) -> None:
    done = run(command, tmp_path, "--json")
    record = json.loads(done.stdout)
    status = "refused" if command == "convert" else "failed"
    assert (done.exit_code, record["source"], record["status"]) == (1, str(tmp_path), status)
    assert record["error"] == {"kind": "SourceError", "message": "expected models, found none", "remedy": None}


def test_a_closed_pipe_ends_as_other_tools_do(tree: Path) -> None:
    for words in (["convert", str(tree), "--json"], ["show", str(tree), "--json"], ["convert", "--help"]):
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run(
            [sys.executable, "-m", "pyrnn2hdf5", *words], stdout=writing, stderr=subprocess.PIPE, text=True, check=False
        )
        os.close(writing)
        assert done.returncode == 141
        assert "error" not in done.stderr


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
    assert done.stderr == f"error: {tree / 'sub' / 'deep'}: Permission denied\n1 file is no model\n"
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


def test_a_report_that_cannot_be_written_is_told_before_any_work(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "r.json").mkdir()
    for report, why in ((tmp_path / "r.json", "Is a directory"), (tree / "a.pyrnn.gz" / "r.json", "Not a directory")):
        for sources in ([tree], [tree / "a.pyrnn.gz"]):
            done = run("convert", *sources, "--report", report)
            assert (done.exit_code, done.stdout, done.stderr) == (1, "", f"error: {why}: {report}\n")
    assert not list(tree.rglob("*.hdf5"))
    assert run("convert", tree / "a.pyrnn.gz", "--report", tmp_path / "new" / "r.json").exit_code == 0
    assert (tmp_path / "new" / "r.json").is_file()


def test_a_report_is_written_into_a_pipe(tmp_path: Path) -> None:
    target = tmp_path / "m.hdf5"
    written = into_fifo(tmp_path / "r.json", lambda fifo: run("convert", SOURCE, "-o", target, "--report", fifo))
    assert json.loads(written)[0]["status"] == "converted"


def test_a_report_that_cannot_be_written_after_all_hides_nothing(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    report = tmp_path / "r.json"
    monkeypatch.setattr(reports, "write_output", full)
    done = run("convert", tree, "--report", report)
    assert done.exit_code == 1
    assert f"error: No space left on device: {report}\n" in done.stderr
    assert f"refused: {tree / 'evil.pyrnn'}: " in done.stderr
    assert "total           6" in done.stdout


def visible_lines(screen: str) -> list[str]:
    return re.sub("\x1b.*?[mKhlA]", "", screen).replace("\r", "\n").splitlines()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_terminal_gets_each_refusal_once_and_the_totals_last(tree: Path, width: int) -> None:
    code, screen, _ = on_terminal(width, "convert", tree, "-j", 2)
    lines = visible_lines(screen)
    assert code == 1
    why = "refused global os.system: not part of an OCRopus line recognizer; it runs programs or reaches files"
    reason = f"refused: {tree / 'evil.pyrnn'}: {why}; show --globals lists all it names"
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
