"""onnxruntime computes what OCRopus computes: any shape, alone and padded, of one step and many."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pyrnn2hdf5
from pyrnn2hdf5.errors import MissingExtraError, VerificationError
from pyrnn2hdf5.model.forward_pass import forward_batch
from pyrnn2hdf5.model.model import Codec, Model
from pyrnn2hdf5.model.network import arrays_of, network_of
from pyrnn2hdf5.onnx_graph import graph, model_file
from pyrnn2hdf5.onnx_graph.execution import check, open_session, run
from pyrnn2hdf5.onnx_graph.model_file import from_onnx, to_onnx
from pyrnn2hdf5.verification import onnx_behaviour
from pyrnn2hdf5.verification.onnx_behaviour import compare_runs

from ..conftest import LINES, MODELS, prepared
from ..pronn.messages import small
from .models import models

DIGITS = from_onnx(to_onnx(pyrnn2hdf5.load_pyrnn(MODELS / "digits.pyrnn.gz")))


@settings(max_examples=60)
@given(models(), st.lists(st.integers(1, 6), min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_any_network_on_any_lines(model: Model, lengths: list[int], seed: int) -> None:
    model = from_onnx(to_onnx(model))
    random = np.random.default_rng(seed)
    lines = [random.uniform(size=(length, model.Ni)).astype("f4") for length in lengths]
    session = open_session(to_onnx(model))
    (expected,) = forward_batch([model.network], lines)
    padded = run(session, lines)
    for line, ours, in_batch in zip(lines, expected, padded, strict=True):
        (alone,) = run(session, [line])
        assert np.abs(in_batch - ours).max() < 1e-5
        assert np.abs(alone - in_batch).max() < 1e-6


@settings(max_examples=20)
@given(models(scale=30.0))
def test_networks_that_saturate_are_within_the_tolerance(model: Model) -> None:
    assert compare_runs(from_onnx(to_onnx(model))).problem is None


def test_weights_of_nothing() -> None:
    # Rounding explains nothing of what they give, but a probability is float32 too; and beyond 100 all are equal.
    model = small()
    arrays = {name: np.zeros_like(values) for name, values in arrays_of(model.network).items()}
    arrays["W2"][:, 0] = [150.0, 151.0, 99.5]
    assert compare_runs(replace(model, network=network_of(arrays, 2, 2, 3))).problem is None


def test_the_lines_of_ocropy() -> None:
    session = open_session(to_onnx(DIGITS))
    lines = [prepared(np.load(path)) for path in sorted(LINES.glob("*.line.npy"))]
    texts = [path.read_text("utf-8").rstrip("\n") for path in sorted(LINES.glob("*.ocropy.txt"))]
    assert [DIGITS.decode(P) for P in run(session, lines)] == texts
    assert [DIGITS.decode(run(session, [line])[0]) for line in lines] == texts


def test_another_network_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = arrays_of(DIGITS.network)
    arrays["reversed.WOP"] = arrays["reversed.WOP"] + 0.01
    other = replace(DIGITS, network=network_of(arrays, DIGITS.Ni, DIGITS.Ns, DIGITS.No))
    monkeypatch.setattr(onnx_behaviour, "to_onnx", lambda model: to_onnx(other))
    assert "expected class probabilities within" in (compare_runs(DIGITS).problem or "")
    assert compare_runs(DIGITS, tolerance=1.0).problem is None


def test_another_text_is_a_problem(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    behaviour = replace(compare_runs(DIGITS), texts_equal=False)
    monkeypatch.setattr("pyrnn2hdf5.conversion.writer.compare_runs", lambda model: behaviour)
    with pytest.raises(VerificationError, match="onnxruntime: expected the texts of our own pass, got others"):
        pyrnn2hdf5.save_onnx(DIGITS, tmp_path / "x.onnx")
    assert list(tmp_path.iterdir()) == []


def test_no_codec_no_texts() -> None:
    assert compare_runs(replace(DIGITS, codec=None)).texts_equal is None


@pytest.mark.parametrize("flaw", ["graph", "weights", "labels"])
def test_what_is_written_wrong_gets_no_name(flaw: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if flaw == "graph":
        monkeypatch.setattr(graph, "FLOAT", 11)
    elif flaw == "weights":
        monkeypatch.setattr(graph, "GATE_ORDER", ("WGI", "WGF", "WGO", "WCI"))
        monkeypatch.setattr(model_file, "to_network", lambda weights, *sizes: DIGITS.network)
    else:
        monkeypatch.setattr(model_file, "from_metadata", lambda entries: {"codec": Codec(("",) * DIGITS.No)})
        monkeypatch.setattr(model_file, "to_metadata", lambda model: {})
    with pytest.raises(VerificationError, match="verification failed: "):
        pyrnn2hdf5.save_onnx(DIGITS, tmp_path / "x.onnx")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_onnx_is_told_by_onnx() -> None:
    file = onnx.load_model_from_string(to_onnx(DIGITS))
    file.graph.node[0].op_type = "NoOperator"
    for tell in (check, open_session):
        with pytest.raises(VerificationError, match="verification failed: onnx"):
            tell(file.SerializeToString())


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_a_missing_extra_is_told_before_any_work(package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    said = rf"verified ONNX files need {package}, of the extra \[onnx\]: `pip install onnx onnxruntime`"
    with pytest.raises(MissingExtraError, match=said):
        pyrnn2hdf5.save_onnx(DIGITS, tmp_path / "x.onnx")
    with pytest.raises(MissingExtraError, match=said):
        pyrnn2hdf5.convert(tmp_path / "not there", to="onnx")
    made = pyrnn2hdf5.convert(MODELS / "digits.pyrnn.gz", tmp_path, to="onnx", verify=False)
    assert made.verification is None
    # It is read without them; but who verifies runs it.
    assert pyrnn2hdf5.load_any(made.target).codec == DIGITS.codec
    with pytest.raises(MissingExtraError, match=said):
        pyrnn2hdf5.verify(MODELS / "digits.pyrnn.gz", made.target)
