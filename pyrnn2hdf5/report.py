"""Reports on many models: one record each, as JSON, JSON lines, CSV or JUnit."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from .atomic import new_file
from .junit import Case, junit
from .render import visible

Record = dict[str, Any]

COLUMNS: Final = (
    *("source", "target", "status", "reason", "kind", "source_size", "target_size", "source_sha256"),
    *("target_sha256", "steps", "largest_difference", "tolerance", "seconds"),
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
    writer = csv.DictWriter(text, COLUMNS, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    for record in records:
        behaviour = (record.get("verification") or {}).get("behaviour") or {}
        row = {**behaviour, **record, "reason": reason(record)}
        writer.writerow({key: _cell(value) if isinstance(value, str) else value for key, value in row.items()})
    return text.getvalue()


def _cell(text: str) -> str:
    return "'" + visible(text) if text.startswith(("=", "+", "-", "@")) else visible(text)


def as_junit(records: Sequence[Record]) -> str:
    """One test case a model: refused is a failure, failed an error."""
    cases = [
        Case(
            record["source"],
            record.get("seconds") or 0.0,
            failure=reason(record) if record["status"] == "refused" else None,
            error=reason(record) if record["status"] == "failed" else None,
        )
        for record in records
    ]
    return junit("pyrnn2hdf5 convert", cases)


FORMATS: Final[dict[str, Callable[[Sequence[Record]], str]]] = {
    ".json": as_json,
    ".jsonl": as_json_lines,
    ".csv": as_csv,
    ".xml": as_junit,
}


def reason(record: Record) -> str:
    """Why a source was refused or failed, empty for the others."""
    error = record.get("error")
    return error["message"] if error else ""


def write_report(path: Path, records: Sequence[Record]) -> None:
    """Write a report in the format of its suffix, replacing an older one. Raises `OSError`."""
    with new_file(path, force=True) as temporary:
        temporary.write_text(FORMATS[path.suffix.lower()](records), "utf-8")
