"""Reports on many models, a record each: JSON, JSON lines, CSV or JUnit."""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ..conversion.outcome import Outcome
from ..files.atomic import write_output
from ..records import Record, outcome_record
from ..text import visible

CSV_COLUMNS: Final = (
    *("source", "target", "status", "reason", "remedy", "kind", "source_size", "target_size", "source_sha256"),
    *("target_sha256", "steps", "largest_difference", "tolerance", "seconds", "duplicate_of", "warnings"),
)


def as_json(records: Sequence[Record]) -> str:
    """One JSON array."""
    return json.dumps(records, indent=1) + "\n"


def as_json_lines(records: Sequence[Record]) -> str:
    """One JSON object a line."""
    return "".join(json.dumps(record) + "\n" for record in records)


def as_csv(records: Sequence[Record]) -> str:
    """One row a model; text that could steer a terminal is spelled out, what a spreadsheet would compute is quoted."""
    text = io.StringIO()
    writer = csv.DictWriter(text, CSV_COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for record in records:
        behaviour = (record["verification"] or {}).get("behaviour") or {}
        row: dict[str, Any] = {
            **behaviour,
            **record,
            "reason": _reason(record),
            "remedy": _remedy(record),
            "warnings": "; ".join(record["warnings"]),
        }
        writer.writerow({key: _cell(value) if isinstance(value, str) else value for key, value in row.items()})
    return text.getvalue()


def _cell(text: str) -> str:
    return "'" + visible(text) if text.startswith(("=", "+", "-", "@")) else visible(text)


def _reason(record: Record) -> str:
    """Why a source was refused or failed, empty for the others."""
    error = record["error"]
    return error["message"] if error else ""


def _remedy(record: Record) -> str:
    """The argument that gets past that, empty where nothing does."""
    error = record["error"]
    return (error["remedy"] or "") if error else ""


def as_junit(records: Sequence[Record]) -> str:
    """One test case a model: refused is a failure, failed an error."""
    return junit(
        "pyrnn2hdf5 convert",
        [
            Case(
                record["source"],
                record["seconds"],
                failure=_reason(record) if record["status"] == "refused" else None,
                error=_reason(record) if record["status"] == "failed" else None,
                said=(
                    *([f"remedy: {_remedy(record)}"] if _remedy(record) else []),
                    *([f"duplicate of {record['duplicate_of']}"] if record["duplicate_of"] else []),
                    *(f"warning: {warning}" for warning in record["warnings"]),
                ),
            )
            for record in records
        ],
    )


REPORT_FORMATS: Final[dict[str, Callable[[Sequence[Record]], str]]] = {
    ".json": as_json,
    ".jsonl": as_json_lines,
    ".csv": as_csv,
    ".xml": as_junit,
}


def write_report(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write a report in the format of its suffix, replacing an older one. Raises `OSError`."""
    report = REPORT_FORMATS[path.suffix.lower()]([outcome_record(outcome) for outcome in outcomes])
    write_output(path, report.encode("utf-8"))


@dataclass(frozen=True)
class Case:
    """One model in a JUnit report: a failure is a difference found, an error something that could not be read."""

    name: str
    seconds: float
    failure: str | None = None
    error: str | None = None
    said: tuple[str, ...] = ()


def junit(suite: str, cases: Sequence[Case]) -> str:
    """One test suite as JUnit XML, for the CI systems that show it."""
    root = ET.Element("testsuites")
    element = ET.SubElement(
        root,
        "testsuite",
        name=suite,
        tests=str(len(cases)),
        failures=str(sum(case.failure is not None for case in cases)),
        errors=str(sum(case.error is not None for case in cases)),
        time=f"{sum(case.seconds for case in cases):.3f}",
    )
    for case in cases:
        test = ET.SubElement(element, "testcase", classname=suite, name=visible(case.name), time=f"{case.seconds:.3f}")
        for kind, message in (("failure", case.failure), ("error", case.error)):
            if message is not None:
                ET.SubElement(test, kind, message=visible(message))
        if case.said:
            ET.SubElement(test, "system-out").text = "\n".join(map(visible, case.said))
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"
