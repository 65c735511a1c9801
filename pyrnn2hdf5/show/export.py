"""A page as SVG or HTML, by rich's own export, without anything that is fetched from elsewhere."""

from __future__ import annotations

import io
import itertools
import re
from collections.abc import Sequence
from html import escape
from typing import Final

from rich.console import Console, RenderableType
from rich.segment import Segment, Segments
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, MONOKAI

WIDTH: Final = 100
"""Columns of a picture, whatever the terminal has: the same model gives the same picture."""

MAX_LINES: Final = 5000
"""Most lines of a picture: nobody looks at more, and drawing takes a time that grows with their square."""

FONT: Final = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def _record(pages: Sequence[RenderableType], width: int) -> Console:
    console = Console(
        file=io.StringIO(), record=True, width=width, force_terminal=True, color_system="truecolor",
        markup=False, emoji=False, highlight=False, legacy_windows=False, _environ={},
    )  # fmt: skip
    drawn: list[Segment] = []
    lines = 0
    for segment in itertools.chain.from_iterable(map(console.render, pages)):
        drawn.append(segment)
        lines += segment.text.count("\n")
        if lines == MAX_LINES:
            drawn.append(Segment(f"... (a picture ends after {MAX_LINES} lines)\n"))
            break
    console.print(Segments(drawn))
    return console


def svg(pages: Sequence[RenderableType], title: str, *, width: int = WIDTH) -> str:
    """A picture of pages under a title, which must be visible characters only."""
    picture = _record(pages, width).export_svg(title=title, unique_id="pyrnn2hdf5")
    # rich would have its font fetched; any font of the viewer's with a fixed width will do.
    style, end, rest = picture.partition("</style>")
    return FONT.sub("", style) + end + rest


LIGHT: Final = DEFAULT_TERMINAL_THEME
DARK: Final = MONOKAI

STYLES: Final = "body {{color: {foreground}; background-color: {background};}}\n{stylesheet}"
DOCUMENT: Final = """<!DOCTYPE html>
<html>
<head>
<meta charset="UTF-8">
<meta name="color-scheme" content="light dark">
<title>TITLE</title>
<style>
LIGHT
@media (prefers-color-scheme: dark) {{
DARK
}}
</style>
</head>
<body>
<pre style="font-family:Menlo,'DejaVu Sans Mono',consolas,'Courier New',monospace"><code>{code}</code></pre>
</body>
</html>
"""


def html(pages: Sequence[RenderableType], title: str, *, width: int = WIDTH) -> str:
    """The pages as one HTML document, in the colours of the reader's theme."""
    console = _record(pages, width)
    light, dark = (console.export_html(theme=theme, clear=False, code_format=STYLES) for theme in (LIGHT, DARK))
    document = console.export_html(code_format=DOCUMENT)
    for name, value in (("LIGHT", light), ("DARK", dark), ("TITLE", escape(title))):
        document = document.replace(name, value, 1)
    return document
