"""Lines that every verification runs over: made-up glyphs, the same on every machine."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.random import RandomState

from .lstm import Float64

SEED: Final = 2013
LINES: Final = 3
GLYPHS: Final = 4
MAX_PEN: Final = 12
"""Widest stroke in steps, so that lines of the tallest networks stay short."""

PAD: Final = 16
"""Steps of silence at both ends of a line, as ocropy pads."""


def built_in_lines(Ni: int) -> list[Float64]:
    """Lines of made-up glyphs as a network sees them: float64 (T, Ni) in 0..1, ink is 1.

    Stems, bars, bowls and dots of a pen between baseline and ascender, word gaps, soft edges, and
    silence at both ends. The same on every machine: `RandomState` promises its stream.
    """
    random = RandomState(SEED)
    return [_line_of_glyphs(random, Ni) for _ in range(LINES)]


def _line_of_glyphs(random: RandomState, Ni: int) -> Float64:
    pen = min(max(2, Ni // 16), MAX_PEN)
    top, x_height, base, bottom = (round(share * (Ni - 1)) for share in (0.12, 0.35, 0.72, 0.92))
    columns: list[Float64] = [np.zeros((PAD, Ni))]
    for _ in range(GLYPHS):
        width = pen * int(random.randint(2, 6))
        glyph = np.zeros((width + 2 * pen, Ni))
        upper = top if random.randint(3) == 0 else x_height
        lower = bottom if random.randint(5) == 0 else base
        if random.randint(4):
            glyph[pen : 2 * pen, upper : lower + 1] = 1.0
        if random.randint(2):
            glyph[width : width + pen, x_height : base + 1] = 1.0
        for row in (x_height, (x_height + base) // 2, base):
            if random.randint(2):
                glyph[pen : width + pen, row : row + pen] = 1.0
        if random.randint(4) == 0:
            glyph[width // 2 : width // 2 + pen, top : top + pen] = 1.0
        columns.append(glyph)
        if random.randint(4) == 0:
            columns.append(np.zeros((4 * pen, Ni)))
    columns.append(np.zeros((PAD, Ni)))
    line = np.concatenate(columns)
    # Soft edges along the line, as scaling leaves them; the silence stays silent.
    soft = line.copy()
    soft[1:-1] = (line[:-2] + 2.0 * line[1:-1] + line[2:]) / 4.0
    return soft
