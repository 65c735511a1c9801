"""What can be read of a pickle that is no model this project converts, part by part, and what its arrays take.

This runs in the process that reads, without NumPy.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from ..errors import InvalidModelError
from ..limits import MAX_CLASSES, MAX_LABEL
from ..model.shapes import GATES, PEEPHOLES
from .attributes import function_name_of, integer_of, line_normalizer_of, training_logs_of
from .findings import Remains
from .numpy_stubs import ArrayStub
from .stubs import ObjectStub

MAX_PARTS: Final = 64
MAX_DEPTH: Final = 8
CHILDREN: Final = ("lstm", "nets", "net")
SHOWN_ARRAYS: Final = ("WGI", "W2")
"""One array of a kind tells the shape of a layer."""

WEIGHTS: Final = frozenset((*GATES, *PEEPHOLES, "W2"))
DERIVATIVES: Final = frozenset(f"D{weight}" for weight in WEIGHTS)


def salvage(root: object) -> Remains:
    """The remains of what a pickle holds."""
    parts = tuple(structure(root))
    if not isinstance(root, ObjectStub) or type(root).__name__ != "SeqRecognizer":
        return Remains(parts)
    notes: list[str] = []
    return Remains(
        structure=parts,
        No=_number(root.get("No")),
        labels=_labels(root.get("codec")),
        line_normalizer=line_normalizer_of(root.get("lnorm"), notes.append),
        logs=training_logs_of(root, notes.append),
        normalize=function_name_of(root.get("normalize")),
        notes=tuple(notes),
    )


def array_sizes(root: object) -> dict[str, int]:
    """Bytes of the arrays of an object: `weights`, `buffers` and `derivatives`, told by the names of attributes."""
    sizes = {"weights": 0, "buffers": 0, "derivatives": 0}
    left, seen = [root], set[int]()
    while left and len(seen) < MAX_PARTS:
        value = left.pop()
        # A list may hold one list twice, which holds one twice, ...
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, (list, tuple)):
            left += value[:MAX_PARTS]
        elif isinstance(value, ObjectStub):
            for name, attribute in value.state.items():
                if isinstance(attribute, ArrayStub):
                    part = "weights" if name in WEIGHTS else "derivatives" if name in DERIVATIVES else "buffers"
                    sizes[part] += attribute.size
                elif name in CHILDREN:
                    left.append(attribute)
    return sizes


def structure(root: object) -> Iterator[str]:
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
