"""Protobuf messages, read strictly by a schema, and written. Needs no NumPy.

A message is a run of fields. Each is a tag, eight times the number of the field plus its wire type, then for wire
type 0 an integer, for wire type 2 a length and as many bytes. Tags, integers and lengths are varints: seven bits a
byte, the lowest first, with the high bit set in all bytes but the last (protobuf.dev, *Encoding*).

What a file only claims allocates nothing: bytes are seen to be there before anything is made of them, and every field
may stand only as often as its schema says. That is also why unknown fields are refused, not skipped, and varints
longer than they need be: they would be bytes that say nothing of the model, and no writer made any.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from .errors import SourceError
from .limits import MAX_LABEL

VARINT: Final = 0
BYTES: Final = 2
"""Wire types; the others are fixed sizes and groups, of which no schema here has any."""

MAX_STRING: Final = 4 * MAX_LABEL
"""Most bytes of a string: a label in UTF-8."""


@dataclass(frozen=True)
class Field:
    """A field of a message, which stands there `least` to `most` times.

    `kind` is `int` (32 bits, no sign), `str`, `bytes`, or the schema of a message inside.
    """

    name: str
    kind: type | Mapping[int, Field]
    least: int = 1
    most: int = 1


def read_message(data: memoryview, schema: Mapping[int, Field], where: str) -> dict[str, list[Any]]:
    """Read a message.

    Parameters
    ----------
    data
        The message and nothing else.
    schema
        Its fields by number.
    where
        What the message is called in errors.

    Returns
    -------
    dict of lists
        The values of each field by its name; `bytes` are windows of `data`.

    Raises
    ------
    SourceError
        Where the bytes are not such a message.
    """
    found: dict[str, list[Any]] = {field.name: [] for field in schema.values()}
    at = 0
    while at < len(data):
        tag, at = _varint(data, at, where)
        field = schema.get(tag >> 3)
        if field is None:
            raise SourceError(f"{where}: expected fields {', '.join(map(str, schema))}, got field {tag >> 3}")
        name = f"{where}.{field.name}"
        if len(found[field.name]) == field.most:
            raise SourceError(f"{name}: expected at most {field.most}, got more")
        wire_type = VARINT if field.kind is int else BYTES
        if tag & 7 != wire_type:
            raise SourceError(f"{name}: expected wire type {wire_type}, got {tag & 7}")
        value, at = _varint(data, at, name)
        if wire_type == VARINT:
            found[field.name].append(value)
            continue
        if value > len(data) - at:
            raise SourceError(f"{name}: expected {value} bytes, got {len(data) - at}")
        found[field.name].append(_value(data[at : at + value], field, name))
        at += value
    for field in schema.values():
        if len(found[field.name]) < field.least:
            raise SourceError(f"{where}.{field.name}: expected one, got none")
    return found


def write_field(number: int, value: int | str | bytes) -> bytes:
    """A field of a message: an integer that is not negative, a string, or bytes such as a message inside."""
    if isinstance(value, int):
        return _write_varint(number << 3 | VARINT) + _write_varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _write_varint(number << 3 | BYTES) + _write_varint(len(data)) + data


def _write_varint(value: int) -> bytes:
    written = bytearray()
    while value >= 0x80:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(written) + bytes([value])


def _value(data: memoryview, field: Field, name: str) -> Any:
    if isinstance(field.kind, Mapping):
        return read_message(data, field.kind, name)
    if field.kind is bytes:
        return data
    if len(data) > MAX_STRING:
        raise SourceError(f"{name}: expected at most {MAX_STRING} bytes, got {len(data)}")
    try:
        return str(data, "utf-8")
    except UnicodeDecodeError as error:
        raise SourceError(f"{name}: expected UTF-8, got {bytes(data[:20])!r}") from error


def _varint(data: memoryview, at: int, where: str) -> tuple[int, int]:
    """An integer of at most 32 bits, and where what follows begins."""
    value = 0
    for count in range(5):
        if at + count == len(data):
            raise SourceError(f"{where}: expected an integer, got the end")
        byte = data[at + count]
        value |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            if (count and not byte) or value >= 2**32:
                break
            return value, at + count + 1
    raise SourceError(f"{where}: expected an integer of 32 bits in as few bytes as it takes, got another")
