"""Attributes of stubs as plain values: integers, labels, the line normalizer, the training logs.

What is wrong with what a model needs is an error; what else cannot be kept is left out, and told in a sentence.
"""

from __future__ import annotations

import contextlib
import itertools
import math
import re
import sys
from array import array
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeGuard

from ..errors import InvalidModelError, UnsupportedModelError
from ..limits import MAX_CLASSES, MAX_LOG, MAX_PARAMETERS
from ..model.shapes import EXACT_INTEGER, check_classes
from ..sandbox.messages import RawArray
from .numpy_stubs import ArrayStub
from .stubs import FunctionStub, InertType, ObjectStub, StubType

CENTER_PARAMETERS: Final = ("target_height", "range", "smoothness", "extra")
"""What a CenterNormalizer is; its other attributes are left over from the last line it measured."""

PARAMETER_NAME: Final = re.compile(r"\w{1,64}", re.ASCII)
MAX_PARAMETER_TEXT: Final = 1000

MAX_COMMANDS: Final = 1000
MAX_COMMAND_TEXT: Final = 1000

ORDER: Final = "<" if sys.byteorder == "little" else ">"

Tell = Callable[[str], object]
"""Is told in a sentence what was not kept."""


def described(value: object) -> str:
    """A value of a stub graph in words, for a message."""
    if isinstance(value, ObjectStub):
        return value.path
    if isinstance(value, ArrayStub):
        return "an array"
    if isinstance(value, InertType):
        return f"{value.path}, which is kept by name only"
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


def listed(value: object) -> Any:
    """Lists and numbers, also where the file has an array of them."""
    found = value.tolist() if isinstance(value, ArrayStub) else None
    return value if found is None else found


def integer_of(name: str, value: object, default: int) -> int:
    """A Python int, also where the file has a NumPy integer or an array of one; `default` for None."""
    if value is None:
        return default
    number = listed(value)
    if type(number) is not int or abs(number) > EXACT_INTEGER:
        raise InvalidModelError(f"{name}: expected an integer, got {described(value)}")
    return number


def labels_of(value: object, No: int, encoding: str | None) -> tuple[str | None, ...] | None:
    """The labels of the codec of a network with `No` classes, by code; None where it has no codec.

    Raises `UnsupportedModelError` or `InvalidModelError` where it is no such codec.
    """
    check_classes(No)
    if value is None:
        return None
    codec = part_of("codec", value, "Codec")
    table = codec.get("code2char")
    if not isinstance(table, dict):
        raise InvalidModelError(f"codec code2char: expected a dict, got {described(table)}")
    if len(table) > MAX_CLASSES:
        raise InvalidModelError(f"codec: expected at most {MAX_CLASSES} codes, got {len(table)}")
    if len(table) > No:
        raise InvalidModelError(f"codec: expected {No} codes as the network has classes, got {len(table)}")
    labels: list[str | None] = [None] * No
    for key, char in table.items():
        code = integer_of("codec code", key, -1)
        if not 0 <= code < No:
            raise InvalidModelError(f"codec: expected codes 0 to {No - 1}, got {code}")
        if labels[code] is not None:
            raise InvalidModelError(f"codec: code {code} occurs twice")
        try:
            labels[code] = _label(code, char, encoding)
        except UnicodeError:
            # A Python 2 str has no encoding; to guess one would be to invent a character.
            wanted, got = (encoding, "other bytes") if encoding else ("Unicode or ASCII", "bytes of unknown encoding")
            hint = "; all labels are valid UTF-8" if _are_utf8(table.values()) else ""
            raise InvalidModelError(
                f"codec label {code}: expected {wanted}, got {got} {char[:20]!r}{hint}", remedy="label_encoding"
            ) from None
    return tuple(labels)


def _label(code: int, char: object, encoding: str | None) -> str:
    if type(char) is str:
        return char
    if type(char) is not bytes:
        raise InvalidModelError(f"codec label {code}: expected a string, got {described(char)}")
    return char.decode(encoding or "ascii")


def _are_utf8(labels: Iterable[object]) -> bool:
    """Whether all that are bytes are UTF-8."""
    try:
        return all(label.decode("utf-8") is not None for label in labels if type(label) is bytes)
    except UnicodeError:
        return False


def line_normalizer_of(value: object, tell: Tell) -> tuple[str, tuple[tuple[str, Any], ...]] | None:
    """Class and parameters of the line normalizer of a `SeqRecognizer`, sorted by name."""
    if value is None:
        return None
    if not isinstance(value, ObjectStub) or not type(value).__name__.endswith("Normalizer"):
        tell(f"the line normalizer was not kept: expected one of OCRopus, got {described(value)}")
        return None
    kind = type(value).__name__
    names = CENTER_PARAMETERS if kind == "CenterNormalizer" else tuple(value.state)[:MAX_PARAMETERS]
    # Names become names of HDF5 attributes.
    parameters = {name: _parameter(value.get(name)) for name in names if PARAMETER_NAME.fullmatch(name)}
    return kind, tuple(sorted((name, p) for name, p in parameters.items() if p is not None))


