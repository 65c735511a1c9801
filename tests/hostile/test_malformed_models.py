"""Malformed models: refused by the name of the part, or converted to exactly what the file says."""

from __future__ import annotations

import gzip
import io
import pickle
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyrnn2hdf5.errors import InvalidModelError, Pyrnn2Hdf5Error
from pyrnn2hdf5.hdf5.h5py_io import to_hdf5
from pyrnn2hdf5.hdf5.layout import store
from pyrnn2hdf5.hdf5.reader import load_hdf5
from pyrnn2hdf5.model.model import Model
from pyrnn2hdf5.model.network import arrays_of
from pyrnn2hdf5.pyrnn.reader import load_pyrnn

from ..conftest import MODELS
from ..pickles import Dialect, Name, Obj, Raw, Scalar, Text, dump, recognizer
from .promise import refused

LSTM = "ocrolib.lstm"
OTHERS: dict[str, Any] = {
    "a number": 7,
    "below zero": -1,
    "a fraction": 1.5,
    "text": Text("x"),
    "bytes": b"x",
    "a list": [1],
    "a long list": [0] * 1000,
    "a tuple": (1, 2, 3, 4),
    "a dict": {1: 2},
    "an instance": Obj(Name(LSTM, "Reversed"), {"net": 1}),
    "a class": Name(LSTM, "LSTM"),
    "a set": Raw(b"c__builtin__\nset\n)R"),
    "an array": np.zeros(5),
    "an empty array": np.zeros((0, 0)),
    "an array of rank 5": np.zeros((1, 1, 1, 1, 1)),
    "an integer array": np.zeros((9, 9), int),
    "true": True,
}
HARMLESS = ("lnorm", "normalize", "last_trial", "error_log", "cerror_log", "command_log", "key_log")
"""Not part of the recognizer: left out, with a note where that is news."""

PARTS = ("changes", "forward", "backward", "softmax")
ATTRIBUTES = {
    "changes": ("Ni", "No", "lstm", "codec", *HARMLESS),
    "forward": ("dims", "WGI", "WGF", "WGO", "WCI", "WIP", "WFP", "WOP"),
    "backward": ("dims", "WGI", "WGF", "WGO", "WCI", "WIP", "WFP", "WOP"),
    "softmax": ("Nh", "No", "W2"),
}
OPTIONAL = (*HARMLESS, "Ni", "No", "Nh", "dims", "codec")
"""What an old file may lack: sizes are told by the arrays."""

EVERY = [(part, attribute) for part in PARTS for attribute in ATTRIBUTES[part]]


def load(folder: Path, root: Any) -> Model:
    path = folder / "m"
    path.write_bytes(dump(root))
    return load_pyrnn(path)


def changed(part: str, attribute: str, value: Any) -> Obj:
    """A recognizer with another value in one place; None takes the attribute away."""
    options: dict[str, Any] = {part: {attribute: value}}
    return recognizer(**options)


def same_weights(left: Model, right: Model) -> bool:
    arrays, others = arrays_of(left.network), arrays_of(right.network)
    return all(np.array_equal(arrays[name], others[name]) for name in arrays)


@pytest.mark.parametrize(("part", "attribute"), EVERY)
def test_a_missing_attribute(tmp_path: Path, part: str, attribute: str) -> None:
    root = changed(part, attribute, None)
    if attribute in OPTIONAL:
        assert same_weights(load(tmp_path, root), load(tmp_path, recognizer()))
    else:
        line = refused(tmp_path, dump(root))
        assert attribute in line
        assert "expected" in line
        assert "got nothing" in line


@pytest.mark.parametrize(("part", "attribute"), EVERY)
def test_an_attribute_of_another_type_or_shape(tmp_path: Path, part: str, attribute: str) -> None:
    for other in OTHERS.values():
        root = changed(part, attribute, other)
        if attribute in HARMLESS:
            assert same_weights(load(tmp_path, root), load(tmp_path, recognizer()))
        else:
            with pytest.raises(Pyrnn2Hdf5Error, match="expected"):
                load(tmp_path, root)


@pytest.mark.parametrize("attribute", ["WGI", "WIP", "W2"])
def test_nearly_the_right_shape(tmp_path: Path, attribute: str) -> None:
    part = "softmax" if attribute == "W2" else "forward"
    right = recognizer().state["lstm"].state["nets"]
    lstm = right[0].state["nets"][0]
    values = right[1].state["W2"] if attribute == "W2" else lstm.state[attribute]
    for other in (
        values[:-1],
        values[..., :-1],
        values.T[None],
        values[None],
        np.concatenate((values, values)),
        values.ravel()[:-1],
    ):
        with pytest.raises(InvalidModelError, match=f"{attribute}: expected shape|expected"):
            load(tmp_path, changed(part, attribute, other))


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize(("part", "attribute"), [(p, a) for p, a in EVERY if a[0] == "W"])
def test_weights_that_are_no_numbers(tmp_path: Path, part: str, attribute: str, number: float) -> None:
    shapes = {"W2": (4, 7)} | dict.fromkeys(("WIP", "WFP", "WOP"), (3,))
    values = np.zeros(shapes.get(attribute, (3, 8)))
    values.flat[-1] = number
    line = refused(tmp_path, dump(changed(part, attribute, values)))
    assert attribute in line
    assert "NaN in" in line or "expected finite numbers, got" in line


