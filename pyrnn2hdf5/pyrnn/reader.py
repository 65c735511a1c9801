"""A pyrnn file becomes a `Model`: read by a process of its own, made into arrays and checked here."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..errors import CorruptPickleError, InvalidModelError, LoadLimitError, SourceError
from ..files.sources import SourceFacts
from ..limits import DEFAULT_LIMITS, Limits
from ..model.model import Codec, LineNormalizer, Model, Source, TrainingRecord
from ..model.network import Float64, network_of
from ..model.shapes import EXACT_INTEGER, full_name, place
from ..sandbox.bounded import Reader, bounded, only
from ..sandbox.messages import types_of
from .findings import Examination, Global, RawModel, Remains, globals_of

READ: Final = "pyrnn2hdf5.pyrnn.extraction:read"
EXAMINE: Final = "pyrnn2hdf5.pyrnn.examination:examine"
MEASURE: Final = "pyrnn2hdf5.pyrnn.examination:measure_file"
"""What is run in the process that reads; nothing of it is imported here."""

MEASURE_SECONDS: Final = 3.0
"""Time to count, hash and look through a file that has taken its whole time already."""

MAX_POINTS: Final = 1000
"""Most points of a thinned training history."""


def load_pyrnn(
    path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS, ignore_checksum: bool = False
) -> Model:
    """Load a model from a pyrnn file, plain or packed by gzip, bzip2 or xz, without running anything in it.

    Parameters
    ----------
    path
        The file. What it is called does not matter.
    limits
        What reading it may take: bytes and seconds.
    ignore_checksum
        Accept damage behind a complete pickle; the notes of the model tell of it.

    Returns
    -------
    Model
        Weights in float64, codec, line normalizer, and training history in at most 1,000 points.

    Raises
    ------
    OSError
        Where the system refuses the path.
    SourceError
        Where it is no pyrnn file, or reading it meets a limit (`SizeLimitError`, `LoadLimitError`).
    UnsafePickleError
        Where the pickle names anything that is not part of an OCRopus line recognizer.
    CorruptPickleError
        Where it is cut off or malformed.
    UnsupportedModelError, InvalidModelError
        Where it is another kind of network, or its parts do not fit.
    """
    return read_pyrnn(path, limits=limits, ignore_checksum=ignore_checksum)[0]


def read_pyrnn(
    path: str | os.PathLike[str],
    *,
    limits: Limits = DEFAULT_LIMITS,
    ignore_checksum: bool = False,
    reader: Reader | None = None,
    meanwhile: Callable[[], object] | None = None,
) -> tuple[Model, SourceFacts]:
    """As `load_pyrnn`, with the facts of the file; `reader` and `meanwhile` are those of `bounded`."""

    def make(pair: tuple[RawModel, SourceFacts]) -> tuple[Model, SourceFacts]:
        return to_model(*pair), pair[1]

    made: tuple[Model, SourceFacts] = bounded(
        READ,
        path,
        limits,
        CorruptPickleError,
        types=types_of(RawModel, SourceFacts),
        make=make,
        reader=reader,
        meanwhile=meanwhile,
        name=Path(path).name,
        ignore_checksum=ignore_checksum,
    )
    return made


def examine_pyrnn(
    path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS, reader: Reader | None = None
) -> tuple[Examination, tuple[Global, ...]]:
    """All that can be told of a pyrnn file, and what it names, also where it crashes a reader or meets a limit.

    Raises `OSError`, and a `Pyrnn2Hdf5Error` where nothing at all can be told.
    """
    told: list[tuple[str, ...]] = []

    def hear(said: tuple[str, ...]) -> None:
        if len(said) not in (3, 4):
            raise ValueError("expected a name, its verdict, and what it is called with")
        told.append(tuple(map(str, said)))

    def ask(read: str, limits: Limits) -> Examination:
        types = types_of(Examination, RawModel, Remains, SourceFacts)
        found: Examination = bounded(
            read,
            path,
            limits,
            CorruptPickleError,
            types=types,
            make=only(Examination),
            reader=reader,
            hear=hear,
            name=Path(path).name,
        )
        return found

    started = monotonic()
    try:
        found = ask(EXAMINE, limits)
    except (LoadLimitError, CorruptPickleError) as error:
        try:
            left = limits.seconds - (monotonic() - started)
            found = ask(MEASURE, replace(limits, seconds=max(left, MEASURE_SECONDS)))
        except (SourceError, LoadLimitError, CorruptPickleError):
            raise error from None
        found = replace(found, problem=found.problem or error, unfollowed=str(error))
    return found, globals_of(told)


def named_globals(path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS) -> tuple[Global, ...]:
    """What a pickle names, without running or importing any of it: is this file hostile?

    Parameters
    ----------
    path
        A pyrnn file, plain or packed; any other pickle will do.
    limits
        What reading it may take: bytes and seconds.

    Returns
    -------
    tuple of Global
        In the order of first use, at most 1,000, and as many dangerous ones. The `verdict` of each says whether
        it belongs to OCRopus, is unknown here, or runs programs or reaches files; `calls` are
        the arguments of the last two.

    Raises
    ------
    OSError, Pyrnn2Hdf5Error
        Where the file cannot be opened, or is no pickle.
    """
    return examine_pyrnn(path, limits=limits)[1]


def to_model(raw: RawModel, facts: SourceFacts) -> Model:
    """Turn what was read into a checked `Model`. Raises `InvalidModelError`."""
    arrays = {name: _weight(name, values) for name, values in raw.weights.items()}
    return Model(
        Ni=raw.Ni,
        No=raw.No,
        network=network_of(arrays, raw.Ni, raw.Ns, raw.No),
        codec=None if raw.labels is None else Codec(raw.labels),
        line_normalizer=LineNormalizer(*raw.line_normalizer) if raw.line_normalizer else None,
        training=training_record(raw.logs),
        normalize=raw.normalize,
        source=Source(facts.name, facts.sha256),
        notes=raw.notes,
    )


def _weight(name: str, values: NDArray[Any]) -> Float64:
    if values.dtype.kind == "f" and np.isnan(values).any():
        index = np.unravel_index(int(np.isnan(values).argmax()), values.shape)
        raise InvalidModelError(f"NaN in {full_name(name)} at {place(tuple(map(int, index)))}")
    if values.dtype.kind in "iu" and values.size and int(abs(values.astype(object)).max()) > EXACT_INTEGER:
        raise InvalidModelError(f"{full_name(name)}: expected numbers that float64 can hold, got larger integers")
    return np.ascontiguousarray(values, dtype=np.float64)


def training_record(logs: Mapping[str, Any]) -> TrainingRecord:
    """The training history of `attributes.training_logs_of`, thinned to at most `MAX_POINTS` blocks of lines."""
    error, errors = logs["error"], logs["character_errors"]
    lines = max(len(error), len(errors))
    block = -(-lines // MAX_POINTS) or 1
    starts = np.arange(0, len(error), block)
    counts = np.diff(np.append(starts, len(error)))
    return TrainingRecord(
        last_trial=logs["last_trial"],
        commands=logs["commands"],
        lines=lines,
        lines_per_point=block,
        error=np.add.reduceat(error, starts) / counts if len(error) else error,
        character_errors=np.add.reduceat(errors, np.arange(0, len(errors), block)) if len(errors) else errors,
    )
