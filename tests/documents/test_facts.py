"""What the pages say is so: options, exit codes, names and limits are those of the code."""

from __future__ import annotations

import importlib
import re
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
from .pages import COMMAND_PAGES, PAGES, README, names, rows

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