def test_overflow_of_float32(tmp_path: Path) -> None:
    for number in (1e39, -1e308, 3.5e38):
        values = np.zeros((4, 7))
        values[1, 2] = number
        line = refused(tmp_path, dump(recognizer(softmax={"W2": values})))
        assert "weights overflow float32: softmax W" in line
        assert line.endswith(" at row 1, column 1 (see convert --float64)\n")


CODECS: dict[str, tuple[Any, str]] = {
    "a code beyond": ({0: "", 9: "a", 2: "b", 3: "c"}, "codec: expected codes 0 to 3, got 9"),
    "a code below": ({0: "", -1: "a", 2: "b", 3: "c"}, "codec: expected codes 0 to 3, got -1"),
    "a code twice": (Raw(b"}(K\x00NK\x01U\x01aL1L\nU\x01bcnumpy\nfloat64\nNu"), "expected"),
    "text as code": ({"a": "b"}, "codec code: expected an integer"),
    "a fraction as code": ({1.0: "b"}, "codec code: expected an integer"),
    "a tuple as code": ({(1, 2): "b"}, "codec code: expected an integer"),
    "nothing as code": ({None: "b"}, "codec code: expected|No: expected|expected"),
    "a number as label": ({0: "", 1: 7, 2: "b", 3: "c"}, "codec label 1: expected a string, got a int"),
    "nothing as label": ({0: "", 1: None, 2: "b", 3: "c"}, "codec label 1: expected a string, got nothing"),
    "a list as label": ({0: "", 1: ["a"], 2: "b", 3: "c"}, "codec label 1: expected a string, got a list"),
    "bytes of no known encoding": ({0: "", 1: b"\xe4", 2: "b", 3: "c"}, "bytes of unknown encoding"),
    "a long label": (
        {0: "", 1: Text("a" * 257), 2: "b", 3: "c"},
        "codec label 1: expected at most 256 code points, got 257",
    ),
    "a label of a megabyte": (
        {0: "", 1: Text("a" * 2**20), 2: "b", 3: "c"},
        "expected at most 256 code points, got 1048576",
    ),
    "more codes than classes": (
        dict.fromkeys(range(9), "a"),
        "codec: expected 4 codes as the network has classes, got 9",
    ),
    "no dict": ([1, 2], "codec code2char: expected a dict, got a list"),
}


@pytest.mark.parametrize("what", CODECS)
def test_codecs_of_every_bad_kind(tmp_path: Path, what: str) -> None:
    table, message = CODECS[what]
    root = recognizer(changes={"codec": Obj(Name(LSTM, "Codec"), {"code2char": table})})
    line = refused(tmp_path, dump(root))
    assert any(part in line for part in message.split("|"))


def test_sizes_that_disagree(tmp_path: Path) -> None:
    for changes, message in (
        ({"changes": {"Ni": 5}}, "forward LSTM inputs: expected Ni = 5 as the recognizer says, got 4"),
        ({"changes": {"No": 5}}, "softmax No: expected 5"),
        ({"softmax": {"Nh": 7}}, "softmax Nh: expected 6"),
        ({"softmax": {"No": 7}}, "softmax"),
        ({"forward": {"dims": (4, 3, 9)}}, "expected Na = 1 + Ni + Ns"),
        ({"backward": {"dims": (5, 3, 9)}}, "reversed LSTM"),
        ({"forward": {"dims": (0, 3, 4)}}, "expected"),
        ({"changes": {"Ni": Scalar(np.float64(4))}}, "Ni: expected an integer"),
    ):
        line = refused(tmp_path, dump(recognizer(**changes)))
        assert message in line


class Anything:
    """What a naive reader makes of every class: it takes any arguments and any state."""

    def __init__(self, *arguments: object) -> None:
        self.arguments = arguments


class Naive(pickle.Unpickler):
    """CPython's own unpickler with NumPy's own reconstructors: what the file says, read by others."""

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("numpy"):
            return {
                "_reconstruct": np.zeros(0).__reduce__()[0],
                "scalar": np.float64(0).__reduce__()[0],
                "ndarray": np.ndarray,
                "dtype": np.dtype,
            }[name]
        return {"dict": dict, "list": list}.get(name, type(name, (Anything,), {}))


