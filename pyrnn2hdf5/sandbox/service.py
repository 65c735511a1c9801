"""The other end of a process of this package: requests come in, answers go out."""

from __future__ import annotations

import json
import os
import socket
import stat
import sys
from collections.abc import Iterator
from typing import IO, Any, Final

from .messages import FRAME, encode

MAX_REQUEST: Final = 2**16


def requests() -> Iterator[tuple[dict[str, Any], IO[bytes] | None]]:
    """The requests of the caller, until it ends, each with the file it is about, which is closed afterwards."""
    if not stat.S_ISSOCK(os.fstat(0).st_mode):
        for line in sys.stdin.buffer:
            yield from _with_file(json.loads(line), None)
        return
    line, handles = b"", []
    with socket.socket(fileno=os.dup(0)) as connection:
        while True:
            data, more, _, _ = socket.recv_fds(connection, MAX_REQUEST, 1)
            line += data
            handles += more
            if not data:
                return
            if line.endswith(b"\n"):
                request, handle = json.loads(line), handles.pop() if handles else None
                line = b""
                yield from _with_file(request, handle)


def _with_file(request: dict[str, Any], handle: int | None) -> Iterator[tuple[dict[str, Any], IO[bytes] | None]]:
    named = request.pop("file", None)
    if handle is None and named is None:
        yield request, None
        return
    with open(named if handle is None else handle, "rb", buffering=0) as file:  # noqa: PTH123 - it may be a descriptor
        yield request, file


def answer(value: object) -> None:
    """Send a value to the caller: one frame."""
    parts = encode(value)
    for part in (FRAME.pack(sum(map(len, parts))), *parts):
        left = memoryview(part)
        while left:
            left = left[os.write(1, left) :]
