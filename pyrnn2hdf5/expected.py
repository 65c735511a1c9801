"""What a stub graph has at a place, against what is expected there."""

from __future__ import annotations

from typing import Final

from .errors import InvalidModelError, UnsupportedModelError
from .numpy_stubs import ArrayStub
from .stubs import ObjectStub, StubType

EXACT_INTEGER: Final = 2**53
"""Integers up to here are exact in float64."""


def described(value: object) -> str:
    """A value of a stub graph in words, for a message."""
    if isinstance(value, ObjectStub):
        return value.path
    if isinstance(value, ArrayStub):
        return "an array"
    if isinstance(value, StubType):
        return f"the name {getattr(value, 'path', value.__name__)}"
    return "nothing" if value is None else f"a {type(value).__name__}"


def class_name(value: object) -> str:
    """The class of an object of OCRopus, any other value in words."""
    return type(value).__name__ if isinstance(value, ObjectStub) else described(value)


def part_of(name: str, value: object, kind: str) -> ObjectStub:
    """`value`, if it is an object of the class `kind`. Raises `UnsupportedModelError` for any other."""
    if isinstance(value, ObjectStub) and type(value).__name__ == kind:
        return value
    raise UnsupportedModelError(f"{name}: expected {kind}, got {described(value)}")


def integer_of(name: str, value: object, default: int) -> int:
    """A Python int, also where the file has a NumPy integer or an array of one; `default` for None."""
    if value is None:
        return default
    if isinstance(value, ArrayStub) and value.values is not None and value.values.shape == ():
        value = value.values.item()
    if type(value) is not int or abs(value) > EXACT_INTEGER:
        raise InvalidModelError(f"{name}: expected an integer, got {described(value)}")
    return value
