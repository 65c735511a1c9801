"""The documents as text, and what is in them: blocks, commands, tables."""

from __future__ import annotations

import re
import shlex
import sys
from typing import Final

from ..conftest import ROOT

README: Final = "README.md"
COMMAND_PAGES: Final = {
    "convert": "docs/convert.md",
    "verify": "docs/verify.md",
    "show": "docs/show.md",
    "ocr": "docs/ocr.md",
    "models": "docs/model-directory.md",
}
"""The page of each command."""

PAGES: Final = {
    str(path.relative_to(ROOT)): path.read_text("utf-8")
    for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("fixtures/*.md")])
}
"""The text of every page by its path in the checkout."""


def blocks(page: str, language: str) -> list[str]:
    """The code blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGES[page], re.DOTALL | re.MULTILINE)


def transcript(page: str) -> list[tuple[str, str]]:
    """The commands of this project on a page, and the output shown below each."""
    found = []
    for block in blocks(page, "console"):
        for command, output in re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE):
            if command.startswith("pyrnn2hdf5 "):
                found.append((command, output))
    return found


def words(command: str) -> list[str]:
    """A command of this project as it is run in a test: by this Python, without comments."""
    return [sys.executable, "-m", *shlex.split(command, comments=True)]


def tables(page: str) -> list[list[list[str]]]:
    """Every table: rows of cells, the heading first, without the line below it."""
    found = []
    for block in re.findall(r"(?:^\|.*\|\n)+", PAGES[page], re.MULTILINE):
        rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in block.splitlines()]
        found.append([rows[0], *rows[2:]])
    return found


def rows(page: str, *heading: str) -> list[list[str]]:
    """The rows of all tables with this heading."""
    found = [row for table in tables(page) if table[0] == list(heading) for row in table[1:]]
    assert found, f"{page}: no table {heading}"
    return found


def names(cell: str) -> list[str]:
    """The names in a cell; one that begins with a dot goes on from the first."""
    first, *others = re.findall(r"`([^`]+)`", cell)
    prefix = first.rpartition(".")[0]
    return [first, *(prefix + other if other.startswith(".") else other for other in others)]
