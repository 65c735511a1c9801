"""How a file is packed, told by its first bytes, and the stages in which it is unpacked within bounds."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import lzma
import zlib
from collections.abc import Callable
from typing import IO, Any, Final, NamedTuple, cast

from ..errors import SizeLimitError, SourceError
from .paths import CHUNK

Unpacked = gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile


class Packing(NamedTuple):
    """A way to pack: its first bytes, its name, what unpacks it, and the most that is read before it gives anything."""

    magic: bytes
    name: str
    unpack: Callable[[IO[bytes]], Unpacked]
    patience: int


PATIENCE: Final = 2**20
GZIP_PATIENCE: Final = 2**18
"""Most packed bytes before the first unpacked one: a block of bzip2 holds up to 900 kB; gzip is unpacked in chunks of
up to 128 KiB, but what has no content, padding, names and empty members, byte by byte."""

PACKINGS: Final = (
    Packing(b"\x1f\x8b\x08", "gzip", lambda stream: gzip.GzipFile(fileobj=stream, mode="rb"), GZIP_PATIENCE),
    Packing(b"BZh", "bzip2", bz2.BZ2File, PATIENCE),
    Packing(b"\xfd7zXZ\0", "xz", lzma.LZMAFile, PATIENCE),
)

TEXT_MODE: Final = "a transfer in text mode changed its line ends (CR LF for LF)"

XZ_END: Final = b"YZ"
"""The end of xz data. Zeros may follow, which the standard library takes for the beginning of more."""

NO_MEMORY: Final = "Error -4 "
"""How zlib says so; bz2 and lzma raise `MemoryError`."""

DAMAGE: Final = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile, OSError)


class Stage(io.RawIOBase):
    """Bytes on their way: counted, the beginning kept, and bounded.

    `patience` is the most that is read before something is made of it, which sets it to None.
    """

    limit: int | None = None
    patience: int | None = None

    def __init__(self) -> None:
        self.beginning = self.ending = b""
        self.size = 0

    def _read(self, count: int) -> bytes:
        raise NotImplementedError

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.size

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._read(min(len(buffer), CHUNK))
        self.beginning = self.beginning or data
        # But for zeros; they may come by the gigabyte, and a comparison takes a fiftieth of the time of `rstrip`.
        if data != bytes(len(data)):
            self.ending = (self.ending + data).rstrip(b"\0")[-2:]
        self.size += len(data)
        if self.limit is not None and self.size > self.limit:
            raise SizeLimitError(f"unpacked size: expected at most {self.limit} bytes, got more", remedy="size")
        if self.patience is not None and self.size > self.patience:
            raise SourceError(f"expected a pickle, got an empty stream: nothing in its first {self.patience} bytes")
        buffer[: len(data)] = data
        return len(data)


class HashedFile(Stage):
    """The file on disk, hashed as it is read from its beginning to its end."""

    def __init__(self, file: IO[bytes] | io.FileIO) -> None:
        super().__init__()
        self._file = file
        self.sha256 = hashlib.sha256()

    def _read(self, count: int) -> bytes:
        data = self._file.read(count)
        self.sha256.update(data)
        return data


class Unpacker(Stage):
    """What a packing gives. It ends at `damage`, and where it is `followed` by what is not packed so."""

    def __init__(self, packed: Stage, buffered: io.BufferedReader, packing: Packing) -> None:
        super().__init__()
        self._packed = packed
        packed.patience = packing.patience
        self._stream = packing.unpack(buffered)
        self.name = packing.name
        self.damage: str | None = None
        self.followed = False

    def _read(self, count: int) -> bytes:
        if self.damage or self.followed:
            return b""
        try:
            # `read1` gives what is there before it meets the damage behind it.
            data = self._stream.read1(count)
        except DAMAGE as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            if str(error).startswith(NO_MEMORY):
                raise MemoryError from error
            # What follows a whole gzip member; gunzip, and so ocropy, passes over it too.
            self.followed = bool(self.size) and str(error).startswith("Not a gzipped file")
            if not self.followed and not (isinstance(error, EOFError) and self._packed.ending.endswith(XZ_END)):
                how = f": {TEXT_MODE}" if ends_changed(self._packed.beginning) else " or cut off"
                self.damage = f"{self.name} data is damaged{how}"
            return b""
        if data and not self.size:
            self._packed.patience = None
        return data


class LineEnds(Stage):
    """A pickle of protocol 0 with the line ends it was written with."""

    def __init__(self, stream: io.BufferedReader) -> None:
        super().__init__()
        self._stream = stream

    def _read(self, count: int) -> bytes:
        data = self._stream.read(count)
        if data.endswith(b"\r") and self._stream.peek(1)[:1] == b"\n":
            data = data[:-1] or self._stream.read(1)
        return data.replace(b"\r\n", b"\n")


def ends_changed(data: bytes) -> bool:
    """Whether every line of binary data ends as a transfer in text mode makes it end: of chance one in 256 does."""
    ends = data.count(b"\n")
    return ends > 2 and data.count(b"\r\n") == ends


def buffered(stage: Stage) -> io.BufferedReader:
    """A stage, to be read in any amounts."""
    return io.BufferedReader(cast(Any, stage), CHUNK)


def packing_of(head: bytes) -> Packing | None:
    """How data is packed that begins so."""
    return next((packing for packing in PACKINGS if head.startswith(packing.magic)), None)


def damaged_packing_of(head: bytes) -> Packing | None:
    """How data may be packed that begins so but for one bit, or is cut off there."""
    for packing in PACKINGS:
        if sum((a ^ b).bit_count() for a, b in zip(head, packing.magic, strict=False)) <= 1:
            return packing
    return None
