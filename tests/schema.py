"""The schema of the JSON records, docs/records.schema.json."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from jsonschema import Draft202012Validator

from .conftest import ROOT

SCHEMA: Final[dict[str, Any]] = json.loads((ROOT / "docs" / "records.schema.json").read_text("utf-8"))


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    """A part of the schema, with what it refers to in its place; of what may be null too, the rest."""
    part = next((choice for choice in part.get("anyOf", ()) if "$ref" in choice), part)
    return SCHEMA["$defs"][part["$ref"].rpartition("/")[2]] if "$ref" in part else part


def problems(record: Any, kind: str) -> list[str]:
    """What is wrong with a record, whose definition is `kind`."""
    validator = Draft202012Validator(SCHEMA | {"anyOf": [{"$ref": f"#/$defs/{kind}"}]})
    # What goes through JSON, such as a tuple, is what it has become.
    errors = validator.iter_errors(json.loads(json.dumps(record, allow_nan=False)))
    return [f"{deepest.json_path}: {deepest.message}" for error in errors for deepest in (error.context or [error])]


def objects(part: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every object with keys of its own in a part of the schema."""
    if "properties" in part:
        yield part
    for member in [*part.get("properties", {}).values(), *([part["items"]] if "items" in part else [])]:
        yield from objects(member)


def keys(part: dict[str, Any], path: str = "") -> Iterator[str]:
    """The keys of a definition as paths, as the pages write them: `codec.labels[].code`."""
    part = resolved(part)
    if "properties" in part:
        for key, member in part["properties"].items():
            yield from keys(member, f"{path}.{key}" if path else key)
    elif "properties" in resolved(part.get("items", {})):
        yield from keys(part["items"], f"{path}[]")
    else:
        yield path


def keys_of(record: Any, path: str = "") -> Iterator[str]:
    """The same of a record; nothing of what is null or empty."""
    if isinstance(record, dict):
        for key, member in record.items():
            yield from keys_of(member, f"{path}.{key}" if path else key)
    elif isinstance(record, list) and record and isinstance(record[0], dict):
        for item in record:
            yield from keys_of(item, f"{path}[]")
    elif record not in (None, []):
        yield re.sub(r"(\.parameters)\..*", r"\1", path)
