"""An archive whose conversion is killed again and again comes out as if nothing had happened."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from ..conftest import MODELS
from ..hostile.processes import descendants, gone

KILLS = 50
LONGEST = 1.5
"""Seconds after which a run is killed at the latest; a whole one takes about as long."""


def test_fifty_kills_leave_the_same_files(tmp_path: Path) -> None:
    models, converted, undisturbed = tmp_path / "models", tmp_path / "converted", tmp_path / "undisturbed"
    for number in range(4):
        for source in MODELS.glob("*.gz"):
            (models / str(number)).mkdir(parents=True, exist_ok=True)
            shutil.copy(source, models / str(number))

    def command(target: Path) -> list[str]:
        return [sys.executable, "-m", "pyrnn2hdf5", "convert", "-q", "-j", "2", str(models), "-o", str(target)]

    assert subprocess.run(command(undisturbed), check=False).returncode == 0

    def files(folder: Path) -> dict[Path, bytes]:
        return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    whole = files(undisturbed)
    chance = random.Random(50)
    for _ in range(KILLS):
        running = subprocess.Popen(command(converted))
        try:
            running.wait(chance.uniform(0.05, LONGEST))
        except subprocess.TimeoutExpired:
            workers = descendants(running.pid)
            running.send_signal(signal.SIGKILL)
            running.wait()
            # They end by themselves; until then they may still write what they are at.
            assert gone(workers)
        assert files(converted).items() <= whole.items()
        if chance.random() < 0.2:
            # So that there is always something left to convert.
            shutil.rmtree(converted, ignore_errors=True)
    assert subprocess.run(command(converted), check=False).returncode == 0
    assert files(converted) == whole
