"""Threads that wait for processes: many items are worked on at once, and what becomes of them comes in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

Given = TypeVar("Given")
Made = TypeVar("Made")


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
