"""The HDF5 dialect that this project and kraken write, read without the HDF5 library.

The library can be made to loop or to swell, so it must be kept in a child process, which costs four
times the reading itself. Few files need it: what h5py writes unless told otherwise is superblock 0,
groups as symbol tables, object headers of version 1, and contiguous data. This reads just that, as
slices of the bytes at hand: it cannot loop, nor allocate, nor crash. It is strict: of anything it does
not know to the last byte it says `NotPlainError`, and the library is asked, in a child.

Source of the layouts: HDF5 File Format Specification, version 3.0, chapters II to IV.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .schema import Group

SUPERBLOCK: Final = (
    b"\x89HDF\r\n\x1a\n" + bytes.fromhex("0000000000080800 0400100000000000 0000000000000000") + b"\xff" * 8
)
"""Version 0, addresses and lengths of 8 bytes, at most 8 names a leaf, from address 0 on."""

UNDEFINED: Final = 2**64 - 1
END_OF_LIST: Final = 1

NIL, SPACE, DATATYPE, FILL, LAYOUT, ATTRIBUTE, CONTINUATION, SYMBOLS, MODIFIED = 0, 1, 3, 5, 8, 12, 16, 17, 18

NUMBERS: Final = {
    bytes.fromhex("11201f00 04000000 00002000 17080017 7f000000"): np.dtype("<f4"),
    bytes.fromhex("11203f00 08000000 00004000 340b0034 ff030000"): np.dtype("<f8"),
    **{
        struct.pack("<BBHIHH", 0x10, 0x08 if kind == "i" else 0, 0, size, 0, 8 * size): np.dtype(f"<{kind}{size}")
        for kind in "iu"
        for size in (1, 2, 4, 8)
    },
}
"""The messages of the number types: little-endian, of full precision."""

BYTES_OF_TEXT: Final = bytes.fromhex("00 10000000 10000000 01000000 00000800")
"""The rest of a type of strings of variable length: 16 bytes each, of unsigned bytes."""

NO_FILL: Final = bytes.fromhex("0202020100000000")
"""A fill value of version 2, written where asked for, of no bytes."""

# Ours have 25 objects of at most 17 messages, in a few hundred bytes; the heap of `kind` holds one string.
MAX_OBJECTS: Final = 64
MAX_MESSAGES: Final = 256
MAX_BLOCKS: Final = 64
MAX_BLOCK: Final = 2**16
MAX_IN_HEAP: Final = 16


class NotPlainError(Exception):
    """The bytes are no HDF5 file of this dialect; they may be of another, or damaged."""


def parse(data: bytes) -> Group:
    """The root group of a file; its arrays are views of `data`. Raises `NotPlainError`."""
    try:
        (end,) = struct.unpack_from("<Q", data, 40)
        driver, name, root, *cached = struct.unpack_from("<QQQIIQQ", data, 48)
        _require(data.startswith(SUPERBLOCK) and (end, driver, name) == (len(data), UNDEFINED, 0))
        found = _object(data, root, cached, iter(range(MAX_OBJECTS)))
    except (struct.error, ValueError, IndexError, TypeError, OverflowError) as error:
        raise NotPlainError from error
    _require(isinstance(found, Group))
    return found  # type: ignore[return-value]


def _require(condition: bool) -> None:
    if not condition:
        raise NotPlainError


def _slice(data: bytes, start: int, size: int) -> bytes:
    _require(size <= MAX_BLOCK and start + size <= len(data))
    return data[start : start + size]


def _messages(data: bytes, address: int) -> Iterator[tuple[int, bytes]]:
    """The messages of an object header of version 1: type and content."""
    version, reserved, count, links, size = struct.unpack_from("<BBHII", data, address)
    _require((version, reserved, links) == (1, 0, 1) and count <= MAX_MESSAGES)
    blocks = [(address + 16, size)]
    for block, (start, length) in enumerate(blocks):
        _require(block < MAX_BLOCKS)
        content = _slice(data, start, length)
        at = 0
        while count and at < length:
            kind, size, flags, *reserved = struct.unpack_from("<HHBBH", content, at)
            # Bit 1: the message is elsewhere. Bit 0 says that it is constant, bit 2 that it is never shared.
            _require(not flags & ~0b101 and not any(reserved) and size % 8 == 0)
            message = _slice(content, at + 8, size)
            at += 8 + size
            count -= 1
            if kind == CONTINUATION:
                blocks.append(struct.unpack("<QQ", message))
            else:
                yield kind, message
        _require(at == length)
    _require(not count)


def _object(data: bytes, address: int, cached: list[int], budget: Iterator[int]) -> Group | NDArray[Any]:
    """The object of a header; `cached` is what the link to it repeats: kind, 0, and addresses of a group."""
    # Also what ends a group that contains itself.
    _require(next(budget, None) is not None)
    attrs: dict[str, bytes | NDArray[Any]] = {}
    once: dict[int, bytes] = {}
    for kind, message in _messages(data, address):
        if kind == ATTRIBUTE:
            name, value = _attribute(data, message)
            _require(name not in attrs)
            attrs[name] = value
        elif kind != NIL:
            _require(kind in (SPACE, DATATYPE, FILL, LAYOUT, SYMBOLS, MODIFIED) and kind not in once)
            once[kind] = message
    if SYMBOLS in once:
        _require(once.keys() <= {SYMBOLS, MODIFIED})
        tree, heap = struct.unpack("<QQ", once[SYMBOLS])
        _require(cached == [1, 0, tree, heap])
        return Group(
            attrs, {name: _object(data, address, link, budget) for name, address, link in _members(data, tree, heap)}
        )
    _require({SPACE, DATATYPE, LAYOUT} <= once.keys() and cached[:2] == [0, 0])
    _require(once.get(FILL, NO_FILL) == NO_FILL and once.get(MODIFIED, b"\1")[0] == 1)
    version, storage, start, size = struct.unpack_from("<BBQQ", once[LAYOUT])
    _require((version, storage) == (3, 1))  # contiguous
    dtype, shape = _dtype(once[DATATYPE]), _shape(once[SPACE])
    _require(size == math.prod(shape) * dtype.itemsize and size > 0 and start + size <= len(data))
    return np.frombuffer(data, dtype, math.prod(shape), start).reshape(shape)


def _members(data: bytes, tree: int, heap: int) -> Iterator[tuple[str, int, list[int]]]:
    """The links of a symbol table, hard ones all: name, address of the object, and what `_object` calls cached."""
    magic, version, size, free, start = struct.unpack_from("<4sIQQQ", data, heap)
    _require((magic, version) == (b"HEAP", 0))
    names = _slice(data, start, size)
    if free != END_OF_LIST:
        following, length = struct.unpack_from("<QQ", names, free)
        _require(following == END_OF_LIST and free + length == size)
        names = names[:free]
    magic, level, nodes, left, right = struct.unpack_from("<4sHHQQ", data, tree)
    _require((magic, level, left, right) == (b"TREE", 0, UNDEFINED, UNDEFINED) and nodes <= MAX_OBJECTS)
    # Keys and names in their order, or the library would find another object under a name.
    before = _name(names, struct.unpack_from("<Q", data, tree + 24)[0])
    _require(not before)
    for node in range(nodes):
        table, key = struct.unpack_from("<QQ", data, tree + 32 + 16 * node)
        magic, version, count = struct.unpack_from("<4sHH", data, table)
        _require((magic, version) == (b"SNOD", 1) and 0 < count <= MAX_OBJECTS)
        for entry in range(count):
            at, address, *cached = struct.unpack_from("<QQIIQQ", data, table + 8 + 40 * entry)
            name = _name(names, at)
            _require(before < name)
            before = name
            yield name.decode("utf-8"), address, cached
        _require(before == _name(names, key))


def _name(names: bytes, at: int) -> bytes:
    return names[at : names.index(b"\0", at)]


def _attribute(data: bytes, message: bytes) -> tuple[str, bytes | NDArray[Any]]:
    """An attribute of version 1: its name, and its value as bytes or numbers."""
    version, *sizes = struct.unpack_from("<HHHH", message)
    _require(version == 1)
    parts, at = [], 8
    for size in sizes:
        parts.append(_slice(message, at, size))
        at += -(-size // 8) * 8
    # For the library a name ends at its first NUL.
    _require(parts[0].index(b"\0") == len(parts[0]) - 1)
    name, kind, shape = parts[0].removesuffix(b"\0").decode("utf-8"), parts[1], _shape(parts[2])
    if kind[0] == 0x19:
        # A string of variable length, of characters of one byte each, kept in a global heap.
        _require(kind[1] == 1 and kind[2] in (0, 1) and kind[3:] == BYTES_OF_TEXT and shape == ())
        length, heap, index = struct.unpack_from("<IQI", message, at)
        return name, _heap_object(data, heap, index, length)
    dtype, count = _dtype(kind), math.prod(shape)
    if dtype.kind == "S":
        _require(shape == ())
        return name, _slice(message, at, dtype.itemsize).rstrip(b"\0")
    return name, np.frombuffer(_slice(message, at, count * dtype.itemsize), dtype, count).reshape(shape)


def _heap_object(data: bytes, heap: int, index: int, length: int) -> bytes:
    magic, version, size = struct.unpack_from("<4sIQ", data, heap)
    _require((magic, version) == (b"GCOL", 1))
    content = _slice(data, heap, size)
    found = None
    at = 16
    # Read to its end: whatever comes later, the library would see it.
    for _ in range(MAX_IN_HEAP):
        number, _, reserved, size_of_object = struct.unpack_from("<HHIQ", content, at)
        _require(reserved == 0)
        if number == 0:
            # What is free, up to the end.
            _require(at + size_of_object == size and found is not None)
            break
        if number == index:
            _require(size_of_object == length and found is None)
            found = _slice(content, at + 16, length)
        at += 16 + -(-size_of_object // 8) * 8
    else:
        raise NotPlainError
    # For the library a text ends at its first NUL.
    if found is None or b"\0" in found:
        raise NotPlainError
    return found


def _dtype(message: bytes) -> Any:
    if message[:1] == b"\x13":
        # A string of fixed length, padded with NUL.
        _require(message[1] in (0x01, 0x11) and message[2:4] == b"\0\0" and len(message) == 8)
        (size,) = struct.unpack("<I", message[4:])
        text: np.dtype[Any] = np.dtype(f"S{size}")
        return text
    # Messages are padded with zeros to a multiple of 8.
    for known, dtype in NUMBERS.items():
        if message.startswith(known) and not any(message[len(known) :]):
            return dtype
    raise NotPlainError


def _shape(message: bytes) -> tuple[int, ...]:
    """The shape of a simple data space of version 1, which cannot grow."""
    version, rank, flags, *reserved = struct.unpack_from("<BBBBI", message)
    _require((version, *reserved) == (1, 0, 0) and rank <= 2 and flags in (0, 1))
    numbers = struct.unpack_from(f"<{rank * (1 + flags)}Q", message, 8)
    _require(numbers[rank:] in ((), numbers[:rank]))
    return numbers[:rank]
