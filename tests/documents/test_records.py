"""What the schema and the pages say of JSON records is so: of real output of every command."""

from __future__ import annotations

import copy
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator
from PIL import Image

import pyrnn2hdf5

from ..cli.commands import outputs
from ..conftest import ROOT
from ..pickles import Text, dump, recognizer
from ..schema import SCHEMA, keys, keys_of, objects, problems
from .pages import COMMAND_PAGES, PAGES, names, rows

MODEL: Final = "fixtures/models/digits.pyrnn.gz"

COMMANDS: Final = {
    "convert": (
        f"convert {MODEL} same.pyrnn.gz cut.pyrnn.gz evil.pyrnn odd.pyrnn -o converted --json",
        f"convert {MODEL} odd.pyrnn -o converted --json",
        f"convert {MODEL} evil.pyrnn odd.pyrnn two.hdf5 no.pyrnn -o foreseen --json --dry-run",
        f"convert {MODEL} -o digits.onnx --to onnx --dry-run --json",
        "convert fixtures/models/digits-plain.pyrnn -o digits.hdf5 --json",
        "convert odd.pyrnn -o odd.hdf5 --json",
        "convert fixtures/pronn/digits.pronn -o pronn.onnx --to onnx --json",
        "convert two.hdf5 -o two.onnx --to onnx --json --no-verify",
        "convert evil.pyrnn --json",
        "convert nothing -o converted --json",
        "convert nothing swapped --dry-run --json",
    ),
    "verify": (
        f"verify {MODEL} digits.onnx --json --lines fixtures/lines/line-0.png",
        f"verify {MODEL} digits.hdf5 --json --lines fixtures/lines/line-0.png",
        "verify fixtures/models/digits-00004000.pyrnn.gz digits.hdf5 --json",
        f"verify {MODEL} fixtures/pronn/digits.pronn --json --network-only",
        "verify odd.pyrnn digits.hdf5 --json",
        "verify evil.pyrnn digits.hdf5 --json",
        "verify fork.pyrnn digits.hdf5 --json",
        "verify fixtures/models --json",
        "verify nothing --json",
    ),
    "show": (
        "show fixtures/models fixtures/pronn digits.hdf5 two.hdf5 digits.onnx odd.pyrnn --json",
        "show empty.pyrnn evil.pyrnn fork.pyrnn cut.pyrnn.gz text.pyrnn no --json",
    ),
    "ocr": (
        "ocr -m fixtures/models/digits-plain.pyrnn swapped evil.pyrnn --evaluate --json",
        "ocr -m fork.pyrnn swapped --json",
    ),
    "models": (
        f"ocr -q -m {MODEL} fixtures/lines --model-dir models",
        "ocr -q -m again/digits.pyrnn.gz fixtures/lines --model-dir models",
        "models --model-dir models --json",
    ),
}  # fmt: skip
"""Commands that give every kind of record: of every format, good and bad, and with warnings."""

NEVER: Final = {"verification.onnxruntime.error_rates"}
"""Always null: both passes are of one model."""


