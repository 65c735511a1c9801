"""The HDF5 format: a writer and a reader of the layout in `stored`. The only module that imports h5py.

`read` asks the HDF5 library in this very process, which is for bytes of our own: a file from elsewhere
can make the library loop or crash, so `load` asks it in a bounded child, and `read_plain` before that.

FORMAT.md specifies the format: a root group that kraken 0.3 to 0.6 reads, and the subgroup
`pyrnn2hdf5` for what kraken never kept.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import IO, Any, Final, TypeVar

import h5py
import numpy as np

from .errors import Hdf5LayoutError
from .model import MAX_CLASSES, MAX_LABEL, LineNormalizer, Parameter, Source, TrainingRecord
from .plain_hdf5 import Group as PlainGroup
from .plain_hdf5 import NotPlainError, parse
from .source import regular_file
from .stored import KIND, KIND_EXT, LAYOUT, Stored, kraken_labels

Read = TypeVar("Read")

GROUP: Final = "pyrnn2hdf5"
FORMAT_VERSION: Final = 1
LIBVER: Final = ("earliest", "v108")
"""Bounds on the HDF5 file format, so that HDF5 1.8 reads what any later version wrote."""

MAX_BYTES: Final = 64 * 2**20
"""Most bytes the data sets of one file may unpack to: `MAX_WEIGHTS` in float64, and a codec."""

MAX_FILE: Final = MAX_BYTES + 2**20
"""Largest file that is read whole."""

MAX_ROWS: Final = 1000
"""Most rows of the training history."""

MAX_PARAMETERS: Final = 32
"""Most parameters of a line normalizer, and most numbers in one."""

MAX_STRING: Final = 4096
"""Longest string attribute in bytes; a file name has at most 255."""

FILTERS: Final = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}


def to_bytes(stored: Stored) -> bytes:
    """The HDF5 file of a stored model. No time, host or path gets into it."""
    # Built in memory, so that a full disk is met by one plain write, not inside HDF5.
    with h5py.File("model.hdf5", "w", driver="core", backing_store=False, libver=LIBVER) as file:
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


def read(path: str | os.PathLike[str]) -> Stored:
    """Read the stored form of a model. Every shape, type and link is looked at before any data is.

    Raises `OSError` where the system refuses the path, `SourceError` where it is no regular file,
    `Hdf5LayoutError` for anything else.
    """
    # Opened by Python: a path that cannot be read is an OSError like any other, and HDF5 sees no path.
    with regular_file(path).open("rb") as stream:
        return _read_stream(stream, _read)


def read_plain(path: str | os.PathLike[str]) -> Stored:
    """As `read`, without the library. Raises `NotPlainError` too: for a file that only the library can read."""
    return _guarded(_read, _plain_group(path))


def read_plain_source(path: str | os.PathLike[str]) -> Source | None:
    """As `read_source`, without the library; raises as `read_plain` does."""
    return _guarded(_read_source_of_file, _plain_group(path))


def _plain_group(path: str | os.PathLike[str]) -> PlainGroup:
    with regular_file(path).open("rb") as stream:
        data = stream.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise NotPlainError
    return parse(data)


def read_source(path: str | os.PathLike[str]) -> Source | None:
    """Which source a file records, without reading any data; None where it records none.

    Raises as `read` does.
    """
    with regular_file(path).open("rb") as stream:
        return _read_stream(stream, _read_source_of_file)


def _read_stream(stream: IO[bytes], read_file: Callable[[Any], Read]) -> Read:
    def from_library(stream: IO[bytes]) -> Read:
        with h5py.File(stream, "r") as file:
            return read_file(file)

    return _guarded(from_library, stream)


def _guarded(read_file: Callable[[Any], Read], file: Any) -> Read:
    try:
        return read_file(file)
    except (Hdf5LayoutError, MemoryError):
        raise
    except Exception as error:
        # h5py raises about any type for a damaged file; all of it means the same here.
        raise Hdf5LayoutError(f"not a readable HDF5 model: {error}") from error


def _read(file: Any) -> Stored:
    kind = _read_string(file, "kind")
    if kind not in (KIND, KIND_EXT):
        raise Hdf5LayoutError(f"kind: expected {KIND} or {KIND_EXT}, got {kind!r:.60}")
    Ns, Na = _look(file, LAYOUT[0].name).shape
    No = _look(file, "codec").shape[0]
    sizes = {"Ns": Ns, "Na": Na, "No": No, "1": 1, "2*Ns": 2 * Ns}
    if not (Ns >= 1 and Na > 1 + Ns and 1 <= No <= MAX_CLASSES):
        raise Hdf5LayoutError(f"shapes: expected Ns >= 1, Na > 1 + Ns and 1 to {MAX_CLASSES} classes, got {sizes}")
    total = 0
    found = {}
    for entry in LAYOUT:
        dataset = found[entry.name] = _look(file, entry.name)
        shape = tuple(sizes[symbol] for symbol in entry.shape)
        if dataset.shape != shape:
            raise Hdf5LayoutError(f"{entry.name}: expected shape {shape}, got {dataset.shape}")
        total += dataset.nbytes
    if total > MAX_BYTES:
        raise Hdf5LayoutError(f"data sets: expected at most {MAX_BYTES} bytes, got {total}")
    data = {name: np.asarray(dataset[()]) for name, dataset in found.items()}
    compressed = any(getattr(dataset, "compression", None) for dataset in found.values())
    points = data["codec"][:, 0]
    if not np.all((points >= 0) & (points <= 0x10FFFF) & (points == np.floor(points))):
        raise Hdf5LayoutError("codec: expected code points, got other numbers")
    root = Stored(kind=kind, data=data, compressed=compressed)
    group = _extra_group(file)
    return root if group is None else _read_extra(root, group)


def _extra_group(file: Any) -> Any:
    """The subgroup of this project, None where there is none."""
    group = _member(file, GROUP)
    if group is not None and not isinstance(group, (h5py.Group, PlainGroup)):
        raise Hdf5LayoutError(f"{GROUP}: expected a group")
    return group


def _member(group: Any, name: str) -> Any:
    """What a hard link of this name leads to, the link itself if it is another, or None."""
    if isinstance(group, PlainGroup):
        return group.members.get(name)
    link = group.get(name, getlink=True)
    return group[name] if isinstance(link, h5py.HardLink) else link


def _look(group: Any, name: str, kinds: str = "f", rank: int = 2, rows: int | None = None) -> Any:
    """A data set that is safe to read: a hard link, plain storage in this very file, known filters."""
    dataset = _member(group, name)
    if dataset is None:
        raise Hdf5LayoutError(f"{name}: expected a data set, got nothing")
    if not isinstance(dataset, (h5py.Dataset, np.ndarray)):
        raise Hdf5LayoutError(f"{name}: expected a data set, got {type(dataset).__name__}")
    if dataset.shape is None or len(dataset.shape) != rank:
        raise Hdf5LayoutError(f"{name}: expected rank {rank}, got shape {dataset.shape}")
    sizes = (4, 8) if kinds == "f" else (1, 2, 4, 8)
    if dataset.dtype.kind not in kinds or (dataset.dtype.itemsize not in sizes and kinds != "S"):
        raise Hdf5LayoutError(f"{name}: expected plain numbers of kind {kinds}, got {dataset.dtype}")
    if rows is not None and dataset.shape[0] > rows:
        raise Hdf5LayoutError(f"{name}: expected at most {rows} rows, got {dataset.shape[0]}")
    if isinstance(dataset, np.ndarray):
        return dataset
    chunk = math.prod(dataset.chunks or ()) * dataset.dtype.itemsize
    if max(dataset.nbytes, chunk) > MAX_BYTES:
        raise Hdf5LayoutError(f"{name}: expected at most {MAX_BYTES} bytes, got {max(dataset.nbytes, chunk)}")
    properties = dataset.id.get_create_plist()
    filters = {properties.get_filter(i)[0] for i in range(properties.get_nfilters())}
    if dataset.is_virtual or dataset.external or not filters <= FILTERS:
        raise Hdf5LayoutError(f"{name}: expected data stored in this file, got virtual, external or filtered data")
    return dataset


def _read_extra(root: Stored, group: Any) -> Stored:
    version = _read_integer(group, "format_version")
    if version is None or not 1 <= version <= FORMAT_VERSION:
        raise Hdf5LayoutError(f"format_version: expected 1 to {FORMAT_VERSION}, got {version}")
    No = len(root.data["codec"])
    labels = _read_strings(group, "labels", MAX_LABEL * 4, No)
    if labels is not None and len(labels) != No:
        raise Hdf5LayoutError(f"labels: expected {No}, got {len(labels)}")
    if labels is not None and root.kind == KIND and labels != kraken_labels(root.data["codec"]):
        raise Hdf5LayoutError("labels: expected those that kraken reads from the codec, got others")
    permutation = None
    if "permutation" in group:
        permutation = tuple(_look(group, "permutation", "i", 1, No)[()].tolist())
        if sorted(permutation) != list(range(No)):
            raise Hdf5LayoutError(f"permutation: expected the numbers 0 to {No - 1}, each once")
    return replace(
        root,
        labels=labels,
        permutation=permutation,
        line_normalizer=_read_line_normalizer(group),
        training=_read_training(group),
        normalize=_read_string(group, "normalize"),
        source=_read_source(group),
    )


def _read_source_of_file(file: Any) -> Source | None:
    group = _extra_group(file)
    return None if group is None else _read_source(group)


def _read_source(group: Any) -> Source | None:
    name, sha256 = _read_string(group, "source_name"), _read_string(group, "source_sha256")
    return None if name is None or sha256 is None else Source(name, sha256)


def _read_line_normalizer(group: Any) -> LineNormalizer | None:
    kind = _read_string(group, "line_normalizer")
    if kind is None:
        return None
    parameters: list[tuple[str, Parameter]] = []
    for key in sorted(group.attrs):
        prefix, _, name = key.partition("line_normalizer.")
        if prefix or not name:
            continue
        if isinstance(_attribute(group, key), bytes):
            parameters.append((name, _read_string(group, key) or ""))
        else:
            parameters.append((name, _read_number(group, key)))
    if len(parameters) > MAX_PARAMETERS:
        raise Hdf5LayoutError(f"line_normalizer: expected at most {MAX_PARAMETERS} parameters, got {len(parameters)}")
    return LineNormalizer(kind, tuple(parameters))


def _read_training(group: Any) -> TrainingRecord | None:
    lines = _read_integer(group, "lines")
    if lines is None:
        return None
    error = _look(group, "error", "f", 1, MAX_ROWS)[()] if "error" in group else np.empty(0)
    errors = np.empty((0, 2), np.int64)
    if "character_errors" in group:
        errors = _look(group, "character_errors", "i", rows=MAX_ROWS)[()]
        if errors.shape[1] != 2:
            raise Hdf5LayoutError(f"character_errors: expected shape (n, 2), got {errors.shape}")
    commands = _read_strings(group, "commands", 2**16, MAX_ROWS) or ()
    return TrainingRecord(
        last_trial=_read_integer(group, "last_trial"),
        commands=tuple(command or "" for command in commands),
        lines=lines,
        lines_per_point=_read_integer(group, "lines_per_point") or 1,
        error=error,
        character_errors=errors,
    )


def _attribute(group: Any, name: str) -> Any:
    """A string attribute as bytes, any other as an array; None where there is none."""
    if isinstance(group, PlainGroup) or name not in group.attrs:
        return group.attrs.get(name)
    attribute = group.attrs.get_id(name)
    if h5py.check_string_dtype(attribute.dtype) is None or attribute.shape != ():
        if attribute.shape is None or attribute.dtype.kind not in "biuf":
            raise Hdf5LayoutError(
                f"{name}: expected one string or numbers, got {attribute.dtype} of shape {attribute.shape}"
            )
        return np.asarray(group.attrs[name])
    value = group.attrs[name]
    return value if isinstance(value, bytes) else value.encode("utf-8", "surrogateescape")


def _read_number(group: Any, name: str) -> Parameter:
    value = _attribute(group, name)
    if isinstance(value, bytes) or value.ndim > 1:
        got = "a string" if isinstance(value, bytes) else f"an array of shape {value.shape}"
        raise Hdf5LayoutError(f"{name}: expected numbers, got {got}")
    if value.size > MAX_PARAMETERS:
        raise Hdf5LayoutError(f"{name}: expected at most {MAX_PARAMETERS} numbers, got {value.size}")
    numbers = value.tolist()
    return tuple(numbers) if value.ndim else numbers


def _read_integer(group: Any, name: str) -> int | None:
    if name not in group.attrs:
        return None
    value = _read_number(group, name)
    if type(value) is not int:
        raise Hdf5LayoutError(f"{name}: expected an integer, got {value}")
    return value


def _read_string(group: Any, name: str) -> str | None:
    data = _attribute(group, name)
    if data is None:
        return None
    if not isinstance(data, bytes):
        raise Hdf5LayoutError(f"{name}: expected one string, got {data.dtype} of shape {data.shape}")
    if len(data) > MAX_STRING:
        raise Hdf5LayoutError(f"{name}: expected a string of at most {MAX_STRING} bytes, got {len(data)}")
    return data.decode("utf-8", "surrogatepass")


def _read_strings(group: Any, name: str, longest: int, rows: int) -> tuple[str | None, ...] | None:
    if name not in group:
        return None
    texts = _look(group, name, "S", 1, rows)
    lengths = _look(group, f"{name}_bytes", "i", 1, rows)
    size = texts.dtype.itemsize
    if size > longest or texts.shape != lengths.shape:
        raise Hdf5LayoutError(f"{name}: expected strings of at most {longest} bytes and a length for each")
    counts = lengths[()].tolist()
    if not all(-1 <= count <= size for count in counts):
        raise Hdf5LayoutError(f"{name}_bytes: expected lengths of -1 to {size}")
    # Trailing NULs are lost in the padding, so the length gives them back.
    return tuple(
        None if count < 0 else data.ljust(count, b"\0")[:count].decode("utf-8", "surrogatepass")
        for data, count in zip(texts[()].tolist(), counts, strict=True)
    )
