"""Verification must be able to fail: every corruption is caught and named."""

from __future__ import annotations

import math
import shutil
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pyrnn2hdf5.conversion.writer import verify_written
from pyrnn2hdf5.errors import InvalidInputError, VerificationError
from pyrnn2hdf5.hdf5.h5py_io import to_hdf5
from pyrnn2hdf5.hdf5.layout import LAYOUT, ROWS_BY_CLASS, Stored, restore, store
from pyrnn2hdf5.load import load_file
from pyrnn2hdf5.model.model import Codec, LineNormalizer, Model, Source, TrainingRecord
from pyrnn2hdf5.verification.behaviour import BUILT_IN_LINES
from pyrnn2hdf5.verification.checks import compare_labels
from pyrnn2hdf5.verification.comparison import Verification, compare, verify

from ..conftest import MODELS

DIGITS = load_file(MODELS / "digits.pyrnn.gz")
STORED = store(DIGITS)
FORWARD, BACKWARD = ".bidilstm.0.parallel.0.lstm.", ".bidilstm.0.parallel.1.reversed.0.lstm."
W = ".bidilstm.1.softmax.W"


def changed(name: str, values: np.ndarray) -> Stored:
    return replace(STORED, data={**STORED.data, name: values})


def against_source(stored: Stored) -> Verification:
    return compare(STORED, stored, DIGITS, restore(stored))


@pytest.mark.parametrize("tolerance", [0, 1, 0.0, np.float32(0.1), np.float64(0.1), np.int64(1)])
def test_any_real_number_is_a_tolerance(tolerance: Any, tmp_path: Path) -> None:
    shutil.copy(MODELS / "digits-plain.pyrnn", tmp_path / "m")
    result = verify(MODELS / "digits-plain.pyrnn", tmp_path / "m", tolerance=tolerance)
    assert result.ok
    assert result.behaviour is not None
    assert (type(result.behaviour.tolerance), result.behaviour.tolerance) == (float, tolerance)


@pytest.mark.parametrize("tolerance", [math.nan, -0.5, 2.0, math.inf, "0.1"])
def test_no_tolerance(tolerance: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"^tolerance: expected a number from 0 to 1, got "):
        verify("nothing", "nothing", tolerance=tolerance)


def test_a_single_path_is_no_list_of_images() -> None:
    for path in ("x.png", Path("x.png")):
        with pytest.raises(InvalidInputError, match=r"^images: expected a list of them, got the single path 'x\.png'$"):
            verify("nothing", "nothing", images=path)  # type: ignore[arg-type]


def test_a_true_copy_is_equal() -> None:
    result = against_source(STORED)
    assert result.ok
    assert result.problems == ()
    assert all(check.problem is None and check.largest_difference == 0 for check in result.stored)
    behaviour = result.behaviour
    assert behaviour is not None
    assert (behaviour.lines, behaviour.other_best_class, behaviour.texts_equal) == (BUILT_IN_LINES, 0, True)
    # Rounding shows, so the comparison is alive, and it stays far below what is allowed.
    assert 0 < behaviour.largest_difference < behaviour.tolerance / 4 < 1e-4


