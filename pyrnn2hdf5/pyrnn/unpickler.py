"""The restricted unpickler: one look-up in one table, and nothing but stubs comes out.

`pickle.Unpickler` in C does the work. Every global goes through `find_class`, which never imports;
persistent ids, extension codes and out-of-band buffers are refused. Python 2 `str` arrives as bytes.
"""

# The pickle module is this project's subject; its dangers are what this module takes away.

from __future__ import annotations

import copyreg
import gc
import itertools
import pickle
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, Final, NoReturn

from ..errors import FAILURES, CorruptPickleError, UnsafePickleError
from ..limits import GLOBAL, MAX_MESSAGE
from .numpy_stubs import ArrayStub, DtypeStub, FromBufferStub, ScalarStub
from .stubs import (
    BytesStub,
    DictStub,
    EncodeStub,
    FunctionStub,
    ListType,
    NdarrayType,
    ObjectStub,
    ObjectType,
    OrderedDictStub,
    ReconstructorStub,
    StubType,
    ValueStub,
    inert,
)

PACKAGES: Final = (
    *("ocrolib.", "kraken.lib.", "ocrd_cis.ocropy.ocrolib.", "ocropy.ocrolib.", "ocrolib.ocrolib."),
    *("ocrd_cis.ocropy.", "ocropy.", "ocropy3.ocrolib.", "lstm.", ""),
)
"""Where the OCRopus modules have lived; the last is a flat copy beside a script."""

OCROPUS: Final = tuple(package + module for package in PACKAGES for module in ("lstm", "lineest", "codec"))
"""Every module a class or function of a recognizer may be in; a class is told by its name."""

CLASSES: Final = (
    *("SeqRecognizer", "Stacked", "Parallel", "Reversed", "LSTM", "Softmax", "Logreg", "MLP"),
    *("Codec", "CenterNormalizer", "MvNormalizer", "LineestNormalizer"),
    *("GradientLineGeometry", "TrainedLineGeometry", "LineEstimationModel"),
)

OTHER_CLASSES: Final = (
    *(("ocrolib.mlp", "MLP"), ("ocrolib.mlp", "AutoMLP"), ("ocrolib.ngraphs", "NGraphs")),
    *(("ocrolib.patrec", "PcaKmeans"), ("ocrolib.patrec", "Kmeans"), ("ocrolib.patrec", "HierarchicalSplitter")),
    *(("ocrolib.patrec", f"{kind}Cmodel") for kind in ("Local", "Logistic", "Trivial")),
)
"""What older parts of OCRopus pickled: known, so that they can be told, and part of a line estimator."""

KNOWN: Final = frozenset((*CLASSES, *(name for _, name in OTHER_CLASSES)))
"""Names of classes that tell what an object is, in whatever module a user allows them."""

VALUES: Final = (
    *(("collections", "Counter"), ("collections", "deque")),
    *(("datetime", name) for name in ("datetime", "date", "time", "timedelta")),
)
"""Values that forks keep in attributes of their own: known, so that these do not stop a conversion."""

NUMPY_TYPES: Final = (
    *("bool", "bool_"),
    *(f"{kind}{size}" for kind in ("int", "uint") for size in (8, 16, 32, 64)),
    *("float16", "float32", "float64"),
)
"""Types of numbers by name, as attributes of forks; their values need none of them."""

MAX_NAME: Final = 500
"""Longest name of a refused global that is told."""

MAX_OFFERED: Final = 120
"""Longest name of a refused global that a user is told how to allow."""

NORMALIZE: Final = re.compile(r"normalize\w{0,40}", re.ASCII)
"""Functions that normalize a transcription; forks have their own."""


def _named(base: type[Any], module: str, name: str) -> StubType:
    return StubType(name, (base,), {"__slots__": (), "path": f"{module}.{name}"})


