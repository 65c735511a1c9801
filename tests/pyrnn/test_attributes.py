"""Attributes of a recognizer as plain values: training history, line normalizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyrnn2hdf5.conversion.writer import save_hdf5
from pyrnn2hdf5.model.model import LineNormalizer
from pyrnn2hdf5.pyrnn.reader import load_pyrnn

from ..conftest import MODELS, Load
from ..pickles import Name, Obj, Scalar, Text, recognizer

LSTM = "ocrolib.lstm"


def part(kind: str, **state: Any) -> Obj:
    return Obj(Name(LSTM, kind), state)


def test_training_record_of_a_genuine_model() -> None:
    training = load_pyrnn(MODELS / "digits-00004000.pyrnn.gz").training
    assert training is not None
    assert (training.last_trial, training.lines, training.lines_per_point) == (4000, 4000, 4)
    assert training.commands == ("ocropus-rtrain -l 32 -S 24",)
    assert training.error.shape == (1000,)
    assert training.character_errors.shape == (1000, 2)
    rates = training.character_errors[:, 0] / training.character_errors[:, 1]
    assert rates[:100].mean() > 0.8 > rates[-100:].mean()


def test_history_is_thinned_to_sums_of_blocks(load: Load) -> None:
    errors = [float(i) for i in range(2500)]
    pairs = [(i % 3, 5) for i in range(2500)]
    training = load(recognizer(changes={"error_log": errors, "cerror_log": pairs})).training
    assert training is not None
    assert (training.lines, training.lines_per_point) == (2500, 3)
    assert training.error.tolist() == [np.mean(errors[i : i + 3]) for i in range(0, 2500, 3)]
    assert training.character_errors.sum(axis=0).tolist() == [sum(e for e, _ in pairs), 12500]
    assert training.character_errors[-1].tolist() == [0, 5]


@pytest.mark.parametrize(
    ("name", "log"),
    [
        ("error_log", ["x"]),
        ("error_log", [[1.0]]),
        ("error_log", [10**400]),
        ("error_log", 5),
        ("cerror_log", [(1,)]),
        ("cerror_log", [(1.0, 2)]),
        ("cerror_log", [(-1, 2)]),
        ("cerror_log", [(2**40, 2)]),
        ("command_log", [1]),
    ],
)
def test_odd_history_is_left_out_and_said(load: Load, name: str, log: Any) -> None:
    model = load(recognizer(changes={name: log}))
    assert [note.startswith(f"{name} was not kept") for note in model.notes] == [True]


def test_line_estimators_keep_their_name_and_plain_parameters(load: Load) -> None:
    shapes = Obj(Name("ocrolib.patrec", "PcaKmeans"), {"k": 256, "comps": np.zeros((2, 2))})
    estimator = Obj(Name("ocrolib.lineest", "TrainedLineGeometry"), {"k": 256, "shapedict": shapes})
    lnorm = normalizer("LineestNormalizer", emodel=estimator, target_height=4, params=(0.5, 0.8, 1))
    assert load(recognizer(changes={"lnorm": lnorm})).line_normalizer == LineNormalizer(
        "LineestNormalizer", (("params", (0.5, 0.8, 1.0)), ("target_height", 4))
    )


def test_what_is_not_finite_does_not_stop_a_conversion(load: Load, tmp_path: Path) -> None:
    lnorm = normalizer("MvNormalizer", gain=float("nan"), sigma=(1.0, float("inf")), perc=90)
    model = load(recognizer(changes={"error_log": [0.5, float("nan")], "lnorm": lnorm}))
    assert model.line_normalizer == LineNormalizer("MvNormalizer", (("perc", 90),))
    assert save_hdf5(model, tmp_path / "x.hdf5").ok


def test_names_of_parameters_are_plain(load: Load, tmp_path: Path) -> None:
    names = ["\ud800", "a b", "", "x" * 70_000, "a\0", "\u00e4", "fine_1"]
    odd = {name if name.isascii() else Text(name): 1 for name in names}
    model = load(recognizer(changes={"lnorm": Obj(Name("ocrolib.lineest", "MvNormalizer"), odd)}))
    assert model.line_normalizer == LineNormalizer("MvNormalizer", (("fine_1", 1),))
    assert save_hdf5(model, tmp_path / "x.hdf5").ok


def test_logs_and_sizes_may_be_arrays(load: Load) -> None:
    changes = {"error_log": np.array([0.5, 0.25]), "cerror_log": np.array([[1, 4]]), "last_trial": np.array(7)}
    model = load(recognizer(changes=changes, forward={"dims": np.array([4, 3, 8])}))
    assert model.notes == ()
    assert model.training is not None
    assert model.training.error.tolist() == [0.5, 0.25]
    assert (model.training.last_trial, model.training.character_errors.tolist()) == (7, [[1, 4]])


def normalizer(kind: str = "CenterNormalizer", **state: Any) -> Obj:
    return Obj(Name("ocrolib.lineest", kind), state)


def test_other_line_normalizers_keep_name_and_plain_parameters(load: Load) -> None:
    state = {"target_height": 48, "name": "x", "gain": Scalar(np.float32(0.5)), "on": True, "table": np.zeros(9)}
    state |= {"sigma": (10, 30), "odd": (1, "a"), "long": [1] * 99, "huge": 10**30, "nul": "a\0"}
    model = load(recognizer(changes={"lnorm": normalizer("MvNormalizer", **state)}))
    assert model.line_normalizer == LineNormalizer(
        "MvNormalizer",
        (("gain", 0.5), ("name", "x"), ("on", True), ("sigma", (10.0, 30.0)), ("target_height", 48)),
    )
    assert load(recognizer(changes={"lnorm": part("Codec")})).notes == (
        "the line normalizer was not kept: expected one of OCRopus, got ocrolib.lstm.Codec",
    )
