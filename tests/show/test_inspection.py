"""The facts of a model file of either format, whole, broken or hostile."""

from __future__ import annotations

import ast
import gzip
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import pyrnn2hdf5
from pyrnn2hdf5.errors import SourceError, UnsafePickleError
from pyrnn2hdf5.model.network import arrays_of
from pyrnn2hdf5.pyrnn.reader import load_pyrnn
from pyrnn2hdf5.show.inspection import facts

from ..conftest import MODELS, SHARED, Load
from ..pickles import Dialect, Name, Obj, Text, dump, recognizer

DIGITS = MODELS / "digits-00004000.pyrnn.gz"
LSTM = "ocrolib.lstm"


def write(path: Path, value: Any, dialect: Dialect | None = None) -> Path:
    path.write_bytes(dump(value, dialect))
    return path


def test_a_converted_model_shows_what_its_source_showed(tmp_path: Path) -> None:
    target = pyrnn2hdf5.convert(DIGITS, tmp_path).target
    source, result = facts(DIGITS), facts(target)
    for section in ("network", "codec", "line_normalizer", "normalize", "training", "units", "compatibility"):
        assert getattr(source, section) == getattr(result, section)
    assert result.file.format == "HDF5, pyrnn-bidi, weights in float32"
    assert result.file.writer == "pyrnn2hdf5"
    assert result.parts is not None
    assert result.parts["weights"] == 12_313 * 4
    assert sum(result.parts.values()) == target.stat().st_size
    packed = facts(pyrnn2hdf5.convert(DIGITS, tmp_path / "packed.hdf5", compress=True).target)
    assert (packed.parts, packed.file.compression) == (None, "gzip inside")


def test_other_objects_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "m", Obj(Name("ocrolib.lineest", "CenterNormalizer"), {"r": 1}))
    assert facts(path).structure == ("ocrolib.lineest.CenterNormalizer",)
    loop = recognizer(changes={"lstm": Obj(Name(LSTM, "Parallel"), {"nets": [Obj(Name(LSTM, "LSTM"))] * 1000})})
    assert len(facts(write(tmp_path / "loop", loop)).structure) <= 65


