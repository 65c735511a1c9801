"""What FORMAT.md says is so: its tables are those of the code, its numbers right, its reader reads."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import onnx
import pytest

import pyrnn2hdf5
from pyrnn2hdf5 import limits
from pyrnn2hdf5.hdf5 import plain_reader, schema
from pyrnn2hdf5.hdf5.layout import LAYOUT
from pyrnn2hdf5.hdf5.reader import MAX_FILE
from pyrnn2hdf5.hdf5.schema import FORMAT_VERSION, GROUP
from pyrnn2hdf5.model.forward_pass import forward_batch, hidden_batch
from pyrnn2hdf5.model.network import LSTM, Network, Softmax
from pyrnn2hdf5.model.shapes import GATES, PEEPHOLES
from pyrnn2hdf5.onnx_graph.model_file import IR_VERSION, OPERATOR_SET

from ..conftest import LINES, MODELS, Load, prepared
from ..pickles import recognizer
from .pages import PAGES, blocks, rows, tables

PAGE = "FORMAT.md"


def table(*heading: str) -> list[list[str]]:
    (found,) = [rows for rows in tables(PAGE) if rows[0] == list(heading) and rows[1][0] != "`labels`"]
    return found[1:]


def numbers(text: str) -> list[float]:
    return [float(number) for number in text.split(",")]


def test_the_root_is_the_one_documented(tmp_path: Path) -> None:
    rows = table("data set", "shape", "dtype", "meaning")
    documented = {name.strip("`"): (tuple(shape.strip("()").split(", ")), dtype) for name, shape, dtype, _ in rows}
    assert documented == {entry.name: (entry.shape, "float32") for entry in LAYOUT}
    pyrnn2hdf5.convert(MODELS / "digits.pyrnn.gz", tmp_path / "x.hdf5")
    with h5py.File(tmp_path / "x.hdf5") as file:
        assert set(file) == {*documented, GROUP}
        assert list(file.attrs) == ["kind"]
        assert {str(file[name].dtype) for name in documented} == {"float32"}


def test_the_subgroup_is_the_one_documented(tmp_path: Path) -> None:
    (rows,) = [rows[1:] for rows in tables(PAGE) if rows[1][0] == "`labels`"]
    types = {name.strip("`"): (shape, dtype) for name, shape, dtype, _ in rows}
    attributes = {row[0].strip("`") for row in table("attribute", "type", "meaning")}
    seen: set[str] = set()
    for name in ("digits-00004000.pyrnn.gz", "digits-kraken.pyrnn.gz"):
        pyrnn2hdf5.convert(MODELS / name, tmp_path / f"{name}.hdf5")
        with h5py.File(tmp_path / f"{name}.hdf5") as file:
            group = file[GROUP]
            for data_set in group:
                shape, dtype = types[data_set]
                rank = shape.count(",") + (not shape.endswith(",)"))
                assert (dtype == "string") == (group[data_set].dtype.kind == "S")
                assert dtype in ("string", str(group[data_set].dtype))
                assert group[data_set].ndim == rank
            seen |= set(group)
            assert {re.sub(r"(?<=line_normalizer\.).*", "PARAMETER", key) for key in group.attrs} <= attributes
            assert group.attrs["format_version"] == FORMAT_VERSION
    assert seen == set(types) - {"permutation"}
    assert table("version", "since", "changes")[-1][0] == str(FORMAT_VERSION)


def test_onnx_is_the_one_documented(tmp_path: Path) -> None:
    model = pyrnn2hdf5.load_any(MODELS / "digits-00004000.pyrnn.gz", autoconvert=False)
    pyrnn2hdf5.save_onnx(model, tmp_path / "x.onnx")
    file = onnx.load(tmp_path / "x.onnx")
    sizes = {"Ni": model.Ni, "Ns": model.Ns, "No": model.No}

    def shape(text: str) -> list[int]:
        return [eval(size, sizes) for size in text.strip("()").split(",") if size]

    documented = {
        name: shape(size)
        for cell, sizes_, _ in table("weight", "shape", "holds")
        for name, size in zip(re.findall("`(.+?)`", cell), re.findall(r"\(.+?\)", sizes_) * 2, strict=False)
    }
    weights = {tensor.name: list(tensor.dims) for tensor in file.graph.initializer if "." in tensor.name}
    assert weights == documented
    values = [*file.graph.input, *file.graph.output]
    dims = [[dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim] for value in values]
    assert [(value.name, *dim) for value, dim in zip(values, dims, strict=True)] == [
        (cell.strip("`"), *(sizes.get(size, size) for size in re.findall(r"\w+", shapes)))
        for cell, _, shapes, _ in table("input or output", "type", "shape", "holds")
    ]
    entries = {entry.key for entry in file.metadata_props}
    assert entries == {name.strip("`") for row in table("entry", "JSON", "meaning") for name in row[0].split(", ")}
    (text,) = re.findall(r"at most ([\d,]+) bytes, an entry of the\nmetadata at most ([\d,]+)\.", PAGES[PAGE])
    assert [int(number.replace(",", "")) for number in text] == [limits.MAX_ONNX, limits.MAX_METADATA]
    assert f"operator set {OPERATOR_SET}, version {IR_VERSION} " in PAGES[PAGE]


def test_the_limits_of_the_reader_are_those_documented() -> None:
    documented = {of: int(most.replace(",", "")) for most, of in rows(PAGE, "at most", "of")}
    assert documented == {
        "inputs `Ni`": limits.MAX_INPUTS,
        "hidden units `Ns`": limits.MAX_HIDDEN,
        "classes `No`": limits.MAX_CLASSES,
        "weights in all": limits.MAX_WEIGHTS,
        "code points of a label": limits.MAX_LABEL,
        "code points of all labels together": limits.MAX_LABEL_TEXT,
        "bytes of a label as stored, padding included": 4 * limits.MAX_LABEL,
        "bytes of the data sets of a group, unpacked; of a chunk as well": limits.MAX_BYTES,
        "rows of `commands`, `error` and `character_errors`": schema.MAX_ROWS,
        "bytes of a command, padding included": schema.MAX_COMMAND,
        "bytes of a string attribute": schema.MAX_ATTRIBUTE,
        "parameters of a line normalizer, and numbers in one": limits.MAX_PARAMETERS,
        "bytes of the file": MAX_FILE,
        "groups and data sets": plain_reader.MAX_OBJECTS,
        "messages of an object header": plain_reader.MAX_MESSAGES,
        "bytes of a header block, a heap or an attribute": plain_reader.MAX_BLOCK,
        "strings in a global heap": plain_reader.MAX_IN_HEAP,
    }


def example() -> Network:
    directions = {}
    for name, *cells in table("direction", *GATES, *PEEPHOLES):
        weights: dict[str, Any] = {
            weight: np.array([numbers(cell)] if weight in GATES else numbers(cell))
            for weight, cell in zip(GATES + PEEPHOLES, cells, strict=True)
        }
        directions[name] = LSTM(dims=(1, 1, 3), **weights)
    W2 = np.array([[float(w), *numbers(W)] for _, w, W in table("class", "w", "W")])
    return Network(directions["forward"], directions["reversed"], Softmax(2, 3, W2))


def test_the_numbers_are_those_of_the_forward_pass() -> None:
    network, line = example(), [[1.0], [0.25]]
    ((hidden,),) = hidden_batch([network], [line])
    for direction, t, *_, h in table("direction", "t", *"ifgcoh"):
        assert float(h) == pytest.approx(hidden[int(t) - 1, int(direction == "reversed")], abs=5e-7)
    ((outputs,),) = forward_batch([network], [line])
    for t, *cells in table("t", "logit 0", "logit 1", "logit 2", "P(0)", "P(1)", "P(2)"):
        values = [float(cell) for cell in cells]
        assert values[3:] == pytest.approx(outputs[int(t) - 1], abs=5e-7)
        assert np.exp(values[:3]) / np.exp(values[:3]).sum() == pytest.approx(values[3:], abs=2e-6)


def reader(kind: str = "hdf5") -> dict[str, Any]:
    source = blocks(PAGE, "python")[kind == "onnx"]
    assert len(source.strip().splitlines()) < 40
    names: dict[str, Any] = {}
    exec(source, names)
    return names


@pytest.mark.parametrize("kind", ["hdf5", "onnx"])
def test_the_reader_reads(kind: str, tmp_path: Path) -> None:
    names = reader(kind)
    pyrnn2hdf5.convert(MODELS / "digits.pyrnn.gz", tmp_path / "x", to=kind)
    model = pyrnn2hdf5.load_any(tmp_path / "x")
    for path in sorted(LINES.glob("*.line.npy"))[:3]:
        xs = prepared(np.load(path))
        text = names["recognize"](str(tmp_path / "x"), xs)
        assert text == model.decode(model.forward(xs))
        assert text


@pytest.mark.parametrize("kind", ["hdf5", "onnx"])
def test_the_reader_takes_the_last_of_equal_probabilities(kind: str, tmp_path: Path, load: Load) -> None:
    # Cut off at 100 and -100: never the blank, and the others alike to the last bit.
    W2 = np.zeros((4, 7))
    W2[:, 0] = [-1000, 1000, 1000, 1000]
    model = load(recognizer(softmax={"W2": W2}))
    save = pyrnn2hdf5.save_hdf5 if kind == "hdf5" else pyrnn2hdf5.save_onnx
    save(model, tmp_path / "x")
    xs = np.ones((3, 4))
    assert reader(kind)["recognize"](str(tmp_path / "x"), xs) == model.decode(model.forward(xs)) == "\u00e4"
