"""Opcodes of pickles, put together by hand."""

from __future__ import annotations

import struct
from collections.abc import Callable

from .conftest import CANARY


def text(value: str) -> bytes:
    """BINUNICODE."""
    data = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(data)) + data


def by_global(module: str, name: str) -> bytes:
    """GLOBAL."""
    return f"c{module}\n{name}\n".encode()


def by_stack(module: str, name: str) -> bytes:
    """STACK_GLOBAL."""
    return text(module) + text(name) + b"\x93"


def by_memo(module: str, name: str) -> bytes:
    """GLOBAL, put into the memo and taken out again."""
    return by_global(module, name) + b"q\x050h\x05"


ARGUMENT = text(CANARY)

NAMINGS: dict[str, Callable[[str, str], bytes]] = {
    "GLOBAL": by_global,
    "STACK_GLOBAL": by_stack,
    "GLOBAL and memo": by_memo,
}

CALLS: dict[str, Callable[[bytes], bytes]] = {
    "alone": lambda function: function,
    "dropped": lambda function: function + b"0N",
    "dropped with its mark": lambda function: b"(" + function + b"1N",
    "REDUCE": lambda function: function + b"(" + ARGUMENT + b"tR",
    "REDUCE with TUPLE1": lambda function: function + ARGUMENT + b"\x85R",
    "OBJ": lambda function: b"(" + function + ARGUMENT + b"o",
    "NEWOBJ": lambda function: function + ARGUMENT + b"\x85\x81",
    "NEWOBJ_EX": lambda function: function + ARGUMENT + b"\x85}\x92",
    "BUILD": lambda function: function + b"}" + text("x") + b"Nsb",
    "as a dict key": lambda function: b"}" + function + b"Ns",
    "as a state": lambda function: b"(iocrolib.lstm\nLSTM\n}" + text("__setstate__") + function + b"sb",
    "as a factory": lambda function: b"ccollections\ndefaultdict\n" + function + b"\x85R",
    "as a type of an array": lambda function: (
        b"cnumpy.core.multiarray\n_reconstruct\n" + function + b"(I0\ntU\x01b\x87R"
    ),
    "as a class to reconstruct": lambda function: (
        b"ccopy_reg\n_reconstructor\n" + function + b"c__builtin__\nobject\nN\x87R"
    ),
}