def test_damage_is_told_and_the_model_shown(tmp_path: Path) -> None:
    path = tmp_path / "m.pyrnn.gz"
    data = bytearray(DIGITS.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    found = facts(path)
    assert isinstance(found.problem, SourceError)
    assert str(found.problem) == "gzip data is damaged or cut off: fetch the file again"
    assert found.network is not None
    assert found.problem.remedy == "ignore_checksum"


@pytest.mark.parametrize(
    ("data", "remedy"),
    [
        (dump(Name("os", "system")), None),
        (dump(recognizer(changes={"lstm": None})), "ignore_checksum"),
        (dump(recognizer(softmax={"W2": np.zeros((4, 3))})), "ignore_checksum"),
    ],
)
def test_damage_is_told_before_what_it_may_have_done(data: bytes, remedy: str | None, tmp_path: Path) -> None:
    path = tmp_path / "m.pyrnn.gz"
    packed = bytearray(gzip.compress(data))
    packed[-5] ^= 1
    path.write_bytes(packed)
    found = facts(path)
    assert found.problem == SourceError("gzip data is damaged or cut off: fetch the file again", remedy=remedy)
    assert any(name.path == "os.system" for name in found.globals) == (remedy is None)


def test_damage_that_cuts_the_pickle_off_is_told_without_a_cure(tmp_path: Path) -> None:
    path = tmp_path / "m.pyrnn.gz"
    path.write_bytes(DIGITS.read_bytes()[:-1000])
    problem = facts(path).problem
    assert isinstance(problem, SourceError)
    assert str(problem) == "gzip data is damaged or cut off: fetch the file again"


def test_no_codec_means_only_this_project(load: Load, tmp_path: Path) -> None:
    found = facts(write(tmp_path / "m", recognizer(changes={"codec": None}, No=4)))
    assert found.problem is None
    assert found.compatibility is not None
    assert (found.compatibility.readers, found.compatibility.reasons) == (("pyrnn2hdf5",), ("the model has no codec",))
    ligature = facts(write(tmp_path / "m", recognizer(codec={0: "", 1: Text("ll")}, No=2))).compatibility
    assert ligature is not None
    assert ligature.readers == ("kraken 7 with pyrnn2hdf5", "pyrnn2hdf5")
    swapped = facts(write(tmp_path / "m", recognizer(codec={0: "", 1: "b", 2: "a"}))).compatibility
    assert swapped is not None
    assert swapped.readers == ("kraken 0.3 to 0.6", "kraken 7 with pyrnn2hdf5", "pyrnn2hdf5")
    assert "permuted" in swapped.reasons[1]


def test_showing_an_hdf5_file_imports_nothing_for_pickles(tmp_path: Path) -> None:
    target = pyrnn2hdf5.convert(DIGITS, tmp_path).target
    code = (
        "import sys; from pyrnn2hdf5.show import inspection, page; page.page(inspection.facts(sys.argv[1]));"
        "names = ('reader', 'unpickler', 'stubs', 'extraction', 'audit');"
        "print(*{'pyrnn2hdf5.pyrnn.' + name for name in names} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code, target], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


REAL = [path for kind in ("*.pyrnn.gz", "*.hdf5") for path in sorted((SHARED / "real").glob(kind))]


@pytest.mark.real
@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_every_real_model(path: Path) -> None:
    found = facts(path)
    assert (found.problem, found.units and found.units.dead, found.units and found.units.saturated) == (None, 0, 0)
    assert found.parts is not None
    assert found.network is not None
    assert found.parts["weights"] == found.network.parameters * (4 if path.suffix == ".hdf5" else 8)


@pytest.mark.real
def test_a_file_of_scratch_buffers_that_are_spelled() -> None:
    found = facts(SHARED / "real" / "kraken-test-protocol0.pyrnn.gz")
    assert found.parts is not None
    # Scratch buffers that are NaN.
    assert (found.parts["weights"], found.parts["buffers"]) == (36 * 8, 1_760_000)
    assert found.parts["rest"] < found.parts["spelling"] / 500


def test_spelled_arrays_take_more_than_their_data(tmp_path: Path) -> None:
    path = MODELS / "digits-protocol0.pyrnn.gz"
    data = gzip.decompress(path.read_bytes())
    lines = [line.decode("ascii") for line in data.splitlines() if line.startswith((b"S'", b'S"'))]
    weights = [values.tobytes() for values in arrays_of(load_pyrnn(path).network).values()]
    assert all(repr(values)[1:].encode() in data for values in weights)
    parts = facts(path).parts
    assert parts is not None
    assert parts["weights"] == sum(map(len, weights))
    # As Python itself reads bytes that are spelled.
    assert parts["spelling"] == sum(len(line) - len("S''") - len(ast.literal_eval(f"b{line[1:]}")) for line in lines)
    assert parts["rest"] < len(data) / 3
    assert sum(parts.values()) == len(data)
    python_3 = facts(write(tmp_path / "m.pyrnn", recognizer(), Dialect(protocol=0, python=3))).parts
    assert python_3 is not None
    assert python_3["spelling"] == 0 < python_3["rest"]
    binary = facts(MODELS / "digits.pyrnn.gz").parts
    assert binary is not None
    assert binary["spelling"] == 0


def test_the_library_raises_for_what_is_refused_only_where_nothing_is_known(tmp_path: Path) -> None:
    found = facts(write(tmp_path / "m", Name("os", "system")))
    assert isinstance(found.problem, UnsafePickleError)
    assert not found.readable
    with pytest.raises(FileNotFoundError):
        facts(tmp_path / "no")
    with pytest.raises(SourceError):
        facts(tmp_path)
