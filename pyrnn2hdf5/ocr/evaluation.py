"""Texts and truths become error rates."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError
from ..limits import MAX_COMPARED, MAX_TRUTH


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
    """Compare texts with their truths, line by line. Raises `InvalidInputError` where two are too long for that."""
    return summed([compare_texts(got, expected) for got, expected in zip(read, truth, strict=True)])


@dataclass(frozen=True)
class Comparison:
    """One text against its truth: length of the truth in code points, and the edits, (truth, read) each."""

    length: int
    edits: tuple[tuple[str, str], ...]


def compare_texts(read: str, truth: str) -> Comparison:
    """Compare a text with its truth. Raises `InvalidInputError` where they are too long for that."""
    got, expected = _nfc(read), _nfc(truth)
    n, m = len(got), len(expected)
    if max(n, m) > MAX_TRUTH or (n + 1) * (m + 1) > MAX_COMPARED:
        raise InvalidInputError(
            f"text and truth: expected at most {MAX_TRUTH} characters each, {MAX_COMPARED} one times the other, to "
            f"compare, got {n} and {m}"
        )
    return Comparison(m, tuple(_confusions(expected, got)))


def summed(lines: Sequence[Comparison]) -> Evaluation:
    """The evaluation of lines that were compared."""
    confusions = Counter(edit for line in lines for edit in line.edits)
    # Equally common ones in the order of their characters, so that a report is the same every time.
    ordered = sorted(confusions.items(), key=lambda item: (-item[1], item[0]))
    return Evaluation(
        tuple(len(line.edits) for line in lines),
        tuple(line.length for line in lines),
        tuple((*pair, count) for pair, count in ordered),
    )


def error_rate(read: Sequence[str], truth: Sequence[str]) -> float:
    """Character error rate: edit distance over length of the truth, both in NFC; 0 for no truth."""
    return evaluate(read, truth).error_rate or 0.0


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _distances(left: str, right: str) -> NDArray[np.int32]:
    """Distances of all beginnings of two sequences, (len(left) + 1, len(right) + 1)."""
    columns = np.arange(len(right) + 1, dtype=np.int32)
    others = np.array([ord(char) for char in right], np.int32)
    rows = np.empty((len(left) + 1, len(right) + 1), np.int32)
    rows[0] = columns
    for count, char in enumerate(left, 1):
        above, best = rows[count - 1], rows[count]
        best[0] = count
        best[1:] = np.minimum(above[1:] + 1, above[:-1] + (others != ord(char)))
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