@pytest.fixture
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Models, lines, and what is neither."""
    shutil.copytree(ROOT / "fixtures", tmp_path / "fixtures")
    monkeypatch.chdir(tmp_path)
    pyrnn2hdf5.convert(MODEL, "digits.hdf5")
    pyrnn2hdf5.convert(MODEL, "digits.onnx", to="onnx")
    shutil.copy(MODEL, "same.pyrnn.gz")
    Path("cut.pyrnn.gz").write_bytes(Path(MODEL).read_bytes()[:1000])
    Path("evil.pyrnn").write_bytes(b"cos\nsystem\n(S'x'\ntR.")
    Path("fork.pyrnn").write_bytes(b"cfork\nnormalize\n.")
    Path("empty.pyrnn").write_bytes(b"(dp0\n.")
    Path("text.pyrnn").write_text("404: Not Found", "utf-8")
    # Of another shape, with a codec that kraken could not hold, and classes without a label.
    Path("odd.pyrnn").write_bytes(dump(recognizer(codec={0: "", 1: Text("ll")}, No=3)))
    pyrnn2hdf5.convert("odd.pyrnn", "two.hdf5", float64=True, compress=True)
    # A second model of the same name, in the model directory beside what is none.
    Path("again").mkdir()
    shutil.copy("fixtures/models/digits-00004000.pyrnn.gz", "again/digits.pyrnn.gz")
    Path("models").mkdir()
    for name in ("two.hdf5", "digits.onnx", "odd.pyrnn", "fixtures/pronn/digits.pronn"):
        shutil.copy(name, "models")
    Path("models/broken.hdf5").write_bytes(b"\x89HDF\r\n\x1a\n")
    Path("nothing").mkdir()
    # A truth that is not what the image shows, for a confusion.
    Path("swapped").mkdir()
    shutil.copy("fixtures/lines/line-0.png", "swapped/line.png")
    shutil.copy("fixtures/lines/line-1.gt.txt", "swapped/line.gt.txt")
    Image.new("L", (200, 40), 255).save("swapped/blank.png")


def output(command: str) -> list[Any]:
    _, stdout, _ = outputs(*command.split())
    return [json.loads(line) for line in stdout.splitlines()]


@pytest.mark.usefixtures("inputs")
@pytest.mark.parametrize("command", COMMANDS)
def test_records_are_as_the_schema_says(command: str) -> None:
    seen: set[str] = set()
    for line in COMMANDS[command]:
        for record in output(line):
            kind = "evaluation" if "evaluation" in record else command
            assert problems(record, kind) == [], line
            if command == "convert" and record["verification"]:
                record["verification"] = True
            seen |= set(keys_of(record))
    assert seen == keys_of_command(command) - NEVER


@pytest.mark.usefixtures("inputs")
def test_reports_are_as_the_schema_says() -> None:
    for name in ("report.json", "report.jsonl"):
        output(f"convert -q {MODEL} evil.pyrnn odd.pyrnn -o {name}.d --report {name}")
    report = json.loads(Path("report.json").read_text("utf-8"))
    assert (len(report), problems(report, "report")) == (3, [])
    lines = [json.loads(line) for line in Path("report.jsonl").read_text("utf-8").splitlines()]
    assert [problems(line, "convert") for line in lines] == [[], [], []]


def keys_of_command(command: str) -> set[str]:
    """The keys of all its records in the schema; what is inside of a verification belongs to `verify`."""
    definitions = ["ocr", "evaluation"] if command == "ocr" else [command]
    found = {key for name in definitions for key in keys(SCHEMA["$defs"][name])}
    return found if command == "verify" else {re.sub(r"^verification\..*", "verification", key) for key in found}


@pytest.mark.parametrize(("command", "page"), COMMAND_PAGES.items())
def test_the_keys_of_the_schema_are_those_of_the_pages(command: str, page: str) -> None:
    documented = {name.removesuffix("[]") for row in rows(page, "key", "holds") for name in names(row[0])}
    assert documented == keys_of_command(command)
    assert "(records.schema.json)" in PAGES[page].partition("## JSON records")[2]


def test_the_schema_is_strict_and_describes_every_key() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    for part in [part for definition in SCHEMA["$defs"].values() for part in objects(definition)]:
        assert part["additionalProperties"] is False
        assert set(part["required"]) <= set(part["properties"])
        for key, member in part["properties"].items():
            assert "description" in member or "$ref" in member, key


def broken(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The record with each of its keys gone, of another type, or misspelt."""
    for key, value in record.items():
        rest = {name: member for name, member in record.items() if name != key}
        yield from (rest, record | {key: object.__name__ if key == "schema" else [[]]}, rest | {f"{key}_": value})
        if isinstance(value, dict) and key != "parameters":
            yield from (record | {key: other} for other in broken(value))
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            yield from (record | {key: [other, *value[1:]]} for other in broken(value[0]))


@pytest.mark.usefixtures("inputs")
def test_what_the_schema_does_not_say_is_found() -> None:
    # Of ours every key is in every record, but for the parts of a file that has none of a kind.
    optional = {"buffers", "derivatives", "spelling"}
    for line, kind in ((f"verify {MODEL} digits.onnx --json", "verify"), ("show digits.onnx --json", "show")):
        (record,) = output(line)
        assert optional.isdisjoint(record.get("parts", ()))
        for other in broken(copy.deepcopy(record)):
            assert problems(other, kind) != []


def test_a_failure_has_an_error_and_a_success_has_none() -> None:
    failed = {"schema": SCHEMA["$defs"]["schema"]["const"], "image": "x", "status": "failed", "error": None}
    assert problems(failed, "ocr") != []
    failed["error"] = {"kind": "SourceError", "message": "no image", "remedy": None}
    assert problems(failed, "ocr") == []
    assert problems(failed | {"status": "recognized", "text": "", "characters": [], "warnings": []}, "ocr") != []
