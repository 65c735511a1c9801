"""Look through a pickle and run nothing: which globals it names, and what its bytes are.

`pickletools.genops` decodes what Python 2 wrote as text and fails on protocol 0, and takes a minute for
the history of a long training. This scan decodes nothing but names: a regular expression jumps over
runs of short opcodes, and only strings, globals and what is refused anyway are looked at one by one.

STACK_GLOBAL takes its names from the stack. They are believed only where two strings, or GETs of such,
were pushed right before it, as every writer does; all else is told as a computed name, which is never
allowed. So no trick with stack or memo hides a name.
"""

from __future__ import annotations

import os
from typing import Final

from .errors import CorruptPickleError
from .facts import Global, Scan
from .memo import Memo
from .opcodes import LENGTHS, LINES, MEMO_ACCESS, MIN_ARRAY, REFUSED, RUN, RUN_BESIDE_MEMO, TEXTS, TOKEN
from .parts import NAMES, Parts
from .source import DEFAULT_LIMITS, Limits, SourceFacts, open_source
from .unpickle import MAX_NAME, stub_of
from .window import Window

MAX_GLOBALS: Final = 1000
"""Most different globals listed; real files have up to 20."""

ENOUGH: Final = 4096
"""More bytes than any opcode has that is looked at as a whole."""


class _NeedsMemoError(Exception):
    """STACK_GLOBAL in a pickle of a protocol that has none: strings have to be followed through the memo."""


def scan(path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS) -> tuple[Scan, SourceFacts]:
    """Scan the first pickle of a file, also of one with damaged compression as far as it goes.

    Within `limits.size` only: for the others, run it in a child. Raises `OSError`, `SourceError`, or
    `CorruptPickleError` where the beginning is that of no pickle.
    """
    try:
        return _scan(path, limits, memo=False)
    except _NeedsMemoError:
        return _scan(path, limits, memo=True)


def _scan(path: str | os.PathLike[str], limits: Limits, *, memo: bool) -> tuple[Scan, SourceFacts]:
    with open_source(path, limits=limits, ignore_checksum=True) as stream:
        window = Window(stream.reader, ENOUGH)
        window.fill()
        return _Scanner(window, memo=memo or window.data[:2] >= b"\x80\x04").scan(), stream.finish()


