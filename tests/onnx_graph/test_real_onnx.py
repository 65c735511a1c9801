"""Every real model and every lineage that converts, through onnxruntime: the same texts, alone and padded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import pyrnn2hdf5
from pyrnn2hdf5.load import load_file
from pyrnn2hdf5.model.forward_pass import forward_batch
from pyrnn2hdf5.onnx_graph.execution import open_session, run
from pyrnn2hdf5.onnx_graph.model_file import from_onnx, to_onnx
from pyrnn2hdf5.verification.onnx_behaviour import compare_runs

from ..conftest import SHARED, prepared
from ..conversion.test_real_models import CONVERTED, LINEAGES

pytestmark = pytest.mark.real
REAL = SHARED / "real"
# Of one network that is there twice as a pyrnn, one.
MODELS = sorted({path.name for path in REAL.glob("*.*")} - {"README.md", "en-default-buffers.pyrnn.gz"})


def check(path: Path, lines: list[NDArray[Any]]) -> None:
    """A model through ONNX, on built-in and on other lines."""
    model = load_file(path)
    written = to_onnx(model)
    assert to_onnx(from_onnx(written)) == written
    behaviour = compare_runs(from_onnx(written))
    assert (behaviour.problem, behaviour.texts_equal) == (None, True if model.codec else None)
    session = open_session(written)
    for line, ours, padded in zip(lines, forward_batch([model.network], lines)[0], run(session, lines), strict=True):
        (alone,) = run(session, [line])
        assert np.abs(alone - padded).max() < 1e-5
        assert np.abs(alone - ours).max() < 1e-3
        if model.codec:
            assert model.decode(alone) == model.decode(padded) == model.decode(ours)


@pytest.mark.parametrize("name", MODELS)
def test_real_models(name: str) -> None:
    lines = []
    for path in sorted((REAL / "lines").glob("*.npz"))[:4]:
        with np.load(path) as oracle:
            # The smallest model reads columns of one pixel.
            lines.append(prepared(oracle["line"])[:, : 1 if name.startswith("kraken-test") else None])
    check(REAL / name, lines)


@pytest.mark.parametrize("file", CONVERTED)
def test_every_lineage(file: str) -> None:
    with np.load(LINEAGES / "expected" / f"{file}.npz") as oracle:
        lines = [oracle["X"], oracle["X_long_u8"] / 255, oracle["X"][:1]]
    check(LINEAGES / file, lines)


def test_the_conversion_of_kraken(tmp_path: Path) -> None:
    # What kraken wrote and what we read from the pyrnn is one network, and so one graph.
    files = [
        pyrnn2hdf5.convert(REAL / name, tmp_path / f"{number}.onnx", to="onnx").target
        for number, name in enumerate(("fraktur-jze.kraken.hdf5", "fraktur-jze.pyrnn.gz"))
    ]
    first, second = (path.read_bytes() for path in files)
    end = first.index(b"format_version")
    assert first[:end] == second[:end]
