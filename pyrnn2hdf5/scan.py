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
from collections import deque
from dataclasses import dataclass
from typing import Final

from .errors import CorruptPickleError
from .facts import Global
from .opcodes import LENGTHS, MEMO_ACCESS, MIN_ARRAY, REFUSED, RUN, RUN_WITHOUT_MEMO, TEXTS, TOKEN, memo_index
from .parts import NAMES, Parts
from .source import DEFAULT_LIMITS, Limits, SourceFacts, open_source
from .unpickle import MAX_NAME, stub_of
from .window import Window

MAX_GLOBALS: Final = 1000
"""Most different globals listed; real files have up to 20."""

ENOUGH: Final = 4096
"""More bytes than any opcode has that is looked at as a whole."""


@dataclass(frozen=True)
class Scan:
    """What the opcodes of the first pickle of a stream say.

    `globals` in the order of their first use; `unlisted` counts those beyond `MAX_GLOBALS`. `parts`
    are bytes by `parts.PARTS`. `problem` says why the scan ended before the pickle did.
    """

    protocol: int
    globals: tuple[Global, ...]
    unlisted: int
    parts: dict[str, int]
    problem: str | None


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
        self._memo = memo
        self._strings: dict[int, str] = {}
        self._memoized = 0
        self._numbered = False
        self._pushed: list[str | None] = []
        self._runs: deque[bytes] = deque(maxlen=4)
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
        run = (RUN_WITHOUT_MEMO if self._memo else RUN).match(window.data, window.at)
        if run:
            window.at = run.end()
            self._passed(run[0])
            return True
        opcode = window.data[window.at : window.at + 1]
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
        elif opcode == b"\x80":
            protocol = window.take(2)[1]
            self._protocol = protocol if self._protocol is None else self._protocol
        elif opcode == b"\x95":
            # The beginning of a frame; it may stand between the names of a STACK_GLOBAL.
            window.take(9)
        elif access := MEMO_ACCESS.match(window.data, window.at):
            window.at = access.end()
            self._access(access[0])
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
        self._pushed.clear()
        if not self._memo:
            self._runs.append(run)

    def _sized(self, opcode: bytes) -> None:
        window, width = self._window, LENGTHS[opcode]
        start = window.position
        size = int.from_bytes(window.take(1 + width)[1:], "little")
        if size <= MAX_NAME:
            self._string(opcode, window.take(size), start)
        else:
            window.skip(size)
            self._array(start)
            self._push(None)

    def _line(self, opcode: bytes) -> None:
        window = self._window
        start = window.position
        window.take(1)
        text = window.line(MAX_NAME + 1)
        if len(text) <= MAX_NAME:
            self._string(opcode, text if opcode == b"V" else text[1:-1], start)
        else:
            self._array(start)
            self._push(None)

    def _string(self, opcode: bytes, data: bytes, start: int) -> None:
        window = self._window
        if window.position - start > MIN_ARRAY:
            self._array(start)
        text = data.decode("utf-8", "backslashreplace")
        if text in NAMES:
            self._attribute(text)
            put = MEMO_ACCESS.match(window.data, window.at)
            if put and put[0][:1] in b"qrp":
                self._strings[memo_index(put[0])] = text
        # STACK_GLOBAL takes no bytes.
        self._push(text if opcode in TEXTS else None)

    def _attribute(self, name: str) -> None:
        self._parts.name(name, self._window.position)
        self._runs.clear()

    def _array(self, start: int) -> None:
        """The data of an array, or any other long string, lie between `start` and here."""
        # The reversed LSTM names its attributes by GETs of their names in the forward LSTM.
        tokens = (token[0] for run in self._runs for token in TOKEN.finditer(run))
        names = [self._strings.get(memo_index(token)) for token in tokens if token[:1] in b"hjg"]
        for name in filter(None, names):
            self._parts.name(name, start)
        self._parts.array(start, self._window.position)
        self._runs.clear()

    def _push(self, text: str | None) -> None:
        self._pushed = [*self._pushed[-1:], text]

    def _access(self, token: bytes) -> None:
        """A PUT or GET where the memo is followed."""
        top = self._pushed[-1] if self._pushed else None
        if token[:1] in b"hjg":
            # Writers number their PUTs or leave it to the unpickler. Of a mixture no GET is believed.
            mixed = self._numbered and self._memoized
            text = None if mixed else self._strings.get(memo_index(token))
            if text in NAMES:
                self._attribute(text)
            self._push(text)
            return
        if token == b"\x94":
            index = self._memoized
            self._memoized += 1
        else:
            index = memo_index(token)
            self._numbered = True
        if top is None:
            self._strings.pop(index, None)
        else:
            self._strings[index] = top

    def _stack_global(self) -> None:
        if not self._memo:
            raise _NeedsMemoError
        module, name = self._pushed if len(self._pushed) == 2 else (None, None)
        if module and name is not None:
            self._name(module, name, self._window.position)
        else:
            self._name("", "a computed name", self._window.position)
        self._window.take(1)
        self._pushed.clear()

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
        self._pushed.clear()

    def _name(self, module: str, name: str, offset: int) -> None:
        if (module, name) in self._globals:
            return
        if len(self._globals) < MAX_GLOBALS:
            self._globals[module, name] = offset
        else:
            self._unlisted += 1
