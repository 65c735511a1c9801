"""Threads that wait for processes: many items are worked on at once, and what becomes of them comes in their order."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from .bounded import Reader

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

Given = TypeVar("Given")
Made = TypeVar("Made")


@contextmanager
def several_readers(
    read: Callable[[Given, Reader], Made], count: int, ahead: int
) -> Iterator[Callable[[Iterable[Given]], Iterator[Made]]]:
    """What reads items in their order, each by one of `count` readers that is idle, up to `ahead` at a time.

    In the end whoever waits for a reader waits no longer, and no process is left.
    """
    # Imported for many items: it takes half as long as to read a file.
    from concurrent.futures import CancelledError, ThreadPoolExecutor

    readers = [Reader() for _ in range(count)]
    idle, stopped = deque(readers), threading.Event()

    def work(item: Given) -> Made:
        reader = idle.pop()
        try:
            if stopped.is_set():
                raise CancelledError
            return read(item, reader)
        finally:
            idle.append(reader)

    def stop() -> None:
        for reader in readers:
            reader.stop()

    with ThreadPoolExecutor(count) as threads:
        try:
            yield lambda items: in_order(work, items, threads, ahead)
        finally:
            stopped.set()
            # A read may ask for another process where one is stopped.
            while len(idle) < count:
                stop()
                time.sleep(0.01)
            stop()


def in_order(
    work: Callable[[Given], Made], items: Iterable[Given], threads: ThreadPoolExecutor, ahead: int
) -> Iterator[Made]:
    """What becomes of each item, in their order, up to `ahead` of them at work or waiting to be taken."""
    waiting: deque[Future[Made]] = deque()
    for item in items:
        waiting.append(threads.submit(work, item))
        if len(waiting) == ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def one_ahead(items: Iterator[Made], thread: ThreadPoolExecutor) -> Iterator[Made]:
    """The same items, each made while the one before it is used."""
    coming = thread.submit(next, items, None)
    while (item := coming.result()) is not None:
        coming = thread.submit(next, items, None)
        yield item
