"""What a pickle names, told by the unpickler itself, and what that means.

Every name becomes an inert stub that takes any call and any state, so that the pickle is followed to its
end as Python would follow it, also where names are computed, and nothing is executed or imported.
"""

from __future__ import annotations

import contextlib
import copyreg
import pickle
import re
from collections.abc import Callable, Iterator
from typing import IO, ClassVar, Final

from ..errors import CorruptPickleError
from .stubs import StubType
from .unpickler import MAX_NAME, collector_off, stub_of

MAX_GLOBALS: Final = 1000
"""Most different names listed, and as many dangerous ones, which others must not hide; real files have up to 20."""

MAX_CALLS: Final = 8
"""Most different calls of one name that are told."""

MAX_ARGUMENT: Final = 80
"""Longest argument of a call that is told whole."""

MAX_EXTENSIONS: Final = 16
"""Most different extension codes that a pickle is followed through."""

EXTENSION: Final = "extension code"
UNREGISTERED: Final = re.compile(rf"unregistered {EXTENSION} (\d+)")

_MODULES = (
    "os posix nt ntpath posixpath subprocess popen2 commands platform pty sys site runpy code codeop "
    "importlib imp pkgutil zipimport pip setuptools distutils ensurepip venv ctypes _ctypes cffi mmap "
    "signal threading _thread thread multiprocessing concurrent asyncio sched atexit shutil pathlib "
    "tempfile glob fileinput io _io linecache zipfile tarfile gzip bz2 lzma shelve dbm sqlite3 socket "
    "_socket ssl select socketserver SocketServer http httplib urllib urllib2 urllib3 requests ftplib "
    "smtplib poplib imaplib telnetlib nntplib xmlrpc xmlrpclib webbrowser antigravity pickle _pickle "
    "cPickle marshal dill cloudpickle joblib torch pdb bdb cProfile profile trace timeit doctest unittest "
    "test inspect gc ast types functools operator itertools logging turtle idlelib lib2to3 pydoc "
    "rlcompleter"
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
        ("numpy", "load loadtxt genfromtxt fromfile fromregex memmap save savetxt savez f2py distutils"),
        ("numpy.core.multiarray numpy._core.multiarray", "fromfile"),
        ("numpy.testing._private.utils", "runstring"),
        ("codecs _codecs", "open lookup register"),
        ("copy_reg copyreg", "add_extension"),
    )
    for module in modules.split()
    for name in names.split()
)
"""Single names of the same kind in modules that are harmless as a whole."""


def verdict_of(module: str, name: str) -> str:
    """What a name means: `allowed`, `unknown` or `dangerous`; see `Global`."""
    if module and stub_of(module, name):
        return "allowed"
    path = f"{module}.{name}"
    parts = path.split(".")
    below = {".".join(parts[:count]) for count in range(1, len(parts) + 1)}
    return "dangerous" if parts[0] in DANGEROUS_MODULES or below & DANGEROUS_NAMES else "unknown"


class Names:
    """Names and calls as they are met. `tell` hears of each the first time: (module, name, verdict), or with arguments.

    `unlisted` counts the uses of names beyond `MAX_GLOBALS`.
    """

    def __init__(self, tell: Callable[[tuple[str, ...]], object]) -> None:
        self._tell = tell
        self._calls: dict[tuple[str, str], set[str]] = {}
        self.unlisted = 0

    def note(self, module: str, name: str) -> None:
        """A name is looked up."""
        key = module[:MAX_NAME], name[:MAX_NAME]
        if key in self._calls:
            return
        verdict = verdict_of(*key)
        if len(self._calls) < MAX_GLOBALS * (2 if verdict == "dangerous" else 1):
            self._calls[key] = set()
            self._tell((*key, verdict))
        else:
            self.unlisted += 1

    def note_call(self, module: str, name: str, arguments: tuple[object, ...]) -> None:
        """A name is called."""
        key = module[:MAX_NAME], name[:MAX_NAME]
        told, verdict = self._calls.get(key), verdict_of(*key)
        if told is None or len(told) == MAX_CALLS or verdict != "dangerous":
            return
        said = ", ".join(map(_described, arguments[:MAX_CALLS])) + (", ..." if len(arguments) > MAX_CALLS else "")
        if said not in told:
            told.add(said)
            self._tell((*key, verdict, said))


