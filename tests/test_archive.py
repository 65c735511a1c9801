"""Whole archives: finding, planning, processes, reports, and going on after an end."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import os
import random
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

from pyrnn2hdf5.batch import runner as archive
from pyrnn2hdf5.batch.runner import Job, convert_all, plan
from pyrnn2hdf5.conversion.converter import convert
from pyrnn2hdf5.conversion.outcome import Outcome
from pyrnn2hdf5.errors import Pyrnn2Hdf5Error, TargetConflictError
from pyrnn2hdf5.limits import Limits
from pyrnn2hdf5.verification.comparison import verify

from .conftest import MODELS
from .pickles import Name, Text, dump, recognizer
from .test_cli import run

SOURCE = MODELS / "digits.pyrnn.gz"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Three good models, a duplicate, one hostile, one broken, and files that are none."""
    folder = tmp_path / "tree"
    (folder / "sub" / "deep").mkdir(parents=True)
    shutil.copy(SOURCE, folder / "a.pyrnn.gz")
    shutil.copy(MODELS / "digits-plain.pyrnn", folder / "sub" / "no-suffix")
    shutil.copy(MODELS / "digits-protocol0.pyrnn.gz", folder / "sub" / "deep" / "c.pyrnn.gz")
    os.link(folder / "a.pyrnn.gz", folder / "sub" / "z.pyrnn.gz")
    (folder / "evil.pyrnn").write_bytes(dump(Name("os", "system")))
    (folder / "sub" / "broken.pyrnn.gz").write_bytes(SOURCE.read_bytes()[:5000])
    (folder / "readme.txt").write_text("models of a library\n")
    return folder


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def outcomes(jobs: list[Job], seconds: float = 60, **options: Any) -> dict[str, Outcome]:
    return {outcome.job.source.name: outcome for outcome in convert_all(jobs, 2, seconds, **options)}


def test_results_lie_beside_their_sources_or_mirror_the_tree(tree: Path, tmp_path: Path) -> None:
    beside = plan([tree], None)
    assert [str(job.source.relative_to(tree)) for job in beside] == [
        *("a.pyrnn.gz", "evil.pyrnn", "sub/broken.pyrnn.gz", "sub/deep/c.pyrnn.gz", "sub/no-suffix", "sub/z.pyrnn.gz")
    ]
    assert beside[3].target == tree / "sub" / "deep" / "c.pyrnn.hdf5"
    mirrored = plan([tree], tmp_path / "out")
    assert mirrored[3].target == tmp_path / "out" / "sub" / "deep" / "c.pyrnn.hdf5"
    narrowed = plan([tree, tree / "sub" / "no-suffix"], tmp_path / "out", "[ac].*")
    assert [job.source.name for job in narrowed] == ["a.pyrnn.gz", "c.pyrnn.gz", "no-suffix"]
    assert narrowed[2].target == tmp_path / "out" / "no-suffix.hdf5"


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


def test_what_becomes_of_each(tree: Path) -> None:
    done = outcomes(plan([tree], None))
    assert {name: outcome.status for name, outcome in done.items()} == {
        "a.pyrnn.gz": "converted",
        "z.pyrnn.gz": "duplicate",
        "no-suffix": "converted",
        "c.pyrnn.gz": "converted",
        "evil.pyrnn": "refused",
        "broken.pyrnn.gz": "refused",
    }
    assert done["z.pyrnn.gz"].record["duplicate_of"] == str(tree / "a.pyrnn.gz")
    again = outcomes(plan([tree], None))
    assert sorted(outcome.status for outcome in again.values()) == [*["refused"] * 2, *["up to date"] * 4]
    assert all(again[name].record.get("target_sha256") == done[name].record.get("target_sha256") for name in done)
    forced = outcomes(plan([tree], None), force=True)
    assert forced["a.pyrnn.gz"].status == "converted"
    assert forced["z.pyrnn.gz"].status == "duplicate"


def test_a_duplicate_gets_the_result_it_would_have_alone(tree: Path, tmp_path: Path) -> None:
    os.link(tree / "a.pyrnn.gz", tree / "hard-link.pyrnn.gz")
    done = outcomes(plan([tree], None))
    for name in ("sub/z.pyrnn", "hard-link.pyrnn"):
        outcome = done[f"{name}.gz".removeprefix("sub/")]
        assert outcome.status == "duplicate"
        alone = convert(tree / f"{name}.gz", tmp_path / "alone.hdf5", force=True)
        assert outcome.record["target_sha256"] == alone.target_sha256
        assert (tree / f"{name}.hdf5").read_bytes() == alone.target.read_bytes()
        assert (outcome.record["source_size"], outcome.record["source_sha256"]) == (
            alone.source_size, alone.source_sha256,
        )  # fmt: skip


def test_a_duplicate_is_warned_of_as_the_first(tmp_path: Path) -> None:
    data = bytearray(SOURCE.read_bytes())
    data[-6] ^= 1  # in the checksum
    jobs = []
    for name in ("a.pyrnn.gz", "b.pyrnn.gz"):
        (tmp_path / name).write_bytes(data)
        jobs.append(Job(tmp_path / name, tmp_path / f"{name}.hdf5"))
    first, second = outcomes(jobs, ignore_checksum=True).values()
    assert (first.status, second.status) == ("converted", "duplicate")
    assert "gzip data is damaged" in second.record["warnings"][0]
    assert first.record["warnings"] == second.record["warnings"]


