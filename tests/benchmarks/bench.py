"""Run by `make bench`: our speed as a ratio to a peer, both in turn in the same run.

Prints a table and writes `build/bench.json`. Uses the models in ../shared where they are, else the
fixtures, which are too small to show much.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
HERE = Path(__file__).parent
REAL = ROOT.parent / "shared" / "real"
OURS = [sys.executable, "-m", "pyrnn2hdf5"]
ROUNDS = 7
PYTHON27 = os.environ.get("PYTHON27", "")
ONE_THREAD = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MPLBACKEND": "Agg"}
PEER = {**ONE_THREAD, "PYTHONPATH": str(ROOT / ".py27")}


@dataclass(frozen=True)
class Row:
    """One case: medians of both sides, and of the ratio ours / theirs."""

    case: str
    unit: str
    peer: str
    goal: str
    ours: float
    theirs: float
    ratio: float


def models() -> tuple[Path, list[Path]]:
    """A model and dewarped lines for it."""
    if REAL.is_dir():
        return REAL / "fraktur-jze.pyrnn.gz", sorted((REAL / "lines").glob("*.npz"))
    fixtures = ROOT / "fixtures"
    return fixtures / "models" / "digits.pyrnn.gz", sorted((fixtures / "lines").glob("*.line.npy"))


def seconds(command: list[str]) -> Callable[[], float]:
    """Wall time of a whole process."""

    def measure() -> float:
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        return time.perf_counter() - start

    return measure


def printed(command: list[str], environment: dict[str, str]) -> Callable[[], float]:
    """The number that a process prints."""

    def measure() -> float:
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        return float(done.stdout)

    return measure


def in_turn(ours: Callable[[], float], peer: Callable[[], float]) -> tuple[float, float, float]:
    """Medians of both, and of the ratio of each pair."""
    ours(), peer()
    pairs = [(ours(), peer()) for _ in range(ROUNDS)]
    left, right = zip(*pairs, strict=True)
    return statistics.median(left), statistics.median(right), statistics.median(a / b for a, b in pairs)


def main() -> None:
    model, lines = models()
    names = [str(path) for path in lines]
    rows: list[Row] = []

    def row(case: str, unit: str, peer: str, goal: str, figures: tuple[float, float, float]) -> None:
        rows.append(Row(case, unit, peer, goal, *figures))

    with tempfile.TemporaryDirectory() as folder:
        target = f"{folder}/x.hdf5"
        plain = [*OURS, "convert", "-q", "--force", "--no-verify", str(model), "-o", target]
        subprocess.run(plain, check=True)
        verify = [*OURS, "verify", "-q", str(model), target]
        row("verify a model", "s", "our convert --no-verify", "<= 2", in_turn(seconds(verify), seconds(plain)))
    if PYTHON27:
        ocropy = [PYTHON27, str(HERE / "ocropy_py27.py"), str(model)]
        for how, count, goal in (("batch", len(names), ">= 15"), ("one", 1, ">= 8")):
            case = f"forward pass, {count} lines in one batch" if how == "batch" else "forward pass, one line"
            ours = printed([sys.executable, str(HERE / "steps.py"), how, str(model), *names[:count]], ONE_THREAD)
            row(case, "steps/s", "ocropy", goal, in_turn(ours, printed([*ocropy, *names[:count]], PEER)))
    else:
        print("no Python 2.7 here: nothing was compared with ocropy", file=sys.stderr)

    print(f"Model {model.name}, {len(lines)} lines, medians of {ROUNDS} rounds in turn.\n")
    print("| case | ours | peer | ratio | goal |")
    print("|---|---|---|---|---|")
    for r in rows:
        print(f"| {r.case} | {r.ours:.3g} {r.unit} | {r.peer}: {r.theirs:.3g} | {r.ratio:.2f} | {r.goal} |")
    report = ROOT / "build" / "bench.json"
    report.parent.mkdir(exist_ok=True)
    report.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")


main()