def _described(argument: object, depth: int = 2) -> str:
    if isinstance(argument, (str, bytes)):
        return f"{argument[:MAX_ARGUMENT]!r}" + ("..." if len(argument) > MAX_ARGUMENT else "")
    if isinstance(argument, (tuple, list)) and depth:
        items = [_described(item, depth - 1) for item in argument[:MAX_CALLS]]
        return f"({', '.join(items)}{', ...' if len(argument) > MAX_CALLS else ''})"
    if (isinstance(argument, int) and abs(argument) < 2**64) or isinstance(argument, (float, type(None))):
        return repr(argument)
    if isinstance(argument, Inert):
        return f"{argument.path}(...)"
    return argument.path if isinstance(argument, InertType) else f"a {type(argument).__name__}"


class InertType(StubType):
    """Metaclass of inert stubs: the name itself takes what an instance takes."""

    path: str

    def __setitem__(self, key: object, value: object) -> None:
        pass


def _take(*_: object) -> None:
    """What there is to take, of an instance or of the class itself."""


class Inert(metaclass=InertType):
    """What any name becomes: it may be called, given a state, and filled as any container is; nothing happens."""

    __slots__ = ()
    path: ClassVar[str] = ""
    heard: ClassVar[Callable[[tuple[object, ...]], object]] = staticmethod(lambda arguments: None)

    def __new__(cls, *arguments: object, **_: object) -> Inert:
        cls.heard(arguments)
        return object.__new__(cls)

    def __init__(self, *arguments: object, **options: object) -> None:
        pass

    def __call__(self, *arguments: object) -> Inert:
        return self

    def __setitem__(self, key: object, value: object) -> None:
        pass

    __setstate__ = append = extend = add = staticmethod(_take)


class _Auditor(pickle.Unpickler):
    """An unpickler to which every name is inert."""

    def __init__(self, stream: IO[bytes], names: Names) -> None:
        super().__init__(stream, fix_imports=False, encoding="bytes", buffers=self._buffers())
        self._names = names

    def find_class(self, module: str, name: str) -> InertType:
        if module == EXTENSION:
            module, name = "", "an extension code"
        self._names.note(module, name)
        heard = staticmethod(lambda arguments: self._names.note_call(module, name, arguments))
        path = f"{module}.{name}"[:MAX_NAME]
        return InertType("Inert", (Inert,), {"__slots__": (), "path": path, "heard": heard})

    def persistent_load(self, pid: object) -> Inert:
        self._names.note("", "a persistent id")
        return Inert()

    def _buffers(self) -> Iterator[bytes]:
        while True:
            self._names.note("", "an out-of-band buffer")
            yield b""


def audit(reopen: Callable[[], IO[bytes]], names: Names) -> None:
    """Follow the first pickle of a stream to its end and note what it names.

    `reopen` gives the stream from its beginning. Raises `CorruptPickleError` where the pickle ends too
    early or is malformed, `MemoryError`, and what the stream raises.
    """
    codes: list[int] = []
    copyreg.clear_extension_cache()
    try:
        with collector_off():
            while (code := _follow(reopen(), names)) is not None:
                if len(codes) == MAX_EXTENSIONS:
                    raise CorruptPickleError(f"extension codes: expected at most {MAX_EXTENSIONS}, got more")
                codes.append(code)
                # Only a registered code leads to `find_class`.
                copyreg.add_extension(EXTENSION, str(code), code)
    except (OSError, MemoryError, CorruptPickleError):
        raise
    except Exception as error:
        raise CorruptPickleError(f"malformed pickle: {error}") from error
    finally:
        for number in codes:
            with contextlib.suppress(ValueError):
                copyreg.remove_extension(EXTENSION, str(number), number)
        copyreg.clear_extension_cache()


def _follow(stream: IO[bytes], names: Names) -> int | None:
    """Load a pickle; an extension code that nobody has registered, where one stops it."""
    try:
        _Auditor(stream, names).load()
    except ValueError as error:
        if code := UNREGISTERED.search(str(error)):
            return int(code[1])
        raise
    return None