class _Scanner:
    """One look through one pickle; with `memo`, strings are followed through the memo, which takes longer."""

    def __init__(self, window: Window, *, memo: bool) -> None:
        self._window = window
        self._memo = Memo() if memo else None
        self._run = RUN_BESIDE_MEMO if memo else RUN
        self._globals: dict[tuple[str, str], int] = {}
        self._unlisted = 0
        self._parts = Parts()
        self._protocol: int | None = None

    def scan(self) -> Scan:
        problem = None
        try:
            while self._step():
                pass
        except CorruptPickleError as error:
            problem = str(error)
        self._parts.count(self._window.position)
        return Scan(
            protocol=self._protocol or 0,
            globals=tuple(
                Global(module, name, offset, bool(module) and stub_of(module, name) is not None)
                for (module, name), offset in self._globals.items()
            ),
            unlisted=self._unlisted,
            parts=self._parts.sizes,
            problem=problem,
        )

    def _step(self) -> bool:
        """Pass one run or one opcode; False after STOP."""
        window = self._window
        window.fill()
        # A string that was just pushed may be memoized; after that a run may go on.
        access = MEMO_ACCESS.match(window.data, window.at) if self._memo and self._memo.top is not None else None
        if access:
            window.at = access.end()
            self._access(access[0])
        elif run := self._run.match(window.data, window.at):
            window.at = run.end()
            self._passed(run[0])
        else:
            return self._opcode(window.data[window.at : window.at + 1])
        return True

    def _opcode(self, opcode: bytes) -> bool:
        window = self._window
        if opcode in LENGTHS:
            self._sized(opcode)
        elif opcode in (b"S", b"V"):
            self._line(opcode)
        elif opcode in (b"c", b"i", b"P"):
            self._named(opcode)
        elif opcode == b"\x93":
            self._stack_global()
        elif opcode in REFUSED:
            what, size = REFUSED[opcode]
            self._name("", what, window.position)
            window.take(size)
            self._push(None)
        elif opcode == b"\x80":
            protocol = window.take(2)[1]
            self._protocol = protocol if self._protocol is None else self._protocol
        elif opcode == b"\x95":
            # The beginning of a frame; it may stand between the names of a STACK_GLOBAL.
            window.take(9)
        elif access := MEMO_ACCESS.match(window.data, window.at):
            window.at = access.end()
            self._access(access[0])
        elif opcode in LINES:
            # A number of many digits, or a memo index that only Python understands.
            window.line(0)
            self._push(None)
            if self._memo and opcode in (b"p", b"g"):
                self._memo.distrust()
        else:
            window.take(1)
            if opcode != b".":
                raise CorruptPickleError(f"no opcode of a pickle: {opcode!r} at byte {window.position - 1}")
            return False
        return True

    def _passed(self, run: bytes) -> None:
        if self._protocol is None:
            # No PROTO: protocol 1 numbers the memo in binary, 0 in decimal.
            put = next((token[0] for token in TOKEN.finditer(run) if token[0][:1] in b"qrp"), None)
            self._protocol = None if put is None else int(put[:1] != b"p")
        if self._memo:
            self._memo.pass_run(run)
        else:
            self._parts.run(run)

    def _sized(self, opcode: bytes) -> None:
        window, width = self._window, LENGTHS[opcode]
        start = window.position
        size = int.from_bytes(window.take(1 + width)[1:], "little")
        if size <= MAX_NAME:
            self._string(opcode, window.take(size), start)
        else:
            window.skip(size)
            self._parts.array(start, window.position)
            self._push(None)

    def _line(self, opcode: bytes) -> None:
        window = self._window
        start = window.position
        window.take(1)
        text = window.line(MAX_NAME + 1)
        if len(text) <= MAX_NAME:
            self._string(opcode, text if opcode == b"V" else text[1:-1], start)
        else:
            self._parts.array(start, window.position)
            self._push(None)

    def _string(self, opcode: bytes, data: bytes, start: int) -> None:
        window = self._window
        if window.position - start > MIN_ARRAY:
            self._parts.array(start, window.position)
        text = data.decode("utf-8", "backslashreplace")
        if text in NAMES:
            access = MEMO_ACCESS.match(window.data, window.at)
            self._parts.name(text, window.position, access[0] if access and access[0][:1] in b"qrp" else None)
        # STACK_GLOBAL takes no bytes.
        self._push(text if opcode in TEXTS else None)

    def _push(self, text: str | None) -> None:
        if self._memo:
            self._memo.push(text)

    def _access(self, token: bytes) -> None:
        """A PUT or GET where the memo is followed."""
        if not self._memo:
            return
        if token[:1] not in b"hjg":
            self._memo.put(token)
        elif (text := self._memo.get(token)) in NAMES:
            self._parts.name(text, self._window.position)

    def _stack_global(self) -> None:
        if not self._memo:
            raise _NeedsMemoError
        self._name(*(self._memo.take_names() or ("", "a computed name")), self._window.position)
        self._window.take(1)

    def _named(self, opcode: bytes) -> None:
        """GLOBAL, INST and PERSID, whose arguments are lines."""
        window = self._window
        position = window.position
        window.take(1)
        first = window.line(MAX_NAME).decode("utf-8", "backslashreplace")
        if opcode == b"P":
            self._name("", "a persistent id", position)
        else:
            self._name(first, window.line(MAX_NAME).decode("utf-8", "backslashreplace"), position)
        self._push(None)

    def _name(self, module: str, name: str, offset: int) -> None:
        if (module, name) in self._globals:
            return
        if len(self._globals) < MAX_GLOBALS:
            self._globals[module, name] = offset
        else:
            self._unlisted += 1
