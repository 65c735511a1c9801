"""To look at a file costs little, whatever it holds: what has no content, and texts of megabytes in messages."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pyrnn2hdf5.errors import SourceError
from pyrnn2hdf5.files.packings import GZIP_PATIENCE, PATIENCE
from pyrnn2hdf5.files.paths import CHUNK
from pyrnn2hdf5.limits import MAX_MESSAGE, Limits
from pyrnn2hdf5.pyrnn.reader import examine_pyrnn
from pyrnn2hdf5.pyrnn.stream import MAX_PEEK, SourceStream

from ..conftest import MODELS
from ..pickles import Name, dump
from .promise import here, hold_promise

NAMED = b"\x1f\x8b\x08\x08" + bytes(6)
"""The header of a gzip member with a name."""

EMPTY: dict[str, Callable[[], bytes]] = {
    "padding": lambda: gzip.compress(b"") + bytes(PATIENCE),
    "a long name": lambda: NAMED + b"a" * PATIENCE + b"\0" + gzip.compress(b"\x80\x02N.")[10:],
    "empty members": lambda: gzip.compress(b"") * (PATIENCE // 20),
    "empty blocks": lambda: gzip.compress(b"")[:10] + b"\0\0\0\xff\xff" * (PATIENCE // 5),
    "empty bzip2 streams": lambda: bz2.compress(b"") * (PATIENCE // 7),
    "empty xz streams": lambda: lzma.compress(b"") * (PATIENCE // 16),
    "padding in gzip": lambda: gzip.compress(gzip.compress(b"") + bytes(PATIENCE)),
    "a long name in xz": lambda: lzma.compress(NAMED + b"a" * PATIENCE),
}


class Counting(io.BytesIO):
    """A file that counts what is read of it."""

    taken = 0

    def read(self, count: int | None = -1) -> bytes:
        data = super().read(count)
        self.taken += len(data)
        return data


@pytest.mark.parametrize("what", EMPTY)
def test_only_so_much_is_read_before_there_is_content(what: str) -> None:
    file = Counting(EMPTY[what]())
    with pytest.raises(SourceError, match=r"expected a pickle, got an empty stream: nothing in its first \d+ bytes"):
        SourceStream("m", file, 2**30)
    assert file.taken <= (GZIP_PATIENCE if file.getvalue()[:2] == b"\x1f\x8b" else PATIENCE) + CHUNK


HEADER = tarfile.TarInfo("a").tobuf()


@pytest.mark.parametrize("behind", [gzip.compress(b"") * 200_000, bytes(4_000_000)])
@pytest.mark.parametrize("beginning", [b"garbage", HEADER])
def test_only_so_much_is_read_to_tell_what_begins_as_no_pickle(beginning: bytes, behind: bytes) -> None:
    file = Counting(gzip.compress(beginning) + behind)
    stream = SourceStream("m", file, 2**30)
    with contextlib.suppress(SourceError):
        stream.check_beginning(MAX_PEEK)
    assert file.taken <= MAX_PEEK + 4 * CHUNK


def test_a_folder_of_them_costs_no_command(tmp_path: Path) -> None:
    folder = tmp_path / "all"
    folder.mkdir()
    for number, what in enumerate(("a long name", "empty members")):
        (folder / f"{number}.pyrnn.gz").write_bytes(EMPTY[what]())
        (folder / f"unnamed {number}").write_bytes(EMPTY[what]())
    with (folder / "sparse.pyrnn.gz").open("wb") as file:
        file.write(gzip.compress(b""))
        file.truncate(2**31)
    with (folder / "sparse").open("wb") as file:
        file.write(gzip.compress(b""))
        file.truncate(2**31)
    shutil.copy(MODELS / "digits.pyrnn.gz", folder / "good.pyrnn.gz")
    done = here("convert", folder, "-o", tmp_path / "out")
    assert done.code == 1
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.pyrnn.hdf5"]
    assert done.stderr.count("got an empty stream: nothing in") == 3
    assert "\ngood.pyrnn.gz " in here("show", folder).stdout
    assert here("models", "--model-dir", folder).code == 0
    for path in (folder / "sparse", folder / "sparse.pyrnn.gz"):
        for command in (("convert",), ("show",), ("verify", MODELS / "digits.pyrnn.gz")):
            assert "got an empty stream: nothing in" in hold_promise(here(*command, path))


LONG = b"a" * 3_000_000
LONG_TEXTS = {
    "an attribute set twice": b"\x80\x02cocrolib.lstm\nSeqRecognizer\n)\x81}T"
    + len(LONG).to_bytes(4, "little")
    + LONG
    + b"N}X"
    + len(LONG).to_bytes(4, "little")
    + LONG
    + b"Ns\x86b.",
    "a number": b"\x80\x02F" + LONG + b"\n.",
    "an integer": b"\x80\x02I" + LONG + b"\n.",
    "a module": b"\x80\x02c" + LONG + b"\nx\n.",
    "a name": dump(Name("ocrolib.lstm", LONG.decode())),
    "a type of NumPy": b"\x80\x02cnumpy\ndtype\nX" + len(LONG).to_bytes(4, "little") + LONG + b"\x85R.",
    "a key": b"\x80\x02}X" + len(LONG).to_bytes(4, "little") + LONG + b"cocrolib.lstm\nSeqRecognizer\n)\x81s.",
    "a text": LONG,
}


@pytest.mark.parametrize("what", LONG_TEXTS)
def test_no_message_quotes_much_of_a_file(tmp_path: Path, what: str) -> None:
    path = tmp_path / "m.pyrnn.gz"
    path.write_bytes(gzip.compress(LONG_TEXTS[what]))
    assert len(hold_promise(here("convert", path))) < len(f"error: {path}: ") + 2 * MAX_MESSAGE
    assert len(here("convert", path, "--json").stdout) < 3000
    try:
        found, named = examine_pyrnn(path, limits=Limits(in_process=True))
    except SourceError as error:
        assert len(str(error)) <= MAX_MESSAGE
    else:
        assert len(str(found.problem)) <= MAX_MESSAGE
        assert len(str(found.unfollowed)) <= 2 * MAX_MESSAGE
        assert all(len(name.path) <= 1001 for name in named)
