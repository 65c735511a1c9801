"""Fuzz the way from a pickle to a file: `python -m tests.fuzz.fuzz_pickle SECONDS`."""

from __future__ import annotations

import gzip
import random
import struct
from pathlib import Path
from typing import Any, Final

from pyrnn2hdf5.files.paths import open_regular
from pyrnn2hdf5.files.sources import SourceFacts
from pyrnn2hdf5.hdf5.h5py_io import to_hdf5
from pyrnn2hdf5.hdf5.layout import restore, store
from pyrnn2hdf5.hdf5.reader import read_by_library
from pyrnn2hdf5.limits import Limits
from pyrnn2hdf5.model.compatibility import remarks
from pyrnn2hdf5.pyrnn.examination import examine
from pyrnn2hdf5.pyrnn.extraction import read
from pyrnn2hdf5.pyrnn.findings import Examination, RawModel, Remains
from pyrnn2hdf5.pyrnn.reader import load_pyrnn, to_model
from pyrnn2hdf5.sandbox.messages import decode, encode, types_of
from pyrnn2hdf5.text import visible

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

TYPES: Final = types_of(Examination, RawModel, Remains, SourceFacts)

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
    kind = chance.randrange(50)
    if kind == 0:
        model = load_pyrnn(path, limits=Limits(seconds=5))
    elif kind < 15:
        with open_regular(path) as file:
            passed(examine(file, Limits(), passed, name=path.name))
        return
    else:
        with open_regular(path) as file:
            model = to_model(*passed(read(file, Limits(), name=path.name, ignore_checksum=bool(chance.randrange(2)))))
    for remark in remarks(model):
        visible(remark).encode("utf-8")
    written = path.with_name("written")
    written.write_bytes(to_hdf5(store(model)))
    restore(read_by_library(written))


def passed(value: object) -> Any:
    """A value as it comes out of the process that reads."""
    return decode(b"".join(encode(value)), TYPES)


if __name__ == "__main__":
    fuzz("pickle", SEEDS, (flip, number, cut, repeat, opcode, opcode), target)
