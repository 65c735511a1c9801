"""The facts of many files, several at a time."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Final

from ..errors import FAILURES, Failure
from ..limits import DEFAULT_LIMITS, Limits
from ..sandbox.bounded import Reader
from ..sandbox.threads import several_readers
from .facts import Facts
from .inspection import facts

AHEAD: Final = 4
"""Files looked at, by one reader, before those that are waited for, so that few facts are held."""


def facts_of_each(
    paths: Sequence[Path], workers: int, *, limits: Limits = DEFAULT_LIMITS
) -> Generator[Facts | Failure, None, None]:
    """The facts of each file, or why there are none, in the order of the paths; `workers` are read at a time."""

    def look(path: Path, reader: Reader) -> Facts | Failure:
        try:
            return facts(path, limits=limits, reader=reader)
        except FAILURES as error:
            return error

    count = min(workers, len(paths))
    if count > 1:
        with several_readers(look, count, AHEAD * count) as read_each:
            yield from read_each(paths)
    else:
        with Reader() as reader:
            for path in paths:
                yield look(path, reader)
