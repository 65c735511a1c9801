"""Line images x model become texts; texts and truths become error rates."""

from __future__ import annotations

import itertools
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .errors import InvalidModelError, MissingExtraError, Pyrnn2Hdf5Error
from .lines import PAD, Image, PreparedLine, read_line
from .lstm import THRESHOLD, class_probabilities, decode_classes, hidden_batch
from .model import Codec, Model

WINDOW: Final = 256
"""Lines held at once, to be sorted by length."""

BATCH_STEPS: Final = 2**15
"""Most steps of a batch, all its lines as long as the longest: some 30 lines."""

Failure = Pyrnn2Hdf5Error | OSError | MemoryError
FAILURES: Final = (Pyrnn2Hdf5Error, OSError, MemoryError)
"""What one image may meet without an end to the others."""


@dataclass(frozen=True)
class Character:
    """One label as read: `column` of the image in pixels from its left edge, `probability` 0..1."""

    label: str
    column: float
    probability: float


@dataclass(frozen=True)
class Recognition:
    """What was read in one line image, and what looks wrong with the image."""

    text: str
    characters: tuple[Character, ...]
    warnings: tuple[str, ...] = ()


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


def recognize(
    model: Model,
    images: Iterable[Image],
    *,
    pad: int = PAD,
    threshold: float = THRESHOLD,
    normalize: bool = True,
) -> list[Recognition]:
    """Read line images: paths, or grey values (h, w), dark on light.

    Lines are dewarped unless `normalize` is false, see `lines.read_line`; `pad` is in steps,
    `threshold` the P(blank) below which there is a character. Raises `InvalidModelError` for a
    model without codec, and whatever an image meets: `OSError`, `InvalidInputError`.
    """
    found = []
    for result in recognize_each(model, images, pad=pad, threshold=threshold, normalize=normalize):
        if not isinstance(result, Recognition):
            raise result
        found.append(result)
    return found


def recognize_each(
    model: Model,
    images: Iterable[Image],
    *,
    pad: int = PAD,
    threshold: float = THRESHOLD,
    normalize: bool = True,
) -> Iterator[Recognition | Failure]:
    """As `recognize`, but an image that cannot be read gives the error it met, alone.

    Lines are read some hundred at a time and run in batches of similar length; results come in the
    order of the images.
    """
    codec = model.codec
    if codec is None:
        raise InvalidModelError("codec: expected labels to decode with, got none")

    def prepare(image: Image) -> PreparedLine | Failure:
        try:
            return read_line(image, model.line_normalizer, model.Ni, pad=pad, normalize=normalize)
        except MissingExtraError:
            raise
        except FAILURES as error:
            return error

    remaining = iter(images)
    while window := [prepare(image) for image in itertools.islice(remaining, WINDOW)]:
        results: list[Recognition | Failure | None] = [None if isinstance(x, PreparedLine) else x for x in window]
        lines = {i: line for i, line in enumerate(window) if isinstance(line, PreparedLine)}
        for batch in _batches({i: len(line.xs) for i, line in lines.items()}):
            for i, result in zip(batch, _read_batch(model, codec, [lines[i] for i in batch], threshold), strict=True):
                results[i] = result
        yield from (result for result in results if result is not None)


def _batches(lengths: dict[int, int]) -> Iterator[list[int]]:
    """The lines in batches of similar length, none of more than BATCH_STEPS unless it is one line."""
    batch: list[int] = []
    for i in sorted(lengths, key=lambda i: lengths[i]):
        if batch and (len(batch) + 1) * lengths[i] > BATCH_STEPS:
            yield batch
            batch = []
        batch.append(i)
    if batch:
        yield batch


def _read_batch(
    model: Model, codec: Codec, lines: Sequence[PreparedLine], threshold: float
) -> Sequence[Recognition | Failure]:
    try:
        (hidden,) = hidden_batch([model.network], [line.xs for line in lines])
        # Line by line: the probabilities of all lines at once may take much memory.
        return [
            _decoded(codec, class_probabilities(model.network, h), line, threshold)
            for h, line in zip(hidden, lines, strict=True)
        ]
    except MemoryError as error:
        return [error] * len(lines)


def _decoded(codec: Codec, outputs: NDArray[Any], line: PreparedLine, threshold: float) -> Recognition:
    characters = tuple(
        Character(label, line.column(step), float(outputs[step, code]))
        for step, code in decode_classes(outputs, threshold)
        if (label := codec.decode(code))
    )
    return Recognition("".join(character.label for character in characters), characters, line.warnings)


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