def _parameter(value: object) -> Any:
    """A number, a text, a truth value, or a tuple of finite floats; None for anything else."""
    if isinstance(value, ArrayStub) and value.shape == ():
        value = value.tolist()
    if type(value) is bytes:
        value = value.decode("latin-1")
    if type(value) is int:
        return value if abs(value) <= EXACT_INTEGER else None
    if type(value) is str:
        # An HDF5 string ends at a NUL.
        return value[:MAX_PARAMETER_TEXT] if "\0" not in value else None
    if isinstance(value, (list, tuple)) and 0 < len(value) <= MAX_PARAMETERS and set(map(type, value)) <= {int, float}:
        numbers = tuple(map(float, value)) if max(map(abs, value)) <= EXACT_INTEGER else (math.nan,)
        return numbers if all(map(math.isfinite, numbers)) else None
    if type(value) is float:
        return value if math.isfinite(value) else None
    return value if type(value) is bool else None


def function_name_of(value: object) -> str | None:
    """The full name of a function; None for anything else."""
    if isinstance(value, InertType):
        # What a call of it would give has no name.
        return value.path if value.result else None
    return value.path if isinstance(value, type) and issubclass(value, FunctionStub) else None


def training_logs_of(recognizer: ObjectStub, tell: Tell) -> dict[str, Any]:
    """The training history of a `SeqRecognizer`.

    `last_trial` is an int or None, `commands` a tuple of texts, `error` float64 (lines,), the error of each
    line, `character_errors` int64 (lines, 2), (errors, length) of each line.
    """
    last_trial = listed(recognizer.get("last_trial"))
    return {
        "last_trial": last_trial if type(last_trial) is int and abs(last_trial) <= EXACT_INTEGER else None,
        "error": _error_log(listed(recognizer.get("error_log")), tell),
        "character_errors": _character_error_log(listed(recognizer.get("cerror_log")), tell),
        "commands": _commands(recognizer.get("command_log"), tell),
    }


def _error_log(log: object, tell: Tell) -> RawArray:
    found = array("d")
    # Types are looked at first: whatever else is in it may nest without end.
    if _is_list(log, "error_log", tell) and set(map(type, log)) <= {float, int}:
        with contextlib.suppress(OverflowError):
            found = array("d", log)
            log = None
    if log is not None:
        tell("error_log was not kept: expected a list of numbers")
    return RawArray(f"{ORDER}f8", (len(found),), memoryview(found))


def _character_error_log(log: object, tell: Tell) -> RawArray:
    found = array("q")
    if _is_list(log, "cerror_log", tell) and set(map(type, log)) <= {tuple, list} and set(map(len, log)) <= {2}:
        flat = list(itertools.chain.from_iterable(log))
        if set(map(type, flat)) <= {int} and all(
            0 <= number < 2**31 for number in (min(flat, default=0), max(flat, default=0))
        ):
            found = array("q", flat)
            log = None
    if log is not None:
        tell("cerror_log was not kept: expected a list of (errors, length)")
    return RawArray(f"{ORDER}i8", (len(found) // 2, 2), memoryview(found))


def _is_list(log: object, name: str, tell: Tell) -> TypeGuard[list[Any] | tuple[Any, ...]]:
    if isinstance(log, (list, tuple)) and len(log) > MAX_LOG:
        tell(f"{name}: expected at most {MAX_LOG} lines, got {len(log)}")
        return False
    return isinstance(log, (list, tuple))


def _commands(log: object, tell: Tell) -> tuple[str, ...]:
    if log is None:
        return ()
    entries = list(log) if isinstance(log, (list, tuple)) else [None]
    commands = []
    for entry in entries[:MAX_COMMANDS]:
        words = entry if isinstance(entry, (list, tuple)) else [entry]
        if not set(map(type, words[:MAX_COMMAND_TEXT])) <= {str, bytes}:
            tell("command_log was not kept: expected a list of strings")
            return ()
        commands.append(" ".join(map(_text, words[:MAX_COMMAND_TEXT]))[:MAX_COMMAND_TEXT])
    if len(entries) > MAX_COMMANDS:
        tell(f"command_log: the first {MAX_COMMANDS} of {len(entries)} commands were kept")
    return tuple(commands)


def _text(word: str | bytes) -> str:
    return word.decode("utf-8", "backslashreplace") if isinstance(word, bytes) else word
