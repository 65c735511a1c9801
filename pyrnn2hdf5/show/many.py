"""The facts of many files, several at a time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from pathlib import Path
from typing import Final

from ..errors import FAILURES, Failure
from ..limits import DEFAULT_LIMITS, Limits
from ..sandbox.bounded import Reader
from .facts import Facts
from .inspection import facts

AHEAD: Final = 4
"""Files looked at, by one reader, before those that are waited for, so that few facts are held."""


def facts_of_each(
    paths: Sequence[Path], workers: int, *, limits: Limits = DEFAULT_LIMITS
) -> Generator[Facts | Failure, None, None]:
    """The facts of each file, or why there are none, in the order of the paths; `workers` are read at a time."""
    readers = [Reader() for _ in range(min(workers, len(paths)))]
    idle = deque(readers)

    def look(path: Path) -> Facts | Failure:
        reader = idle.pop()
        try:
            return facts(path, limits=limits, reader=reader)
        except FAILURES as error:
            return error
        finally:
            idle.append(reader)

    try:
        yield from _in_threads(look, paths, readers) if len(readers) > 1 else map(look, paths)
    finally:
        for reader in readers:
            reader.stop()


def _in_threads(
    look: Callable[[Path], Facts | Failure], paths: Sequence[Path], readers: Sequence[Reader]
) -> Iterator[Facts | Failure]:
    # Imported for many files: it takes half as long as to read one.
    from concurrent.futures import Future, ThreadPoolExecutor

    waiting: deque[Future[Facts | Failure]] = deque()
    with ThreadPoolExecutor(len(readers)) as threads:
        try:
            for path in paths:
                waiting.append(threads.submit(look, path))
                if len(waiting) > AHEAD * len(readers):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            # A look may ask for another reader where one is stopped.
            while any(future.running() for future in waiting):
                for reader in readers:
                    reader.stop()
                time.sleep(0.01)
