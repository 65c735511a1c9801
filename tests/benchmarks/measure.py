"""How `make bench` measures: both sides in turn, medians, ratios, and the exponent of a growth."""

from __future__ import annotations

import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
PYTHON27 = os.environ.get("PYTHON27", "")
ONE_THREAD = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}


@dataclass(frozen=True)
class Program:
    """A command and its environment."""

    words: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))

    def run(self) -> tuple[float, float, str]:
        """Wall time in seconds, peak memory of its largest process in MB, and what it printed."""
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
            start = time.perf_counter()
            process = subprocess.Popen(self.words, stdout=out, stderr=errors, env=self.environment)
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0)
            errors.seek(0)
            if process.returncode:
                raise SystemExit(f"{' '.join(self.words)}: {errors.read().decode()}")
            return seconds, usage.ru_maxrss * 1024 / 1e6, out.read().decode()

    def seconds(self) -> float:
        return self.run()[0]

    def megabytes(self) -> float:
        return self.run()[1]

    def printed(self) -> float:
        return float(self.run()[2])


def ours(*words: object) -> Program:
    """Our command line."""
    return Program((sys.executable, "-m", "pyrnn2hdf5", *map(str, words)))


def our_library(*words: object) -> Program:
    return Program((sys.executable, str(HERE / "figures.py"), *map(str, words)), ONE_THREAD)


def peer(*words: object) -> Program:
    """The real kraken and ocropy under Python 2.7."""
    environment = {**ONE_THREAD, "PYTHONPATH": str(ROOT / ".py27")}
    return Program((PYTHON27, str(HERE / "peers_py27.py"), *map(str, words)), environment)


def rpred(*words: object) -> Program:
    """ocropy's own program that reads lines."""
    environment = {**ONE_THREAD, "PYTHONPATH": str(ROOT / ".py27")}
    return Program((PYTHON27, str(ROOT / ".py27" / "bin" / "ocropus-rpred"), *map(str, words)), environment)


def on_cores(program: Program, count: int) -> Program:
    """A program that has so many cores."""
    cores = ",".join(map(str, sorted(os.sched_getaffinity(0))[:count]))
    return Program(("taskset", "-c", cores, *program.words), program.environment)


def in_turn(left: Callable[[], float], right: Callable[[], float], rounds: int) -> tuple[float, float, float]:
    """Medians of both, and of the ratio left / right of each pair; a first pair only warms up."""
    pairs = [(left(), right()) for _ in range(rounds + (rounds > 1))][rounds > 1 :]
    lefts, rights = zip(*pairs, strict=True)
    return statistics.median(lefts), statistics.median(rights), statistics.median(a / b for a, b in pairs)


def exponent(sizes: Sequence[float], costs: Sequence[float]) -> float:
    """The slope of log cost over log size by least squares: 1 is linear."""
    return statistics.linear_regression([math.log(s) for s in sizes], [math.log(c) for c in costs]).slope
