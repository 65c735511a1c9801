"""Many models: their targets, the processes that convert them, and what becomes of each."""

from __future__ import annotations

import gzip
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pyrnn2hdf5.batch import runner
from pyrnn2hdf5.batch.runner import Job, convert_all, plan
from pyrnn2hdf5.conversion.converter import convert
from pyrnn2hdf5.conversion.outcome import Conversion, Options, Outcome
from pyrnn2hdf5.errors import Pyrnn2Hdf5Error
from pyrnn2hdf5.limits import Limits
from pyrnn2hdf5.sandbox.process import Process
from pyrnn2hdf5.text import describe_error
from pyrnn2hdf5.verification.comparison import verify

from ..conftest import MODELS
from ..trees import make_tree
from . import bad_worker

SOURCE = MODELS / "digits.pyrnn.gz"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "tree")


def outcomes(jobs: list[Job], seconds: float = 60, **options: Any) -> dict[str, Outcome]:
    return {outcome.source.name: outcome for outcome in convert_all(jobs, 2, seconds, Options(**options))}


def conversion_of(outcome: Outcome) -> Conversion:
    assert outcome.error is None
    assert outcome.conversion is not None
    return outcome.conversion


def test_results_lie_beside_their_sources_or_mirror_the_tree(tree: Path, tmp_path: Path) -> None:
    beside = plan([tree], None)
    assert [str(job.source.relative_to(tree)) for job in beside] == [
        *("a.pyrnn.gz", "evil.pyrnn", "sub/broken.pyrnn.gz", "sub/deep/c.pyrnn.gz", "sub/no-suffix", "sub/z.pyrnn.gz")
    ]
    assert beside[3].target == tree / "sub" / "deep" / "c.pyrnn.hdf5"
    mirrored = plan([tree], tmp_path / "out")
    assert mirrored[3].target == tmp_path / "out" / "sub" / "deep" / "c.pyrnn.hdf5"
    narrowed = plan([tree, tree / "sub" / "no-suffix"], tmp_path / "out", "[ac].*")
    assert [job.source.name for job in narrowed] == ["a.pyrnn.gz", "c.pyrnn.gz", "no-suffix"]
    assert narrowed[2].target == tmp_path / "out" / "no-suffix.hdf5"


def test_what_becomes_of_each(tree: Path) -> None:
    done = outcomes(plan([tree], None))
    assert {name: outcome.status for name, outcome in done.items()} == {
        "a.pyrnn.gz": "converted",
        "z.pyrnn.gz": "duplicate",
        "no-suffix": "converted",
        "c.pyrnn.gz": "converted",
        "evil.pyrnn": "refused",
        "broken.pyrnn.gz": "refused",
    }
    assert {name: outcome.duplicate_of for name, outcome in done.items() if outcome.duplicate_of} == {
        "z.pyrnn.gz": tree / "a.pyrnn.gz"
    }
    for outcome in done.values():
        assert outcome.bad == (outcome.status == "refused")
        assert outcome.source_size == outcome.source.stat().st_size
        if not outcome.bad:
            verification = conversion_of(outcome).verification
            assert verification is not None
            assert verification.ok
    again = outcomes(plan([tree], None))
    assert sorted(outcome.status for outcome in again.values()) == [*["refused"] * 2, *["up to date"] * 4]
    for name, outcome in again.items():
        if not outcome.bad:
            assert conversion_of(outcome).target_sha256 == conversion_of(done[name]).target_sha256
    forced = outcomes(plan([tree], None), force=True)
    assert forced["a.pyrnn.gz"].status == "converted"
    assert forced["z.pyrnn.gz"].status == "duplicate"


def test_a_duplicate_gets_the_result_it_would_have_alone(tree: Path, tmp_path: Path) -> None:
    os.link(tree / "a.pyrnn.gz", tree / "hard-link.pyrnn.gz")
    done = outcomes(plan([tree], None))
    for name in ("sub/z.pyrnn", "hard-link.pyrnn"):
        outcome = done[f"{name}.gz".removeprefix("sub/")]
        assert outcome.status == "duplicate"
        made = conversion_of(outcome)
        alone = convert(tree / f"{name}.gz", tmp_path / "alone.hdf5", force=True)
        assert (tree / f"{name}.hdf5").read_bytes() == alone.target.read_bytes()
        assert replace(alone, target=made.target) == made


def test_a_duplicate_is_warned_of_as_the_first(tmp_path: Path) -> None:
    data = bytearray(SOURCE.read_bytes())
    data[-6] ^= 1  # in the checksum
    jobs = []
    for name in ("a.pyrnn.gz", "b.pyrnn.gz"):
        (tmp_path / name).write_bytes(data)
        jobs.append(Job(tmp_path / name, tmp_path / f"{name}.hdf5"))
    done = outcomes(jobs, ignore_checksum=True)
    first, second = done["a.pyrnn.gz"], done["b.pyrnn.gz"]
    assert (first.status, second.status) == ("converted", "duplicate")
    assert "gzip data is damaged" in conversion_of(second).warnings[0]
    assert conversion_of(first).warnings == conversion_of(second).warnings