@pytest.mark.parametrize("entry", LAYOUT, ids=lambda entry: entry.name)
def test_one_weight_off_by_a_thousandth_is_caught(entry: object) -> None:
    name = entry.name  # type: ignore[attr-defined]
    values = STORED.data[name].copy()
    index = tuple(n // 2 for n in values.shape)
    values[index] = values[index] * np.float32(1.001) + (name == "codec")
    result = against_source(changed(name, values))
    assert not result.ok
    place = f"row {index[0]}, column {index[1]}: expected {STORED.data[name][index]:.9g}, got {values[index]:.9g}"
    assert result.problems[0] == f"stored: {entry.label}: {place}"  # type: ignore[attr-defined]


def test_one_weight_off_by_a_thousandth_changes_behaviour_too() -> None:
    values = STORED.data[W].copy()
    values[12, 30] *= np.float32(1.001)
    behaviour = against_source(changed(W, values)).behaviour
    assert behaviour is not None
    assert behaviour.largest_difference > 0


def test_two_swapped_rows_are_caught() -> None:
    data = {name: STORED.data[name].copy() for name in ROWS_BY_CLASS[:2]}
    for values in data.values():
        values[[3, 4]] = values[[4, 3]]
    result = against_source(replace(STORED, data={**STORED.data, **data}))
    assert [problem.split(":")[0] for problem in result.problems] == ["stored", "stored", "behaviour"]


def test_two_swapped_labels_are_caught() -> None:
    assert STORED.labels is not None
    labels = list(STORED.labels)
    labels[3], labels[4] = labels[4], labels[3]
    result = against_source(replace(STORED, labels=tuple(labels)))
    assert result.problems == ("labels: code 3: expected '1', got '2'", "labels: code 4: expected '2', got '1'")
    assert result.behaviour is not None
    assert result.behaviour.largest_difference <= result.behaviour.tolerance


def test_a_shifted_peephole_is_caught_by_both_layers() -> None:
    values = np.roll(STORED.data[FORWARD + "WIP"], 1, axis=0)
    result = against_source(changed(FORWARD + "WIP", values))
    assert result.problems[0].startswith("stored: forward LSTM WIP: row 0, column 0: expected")
    assert result.problems[1].startswith("behaviour: expected class probabilities within")


def test_a_transposed_peephole_is_caught(tmp_path: Path) -> None:
    stored = changed(FORWARD + "WIP", np.ascontiguousarray(STORED.data[FORWARD + "WIP"].T))
    path = tmp_path / "x"
    path.write_bytes(to_hdf5(stored))
    with pytest.raises(VerificationError, match=r"WIP: expected shape \(24, 1\), got \(1, 24\)"):
        verify_written(DIGITS, STORED, path)


def test_swapped_directions_are_caught_by_both_layers() -> None:
    data = dict(STORED.data)
    for name in STORED.data:
        if name.startswith(FORWARD):
            other = name.replace(FORWARD, BACKWARD)
            data[name], data[other] = data[other], data[name]
    result = against_source(replace(STORED, data=data))
    assert len(result.problems) == 15
    assert result.problems[-1].startswith("behaviour")


def test_minus_zero_is_not_zero() -> None:
    values = np.zeros_like(STORED.data[FORWARD + "WIP"])
    left, right = changed(FORWARD + "WIP", values), changed(FORWARD + "WIP", -values)
    assert not compare(left, right, DIGITS, DIGITS).ok


@pytest.mark.parametrize(
    ("field", "value"),
    [("kind", "pyrnn-bidi-ext"), ("normalize", None), ("source", Source("x", "0" * 64)), ("line_normalizer", None)],
)
def test_what_goes_with_the_weights_is_verified_after_writing(tmp_path: Path, field: str, value: object) -> None:
    path = tmp_path / "x"
    path.write_bytes(to_hdf5(replace(STORED, **{field: value})))  # type: ignore[arg-type]
    with pytest.raises(VerificationError, match=f"verification failed: {field}: expected"):
        verify_written(DIGITS, STORED, path)


def test_other_sizes_have_no_behaviour_to_compare() -> None:
    other = load_file(MODELS / "digits.pyrnn.gz")
    smaller = restore(store(other))
    assert compare(STORED, store(smaller), DIGITS, smaller).behaviour is not None


def test_a_codec_on_one_side_only_is_a_difference() -> None:
    without = replace(DIGITS, codec=None)
    assert compare(STORED, STORED, DIGITS, without).labels.problems == ("expected a codec, got no codec",)
    assert compare(STORED, STORED, without, DIGITS).labels.problems == ("expected no codec, got a codec",)


def test_training_record_and_normalizer_count_where_both_have_one() -> None:
    assert DIGITS.training is not None
    older = replace(DIGITS, training=replace(DIGITS.training, last_trial=1), line_normalizer=None)
    assert compare(STORED, STORED, DIGITS, older).labels.problems == ("training record: last_trial differs",)
    assert compare(STORED, STORED, DIGITS, replace(DIGITS, training=None)).labels.problems == ()


def test_files_of_either_format(tmp_path: Path) -> None:
    path = tmp_path / "x.hdf5"
    path.write_bytes(to_hdf5(STORED))
    pyrnn = MODELS / "digits.pyrnn.gz"
    for left, right in ((pyrnn, path), (path, pyrnn), (path, path), (pyrnn, pyrnn)):
        assert verify(left, right).ok
    assert not verify(MODELS / "digits-00004000.pyrnn.gz", path).ok


def test_models_of_one_class_or_unit_are_compared_too() -> None:
    data = {entry.name: np.zeros((1, {"Na": 3, "1": 1, "2*Ns": 2}[entry.shape[1]]), "f4") for entry in LAYOUT}
    stored = Stored("pyrnn-bidi-ext", data, labels=("",))
    model: Model = restore(stored)
    assert model.codec == Codec(("",))
    assert compare(stored, stored, model, model).ok


def test_a_parameter_that_is_nan_equals_itself() -> None:
    odd = replace(DIGITS, line_normalizer=LineNormalizer("CenterNormalizer", (("range", float("nan")),)))
    assert compare_labels(odd, replace(odd)).problems == ()
    assert compare_labels(odd, DIGITS).problems


def test_texts_of_a_training_record_are_compared_as_texts() -> None:
    """As an array each would be as wide as the longest."""
    commands = ("x" * 65_536, *(["train"] * 200))
    record = TrainingRecord(1, commands, 0, 1, np.zeros(0), np.zeros((0, 2), np.int64))
    one, other = (replace(DIGITS, training=replace(record, commands=(*commands, end))) for end in ("a", "b"))
    tracemalloc.start()
    try:
        assert compare_labels(one, one).problems == ()
        assert compare_labels(one, other).problems == ("training record: commands differs",)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()
