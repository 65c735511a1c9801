"""Texts and truths become error rates."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Evaluation:
    """Errors against truths, both in NFC.

    `errors` and `lengths` are one a line: edit distance, and length of the truth in code points.
    `confusions` are (truth, read, count), commonest first; an empty string stands for nothing.
    """

    errors: tuple[int, ...]
    lengths: tuple[int, ...]
    confusions: tuple[tuple[str, str, int], ...]

    @property
    def error_rate(self) -> float | None:
        """Character error rate, errors over length of the truth; None where that is 0."""
        return sum(self.errors) / sum(self.lengths) if any(self.lengths) else None

    def worst(self, count: int) -> list[int]:
        """The lines with the greatest share of errors, worst first; none without errors."""
        wrong = [i for i, errors in enumerate(self.errors) if errors]
        return sorted(wrong, key=lambda i: self.errors[i] / max(self.lengths[i], 1), reverse=True)[:count]


def evaluate(read: Sequence[str], truth: Sequence[str]) -> Evaluation:
    """Compare texts with their truths, line by line."""
    errors, lengths = [], []
    confusions: Counter[tuple[str, str]] = Counter()
    for got, expected in zip(map(_nfc, read), map(_nfc, truth), strict=True):
        found = _confusions(expected, got)
        errors.append(len(found))
        lengths.append(len(expected))
        confusions.update(found)
    # Equally common ones in the order of their characters, so that a report is the same every time.
    ordered = sorted(confusions.items(), key=lambda item: (-item[1], item[0]))
    return Evaluation(tuple(errors), tuple(lengths), tuple((*pair, count) for pair, count in ordered))


def error_rate(read: Sequence[str], truth: Sequence[str]) -> float:
    """Character error rate: edit distance over length of the truth, both in NFC; 0 for no truth."""
    return evaluate(read, truth).error_rate or 0.0


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _distances(left: Sequence[object], right: Sequence[object]) -> NDArray[np.int64]:
    """Distances of all beginnings of two sequences, (len(left) + 1, len(right) + 1)."""
    columns = np.arange(len(right) + 1)
    codes = {item: code for code, item in enumerate(dict.fromkeys((*left, *right)))}
    others = np.array([codes[item] for item in right], np.int64)
    rows = np.empty((len(left) + 1, len(right) + 1), np.int64)
    rows[0] = columns
    for count, item in enumerate(left, 1):
        above, best = rows[count - 1], rows[count]
        best[0] = count
        best[1:] = np.minimum(above[1:] + 1, above[:-1] + (others != codes[item]))
        # Insertions run along the row: the least of each earlier cell plus its distance.
        best[:] = np.minimum.accumulate(best - columns) + columns
    return rows


def _confusions(truth: str, read: str) -> list[tuple[str, str]]:
    """The edits of one shortest way from truth to read, from the end: (expected, got), empty for nothing."""
    rows = _distances(truth, read)
    i, j = len(truth), len(read)
    edits = []
    while i or j:
        if i and j and rows[i, j] == rows[i - 1, j - 1] + (truth[i - 1] != read[j - 1]):
            i, j = i - 1, j - 1
            if truth[i] != read[j]:
                edits.append((truth[i], read[j]))
        elif i and rows[i, j] == rows[i - 1, j] + 1:
            i -= 1
            edits.append((truth[i], ""))
        else:
            j -= 1
            edits.append(("", read[j]))
    return edits