def test_a_duplicate_is_refused_or_fails_as_its_own(tree: Path, tmp_path: Path) -> None:
    shutil.copy(tree / "evil.pyrnn", tree / "sub" / "evil-too.pyrnn")
    out = tmp_path / "out"
    (out / "a.pyrnn.hdf5").mkdir(parents=True)
    done = outcomes(plan([tree], out))
    assert (done["evil-too.pyrnn"].status, done["evil.pyrnn"].status) == ("refused", "refused")
    assert done["evil-too.pyrnn"].error == done["evil.pyrnn"].error
    # What failed for its place only is converted elsewhere.
    assert [done[name].status for name in ("a.pyrnn.gz", "z.pyrnn.gz")] == ["failed", "duplicate"]
    assert verify(tree / "sub" / "z.pyrnn.gz", out / "sub" / "z.pyrnn.hdf5").ok


def test_processes_that_crash_or_hang_cost_only_their_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for name in ("a", "b", "crash", "fail", "hang", "vanish", "z"):
        shutil.copy(SOURCE, tree / f"{name}.pyrnn.gz")
    monkeypatch.setattr(runner, "WORKER_PROGRAM", bad_worker.__name__)
    start = time.monotonic()
    done = outcomes(plan([tree], tmp_path / "out"), seconds=5)
    assert time.monotonic() - start < 30
    said = {name.partition(".")[0]: describe_error(one.error) for name, one in done.items() if one.error is not None}
    assert said == {
        "crash": "ended by SIGSEGV",
        "fail": "ended without a result",
        "hang": "expected at most 5 s, took longer",
        "vanish": "ended without a result",
    }
    assert {one.status for one in done.values() if one.bad} == {"failed"}
    assert len([one for one in done.values() if one.status in ("converted", "duplicate")]) == 3


def count_processes(monkeypatch: pytest.MonkeyPatch) -> list[Process]:
    """Every process that is started from here on."""
    started: list[Process] = []

    class Counted(Process):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            started.append(self)

    monkeypatch.setattr(runner, "Process", Counted)
    return started


@pytest.mark.parametrize(("most", "expected"), [(200, 1), (2, 3)])
def test_a_process_converts_many_models_and_is_renewed(
    tree: Path, most: int, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = count_processes(monkeypatch)
    monkeypatch.setattr(runner, "MAX_CONVERSIONS", most)
    assert len(list(convert_all(plan([tree], None), 1, 60, Options()))) == 6
    assert len(started) == expected


def test_who_stops_listening_ends_the_processes(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started = count_processes(monkeypatch)
    finished = convert_all(plan([tree], None), 2, 60, Options())
    next(finished)
    finished.close()
    assert started
    assert all(process._process.poll() is not None for process in started)


def test_a_model_made_to_crash_hang_or_swell_is_refused_for_the_reason_it_has_alone(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    shutil.copy(SOURCE, tree / "good.pyrnn.gz")
    (tree / "crash.pyrnn").write_bytes(b"\x80\x02})" + b"\x85" * 2_000_000 + b"Ns.")
    # Integers of one hash: each is compared with all before it, which takes far longer than the limit.
    equal = b"".join(b"L%dL\nN" % (k * (2**61 - 1)) for k in range(60_000))
    (tree / "hang.pyrnn.gz").write_bytes(gzip.compress(b"\x80\x02}(" + equal + b"u."))
    (tree / "swell.pyrnn").write_bytes(b"\x80\x02Nr\xff\xff\xff\x7f.")
    limits = Limits(seconds=5)
    done = outcomes(plan([tree], tmp_path / "out"), limits=limits)
    assert done.pop("good.pyrnn.gz").status == "converted"
    for name, outcome in done.items():
        with pytest.raises(Pyrnn2Hdf5Error) as caught:
            convert(tree / name, tmp_path / "alone.hdf5", limits=limits)
        assert outcome.error == caught.value
        assert outcome.status == "refused"


def test_the_world_fails_one_model(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "sub").write_text("a file where a folder is needed")
    jobs = plan([tree], out)
    (tree / "a.pyrnn.gz").unlink()
    (tree / "sub" / "z.pyrnn.gz").unlink()
    shutil.copy(SOURCE, tree / "b.pyrnn.gz")
    done = outcomes([*jobs, *plan([tree / "b.pyrnn.gz"], out)])
    assert (
        describe_error(done["a.pyrnn.gz"].error or AssertionError(), tree / "a.pyrnn.gz") == "No such file or directory"
    )
    assert done["c.pyrnn.gz"].status == "failed"
    assert done["b.pyrnn.gz"].status == "converted"


def test_a_linked_folder_is_the_folder(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "m" / name).mkdir(parents=True)
        shutil.copy(SOURCE, tmp_path / "m" / name / "x.pyrnn.gz")
    (tmp_path / "out" / "a").mkdir(parents=True)
    (tmp_path / "out" / "b").symlink_to("a")
    assert all(job.conflict for job in plan([tmp_path / "m"], tmp_path / "out"))
    assert len(plan([tmp_path / "m", tmp_path / "m" / ".." / "m"], None)) == 2