def test_a_duplicate_is_refused_or_fails_as_its_own(tree: Path, tmp_path: Path) -> None:
    shutil.copy(tree / "evil.pyrnn", tree / "sub" / "evil-too.pyrnn")
    out = tmp_path / "out"
    (out / "a.pyrnn.hdf5").mkdir(parents=True)
    done = outcomes(plan([tree], out))
    assert done["evil-too.pyrnn"].record == done["evil.pyrnn"].record | {"source": str(tree / "sub" / "evil-too.pyrnn")}
    # What failed for its place only is converted elsewhere.
    assert [done[name].status for name in ("a.pyrnn.gz", "z.pyrnn.gz")] == ["failed", "converted"]
    (tree / "a.pyrnn.gz").write_bytes((tree / "sub" / "deep" / "c.pyrnn.gz").read_bytes())
    assert convert_duplicate(tree / "a.pyrnn.gz", tree / "new.hdf5", out / "sub" / "z.pyrnn.hdf5") is None


def test_a_crash_costs_only_its_model(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = archive._convert_one

    def crash(job: Job, options: dict[str, Any]) -> bytes:
        if job.source.name == "a.pyrnn.gz":
            os.kill(os.getpid(), signal.SIGSEGV)
        if job.source.name == "no-suffix":
            os._exit(0)
        return real(job, options)

    monkeypatch.setattr(archive, "_convert_one", crash)
    done = outcomes(plan([tree], None))
    assert done["a.pyrnn.gz"].record["error"]["message"] == "ended by SIGSEGV"
    assert done["no-suffix"].record["error"]["message"] == "ended without a result"
    assert done["c.pyrnn.gz"].status == "converted"


def test_a_model_made_to_crash_hang_or_swell_is_refused_for_the_reason_it_has_alone(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    shutil.copy(SOURCE, tree / "good.pyrnn.gz")
    (tree / "crash.pyrnn").write_bytes(b"\x80\x02})" + b"\x85" * 2_000_000 + b"Ns.")
    (tree / "hang.pyrnn.gz").write_bytes(gzip.compress(b"\x80\x02" + b"N0" * 100 * 2**20 + b"N."))
    (tree / "swell.pyrnn").write_bytes(b"\x80\x02Nr\xff\xff\xff\x7f.")
    limits = Limits(seconds=0.5)
    done = outcomes(plan([tree], tmp_path / "out"), limits=limits)
    assert done.pop("good.pyrnn.gz").status == "converted"
    for name, outcome in done.items():
        with pytest.raises(Pyrnn2Hdf5Error) as caught:
            convert(tree / name, tmp_path / "alone.hdf5", limits=limits)
        assert outcome.record["error"] == {"kind": type(caught.value).__name__, "message": str(caught.value)}
        assert outcome.status == "refused"


def test_nobody_waits_for_the_writers_of_two_pipes(tmp_path: Path) -> None:
    for name in ("a.pyrnn", "b.pyrnn"):
        os.mkfifo(tmp_path / name)
    result = run("convert", tmp_path / "a.pyrnn", tmp_path / "b.pyrnn")
    assert result.exit_code == 1
    assert result.stderr.count("expected a file, got a device, pipe or socket") == 2


def test_a_hang_costs_only_its_model(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = archive._convert_one

    def hang(job: Job, options: dict[str, Any]) -> bytes:
        if job.source.name == "a.pyrnn.gz":
            time.sleep(60)
        return real(job, options)

    monkeypatch.setattr(archive, "_convert_one", hang)
    start = time.monotonic()
    done = outcomes(plan([tree], None), seconds=3)
    assert time.monotonic() - start < 30
    assert done["a.pyrnn.gz"].status == "failed"
    assert done["a.pyrnn.gz"].record["error"]["message"] == "expected at most 3 s, took longer (see --timeout)"
    assert done["c.pyrnn.gz"].status == "converted"


def test_the_world_fails_one_model(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "sub").write_text("a file where a folder is needed")
    jobs = plan([tree], out)
    (tree / "a.pyrnn.gz").unlink()
    (tree / "sub" / "z.pyrnn.gz").unlink()
    shutil.copy(SOURCE, tree / "b.pyrnn.gz")
    done = outcomes([*jobs, *plan([tree / "b.pyrnn.gz"], out)])
    assert done["a.pyrnn.gz"].record["error"]["message"] == "No such file or directory"
    assert done["c.pyrnn.gz"].status == "failed"
    assert done["b.pyrnn.gz"].status == "converted"


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


def test_links_out_of_the_tree_are_not_followed(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "folder").symlink_to(MODELS)
    (inside / "out.pyrnn.gz").symlink_to(SOURCE)
    shutil.copy(SOURCE, inside / "a.pyrnn.gz")
    assert [job.source.name for job in plan([inside], None)] == ["a.pyrnn.gz"]


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


def test_a_linked_folder_is_the_folder(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "m" / name).mkdir(parents=True)
        shutil.copy(SOURCE, tmp_path / "m" / name / "x.pyrnn.gz")
    (tmp_path / "out" / "a").mkdir(parents=True)
    (tmp_path / "out" / "b").symlink_to("a")
    with pytest.raises(TargetConflictError):
        plan([tmp_path / "m"], tmp_path / "out")
    assert len(plan([tmp_path / "m", tmp_path / "m" / ".." / "m"], None)) == 2


def test_a_report_that_cannot_be_written_hides_nothing(tree: Path) -> None:
    done = run("convert", tree, "--report", tree / "nowhere" / "r.json")
    assert done.exit_code == 1
    assert done.stderr.startswith("error: No such file or directory: ")
    assert f"refused: {tree / 'evil.pyrnn'}: " in done.stderr
    assert "total           6" in done.stdout
