"""A page as SVG or HTML, by rich's own export, without anything that is fetched from elsewhere."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from html import escape
from typing import Final

from rich.console import Console, RenderableType

WIDTH: Final = 100
"""Columns of a picture, whatever the terminal has: the same model gives the same picture."""

FONT: Final = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def _record(pages: Sequence[RenderableType], width: int) -> Console:
    console = Console(
        file=io.StringIO(), record=True, width=width, force_terminal=True, color_system="truecolor",
        markup=False, emoji=False, highlight=False, legacy_windows=False, _environ={},
    )  # fmt: skip
    for page in pages:
        console.print(page)
    return console


def svg(pages: Sequence[RenderableType], title: str, *, width: int = WIDTH) -> str:
    """A picture of pages under a title, which must be visible characters only."""
    picture = _record(pages, width).export_svg(title=title, unique_id="pyrnn2hdf5")
    # rich would have its font fetched; any font of the viewer's with a fixed width will do.
    style, end, rest = picture.partition("</style>")
    return FONT.sub("", style) + end + rest


def html(pages: Sequence[RenderableType], title: str, *, width: int = WIDTH) -> str:
    """The pages as one HTML document."""
    document = _record(pages, width).export_html()
    return document.replace("<style>", f"<title>{escape(title)}</title>\n<style>", 1)
