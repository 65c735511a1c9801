"""Every link leads somewhere, and those of the README do so from a package index, too."""

from __future__ import annotations

import re

import pytest

from ..conftest import ROOT
from .pages import PAGES, README

BLOB = "https://github.com/pyrnn2hdf5/pyrnn2hdf5/blob/main/"
RAW = "https://raw.githubusercontent.com/pyrnn2hdf5/pyrnn2hdf5/main/"
LONGEST_README = 200


def links(page: str) -> list[str]:
    return re.findall(r"\]\(([^)]+)\)", PAGES[page])


def headings(page: str) -> set[str]:
    """The anchors that GitHub makes of headings."""
    found = re.findall(r"^#+ (.*)", PAGES[page], re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in found}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for link in links(page):
        target, _, anchor = link.partition("#")
        if target.startswith((BLOB, RAW)):
            path = ROOT / target.removeprefix(BLOB).removeprefix(RAW)
        elif target.startswith("https://"):
            continue
        else:
            path = ((ROOT / page).parent / target).resolve() if target else ROOT / page
        assert path.is_file(), link
        assert not anchor or anchor in headings(str(path.relative_to(ROOT))), link


def test_links_of_the_readme_work_elsewhere() -> None:
    # Beside headings of its own.
    assert all(link.startswith(("https://", "#")) for link in links(README))
    assert {RAW + "docs/show.svg", RAW + "docs/formats.svg"} <= set(links(README))


def test_the_readme_is_short() -> None:
    assert len(PAGES[README].splitlines()) <= LONGEST_README


def test_every_page_is_in_the_index() -> None:
    pages = {path.name for path in (ROOT / "docs").glob("*.md")} - {README}
    assert pages <= set(links("docs/README.md"))
