"""A path becomes a bounded stream of bytes: compression told by magic, SHA-256 taken on the way."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import os
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, cast

from ..errors import CorruptPickleError, SizeLimitError, SourceError
from ..files.paths import CHUNK, open_regular
from ..limits import DEFAULT_LIMITS, MAX_TRAILING, Limits
from .findings import SourceFacts

Unpacked = io.BufferedReader | gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile
Opener = Callable[[io.BufferedReader], Unpacked]


COMPRESSIONS: Final[tuple[tuple[bytes, str, Opener], ...]] = (
    (b"\x1f\x8b", "gzip", lambda stream: gzip.GzipFile(fileobj=stream, mode="rb")),
    (b"BZh", "bzip2", bz2.BZ2File),
    (b"\xfd7zXZ\x00", "xz", lzma.LZMAFile),
)

OTHER_FORMATS: Final[tuple[tuple[bytes, str], ...]] = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"II*\x00", "a TIFF image"),
    (b"MM\x00*", "a TIFF image"),
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a zip archive (newer kraken or PyTorch models are such)"),
    (b"\x28\xb5\x2f\xfd", "zstd data"),
    (b"version https://git-lfs", "a git-lfs pointer: fetch the file itself with `git lfs pull`"),
    (b"<!doctype", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<?xml", "an XML document"),
)

RELATIVES: Final[tuple[tuple[re.Pattern[bytes], str], ...]] = (
    (re.compile(rb"\n\npyrnn-bidi"), "a pronn: if it is packed, unpack it first"),
    # The first fields of clstm's NetworkProto: kind, a name of so many letters; then name or ninput.
    (
        re.compile(b"|".join(b"\n%c\\w{%d}[\x12P]" % (length, length) for length in range(1, 32))),
        "a clstm network: another architecture, without peepholes",
    ),
    # Of ONNX's ModelProto: ir_version, then producer_name.
    (re.compile(rb"\x08[\x01-\x7f]\x12[\x01-\x7f][A-Za-z]"), "an ONNX model"),
    # Of Core ML's Model: specificationVersion, then description.
    (re.compile(rb"\x08[\x01-\x7f]\x12"), "a Core ML model, as kraken 1.0 and later write them"),
    (re.compile(rb'.{5}\0\0\0\{"', re.DOTALL), "a safetensors file, as kraken of today writes them"),
)
"""Later formats of the same programs, by their first bytes."""

BEGINNING: Final = re.compile(rb"\x80[\x02-\x05]|\(*[ic][\w.]+\n\w+\n|\(d?p\d+\n|[\]}]q")
"""First opcodes: PROTO; INST or GLOBAL with module and name; or a container of protocol 0 or 1."""

HEAD: Final = 256

DAMAGE: Final = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, OSError)


class _HashedFile(io.RawIOBase):
    """The file on disk, hashed and counted as it is read from its beginning to its end."""

    def __init__(self, file: IO[bytes] | io.FileIO) -> None:
        self._file = file
        self._head = b""
        self._sha256 = hashlib.sha256()
        self.size = 0

    def readable(self) -> bool:
        return True

    def peek(self, count: int) -> bytes:
        self._head = self._file.read(count)
        return self._head

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._head:
            data = self._head[: len(buffer)]
            self._head = self._head[len(data) :]
        else:
            data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        self._sha256.update(data)
        self.size += len(data)
        return len(data)

    def hexdigest(self) -> str:
        return self._sha256.hexdigest()


class _Bounded(io.RawIOBase):
    """Unpacked bytes, never more than `limit`; damage in the compression is one `SourceError`."""

    def __init__(self, stream: Unpacked, limit: int, compression: str, *, ignore_checksum: bool) -> None:
        self._stream = stream
        self._limit = limit
        self._compression = compression
        self._ignore_checksum = ignore_checksum
        self.size = 0
        self.damage: str | None = None

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.size

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self.damage:
            return 0
        try:
            # `read1` gives what is there before it meets the damage behind it.
            data = self._stream.read1(min(len(buffer), CHUNK))
        except DAMAGE as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            if self.size and str(error).startswith("Not a gzipped file"):
                # What follows a whole gzip member; gunzip, and so ocropy, passes over it too.
                self.damage = "bytes follow the gzip data"
                return 0
            self.damage = f"{self._compression} data is damaged: {error}"
            if self._ignore_checksum:
                return 0
            raise SourceError(self.damage, remedy="ignore_checksum") from error
        self.size += len(data)
        if self.size > self._limit:
            raise SizeLimitError(f"unpacked size: expected at most {self._limit} bytes, got more", remedy="size")
        buffer[: len(data)] = data
        return len(data)


class SourceStream:
    """The unpacked bytes of one source, `head` their beginning. Read `reader` to the end of the pickle, then `finish`.

    With `ignore_checksum` damage ends the stream as if the file ended there, and is noted.
    """

    def __init__(self, name: str, file: IO[bytes] | io.FileIO, max_size: int, *, ignore_checksum: bool) -> None:
        self._name = name
        self._hashed = _HashedFile(file)
        head = self._hashed.peek(HEAD)
        if not head:
            raise SourceError("expected a pickle, got an empty file")
        self._compression, unpack = _compression_of(head)
        self._packed = io.BufferedReader(cast(Any, self._hashed), CHUNK)
        unpacked = unpack(self._packed)
        self._bounded = _Bounded(unpacked, max_size, self._compression, ignore_checksum=ignore_checksum)
        self.reader = io.BufferedReader(self._bounded, CHUNK)
        self.head = self.reader.peek(HEAD)[:HEAD]
        _refuse_other_formats(self.head)

    def finish(self) -> SourceFacts:
        """Read what is left, so that checksums are checked and the whole file is hashed.

        Raises `SourceError` for damaged compression, `SizeLimitError` for a bomb behind the pickle.
        """
        used = self.reader.tell()
        while self.reader.read(CHUNK):
            if self._bounded.size - used > MAX_TRAILING:
                raise SourceError(f"bytes after the pickle: expected at most {MAX_TRAILING}, got more")
        while self._packed.read(CHUNK):
            pass
        return SourceFacts(
            name=self._name,
            sha256=self._hashed.hexdigest(),
            compression=self._compression,
            size=self._hashed.size,
            unpacked_size=self._bounded.size,
            trailing_size=self._bounded.size - used,
            damage=self._bounded.damage,
        )


def _compression_of(head: bytes) -> tuple[str, Opener]:
    for magic, name, unpack in COMPRESSIONS:
        if head.startswith(magic):
            return name, unpack
    return "none", lambda stream: stream


def _refuse_other_formats(head: bytes) -> None:
    if not head:
        raise SourceError("expected a pickle, got an empty stream")
    text = head.lstrip().lower()
    for magic, name in OTHER_FORMATS:
        if head.startswith(magic) or text.startswith(magic):
            raise SourceError(f"expected a pickle, got {name}")
    for beginning, name in RELATIVES:
        if beginning.match(head):
            raise SourceError(f"expected a pickle, got {name}")
    # A pickle begins with PROTO, MARK, GLOBAL or an empty container.
    if head[0] not in b"\x80(c]}":
        raise SourceError(f"expected a pickle, got data that begins with {head[:8]!r}")
    if head[0] == 0x80 and head[1:2] > b"\x05":
        raise CorruptPickleError(f"pickle protocol: expected 0 to 5, got {head[1]}")


@contextmanager
def open_source(path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS) -> Iterator[SourceStream]:
    """Open a pyrnn file, packed by gzip, bzip2, xz or nothing, as a bounded stream.

    Raises `OSError` where the system refuses the path, `SourceError` where it is no regular file,
    is empty, or its first bytes are those of something else than a pickle.
    """
    with open_regular(path) as file:
        yield SourceStream(Path(path).name, file, limits.size, ignore_checksum=False)


def is_pyrnn(path: str | os.PathLike[str]) -> bool:
    """Whether a regular file begins, unpacked, as a pickle of some object does; for searching folders."""
    try:
        with open_source(path) as stream:
            return bool(BEGINNING.match(stream.head))
    except (SourceError, CorruptPickleError, OSError, MemoryError):
        return False
