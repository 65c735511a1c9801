"""Which processes there are, as Linux tells."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path
from typing import Final

WAIT: Final = 30.0
"""Longest time in seconds to wait for what must come by itself."""


def descendants(pid: int) -> set[tuple[int, str]]:
    """Children of a process and theirs, zombies among them, each as its number and the time of its start."""
    parents: dict[int, list[tuple[int, str]]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name, in parentheses, may hold anything.
            fields = path.read_text("utf-8", "replace").rpartition(")")[2].split()
            parents.setdefault(int(fields[1]), []).append((int(path.parent.name), fields[19]))
    found: set[tuple[int, str]] = set()
    left = [pid]
    while left:
        children = set(parents.get(left.pop(), [])) - found
        found |= children
        left += [child for child, _ in children]
    return found


def started(pid: int, count: int) -> set[tuple[int, str]]:
    """The descendants of a process, waited for until there are so many."""
    end = time.monotonic() + WAIT
    while len(found := descendants(pid)) < count:
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def alive(processes: set[tuple[int, str]]) -> set[tuple[int, str]]:
    """Those that still run."""
    running = set()
    for pid, start in processes:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            if fields[19] == start and fields[0] != "Z":
                running.add((pid, start))
    return running


def gone(processes: set[tuple[int, str]], seconds: float = WAIT) -> bool:
    """Whether all of them end within some time."""
    end = time.monotonic() + seconds
    while alive(processes):
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def open_files() -> int:
    """How many files this process has open."""
    return len(list(Path("/proc/self/fd").iterdir()))
