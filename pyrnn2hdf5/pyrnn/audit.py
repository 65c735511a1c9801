"""What a pickle names, told by the unpickler itself, and what that means.

Every name becomes an inert stub that takes any call and any state, so that the pickle is followed to its
end as Python would follow it, also where names are computed, and nothing is executed or imported.
"""

from __future__ import annotations

import contextlib
import copyreg
import io
import math
import pickle
import pickletools
import re
import time
from collections.abc import Callable, Iterator
from typing import IO, Any, Final

from ..errors import CorruptPickleError
from .stubs import Inert, InertType, inert
from .unpickler import MAX_NAME, collector_off, malformed, verdict_of

MAX_GLOBALS: Final = 1000
"""Most different names listed, and as many dangerous ones, which others must not hide; real files have up to 20."""

MAX_CALLS: Final = 8
"""Most different calls of one name that are told."""

MAX_ARGUMENT: Final = 80
"""Longest argument of a call that is told whole."""

MAX_EXTENSIONS: Final = 16
"""Most different extension codes that a pickle is followed through."""

EXTENSION: Final = "extension code"
UNREGISTERED: Final = re.compile(rf"unregistered {EXTENSION} (\d+)")


class Names:
    """Names and calls as they are met. `tell` hears of each the first time: (module, name, verdict), or with arguments.

    `unlisted` counts the uses of names beyond `MAX_GLOBALS`.
    """

    def __init__(self, tell: Callable[[tuple[str, ...]], object]) -> None:
        self._tell = tell
        self._calls: dict[tuple[str, str], set[str]] = {}
        self.unlisted = 0

    def note(self, module: str, name: str, arguments: tuple[object, ...] | None = None) -> None:
        """A name is looked up, or called with arguments."""
        key = module[:MAX_NAME], name[:MAX_NAME]
        if arguments is not None:
            self._note_call(key, arguments)
            return
        if key in self._calls:
            return
        verdict = verdict_of(*key)
        if len(self._calls) < MAX_GLOBALS * (2 if verdict == "dangerous" else 1):
            self._calls[key] = set()
            self._tell((*key, verdict))
        else:
            self.unlisted += 1

    def _note_call(self, key: tuple[str, str], arguments: tuple[object, ...]) -> None:
        told, verdict = self._calls.get(key), verdict_of(*key)
        if told is None or len(told) == MAX_CALLS or verdict == "allowed":
            return
        said = ", ".join(map(_described, arguments[:MAX_CALLS])) + (", ..." if len(arguments) > MAX_CALLS else "")
        if said not in told:
            told.add(said)
            self._tell((*key, verdict, said))


def _described(argument: object, depth: int = 2) -> str:
    if isinstance(argument, (str, bytes)):
        return f"{argument[:MAX_ARGUMENT]!r}" + ("..." if len(argument) > MAX_ARGUMENT else "")
    if isinstance(argument, (tuple, list)) and depth:
        items = [_described(item, depth - 1) for item in argument[:MAX_CALLS]]
        return f"({', '.join(items)}{', ...' if len(argument) > MAX_CALLS else ''})"
    if (isinstance(argument, int) and abs(argument) < 2**64) or isinstance(argument, (float, type(None))):
        return repr(argument)
    return argument.path if isinstance(argument, InertType) else f"a {type(argument).__name__}"


class _Auditor(pickle.Unpickler):
    """An unpickler to which every name is inert."""

    def __init__(self, stream: IO[bytes], names: Names) -> None:
        super().__init__(stream, fix_imports=False, encoding="bytes", buffers=self._buffers())
        self._names = names

    def find_class(self, module: str, name: str) -> InertType:
        if module == EXTENSION:
            module, name = "", "an extension code"
        self._names.note(module, name)
        return inert(f"{module}.{name}"[:MAX_NAME], lambda said: self._names.note(module, name, said))

    def persistent_load(self, pid: object) -> InertType:
        self._names.note("", "a persistent id")
        return Inert

    def _buffers(self) -> Iterator[bytes]:
        while True:
            self._names.note("", "an out-of-band buffer")
            yield b""


def audit(reopen: Callable[[], IO[bytes]], names: Names) -> None:
    """Follow the first pickle of a stream to its end and note what it names.

    `reopen` gives the stream from its beginning. Raises `CorruptPickleError` where the pickle ends too
    early, is malformed, or needs a value that only a call of the real thing would give; `MemoryError`, and
    what the stream raises.
    """
    codes: list[int] = []
    copyreg.clear_extension_cache()
    try:
        with collector_off():
            while (code := _follow(reopen(), names)) is not None:
                if len(codes) == MAX_EXTENSIONS:
                    raise CorruptPickleError(f"extension codes: expected at most {MAX_EXTENSIONS}, got more")
                codes.append(code)
                # Only a registered code leads to `find_class`.
                copyreg.add_extension(EXTENSION, str(code), code)
    except (OSError, MemoryError, CorruptPickleError):
        raise
    except Exception as error:
        raise malformed(error) from error
    finally:
        for number in codes:
            with contextlib.suppress(ValueError):
                copyreg.remove_extension(EXTENSION, str(number), number)
        copyreg.clear_extension_cache()


