"""Write pickles opcode by opcode, in every dialect models were written in.

No class of OCRopus exists here, so nothing can pickle them for us: a `Writer` knows the opcodes of
its protocol, `Obj` and `Array` say what an instance or array looks like in the file.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Name:
    """A global."""

    module: str
    name: str


@dataclass(frozen=True, eq=False)
class Obj:
    """An instance of a class with its attributes; without any there is no BUILD at all."""

    kind: Name
    state: Mapping[Any, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Text:
    """A string that is Unicode in Python 2 as well."""

    text: str


@dataclass(frozen=True)
class Call:
    """A REDUCE of a global."""

    kind: Name
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Scalar:
    """A NumPy scalar."""

    value: Any


@dataclass(frozen=True)
class Raw:
    """Opcodes as they are; they must leave one object on the stack."""

    opcodes: bytes


@dataclass(frozen=True)
class Dialect:
    """How a writer wrote: protocol, Python 2 or 3, kind of instances, name of NumPy's core."""

    protocol: int = 2
    python: int = 2
    style: str = "OBJ"  # INST, OBJ, NEWOBJ, reconstructor
    core: str = "numpy.core"
    memoize: bool = False


DIALECTS = [
    Dialect(protocol, python, style, core)
    for protocol in range(6)
    for python in (2, 3)
    for style in ("INST", "OBJ", "NEWOBJ", "reconstructor")
    for core in ("numpy.core", "numpy._core")
    if python == 3 or protocol <= 2
]


