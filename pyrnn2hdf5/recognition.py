"""Texts and error rates."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import numpy as np


def edit_distance(left: Sequence[object], right: Sequence[object]) -> int:
    """Levenshtein distance: insertions, deletions and substitutions, each counted as one."""
    if not right:
        return len(left)
    columns = np.arange(len(right) + 1)
    codes = {item: code for code, item in enumerate(dict.fromkeys((*left, *right)))}
    others = np.array([codes[item] for item in right])
    row = columns.copy()
    for count, item in enumerate(left, 1):
        best = np.empty_like(row)
        best[0] = count
        best[1:] = np.minimum(row[1:] + 1, row[:-1] + (others != codes[item]))
        # Insertions run along the row: the least of each earlier cell plus its distance.
        row = np.minimum.accumulate(best - columns) + columns
    return int(row[-1])


def error_rate(read: Sequence[str], truth: Sequence[str]) -> float:
    """Character error rate: edit distance over length of the truth, both in NFC; 0 for no truth."""
    expected = [unicodedata.normalize("NFC", text) for text in truth]
    got = [unicodedata.normalize("NFC", text) for text in read]
    length = sum(map(len, expected))
    return sum(map(edit_distance, got, expected)) / length if length else 0.0
