"""Plain values and arrays as bytes, for the way between processes: JSON, then raw arrays, never a pickle.

A message is the length of its JSON, the JSON, and the data of the arrays in the order in which it names
them. What comes out is built of plain values, NumPy arrays, and frozen values of the types handed in,
each of which checks itself. NumPy is needed to receive arrays, not to send them.
"""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .. import errors
from ..errors import FAILURES, Failure, Pyrnn2Hdf5Error
from ..limits import MAX_MESSAGE

if TYPE_CHECKING:
    from numpy.typing import NDArray

HEADER: Final = struct.Struct("<Q")
"""Length of the JSON in bytes."""

FRAME: Final = struct.Struct("<Q")
"""Length of a message in bytes, where one follows another."""

Types = Mapping[str, Any]
"""The types a message may hold, by name."""


@dataclass(frozen=True, eq=False)
class RawArray:
    """An array without NumPy.

    Attributes
    ----------
    code
        The type of the items as NumPy spells it, with its byte order: `<f8`.
    shape
        Sizes of the axes as they lie in the data.
    data
        The items, in C order, or in Fortran order where `fortran` says so.
    axes
        A permutation of the axes that follows, as in `numpy.transpose`; None for none.
    """

    code: str
    shape: tuple[int, ...]
    data: bytes | bytearray | memoryview
    fortran: bool = False
    axes: tuple[int, ...] | None = None


def types_of(*types: type[Any]) -> Types:
    """Types by their names."""
    return {value.__name__: value for value in types}


def encode(value: object) -> list[bytes | memoryview]:
    """One message, in parts to be written one after the other.

    Takes None, booleans, numbers, strings, paths, lists, tuples, mappings with string keys, `RawArray`, NumPy
    arrays, `FAILURES`, and frozen values of these.
    """
    arrays: list[memoryview] = []
    text = json.dumps(_packed(value, arrays)).encode("ascii")
    # Padded, so that the arrays are aligned.
    text = text.ljust(-(-len(text) // HEADER.size) * HEADER.size)
    return [HEADER.pack(len(text)) + text, *arrays]


def decode(message: bytes | bytearray, types: Types = {}) -> Any:  # noqa: B006 - never changed
    """The inverse of `encode`, but that lists come back as tuples and arrays as NumPy arrays.

    Raises `ValueError` for any other bytes, and what the types raise about their values.
    """
    try:
        start = HEADER.size + HEADER.unpack_from(message)[0]
        return _Decoder(message, start, types).value(json.loads(message[HEADER.size : start]))
    except (struct.error, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"no message: {error}") from error


def _packed(value: Any, arrays: list[memoryview]) -> Any:
    if isinstance(value, str):
        # JSON would join two lone surrogates that follow each other; as bytes they stay two.
        return value.encode("utf-8", "surrogatepass").decode("latin-1")
    if isinstance(value, (list, tuple)):
        return [_packed(item, arrays) for item in value]
    if isinstance(value, Mapping):
        return {"dict": {key: _packed(item, arrays) for key, item in value.items()}}
    if isinstance(value, RawArray):
        arrays.append(memoryview(value.data).cast("B"))
        return {"array": [value.code, value.shape, value.fortran, value.axes]}
    if hasattr(value, "__array_interface__"):
        return _packed(RawArray(value.dtype.str, value.shape, value.tobytes()), arrays)
    if is_dataclass(value):
        return {type(value).__name__: {part.name: _packed(getattr(value, part.name), arrays) for part in fields(value)}}
    if isinstance(value, Path):
        return {"path": _packed(str(value), arrays)}
    return {"error": _packed(_error_parts(value), arrays)} if isinstance(value, FAILURES) else value


def _error_parts(error: Failure) -> tuple[object, ...]:
    """An error as plain values, the name of its class first; a text that quotes a file is cut."""
    if isinstance(error, OSError):
        filename = os.fsdecode(error.filename) if isinstance(error.filename, (str, bytes)) else None
        return "OSError", error.errno, error.strerror or str(error), filename
    if isinstance(error, Pyrnn2Hdf5Error):
        return type(error).__name__, str(error)[:MAX_MESSAGE], error.path, error.remedy
    return type(error).__name__, str(error)[:MAX_MESSAGE]


def _error(name: str, *parts: Any) -> Failure:
    if name == "OSError":
        return OSError(*parts)
    if name == "MemoryError":
        return MemoryError(*parts)
    found = getattr(errors, name, None)
    error_type = found if isinstance(found, type) and issubclass(found, Pyrnn2Hdf5Error) else Pyrnn2Hdf5Error
    text, path, remedy = parts
    return error_type(text, path=path, remedy=remedy)


class _Decoder:
    """Walks the JSON as it was written and takes the arrays one after the other."""

    def __init__(self, message: bytes | bytearray, start: int, types: Types) -> None:
        self._message = message
        self._start = start
        self._types = types

    def value(self, packed: Any) -> Any:
        if isinstance(packed, str):
            return packed.encode("latin-1").decode("utf-8", "surrogatepass")
        if isinstance(packed, list):
            return tuple(self.value(item) for item in packed)
        if not isinstance(packed, dict):
            return packed
        ((name, content),) = packed.items()
        if name == "array":
            return self._array(*content)
        if name == "path":
            return Path(self.value(content))
        if name == "error":
            return _error(*self.value(content))
        parts = {key: self.value(item) for key, item in content.items()}
        return parts if name == "dict" else self._types[name](**parts)

    def _array(self, code: str, shape: Sequence[int], fortran: bool, axes: Sequence[int] | None) -> NDArray[Any]:
        import numpy as np

        flat = np.frombuffer(self._message, code, math.prod(shape), self._start)
        self._start += flat.nbytes
        array = flat.reshape(shape, order="F" if fortran else "C")
        return array if axes is None else array.transpose(axes)
