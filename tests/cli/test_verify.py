"""`verify` on the command line: pairs, verdicts, reports."""

from __future__ import annotations

import errno
import json
import os
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import pyrnn2hdf5
from pyrnn2hdf5.batch.pairing import pairs
from pyrnn2hdf5.hdf5.reader import read_by_library as read
from pyrnn2hdf5.sandbox import bounded
from pyrnn2hdf5.sandbox.process import Process

from ..conftest import LINES, MODELS, SHARED
from ..pickles import Name, Text, dump, recognizer
from .commands import into_fifo, run

SOURCE = MODELS / "digits.pyrnn.gz"


@pytest.fixture
def result(tmp_path: Path) -> Path:
    return pyrnn2hdf5.convert(SOURCE, tmp_path / "digits.pyrnn.hdf5").target


def damage(path: Path, at: tuple[int, int] = (12, 30)) -> None:
    with h5py.File(path, "r+") as file:
        values = file[".bidilstm.1.softmax.W"]
        values[at] = 0.25


def test_equal_models_have_a_line_a_layer(result: Path) -> None:
    done = run("verify", SOURCE, result)
    assert (done.exit_code, done.stderr) == (0, "")
    verdict, stored, labels, behaviour = done.stdout.splitlines()
    assert verdict == f"equal: {SOURCE} and {result}"
    assert stored == "  stored     17 of 17 data sets bit-equal"
    assert labels == "  labels     25 labels; equal: codec, line normalizer, training record"
    assert behaviour.startswith("  behaviour  136 steps of 3 lines: largest difference ")
    assert "texts equal, 100% of hidden units vary" in behaviour
    assert run("verify", SOURCE, result, "-q").output == ""
    assert run("verify", result, SOURCE).exit_code == 0
    assert run("verify", result, result).exit_code == 0
    assert run("verify", SOURCE, MODELS / "digits-plain.pyrnn").exit_code == 0


def test_a_difference_is_told_in_words(result: Path) -> None:
    damage(result)
    done = run("verify", SOURCE, result, "-q")
    assert done.exit_code == 1
    verdict, stored, _, behaviour = done.stdout.splitlines()
    assert verdict.startswith("DIFFERENT: ")
    assert stored.startswith("  stored     16 of 17 data sets bit-equal; softmax W: row 12, column 30: expected ")
    assert ", got 0.25 (1 items differ, at most by " in stored
    assert "largest difference" in behaviour


def test_tolerance_is_for_behaviour_only(result: Path) -> None:
    damage(result)
    done = json.loads(run("verify", SOURCE, result, "--json", "--tolerance", "1").stdout)
    assert [problem.split(":")[0] for problem in done["verification"]["problems"]] == ["stored"]
    again = json.loads(run("verify", SOURCE, result, "--json", "--tolerance", "0").stdout)
    assert [problem.split(":")[0] for problem in again["verification"]["problems"]] == ["stored", "behaviour"]
    assert again["verification"]["behaviour"]["tolerance"] == 0


def test_json(result: Path) -> None:
    said = json.loads(run("verify", SOURCE, result, "--json").stdout)
    assert list(said) == ["schema", "source", "result", "status", "verification", "error"]
    assert (said["schema"], said["status"], said["error"]) == (2, "equal", None)
    checks = said["verification"]["stored"]
    assert [check["label"] for check in checks][-3:] == ["softmax w", "softmax W", "codec"]
    assert checks[0]["shape"] == [24, 57]
    assert all(check["equal"] and check["dtype"] == "float32" for check in checks)
    assert said["verification"]["labels"] == {"count": 25, "compared": ["codec", "line normalizer", "training record"]}
    damage(result)
    said = json.loads(run("verify", SOURCE, result, "--json").stdout)
    assert said["status"] == "different"
    (check,) = [check for check in said["verification"]["stored"] if not check["equal"]]
    assert (check["label"], check["index"], check["got"], check["differing"]) == ("softmax W", [12, 30], 0.25, 1)
    failed = run("verify", SOURCE, "nothing", "--json")
    assert failed.exit_code == 1
    assert json.loads(failed.stdout)["error"]["kind"] == "FileNotFoundError"


def test_unreadable_models_exit_1(result: Path, tmp_path: Path) -> None:
    hostile = tmp_path / "hostile"
    hostile.write_bytes(dump(Name("os", "system")))
    done = run("verify", hostile, result)
    assert (done.exit_code, done.stdout) == (1, "")
    said = "refused global os.system: not part of an OCRopus line recognizer; it runs programs or reaches files"
    assert done.stderr == f"error: {hostile}: {said}; show --globals lists all it names\n"


