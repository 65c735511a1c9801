"""Line images x model become texts; texts and truths become error rates."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from numpy.typing import NDArray

from ..errors import FAILURES, Failure, InvalidModelError, MissingExtraError
from ..model.lstm import PAD, THRESHOLD, class_probabilities, decode_classes, hidden_batch
from ..model.model import Codec, Model
from ..text import shorten
from .line_normalization import Image, PreparedLine, read_line

WINDOW: Final = 256
"""Lines held at once, to be sorted by length."""

BATCH_STEPS: Final = 2**15
"""Most steps of a batch, all its lines as long as the longest: some 30 lines."""


@dataclass(frozen=True)
class Character:
    """One label as read: `column` of the image in pixels from its left edge, `probability` 0..1."""

    label: str
    column: float
    probability: float


@dataclass(frozen=True, repr=False)
class Recognition:
    """What was read in one line image, and what looks wrong with the image."""

    text: str
    characters: tuple[Character, ...]
    warnings: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return (
            f"Recognition({shorten(self.text, 120)}, {len(self.characters)} characters, {len(self.warnings)} warnings)"
        )


def recognize(
    model: Model,
    images: Iterable[Image],
    *,
    pad: int = PAD,
    threshold: float = THRESHOLD,
    normalize: bool = True,
) -> list[Recognition]:
    """Read line images, as ocropy reads them.

    Parameters
    ----------
    model
        A model with a codec, of either format.
    images
        Line images: paths, or arrays of grey values (h, w) in pixels, dark on light, of any numeric type and
        scale.
    pad
        Steps of silence before and after each line; a step is a column of the dewarped line.
    threshold
        P(blank), 0 to 1, below which there is a character. ocropy uses 0.7, kraken 0.5.
    normalize
        Dewarp the lines by a CenterNormalizer, with the parameters of the model where it has one. Without it
        they must be dewarped already, `model.Ni` pixels high.

    Returns
    -------
    list of Recognition
        One an image, in their order: the text, its characters with their columns in pixels and their
        probabilities, and what looks wrong with the image.

    Raises
    ------
    InvalidModelError
        Where the model has no codec.
    OSError, InvalidInputError
        Where an image cannot be read, or is no text line.
    MissingExtraError
        Where the extra `[ocr]` is not installed.
    MemoryError
        Where a line takes more memory than there is.
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
