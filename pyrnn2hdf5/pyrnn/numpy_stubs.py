"""Inert stand-ins for NumPy's part of a pickle: types, scalars and arrays, without NumPy.

An array keeps the bytes of its items, their type and its shape; the caller's process makes arrays of
the few that are weights.
"""

from __future__ import annotations

import math
import re
import struct
from typing import Any, Final

from ..errors import CorruptPickleError
from ..sandbox.messages import RawArray
from .stubs import InertType, NdarrayType, StubType

MAX_RANK: Final = 32
MAX_SIZE: Final = 2**63

MAX_ITEMS: Final = 2**20
"""Most items of an array that become a list: attributes that are lists as a rule have an array now and then."""

PLAIN_CODE: Final = re.compile(r"([<>=|]?)(b1|[iu][1248]|f[248])")
TEXT_CODE: Final = re.compile(r"([<>=|]?)([SU])([0-9]{1,6})")
OTHER_CODE: Final = re.compile(r"([<>=|]?)([OVMmcfgFDG])([0-9]{0,6})")
"""Objects, structures, dates, complex and long numbers: nothing a recognizer is made of."""

STRUCT_CODES: Final = {
    **{"b1": "?", "i1": "b", "i2": "h", "i4": "i", "i8": "q"},
    **{"u1": "B", "u2": "H", "u4": "I", "u8": "Q", "f2": "e", "f4": "f", "f8": "d"},
}


class DtypeStub(metaclass=StubType):
    """`numpy.dtype`: a plain number type of either byte order, text (for scalars only), or any other.

    Of any other only the name is kept: forks have such values in attributes that do not matter.
    """

    __slots__ = ("code", "order", "unpack")
    code: str
    order: str | None
    """`<` or `>` where this is a type of an array's items; None for text and before the state is set."""

    unpack: Any
    """bytes -> (value,); raises `struct.error` unless the length is right."""

    def __new__(cls, code: object, align: object = False, copy: object = False) -> DtypeStub:
        text = code.decode("latin-1") if type(code) is bytes else code
        if type(text) is not str or not any(map(re.fullmatch, (PLAIN_CODE, TEXT_CODE, OTHER_CODE), (text,) * 3)):
            raise CorruptPickleError(f"numpy.dtype: expected a type of NumPy, got {text!r:.40}")
        stub = object.__new__(cls)
        stub.code = text.lstrip("<>=|")
        stub.order = None
        stub.unpack = None
        if stub.is_other:
            stub.unpack = _nothing
        elif text[0] in "<>":
            stub._set_order(text[0])
        return stub

    @property
    def is_other(self) -> bool:
        """Whether this is neither a plain number type nor text."""
        return not (PLAIN_CODE.fullmatch(self.code) or TEXT_CODE.fullmatch(self.code))

    def __setstate__(self, state: object) -> None:
        if type(state) is not tuple or not 5 <= len(state) <= 9 or state[0] not in (1, 2, 3, 4):
            raise CorruptPickleError(f"numpy.dtype {self.code}: expected a state of 5 to 9 items, version 1 to 4")
        if self.is_other:
            return
        order = state[1].decode("latin-1") if type(state[1]) is bytes else state[1]
        # Items 2 to 4 are sub-array, field names and fields: a structured type.
        if order not in ("<", ">", "|", "=") or any(item is not None for item in state[2:5]):
            raise CorruptPickleError(f"numpy.dtype {self.code}: expected a plain type, got a structured one")
        self._set_order(order)

    def _set_order(self, order: str) -> None:
        order = ">" if order == ">" else "<"
        # Of a single byte the order means nothing.
        if self.unpack is not None and self.order != order and self.code[1:] != "1":
            raise CorruptPickleError(f"numpy.dtype {self.code}: byte order is set twice")
        if self.code in STRUCT_CODES:
            self.order = order
            self.unpack = struct.Struct(order + STRUCT_CODES[self.code]).unpack
        else:
            self.unpack = _TextUnpacker(self.code, order)


def _nothing(data: object) -> tuple[None]:
    """What is kept of a scalar of no plain type."""
    return (None,)


class _TextUnpacker:
    """Unpack one NumPy string scalar: `S<n>` to bytes, `U<n>` (UTF-32) to str."""

    __slots__ = ("encoding", "size")

    def __init__(self, code: str, order: str) -> None:
        wide = code[0] == "U"
        self.size = int(code[1:]) * (4 if wide else 1)
        self.encoding = ("utf-32-be" if order == ">" else "utf-32-le") if wide else None

    def __call__(self, data: bytes) -> tuple[str | bytes]:
        if type(data) is not bytes or len(data) != self.size:
            raise CorruptPickleError(f"NumPy string: expected {self.size} bytes")
        if self.encoding is None:
            return (data.rstrip(b"\0"),)
        return (data.decode(self.encoding, "surrogatepass").rstrip("\0"),)


class ScalarStub(metaclass=StubType):
    """`numpy.core.multiarray.scalar(dtype, data)`: becomes the plain Python value."""

    def __new__(cls, dtype: Any, data: Any) -> Any:
        # The one hot line of a load: a long training history holds millions of scalars.
        return dtype.unpack(data)[0]


