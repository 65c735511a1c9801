"""Fuzz the way from a pickle to a file: `python -m tests.fuzz.fuzz_pickle SECONDS`."""

from __future__ import annotations

import gzip
import random
import struct
from pathlib import Path
from typing import Final

from pyrnn2hdf5 import load
from pyrnn2hdf5.cli import text_output as render
from pyrnn2hdf5.hdf5 import h5py_io as hdf5
from pyrnn2hdf5.hdf5.layout import restore, store
from pyrnn2hdf5.limits import Limits
from pyrnn2hdf5.model.compatibility import remarks
from pyrnn2hdf5.pyrnn import reader as pyrnn

from ..conftest import MODELS
from ..pickles import Dialect, dump, recognizer
from .loop import cut, flip, fuzz, number, repeat

SEEDS: Final = (
    *(
        dump(recognizer(), Dialect(protocol, python, style))
        for protocol, python, style in (
            *((0, 2, "INST"), (1, 2, "OBJ"), (2, 2, "OBJ"), (2, 2, "reconstructor"), (2, 3, "NEWOBJ")),
            *((3, 3, "NEWOBJ"), (4, 3, "NEWOBJ"), (5, 3, "NEWOBJ")),
        )
    ),
    gzip.compress(dump(recognizer()), 1, mtime=0),
    gzip.decompress((MODELS / "digits.pyrnn.gz").read_bytes()),
)

NAMES: Final = (
    *(b"cos\nsystem\n", b"cocrolib.lstm\nLSTM\n", b"cocrolib.lstm\nSoftmax\n", b"cocrolib.lstm\nCodec\n"),
    *(b"cnumpy\nndarray\n", b"cnumpy\ndtype\n", b"cnumpy.core.multiarray\n_reconstruct\n", b"cnumpy\nfloat64\n"),
    *(b"cnumpy.core.multiarray\nscalar\n", b"cnumpy.core.numeric\n_frombuffer\n", b"c_codecs\nencode\n"),
    *(b"ccollections\ndefaultdict\n", b"ccollections\nOrderedDict\n", b"ccollections\ndeque\n", b"c__builtin__\nset\n"),
    *(b"ccopy_reg\n_reconstructor\n", b"c__builtin__\nobject\n", b"c__builtin__\nbytearray\n", b"c__builtin__\nlist\n"),
)
SIMPLE: Final = [
    bytes([code]) for code in b"(.012N}]l)dtaseuobRbQ\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94\x97\x98"
]
WITH_NUMBER: Final = [bytes([code]) for code in b"hjqrKMJGU\x8cCTXB\x8a\x8b\x8d\x8e\x95\x96\x82\x83\x84"]


def opcode(data: bytearray, chance: random.Random) -> None:
    """One more opcode, or one in the place of another: a name, a call, a small or a huge number."""
    kind = chance.randrange(3)
    if kind == 0:
        new = chance.choice(NAMES)
    elif kind == 1:
        new = chance.choice(SIMPLE)
    else:
        count = chance.choice((0, 1, 5, 200, 2**31 - 1, 2**32 - 1))
        new = chance.choice(WITH_NUMBER) + struct.pack("<I", count)[: chance.choice((1, 2, 4))]
    at = chance.randrange(len(data))
    data[at : at + chance.choice((0, 0, 1, len(new)))] = new


def target(path: Path, chance: random.Random) -> None:
    """Read in this process, one time in fifty as users do, and write what was accepted."""
    if chance.randrange(50) == 0:
        model = pyrnn.load_pyrnn(path, limits=Limits(seconds=5))
    else:
        model = pyrnn._read(path, Limits(), ignore_checksum=bool(chance.randrange(2)))[0]
    for remark in remarks(model):
        render.visible(remark).encode("utf-8")
    stored = store(model)
    written = path.with_name("written")
    written.write_bytes(hdf5.to_bytes(stored))
    restore(load.read_by_library(written))


if __name__ == "__main__":
    fuzz("pickle", SEEDS, (flip, number, cut, repeat, opcode, opcode), target)
