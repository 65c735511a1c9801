"""All that can be told of a pyrnn file, in one reading: its model or what remains of one, its names, its bytes."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from typing import IO, Any, Final

from ..errors import CorruptPickleError, InvalidModelError, SourceError, UnsafePickleError, UnsupportedModelError
from ..limits import Limits
from ..sandbox.child import memory_error
from .audit import Names, audit, spell
from .extraction import extract
from .findings import Examination, Remains
from .salvage import array_sizes, salvage, structure
from .stream import SourceStream
from .unpickler import unpickle

DECIMAL_PUT: Final = re.compile(rb"p\d+\n")
"""How protocol 0 fills the memo; protocol 1 does so in binary."""


def examine(file: IO[bytes], limits: Limits, tell: Callable[[tuple[str, ...]], object], *, name: str) -> Examination:
    """Examine a pyrnn file, also one with damage behind its pickle; the names it holds are told as they are met.

    Raises `SourceError` where the file is no pickle, or the stream is damaged in the pickle.
    """

    def reopen() -> SourceStream:
        file.seek(0)
        return SourceStream(name, file, limits.size, ignore_checksum=True)

    names = Names(tell)
    stream = reopen()
    found: dict[str, Any] = {"protocol": protocol_of(stream.head)}
    try:
        root = unpickle(stream.reader, names.note)
    except (UnsafePickleError, CorruptPickleError, MemoryError) as error:
        found["problem"] = memory_error(limits) if isinstance(error, MemoryError) else error
        streams: list[SourceStream] = []

        def read_again() -> IO[bytes]:
            streams.append(reopen())
            return streams[-1].reader

        try:
            audit(read_again, names)
        except (CorruptPickleError, MemoryError) as unfollowed:
            found["unfollowed"] = str(unfollowed) or "memory is at its limit"
            try:
                spell(read_again(), names)
            except (CorruptPickleError, MemoryError):
                found["unfollowed"] += "; nor is what comes behind"
        try:
            source = streams[-1].finish()
        except SourceError as too_long:
            # What was met first is why it is refused.
            raise found["problem"] from too_long
        return Examination(source=source, unlisted=names.unlisted, **found)
    source = stream.finish()
    try:
        model = found["model"] = extract(root, source)
        # Its values may still be refused by who makes arrays of them.
        labels = None if model.labels is None else tuple((c, t) for c, t in enumerate(model.labels) if t is not None)
        found["remains"] = Remains(
            tuple(structure(root)), model.No, labels, model.line_normalizer, {}, model.normalize, model.notes
        )
    except (UnsupportedModelError, InvalidModelError) as error:
        found.update(problem=error, remains=salvage(root))
    sizes = array_sizes(root)
    rest = source.unpacked_size - source.trailing_size - sum(sizes.values())
    return Examination(source=source, parts=sizes | {"rest": rest}, unlisted=names.unlisted, **found)


def measure(file: IO[bytes], limits: Limits, tell: Callable[[tuple[str, ...]], object], *, name: str) -> Examination:
    """The facts of a file of which nothing else can be read, and the names that are spelled out in it."""
    names = Names(tell)
    stream = SourceStream(name, file, limits.size, ignore_checksum=True)
    with contextlib.suppress(CorruptPickleError, MemoryError):
        spell(stream.reader, names)
    return Examination(stream.finish(), protocol_of(stream.head), unlisted=names.unlisted)


def protocol_of(head: bytes) -> int:
    """The protocol of a pickle that begins so."""
    if head[:1] == b"\x80":
        return head[1]
    return 0 if DECIMAL_PUT.search(head) or not re.search(rb"[qr]", head.partition(b"\n")[2]) else 1
