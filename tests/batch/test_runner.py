"""Many models: their targets, the processes that convert them, and what becomes of each."""

from __future__ import annotations

import gzip
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from pyrnn2hdf5.batch import runner as archive
from pyrnn2hdf5.batch.runner import Job, convert_all, plan
from pyrnn2hdf5.conversion.converter import convert
from pyrnn2hdf5.conversion.outcome import Outcome
from pyrnn2hdf5.errors import Pyrnn2Hdf5Error, TargetConflictError
from pyrnn2hdf5.limits import Limits

from ..conftest import MODELS

SOURCE = MODELS / "digits.pyrnn.gz"


def outcomes(jobs: list[Job], seconds: float = 60, **options: Any) -> dict[str, Outcome]:
    return {outcome.job.source.name: outcome for outcome in convert_all(jobs, 2, seconds, **options)}


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
    assert done["z.pyrnn.gz"].record["duplicate_of"] == str(tree / "a.pyrnn.gz")
    again = outcomes(plan([tree], None))
    assert sorted(outcome.status for outcome in again.values()) == [*["refused"] * 2, *["up to date"] * 4]
    assert all(again[name].record.get("target_sha256") == done[name].record.get("target_sha256") for name in done)
    forced = outcomes(plan([tree], None), force=True)
    assert forced["a.pyrnn.gz"].status == "converted"
    assert forced["z.pyrnn.gz"].status == "duplicate"


def test_a_duplicate_gets_the_result_it_would_have_alone(tree: Path, tmp_path: Path) -> None:
    os.link(tree / "a.pyrnn.gz", tree / "hard-link.pyrnn.gz")
    done = outcomes(plan([tree], None))
    for name in ("sub/z.pyrnn", "hard-link.pyrnn"):
        outcome = done[f"{name}.gz".removeprefix("sub/")]
        assert outcome.status == "duplicate"
        alone = convert(tree / f"{name}.gz", tmp_path / "alone.hdf5", force=True)
        assert outcome.record["target_sha256"] == alone.target_sha256
        assert (tree / f"{name}.hdf5").read_bytes() == alone.target.read_bytes()
        assert (outcome.record["source_size"], outcome.record["source_sha256"]) == (
            alone.source_size, alone.source_sha256,
        )  # fmt: skip


def test_a_duplicate_is_warned_of_as_the_first(tmp_path: Path) -> None:
    data = bytearray(SOURCE.read_bytes())
    data[-6] ^= 1  # in the checksum
    jobs = []
    for name in ("a.pyrnn.gz", "b.pyrnn.gz"):
        (tmp_path / name).write_bytes(data)
        jobs.append(Job(tmp_path / name, tmp_path / f"{name}.hdf5"))
    first, second = outcomes(jobs, ignore_checksum=True).values()
    assert (first.status, second.status) == ("converted", "duplicate")
    assert "gzip data is damaged" in second.record["warnings"][0]
    assert first.record["warnings"] == second.record["warnings"]


def test_a_duplicate_is_refused_or_fails_as_its_own(tree: Path, tmp_path: Path) -> None:
    shutil.copy(tree / "evil.pyrnn", tree / "sub" / "evil-too.pyrnn")
    out = tmp_path / "out"
    (out / "a.pyrnn.hdf5").mkdir(parents=True)
    done = outcomes(plan([tree], out))
    assert done["evil-too.pyrnn"].record == done["evil.pyrnn"].record | {"source": str(tree / "sub" / "evil-too.pyrnn")}
    # What failed for its place only is converted elsewhere.
    assert [done[name].status for name in ("a.pyrnn.gz", "z.pyrnn.gz")] == ["failed", "converted"]
    (tree / "a.pyrnn.gz").write_bytes((tree / "sub" / "deep" / "c.pyrnn.gz").read_bytes())
    assert convert_duplicate(tree / "a.pyrnn.gz", tree / "new.hdf5", out / "sub" / "z.pyrnn.hdf5") is None


def test_a_crash_costs_only_its_model(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = archive._convert_one

    def crash(job: Job, options: dict[str, Any]) -> bytes:
        if job.source.name == "a.pyrnn.gz":
            os.kill(os.getpid(), signal.SIGSEGV)
        if job.source.name == "no-suffix":
            os._exit(0)
        return real(job, options)

    monkeypatch.setattr(archive, "_convert_one", crash)
    done = outcomes(plan([tree], None))
    assert done["a.pyrnn.gz"].record["error"]["message"] == "ended by SIGSEGV"
    assert done["no-suffix"].record["error"]["message"] == "ended without a result"
    assert done["c.pyrnn.gz"].status == "converted"


def test_a_model_made_to_crash_hang_or_swell_is_refused_for_the_reason_it_has_alone(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    shutil.copy(SOURCE, tree / "good.pyrnn.gz")
    (tree / "crash.pyrnn").write_bytes(b"\x80\x02})" + b"\x85" * 2_000_000 + b"Ns.")
    (tree / "hang.pyrnn.gz").write_bytes(gzip.compress(b"\x80\x02" + b"N0" * 100 * 2**20 + b"N."))
    (tree / "swell.pyrnn").write_bytes(b"\x80\x02Nr\xff\xff\xff\x7f.")
    limits = Limits(seconds=0.5)
    done = outcomes(plan([tree], tmp_path / "out"), limits=limits)
    assert done.pop("good.pyrnn.gz").status == "converted"
    for name, outcome in done.items():
        with pytest.raises(Pyrnn2Hdf5Error) as caught:
            convert(tree / name, tmp_path / "alone.hdf5", limits=limits)
        assert outcome.record["error"] == {"kind": type(caught.value).__name__, "message": str(caught.value)}
        assert outcome.status == "refused"


def test_a_hang_costs_only_its_model(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = archive._convert_one

    def hang(job: Job, options: dict[str, Any]) -> bytes:
        if job.source.name == "a.pyrnn.gz":
            time.sleep(60)
        return real(job, options)

    monkeypatch.setattr(archive, "_convert_one", hang)
    start = time.monotonic()
    done = outcomes(plan([tree], None), seconds=3)
    assert time.monotonic() - start < 30
    assert done["a.pyrnn.gz"].status == "failed"
    assert done["a.pyrnn.gz"].record["error"]["message"] == "expected at most 3 s, took longer (see --timeout)"
    assert done["c.pyrnn.gz"].status == "converted"


def test_the_world_fails_one_model(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "sub").write_text("a file where a folder is needed")
    jobs = plan([tree], out)
    (tree / "a.pyrnn.gz").unlink()
    (tree / "sub" / "z.pyrnn.gz").unlink()
    shutil.copy(SOURCE, tree / "b.pyrnn.gz")
    done = outcomes([*jobs, *plan([tree / "b.pyrnn.gz"], out)])
    assert done["a.pyrnn.gz"].record["error"]["message"] == "No such file or directory"
    assert done["c.pyrnn.gz"].status == "failed"
    assert done["b.pyrnn.gz"].status == "converted"


def test_a_linked_folder_is_the_folder(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "m" / name).mkdir(parents=True)
        shutil.copy(SOURCE, tmp_path / "m" / name / "x.pyrnn.gz")
    (tmp_path / "out" / "a").mkdir(parents=True)
    (tmp_path / "out" / "b").symlink_to("a")
    with pytest.raises(TargetConflictError):
        plan([tmp_path / "m"], tmp_path / "out")
    assert len(plan([tmp_path / "m", tmp_path / "m" / ".." / "m"], None)) == 2
