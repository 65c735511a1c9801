"""The training history of a pyrnn file, thinned to what is worth keeping."""

from __future__ import annotations

import contextlib
import itertools
from typing import Final

import numpy as np
from numpy.typing import NDArray

from .expected import EXACT_INTEGER
from .lstm import Float64
from .model import TrainingRecord
from .numpy_stubs import ArrayStub
from .stubs import ObjectStub

MAX_POINTS: Final = 1000
MAX_COMMANDS: Final = 1000
MAX_COMMAND: Final = 1000


def training_record(recognizer: ObjectStub, notes: list[str]) -> TrainingRecord:
    """The training record of a `SeqRecognizer`; what cannot be kept is left out and added to `notes`."""
    error = _error_log(_plain(recognizer.get("error_log")), notes)
    errors = _character_error_log(_plain(recognizer.get("cerror_log")), notes)
    lines = max(len(error), len(errors))
    block = -(-lines // MAX_POINTS) or 1
    error_sums = np.add.reduceat(error, np.arange(0, len(error), block)) if len(error) else error
    counts = np.diff(np.append(np.arange(0, len(error), block), len(error)))
    last_trial = _plain(recognizer.get("last_trial"))
    return TrainingRecord(
        last_trial=last_trial if type(last_trial) is int and abs(last_trial) <= EXACT_INTEGER else None,
        commands=_commands(recognizer.get("command_log"), notes),
        lines=lines,
        lines_per_point=block,
        error=error_sums / counts if len(error) else error,
        character_errors=np.add.reduceat(errors, np.arange(0, len(errors), block)) if len(errors) else errors,
    )


def _plain(value: object) -> object:
    """Lists and numbers, also where the file has an array of them."""
    return value.values.tolist() if isinstance(value, ArrayStub) and value.values is not None else value


def _error_log(log: object, notes: list[str]) -> Float64:
    # Types are looked at first: NumPy would expand nested lists, which may nest without end.
    if isinstance(log, (list, tuple)) and set(map(type, log)) <= {float, int}:
        with contextlib.suppress(OverflowError):
            return np.fromiter(log, np.float64, len(log))
    if log is not None:
        notes.append("error_log was not kept: expected a list of numbers")
    return np.empty(0)


def _character_error_log(log: object, notes: list[str]) -> NDArray[np.int64]:
    if isinstance(log, (list, tuple)) and set(map(type, log)) <= {tuple, list} and set(map(len, log)) <= {2}:
        flat = list(itertools.chain.from_iterable(log))
        if set(map(type, flat)) <= {int}:
            with contextlib.suppress(OverflowError):
                errors = np.fromiter(flat, np.int64, len(flat)).reshape(-1, 2)
                if np.all((errors >= 0) & (errors < 2**31)):
                    return errors
    if log is not None:
        notes.append("cerror_log was not kept: expected a list of (errors, length)")
    return np.empty((0, 2), np.int64)


def _commands(log: object, notes: list[str]) -> tuple[str, ...]:
    if log is None:
        return ()
    entries = list(log) if isinstance(log, (list, tuple)) else [None]
    commands = []
    for entry in entries[:MAX_COMMANDS]:
        words = entry if isinstance(entry, (list, tuple)) else [entry]
        if not set(map(type, words[:MAX_COMMAND])) <= {str, bytes}:
            notes.append("command_log was not kept: expected a list of strings")
            return ()
        commands.append(" ".join(map(_text, words[:MAX_COMMAND]))[:MAX_COMMAND])
    if len(entries) > MAX_COMMANDS:
        notes.append(f"command_log: the first {MAX_COMMANDS} of {len(entries)} commands were kept")
    return tuple(commands)


def _text(word: str | bytes) -> str:
    return word.decode("utf-8", "backslashreplace") if isinstance(word, bytes) else word
