"""Pickles that are made to run, alter or exhaust something."""

from __future__ import annotations

import gzip
import struct
from collections.abc import Callable
from typing import Any

from .pickles import Call, Dialect, Name, Raw, Text, dump, recognizer


def evil(command: str) -> dict[str, bytes]:
    """One pickle per way to name or call `os.system`."""
    text = command.encode()
    argument = b"X" + len(text).to_bytes(4, "little") + text
    return {
        "GLOBAL": b"cos\nsystem\n(" + argument + b"tR.",
        "GLOBAL posix": b"cposix\nsystem\n(" + argument + b"tR.",
        "STACK_GLOBAL": b"\x80\x04\x8c\x02os\x8c\x06system\x93(" + argument + b"tR.",
        "INST": b"(" + argument + b"ios\nsystem\n.",
        "OBJ": b"(cos\nsystem\n" + argument + b"o.",
        "NEWOBJ": b"\x80\x02cos\nsystem\n(" + argument + b"t\x81.",
        "NEWOBJ_EX": b"\x80\x04cos\nsystem\n(" + argument + b"t}\x92.",
        "eval": b"c__builtin__\neval\n(" + argument + b"tR.",
        "getattr": b"cbuiltins\ngetattr\n(" + argument + b"tR.",
        "BUILD": b"cos\nsystem\n}b.",
        "inside a model": dump(recognizer(changes={"extra": Call(Name("os", "system"), (Text(command),))})),
        "before a model": b"cos\nsystem\n(" + argument + b"tR0" + dump(recognizer()),
    }


TAMPERING = {
    "slot state on a class": b"cocrolib.lstm\nLSTM\n(N}S'state'\nI1\nstb.",
    "state on a class": b"cocrolib.lstm\nLSTM\n}S'get'\nI1\nsb.",
    "slot state on an array class": b"cnumpy.core.multiarray\n_reconstruct\n(N}S'values'\nI1\nstb.",
    "slot state on the dict class": b"ccollections\ndefaultdict\n(N}S'x'\nI1\nstb.",
    "slot state on a function": b"cocrolib.lstm\nnormalize_nfkc\n(N}X\x04\x00\x00\x00pathI1\nstb.",
    "state on a dict": b"ccollections\ndefaultdict\n(tR}X\x01\x00\x00\x00xI1\nsb.",
    "a call of a function": b"cocrolib.lstm\nnormalize_nfkc\n(S'a'\ntR.",
    "a call of an instance": b"(iocrolib.lstm\nLSTM\n(tR.",
    "arguments for a class": b"(S'a'\niocrolib.lstm\nLSTM\n.",
    "a second state": b"(iocrolib.lstm\nLSTM\n}X\x01\x00\x00\x00xI1\nsb}X\x01\x00\x00\x00yI1\nsb.",
    "a state that is no dict": b"(iocrolib.lstm\nLSTM\n(lb.",
    "an attribute name that is no string": b"(iocrolib.lstm\nLSTM\n}I1\nI1\nsb.",
    "one attribute twice": b"(iocrolib.lstm\nLSTM\n}X\x01\x00\x00\x00xI1\nsS'x'\nI1\nsb.",
    "a default factory": b"ccollections\ndefaultdict\n(cocrolib.lstm\nLSTM\ntR.",
    "a base that is no object": b"ccopy_reg\n_reconstructor\n(cocrolib.lstm\nLSTM\nc__builtin__\nlist\nNtR.",
    "a reconstructed array class": b"ccopy_reg\n_reconstructor\n(cnumpy\nndarray\nc__builtin__\nobject\nNtR.",
    "state on an ordered dict": b"ccollections\nOrderedDict\n(tR}X\x01\x00\x00\x00xI1\nsb.",
    "an ordered dict of a name": b"ccollections\nOrderedDict\n(S'ab'\ntR.",
    "state on a set": b"c__builtin__\nset\n(tR}X\x01\x00\x00\x00xI1\nsb.",
    "a called type": b"c__builtin__\nint\n(I1\ntR.",
    "another codec": b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x05\x00\x00\x00rot13tR.",
    "text beyond latin-1": b"c_codecs\nencode\n(V\\u20ac\nX\x06\x00\x00\x00latin1tR.",
    "a million attributes": b"(iocrolib.lstm\nLSTM\n(d" + b"".join(b"S'%d'\nNs" % i for i in range(300)) + b"b.",
}


def array(shape: Any, data: Any, code: bytes = b"f8", order: bytes = b"<", fortran: Any = False) -> bytes:
    """An array built from parts that need not fit."""
    dtype = dump(Call(Name("numpy", "dtype"), (code, 0, 1)), Dialect(1))[:-1]
    dtype += dump((3, order, None, None, None, -1, -1, 0), Dialect(1))[:-1] + b"b"
    head = dump(Call(Name("numpy.core.multiarray", "_reconstruct"), (Name("numpy", "ndarray"), (0,), b"b")))[:-1]
    return head + dump((1, shape, Raw(dtype), fortran, data), Dialect(1))[:-1] + b"b."


MIB = 2**20
BLOCK = gzip.compress(bytes(64 * MIB))

MONSTERS: dict[str, tuple[Callable[[], bytes], str]] = {
    "memo index": (lambda: b"\x80\x02Nr\xff\xff\xff\x7f.", "memory to load: expected at most 512 MiB"),
    "declared length": (lambda: b"\x80\x04\x8e" + struct.pack("<Q", 10**10) + b"abc", "memory to load"),
    "10 GB string": (
        lambda: gzip.compress(b"\x80\x04\x8e" + struct.pack("<Q", 10**10)) + BLOCK * 160,
        "memory to load",
    ),
    "10 GB behind the pickle": (lambda: gzip.compress(b"\x80\x02N.") + BLOCK * 160, "bytes after the pickle: expected"),
    "many None": (lambda: gzip.compress(b"\x80\x02(" + b"N" * 200 * MIB), "memory to load"),
    "nested dict key": (lambda: b"\x80\x02})" + b"\x85" * 2_000_000 + b"Ns.", "loading ended by SIGSEGV"),
    "nested tuple": (lambda: b"\x80\x02)" + b"\x85" * 2_000_000 + b".", "got a tuple"),
    "equal hashes": (
        lambda: b"\x80\x02}(" + b"".join(b"L%dL\nN" % (k * (2**61 - 1)) for k in range(60_000)) + b"u.",
        "expected a line recognizer|time to load",
    ),
    "one state 60,000 times": (
        lambda: (
            b"\x80\x02}q\x00("
            + b"".join(b"X\x04\x00\x00\x00%04dN" % k for k in range(250))
            + b"u0(l"
            + b"(iocrolib.lstm\nLSTM\nh\x00ba" * 60_000
            + b"."
        ),
        # Which of them comes first depends on the Python.
        "expected a line recognizer|(time|memory) to load",
    ),
    "long integer": (
        lambda: b"\x80\x02\x8b" + struct.pack("<i", 10_000_000) + b"\x7f" * 10_000_000 + b".",
        "got a int",
    ),
    "decimal integer": (lambda: b"(L" + b"9" * 3_000_000 + b"L\nt.", "malformed pickle: Exceeds the limit"),
}
