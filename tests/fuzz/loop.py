"""The loop of fuzz targets that may crash: mutate a seed, run the target, keep what raises anything that is not ours.

Runs in a process of its own with limits on memory and time, so that an input that crashes, hangs or
swells costs a new one only. That is how the program itself is kept, so such an end is counted, not a
finding. Findings are kept in `build/fuzz`.
"""

from __future__ import annotations

import hashlib
import itertools
import multiprocessing
import os
import random
import resource
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

from pyrnn2hdf5.errors import FAILURES

from ..conftest import ROOT

FINDINGS: Final = ROOT / "build" / "fuzz"
MEMORY: Final = 2**30
SECONDS: Final = 6.0
START: Final = 60.0
"""Longest time in seconds for an execution, and for the first of a process."""

INTERESTING: Final = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)

Mutate = Callable[[bytearray, random.Random], None]
Target = Callable[[Path, random.Random], None]


def flip(data: bytearray, chance: random.Random) -> None:
    """Another bit."""
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def number(data: bytearray, chance: random.Random) -> None:
    """A number at the edge of its type."""
    size = chance.choice((1, 2, 4, 8))
    at = chance.randrange(max(len(data) - size, 1))
    data[at : at + size] = (chance.choice(INTERESTING) % 2 ** (8 * size)).to_bytes(
        size, chance.choice(("little", "big"))
    )


def cut(data: bytearray, chance: random.Random) -> None:
    """Bytes that are missing."""
    at = chance.randrange(len(data))
    del data[at : at + chance.randrange(1, 64)]


def repeat(data: bytearray, chance: random.Random) -> None:
    """Bytes that stand elsewhere as well."""
    at = chance.randrange(len(data))
    piece = data[at : at + chance.randrange(1, 64)]
    to = chance.randrange(len(data))
    data[to:to] = piece


def fuzz(name: str, seeds: Sequence[bytes], mutations: Sequence[Mutate], target: Target) -> None:
    """Run for as many seconds as the command line says; exit with 1 if there are findings."""
    end = time.monotonic() + float(sys.argv[1])
    counts: Counter[str] = Counter()
    findings: set[str] = set()
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        for number in itertools.count():
            if time.monotonic() >= end:
                break
            receiver, sender = context.Pipe(duplex=False)
            work = (sender, seeds, mutations, target, Path(folder) / "input", f"{name} {number}")
            process = context.Process(target=_work, args=work, daemon=True)
            process.start()
            sender.close()
            if ending := _listen(receiver, end, counts, findings):
                counts[ending] += 1
            process.kill()
            process.join()
    print(f"{name}: {counts.total()} executions, {len(findings)} findings; {dict(counts.most_common(12))}")
    for finding in sorted(findings):
        print(finding)
    sys.exit(bool(findings))


def _listen(receiver: Connection, end: float, counts: Counter[str], findings: set[str]) -> str | None:
    """Count what a process says of its executions, until the end; how it ended before."""
    seconds = START
    while time.monotonic() < end:
        try:
            if not receiver.poll(seconds):
                return "time limit"
            count, finding = receiver.recv()
        except EOFError:
            return "crash"
        counts[count] += 1
        if finding:
            findings.add(finding)
        seconds = SECONDS
    return None


def _work(
    sender: Connection, seeds: Sequence[bytes], mutations: Sequence[Mutate], target: Target, path: Path, seed: str
) -> None:
    # CPython tells of byte arrays that find no memory.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    data_size = resource.getrlimit(resource.RLIMIT_DATA)[1]
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, data_size))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    chance = random.Random(seed)
    while True:
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.choice((1, 1, 1, 2, 4, 8))):
            if data:
                chance.choice(mutations)(data, chance)
        path.write_bytes(data)
        try:
            target(path, chance)
            sender.send(("accepted", None))
        except FAILURES as error:
            sender.send((type(error).__name__, None))
        except Exception:
            sender.send(("finding", _keep(bytes(data)) + traceback.format_exc()))


def _keep(data: bytes) -> str:
    FINDINGS.mkdir(parents=True, exist_ok=True)
    path = FINDINGS / hashlib.sha256(data).hexdigest()[:16]
    path.write_bytes(data)
    return f"FINDING {path.relative_to(ROOT)}\n"
