"""Dead units and saturated gates."""

from __future__ import annotations

from pyrnn2hdf5.show.weight_statistics import unit_facts

from ..conftest import Load
from ..pickles import recognizer


def test_dead_units_and_saturated_gates_are_counted(load: Load) -> None:
    model = load(recognizer(Ni=4, Ns=3))
    assert (unit_facts(model.network).dead, unit_facts(model.network).saturated) == (0, 0)
    W2, forward, backward = (
        lstm.copy()
        for lstm in (model.network.softmax.W2, model.network.forward_lstm.WGI, model.network.reversed_lstm.WCI)
    )
    W2[:, 1] = 0
    silent = {name: getattr(model.network.forward_lstm, name).copy() for name in ("WGF", "WGO", "WCI")}
    for gate in (*silent.values(), forward):
        gate[:, 5] = 0
    forward[1] = [50, *[0.1] * 4, 0, 0.1, 0.1]
    backward[2] = 0
    found = unit_facts(
        load(
            recognizer(Ni=4, Ns=3, softmax={"W2": W2}, forward={"WGI": forward, **silent}, backward={"WCI": backward})
        ).network
    )
    assert (found.units, found.dead, found.gates, found.saturated) == (6, 2, 18, 1)