def _table() -> dict[tuple[str, str], StubType]:
    table: dict[tuple[str, str], StubType] = {}
    for module, name in (*itertools.product(OCROPUS, CLASSES), *OTHER_CLASSES):
        table[module, name] = _named(ObjectStub, module, name)
    for core in ("numpy.core", "numpy._core"):
        table[f"{core}.multiarray", "_reconstruct"] = ArrayStub
        table[f"{core}.multiarray", "scalar"] = ScalarStub
        table[f"{core}.numeric", "_frombuffer"] = FromBufferStub
    table["numpy", "ndarray"] = NdarrayType
    table["numpy", "dtype"] = DtypeStub
    table["_codecs", "encode"] = EncodeStub
    table["collections", "defaultdict"] = DictStub
    table["collections", "OrderedDict"] = OrderedDictStub
    for copy_reg in ("copy_reg", "copyreg"):
        table[copy_reg, "_reconstructor"] = ReconstructorStub
    for builtins in ("__builtin__", "builtins"):
        table[builtins, "list"] = ListType
        for name in ("dict", "tuple", "int", "long", "float", "str", "unicode", "bool"):
            table[builtins, name] = _named(FunctionStub, builtins, name)
        table[builtins, "object"] = ObjectType
        for name in ("set", "frozenset"):
            table[builtins, name] = _named(ValueStub, builtins, name)
        table[builtins, "bytes"] = BytesStub
        table[builtins, "bytearray"] = BytesStub
    for module, name in VALUES:
        table[module, name] = _named(ValueStub, module, name)
    for name in ("normalizer_none", "normalizer_normal"):
        table["ocrolib.patrec", name] = _named(FunctionStub, "ocrolib.patrec", name)
    for name in NUMPY_TYPES:
        table["numpy", name] = _named(FunctionStub, "numpy", name)
    return table


ALLOWED: Final[Mapping[tuple[str, str], StubType]] = _table()
"""Every (module, name) a pickle may mention, but for `NORMALIZE`, and the inert type it becomes."""


def stub_of(module: str, name: str) -> StubType | None:
    """What a global becomes: a name in `ALLOWED`, or a function called `NORMALIZE`; None for any other."""
    stub = ALLOWED.get((module, name))
    if stub is None and module in OCROPUS and NORMALIZE.fullmatch(name):
        return _named(FunctionStub, module, name)
    return stub


_MODULES = (
    "os posix nt ntpath posixpath subprocess popen2 commands platform pty sys site runpy code codeop new pipes "
    "importlib imp pkgutil zipimport pip setuptools distutils ensurepip venv ctypes _ctypes cffi mmap fcntl "
    "signal threading _thread thread multiprocessing concurrent asyncio sched atexit shutil pathlib resource "
    "tempfile glob fileinput io _io linecache zipfile tarfile gzip bz2 lzma shelve dbm sqlite3 socket "
    "_socket ssl select socketserver SocketServer http httplib urllib urllib2 urllib3 requests ftplib "
    "smtplib poplib imaplib telnetlib nntplib xmlrpc xmlrpclib webbrowser antigravity pickle _pickle "
    "cPickle marshal dill cloudpickle joblib torch pdb bdb cProfile profile trace timeit doctest unittest "
    "test inspect gc ast types functools operator itertools logging turtle idlelib lib2to3 pydoc "
    "rlcompleter py_compile compileall pandas numexpr sympy yaml pexpect weave fabric git IPython keras "
    "tensorflow h5py PIL matplotlib pylab sh jinja2 mako paramiko psutil docker lxml Cython pyximport"
)
DANGEROUS_MODULES: Final = frozenset(_MODULES.split())
"""Modules of the standard library, and well-known ones beside it, that run programs, reach files or the
network, or make anything else reachable: any name in them, and in what lies below them."""

DANGEROUS_NAMES: Final = frozenset(
    f"{module}.{name}"
    for modules, names in (
        (
            "builtins __builtin__ __builtins__",
            "eval exec execfile compile open file input raw_input apply reload __import__ getattr setattr delattr vars "
            "globals locals breakpoint map filter reduce type memoryview help exit quit",
        ),
        ("numpy", "loadtxt genfromtxt fromfile fromregex memmap savetxt savez DataSource f2py distutils testing lib"),
        ("numpy.core numpy._core", "memmap records"),
        ("numpy.core.multiarray numpy._core.multiarray", "fromfile"),
        ("scipy", "io weave"),
        ("codecs _codecs", "open lookup register"),
        ("copy_reg copyreg", "add_extension"),
    )
    for module in modules.split()
    for name in names.split()
)
"""Single names of the same kind in modules of which others are not."""


RUNS: Final = re.compile(
    r"__\w+__|eval|exec\w*|compile|system|[Pp]open\d?|spawn\w*|[gs]etattr|delattr"
    r"|(?:\w+_)?(?:loads?|open|read|save|write)(?:_\w+)?"
)
"""Names of the same kind in any module: by what they are called they run code, or reach files or all there is."""

