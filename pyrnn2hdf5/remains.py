"""What can be read of a pickle that is no model this project converts: its parts, one by one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from .errors import InvalidModelError
from .model import MAX_CLASSES, MAX_LABEL, LineNormalizer, TrainingRecord
from .pyrnn import function_name_of, integer_of, line_normalizer_of
from .source import Limits, open_source
from .stubs import ArrayStub, ObjectStub
from .training import training_record
from .unpickle import unpickle

MAX_PARTS: Final = 64
MAX_DEPTH: Final = 8
CHILDREN: Final = ("lstm", "nets", "net")
SHOWN_ARRAYS: Final = ("WGI", "W2")
"""One array of a kind tells the shape of a layer."""


@dataclass(frozen=True)
class Remains:
    """Parts of an object that is no convertible model; None or empty where they could not be read.

    `structure` is the tree of its parts, an indented line a part; `labels` are (code, label).
    """

    structure: tuple[str, ...] = ()
    Ni: int | None = None
    No: int | None = None
    labels: tuple[tuple[int, str], ...] | None = None
    line_normalizer: LineNormalizer | None = None
    training: TrainingRecord | None = None
    normalize: str | None = None
    notes: tuple[str, ...] = ()


def gather(path: str | os.PathLike[str], limits: Limits) -> dict[str, Any]:
    """The remains of a pyrnn file in terms of JSON, for `remains_of`. To be run in a bounded child.

    Raises as `unpickle` does.
    """
    with open_source(path, limits=limits, ignore_checksum=True) as stream:
        root = unpickle(stream.reader)
    found: dict[str, Any] = {"structure": tuple(_structure(root))}
    if not isinstance(root, ObjectStub) or type(root).__name__ != "SeqRecognizer":
        return found
    notes: list[str] = []
    normalizer = line_normalizer_of(root.get("lnorm"), notes)
    training = vars(training_record(root, notes))
    return found | {
        "Ni": _number(root.get("Ni")),
        "No": _number(root.get("No")),
        "labels": _labels(root.get("codec")),
        "line_normalizer": [normalizer.kind, normalizer.parameters] if normalizer else None,
        "training": {
            key: value.tolist() if isinstance(value, np.ndarray) else value for key, value in training.items()
        },
        "normalize": function_name_of(root.get("normalize")),
        "notes": tuple(notes),
    }


def remains_of(found: dict[str, Any]) -> Remains:
    """The inverse of what `gather` and JSON did to the parts."""
    labels, normalizer, training = (found.get(name) for name in ("labels", "line_normalizer", "training"))
    record = None
    if training:
        errors = np.array(training["character_errors"], np.int64).reshape(-1, 2)
        arrays = {"error": np.array(training["error"], np.float64), "character_errors": errors}
        record = TrainingRecord(**(training | arrays | {"commands": tuple(training["commands"])}))
    if normalizer:
        kind, parameters = normalizer
        parameters = tuple((name, tuple(v) if isinstance(v, list) else v) for name, v in parameters)
        normalizer = LineNormalizer(kind, parameters)
    return Remains(
        structure=tuple(found["structure"]),
        Ni=found.get("Ni"),
        No=found.get("No"),
        labels=None if labels is None else tuple((code, label) for code, label in labels),
        line_normalizer=normalizer,
        training=record,
        normalize=found.get("normalize"),
        notes=tuple(found.get("notes", ())),
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


def _labels(codec: object) -> list[tuple[int, str]] | None:
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
    return sorted(labels)
