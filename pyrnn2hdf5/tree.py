"""An HDF5 file as plain values, whoever read it: groups with attributes, data sets as arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray


@dataclass(frozen=True)
class Group:
    """A group: its attributes, strings as bytes and numbers as arrays; its members; whether any is packed."""

    attrs: Mapping[str, bytes | NDArray[Any]] = field(default_factory=dict)
    members: Mapping[str, Group | NDArray[Any]] = field(default_factory=dict)
    compressed: bool = False
