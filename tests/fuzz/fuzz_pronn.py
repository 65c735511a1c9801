"""Fuzz the reader of pronn: `python -m tests.fuzz.fuzz_pronn SECONDS [EXECUTIONS]`.

In this very process, for that is how pronn is read: an input that crashes it, or hangs, ends the run.
"""

from __future__ import annotations

import random
import sys
import time
import traceback
from collections import Counter
from typing import Final

from pyrnn2hdf5.errors import InvalidModelError, SourceError
from pyrnn2hdf5.pronn.reader import MAGIC, to_model

from ..conftest import ROOT
from ..pronn.messages import encode, small, varint
from .loop import INTERESTING, cut, flip, number, repeat

SEEDS: Final = (
    # Mostly small, so that damage meets more than weights.
    *(encode(small()), encode(small(None)), encode(small(("", "a", "é", "字", "👍", "ab", "\0"), 1, 1, 7))),
    *(encode(small()), encode(small(None)), encode(small(("", "a", "é", "字", "👍", "ab", "\0"), 1, 1, 7))),
    (ROOT / "fixtures" / "pronn" / "digits.pronn").read_bytes(),
)
FINDINGS: Final = ROOT / "build" / "fuzz"


def tag(data: bytearray, chance: random.Random) -> None:
    """Another tag, length or integer in the place of one."""
    places = [at for at in range(min(len(data), 4096)) if data[at] in b"\x08\x0a\x12\x1a\x22\x2a\x32\x3a\x50\x58\x62"]
    at = chance.choice(places) if places else 0
    new = chance.choice((varint(chance.choice(INTERESTING)), varint(chance.randrange(128)), b"\x80\x00", b"\x0b", b""))
    data[at + chance.randrange(2) : at + chance.randrange(4)] = new


def run(chance: random.Random) -> str:
    """Mutate a seed and read it; how that ended. Raises what is a finding, with the input as its last argument."""
    data = bytearray(chance.choice(SEEDS))
    for _ in range(chance.choice((1, 1, 1, 2, 4, 8))):
        if data:
            chance.choice((flip, number, cut, repeat, tag, tag))(data, chance)
    if chance.randrange(4):
        # Without its first field it is no pronn at all.
        data[: len(MAGIC)] = MAGIC
    try:
        model = to_model(bytes(data))
    except (SourceError, InvalidModelError) as error:
        assert len(str(error).splitlines()) == 1, bytes(data)
        return type(error).__name__
    except Exception as error:
        raise AssertionError(bytes(data)) from error
    # What was accepted has no byte that the model does not say; only their order may be another.
    if len(model.notes) == 1:
        assert sorted(encode(model)) == sorted(data), bytes(data)
    return "accepted"


def main() -> None:
    """Run for as many seconds, or as many executions; exit with 1 if there are findings."""
    end, most = time.monotonic() + float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else sys.maxsize
    endings: Counter[str] = Counter()
    while time.monotonic() < end and endings.total() < most:
        number_of_run = endings.total()
        try:
            endings[run(random.Random(f"pronn {number_of_run}"))] += 1
        except AssertionError as error:
            endings["FINDING"] += 1
            FINDINGS.mkdir(parents=True, exist_ok=True)
            (FINDINGS / f"pronn-{number_of_run}").write_bytes(error.args[0])
            traceback.print_exc()
    print(f"pronn: {endings.total()} executions, {endings['FINDING']} findings; {dict(endings.most_common())}")
    sys.exit(bool(endings["FINDING"]))


if __name__ == "__main__":
    main()