def naive_weights(data: bytes) -> dict[str, Any]:
    root = Naive(io.BytesIO(data), fix_imports=False, encoding="latin-1").load()
    parallel, softmax = root.lstm.nets
    lstms = {"forward": parallel.nets[0], "reversed": parallel.nets[1].net}
    weights = {
        f"{direction}.{name}": getattr(lstm, name)
        for direction, lstm in lstms.items()
        for name in ("WGI", "WGF", "WGO", "WCI", "WIP", "WFP", "WOP")
    }
    return weights | {"W2": softmax.W2, "codec": root.codec.code2char if hasattr(root, "codec") else None}


WHOLE = {d: dump(recognizer(), d) for d in (Dialect(0, style="INST"), Dialect(2), Dialect(2, style="reconstructor"))}


@pytest.mark.parametrize("dialect", [Dialect(0, style="INST"), Dialect(2)], ids=str)
def test_the_naive_reader_agrees_on_a_good_model(tmp_path: Path, dialect: Dialect) -> None:
    assert_says_the_same(WHOLE[dialect], tmp_path)


def assert_says_the_same(data: bytes, folder: Path) -> None:
    path = folder / "m"
    path.write_bytes(data)
    model = load_pyrnn(path)
    said = naive_weights(data)
    for name, values in arrays_of(model.network).items():
        assert np.array_equal(np.asarray(said[name], np.float64), values), name
    if model.codec is not None:
        labels = {code: label for code, label in enumerate(model.codec.labels) if label is not None}
        assert {int(code): str(label) for code, label in said["codec"].items()} == labels


@pytest.mark.filterwarnings("ignore")  # NumPy's reader has much to say about flipped bits
@pytest.mark.parametrize("dialect", [Dialect(0, style="INST"), Dialect(2)], ids=str)
def test_any_flipped_bit_is_refused_or_converted_as_the_file_says(tmp_path: Path, dialect: Dialect) -> None:
    whole = WHOLE[dialect]
    chance = random.Random(dialect.protocol)
    accepted = 0
    for _ in range(300):
        damaged = bytearray(whole)
        bit = chance.randrange(len(whole) * 8)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            (tmp_path / "m").write_bytes(damaged)
            load_pyrnn(tmp_path / "m")
        except Pyrnn2Hdf5Error:
            continue
        accepted += 1
        assert_says_the_same(bytes(damaged), tmp_path)
    assert accepted > 10


@pytest.mark.parametrize("name", ["digits-plain.pyrnn", "digits.pyrnn.gz", "digits.pyrnn.bz2"])
def test_cut_off_at_any_byte(tmp_path: Path, name: str) -> None:
    whole = (MODELS / name).read_bytes()
    chance = random.Random(name)
    for length in [*range(0, 60, 7), *(chance.randrange(len(whole)) for _ in range(15)), len(whole) - 1]:
        refused(tmp_path, whole[:length])


def test_a_bit_flipped_in_the_compression_is_refused_or_changes_nothing(tmp_path: Path) -> None:
    whole = (MODELS / "digits.pyrnn.gz").read_bytes()
    expected = to_hdf5(store(load_pyrnn(MODELS / "digits.pyrnn.gz")))
    chance = random.Random(0)
    for _ in range(25):
        damaged = bytearray(whole)
        bit = chance.randrange(len(whole) * 8)
        damaged[bit // 8] ^= 1 << bit % 8
        path = tmp_path / "digits.pyrnn.gz"
        path.write_bytes(damaged)
        try:
            model = load_pyrnn(path)
        except Pyrnn2Hdf5Error:
            continue
        # Only the header of gzip has no checksum: name, time and system of the packer.
        assert bit // 8 < 32
        assert len(to_hdf5(store(model))) == len(expected)


def test_a_second_model_behind_the_first_does_not_count(tmp_path: Path) -> None:
    first, second = dump(recognizer(seed=1)), dump(recognizer(seed=2))
    for packed in (bytes, gzip.compress):
        pack: Callable[[bytes], bytes] = packed
        (tmp_path / "both").write_bytes(pack(first + second))
        (tmp_path / "one").write_bytes(pack(first))
        assert same_weights(load_pyrnn(tmp_path / "both"), load_pyrnn(tmp_path / "one"))


def test_a_weight_on_its_edge_is_kept(tmp_path: Path) -> None:
    values = np.zeros((4, 7))
    values[0, 0], values[3, 6] = np.finfo(np.float32).max, np.finfo(np.float64).tiny
    path = tmp_path / "m.hdf5"
    path.write_bytes(to_hdf5(store(load(tmp_path, recognizer(softmax={"W2": values})))))
    W2 = load_hdf5(path).network.softmax.W2
    assert (W2[0, 0], W2[3, 6]) == (np.finfo(np.float32).max, 0.0)
