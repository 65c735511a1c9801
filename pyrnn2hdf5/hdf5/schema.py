"""An HDF5 file as plain values, whoever read it: groups with attributes, data sets as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from numpy.typing import NDArray

from ..errors import Hdf5LayoutError
from ..limits import MAX_BYTES, MAX_CLASSES
from .layout import LAYOUT


@dataclass(frozen=True)
class Group:
    """A group: its attributes, strings as bytes and numbers as arrays; its members; whether any is packed."""

    attrs: Mapping[str, bytes | NDArray[Any]] = field(default_factory=dict)
    members: Mapping[str, Group | NDArray[Any]] = field(default_factory=dict)
    compressed: bool = False


GROUP: Final = "pyrnn2hdf5"

FORMAT_VERSION: Final = 1

MAX_ROWS: Final = 1000
"""Most rows of the training history."""

MAX_COMMAND: Final = 2**16
"""Longest training command in bytes."""

MAX_ATTRIBUTE: Final = 4096
"""Longest string attribute in bytes; a file name has at most 255."""


class Expected(NamedTuple):
    """What a data set must be before it is read: kinds of NumPy types, rank, and most rows."""

    kinds: str
    rank: int
    rows: int


ROOT: Final = {entry.name: Expected("f", 2, MAX_BYTES) for entry in LAYOUT}

EXTRA: Final = {
    "labels": Expected("S", 1, MAX_CLASSES),
    "labels_bytes": Expected("i", 1, MAX_CLASSES),
    "permutation": Expected("i", 1, MAX_CLASSES),
    "commands": Expected("S", 1, MAX_ROWS),
    "commands_bytes": Expected("i", 1, MAX_ROWS),
    "error": Expected("f", 1, MAX_ROWS),
    "character_errors": Expected("i", 2, MAX_ROWS),
}

ATTRIBUTES: Final = (
    *("format_version", "source_name", "source_sha256", "normalize", "line_normalizer"),
    *("last_trial", "lines", "lines_per_point"),
)

PARAMETER: Final = "line_normalizer."

KERAS: Final = frozenset(
    ("keras_version", "model_config", "layer_names", "model_weights", "_layer_checkpoint_dependencies")
)
"""What Keras writes into the root, as attributes and groups; a file of any of its versions has one of them."""


def check_data_set(name: str, dataset: Any, expected: Expected) -> None:
    """Refuse a data set, or an array, by its shape and type alone."""
    if dataset.shape is None or len(dataset.shape) != expected.rank:
        raise Hdf5LayoutError(f"{name}: expected rank {expected.rank}, got shape {dataset.shape}")
    sizes = (4, 8) if expected.kinds == "f" else (1, 2, 4, 8)
    if dataset.dtype.kind not in expected.kinds or (dataset.dtype.itemsize not in sizes and expected.kinds != "S"):
        raise Hdf5LayoutError(f"{name}: expected plain numbers of kind {expected.kinds}, got {dataset.dtype}")
    if dataset.shape[0] > expected.rows:
        raise Hdf5LayoutError(f"{name}: expected at most {expected.rows} rows, got {dataset.shape[0]}")
    if dataset.nbytes > MAX_BYTES:
        raise Hdf5LayoutError(f"{name}: expected at most {MAX_BYTES} bytes, got {dataset.nbytes}")
