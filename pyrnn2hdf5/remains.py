"""What can be read of a pickle that is no model this project converts: its parts, one by one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

from .errors import InvalidModelError
from .expected import integer_of
from .facts import Remains
from .model import MAX_CLASSES, MAX_LABEL
from .normalizer import function_name_of, line_normalizer_of
from .numpy_stubs import ArrayStub
from .source import Limits, open_source
from .stubs import ObjectStub
from .training import training_record
from .unpickle import unpickle

MAX_PARTS: Final = 64
MAX_DEPTH: Final = 8
CHILDREN: Final = ("lstm", "nets", "net")
SHOWN_ARRAYS: Final = ("WGI", "W2")
"""One array of a kind tells the shape of a layer."""


def gather(path: str | os.PathLike[str], limits: Limits) -> Remains:
    """The remains of a pyrnn file. To be run in a bounded child. Raises as `unpickle` does."""
    with open_source(path, limits=limits, ignore_checksum=True) as stream:
        root = unpickle(stream.reader)
    structure = tuple(_structure(root))
    if not isinstance(root, ObjectStub) or type(root).__name__ != "SeqRecognizer":
        return Remains(structure)
    notes: list[str] = []
    return Remains(
        structure=structure,
        No=_number(root.get("No")),
        labels=_labels(root.get("codec")),
        line_normalizer=line_normalizer_of(root.get("lnorm"), notes),
        training=training_record(root, notes),
        normalize=function_name_of(root.get("normalize")),
        notes=tuple(notes),
    )


def _structure(root: object) -> Iterator[str]:
    """The tree of an object by the attributes that hold networks, never deeper or longer than it may be."""
    left = [(0, root)]
    for _ in range(MAX_PARTS):
        if not left:
            return
        depth, value = left.pop()
        if not isinstance(value, ObjectStub):
            yield "  " * depth + ("nothing" if value is None else f"a {type(value).__name__}")
            continue
        arrays = [(name, value.get(name)) for name in SHOWN_ARRAYS]
        shapes = [f"{name} {list(a.shape)}" for name, a in arrays if isinstance(a, ArrayStub) and a.shape is not None]
        yield "  " * depth + " ".join([value.path if depth == 0 else type(value).__name__, *shapes])
        children: list[object] = []
        for name in CHILDREN:
            child = value.get(name)
            children += list(child)[:MAX_PARTS] if isinstance(child, (list, tuple)) else [child] if child else []
        left += [(depth + 1, child) for child in reversed(children) if depth < MAX_DEPTH]
    if left:
        yield "..."


def _number(value: object) -> int | None:
    try:
        return None if value is None else integer_of("", value, 0)
    except InvalidModelError:
        return None


def _labels(codec: object) -> tuple[tuple[int, str], ...] | None:
    table = codec.get("code2char") if isinstance(codec, ObjectStub) else None
    if not isinstance(table, dict) or len(table) > MAX_CLASSES:
        return None
    labels = []
    for key, char in table.items():
        code = _number(key)
        if isinstance(char, bytes):
            # No encoding is known; to guess one would be to invent a character.
            char = char.decode("ascii", "backslashreplace")
        if isinstance(char, str) and code is not None and 0 <= code < MAX_CLASSES:
            labels.append((code, char[:MAX_LABEL]))
    return tuple(sorted(labels))
