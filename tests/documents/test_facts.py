"""What the pages say is so: options, exit codes, keys of records, names and limits are those of the code."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

import pyrnn2hdf5
from pyrnn2hdf5 import errors
from pyrnn2hdf5.cli import app
from pyrnn2hdf5.cli.common import Exit
from pyrnn2hdf5.cli.text_output import STATUSES
from pyrnn2hdf5.hdf5.layout import LAYOUT

from ..conftest import ROOT
from .pages import COMMAND_PAGES, PAGES, README, names, rows, words

UNITS = {"": 1, "s": 1, "million": 10**6, "Ki": 2**10, "Mi": 2**20, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


@pytest.mark.parametrize("command", COMMAND_PAGES)
def test_every_option_is_documented(command: str) -> None:
    found: Any = get_command(app)
    found = found.commands[command]
    commands = [found, *getattr(found, "commands", {}).values()]
    options = {
        name
        for parameter in (parameter for each in commands for parameter in each.params)
        for name in (*parameter.opts, *parameter.secondary_opts)
        if name.startswith("-") and name != "--help"
    }
    documented = {
        name.split(" ")[0] for row in rows(COMMAND_PAGES[command], "option", "meaning") for name in names(row[0])
    }
    assert documented == options


def test_options_of_the_program_are_documented() -> None:
    for parameter in get_command(app).params:
        for option in parameter.opts:
            assert f"`{option}`" in PAGES["docs/README.md"]


@pytest.mark.parametrize("page", COMMAND_PAGES.values())
def test_every_exit_code_is_documented(page: str) -> None:
    assert [int(row[0]) for row in rows(page, "code", "means")] == [int(code) for code in Exit]


def test_exit_codes_are_in_the_readme() -> None:
    (sentence,) = re.findall(r"^Exit codes, everywhere:(.*?)\.", PAGES[README], re.MULTILINE | re.DOTALL)
    assert [int(code) for code in re.findall(r"\b\d+\b", sentence)] == [int(code) for code in Exit]


def test_every_status_is_documented() -> None:
    assert [row[0].strip("`") for row in rows("docs/convert.md", "status", "says")] == list(STATUSES)


def leaves(value: Any, path: str) -> Iterator[str]:
    """The paths of what is in a record: `codec.labels[].code`."""
    if isinstance(value, dict) and value and not path.endswith(".parameters"):
        for key, member in value.items():
            yield from leaves(member, f"{path}.{key}")
    elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
        for item in value:
            yield from leaves(item, f"{path}[]")
    else:
        yield path


RECORDS = {
    "docs/convert.md": (
        "convert {models} same.pyrnn.gz cut.pyrnn.gz evil.pyrnn -o converted --json",
        "convert {models} evil.pyrnn -o foreseen --json --dry-run",
    ),
    "docs/verify.md": (
        "verify {models} digits.onnx --json",
        "verify {models} digits.hdf5 --json --lines fixtures/lines/line-0.png",
        "verify fixtures/models/digits-00004000.pyrnn.gz digits.hdf5 --json",
        "verify evil.pyrnn digits.hdf5 --json",
    ),
    "docs/show.md": ("show fixtures/models digits.hdf5 empty.pyrnn --json",),
    "docs/ocr.md": (
        "ocr -m fixtures/models/digits-plain.pyrnn swapped evil.pyrnn --evaluate --json",
        "ocr -m nothing swapped --json",
    ),
    "docs/model-directory.md": (
        "ocr -q -m {models} fixtures/lines --model-dir models",
        "models --model-dir models --json",
    ),
}
"""Commands that give every kind of record."""


@pytest.fixture
def inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Models, lines, and what is neither."""
    shutil.copytree(ROOT / "fixtures", tmp_path / "fixtures")
    monkeypatch.chdir(tmp_path)
    model = Path("fixtures/models/digits.pyrnn.gz")
    pyrnn2hdf5.convert(model, "digits.hdf5")
    pyrnn2hdf5.convert(model, "digits.onnx", to="onnx")
    shutil.copy(model, "same.pyrnn.gz")
    Path("cut.pyrnn.gz").write_bytes(model.read_bytes()[:1000])
    Path("evil.pyrnn").write_bytes(b"cos\nsystem\n(S'x'\ntR.")
    Path("empty.pyrnn").write_bytes(b"(dp0\n.")
    # A truth that is not what the image shows, for a confusion.
    Path("swapped").mkdir()
    shutil.copy("fixtures/lines/line-0.png", "swapped/line.png")
    shutil.copy("fixtures/lines/line-1.gt.txt", "swapped/line.gt.txt")


@pytest.mark.usefixtures("inputs")
@pytest.mark.parametrize("page", RECORDS)
def test_every_key_of_a_record_is_documented(page: str) -> None:
    seen: set[str] = set()
    for command in RECORDS[page]:
        line = "pyrnn2hdf5 " + command.format(models="fixtures/models/digits.pyrnn.gz")
        done = subprocess.run(words(line), capture_output=True, encoding="utf-8", check=False)
        for record in map(json.loads, done.stdout.splitlines()):
            seen |= {path.removeprefix(".") for path in leaves(record, "")}
    # Where there is an object in one record, another may have null.
    seen = {path for path in seen if not any(re.match(rf"{re.escape(path)}(\[\])?\.", other) for other in seen)}
    if page == "docs/convert.md":
        # The page of `verify` has what is inside.
        seen = {path for path in seen if not path.startswith("verification.")} | {"verification"}
    documented = {name for row in rows(page, "key", "holds") for name in names(row[0])}
    assert {name.removesuffix("[]") for name in documented} == seen


def test_the_layout_is_the_one_documented() -> None:
    documented = {}
    for cell, shape, _ in rows("docs/convert.md", "data set", "shape", "holds"):
        documented.update({name: tuple(shape.strip("()").split(", ")) for name in names(cell)})
    assert documented == {entry.name: entry.shape for entry in LAYOUT}


def test_public_names_are_documented() -> None:
    page = PAGES["docs/python.md"]
    classes = [value for value in vars(errors).values() if isinstance(value, type)]
    for name in {*pyrnn2hdf5.__all__, *(error.__name__ for error in classes)} - {"__version__"}:
        assert re.search(rf"`{name}\b", page), name


def amount(cell: str) -> float:
    number, _, unit = cell.partition(" ")
    return float(number.replace(",", "")) * UNITS[unit]


def constant(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    if module == "Limits":
        return getattr(pyrnn2hdf5.Limits(), attribute)
    return getattr(importlib.import_module(f"pyrnn2hdf5.{module}"), attribute)


def test_limits_are_those_documented() -> None:
    models = rows("docs/limits.md", "limit", "of", "constant", "option", "measured at the limit")
    images = rows("docs/limits.md", "limit", "of", "constant", "measured at the limit")
    for limit, _, name, *_ in models + images:
        assert amount(limit) == constant(name.strip("`")), name


def test_make_targets_exist_and_are_documented() -> None:
    (phony,) = re.findall(r"^\.PHONY: (.*)", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
    targets = set(phony.split())
    for page, text in PAGES.items():
        assert set(re.findall(r"(?:`|^\$ )make (\w+)", text, re.MULTILINE)) <= targets, page
    documented = {row[0] for row in rows("CONTRIBUTING.md", "command", "does")}
    assert documented == {f"`make {target}`" for target in targets}
