"""The loop of both fuzz targets: mutate a seed, run the target, keep what raises anything that is not ours.

Runs in forked children of a hundred executions with limits on memory and time, so that an input
that crashes, hangs or swells costs its child only. That is how the program itself is kept, so such
an end is counted, not a finding. Findings are kept in `build/fuzz`.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import random
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from pyrnn2hdf5.errors import Pyrnn2Hdf5Error
from pyrnn2hdf5.limits import Limits
from pyrnn2hdf5.sandbox import bounded as sandbox
from pyrnn2hdf5.sandbox import process as child

from ..conftest import ROOT

FINDINGS: Final = ROOT / "build" / "fuzz"
CHUNK: Final = 100
LIMITS: Final = Limits(seconds=6)
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
    executions = mmap.mmap(-1, 8)
    endings: Counter[str] = Counter()
    findings: set[str] = set()
    number_of_chunk = 0
    with tempfile.TemporaryDirectory() as folder:
        while time.monotonic() < end:
            chance = random.Random(f"{name} {number_of_chunk}")
            number_of_chunk += 1
            path = Path(folder) / "input"
            work = _chunk(seeds, mutations, target, path, chance, executions, end)
            ending = child.finish(child.start(work, LIMITS.seconds))
            if ending.timed_out or ending.signal_name:
                endings[ending.signal_name or "time limit"] += 1
                continue
            counts, found = json.loads(ending.message)
            endings.update(counts)
            findings.update(found)
    count = int.from_bytes(executions[:8], "little")
    print(f"{name}: {count} executions, {len(findings)} findings; {dict(endings.most_common(12))}")
    for finding in sorted(findings):
        print(finding)
    sys.exit(bool(findings))


def _chunk(
    seeds: Sequence[bytes],
    mutations: Sequence[Mutate],
    target: Target,
    path: Path,
    chance: random.Random,
    executions: mmap.mmap,
    end: float,
) -> Callable[[], bytes]:
    def work() -> bytes:
        sandbox.limit_memory(LIMITS)
        counts: Counter[str] = Counter()
        found: set[str] = set()
        for _ in range(CHUNK):
            if time.monotonic() >= end:
                break
            data = bytearray(chance.choice(seeds))
            for _ in range(chance.choice((1, 1, 1, 2, 4, 8))):
                if data:
                    chance.choice(mutations)(data, chance)
            path.write_bytes(data)
            executions[:8] = (int.from_bytes(executions[:8], "little") + 1).to_bytes(8, "little")
            try:
                target(path, chance)
                counts["accepted"] += 1
            except (Pyrnn2Hdf5Error, OSError, MemoryError) as error:
                counts[type(error).__name__] += 1
            except Exception:
                found.add(_keep(bytes(data)) + traceback.format_exc())
        return json.dumps([counts, sorted(found)]).encode()

    return work


def _keep(data: bytes) -> str:
    FINDINGS.mkdir(parents=True, exist_ok=True)
    path = FINDINGS / hashlib.sha256(data).hexdigest()[:16]
    path.write_bytes(data)
    return f"FINDING {path.relative_to(ROOT)}\n"
