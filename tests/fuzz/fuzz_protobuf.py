"""Fuzz the readers of pronn and ONNX: `python -m tests.fuzz.fuzz_protobuf pronn|onnx SECONDS [EXECUTIONS]`.

In this very process, for that is how both are read: an input that crashes it, or hangs, ends the run.
"""

from __future__ import annotations

import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple

from pyrnn2hdf5.errors import InvalidModelError, SourceError
from pyrnn2hdf5.model.model import Model
from pyrnn2hdf5.onnx_graph import model_file
from pyrnn2hdf5.pronn import reader

from ..conftest import ROOT
from ..pronn.messages import encode, small, varint
from .loop import INTERESTING, cut, flip, number, repeat

# Mostly small, so that damage meets more than weights.
MODELS: Final = [small(), small(None), small(("", "a", "é", "字", "👍", "ab", "\0"), 1, 1, 7)] * 2
DIGITS: Final = (ROOT / "fixtures" / "pronn" / "digits.pronn").read_bytes()


class Target(NamedTuple):
    """A reader, what to mutate, what it must begin with, and whether what was accepted says just what was read."""

    read: Callable[[bytes], Model]
    seeds: list[bytes]
    magic: bytes
    holds: Callable[[Model, bytes], bool]


TARGETS: Final = {
    "pronn": Target(
        reader.from_pronn,
        [*map(encode, MODELS), DIGITS],
        reader.PRONN_MAGIC,
        # Only the order of bytes may be another; a name is read and not kept.
        lambda model, data: len(model.notes) > 1 or sorted(encode(model)) == sorted(data),
    ),
    "onnx": Target(
        model_file.from_onnx,
        [model_file.to_onnx(model) for model in (*MODELS, reader.from_pronn(DIGITS))],
        model_file.ONNX_MAGIC,
        lambda model, data: model_file.to_onnx(model) == data,
    ),
}
FINDINGS: Final = ROOT / "build" / "fuzz"


def tag(data: bytearray, chance: random.Random) -> None:
    """Another tag, length or integer in the place of one."""
    places = [at for at in range(min(len(data), 4096)) if data[at] in b"\x08\x0a\x12\x1a\x22\x2a\x32\x3a\x50\x58\x62"]
    at = chance.choice(places) if places else 0
    new = chance.choice((varint(chance.choice(INTERESTING)), varint(chance.randrange(128)), b"\x80\x00", b"\x0b", b""))
    data[at + chance.randrange(2) : at + chance.randrange(4)] = new


def run(target: Target, chance: random.Random) -> str:
    """Mutate a seed and read it; how that ended. Raises what is a finding, with the input as its last argument."""
    data = bytearray(chance.choice(target.seeds))
    for _ in range(chance.choice((1, 1, 1, 2, 4, 8))):
        if data:
            chance.choice((flip, number, cut, repeat, tag, tag))(data, chance)
    if chance.randrange(4):
        # Without its first fields it is no such file at all.
        data[: len(target.magic)] = target.magic
    try:
        model = target.read(bytes(data))
    except (SourceError, InvalidModelError) as error:
        assert len(str(error).splitlines()) == 1, bytes(data)
        return type(error).__name__
    except Exception as error:
        raise AssertionError(bytes(data)) from error
    assert target.holds(model, bytes(data)), bytes(data)
    return "accepted"


def main() -> None:
    """Run for as many seconds, or as many executions; exit with 1 if there are findings."""
    name, seconds, *executions = sys.argv[1:]
    end, most = time.monotonic() + float(seconds), int(executions[0]) if executions else sys.maxsize
    endings: Counter[str] = Counter()
    while time.monotonic() < end and endings.total() < most:
        number_of_run = endings.total()
        try:
            endings[run(TARGETS[name], random.Random(f"{name} {number_of_run}"))] += 1
        except AssertionError as error:
            endings["FINDING"] += 1
            FINDINGS.mkdir(parents=True, exist_ok=True)
            (FINDINGS / f"{name}-{number_of_run}").write_bytes(error.args[0])
            traceback.print_exc()
    print(f"{name}: {endings.total()} executions, {endings['FINDING']} findings; {dict(endings.most_common())}")
    sys.exit(bool(endings["FINDING"]))


if __name__ == "__main__":
    main()