class ArrayStub(metaclass=StubType):
    """An array: its shape, and its items unless the last of them is NaN.

    Called as `numpy.core.multiarray._reconstruct(numpy.ndarray, (0,), "b")`, then given its state.
    Scratch buffers are filled with NaN and no weight may be, so such bytes are dropped at once.
    """

    __slots__ = ("code", "nan_at", "raw", "shape", "size")
    shape: tuple[int, ...] | None
    raw: RawArray | None
    """The items; None where the last of them is NaN or they are no numbers."""

    code: str
    """The type of the items as NumPy spells it, without its byte order."""

    size: int
    """Bytes of the items."""

    nan_at: tuple[int, ...] | None
    """Index of the first NaN like the last item, where that is one."""

    def __new__(cls, kind: object, shape: object, code: object) -> Any:
        if isinstance(kind, InertType):
            # A kind of array of which only the name is kept.
            return kind(shape, code)
        if kind is not NdarrayType or shape != (0,) or code not in (b"b", "b"):
            raise CorruptPickleError("numpy _reconstruct: expected numpy.ndarray, (0,), 'b'")
        stub = object.__new__(cls)
        stub.shape = stub.raw = stub.nan_at = None
        stub.code, stub.size = "", 0
        return stub

    def __setstate__(self, state: object) -> None:
        # (version, shape, dtype, is_fortran, data); the oldest NumPy left out the version.
        if type(state) is not tuple or len(state) not in (4, 5) or state[:-4] not in ((), (1,)):
            raise CorruptPickleError("numpy.ndarray: expected a state of 5 items, version 1")
        shape, dtype, fortran, data = state[-4:]
        if fortran not in (True, False):
            raise CorruptPickleError("numpy.ndarray: expected an order flag")
        self._fill(shape, dtype, data, fortran=bool(fortran))

    def _fill(
        self, shape: object, dtype: object, data: object, *, fortran: bool, axes: tuple[int, ...] | None = None
    ) -> None:
        if self.shape is not None:
            raise CorruptPickleError("numpy.ndarray: state is set twice")
        if (
            type(shape) is not tuple
            or len(shape) > MAX_RANK
            or not all(type(n) is int and 0 <= n < MAX_SIZE for n in shape)
        ):
            raise CorruptPickleError("numpy.ndarray: expected a tuple of sizes as shape")
        if type(dtype) is not DtypeStub or dtype.unpack is None:
            raise CorruptPickleError("numpy.ndarray: expected a type of NumPy")
        self.code = dtype.code
        if dtype.order is None:
            # No numbers, so no weight: nothing of it is looked at or kept.
            self.shape = shape
            return
        if type(data) is not bytes and type(data) is not bytearray:
            raise CorruptPickleError(f"numpy.ndarray: expected bytes as data, got {type(data).__name__}")
        item = int(dtype.code[1:])
        expected = math.prod(shape) * item
        if len(data) != expected:
            raise CorruptPickleError(f"numpy.ndarray of shape {shape}: expected {expected} bytes, got {len(data)}")
        self.shape = shape if axes is None else tuple(shape[axis] for axis in axes)
        self.size = expected
        if dtype.code[0] == "f" and data:
            (last,) = dtype.unpack(data[-item:])
            if math.isnan(last):
                self.nan_at = _index(_find_item(data, item), shape, axes, fortran=fortran)
                return
        self.raw = RawArray(dtype.order + dtype.code, shape, data, fortran, axes)

    def tolist(self) -> Any:
        """The items as numbers in nested lists, a number alone for an array of no axes.

        None where they are no numbers, too many, of more than two axes, or where one is NaN.
        """
        raw = self.raw
        if raw is None or raw.axes is not None or len(raw.shape) > 2 or len(raw.data) > MAX_ITEMS * 8:
            return None
        items = struct.unpack(f"{raw.code[0]}{math.prod(raw.shape)}{STRUCT_CODES[raw.code[1:]]}", raw.data)
        if any(item != item for item in items):
            return None
        if len(raw.shape) < 2:
            return list(items) if raw.shape else items[0]
        rows, columns = raw.shape
        if raw.fortran:
            return [list(items[row::rows]) for row in range(rows)]
        return [list(items[row * columns : (row + 1) * columns]) for row in range(rows)]


def _find_item(data: bytes | bytearray, item: int) -> int:
    """Which item is the first that equals the last one, bit for bit."""
    last = data[-item:]
    at = data.find(last)
    while at % item:
        at = data.find(last, at + 1)
    return at // item


def _index(item: int, shape: tuple[int, ...], axes: tuple[int, ...] | None, *, fortran: bool) -> tuple[int, ...]:
    """The index of an item by its place in the data."""
    index = []
    for size in shape if fortran else reversed(shape):
        item, place = divmod(item, size)
        index.append(place)
    found = index if fortran else index[::-1]
    return tuple(found if axes is None else [found[axis] for axis in axes])


class FromBufferStub(metaclass=StubType):
    """`numpy.core.numeric._frombuffer(data, dtype, shape, order)`: arrays of protocol 5."""

    def __new__(cls, data: object, dtype: object, shape: object, order: object, axes: object = None) -> Any:
        if order not in ("C", "F", "K") or (order == "K") != (axes is not None):
            raise CorruptPickleError("numpy _frombuffer: expected 'C' or 'F' as order")
        rank = len(shape) if type(shape) is tuple else 0
        if axes is not None and (type(axes) is not tuple or sorted(map(repr, axes)) != sorted(map(repr, range(rank)))):
            raise CorruptPickleError("numpy _frombuffer: expected a permutation of the axes")
        stub = ArrayStub(NdarrayType, (0,), b"b")
        stub._fill(shape, dtype, data, fortran=order == "F", axes=axes)
        return stub
