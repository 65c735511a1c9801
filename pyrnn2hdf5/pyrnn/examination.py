"""All that can be told of a pyrnn file, in one reading: its model or what remains of one, its names, its bytes."""

from __future__ import annotations

import codecs
import contextlib
import io
import re
from collections.abc import Callable, Iterator
from typing import IO, Any, Final

from ..errors import CorruptPickleError, InvalidModelError, SourceError, UnsafePickleError, UnsupportedModelError
from ..limits import MAX_CLASSES, MAX_LABEL, MAX_LABEL_TEXT, Limits
from ..model.shapes import GATES, PEEPHOLES
from ..sandbox.child import memory_error
from .attributes import described, function_name_of, integer_of, line_normalizer_of, training_logs_of
from .audit import Names, audit, spell
from .extraction import extract
from .findings import Examination, Remains
from .numpy_stubs import ArrayStub
from .stream import DECIMAL_PUT, SourceStream, checked_stream
from .stubs import ObjectStub
from .unpickler import unpickle

MAX_PARTS: Final = 64
MAX_DEPTH: Final = 8
CHILDREN: Final = ("lstm", "nets", "net")
SHOWN_ARRAYS: Final = ("WGI", "W2")
"""One array of a kind tells the shape of a layer."""

WEIGHTS: Final = frozenset((*GATES, *PEEPHOLES, "W2"))
DERIVATIVES: Final = frozenset(f"D{weight}" for weight in WEIGHTS)


def examine(file: IO[bytes], limits: Limits, tell: Callable[[tuple[str, ...]], object], *, name: str) -> Examination:
    """Examine a pyrnn file, also one with damage behind its pickle; the names it holds are told as they are met.

    Raises `SourceError` where the file is no pickle, or the stream is damaged in the pickle.
    """
    names, allowed = Names(tell), dict.fromkeys(limits.allow_globals, False)
    stream = checked_stream(name, file, limits.size)
    found: dict[str, Any] = {"protocol": protocol_of(stream.head)}
    try:
        root = unpickle(stream.reader, names.note, allowed)
    except (UnsafePickleError, CorruptPickleError, MemoryError) as error:
        root, found["problem"] = None, memory_error(limits) if isinstance(error, MemoryError) else error
    if "problem" in found:

        def read_again() -> io.BufferedReader:
            nonlocal stream
            stream = stream.again()
            return stream.reader

        if reason := _end_of(lambda: audit(read_again, names)):
            found["unfollowed"] = reason
            if _end_of(lambda: spell(read_again(), names)):
                found["unfollowed"] += "; nor is what comes behind"
                stream = stream.again()
        try:
            source = stream.finish()
        except SourceError as too_long:
            # What was met first is why it is refused.
            raise found["problem"] from too_long
        found["problem"] = stream.refusal(complete=False) or found["problem"]
        return Examination(source=source, unlisted=names.unlisted, **found)
    source = stream.finish()
    try:
        model = found["model"] = extract(root, source, limits.label_encoding, allowed)
        # Its values may still be refused by who makes arrays of them.
        labels = None if model.labels is None else tuple((c, t) for c, t in enumerate(model.labels) if t is not None)
        found["remains"] = Remains(
            tuple(structure(root)), model.No, labels, model.line_normalizer, {}, model.normalize, model.notes
        )
    except (UnsupportedModelError, InvalidModelError) as error:
        found.update(problem=error, remains=salvage(root, limits.label_encoding))
    found["problem"] = stream.refusal(complete=True) or found.get("problem")
    sizes = array_sizes(root)
    size = source.unpacked_size - source.trailing_size
    rest = size - sum(sizes.values())
    spelled = 0
    if found["protocol"] == 0:
        spelled = max(min(spelling(stream.again().reader, size), rest), 0)
    parts = sizes | {"spelling": spelled, "rest": rest - spelled}
    return Examination(source=source, parts=parts, unlisted=names.unlisted, **found)


