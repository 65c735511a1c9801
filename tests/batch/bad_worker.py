"""A worker that misbehaves at certain models."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from pyrnn2hdf5.batch import worker
from pyrnn2hdf5.conversion.converter import attempt
from pyrnn2hdf5.conversion.outcome import Options, Outcome
from pyrnn2hdf5.sandbox.bounded import Reader


def misbehave(source: Path, target: Path, options: Options, reader: Reader, *, exact: bool) -> Outcome:
    if source.name.startswith("crash"):
        os.kill(os.getpid(), signal.SIGSEGV)
    if source.name.startswith("vanish"):
        os._exit(0)
    if source.name.startswith("hang"):
        time.sleep(60)
    if source.name.startswith("fail"):
        raise ZeroDivisionError
    return attempt(source, target, options, reader, exact=exact)


def main() -> None:
    vars(worker)["attempt"] = misbehave
    worker.main()
