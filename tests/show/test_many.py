"""Several files are looked at at a time: the same facts, in the same order, and no process is left."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from pyrnn2hdf5.errors import Pyrnn2Hdf5Error
from pyrnn2hdf5.show.facts import Facts
from pyrnn2hdf5.show.inspection import facts
from pyrnn2hdf5.show.many import facts_of_each

from ..conftest import MODELS
from ..hostile.processes import descendants, gone, started

GOOD = MODELS / "digits-plain.pyrnn"


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_facts_come_in_the_order_of_the_files(workers: int, tmp_path: Path) -> None:
    bad = tmp_path / "bad.pyrnn"
    bad.write_bytes(b"garbage")
    evil = tmp_path / "evil.pyrnn"
    evil.write_bytes(b"cos\nsystem\n.")
    # The slowest comes first.
    paths = [MODELS / "digits-00004000.pyrnn.gz", bad, *[GOOD] * 30, tmp_path / "missing", evil]
    found = list(facts_of_each(paths, workers))
    assert isinstance(found[1], Pyrnn2Hdf5Error)
    assert isinstance(found[-2], FileNotFoundError)
    for path, one in zip((paths[0], GOOD, GOOD, evil), (found[0], found[2], found[31], found[-1]), strict=True):
        assert isinstance(one, Facts)
        expected = facts(path)
        assert replace(one, problem=None) == replace(expected, problem=None)
        assert str(one.problem) == str(expected.problem)
    assert gone(descendants(os.getpid()))


@pytest.mark.parametrize("workers", [1, 2])
def test_who_stops_early_leaves_no_process(workers: int) -> None:
    each = facts_of_each([GOOD, *[MODELS / "digits-00004000.pyrnn.gz"] * 20], workers)
    assert isinstance(next(each), Facts)
    processes = started(os.getpid(), 1)
    each.close()
    assert gone(processes)