def measure_file(
    file: IO[bytes], limits: Limits, tell: Callable[[tuple[str, ...]], object], *, name: str
) -> Examination:
    """The facts of a file of which nothing else can be read, and the names that are spelled out in it."""
    names = Names(tell)
    stream = SourceStream(name, file, limits.size)
    try:
        with contextlib.suppress(CorruptPickleError):
            spell(stream.reader, names, limits.seconds * 2 / 3)
    except MemoryError:
        # What unpacks loses its place there.
        stream = stream.again()
    source, problem = stream.finish(), stream.refusal(complete=False)
    return Examination(source, protocol_of(stream.head), problem=problem, unlisted=names.unlisted)


def _end_of(walk: Callable[[], object]) -> str | None:
    """Why a walk through a pickle did not reach its end, if it did not; what it took is given back."""
    try:
        walk()
    except (CorruptPickleError, MemoryError) as error:
        return str(error) or "memory is at its limit"
    return None


def protocol_of(head: bytes) -> int:
    """The protocol of a pickle that begins so."""
    if head[:1] == b"\x80":
        return head[1]
    return 0 if DECIMAL_PUT.search(head) or not re.search(rb"[qr]", head.partition(b"\n")[2]) else 1


def salvage(root: object, label_encoding: str | None = None) -> Remains:
    """The remains of what a pickle holds."""
    parts = tuple(structure(root))
    if not isinstance(root, ObjectStub) or type(root).__name__ != "SeqRecognizer":
        return Remains(parts)
    notes: list[str] = []
    return Remains(
        structure=parts,
        No=_number(root.get("No")),
        labels=_labels(root.get("codec"), label_encoding or "ascii", notes.append),
        line_normalizer=line_normalizer_of(root.get("lnorm"), notes.append),
        logs=training_logs_of(root, notes.append),
        normalize=function_name_of(root.get("normalize")),
        notes=tuple(notes),
    )


def spelling(stream: IO[bytes], size: int) -> int:
    """Bytes by which the strings of a pickle of protocol 0 are longer than what they spell: `\\xf8` is one byte.

    So Python 2 writes the data of arrays, which takes up to four times as much. `size` is that of the pickle.
    """
    longer = 0
    while size > 0 and (line := stream.readline()):
        size -= len(line)
        if line.startswith((b"S'", b'S"')):
            # What only looks like a string may spell nothing.
            with contextlib.suppress(ValueError):
                longer += len(line[2:-2]) - len(codecs.escape_decode(line[2:-2])[0])
    return longer


def array_sizes(root: object) -> dict[str, int]:
    """Bytes of the arrays of an object: `weights`, `buffers` and `derivatives`, told by the names of attributes."""
    sizes = {"weights": 0, "buffers": 0, "derivatives": 0}
    left, seen = [root], set[int]()
    while left and len(seen) < MAX_PARTS:
        value = left.pop()
        # A list may hold one list twice, which holds one twice, ...
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, (list, tuple)):
            left += value[:MAX_PARTS]
        elif isinstance(value, ObjectStub):
            for name, attribute in value.state.items():
                if isinstance(attribute, ArrayStub):
                    part = "weights" if name in WEIGHTS else "derivatives" if name in DERIVATIVES else "buffers"
                    sizes[part] += attribute.size
                elif name in CHILDREN:
                    left.append(attribute)
    return sizes


def structure(root: object) -> Iterator[str]:
    """The tree of an object by the attributes that hold networks, never deeper or longer than it may be."""
    left = [(0, root)]
    for _ in range(MAX_PARTS):
        if not left:
            return
        depth, value = left.pop()
        if not isinstance(value, ObjectStub):
            yield "  " * depth + described(value)
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


def _labels(codec: object, encoding: str, tell: Callable[[str], object]) -> tuple[tuple[int, str], ...] | None:
    table = codec.get("code2char") if isinstance(codec, ObjectStub) else None
    if not isinstance(table, dict) or len(table) > MAX_CLASSES:
        return None
    labels: list[tuple[int, str]] = []
    left = MAX_LABEL_TEXT
    for key, char in table.items():
        code = _number(key)
        if isinstance(char, bytes):
            # No encoding is known; to guess one would be to invent a character.
            char = char.decode(encoding, "backslashreplace")
        if isinstance(char, str) and code is not None and 0 <= code < MAX_CLASSES:
            left -= len(char[:MAX_LABEL])
            if left < 0:
                tell(f"only the first {len(labels)} of {len(table)} labels are known")
                break
            labels.append((code, char[:MAX_LABEL]))
    return tuple(sorted(labels))
