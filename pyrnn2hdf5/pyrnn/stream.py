"""A path becomes a bounded stream of bytes: packings told by magic, SHA-256 taken on the way.

What is unpacked passes through stages: the file, what its packing gives, what a packing in that gives.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Final

from ..errors import CorruptPickleError, Pyrnn2Hdf5Error, SizeLimitError, SourceError
from ..files.packings import (
    TEXT_MODE,
    HashedFile,
    LineEnds,
    Stage,
    Unpacker,
    buffered,
    damaged_packing_of,
    ends_changed,
    packing_of,
)
from ..files.paths import CHUNK, open_regular
from ..files.sources import SourceFacts
from ..limits import DEFAULT_LIMITS, MAX_PACKINGS, MAX_TRAILING, Limits

BEGINNING: Final = re.compile(
    rb"(?!.{5}\0\0\0\{\"|\x80.(?:\x95.{8})?\x8a\nl\xfc\x9cF)(?:\x80[\x02-\x05]"
    rb"|\(*[ic][\w.]+\r?\n\w+\r?\n(?:op\d|(?![A-Za-z][A-Za-z\s]|[\x80-\xff\s]|\Z))"
    rb"|\([dl]?p\d+\r?\n|[\]}]q)",
    re.DOTALL,
)
"""First opcodes: PROTO; INST or GLOBAL with module and name, and neither a third word nor the end behind; or a
container of protocol 0 or 1. No header of safetensors, nor the magic number that PyTorch pickled first."""

MAYBE: Final = re.compile(rb"\((?![a-zA-Z]{2})|[\]}]|c\S{500}|c\S+\r?\n\S+\r?\nc")
MAYBE_WITH_STOP: Final = re.compile(rb"\(|c\S+\r?\n\S")
"""Beginnings of other pickles that could be those of a text; the second of a text in which no dot ends a pickle."""

DECIMAL_PUT: Final = re.compile(rb"p\d+\r?\n")
"""How protocol 0 fills the memo, also with line ends that a transfer has changed; protocol 1 does so in binary."""

OTHERS: Final = (".pronn", ".onnx", ".hdf5")
"""Ends of the names of models that are no pickles: of such a file none is expected, whatever its first bytes are."""

HEAD: Final = 512

PADDING: Final = b"\0\t\n\r\x1a "
"""What writers and transfers leave behind a pickle, and which means nothing."""

MAX_PEEK: Final = 2**20
"""Most bytes, packed or unpacked, that are read to tell damage from what is no model, before a file is read."""


class SourceStream:
    """The unpacked bytes of one source, `head` their beginning. Read `reader` to the end of the pickle, then `finish`.

    Damage of the packing ends the stream as if the file ended there; the facts tell of it.
    """

    def __init__(self, name: str, file: IO[bytes] | io.FileIO, max_size: int) -> None:
        """Raises `SourceError` for what is empty, is packed too often, or has no content near its beginning."""
        self._name = name
        self._expected = f"expected a {'line recognizer' if name.lower().endswith(OTHERS) else 'pickle'}"
        self._file = file
        self._max_size = max_size
        self._first = HashedFile(file)
        self._stages: list[Stage] = [self._first]
        self._readers = [buffered(self._first)]
        self._unpackers: list[Unpacker] = []
        while packing := packing_of(self.reader.peek(HEAD)):
            if len(self._unpackers) == MAX_PACKINGS:
                raise SourceError(f"expected a pickle packed at most {MAX_PACKINGS} times, got one packed more often")
            self._unpackers.append(Unpacker(self._stages[-1], self.reader, packing))
            self._add(self._unpackers[-1])
        for stage in self._unpackers or self._stages:
            stage.limit = max_size
        self.head = self.reader.peek(HEAD)[:HEAD]
        if not self.head:
            what = "stream" if self._unpackers else "file"
            raise self._damage_error() or SourceError(f"{self._expected}, got an empty {what}")
        self.mended = (
            bool(BEGINNING.match(self.head) and DECIMAL_PUT.search(self.head))
            and self.head[0] != 0x80
            # A label may end in CR.
            and ends_changed(self.head)
        )
        if self.mended:
            self._add(LineEnds(self.reader))
            self.head = self.reader.peek(HEAD)[:HEAD]

    def again(self) -> SourceStream:
        """The same source from its beginning: where memory ends, what unpacks loses its place."""
        self._file.seek(0)
        return SourceStream(self._name, self._file, self._max_size)

    def _add(self, stage: Stage) -> None:
        self._stages.append(stage)
        self._readers.append(buffered(stage))

    @property
    def reader(self) -> io.BufferedReader:
        """The unpacked bytes."""
        return self._readers[-1]

    def check_beginning(self, most: int) -> None:
        """Raise `SourceError` or `CorruptPickleError` where the first bytes are those of no pickle.

        Those of packed data may be damaged, which its end tells: where that is not reached within `most` bytes,
        nothing is raised.
        """
        if BEGINNING.match(self.head):
            return
        # Imported when something else than a pickle is met.
        from ..files.formats import describe_text

        if what := self.describe(most):
            raise SourceError(f"{self._expected}, got {what}")
        problem = self._problem(describe_text(self.head))
        if problem and (not self._unpackers or self._ends_within(most)):
            raise self._damage_error() or problem

    def describe(self, most: int, unpacked: int | None = None) -> str | None:
        """What of another kind begins with these bytes, in words.

        So many bytes are read for it at most: of each packing, and of what is `unpacked`, where that is given.
        """
        from ..files import formats

        for stage in self._stages[:-1]:
            stage.patience = stage.size + most
        plain = not self._unpackers
        file, most = self._file if plain else None, unpacked or formats.MAX_SKIPPED
        return formats.describe(self.head, self.reader, file, self._packing, most)

    def _problem(self, text: str | None) -> Pyrnn2Hdf5Error | None:
        """What is wrong with the first bytes, which may be those of a text."""
        stops = b"." in self._stages[-1].beginning
        if text and not MAYBE.match(self.head) and not (stops and MAYBE_WITH_STOP.match(self.head)):
            return SourceError(f"{self._expected}, got {text}")
        # It begins with PROTO, MARK, GLOBAL or an empty container.
        if self.head[0] not in b"\x80(c]}":
            if packing := damaged_packing_of(self.head):
                return SourceError(f"{packing.name} data is damaged or cut off: fetch the file again")
            return SourceError(f"{self._expected}, got data that begins with {self.head[:8]!r}")
        if self.head[0] == 0x80 and self.head[1:2] > b"\x05":
            return CorruptPickleError(f"pickle protocol: expected 0 to 5, got {self.head[1]}")
        return None

    def finish(self) -> SourceFacts:
        """Read what is left, so that checksums are checked and the whole file is hashed.

        Raises `SizeLimitError` or `SourceError` for a bomb behind the pickle.
        """
        used = self.reader.tell()
        behind = b""
        while not behind and self._stages[-1].size <= used + MAX_TRAILING and (chunk := self.reader.read(CHUNK)):
            behind = b"" if chunk == bytes(len(chunk)) else chunk.lstrip(PADDING)
        if not self._read_on(used + MAX_TRAILING):
            raise SourceError(f"bytes after the pickle: expected at most {MAX_TRAILING}, got more")
        remarks = [f"bytes follow the {stage.name} data" for stage in self._unpackers if stage.followed]
        if behind:
            size = self._stages[-1].size - used
            said = "1 byte behind the pickle does not" if size == 1 else f"{size} bytes behind the pickle do not"
            another = ", and begin as another pickle does" if BEGINNING.match(behind) else ""
            remarks.append(f"{said} belong to it{another}")
        if self.mended:
            remarks.append(f"{TEXT_MODE}: read as it was written")
        return SourceFacts(
            name=self._name,
            sha256=self._first.sha256.hexdigest(),
            compression=self._packing or "none",
            size=self._first.size,
            unpacked_size=self._stages[-1].size,
            trailing_size=self._stages[-1].size - used,
            damage=self._damage,
            remarks=tuple(remarks),
        )

    def refusal(self, *, complete: bool) -> SourceError | None:
        """What happened to a file on its way, which is why it is refused; None where it is whole.

        That is to be asked after `finish`; `complete` says that the pickle was read to its end all the same.
        """
        if not complete and not self._damage and ends_changed(self._stages[-1].beginning):
            return SourceError(f"{TEXT_MODE}: fetch the file again in binary mode")
        error = self._damage_error()
        return SourceError(str(error), remedy="ignore_checksum") if error and complete else error

    def _damage_error(self) -> SourceError | None:
        if self._damage is None:
            return None
        how = " in binary mode" if TEXT_MODE in self._damage else ""
        return SourceError(f"{self._damage}: fetch the file again{how}")

    @property
    def _damage(self) -> str | None:
        return next((stage.damage for stage in self._unpackers if stage.damage), None)

    @property
    def _packing(self) -> str | None:
        """How the source is packed, the innermost first."""
        return " in ".join(stage.name for stage in reversed(self._unpackers)) or None

    def _ends_within(self, most: int) -> bool:
        """Whether the source ends within so many bytes, or as many as its stages may be read; it is read so far."""
        try:
            return self._read_on(most)
        except SizeLimitError:
            raise
        except SourceError:
            return False

    def _read_on(self, most: int) -> bool:
        """Read every stage to its end, the last one first; of that at most so many bytes, or what is left is left."""
        for stage, reader in zip(reversed(self._stages), reversed(self._readers), strict=True):
            while reader.read(CHUNK):
                if stage is self._stages[-1] and stage.size > most:
                    return False
        return True


def checked_stream(name: str, file: IO[bytes] | io.FileIO, max_size: int, most: int = MAX_TRAILING) -> SourceStream:
    """A source that does not begin as something else than a pickle does; see `SourceStream.check_beginning`."""
    stream = SourceStream(name, file, max_size)
    stream.check_beginning(most)
    return stream


@contextmanager
def open_source(path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS) -> Iterator[SourceStream]:
    """Open a pyrnn file, packed by gzip, bzip2, xz or nothing, as a bounded stream.

    Raises `OSError` where the system refuses the path, `SourceError` where it is no regular file,
    is empty, or its first bytes are those of something else than a pickle.
    """
    with open_regular(path) as file:
        yield checked_stream(Path(path).name, file, limits.size, MAX_PEEK)


def is_pyrnn(path: str | os.PathLike[str]) -> bool:
    """Whether a regular file begins, unpacked, as a pickle of some object does; for searching folders."""
    try:
        with open_regular(path) as file:
            return bool(BEGINNING.match(SourceStream(Path(path).name, file, DEFAULT_LIMITS.size).head))
    except (SourceError, OSError, MemoryError):
        return False


def archive_in_words(path: str | os.PathLike[str]) -> str | None:
    """What is to be unpacked before any model in it is found, in words; None for other files; for searching folders."""
    from ..files.formats import UNPACK

    try:
        with open_regular(path) as file:
            what = SourceStream(Path(path).name, file, DEFAULT_LIMITS.size).describe(MAX_PEEK, MAX_PEEK)
    except (SourceError, OSError, MemoryError):
        return None
    return what if what and what.endswith(UNPACK) else None