@pytest.mark.parametrize("arguments", [[], [SOURCE], ["a", "b", "c"], [MODELS, SOURCE], [MODELS, MODELS, MODELS]])
def test_wrong_usage_exits_2(arguments: list[object]) -> None:
    assert run("verify", *arguments).exit_code == 2
    assert run("verify", SOURCE, SOURCE, "--tolerance", "-1").exit_code == 2
    assert run("verify", SOURCE, SOURCE, "--lines", "no*").exit_code == 2


def test_real_lines_with_their_truth(result: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(LINES)
    for lines in (["--lines", "*.png"], ["--lines", *sorted(path.name for path in LINES.glob("*.png"))]):
        done = run("verify", SOURCE, result, *lines)
        assert done.exit_code == 0
        assert " steps of 9 lines: " in done.stdout
        assert "character error rate 0.00% and 0.00%" in done.stdout
    other = run("verify", SOURCE, MODELS / "digits-00004000.pyrnn.gz", "--lines", "*.png", "--json")
    rates = json.loads(other.stdout)["verification"]["behaviour"]["error_rates"]
    assert rates[0] == 0 < rates[1]


def test_a_broken_image_is_told(result: Path, tmp_path: Path) -> None:
    broken = tmp_path / "x.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    done = run("verify", SOURCE, result, "--lines", broken)
    assert done.exit_code == 1
    assert done.stderr.count("\n") == 1


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Two models beside their results, one in a folder of its own."""
    folder = tmp_path / "archive"
    (folder / "b").mkdir(parents=True)
    shutil.copy(SOURCE, folder / "a.pyrnn.gz")
    shutil.copy(MODELS / "digits-protocol0.pyrnn.gz", folder / "b" / "c.pyrnn.gz")
    (folder / "readme.txt").write_text("(not a model)\n")
    (folder / "b" / "list.txt").write_text("chapters\nof a book\n")
    pyrnn2hdf5.convert(folder / "a.pyrnn.gz")
    pyrnn2hdf5.convert(folder / "b" / "c.pyrnn.gz")
    return folder


def test_a_folder_beside_its_results(archive: Path) -> None:
    done = run("verify", archive)
    assert done.exit_code == 0
    assert [line for line in done.stdout.splitlines() if not line.startswith(" ")] == [
        f"equal: {archive / 'a.pyrnn.gz'} and {archive / 'a.pyrnn.hdf5'}",
        f"equal: {archive / 'b' / 'c.pyrnn.gz'} and {archive / 'b' / 'c.pyrnn.hdf5'}",
        "2 equal, 0 different, 0 failed",
    ]


def test_results_elsewhere_and_under_other_names(archive: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    results.mkdir()
    (archive / "a.pyrnn.hdf5").rename(results / "renamed.hdf5")
    (archive / "b" / "c.pyrnn.hdf5").rename(results / "unpaired.hdf5")
    (archive / "b" / "c.pyrnn.gz").unlink()
    found, unpaired = pairs(archive, results)
    assert [(pair.source.name, pair.result and pair.result.name) for pair in found] == [("a.pyrnn.gz", "renamed.hdf5")]
    assert [path.name for path in unpaired] == ["unpaired.hdf5"]
    done = run("verify", archive, results)
    assert done.exit_code == 0
    assert "belongs to no source, not verified" in done.stderr


def test_a_missing_or_wrong_result_is_a_failure(archive: Path) -> None:
    (archive / "b" / "c.pyrnn.hdf5").unlink()
    done = run("verify", archive, "-q")
    assert done.exit_code == 1
    assert done.stderr == f"error: {archive / 'b' / 'c.pyrnn.gz'}: no result found for it\n"
    # A file of the right name that was made from another source is what a user would take for it.
    shutil.copy(MODELS / "digits-00004000.pyrnn.gz", archive / "a.pyrnn.gz")
    assert "DIFFERENT" in run("verify", archive).stdout


def test_files_that_kraken_wrote_are_paired_by_name(archive: Path) -> None:
    with h5py.File(archive / "a.pyrnn.hdf5", "r+") as file:
        del file["pyrnn2hdf5"]
    found, unpaired = pairs(archive, archive)
    assert [pair.result and pair.result.name for pair in found] == ["a.pyrnn.hdf5", "c.pyrnn.hdf5"]
    assert unpaired == []
    assert run("verify", archive).exit_code == 0


def test_an_empty_folder_is_a_failure(tmp_path: Path) -> None:
    done = run("verify", tmp_path)
    assert (done.exit_code, done.stderr) == (1, f"error: {tmp_path}: expected models, found none\n")


def test_junit_has_a_case_a_model(archive: Path, tmp_path: Path) -> None:
    damage(archive / "a.pyrnn.hdf5")
    (archive / "b" / "c.pyrnn.hdf5").unlink()
    report = tmp_path / "report.xml"
    assert run("verify", archive, "--junit", report).exit_code == 1
    (suite,) = ET.parse(report).getroot()
    assert [suite.get(name) for name in ("name", "tests", "failures", "errors")] == ["pyrnn2hdf5 verify", "2", "1", "1"]
    first, second = suite
    assert first.get("name") == str(archive / "a.pyrnn.gz")
    assert (first[0].get("message") or "").startswith("stored: softmax W: row 12, column 30: expected ")
    assert (second[0].tag, second[0].get("message")) == ("error", "no result found for it")


def test_junit_survives_hostile_names(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    (
        folder / "a\x01\ud800<&\x1b.pyrnn".encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")
    ).write_bytes(dump(Name("os\x00\x1b", "system")))
    report = tmp_path / "report.xml"
    assert run("verify", folder, "--junit", report).exit_code == 1
    assert ET.parse(report).getroot()[0].get("errors") == "1"


def test_an_unwritable_report_is_told_before_any_work(result: Path, tmp_path: Path) -> None:
    done = run("verify", SOURCE, result, "--junit", result / "x.xml")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == f"error: Not a directory: {result / 'x.xml'}\n"
    done = run("verify", SOURCE, result, "--junit", tmp_path)
    assert (done.exit_code, done.output) == (1, f"error: Is a directory: {tmp_path}\n")
    assert run("verify", SOURCE, result, "--junit", tmp_path / "new" / "x.xml").exit_code == 0
    assert ET.parse(tmp_path / "new" / "x.xml").getroot()[0].get("tests") == "1"


def test_a_report_is_written_into_a_pipe(result: Path, tmp_path: Path) -> None:
    written = into_fifo(tmp_path / "fifo", lambda fifo: run("verify", SOURCE, result, "--junit", fifo))
    assert ET.fromstring(written)[0].get("tests") == "1"


def test_a_refused_source_without_result_says_why(tmp_path: Path) -> None:
    results = tmp_path / "results"
    results.mkdir()
    models = tmp_path / "models"
    models.mkdir()
    (models / "evil.pyrnn").write_bytes(dump(Name("os", "system")))
    (models / "cut.pyrnn.gz").write_bytes(SOURCE.read_bytes()[:5000])
    shutil.copy(SOURCE, models / "z.pyrnn.gz")
    done = run("verify", models, results, "--json")
    assert done.exit_code == 1
    cut, evil, good = done.stderr.splitlines()
    assert cut.startswith(f"error: {models / 'cut.pyrnn.gz'}: no result found for it: gzip data is damaged")
    assert evil.startswith(f"error: {models / 'evil.pyrnn'}: no result found for it: refused global os.system")
    assert good == f"error: {models / 'z.pyrnn.gz'}: no result found for it"
    kinds = [json.loads(line)["error"]["kind"] for line in done.stdout.splitlines()]
    assert kinds == ["SourceError", "UnsafePickleError", "FileNotFoundError"]


def test_what_is_skipped_in_a_folder_is_counted(archive: Path) -> None:
    (archive / "away.pyrnn.gz").symlink_to(SOURCE)
    done = run("verify", archive)
    assert (done.exit_code, done.stderr) == (
        0,
        f"2 files are no models\n1 link was not followed, name it to take it: {archive / 'away.pyrnn.gz'}\n",
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["folder", "file"], "file: expected a second folder, got a file"),
        (["folder", "folder", "folder"], "folder: expected two folders alone, got a folder"),
        (["file"], "file: expected SOURCE and RESULT, or one or two folders, got a file"),
        (["file", "file", "none"], "none: expected SOURCE and RESULT alone, got nothing of that name"),
        (["a.png", "--lines", "b.png"], "expected SOURCE and RESULT, or one or two folders, got images alone"),
    ],
)
def test_what_is_wrong_is_named(
    tmp_path: Path, arguments: list[str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    Path("file").touch()
    done = run("verify", *arguments, env={"COLUMNS": "200"})
    assert (done.exit_code, done.stderr.splitlines()[-1]) == (2, f"Error: Invalid value: {said}")


@pytest.mark.parametrize("before", [[], ["folder"]])
def test_what_is_not_there_is_a_failed_file(tmp_path: Path, before: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("folder").mkdir()
    done = run("verify", *before, "none", "--json", "--junit", "r.xml")
    assert (done.exit_code, done.stderr.splitlines()[0]) == (1, "error: none: No such file or directory")
    record = json.loads(done.stdout)
    assert (record["source"], record["status"], record["result"]) == ("none", "failed", None)
    (suite,) = ET.parse("r.xml").getroot()
    assert (suite.get("tests"), suite.get("errors")) == ("1", "1")
    # As `convert` has it.
    done = run("convert", *before, "none", "--report", "k.json")
    assert (done.exit_code, json.loads(Path("k.json").read_text("utf-8"))[0]["status"]) == (1, "failed")


def test_a_report_on_nothing_is_written_too(tmp_path: Path) -> None:
    folder, report = tmp_path / "empty", tmp_path / "r.xml"
    folder.mkdir()
    for command in (["verify", "-q", folder, "--junit", report], ["convert", "-q", folder, "--report", report]):
        done = run(*command)
        assert (done.exit_code, done.stderr) == (1, f"error: {folder}: expected models, found none\n")
        (suite,) = ET.parse(report).getroot()
        assert suite.get("tests") == "0"
        report.unlink()


def test_folders_end_with_their_totals(archive: Path, tmp_path: Path) -> None:
    assert run("verify", archive).stdout.splitlines()[-1] == "2 equal, 0 different, 0 failed"
    (archive / "cut.pyrnn.gz").write_bytes(SOURCE.read_bytes()[:5000])
    done = run("verify", archive)
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (1, "2 equal, 0 different, 1 failed")
    assert "equal, " not in run("verify", archive, "-q").output
    assert all(json.loads(line) for line in run("verify", archive, "--json").stdout.splitlines())
    result = archive / "a.pyrnn.hdf5"
    assert "different, " not in run("verify", SOURCE, result).stdout


def test_of_other_shapes_the_shapes_are_told(result: Path, tmp_path: Path) -> None:
    other = tmp_path / "o.pyrnn"
    other.write_bytes(dump(recognizer()))
    stored = next(line for line in run("verify", other, result).stdout.splitlines() if line.startswith("  stored"))
    assert "expected shape (" in stored
    assert "items differ" not in stored


def test_images_that_a_shell_put_before_the_models(result: Path) -> None:
    images = sorted(LINES.glob("*.png"))
    for words in ((*images, SOURCE, result), (SOURCE, *images, result)):
        first = words.index(images[0])
        done = run("verify", *words[:first], "--lines", *words[first:])
        assert done.exit_code == 0
        assert " steps of 9 lines: " in done.stdout


def test_the_network_alone(result: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.hdf5"
    shutil.copy(result, other)
    with h5py.File(other, "r+") as file:
        del file["pyrnn2hdf5"]
        file["codec"][3] = 0x263A
    assert run("verify", result, other).exit_code == 1
    done = run("verify", result, other, "--network-only", "--lines", LINES / "line-0.png")
    assert done.exit_code == 0
    _, stored, labels, behaviour = done.stdout.splitlines()
    assert stored == "  stored     16 of 16 data sets bit-equal"
    assert labels == "  labels     not compared"
    assert " of 4 lines: " in behaviour
    assert "texts not compared" in behaviour
    assert pyrnn2hdf5.verify(SOURCE, other, network_only=True).ok
    damage(other)
    assert run("verify", result, other, "--network-only").exit_code == 1
    assert not pyrnn2hdf5.verify(SOURCE, other, network_only=True).ok


def test_networks_whose_classes_are_stored_in_another_order(tmp_path: Path) -> None:
    results = []
    for name, labels in (("a", "ba"), ("b", "ab")):
        (tmp_path / name).write_bytes(dump(recognizer(codec={0: "", **{i: Text(t) for i, t in enumerate(labels, 1)}})))
        results.append(pyrnn2hdf5.convert(tmp_path / name).target)
    assert not pyrnn2hdf5.verify(*results).ok
    assert pyrnn2hdf5.verify(*results, network_only=True).ok


def test_a_folder_is_read_by_one_process(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []

    class Counted(Process):
        def __init__(self, module: str, **options: Any) -> None:
            started.append(module)
            super().__init__(module, **options)

    monkeypatch.setattr(bounded, "Process", Counted)
    assert run("verify", archive).exit_code == 0
    assert len(started) == 1


def test_annotations_for_github(result: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert run("verify", SOURCE, result).stderr == ""
    damage(result)
    said = run("verify", SOURCE, result).stderr
    assert said.startswith(f"::error file={result},title=pyrnn2hdf5 verify::stored: softmax W: row 12, column 30: ")
    assert said.count("\n") == 1


@pytest.mark.real
def test_a_scrambled_conversion_of_kraken_is_different(tmp_path: Path) -> None:
    """kraken copies a codec that is out of order as it is, and then reads other text from its own file."""
    source = SHARED / "lineages" / "chwick2017_resized_unsorted.pyrnn.gz"
    path = pyrnn2hdf5.convert(source, tmp_path / "x.hdf5").target
    order = read(path).permutation
    assert order is not None
    with h5py.File(path, "r+") as file:
        del file["pyrnn2hdf5"]
        for name in (".bidilstm.1.softmax.w", ".bidilstm.1.softmax.W", "codec"):
            file[name][...] = file[name][()][np.argsort(order)]
    assert not pyrnn2hdf5.verify(source, path).ok


def test_every_result_of_a_source_is_verified(tmp_path: Path) -> None:
    source = shutil.copy(SOURCE, tmp_path)
    pyrnn2hdf5.convert(source)
    damage(pyrnn2hdf5.convert(source, tmp_path / "again.hdf5").target)
    done = run("verify", tmp_path)
    assert (done.exit_code, done.stderr) == (1, "")
    assert f"equal: {source} and {tmp_path / 'digits.pyrnn.hdf5'}" in done.stdout
    assert f"DIFFERENT: {source} and {tmp_path / 'again.hdf5'}" in done.stdout


def test_folders_on_several_lines(tmp_path: Path, result: Path) -> None:
    shutil.copy(SOURCE, tmp_path)
    images = [LINES / "line-0.png", LINES / "line-1.png"]
    assert "of 5 lines" in run("verify", tmp_path, "--lines", *images).stdout
    assert "of 5 lines" in run("verify", tmp_path, tmp_path, "--lines", *images).stdout
    assert run("verify", tmp_path, SOURCE).exit_code == 2
    assert run("verify", SOURCE, result, images[0]).exit_code == 2


def test_a_bad_line_image_is_named(tmp_path: Path, result: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no image")
    done = run("verify", SOURCE, result, "--lines", LINES / "line-0.png", tmp_path / "bad.png")
    assert done.exit_code == 1
    assert done.stderr.startswith(f"error: {tmp_path / 'bad.png'}: expected an image")


def test_a_report_overwrites_no_model(result: Path) -> None:
    before = result.read_bytes()
    assert run("verify", SOURCE, result, "--junit", result.parent / "." / result.name).exit_code == 2
    assert result.read_bytes() == before


def refuse(place: Any, name: str, closed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an opening function refuse one file."""
    real = getattr(place, name)

    def opened(path: Any, *arguments: Any, **options: Any) -> Any:
        if path == closed:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(path, *arguments, **options)

    monkeypatch.setattr(place, name, opened)


def test_one_closed_file_does_not_stop_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a.pyrnn.gz", "b.pyrnn.gz"):
        pyrnn2hdf5.convert(shutil.copy(SOURCE, tmp_path / name))
    closed = tmp_path / "a.pyrnn.gz"
    for module, name in ((Path, "open"), (os, "open")):
        refuse(module, name, closed, monkeypatch)
    done = run("verify", tmp_path)
    assert done.exit_code == 1
    assert done.stderr == f"error: {closed}: Permission denied\n"
    assert f"equal: {tmp_path / 'b.pyrnn.gz'}" in done.stdout


def test_the_file_that_is_not_there_is_blamed() -> None:
    good = MODELS / "digits.pyrnn.gz"
    for pair in ((good, "nope"), ("nope", good)):
        done = run("verify", *pair)
        assert (done.exit_code, done.stderr) == (1, "error: nope: No such file or directory\n")
