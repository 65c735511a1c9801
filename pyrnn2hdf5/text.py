"""Text from a file made visible; sizes and errors in words."""

from __future__ import annotations

import unicodedata
from typing import Final

from .errors import Pyrnn2Hdf5Error
from .limits import MAX_TEXT

UNSAFE_CATEGORIES: Final = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Control, format (bidirectional overrides among them) and surrogate characters, line separators."""


def visible(text: object, limit: int = MAX_TEXT) -> str:
    """Text with every character that could steer a terminal spelled out, cut after `limit`."""
    shown = str(text)
    cut = f"... ({len(shown) - limit} more)" if len(shown) > limit else ""
    shown = shown[:limit]
    # What Python counts as printable needs no second look.
    return (shown if shown.isprintable() else "".join(map(_visible, shown))) + cut


def _visible(char: str) -> str:
    code = ord(char)
    # U+FFFE and its like are no characters, and XML may not hold them.
    if unicodedata.category(char) not in UNSAFE_CATEGORIES and code & 0xFFFE != 0xFFFE:
        return char
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def shorten(text: str, limit: int = 60) -> str:
    """The `repr` of a text, cut after `limit` characters."""
    shown = repr(text[: limit + 1])
    return shown if len(shown) <= limit else f"{shown[:limit]}..."


def format_size(count: int) -> str:
    """A number of bytes for people: `2.8 MiB`."""
    value = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if value < 1024:
            return f"{count} bytes" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def describe_error(error: BaseException, source: object = None) -> str:
    """An error in one line; of an `OSError` its text, and its path unless that is `source`."""
    if isinstance(error, OSError) and error.strerror:
        elsewhere = error.filename and str(error.filename) != str(source)
        return f"{error.strerror}: {error.filename}" if elsewhere else error.strerror
    return str(error) or type(error).__name__


def remedy_of(error: BaseException) -> str | None:
    """The argument that gets past an error, `allow_globals=MODULE.NAME` with its value; None where nothing does."""
    if isinstance(error, Pyrnn2Hdf5Error):
        return error.remedy
    # Of those that the system raises, time for a reader or for a model did not run out.
    return "timeout" if isinstance(error, TimeoutError) and not error.errno else None
