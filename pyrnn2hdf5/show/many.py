"""The facts of many files, several at a time."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from ..errors import FAILURES, Failure
from ..limits import DEFAULT_LIMITS, Limits
from ..sandbox.bounded import Reader
from ..sandbox.threads import in_order
from .facts import Facts
from .inspection import facts

AHEAD: Final = 4
"""Files looked at, by one reader, before those that are waited for, so that few facts are held."""


def facts_of_each(
    paths: Sequence[Path], workers: int, *, limits: Limits = DEFAULT_LIMITS
) -> Generator[Facts | Failure, None, None]:
    """The facts of each file, or why there are none, in the order of the paths; `workers` are read at a time."""
    with ExitStack() as stack:
        readers = [stack.enter_context(Reader()) for _ in range(min(workers, len(paths)))]
        idle, stopped = deque(readers), threading.Event()

        def look(path: Path) -> Facts | Failure:
            reader = idle.pop()
            try:
                return InterruptedError() if stopped.is_set() else facts(path, limits=limits, reader=reader)
            except FAILURES as error:
                return error
            finally:
                idle.append(reader)

        def stop() -> None:
            stopped.set()
            # A look may ask for another process where one is stopped.
            while len(idle) < len(readers):
                for reader in readers:
                    reader.stop()
                time.sleep(0.01)

        if len(readers) > 1:
            # Imported for many files: it takes half as long as to read one.
            from concurrent.futures import ThreadPoolExecutor

            threads = stack.enter_context(ThreadPoolExecutor(len(readers)))
            stack.callback(stop)
            yield from in_order(look, paths, threads, AHEAD * len(readers))
        else:
            yield from map(look, paths)
