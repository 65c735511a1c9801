"""What a reader would do that a file has taken over; run in place of its own functions, by their names."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from pyrnn2hdf5.errors import Hdf5LayoutError
from pyrnn2hdf5.hdf5.plain_reader import NotPlainError
from pyrnn2hdf5.hdf5.reader import read_by_library, read_plain
from pyrnn2hdf5.sandbox.messages import FRAME, encode

Tell = Callable[[object], object]


def hang(*_: object, **options: object) -> NoReturn:
    while True:
        time.sleep(60)


main = hang
"""As a program: one that never gets ready."""


def spin(*_: object, **options: object) -> NoReturn:
    while True:
        pass


def stop_itself(*_: object, **options: object) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def crash(*_: object, **options: object) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def vanish(*_: object, **options: object) -> NoReturn:
    os._exit(0)


def swell(*_: object, **options: object) -> NoReturn:
    kept = []
    while True:
        kept.append(bytes(2**24))


def say_garbage(*_: object, **options: object) -> NoReturn:
    os.write(1, b"Hello, here is your model.\n" * 10)
    os._exit(0)


def say_garbage_and_hang(*_: object, **options: object) -> NoReturn:
    os.write(1, FRAME.pack(10) + b"0123456789")
    hang()


def promise_much(*_: object, **options: object) -> NoReturn:
    os.write(1, FRAME.pack(2**63) + b"x")
    hang()


def promise_little_less(*_: object, **options: object) -> NoReturn:
    os.write(1, FRAME.pack(2**29) + b"x")
    hang()


def drip(*_: object, **options: object) -> NoReturn:
    os.write(1, FRAME.pack(2**20))
    while True:
        os.write(1, b"x")
        time.sleep(0.01)


def drip_answers(*_: object, **options: object) -> NoReturn:
    message = b"".join(encode({"said": ["os", "system", "dangerous"]}))
    while True:
        os.write(1, FRAME.pack(len(message)) + message)
        time.sleep(0.01)


def flood(*_: object, **options: object) -> NoReturn:
    message = b"".join(encode({"said": "x" * 1000}))
    while True:
        os.write(1, (FRAME.pack(len(message)) + message) * 1000)


def say_nothing_long(*_: object, **options: object) -> NoReturn:
    os.write(1, FRAME.pack(0) * 1000)
    hang()


def leave_a_child(*_: object, **options: object) -> NoReturn:
    """The child holds the streams of the one that ends."""
    if os.fork():
        os._exit(0)
    hang()


def answer_a_number(*_: object, **options: object) -> int:
    return 5


def answer_a_pair(*_: object, **options: object) -> tuple[object, object]:
    return {"Ni": "x"}, None


def raise_what_is_no_error(*_: object, **options: object) -> NoReturn:
    message = b"".join(encode({"raised": "Hello"}))
    os.write(1, FRAME.pack(len(message)) + message)
    hang()


def write(*_: object, target: str, **options: object) -> None:
    with Path(target).open("ab") as file:
        file.write(b"x")


def open_many(file: object, limits: object, tell: Tell, **options: object) -> int:
    opened: list[Any] = []
    with contextlib.suppress(OSError):
        while len(opened) < 1000:
            opened.append(os.dup(0))
    return len(opened)


def count_disagreements(*_: object, paths: Sequence[str]) -> tuple[int, int]:
    """How many HDF5 files are plain, and of how many of these the library says something else."""
    plain = different = 0
    for path in paths:
        try:
            stored = read_plain(path)
        except (NotPlainError, Hdf5LayoutError):
            continue
        plain += 1
        try:
            different += encode(stored) != encode(read_by_library(path))
        except Hdf5LayoutError:
            different += 1
    return plain, different