HOMES: Final = frozenset(("ocrolib", "ocropy", "ocropus", "kraken"))
"""Packages whose functions run code and shells and reach files: `ocrolib.common.pyconstruct` and `save_object`,
`kraken.lib.models.load_any`. Their modules also hold what they import, such as all of pylab."""


def verdict_of(module: str, name: str) -> str:
    """What a name means: `allowed`, `unknown` or `dangerous`; see `Global`."""
    if module and stub_of(module, name):
        return "allowed"
    # OCRopus' own loader runs `"import " + module`; what is too long to be told could hide anything.
    if (module and not GLOBAL.fullmatch(f"{module}.x")) or max(len(module), len(name)) >= MAX_NAME:
        return "dangerous"
    parts, attributes = f"{module}.{name}".split("."), name.split(".")
    below = {".".join(parts[:count]) for count in range(1, len(parts) + 1)}
    # The fourth protocol looks up attributes of attributes.
    runs = not DANGEROUS_MODULES.isdisjoint((parts[0], *attributes)) or any(map(RUNS.fullmatch, attributes))
    function = not (parts[-1][:1].isupper() or NORMALIZE.fullmatch(parts[-1]))
    at_home = module in OCROPUS or not HOMES.isdisjoint(parts)
    return "dangerous" if runs or below & DANGEROUS_NAMES or (at_home and function) else "unknown"


Note = Callable[..., object]
"""Is told module and name of every global that is looked up, and again with the arguments where one is called
that is kept by name only."""


class RestrictedUnpickler(pickle.Unpickler):
    """An unpickler that knows the globals `stub_of` knows, those a user allows, and no others."""

    def __init__(self, stream: IO[bytes], note: Note, allowed: dict[str, bool]) -> None:
        super().__init__(stream, fix_imports=False, encoding="bytes")
        self._note = note
        self._allowed = allowed

    def find_class(self, module: str, name: str) -> StubType:
        self._note(module, name)
        stub = stub_of(module, name)
        if stub is None:
            path = f"{module}.{name}"
            if path not in self._allowed:
                raise refused_global(module, name)
            self._allowed[path] = True
            if name in KNOWN:
                return _named(ObjectStub, module, name)
            stub = inert(path, lambda arguments: self._note(module, name, arguments))
        return stub

    def persistent_load(self, pid: object) -> NoReturn:
        raise refused("a persistent id")


def refused(what: str) -> UnsafePickleError:
    """The error of a pickle that asks for what no model needs."""
    return UnsafePickleError(f"refused {what}: not part of an OCRopus line recognizer")


def refused_global(module: str, name: str) -> UnsafePickleError:
    """The error of a pickle that names what is neither known nor allowed."""
    error = refused(f"global {module}.{name}"[:MAX_NAME])
    if verdict_of(module, name) == "dangerous":
        return UnsafePickleError(f"{error}; it runs programs or reaches files")
    path = f"{module}.{name}"
    return UnsafePickleError(str(error), remedy=f"allow_globals={path}" if can_be_offered(path) else None)


def can_be_offered(path: str) -> bool:
    """Whether a refused name is one that a user may be told to allow, as far as its spelling goes."""
    return len(path) <= MAX_OFFERED and path.isascii() and bool(GLOBAL.fullmatch(path))


def malformed(error: Exception) -> CorruptPickleError:
    """The error of a pickle with which Python ended in `error`, cut where that quotes much of it."""
    text = str(error)[:MAX_MESSAGE]
    if isinstance(error, EOFError) or text == "pickle data was truncated":
        text += "; it is damaged or cut off: fetch the file again"
    return CorruptPickleError(f"malformed pickle: {text}")


@contextmanager
def collector_off() -> Iterator[None]:
    """No garbage collection: it would walk millions of small tuples again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def unpickle(stream: IO[bytes], note: Note = lambda *_: None, allowed: dict[str, bool] | None = None) -> object:
    """Load the first pickle of a stream as stubs and plain values; `note` is told what it names.

    `allowed` holds names that are none of OCRopus and read all the same, and is set to true for each that is met.

    Raises `UnsafePickleError` for a name outside the table, `CorruptPickleError` for anything else
    that is wrong with the pickle, `MemoryError`, and what the stream raises.
    """
    # An extension code another library has used already would be served from this cache.
    copyreg.clear_extension_cache()
    with collector_off():
        try:
            return RestrictedUnpickler(stream, note, allowed or {}).load()
        except FAILURES:
            raise
        except Exception as error:
            raise malformed(error) from error
