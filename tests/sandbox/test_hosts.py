"""Whatever host a reader is started from: threads beside BLAS, asyncio, process pools, no interpreter, Windows."""

from __future__ import annotations

import asyncio
import hashlib
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import pyrnn2hdf5
from pyrnn2hdf5 import Limits, LoadLimitError, Pyrnn2Hdf5Error, ReaderError, convert, load_pyrnn
from pyrnn2hdf5.batch import runner
from pyrnn2hdf5.batch.runner import convert_all, plan
from pyrnn2hdf5.conversion.outcome import Options
from pyrnn2hdf5.sandbox import bounded as sandbox
from pyrnn2hdf5.sandbox import child, process
from pyrnn2hdf5.sandbox.bounded import bounded

from ..conftest import MODELS, SHARED
from ..hostile_pickles import MONSTERS
from ..trees import names

SMALL = MODELS / "digits.pyrnn.gz"
REAL = SHARED / "real" / "fraktur-jze.pyrnn.gz"

# BLAS has as many threads as it likes; a hang of one thread would be one of all.
HOST = """
import hashlib, os, sys, threading
from pathlib import Path
import numpy as np
import pyrnn2hdf5
source, out = Path(sys.argv[1]), Path(sys.argv[2])
stopped = threading.Event()
found = []
def multiply():
    a = np.random.default_rng(0).random((500, 500))
    while not stopped.is_set():
        a @ a
def work(number):
    for i in range(9):
        if number:
            target = out / f"{number}-{i}.hdf5"
            pyrnn2hdf5.convert(source, target)
            found.append(hashlib.sha256(target.read_bytes()).hexdigest())
        else:
            pyrnn2hdf5.load_pyrnn(source)
busy = threading.Thread(target=multiply)
threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
for thread in (busy, *threads):
    thread.start()
for thread in threads:
    thread.join()
stopped.set()
busy.join()
print(len(found), *sorted(set(found)))
"""


@pytest.mark.parametrize("source", [SMALL, pytest.param(REAL, marks=pytest.mark.real)], ids=["fixture", "real"])
def test_threads_convert_beside_a_running_matrix_product(source: Path, tmp_path: Path) -> None:
    alone = tmp_path / "alone.hdf5"
    convert(source, alone)
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    command = [sys.executable, "-c", HOST, str(source), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, check=False)
    assert done.stderr == ""
    assert done.stdout.split() == ["36", hashlib.sha256(alone.read_bytes()).hexdigest()]


def test_inside_asyncio() -> None:
    async def read() -> list[int]:
        threads = [asyncio.to_thread(load_pyrnn, SMALL) for _ in range(3)]
        return [load_pyrnn(SMALL).No, *(model.No for model in await asyncio.gather(*threads))]

    assert asyncio.run(read()) == [25] * 4


# In a process of its own: a pool that forks must not meet the threads of other tests.
POOL = """
import multiprocessing, sys
from concurrent.futures import ProcessPoolExecutor
import pyrnn2hdf5
if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        print([model.No for model in pool.map(pyrnn2hdf5.load_pyrnn, [sys.argv[2]] * 3)])
        try:
            pool.submit(pyrnn2hdf5.load_pyrnn, sys.argv[3]).result()
        except pyrnn2hdf5.UnsafePickleError as error:
            print(error)
        print(pool.submit(pyrnn2hdf5.load_pyrnn, sys.argv[2]).result().No)
"""


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
def test_in_a_process_pool(method: str, tmp_path: Path) -> None:
    (tmp_path / "bad").write_bytes(b"cos\nsystem\n.")
    (tmp_path / "pool.py").write_text(POOL)
    command = [sys.executable, *map(str, (tmp_path / "pool.py", method, SMALL, tmp_path / "bad"))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    refused = "refused global os.system: not part of an OCRopus line recognizer; it runs programs or reaches files"
    expected = ["[25, 25, 25]", refused, "25"]
    assert (done.stdout.splitlines(), done.stderr) == (expected, "")


def test_a_program_without_interpreter_reads_in_its_own_process_where_it_is_told_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(ReaderError, match=r"expected sys\.executable to be one, got ''; .*allow it to be read in this"):
        load_pyrnn(SMALL)
    assert load_pyrnn(SMALL, limits=Limits(in_process=True)).No == 25
    with pytest.raises(Pyrnn2Hdf5Error, match="expected a pickle"):
        load_pyrnn(MODELS.parent / "README.md", limits=Limits(in_process=True))


def test_a_program_without_interpreter_converts_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = convert(SMALL, tmp_path / "x.hdf5").target.read_bytes()
    monkeypatch.setattr(sys, "executable", "")
    made = convert(SMALL, tmp_path / "y.hdf5", limits=Limits(in_process=True))
    assert made.target.read_bytes() == expected
    assert made.verification is not None
    assert made.verification.ok


def hang(file: object, limits: Limits, tell: object) -> None:
    """Read for ever."""
    time.sleep(60)


def test_the_way_of_windows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    # No descriptor is handed over, no group is killed, and the child cannot bound itself.
    monkeypatch.setattr(process, "PASSES_DESCRIPTORS", False)
    without = "import sys; sys.modules['resource'] = None; " + process.BOOT.removeprefix("import sys; ")
    monkeypatch.setattr(process, "BOOT", without)
    monkeypatch.setattr(child, "BOUNDS_ITSELF", False)
    assert pyrnn2hdf5.convert(SMALL, tmp_path / "m.hdf5").verification
    (tmp_path / "bad").write_bytes(b"cos\nsystem\n.")
    with pytest.raises(pyrnn2hdf5.UnsafePickleError):
        load_pyrnn(tmp_path / "bad")
    start = time.monotonic()
    with pytest.raises(LoadLimitError):
        bounded(f"{__name__}:hang", SMALL, Limits(seconds=0.5), Pyrnn2Hdf5Error)
    assert time.monotonic() - start < 30


def test_an_archive_on_the_way_of_windows(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    for source in (SMALL, MODELS / "digits-plain.pyrnn"):
        shutil.copy(source, tree)
        convert(source, tmp_path)
    (tree / "hang.pyrnn").write_bytes(MONSTERS["equal hashes"][0]())
    # Here, in the workers, and in their readers; no file is without a name either.
    monkeypatch.setattr(process, "PASSES_DESCRIPTORS", False)
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    monkeypatch.setattr(sandbox, "CHILD_PROGRAM", "tests.sandbox.windows")
    monkeypatch.setattr(runner, "WORKER_PROGRAM", "tests.sandbox.windows_worker")
    archive = convert_all(plan([tree], tmp_path / "out"), 2, 60, Options(limits=Limits(seconds=3)))
    errors = {outcome.source.name: outcome.error for outcome in archive}
    assert isinstance(errors.pop("hang.pyrnn"), LoadLimitError)
    assert list(errors.values()) == [None, None]
    assert names(tmp_path / "out") == ["digits-plain.hdf5", "digits.pyrnn.hdf5"]
    for made in (tmp_path / "out").iterdir():
        assert made.read_bytes() == (tmp_path / made.name).read_bytes()
