"""Draw docs/formats.svg: which program reads which format, and what `convert` makes of what. Run by `make pictures`.

No colour is left to the page: text stands in boxes of its own, and what is drawn on the page itself is
told from a white and from a dark one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final
from xml.sax.saxutils import escape

FORMATS: Final = {
    "pyrnn": "OCRopus, kraken ≤ 0.6",
    "pronn": "kraken 0.7 to 0.10",
    "HDF5": "kraken 0.3 to 0.6, ours",
    "ONNX": "ours",
}
"""The formats, and who wrote them."""

READERS: Final = {
    "kraken 7": ("with this package beside it", "pyrnn pronn HDF5"),
    "pyrnn2hdf5 ocr": ("line images to text", "pyrnn pronn HDF5 ONNX"),
    "onnxruntime": ("C++, Java, JavaScript, ...", "ONNX"),
    "kraken 0.3 to 0.6": ("Python 2.7", "HDF5"),
}
"""What uses a model: in which way, and the formats it reads. In the order of the README."""

UNSAFE: Final = {("kraken 0.3 to 0.6", "pyrnn")}
"""Readers that run what a pickle says."""

TEXT, FAINT = "#1f2328", "#424a53"
BOXES: Final = {"format": "#ddf4ff", "program": "#fff8c5", "note": "#eaeef2"}
LINE, READS, RUNS = "#6e7781", "#2da44e", "#cf222e"

WIDTH, LEFT, COLUMN, ROW = 840, 230, 152, 54
BOX, TOP = 140, 92
FONT: Final = "font-family=\"system-ui, 'Segoe UI', Helvetica, Arial, sans-serif\""


def box(x: float, y: float, width: float, height: float, kind: str, *lines: str) -> str:
    """A box with a line of text, or with a fainter one below it."""
    drawn = f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="6" fill="{BOXES[kind]}"/>'
    for number, line in enumerate(lines):
        middle = y + height / 2 + (number - (len(lines) - 1) / 2) * 17 + 5
        weight = 'font-weight="600" font-size="14"' if not number else 'font-size="11"'
        drawn += (
            f'<text x="{x + width / 2:g}" y="{middle:g}" text-anchor="middle" {weight} '
            f'fill="{FAINT if number else TEXT}">{escape(line)}</text>'
        )
    return drawn


def line(x1: float, y1: float, x2: float, y2: float, *, arrow: bool = False) -> str:
    end = ' marker-end="url(#arrow)"' if arrow else ""
    return f'<line x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}" stroke="{LINE}" stroke-width="1.5"{end}/>'


def draw() -> str:
    """The picture, as SVG."""
    columns = {name: LEFT + COLUMN * number + COLUMN / 2 for number, name in enumerate(FORMATS)}
    rows = {name: TOP + 60 + ROW * number + ROW / 2 for number, name in enumerate(READERS)}
    bottom = max(rows.values()) + ROW / 2
    drawn = [line(x, TOP, x, bottom - ROW / 2) for x in columns.values()]
    drawn += [line(LEFT, y, columns["ONNX"], y) for y in rows.values()]
    for name, x in columns.items():
        drawn.append(box(x - BOX / 2, TOP, BOX, 44, "format", name, FORMATS[name]))
    drawn.append(box(LEFT + (COLUMN - BOX) / 2, 8, 3 * COLUMN + BOX, 34, "program", "pyrnn2hdf5 convert"))
    for name, x in columns.items():
        if name != "ONNX":
            # HDF5 goes in, for ONNX, and comes out.
            drawn.append(line(x - 14 * (name == "HDF5"), TOP - 2, x - 14 * (name == "HDF5"), 48, arrow=True))
        if name in ("HDF5", "ONNX"):
            drawn.append(line(x + 14 * (name == "HDF5"), 44, x + 14 * (name == "HDF5"), TOP - 6, arrow=True))
    for name, (way, formats) in READERS.items():
        drawn.append(box(8, rows[name] - 22, LEFT - 16, 44, "program", name, way))
        drawn += [dot(columns[each], rows[name]) for each in formats.split()]
    drawn += [ring(columns[each], rows[name]) for name, each in sorted(UNSAFE)]
    drawn.append(box(LEFT + 6, bottom + 4, 4 * COLUMN - 12, 30, "note"))
    middle = bottom + 19
    drawn.append(dot(LEFT + 30, middle))
    drawn.append(f'<text x="{LEFT + 46}" y="{middle + 4:g}" font-size="12.5" fill="{TEXT}">reads it</text>')
    drawn.append(ring(LEFT + 130, middle))
    drawn.append(
        f'<text x="{LEFT + 146}" y="{middle + 4:g}" font-size="12.5" fill="{TEXT}">'
        "runs it: a pickle is a program, and does what its author wrote</text>"
    )
    height = bottom + 42
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:g}" '
            f'width="{WIDTH}" height="{height:g}" {FONT} role="img">',
            "<title>Which program reads which format</title>",
            f"<desc>{escape(describe())}</desc>",
            f'<defs><marker id="arrow" viewBox="0 0 8 8" refX="6" refY="4" markerWidth="7" markerHeight="7" '
            f'orient="auto"><path d="M0 0L8 4L0 8z" fill="{LINE}"/></marker></defs>',
            *drawn,
            "</svg>\n",
        ]
    )


def dot(x: float, y: float) -> str:
    return f'<circle cx="{x:g}" cy="{y:g}" r="8" fill="{READS}"/>'


def ring(x: float, y: float) -> str:
    return f'<circle cx="{x:g}" cy="{y:g}" r="7" fill="none" stroke="{RUNS}" stroke-width="3"/>'


def describe() -> str:
    """The picture in words."""
    said = "pyrnn2hdf5 convert makes HDF5 and ONNX of pyrnn and pronn, and ONNX of HDF5."
    for name, (_, formats) in READERS.items():
        said += f" {name} reads {', '.join(formats.split())}."
    return said


if __name__ == "__main__":
    (Path(__file__).parent / "formats.svg").write_text(draw(), "utf-8")
