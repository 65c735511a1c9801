"""The restricted unpickler: one look-up in one table, and nothing but stubs comes out.

`pickle.Unpickler` in C does the work. Every global goes through `find_class`, which never imports;
persistent ids, extension codes and out-of-band buffers are refused. Python 2 `str` arrives as bytes.
"""

# The pickle module is this project's subject; its dangers are what this module takes away.

from __future__ import annotations

import copyreg
import gc
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, Final, NoReturn

from .errors import CorruptPickleError, Pyrnn2Hdf5Error, UnsafePickleError
from .stubs import (
    ArrayStub,
    BytesStub,
    DictStub,
    DtypeStub,
    EncodeStub,
    FromBufferStub,
    FunctionStub,
    ListType,
    NdarrayType,
    ObjectStub,
    ObjectType,
    ReconstructorStub,
    ScalarStub,
    StubType,
)

PACKAGES: Final = ("ocrolib.", "kraken.lib.", "ocrd_cis.ocropy.ocrolib.", "ocropy.ocrolib.", "lstm.", "")
"""Where the OCRopus modules have lived; the last is a flat copy beside a script."""

MODULES: Final = ("lstm", "lineest", "codec")

CLASSES: Final = (
    *("SeqRecognizer", "Stacked", "Parallel", "Reversed", "LSTM", "Softmax", "Logreg", "MLP"),
    *("Codec", "CenterNormalizer", "MvNormalizer", "LineestNormalizer"),
    *("GradientLineGeometry", "TrainedLineGeometry"),
)

FUNCTIONS: Final = ("normalize_nfkc", "normalize_nfc", "normalize_nfkd", "normalize_nfd", "normalize_text", "normalize")


def _named(base: type[Any], module: str, name: str) -> StubType:
    return StubType(name, (base,), {"__slots__": (), "path": f"{module}.{name}"})


def _table() -> dict[tuple[str, str], StubType]:
    table: dict[tuple[str, str], StubType] = {}
    for module in (package + module for package in PACKAGES for module in MODULES):
        for name in CLASSES:
            table[module, name] = _named(ObjectStub, module, name)
        for name in FUNCTIONS:
            table[module, name] = _named(FunctionStub, module, name)
    for core in ("numpy.core", "numpy._core"):
        table[f"{core}.multiarray", "_reconstruct"] = ArrayStub
        table[f"{core}.multiarray", "scalar"] = ScalarStub
        table[f"{core}.numeric", "_frombuffer"] = FromBufferStub
    table["numpy", "ndarray"] = NdarrayType
    table["numpy", "dtype"] = DtypeStub
    table["_codecs", "encode"] = EncodeStub
    table["collections", "defaultdict"] = DictStub
    for copy_reg in ("copy_reg", "copyreg"):
        table[copy_reg, "_reconstructor"] = ReconstructorStub
    for builtins in ("__builtin__", "builtins"):
        table[builtins, "list"] = ListType
        table[builtins, "object"] = ObjectType
        table[builtins, "bytes"] = BytesStub
        table[builtins, "bytearray"] = BytesStub
    return table


ALLOWED: Final[Mapping[tuple[str, str], StubType]] = _table()
"""Every (module, name) a pickle may mention, and the inert type it becomes."""


class RestrictedUnpickler(pickle.Unpickler):
    """An unpickler that knows the names in `ALLOWED` and no others."""

    def find_class(self, module: str, name: str) -> StubType:
        try:
            return ALLOWED[module, name]
        except KeyError:
            raise UnsafePickleError(f"global {module}.{name}") from None

    def persistent_load(self, pid: object) -> NoReturn:
        raise UnsafePickleError("a persistent id")


@contextmanager
def _collector_off() -> Iterator[None]:
    """No garbage collection: it would walk millions of small tuples again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def unpickle(stream: IO[bytes]) -> object:
    """Load the first pickle of a stream as stubs and plain values.

    Raises `UnsafePickleError` for a name outside the table, `CorruptPickleError` for anything else
    that is wrong with the pickle, `MemoryError`, and what the stream raises.
    """
    # An extension code another library has used already would be served from this cache.
    copyreg.clear_extension_cache()
    with _collector_off():
        try:
            return RestrictedUnpickler(stream, fix_imports=False, encoding="bytes").load()
        except (Pyrnn2Hdf5Error, OSError, MemoryError):
            raise
        except Exception as error:
            raise CorruptPickleError(f"malformed pickle: {error}") from error