def _follow(stream: IO[bytes], names: Names) -> int | None:
    """Load a pickle; an extension code that nobody has registered, where one stops it."""
    try:
        _Auditor(stream, names).load()
    except ValueError as error:
        if code := UNREGISTERED.search(str(error)):
            return int(code[1])
        raise
    return None


MAX_OPCODES: Final = 2**22
"""Most opcodes that are looked at without being followed."""

SPELL_SECONDS: Final = 2.5
"""Longest time for that. On a busy machine fewer names are told, but the facts of the file still are."""

OPCODES: Final = {opcode.code.encode("latin-1"): opcode for opcode in pickletools.opcodes}
UNSPELLED: Final = {
    **dict.fromkeys(("PERSID", "BINPERSID"), "a persistent id"),
    **dict.fromkeys(("EXT1", "EXT2", "EXT4"), "an extension code"),
    **{"NEXT_BUFFER": "an out-of-band buffer", "READONLY_BUFFER": "a read-only buffer"},
}
NAMELESS: Final = re.compile(
    b"["
    + b"".join(
        re.escape(code)
        for code, opcode in OPCODES.items()
        if opcode.arg is None and opcode.name not in ("STOP", "STACK_GLOBAL", "MEMOIZE", *UNSPELLED)
    )
    + b"]*"
)
"""Opcodes without an argument that neither name anything nor fill the memo."""

RUN: Final = 64
"""After so many of these a look at what is buffered pays: it may hold a run of them."""

TEXTS: Final = ("STRING", "UNICODE", "UNICODE8")
"""Ends of the names of opcodes whose argument is a text."""


def spell(stream: io.BufferedReader, names: Names, seconds: float = math.inf) -> None:
    """Note what the opcodes of a pickle name, one after the other, without following what they do.

    For what `audit` does not follow to its end: so nothing that stops it, but not Python, hides the names behind.
    It takes at most `seconds`, and `SPELL_SECONDS`. Raises as `audit`.
    """
    last: list[str | None] = [None, None]
    memo: dict[int, str | None] = {}
    seconds, nameless = min(seconds, SPELL_SECONDS), 0
    end = time.monotonic() + seconds
    try:
        for number in range(MAX_OPCODES):
            if not number % 2**12 and time.monotonic() > end:
                raise CorruptPickleError(f"time to look at opcodes: expected at most {seconds:g} s, got more")
            code = stream.read(1)
            if not code or code == pickle.STOP:
                return
            if NAMELESS.fullmatch(code):
                last, nameless = [last[1], None], nameless + 1
                if not nameless % RUN and (run := NAMELESS.match(stream.peek())) and stream.read(run.end()):
                    last = [None, None]
                continue
            opcode = OPCODES[code]
            argument = _argument(opcode, stream)
            if opcode.name in ("GLOBAL", "INST"):
                names.note(argument, _line(stream))
            elif opcode.name == "STACK_GLOBAL":
                module, name = last
                names.note(*(("", "a computed name") if module is None or name is None else (module, name)))
            elif opcode.name in UNSPELLED:
                names.note("", UNSPELLED[opcode.name])
            if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
                memo[len(memo) if argument is None else int(argument)] = last[1]
            elif opcode.name in ("GET", "BINGET", "LONG_BINGET"):
                last = [last[1], memo.get(int(argument))]
            elif opcode.name not in ("FRAME", "PROTO"):
                last = [last[1], argument if opcode.name.endswith(TEXTS) else None]
    except (KeyError, ValueError, OverflowError) as error:
        raise malformed(error) from error
    raise CorruptPickleError(f"expected at most {MAX_OPCODES} opcodes, got more")


def _argument(opcode: pickletools.OpcodeInfo, stream: IO[bytes]) -> Any:
    """The argument of an opcode; of names the first of two, of a text None where it cannot be told."""
    if opcode.arg is None:
        return None
    if opcode.arg.n != pickletools.UP_TO_NEWLINE or opcode.name == "UNICODE":
        try:
            return opcode.arg.reader(stream)
        except UnicodeDecodeError:
            return None
    # Python 2 quotes bytes of no encoding, on which the reader of `pickletools` stops.
    line = _line(stream)
    return line if opcode.name != "STRING" else None if "\\" in line else line[1:-1]


def _line(stream: IO[bytes]) -> str:
    return stream.readline().rstrip(b"\n").decode("utf-8", "backslashreplace")
