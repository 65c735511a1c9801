"""Read a pyrnn file in a bounded child process; only plain facts and arrays come back.

CPython's unpickler can be made to allocate gigabytes by a memo index, to loop for minutes by equal
hashes, and to crash by deep nesting. None of that can be checked beforehand at a bearable price, so
the load runs in a forked child with a limit on its memory, no core file, and a parent that waits no
longer than it wants to. What comes back is JSON and raw array bytes, never a pickle.

Where the system has no `fork` or `resource` (Windows), the load runs in this process without these
bounds; on macOS the memory limit does not cover all allocations. What is refused is the same.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import select
import signal
import struct
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final, NoReturn

import numpy as np

from . import errors
from .errors import CorruptPickleError, LoadLimitError, Pyrnn2Hdf5Error
from .model import Codec, LineNormalizer, Model, Source, TrainingRecord, arrays_of, network_of
from .source import Limits, SourceFacts

POSIX: Final = hasattr(os, "fork")
if POSIX:
    import resource

Loaded = tuple[Model, SourceFacts]
CHUNK: Final = 2**20
HEADER: Final = struct.Struct("<Q")


def bounded(load: Callable[[], Loaded], limits: Limits) -> Loaded:
    """Run `load` in a child process within `limits` and hand back what it returns or raises.

    Raises `LoadLimitError` where a limit is met, `CorruptPickleError` where the child crashes.
    """
    if not POSIX:
        return load()
    message, status = _in_child(lambda: _run(load, limits), limits.seconds)
    if message is None or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU):
        raise LoadLimitError("time", f"{limits.seconds:g} s", "--max-seconds")
    if os.WIFSIGNALED(status):
        name = signal.Signals(os.WTERMSIG(status)).name
        raise CorruptPickleError(f"loading ended by {name}: the pickle nests too deep or is made to crash a reader")
    return _decode(message)


def _in_child(work: Callable[[], bytes], seconds: float) -> tuple[bytes | None, int]:
    """What `work` returns in a forked child, None if it took longer, and the child's wait status."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        # BLAS threads sleep while the child reads a file; it calls nothing that needs them.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        _be_child(work, reader, writer)
    os.close(writer)
    try:
        message = _receive(reader, time.monotonic() + seconds)
    except BaseException:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise
    finally:
        os.close(reader)
    if message is None:
        os.kill(child, signal.SIGKILL)
    return message, os.waitpid(child, 0)[1]


def _receive(reader: int, deadline: float) -> bytes | None:
    received = bytearray()
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([reader], [], [], left)[0]:
            return None
        data = os.read(reader, CHUNK)
        if not data:
            return bytes(received)
        received += data


def _be_child(work: Callable[[], bytes], reader: int, writer: int) -> NoReturn:
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        # A crash is told by the parent, in one line.
        faulthandler.disable()
        os.close(reader)
        message = memoryview(work())
        while message:
            message = message[os.write(writer, message) :]
    finally:
        # Whatever happened, nothing of the parent's program runs twice.
        os._exit(0)


def _run(load: Callable[[], Loaded], limits: Limits) -> bytes:
    _limit(limits)
    try:
        model, facts = load()
        return _encode(model, facts)
    except MemoryError:
        return _encode_error(LoadLimitError("memory", f"{limits.memory // 2**20} MiB", "--max-memory"))
    except (Pyrnn2Hdf5Error, OSError) as error:
        return _encode_error(error)


def _limit(limits: Limits) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # Ends a child whose parent was killed.
    cpu = int(limits.seconds) + 2
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (cpu, cpu))
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_DATA, (_data_size() + limits.memory,) * 2)


def _data_size() -> int:
    """Bytes of data this process has now, as RLIMIT_DATA counts them; 0 where nothing tells."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as file:  # noqa: PTH123
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmData:"))
    except (OSError, StopIteration):
        return 0


def _encode(model: Model, facts: SourceFacts) -> bytes:
    arrays: dict[str, np.ndarray[Any, Any]] = dict(arrays_of(model.network))
    training = None
    if model.training:
        arrays["error"], arrays["character_errors"] = model.training.error, model.training.character_errors
        training = {
            name: getattr(model.training, name) for name in ("last_trial", "commands", "lines", "lines_per_point")
        }
    normalizer = model.line_normalizer
    header = {
        "Ni": model.Ni,
        "No": model.No,
        "Ns": model.Ns,
        "codec": model.codec.labels if model.codec else None,
        "line_normalizer": [normalizer.kind, normalizer.parameters] if normalizer else None,
        "training": training,
        "normalize": model.normalize,
        "source": asdict(model.source) if model.source else None,
        "notes": model.notes,
        "facts": asdict(facts),
        "arrays": [[name, array.dtype.str, array.shape] for name, array in arrays.items()],
    }
    return _message(header, *(array.tobytes() for array in arrays.values()))


def _encode_error(error: Exception) -> bytes:
    if isinstance(error, OSError):
        return _message({"oserror": [error.errno, error.strerror, os.fsdecode(error.filename or "")]})
    return _message({"error": [type(error).__name__, str(error)]})


def _message(header: dict[str, Any], *payload: bytes) -> bytes:
    text = json.dumps(header).encode("ascii")
    return b"".join((HEADER.pack(len(text)), text, *payload))


def _decode(message: bytes) -> Loaded:
    if len(message) < HEADER.size:
        raise CorruptPickleError("loading ended without a result: the pickle is made to crash a reader")
    start = HEADER.size + HEADER.unpack_from(message)[0]
    header = json.loads(message[HEADER.size : start])
    if "oserror" in header:
        number, text, filename = header["oserror"]
        raise OSError(number, text, filename or None)
    if "error" in header:
        kind, text = header["error"]
        raise _error(kind, text)
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    for name, dtype, shape in header["arrays"]:
        count = int(np.prod(shape, dtype=np.int64))
        arrays[name] = np.frombuffer(message, dtype, count, start).reshape(shape)
        start += arrays[name].nbytes
    training = header["training"]
    if training:
        training["commands"] = tuple(training["commands"])
        training = TrainingRecord(error=arrays["error"], character_errors=arrays["character_errors"], **training)
    normalizer = header["line_normalizer"]
    facts = SourceFacts(**header["facts"])
    model = Model(
        Ni=header["Ni"],
        No=header["No"],
        network=network_of(arrays, header["Ni"], header["Ns"], header["No"]),
        codec=None if header["codec"] is None else Codec(tuple(header["codec"])),
        line_normalizer=_line_normalizer(*normalizer) if normalizer else None,
        training=training,
        normalize=header["normalize"],
        source=Source(**header["source"]) if header["source"] else None,
        notes=tuple(header["notes"]),
    )
    return model, facts


def _line_normalizer(kind: str, parameters: list[Any]) -> LineNormalizer:
    # JSON made lists of tuples.
    return LineNormalizer(kind, tuple((name, tuple(v) if isinstance(v, list) else v) for name, v in parameters))


def _error(kind: str, text: str) -> Pyrnn2Hdf5Error:
    """An error of this package by the name of its class, its message as it was."""
    found = getattr(errors, kind, None)
    error_type = found if isinstance(found, type) and issubclass(found, Pyrnn2Hdf5Error) else Pyrnn2Hdf5Error
    # Some constructors build the message; this one is built already.
    error: Pyrnn2Hdf5Error = error_type.__new__(error_type, text)
    return error
