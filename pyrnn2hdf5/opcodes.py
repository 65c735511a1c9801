"""The opcodes of pickles as regular expressions and tables, for a scan that runs none of them."""

from __future__ import annotations

import re
from typing import Final

MIN_ARRAY: Final = 32
"""Strings of fewer bytes are no data of an array: those of the smallest model seen have 40."""

NO_ARGUMENT: Final = rb"[()012NRabdelostu\]}\x81\x85-\x89\x8f-\x92]+"
NUMBER: Final = rb"K.|M..|J.{4}|G.{8}|[IFL][^\n]{0,200}\n"
SHORT: Final = rb"U(?:%s)|S'(?!\w+'\n)[^\n]{0,31}\n" % b"|".join(
    re.escape(bytes((size,))) + rb"(?!\w{%d}).{%d}" % (size, size) for size in (8, *range(MIN_ARRAY))
)
"""Short strings of Python 2 that could not be a name: the data of NumPy scalars, file names."""
BYTES: Final = rb"C(?:%s)" % b"|".join(re.escape(bytes((size,))) + rb".{%d}" % size for size in (8, *range(MIN_ARRAY)))
MEMOIZE: Final = rb"\x94"
PUT: Final = rb"q.|r.{4}|p\d{1,20}\n"
GET: Final = rb"h.|j.{4}|g\d{1,20}\n"
LONE_GET: Final = rb"(?:%s)(?=[^\x93\x8c\x8dXVhjg\x94qrp\x80\x95])" % GET
"""A GET that gives no name to a STACK_GLOBAL, for no string, GET, PUT or STACK_GLOBAL comes next."""


def _pattern(*alternatives: bytes, run: bool = True) -> re.Pattern[bytes]:
    # Python keeps track of every item of a run, so a run has to have an end.
    return re.compile(b"(?:%s){1,%d}" % (b"|".join(alternatives), 400 if run else 1), re.DOTALL)


RUN: Final = _pattern(NO_ARGUMENT, PUT, MEMOIZE, GET, NUMBER, SHORT)
TOKEN: Final = _pattern(NO_ARGUMENT, PUT, MEMOIZE, GET, NUMBER, SHORT, run=False)
RUN_BESIDE_MEMO: Final = _pattern(NO_ARGUMENT, MEMOIZE, LONE_GET, NUMBER, SHORT, BYTES)
"""A run that leaves out PUTs and the GETs that may matter to a STACK_GLOBAL."""
MEMOIZES: Final = re.compile(b"(%s)|" % MEMOIZE + b"|".join((NO_ARGUMENT, GET, NUMBER, SHORT, BYTES)), re.DOTALL)
"""An opcode of such a run; a MEMOIZE is a group."""
MEMO_ACCESS: Final = _pattern(PUT, MEMOIZE, GET, run=False)

LENGTHS: Final = {
    **{b"U": 1, b"\x8c": 1, b"C": 1, b"T": 4, b"X": 4, b"B": 4, b"\x8d": 8, b"\x8e": 8, b"\x96": 8},
    **{b"\x8a": 1, b"\x8b": 4},
}
"""Strings, bytes and long integers: the size of the length that stands before the data."""
TEXTS: Final = (b"X", b"\x8c", b"\x8d", b"V")
LINES: Final = (b"I", b"F", b"L", b"p", b"g")
"""Numbers and memo indices as lines."""
REFUSED: Final = {
    **{b"\x82": ("an extension code", 2), b"\x83": ("an extension code", 3), b"\x84": ("an extension code", 5)},
    **{b"Q": ("a persistent id", 1), b"\x97": ("an out-of-band buffer", 1), b"\x98": ("a read-only buffer", 1)},
}
"""What reaches outside without a global, by opcode, with the size of the whole."""


def memo_index(token: bytes) -> int:
    """The index of a numbered PUT or GET."""
    return int(token[1:]) if token[:1] in b"pg" else int.from_bytes(token[1:], "little")
