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
import json
import os
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from . import child, errors
from .errors import CorruptPickleError, LoadLimitError, Pyrnn2Hdf5Error
from .model import Codec, LineNormalizer, Model, Source, TrainingRecord, arrays_of, network_of
from .source import Limits, SourceFacts

if child.POSIX:
    import resource

Loaded = tuple[Model, SourceFacts]
HEADER: Final = struct.Struct("<Q")


def bounded(load: Callable[[], Loaded], limits: Limits) -> Loaded:
    """Run `load` in a child process within `limits` and hand back what it returns or raises.

    Raises `LoadLimitError` where a limit is met, `CorruptPickleError` where the child crashes.
    """
    if not child.POSIX:
        return load()
    return _decode(_survived(child.run(lambda: _run(lambda: _encode(*load()), limits), limits.seconds), limits))


@contextmanager
def alongside(gather: Callable[[], dict[str, Any]], limits: Limits) -> Iterator[Callable[[], dict[str, Any]]]:
    """Run `gather` in a child process within `limits` while the body runs.

    What is yielded waits for the child; it returns and raises as `bounded`. `gather` returns what JSON
    can hold; tuples come back as lists.
    """
    if not child.POSIX:
        yield gather
        return
    running = [child.start(lambda: _run(lambda: _message(gather()), limits), limits.seconds)]
    with child.ended_with_us(running):
        yield lambda: _header(_survived(child.finish(running.pop()), limits))[0]


def _survived(ending: child.Ending, limits: Limits) -> bytes:
    """What a child handed back, unless it met a limit or crashed."""
    if ending.timed_out or ending.signal_name == "SIGXCPU":
        raise LoadLimitError("time", f"{limits.seconds:g} s", "--max-seconds")
    if ending.signal_name:
        raise CorruptPickleError(
            f"loading ended by {ending.signal_name}: the pickle nests too deep or is made to crash a reader"
        )
    return ending.message


def _run(work: Callable[[], bytes], limits: Limits) -> bytes:
    _limit(limits)
    try:
        return work()
    except MemoryError:
        return _encode_error(LoadLimitError("memory", f"{limits.memory // 2**20} MiB", "--max-memory"))
    except (Pyrnn2Hdf5Error, OSError) as error:
        return _encode_error(error)
    except Exception as error:
        return _encode_error(CorruptPickleError(f"malformed pickle: {type(error).__name__}: {error}"))


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
    text = json.dumps(_packed(header)).encode("ascii")
    return b"".join((HEADER.pack(len(text)), text, *payload))


def _packed(value: Any) -> Any:
    """JSON would join two lone surrogates that follow each other; as bytes they stay two."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass").decode("latin-1")
    if isinstance(value, (list, tuple)):
        return [_packed(item) for item in value]
    return {key: _packed(item) for key, item in value.items()} if isinstance(value, dict) else value


def _unpacked(value: Any) -> Any:
    """The inverse of `_packed`, but for tuples, which come back as lists."""
    if isinstance(value, str):
        return value.encode("latin-1").decode("utf-8", "surrogatepass")
    if isinstance(value, list):
        return [_unpacked(item) for item in value]
    return {key: _unpacked(item) for key, item in value.items()} if isinstance(value, dict) else value


def _header(message: bytes) -> tuple[dict[str, Any], int]:
    """The JSON of a message, and where the arrays begin. Raises the error the child met."""
    if len(message) < HEADER.size:
        raise CorruptPickleError("loading ended without a result: the pickle is made to crash a reader")
    start = HEADER.size + HEADER.unpack_from(message)[0]
    header = _unpacked(json.loads(message[HEADER.size : start]))
    if "oserror" in header:
        number, text, filename = header["oserror"]
        raise OSError(number, text, filename or None)
    if "error" in header:
        kind, text = header["error"]
        raise _error(kind, text)
    return header, start


def _decode(message: bytes) -> Loaded:
    header, start = _header(message)
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
