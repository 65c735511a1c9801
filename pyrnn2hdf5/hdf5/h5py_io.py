"""The HDF5 library: a model is written to bytes, a file is read to a tree. The only module that imports h5py.

A file from elsewhere can make the library loop or crash, so `load` lets it read such a file in a
bounded child only. Every link, type, size and storage is looked at before any data is read, and only
what FORMAT.md names.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence
from typing import IO, Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from ..errors import Hdf5LayoutError
from ..limits import MAX_BYTES
from .layout import LAYOUT, Stored
from .schema import ATTRIBUTES, EXTRA, FORMAT_VERSION, GROUP, KERAS, PARAMETER, ROOT, Expected, Group, check_data_set

LIBVER: Final = ("earliest", "v108")
"""Bounds on the HDF5 file format, so that HDF5 1.8 reads what any later version wrote."""

FILTERS: Final = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}


def to_hdf5(stored: Stored) -> bytes:
    """The HDF5 file of a stored model. No time, host or path gets into it."""
    # Built in memory, so that a full disk is met by one plain write, not inside HDF5. To the library it is open
    # under its name, which another thread must not use; the name is not in the file.
    with h5py.File(
        f"model-{threading.get_ident()}.hdf5", "w", driver="core", backing_store=False, libver=LIBVER
    ) as file:
        file.attrs.create("kind", stored.kind, dtype=h5py.string_dtype("ascii"))
        for entry in LAYOUT:
            values = stored.data[entry.name]
            # Of a single column the index of the chunk costs more than packing saves.
            packed = stored.compressed and entry.shape[1] != "1"
            options = {"compression": "gzip", "compression_opts": 9, "shuffle": True, "chunks": values.shape}
            file.create_dataset(entry.name, data=values, **(options if packed else {}))
        _write_extra(stored, file.create_group(GROUP))
        file.flush()
        image: bytes = file.id.get_file_image()
    return image


def _write_extra(stored: Stored, group: Any) -> None:
    group.attrs["format_version"] = FORMAT_VERSION
    if stored.source:
        _write_string(group, "source_name", stored.source.name)
        _write_string(group, "source_sha256", stored.source.sha256)
    if stored.normalize is not None:
        _write_string(group, "normalize", stored.normalize)
    if stored.labels is not None:
        _write_strings(group, "labels", stored.labels)
    if stored.permutation is not None:
        group["permutation"] = np.array(stored.permutation, np.int32)
    if stored.line_normalizer:
        _write_string(group, "line_normalizer", stored.line_normalizer.kind)
        for name, value in stored.line_normalizer.parameters:
            if isinstance(value, str):
                _write_string(group, f"line_normalizer.{name}", value)
            else:
                group.attrs[f"line_normalizer.{name}"] = value
    training = stored.training
    if training:
        if training.last_trial is not None:
            group.attrs["last_trial"] = training.last_trial
        group.attrs["lines"] = training.lines
        group.attrs["lines_per_point"] = training.lines_per_point
        if training.commands:
            _write_strings(group, "commands", training.commands)
        if len(training.error):
            group["error"] = training.error
        if len(training.character_errors):
            group["character_errors"] = training.character_errors


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _write_string(group: Any, name: str, text: str) -> None:
    data = _encode(text)
    group.attrs.create(name, np.bytes_(data), dtype=h5py.string_dtype("utf-8", max(len(data), 1)))


def _write_strings(group: Any, name: str, texts: Sequence[str | None]) -> None:
    encoded = [_encode(text or "") for text in texts]
    size = max(map(len, encoded)) or 1
    group[name] = np.array(encoded, h5py.string_dtype("utf-8", size))
    lengths = [-1 if text is None else len(data) for text, data in zip(texts, encoded, strict=True)]
    group[f"{name}_bytes"] = np.array(lengths, np.int32)


def read_tree(stream: IO[bytes], *, data: bool = True) -> Group:
    """What a file holds of the names in FORMAT.md; without `data` attributes only.

    Raises `Hdf5LayoutError`, and whatever h5py raises about a damaged file.
    """
    with h5py.File(stream, "r") as file:
        datasets = _data_sets(file, ROOT) if data else {}
        members: dict[str, Group | NDArray[Any]] = {name: dataset[()] for name, dataset in datasets.items()}
        extra = _member(file, GROUP)
        if extra is not None:
            if not isinstance(extra, h5py.Group):
                raise Hdf5LayoutError(f"{GROUP}: expected a group")
            known = [name for name in extra.attrs if name in ATTRIBUTES or name.startswith(PARAMETER)]
            found = _data_sets(extra, EXTRA) if data else {}
            members[GROUP] = Group(_attributes(extra, known), {name: found[name][()] for name in found})
        compressed = any(dataset.compression for dataset in datasets.values())
        attrs = _attributes(file, ["kind"] if data else [])
        if data and "kind" not in attrs:
            # Of these only that they are there.
            attrs |= {name: b"" for name in KERAS if name in file.attrs or name in file}
        return Group(attrs, members, compressed)


def _member(group: Any, name: str) -> Any:
    """What a hard link of this name leads to, the link itself if it is another, or None."""
    link = group.get(name, getlink=True)
    return group[name] if isinstance(link, h5py.HardLink) else link


def _data_sets(group: Any, expected: Mapping[str, Expected]) -> dict[str, Any]:
    """The data sets that are there, each safe to read: in this very file, of plain storage and known filters."""
    found: dict[str, Any] = {}
    for name in expected:
        dataset = _member(group, name)
        if dataset is None:
            continue
        if not isinstance(dataset, h5py.Dataset):
            raise Hdf5LayoutError(f"{name}: expected a data set, got {type(dataset).__name__}")
        check_data_set(name, dataset, expected[name])
        chunk = math.prod(dataset.chunks or ()) * dataset.dtype.itemsize
        if chunk > MAX_BYTES:
            raise Hdf5LayoutError(f"{name}: expected at most {MAX_BYTES} bytes, got {chunk}")
        properties = dataset.id.get_create_plist()
        filters = {properties.get_filter(i)[0] for i in range(properties.get_nfilters())}
        if dataset.is_virtual or dataset.external or not filters <= FILTERS:
            raise Hdf5LayoutError(f"{name}: expected data stored in this file, got virtual, external or filtered data")
        found[name] = dataset
    total = sum(dataset.nbytes for dataset in found.values())
    if total > MAX_BYTES:
        raise Hdf5LayoutError(f"data sets: expected at most {MAX_BYTES} bytes, got {total}")
    return found


def _attributes(group: Any, names: Sequence[str]) -> dict[str, bytes | NDArray[Any]]:
    """Attributes that are there: one string each, as bytes, or numbers."""
    found: dict[str, bytes | NDArray[Any]] = {}
    for name in names:
        if name not in group.attrs:
            continue
        attribute = group.attrs.get_id(name)
        if h5py.check_string_dtype(attribute.dtype) is not None and attribute.shape == ():
            value = group.attrs[name]
            found[name] = value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")
        elif attribute.shape is not None and attribute.dtype.kind in "biuf":
            found[name] = np.asarray(group.attrs[name])
        else:
            raise Hdf5LayoutError(
                f"{name}: expected one string or numbers, got {attribute.dtype} of shape {attribute.shape}"
            )
    return found
