"""The line normalizer of a pyrnn file, and the name of the function that normalized its training text."""

from __future__ import annotations

import math
import re
from typing import Final

from .expected import EXACT_INTEGER, described
from .model import LineNormalizer, Parameter
from .numpy_stubs import ArrayStub
from .stubs import FunctionStub, ObjectStub

CENTER_PARAMETERS: Final = ("target_height", "range", "smoothness", "extra")
"""What a CenterNormalizer is; its other attributes are left over from the last line it measured."""

PARAMETER_NAME: Final = re.compile(r"\w{1,64}", re.ASCII)

MAX_PARAMETERS: Final = 32
MAX_TEXT: Final = 1000


def line_normalizer_of(value: object, notes: list[str]) -> LineNormalizer | None:
    """The line normalizer of a `SeqRecognizer`; one that cannot be kept is left out and added to `notes`."""
    if value is None:
        return None
    if not isinstance(value, ObjectStub) or not type(value).__name__.endswith("Normalizer"):
        notes.append(f"the line normalizer was not kept: expected one of OCRopus, got {described(value)}")
        return None
    kind = type(value).__name__
    names = CENTER_PARAMETERS if kind == "CenterNormalizer" else tuple(value.state)[:MAX_PARAMETERS]
    # Names become names of HDF5 attributes.
    parameters = {name: _parameter(value.get(name)) for name in names if PARAMETER_NAME.fullmatch(name)}
    return LineNormalizer(kind, tuple(sorted((name, p) for name, p in parameters.items() if p is not None)))


def _parameter(value: object) -> Parameter | None:
    if isinstance(value, ArrayStub) and value.values is not None and value.values.shape == ():
        value = value.values.item()
    if type(value) is bytes:
        value = value.decode("latin-1")
    if type(value) is int:
        return value if abs(value) <= EXACT_INTEGER else None
    if type(value) is str:
        # An HDF5 string ends at a NUL.
        return value[:MAX_TEXT] if "\0" not in value else None
    if isinstance(value, (list, tuple)) and 0 < len(value) <= MAX_PARAMETERS and set(map(type, value)) <= {int, float}:
        numbers = tuple(map(float, value)) if max(map(abs, value)) <= EXACT_INTEGER else (math.nan,)
        return numbers if all(map(math.isfinite, numbers)) else None
    if type(value) is float:
        return value if math.isfinite(value) else None
    return value if type(value) is bool else None


def function_name_of(value: object) -> str | None:
    """The full name of a function; None for anything else."""
    if isinstance(value, type) and issubclass(value, FunctionStub):
        return value.path
    return None
