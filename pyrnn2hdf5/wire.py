"""Frozen values as bytes, for the way from a child process to its parent: JSON, then raw arrays, never a pickle.

What comes out is built of the types in `TYPES` only, each of which checks itself.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .facts import Global, Remains, Scan
from .lstm import LSTM, Network, Softmax
from .model import Codec, LineNormalizer, Model, Source, TrainingRecord
from .source import SourceFacts
from .stored import Stored

TYPES: Final[dict[str, Any]] = {
    value.__name__: value
    for value in (
        *(Model, Network, LSTM, Softmax, Codec, LineNormalizer, TrainingRecord, Source, SourceFacts, Stored),
        *(Global, Scan, Remains),
    )
}
HEADER: Final = struct.Struct("<Q")


def encode(value: object) -> bytes:
    """One message: the length of its JSON, the JSON, and the arrays in the order in which it names them."""
    arrays: list[NDArray[Any]] = []
    text = json.dumps(_packed(value, arrays)).encode("ascii")
    # Padded, so that the arrays are aligned.
    text = text.ljust(-(-len(text) // HEADER.size) * HEADER.size)
    return b"".join((HEADER.pack(len(text)), text, *(array.data for array in arrays)))


def decode(message: bytes | bytearray) -> Any:
    """The inverse of `encode`, but for lists, which come back as tuples. Raises `ValueError` for any other bytes."""
    try:
        start = HEADER.size + HEADER.unpack_from(message)[0]
        return _Decoder(message, start).value(json.loads(message[HEADER.size : start]))
    except (struct.error, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
        raise ValueError(f"no message: {error}") from error


def _packed(value: Any, arrays: list[NDArray[Any]]) -> Any:
    if isinstance(value, str):
        # JSON would join two lone surrogates that follow each other; as bytes they stay two.
        return value.encode("utf-8", "surrogatepass").decode("latin-1")
    if isinstance(value, (list, tuple)):
        return [_packed(item, arrays) for item in value]
    if isinstance(value, Mapping):
        return {"dict": {key: _packed(item, arrays) for key, item in value.items()}}
    if isinstance(value, np.ndarray):
        arrays.append(np.ascontiguousarray(value))
        return {"array": [value.dtype.str, value.shape]}
    if is_dataclass(value):
        return {type(value).__name__: {part.name: _packed(getattr(value, part.name), arrays) for part in fields(value)}}
    return value


class _Decoder:
    """Walks the JSON as it was written and takes the arrays one after the other."""

    def __init__(self, message: bytes | bytearray, start: int) -> None:
        self._message = message
        self._start = start

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
        parts = {key: self.value(item) for key, item in content.items()}
        return parts if name == "dict" else TYPES[name](**parts)

    def _array(self, dtype: str, shape: list[int]) -> NDArray[Any]:
        count = int(np.prod(shape, dtype=np.int64))
        array = np.frombuffer(self._message, dtype, count, self._start).reshape(shape)
        self._start += array.nbytes
        return array
