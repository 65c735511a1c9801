"""The tree of an HDF5 file becomes a `Stored`: every name, type, shape and length is checked here.

FORMAT.md specifies what is read. Whatever is wrong is a `Hdf5LayoutError`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import Hdf5LayoutError
from ..limits import MAX_BYTES, MAX_CLASSES, MAX_LABEL, MAX_LABEL_TEXT, MAX_PARAMETERS
from ..model.compatibility import kraken_labels
from ..model.model import LineNormalizer, Parameter, Source, TrainingRecord
from .layout import KIND, KIND_EXT, LAYOUT, Stored
from .schema import (
    EXTRA,
    FORMAT_VERSION,
    GROUP,
    KERAS,
    MAX_ATTRIBUTE,
    MAX_COMMAND,
    PARAMETER,
    ROOT,
    Expected,
    Group,
    check_data_set,
)


def stored_of(root: Group) -> Stored:
    """The stored form of the model in a file."""
    kind = _string(root, "kind")
    if kind not in (KIND, KIND_EXT):
        raise Hdf5LayoutError(f"kind: expected {KIND} or {KIND_EXT}, got {_other_kind(root, kind)}")
    data = {name: _data_set(root, name, expected) for name, expected in ROOT.items()}
    Ns, Na = data[LAYOUT[0].name].shape
    No = len(data["codec"])
    sizes = {"Ns": Ns, "Na": Na, "No": No, "1": 1, "2*Ns": 2 * Ns}
    if not (Ns >= 1 and Na > 1 + Ns and 1 <= No <= MAX_CLASSES):
        raise Hdf5LayoutError(f"shapes: expected Ns >= 1, Na > 1 + Ns and 1 to {MAX_CLASSES} classes, got {sizes}")
    for entry in LAYOUT:
        shape = tuple(sizes[symbol] for symbol in entry.shape)
        if data[entry.name].shape != shape:
            raise Hdf5LayoutError(f"{entry.name}: expected shape {shape}, got {data[entry.name].shape}")
    total = sum(values.nbytes for values in data.values())
    if total > MAX_BYTES:
        raise Hdf5LayoutError(f"data sets: expected at most {MAX_BYTES} bytes, got {total}")
    points = data["codec"][:, 0]
    with np.errstate(invalid="ignore"):
        whole = (points >= 0) & (points <= 0x10FFFF) & (points == np.floor(points))
    if not np.all(whole):
        raise Hdf5LayoutError("codec: expected code points, got other numbers")
    stored = Stored(kind=kind, data=data, compressed=root.compressed)
    extra = _extra(root)
    return stored if extra is None else _with_extra(stored, extra)


def _other_kind(root: Group, kind: str | None) -> str:
    """In words what a file is whose kind is not ours."""
    if kind is None and KERAS & (root.attrs.keys() | root.members.keys()):
        return "a Keras file"
    codec = root.members.get("codec")
    if kind is None and isinstance(codec, np.ndarray) and np.array_equal(codec.ravel(), np.arange(codec.size)):
        return "None; the codec holds codes instead of characters, as ocracy wrote it: convert the pyrnn again"
    return f"{kind!r:.60}"


def source_of(root: Group) -> Source | None:
    """Which source a file records; None where it records none."""
    extra = _extra(root)
    return None if extra is None else _source(extra)


def _extra(root: Group) -> Group | None:
    """The subgroup of this project, None where there is none."""
    extra = root.members.get(GROUP)
    if extra is not None and not isinstance(extra, Group):
        raise Hdf5LayoutError(f"{GROUP}: expected a group")
    return extra


def _data_set(group: Group, name: str, expected: Expected) -> NDArray[Any]:
    dataset = group.members.get(name)
    if not isinstance(dataset, np.ndarray):
        raise Hdf5LayoutError(f"{name}: expected a data set, got {type(dataset).__name__ if dataset else 'nothing'}")
    check_data_set(name, dataset, expected)
    return dataset


def _with_extra(root: Stored, group: Group) -> Stored:
    version = _integer(group, "format_version")
    if version is None or not 1 <= version <= FORMAT_VERSION:
        raise Hdf5LayoutError(f"format_version: expected 1 to {FORMAT_VERSION}, got {version}")
    No = len(root.data["codec"])
    labels = _strings(group, "labels", MAX_LABEL * 4, MAX_LABEL_TEXT * 4)
    if labels is not None and len(labels) != No:
        raise Hdf5LayoutError(f"labels: expected {No}, got {len(labels)}")
    if labels is not None and root.kind == KIND and labels != kraken_labels(root.data["codec"]):
        raise Hdf5LayoutError("labels: expected those that kraken reads from the codec, got others")
    permutation = None
    if "permutation" in group.members:
        permutation = tuple(_data_set(group, "permutation", EXTRA["permutation"]).tolist())
        if sorted(permutation) != list(range(No)):
            raise Hdf5LayoutError(f"permutation: expected the numbers 0 to {No - 1}, each once")
    return replace(
        root,
        labels=labels,
        permutation=permutation,
        line_normalizer=_line_normalizer(group),
        training=_training(group),
        normalize=_string(group, "normalize"),
        source=_source(group),
    )


def _source(group: Group) -> Source | None:
    name, sha256 = _string(group, "source_name"), _string(group, "source_sha256")
    return None if name is None or sha256 is None else Source(name, sha256)


def _line_normalizer(group: Group) -> LineNormalizer | None:
    kind = _string(group, "line_normalizer")
    if kind is None:
        return None
    keys = [key for key in sorted(group.attrs) if key.startswith(PARAMETER) and key != PARAMETER]
    if len(keys) > MAX_PARAMETERS:
        raise Hdf5LayoutError(f"line_normalizer: expected at most {MAX_PARAMETERS} parameters, got {len(keys)}")
    parameters = [
        (
            key.removeprefix(PARAMETER),
            _string(group, key) or "" if isinstance(group.attrs[key], bytes) else _number(group, key),
        )
        for key in keys
    ]
    return LineNormalizer(kind, tuple(parameters))


def _training(group: Group) -> TrainingRecord | None:
    lines, lines_per_point = _integer(group, "lines"), _integer(group, "lines_per_point")
    if lines is None:
        return None
    for name, count, least in (("lines", lines, 0), ("lines_per_point", lines_per_point, 1)):
        if count is not None and count < least:
            raise Hdf5LayoutError(f"{name}: expected at least {least}, got {count}")
    error, errors = np.empty(0), np.empty((0, 2), np.int64)
    if "error" in group.members:
        error = _data_set(group, "error", EXTRA["error"])
    if "character_errors" in group.members:
        errors = _data_set(group, "character_errors", EXTRA["character_errors"])
        if errors.shape[1] != 2:
            raise Hdf5LayoutError(f"character_errors: expected shape (n, 2), got {errors.shape}")
    commands = _strings(group, "commands", MAX_COMMAND, MAX_BYTES) or ()
    return TrainingRecord(
        last_trial=_integer(group, "last_trial"),
        commands=tuple(command or "" for command in commands),
        lines=lines,
        lines_per_point=lines_per_point or 1,
        error=error,
        character_errors=errors,
    )


def _number(group: Group, name: str) -> Parameter:
    value = group.attrs[name]
    if isinstance(value, bytes) or value.ndim > 1:
        got = "a string" if isinstance(value, bytes) else f"an array of shape {value.shape}"
        raise Hdf5LayoutError(f"{name}: expected numbers, got {got}")
    if value.size > MAX_PARAMETERS:
        raise Hdf5LayoutError(f"{name}: expected at most {MAX_PARAMETERS} numbers, got {value.size}")
    numbers = value.tolist()
    return tuple(numbers) if value.ndim else numbers


def _integer(group: Group, name: str) -> int | None:
    if name not in group.attrs:
        return None
    value = _number(group, name)
    if type(value) is not int:
        raise Hdf5LayoutError(f"{name}: expected an integer, got {value}")
    return value


def _string(group: Group, name: str) -> str | None:
    data = group.attrs.get(name)
    if data is None:
        return None
    if not isinstance(data, bytes):
        raise Hdf5LayoutError(f"{name}: expected one string, got {data.dtype} of shape {data.shape}")
    if len(data) > MAX_ATTRIBUTE:
        raise Hdf5LayoutError(f"{name}: expected a string of at most {MAX_ATTRIBUTE} bytes, got {len(data)}")
    return data.decode("utf-8", "surrogatepass")


def _strings(group: Group, name: str, longest: int, most: int) -> tuple[str | None, ...] | None:
    if name not in group.members:
        return None
    texts = _data_set(group, name, EXTRA[name])
    lengths = _data_set(group, f"{name}_bytes", EXTRA[f"{name}_bytes"])
    size = texts.dtype.itemsize
    if size > longest or texts.shape != lengths.shape:
        raise Hdf5LayoutError(f"{name}: expected strings of at most {longest} bytes and a length for each")
    counts = lengths.tolist()
    if not all(-1 <= count <= size for count in counts):
        raise Hdf5LayoutError(f"{name}_bytes: expected lengths of -1 to {size}")
    total = sum(count for count in counts if count > 0)
    if total > most:
        raise Hdf5LayoutError(f"{name}: expected at most {most} bytes in all, got {total}")
    # Trailing NULs are lost in the padding, so the length gives them back.
    return tuple(
        None if count < 0 else data.ljust(count, b"\0")[:count].decode("utf-8", "surrogatepass")
        for data, count in zip(texts.tolist(), counts, strict=True)
    )