class Writer:
    """Turns values into one pickle of a dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.out = bytearray()
        self.memo: dict[int, int] = {}
        self.kept: list[Any] = []

    def dump(self, value: Any) -> bytes:
        if self.dialect.protocol >= 2:
            self.out += b"\x80" + bytes([self.dialect.protocol])
        self.save(value)
        return bytes(self.out) + b"."

    def save(self, value: Any) -> None:
        if isinstance(value, (Obj, np.ndarray)) and id(value) in self.memo:
            self._get(self.memo[id(value)])
            return
        saver = getattr(self, f"_save_{type(value).__name__}")
        saver(value)

    def _put(self, value: Any) -> None:
        index = self.memo[id(value)] = len(self.memo)
        self.kept.append(value)
        if self.dialect.protocol == 0:
            self.out += b"p%d\n" % index
        elif self.dialect.protocol >= 4:
            self.out += b"\x94"
        else:
            self.out += b"r" + struct.pack("<I", index)

    def _get(self, index: int) -> None:
        self.out += b"g%d\n" % index if self.dialect.protocol == 0 else b"j" + struct.pack("<I", index)

    def _save_NoneType(self, value: None) -> None:
        self.out += b"N"

    def _save_bool(self, value: bool) -> None:
        if self.dialect.protocol >= 2:
            self.out += b"\x88" if value else b"\x89"
        else:
            self.out += b"I01\n" if value else b"I00\n"

    def _save_int(self, value: int) -> None:
        if self.dialect.protocol == 0 or not -(2**31) <= value < 2**31:
            self.out += b"L%dL\n" % value if self.dialect.python == 2 else b"I%d\n" % value
        else:
            self.out += b"J" + struct.pack("<i", value)

    def _save_float(self, value: float) -> None:
        self.out += b"F%r\n" % value if self.dialect.protocol == 0 else b"G" + struct.pack(">d", value)

    def _save_str(self, value: str) -> None:
        """A native string: bytes in Python 2, Unicode in Python 3."""
        if self.dialect.python == 3:
            self._save_Text(Text(value))
        else:
            self._save_bytes(value.encode("ascii"))

    def _save_Text(self, value: Text) -> None:
        if self.dialect.protocol == 0:
            raw = value.text.replace("\\", "\\u005c").replace("\0", "\\u0000").replace("\n", "\\u000a")
            raw = raw.replace("\r", "\\u000d").replace("\x1a", "\\u001a")
            self.out += b"V" + raw.encode("raw-unicode-escape") + b"\n"
        else:
            data = value.text.encode("utf-8", "surrogatepass")
            self.out += b"X" + struct.pack("<I", len(data)) + data

    def _save_bytes(self, value: bytes) -> None:
        if self.dialect.python == 3 and self.dialect.protocol < 3:
            if value:
                arguments = (Text(value.decode("latin-1")), Text("latin1"))
                self._save_Call(Call(Name("_codecs", "encode"), arguments))
            else:
                self._save_Call(Call(Name("__builtin__", "bytes"), ()))
        elif self.dialect.python == 3:
            self.out += b"B" + struct.pack("<I", len(value)) + value
        elif self.dialect.protocol == 0:
            self.out += b"S'" + "".join(f"\\x{byte:02x}" for byte in value).encode() + b"'\n"
        else:
            self.out += b"T" + struct.pack("<i", len(value)) + value

    def _save_list(self, value: list[Any]) -> None:
        self.out += b"(l" if self.dialect.protocol == 0 else b"]"
        for item in value:
            self.save(item)
            self.out += b"a"

    def _save_tuple(self, value: tuple[Any, ...]) -> None:
        self.out += b"("
        for item in value:
            self.save(item)
        self.out += b"t"

    def _save_dict(self, value: dict[Any, Any]) -> None:
        self.out += b"(d" if self.dialect.protocol == 0 else b"}"
        for key, item in value.items():
            self.save(key)
            self.save(item)
            self.out += b"s"

    def _save_Name(self, value: Name) -> None:
        if self.dialect.protocol >= 4:
            self._save_Text(Text(value.module))
            self._save_Text(Text(value.name))
            self.out += b"\x93"
        else:
            self.out += f"c{value.module}\n{value.name}\n".encode()

    def _save_Call(self, value: Call) -> None:
        self.save(value.kind)
        self.save(value.arguments)
        self.out += b"R"

    def _save_Raw(self, value: Raw) -> None:
        self.out += value.opcodes

    def _save_Obj(self, value: Obj) -> None:
        style = self.dialect.style
        if style == "INST":
            self.out += f"(i{value.kind.module}\n{value.kind.name}\n".encode()
        elif style == "OBJ":
            self.out += b"("
            self.save(value.kind)
            self.out += b"o"
        elif style == "NEWOBJ":
            self.save(value.kind)
            self.out += b")\x81"
        else:
            copy_reg, builtin = ("copyreg", "builtins") if self.dialect.protocol > 2 else ("copy_reg", "__builtin__")
            self._save_Call(Call(Name(copy_reg, "_reconstructor"), (value.kind, Name(builtin, "object"), None)))
        self._put(value)
        if value.state:
            self.save(dict(value.state))
            self.out += b"b"

    def _dtype(self, dtype: np.dtype[Any]) -> None:
        # The unit of a date stands in the state.
        code, order = dtype.str[1:].split("[")[0], dtype.str[0]
        self._save_Call(Call(Name("numpy", "dtype"), (code, False, True)))
        state = (3, order, None, None, None, -1, -1, 0)
        self.save(state)
        self.out += b"b"

    def _save_ndarray(self, value: NDArray[Any]) -> None:
        fortran = value.flags.f_contiguous and not value.flags.c_contiguous
        data = value.tobytes("F" if fortran else "C")
        if self.dialect.protocol >= 5:
            self.save(Name(f"{self.dialect.core}.numeric", "_frombuffer"))
            self.out += b"("
            # NumPy hands over the buffer of a writable array, which is pickled as a bytearray.
            self.out += b"\x96" + struct.pack("<Q", len(data)) + data
            self._dtype(value.dtype)
            self.save(value.shape)
            self.save("F" if fortran else "C")
            self.out += b"tR"
            self._put(value)
            return
        arguments = (Name("numpy", "ndarray"), (0,), b"b")
        self._save_Call(Call(Name(f"{self.dialect.core}.multiarray", "_reconstruct"), arguments))
        self._put(value)
        self.out += b"("
        self.save(1)
        self.save(value.shape)
        self._dtype(value.dtype)
        self.save(bool(fortran))
        self.save(data)
        self.out += b"tb"

    def _save_Scalar(self, value: Scalar) -> None:
        array = np.asarray(value.value)
        self.save(Name(f"{self.dialect.core}.multiarray", "scalar"))
        self.out += b"("
        self._dtype(array.dtype)
        self.save(array.tobytes())
        self.out += b"tR"


def dump(value: Any, dialect: Dialect | None = None) -> bytes:
    """One pickle."""
    return Writer(dialect or Dialect()).dump(value)


def lstm_state(random: np.random.RandomState, Ni: int, Ns: int) -> dict[str, Any]:
    """Attributes of one LSTM with random weights."""
    Na = 1 + Ni + Ns
    state: dict[str, Any] = {"dims": (Ni, Ns, Na)}
    for name in ("WGI", "WGF", "WGO", "WCI"):
        state[name] = random.normal(size=(Ns, Na))
        state["D" + name] = np.zeros((Ns, Na))
    for name in ("WIP", "WFP", "WOP"):
        state[name] = random.normal(size=Ns)
    state["gix"] = np.full((2, Ns), np.nan)
    return state


def recognizer(
    Ni: int = 4,
    Ns: int = 3,
    codec: Mapping[Any, Any] | None = None,
    *,
    No: int | None = None,
    seed: int = 0,
    lstm: str = "ocrolib.lstm",
    lineest: str = "ocrolib.lineest",
    changes: Mapping[str, Any] | None = None,
    forward: Mapping[str, Any] | None = None,
    backward: Mapping[str, Any] | None = None,
    softmax: Mapping[str, Any] | None = None,
) -> Obj:
    """A recognizer with random weights; the mappings change attributes, None takes one away."""
    random = np.random.RandomState(seed)
    table = {0: "", 1: " ", 2: Text("a"), 3: Text("\u00e4")} if codec is None else dict(codec)
    classes = len(table) if No is None else No
    parts = [
        _changed(lstm_state(random, Ni, Ns), forward),
        _changed(lstm_state(random, Ni, Ns), backward),
        _changed({"Nh": 2 * Ns, "No": classes, "W2": random.normal(size=(classes, 1 + 2 * Ns))}, softmax),
    ]
    networks = [Obj(Name(lstm, kind), state) for kind, state in zip(("LSTM", "LSTM", "Softmax"), parts, strict=True)]
    parallel = Obj(Name(lstm, "Parallel"), {"nets": (networks[0], Obj(Name(lstm, "Reversed"), {"net": networks[1]}))})
    state = {
        "Ni": Ni,
        "No": classes,
        "lstm": Obj(Name(lstm, "Stacked"), {"nets": [parallel, networks[2]]}),
        "codec": Obj(Name(lstm, "Codec"), {"code2char": table}),
        "lnorm": Obj(
            Name(lineest, "CenterNormalizer"),
            {"target_height": Ni, "range": 4, "smoothness": 1.0, "extra": 0.3, "mad": 2.5, "center": np.arange(3)},
        ),
        "normalize": Name(lstm, "normalize_nfkc"),
        "last_trial": 7,
        "error_log": [0.5, Scalar(np.float64(0.25))],
        "cerror_log": [(1, 4), (0, 3)],
        "command_log": [["ocropus-rtrain", "-S", "3"]],
        "key_log": ["a.png", "b.png"],
    }
    return Obj(Name(lstm, "SeqRecognizer"), _changed(state, changes))


def _changed(state: dict[str, Any], changes: Mapping[str, Any] | None) -> dict[str, Any]:
    merged = {**state, **(changes or {})}
    return {name: value for name, value in merged.items() if not (changes and name in changes and value is None)}
