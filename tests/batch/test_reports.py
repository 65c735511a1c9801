"""Reports on many models: every format tells the same, and none of them what a file wants to do."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from pyrnn2hdf5.batch.reports import CSV_COLUMNS, REPORT_FORMATS, Case, junit, write_report
from pyrnn2hdf5.conversion.outcome import Conversion, Outcome
from pyrnn2hdf5.errors import TargetExistsError, UnsafePickleError
from pyrnn2hdf5.records import outcome_record

EVIL = "=\x1b[31m\u202e<&>\x00\ufffe"
SEEN = "=\\x1b[31m\\u202e<&>\\x00\\ufffe"
MADE = Conversion(
    *(Path("a.pyrnn"), Path("a.hdf5"), "converted", "pyrnn-bidi-ext", 10, "0" * 64, 20, "1" * 64),
    warnings=("the first", EVIL),
)
OUTCOMES = [
    Outcome(Path("a.pyrnn"), Path("a.hdf5"), MADE, source_size=10, seconds=1.5),
    Outcome(Path("b.pyrnn"), Path("b.hdf5"), replace(MADE, source=Path("b.pyrnn")), duplicate_of=Path("a.pyrnn")),
    Outcome(Path(EVIL), Path("c.hdf5"), error=UnsafePickleError(f"refused global {EVIL}"), source_size=3),
    Outcome(Path("d.pyrnn"), Path("d.hdf5"), error=TargetExistsError("d.hdf5 exists", remedy="force")),
]
STATUSES = ["converted", "duplicate", "refused", "failed"]


@pytest.fixture(params=sorted(REPORT_FORMATS))
def report(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A report in each format; an older one is replaced."""
    path = tmp_path / f"report{request.param}"
    path.write_text("older\n")
    write_report(path, OUTCOMES)
    return path


def test_no_report_can_steer_a_terminal(report: Path) -> None:
    text = report.read_text("utf-8")
    assert "older" not in text
    assert not set(text) & set("\x1b\u202e\x00\ufffe")


def test_json_holds_the_records(tmp_path: Path) -> None:
    expected = json.loads(json.dumps([outcome_record(outcome) for outcome in OUTCOMES]))
    write_report(tmp_path / "r.JSON", OUTCOMES)
    assert json.loads((tmp_path / "r.JSON").read_text("utf-8")) == expected
    write_report(tmp_path / "r.jsonl", OUTCOMES)
    assert [json.loads(line) for line in (tmp_path / "r.jsonl").read_text("utf-8").splitlines()] == expected


def test_csv_has_a_row_a_model(tmp_path: Path) -> None:
    write_report(tmp_path / "r.csv", OUTCOMES)
    rows = list(csv.DictReader((tmp_path / "r.csv").read_text("utf-8").splitlines()))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert [row["status"] for row in rows] == STATUSES
    assert [row["duplicate_of"] for row in rows] == ["", "a.pyrnn", "", ""]
    assert rows[0]["warnings"] == f"the first; {SEEN}"
    assert (rows[0]["kind"], rows[0]["seconds"], rows[0]["target_size"]) == ("pyrnn-bidi-ext", "1.5", "20")
    # What a spreadsheet would compute is quoted.
    assert rows[2]["source"] == f"'{SEEN}"
    assert [row["reason"] for row in rows] == ["", "", f"refused global {SEEN}", "d.hdf5 exists"]
    assert [row["remedy"] for row in rows] == ["", "", "", "force"]


def test_junit_has_a_case_a_model(tmp_path: Path) -> None:
    write_report(tmp_path / "r.xml", OUTCOMES)
    (suite,) = ET.parse(tmp_path / "r.xml").getroot()
    assert [suite.get(name) for name in ("name", "tests", "failures", "errors", "time")] == [
        *("pyrnn2hdf5 convert", "4", "1", "1", "1.500")
    ]
    assert [case.get("name") for case in suite] == ["a.pyrnn", "b.pyrnn", SEEN, "d.pyrnn"]
    first, second, third, fourth = suite
    assert first.findtext("system-out") == f"warning: the first\nwarning: {SEEN}"
    assert (second.findtext("system-out") or "").startswith("duplicate of a.pyrnn\nwarning: ")
    assert [(element.tag, element.get("message")) for element in (third[0], fourth[0])] == [
        *(("failure", f"refused global {SEEN}"), ("error", "d.hdf5 exists"))
    ]
    assert [case.findtext("system-out") for case in (third, fourth)] == [None, "remedy: force"]


def test_junit_of_nothing_is_a_suite() -> None:
    (suite,) = ET.fromstring(junit("nothing", []))
    assert suite.get("tests") == "0"
    (suite,) = ET.fromstring(junit("one", [Case("m", 0.0, failure="", error=None)]))
    assert (suite.get("failures"), suite.get("errors")) == ("1", "0")


def test_a_report_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_report(tmp_path / "no" / "r.json", OUTCOMES)
