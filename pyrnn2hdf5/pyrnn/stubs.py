"""Inert stand-ins for everything a pyrnn pickle may name; NumPy's part is in `numpy_stubs`.

A stub keeps what the file says about an object and does nothing else: no NumPy reconstructor, no
OCRopus code and no import is ever reached. Stub classes cannot be altered, instances hold one slot
that is filled once, and no attribute of the file becomes an attribute of Python.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final

from ..errors import CorruptPickleError

MAX_ATTRIBUTES: Final = 256
"""Most attributes one object may have. The largest real one, an LSTM with all its buffers, has 56."""


class StubType(type):
    """Metaclass of all stubs: a file must not change a class for the next file."""

    def __setattr__(cls, name: str, value: object) -> None:
        raise CorruptPickleError(f"refused to set {name[:60]!r} on class {cls.__name__}")

    def __delattr__(cls, name: str) -> None:
        raise CorruptPickleError(f"refused to delete {name[:60]!r} from class {cls.__name__}")


class ObjectStub(metaclass=StubType):
    """An instance of an OCRopus class: its attributes as a dict from attribute name to value."""

    __slots__ = ("state",)
    path: ClassVar[str] = ""
    """Full name of the class, as the pickle spells it."""

    state: Mapping[str, Any]

    def __new__(cls, *arguments: object) -> ObjectStub:
        if arguments:
            raise CorruptPickleError(f"{cls.path}: expected no constructor arguments, got {len(arguments)}")
        stub = object.__new__(cls)
        stub.state = {}
        return stub

    def __setstate__(self, state: object) -> None:
        if self.state:
            raise CorruptPickleError(f"{self.path}: state is set twice")
        self.state = _attributes(self.path, state)

    def get(self, name: str) -> Any:
        """The attribute, or None where the file has none of that name."""
        return self.state.get(name)


def _attributes(path: str, state: object) -> dict[str, Any]:
    """State of an object, either a dict or (dict, dict of slots), keyed by str."""
    parts = state if isinstance(state, tuple) and len(state) == 2 else (state,)
    attributes: dict[str, Any] = {}
    for part in parts:
        if part is None:
            continue
        if type(part) is not dict:
            raise CorruptPickleError(f"{path}: expected a dict as state, got {type(part).__name__}")
        if len(part) > MAX_ATTRIBUTES:
            raise CorruptPickleError(f"{path}: expected at most {MAX_ATTRIBUTES} attributes, got {len(part)}")
        for key, value in part.items():
            name = key.decode("latin-1") if type(key) is bytes else key
            if type(name) is not str:
                raise CorruptPickleError(f"{path}: expected a string as attribute name, got {type(key).__name__}")
            if name in attributes:
                raise CorruptPickleError(f"{path}: attribute {name[:60]!r} is set twice")
            attributes[name] = value
    return attributes


class FunctionStub(metaclass=StubType):
    """A function known by its name only."""

    path: ClassVar[str] = ""

    def __new__(cls, *arguments: object) -> FunctionStub:
        raise CorruptPickleError(f"refused to call {cls.path}")


class NdarrayType(FunctionStub):
    """`numpy.ndarray`, an argument of `_reconstruct`."""

    path = "numpy.ndarray"


class ListType(FunctionStub):
    """`list`, the default factory of a defaultdict."""

    path = "list"


class ObjectType(FunctionStub):
    """`object`, an argument of `copy_reg._reconstructor`."""

    path = "object"


class InertType(StubType):
    """Metaclass of inert stubs: the name itself takes what an instance takes."""

    path: str
    result: InertType | None

    def __setitem__(cls, key: object, value: object) -> None:
        pass


def _take(*_: object) -> None:
    """What there is to take."""


class Inert(metaclass=InertType):
    """What any name becomes: it may be called, given a state, and filled as any container is; nothing happens.

    There are no instances: a call gives `result`, a type again, for Python may go on to use it as one.
    """

    __slots__ = ()
    path: ClassVar[str] = ""
    heard: ClassVar[Callable[[tuple[object, ...]], object]] = staticmethod(lambda arguments: None)
    result: ClassVar[InertType | None] = None

    def __new__(cls, *arguments: object, **_: object) -> Any:
        cls.heard(arguments)
        return cls.result or cls

    __setstate__ = append = extend = add = staticmethod(_take)


def inert(path: str, heard: Callable[[tuple[object, ...]], object]) -> InertType:
    """A stub of this name, which tells the arguments it is called with."""
    parts = {"__slots__": (), "path": path, "heard": staticmethod(heard)}
    return InertType("Inert", (Inert,), parts | {"result": InertType("Inert", (Inert,), {"path": f"{path}(...)"})})


class DictStub(dict[Any, Any], metaclass=StubType):
    """A defaultdict without its default."""

    __slots__ = ()

    def __new__(cls, factory: object = None) -> DictStub:
        if factory is not None and not (isinstance(factory, StubType) and issubclass(factory, (FunctionStub, Inert))):
            raise CorruptPickleError("collections.defaultdict: expected a type as factory")
        return dict.__new__(cls)

    def __init__(self, factory: object = None) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        raise CorruptPickleError("collections.defaultdict: expected no state")


class OrderedDictStub(dict[Any, Any], metaclass=StubType):
    """An OrderedDict; Python 2 hands its items over as a list of pairs, Python 3 sets them."""

    __slots__ = ()

    def __new__(cls, pairs: object = ()) -> OrderedDictStub:
        return dict.__new__(cls)

    def __init__(self, pairs: object = ()) -> None:
        if not isinstance(pairs, (list, tuple)):
            raise CorruptPickleError("collections.OrderedDict: expected a list of pairs")
        dict.__init__(self, pairs)

    def __setstate__(self, state: object) -> None:
        raise CorruptPickleError("collections.OrderedDict: expected no state")


class ValueStub(metaclass=StubType):
    """A set, deque, counter or date, which no part of a recognizer is: nothing is kept."""

    __slots__ = ()
    path: ClassVar[str] = ""

    def __new__(cls, *arguments: object) -> ValueStub:
        return object.__new__(cls)

    def extend(self, items: object) -> None:
        """A deque of Python 3 is filled as a list is."""

    def __setstate__(self, state: object) -> None:
        raise CorruptPickleError(f"{self.path}: expected no state")


class ReconstructorStub(metaclass=StubType):
    """`copy_reg._reconstructor(class, object, None)`: an empty instance of a new-style class."""

    def __new__(cls, kind: object, base: object, state: object) -> Any:
        if isinstance(kind, InertType):
            return kind(base, state)
        if not (isinstance(kind, StubType) and issubclass(kind, ObjectStub)):
            raise CorruptPickleError("copy_reg._reconstructor: expected an OCRopus class")
        if base is not ObjectType or state is not None:
            raise CorruptPickleError(f"copy_reg._reconstructor: expected {kind.path} to derive from object")
        return kind()


class EncodeStub(metaclass=StubType):
    """`_codecs.encode(text, "latin1")`: how Python 3 writes bytes in protocols 0 to 2."""

    def __new__(cls, text: object, encoding: object) -> Any:
        if type(text) is not str or encoding not in ("latin1", "latin-1", b"latin1", b"latin-1"):
            raise CorruptPickleError("_codecs.encode: expected text and 'latin1'")
        return text.encode("latin-1")


class BytesStub(metaclass=StubType):
    """`bytes()` and `bytearray(...)`: how Python 3 writes empty bytes, and byte arrays before protocol 5."""

    def __new__(cls, data: object = b"", encoding: object = "latin-1") -> Any:
        if type(data) is str:
            return EncodeStub(data, encoding)
        if type(data) is not bytes:
            raise CorruptPickleError("bytes: expected bytes")
        return data
