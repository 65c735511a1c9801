"""Two hundred seeded single-point corruptions: each is caught by what is stored; some change behaviour too."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from pyrnn2hdf5.hdf5.layout import KIND, LAYOUT, ROWS_BY_CLASS, Stored, restore, store
from pyrnn2hdf5.load import load_file
from pyrnn2hdf5.verification.comparison import Verification, compare

from ..conftest import MODELS

MODEL = load_file(MODELS / "digits.pyrnn.gz")
STORED = store(MODEL)
NAMES = [entry.name for entry in LAYOUT]
WEIGHTS = [name for name in NAMES if name != "codec"]
GATES = [entry.name for entry in LAYOUT if entry.shape == ("Ns", "Na")]
PEEPHOLES = [entry.name for entry in LAYOUT if entry.shape == ("Ns", "1")]
FORWARD, BACKWARD = ".bidilstm.0.parallel.0.lstm.", ".bidilstm.0.parallel.1.reversed.0.lstm."


def weight(chance: random.Random) -> dict[str, np.ndarray]:
    """One weight, anywhere, changed by a factor, an exponent or a single bit."""
    name = chance.choice(WEIGHTS)
    values = STORED.data[name].copy()
    index = tuple(chance.randrange(n) for n in values.shape)
    how = chance.randrange(4)
    if how == 0:
        values[index] *= np.float32(1.001)
    elif how == 1:
        values[index] = -values[index]
    elif how == 2:
        values[index] = 0
    else:
        values.view(np.uint32)[index] ^= np.uint32(1 << chance.randrange(23))
    return {name: values}


def code_point(chance: random.Random) -> dict[str, np.ndarray]:
    values = STORED.data["codec"].copy()
    values[chance.randrange(1, len(values))] += 1
    return {"codec": values}


def transposed(chance: random.Random) -> dict[str, np.ndarray]:
    """A matrix written in the other order, its shape kept."""
    name = chance.choice([*GATES, ".bidilstm.1.softmax.W"])
    values = STORED.data[name]
    return {name: np.ascontiguousarray(values.T).reshape(values.shape)}


def byte_order(chance: random.Random) -> dict[str, np.ndarray]:
    name = chance.choice(WEIGHTS)
    return {name: STORED.data[name].byteswap()}


def shifted(chance: random.Random) -> dict[str, np.ndarray]:
    """Off by one, in the peepholes or along the rows of a matrix."""
    name = chance.choice([*PEEPHOLES, *PEEPHOLES, *WEIGHTS])
    return {name: np.roll(STORED.data[name], chance.choice((-1, 1)), axis=0)}


def no_bias(chance: random.Random) -> dict[str, np.ndarray]:
    if chance.randrange(3) == 0:
        return {".bidilstm.1.softmax.w": np.zeros_like(STORED.data[".bidilstm.1.softmax.w"])}
    name = chance.choice(GATES)
    values = STORED.data[name].copy()
    values[:, 0] = 0
    return {name: values}


def swapped_directions(chance: random.Random) -> dict[str, np.ndarray]:
    """One weight, or all, of the forward LSTM in the place of the reversed one."""
    whole = chance.randrange(2)
    names = [name for name in NAMES if name.startswith(FORWARD)]
    data = {}
    for name in names if whole else [chance.choice(names)]:
        other = name.replace(FORWARD, BACKWARD)
        data[name], data[other] = STORED.data[other], STORED.data[name]
    return data


def swapped_gates(chance: random.Random) -> dict[str, np.ndarray]:
    left, right = chance.sample([name for name in GATES if name.startswith(FORWARD)], 2)
    return {left: STORED.data[right], right: STORED.data[left]}


def swapped_classes(chance: random.Random) -> dict[str, np.ndarray]:
    left, right = chance.sample(range(1, MODEL.No), 2)
    data = {name: STORED.data[name].copy() for name in ROWS_BY_CLASS[:2]}
    for values in data.values():
        values[[left, right]] = values[[right, left]]
    return data


def swapped_columns(chance: random.Random) -> dict[str, np.ndarray]:
    name = chance.choice([*GATES, ".bidilstm.1.softmax.W"])
    values = STORED.data[name].copy()
    left, right = chance.sample(range(values.shape[1]), 2)
    values[:, [left, right]] = values[:, [right, left]]
    return {name: values}


KINDS = [
    *(weight, weight, weight, weight, code_point, transposed, byte_order, shifted),
    *(no_bias, swapped_directions, swapped_gates, swapped_classes, swapped_columns),
]


def corrupted(seed: int) -> Verification:
    chance = random.Random(seed)
    data = KINDS[seed % len(KINDS)](chance)
    got = replace(STORED, data={**STORED.data, **data})
    with np.errstate(all="ignore"):
        broken = [name for name, values in data.items() if not np.isfinite(values).all()]
    if broken:
        # Not even a model; what is stored still has to tell.
        return compare(STORED, got, MODEL, MODEL)
    return compare(STORED, got, MODEL, restore(got))


@pytest.fixture(scope="module")
def verifications() -> list[Verification]:
    return [corrupted(seed) for seed in range(200)]


def test_each_is_caught_by_the_stored_layer(verifications: list[Verification]) -> None:
    missed = [seed for seed, found in enumerate(verifications) if not any(check.problem for check in found.stored)]
    assert missed == []


def test_many_are_caught_by_behaviour_alone(verifications: list[Verification], record_property: object) -> None:
    caught = sum(found.behaviour is not None and found.behaviour.problem is not None for found in verifications)
    record_property("caught by behaviour alone", f"{caught} of {len(verifications)}")  # type: ignore[operator]
    print(f"behaviour alone catches {caught} of {len(verifications)}")  # noqa: T201
    assert caught > 100


def test_every_changed_label_is_caught_by_the_labels_layer() -> None:
    assert STORED.labels is not None
    for code in range(len(STORED.labels)):
        labels = tuple("\u2603" if c == code else label for c, label in enumerate(STORED.labels))
        got = Stored(KIND, STORED.data, labels=labels)
        found = compare(STORED, got, MODEL, restore(got))
        assert found.labels.problems == (f"code {code}: expected {STORED.labels[code]!r}, got '\u2603'",)
