"""Line images x model become texts."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from ..errors import FAILURES, Failure, MissingExtraError, Pyrnn2Hdf5Error, ReaderError
from ..limits import CLASS_WORK, MAX_CELLS, MAX_STEPS, MAX_WORK, check_number
from ..model.decoding import THRESHOLD, decode_blocks
from ..model.forward_pass import PAD, Gates, gates_of, hidden_units, probability_blocks
from ..model.model import Codec, Model, codec_of
from ..model.network import Floats, Network, arrays_of
from ..sandbox.bounded import Reader
from ..sandbox.threads import one_ahead, several_readers
from ..text import shorten
from .line_normalization import PreparedLine
from .line_reading import Image, read_line, refuse_single

BATCH_LINES: Final = 16
"""Most lines of a batch: more take no less time each."""

LARGE: Final = 1e30
"""Sums of weights beyond this may leave the range of float32, which ends at 3e38."""


@dataclass(frozen=True)
class Character:
    """One label as read, `probability` 0..1.

    `column` is where the network was surest of it, in pixels of the image as it was given, from its left edge: within
    the character as a rule, and neither its left edge nor its centre.
    """

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
    """Read line images, as ocropy reads them. The first that cannot be read ends the call.

    Networks run in float32, which changes no text of a real line and probabilities by less than 1e-5;
    `Model.forward` is the same in float64. Image files are decoded by a process of their own, one for all images of a
    call: give it many at once, or arrays, which need none.

    Parameters
    ----------
    model
        A model with a codec.
    images
        Line images: paths, or arrays of grey values (h, w) in pixels, dark on light, of any numeric type and
        scale.
    pad
        Steps of silence before and after each line, 0 to 65536; a step is a column of the dewarped line.
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
        Where an image cannot be read, or is no text line: the `path` of the error says which, of an array the message.
        Where `pad` or `threshold` is out of its range, or `images` a single path.
    MissingExtraError
        Where the extra `[ocr]` is not installed.
    ReaderError
        Where no process can be started to read image files; arrays need none.
    MemoryError
        Where a line takes more memory than there is.
    """
    refuse_single(images)
    check_number("pad", pad, 0, MAX_STEPS, whole=True)
    check_number("threshold", threshold, 0, 1)
    found: list[Recognition] = []
    given: list[str | os.PathLike[str] | None] = []

    def noted() -> Iterator[Image]:
        for image in images:
            given.append(None if isinstance(image, np.ndarray) else image)
            yield image

    for result in recognize_each(model, noted(), pad=int(pad), threshold=threshold, normalize=normalize):
        if not isinstance(result, Recognition):
            raise _blamed(result, given[len(found)], len(found) + 1)
        found.append(result)
    return found


def _blamed(error: Failure, path: str | os.PathLike[str] | None, number: int) -> Failure:
    """An error of ours with the path of the image it comes from; where that is an array, it says which."""
    if not isinstance(error, Pyrnn2Hdf5Error):
        return error
    if path is not None:
        return error.about(path)
    said = str(error).removeprefix("line ").removeprefix("image: ")
    return type(error)(f"image {number}: {said}", remedy=error.remedy)


def recognize_each(
    model: Model,
    images: Iterable[Image],
    *,
    pad: int = PAD,
    threshold: float = THRESHOLD,
    normalize: bool = True,
    jobs: int = 0,
) -> Generator[Recognition | Failure, None, None]:
    """As `recognize`, but an image that cannot be read gives the error it met, alone.

    Some lines are read and run together; results come in the order of the images. With `jobs`, as many processes
    read images while the network runs; without, one does, and the network waits for it.
    """
    codec = codec_of(model)
    network, gates = as_float32(model.network)
    most = most_steps(model)

    def prepare(image: Image, reader: Reader) -> PreparedLine | Failure:
        try:
            return read_line(
                image, model.line_normalizer, model.Ni, pad=pad, normalize=normalize, most=most, reader=reader
            )
        except (MissingExtraError, ReaderError):
            raise
        except FAILURES as error:
            return error

    with ExitStack() as stack:
        batches: Iterator[list[PreparedLine | Failure]]
        if jobs:
            # Entered before the readers: it ends when they are stopped.
            thread = stack.enter_context(ThreadPoolExecutor(1))
            prepared = stack.enter_context(several_readers(prepare, jobs, 2 * jobs))(images)
            batches = one_ahead(_batches(prepared, model), thread)
        else:
            reader = stack.enter_context(Reader())
            batches = _batches((prepare(image, reader) for image in images), model)
        for batch in batches:
            lines = [line for line in batch if isinstance(line, PreparedLine)]
            read = iter(_read_batch(network, gates, codec, lines, threshold))
            for line in batch:
                yield next(read) if isinstance(line, PreparedLine) else line


def most_steps(model: Model) -> int:
    """Most columns of a dewarped line that a model of this size reads within the limits of time and memory."""
    Ni, Ns, No = model.Ni, model.Ns, model.No
    work = 8 * Ns * (1 + Ni + Ns) + No * (1 + 2 * Ns + CLASS_WORK)
    return max(min(MAX_STEPS, _most_together(model), MAX_WORK // work), 1)


def _most_together(model: Model) -> int:
    """Most columns of all lines that are read together."""
    # An input is held several times on its way.
    return MAX_CELLS // (4 * model.Ni + 2 * model.Ns)


def as_float32(network: Network) -> tuple[Network, Gates]:
    """The network with its output layer, and its gates, in float32; in float64 where that is too small for a weight."""
    largest = max(float(np.abs(values).max()) for values in arrays_of(network).values())
    dtype = np.float32 if largest < LARGE else np.float64
    W2: Any = network.softmax.W2.astype(dtype)
    return replace(network, softmax=replace(network.softmax, W2=W2)), gates_of([network], dtype)


def _batches(lines: Iterator[PreparedLine | Failure], model: Model) -> Iterator[list[PreparedLine | Failure]]:
    """The lines in batches of a bounded count and size, in their order."""
    batch: list[PreparedLine | Failure] = []
    together = 0
    for line in lines:
        steps = len(line.xs) if isinstance(line, PreparedLine) else 0
        if batch and (len(batch) == BATCH_LINES or together + steps > _most_together(model)):
            yield batch
            batch, together = [], 0
        batch.append(line)
        together += steps
    if batch:
        yield batch


def _read_batch(
    network: Network, gates: Gates, codec: Codec, lines: Sequence[PreparedLine], threshold: float
) -> Sequence[Recognition | Failure]:
    try:
        (hidden,) = hidden_units(gates, [line.xs for line in lines])
        return [_decoded(network, codec, units, line, threshold) for units, line in zip(hidden, lines, strict=True)]
    except MemoryError as error:
        return [error] * len(lines)


def _decoded(network: Network, codec: Codec, hidden: Floats, line: PreparedLine, threshold: float) -> Recognition:
    characters = tuple(
        Character(label, line.column(step), probability)
        for step, code, probability in decode_blocks(probability_blocks(network, hidden), threshold)
        if (label := codec.decode(code))
    )
    return Recognition("".join(character.label for character in characters), characters, line.warnings)
