"""Hostile HDF5: the library is kept in a process of its own, and nothing but plain data of this very file is read."""

from __future__ import annotations

import contextlib
import random
import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pyrnn2hdf5.errors import Hdf5LayoutError, LoadLimitError, Pyrnn2Hdf5Error
from pyrnn2hdf5.hdf5.h5py_io import to_hdf5
from pyrnn2hdf5.hdf5.layout import LAYOUT, store
from pyrnn2hdf5.hdf5.plain_reader import NotPlainError, parse
from pyrnn2hdf5.hdf5.reader import load_hdf5, read_plain, read_source, read_stored
from pyrnn2hdf5.hdf5.reader import read_by_library as read
from pyrnn2hdf5.limits import Limits
from pyrnn2hdf5.model.model import LineNormalizer
from pyrnn2hdf5.pyrnn.reader import load_pyrnn
from pyrnn2hdf5.sandbox.bounded import bounded
from pyrnn2hdf5.sandbox.messages import encode

from ..conftest import MODELS
from ..hdf5_files import ODD_FILES, random_model
from .promise import here, hold_promise, measured

SOURCE = MODELS / "digits.pyrnn.gz"
MODEL = load_pyrnn(SOURCE)
SOUND = to_hdf5(store(MODEL))
HEAP = SOUND.index(b"GCOL")
WGI, WIP, SOFTMAX = LAYOUT[0].name, LAYOUT[4].name, LAYOUT[15].name
EXTRA = "pyrnn2hdf5"


def changed(folder: Path, at: int, byte: int) -> Path:
    path = folder / "x.hdf5"
    path.write_bytes(SOUND[:at] + bytes([byte]) + SOUND[at + 1 :])
    return path


posix = pytest.mark.skipif(sys.platform == "win32", reason="nothing but time bounds the library")


@posix
@pytest.mark.parametrize("read", [load_hdf5, read_stored])
def test_one_byte_in_the_heap_of_kind_makes_the_library_loop(tmp_path: Path, read: Callable[..., object]) -> None:
    path = changed(tmp_path, HEAP + 24, 0x50)
    with pytest.raises(LoadLimitError, match=r"^time to load: expected at most 0.5 s, got more$"):
        read(path, limits=Limits(seconds=0.5))
    # Who made it is told without `kind`.
    assert read_source(path) is not None


@posix
def test_a_loop_ends_on_the_command_line(tmp_path: Path) -> None:
    path = changed(tmp_path, HEAP + 24, 0x50)
    line = hold_promise(measured("verify", SOURCE, path, "--max-seconds", 2))
    assert "time to load: expected at most 2 s, got more (see --max-seconds)" in line


def test_one_byte_makes_the_library_want_gigabytes(tmp_path: Path) -> None:
    path = changed(tmp_path, 883, 0x80)
    with pytest.raises((Hdf5LayoutError, LoadLimitError), match=r"memory|not a readable HDF5 model"):
        load_hdf5(path)
    hold_promise(measured("verify", path, SOURCE))


@posix
def test_a_looping_target_is_kept(tmp_path: Path) -> None:
    path = changed(tmp_path, HEAP + 24, 0x50)
    before = path.read_bytes()
    line = hold_promise(here("convert", SOURCE, "-o", path, "--max-seconds", 1))
    assert "exists and is not read within the limits: time to load: expected at most 1 s" in line
    assert path.read_bytes() == before


Change = Callable[[Any], Any]


def replaced(name: str, make: Callable[[Any, str], Any]) -> Change:
    def change(file: Any) -> None:
        del file[name]
        make(file, name)

    return change


def kind(value: Any, **options: Any) -> Change:
    return lambda file: file.attrs.create("kind", value, **options)


STRING = h5py.string_dtype("ascii")
PAIR = np.dtype([("a", "f4"), ("b", "f4")])

KINDS: dict[str, Change] = {
    "missing": lambda file: file.attrs.__delitem__("kind"),
    "another": kind("pyrnn-bidi2", dtype=STRING),
    "with a blank": kind("pyrnn-bidi ", dtype=STRING),
    "in capitals": kind("PYRNN-BIDI", dtype=STRING),
    "empty": kind("", dtype=STRING),
    "long": kind("pyrnn-bidi" * 6000, dtype=STRING),
    "with escapes": kind("\x1b[2J\u202e", dtype=h5py.string_dtype("utf-8")),
    "no UTF-8": kind(np.bytes_(b"pyrnn-bidi\xff")),
    "a number": kind(7),
    "a fraction": kind(0.5),
    "an array": kind(["pyrnn-bidi"], dtype=STRING),
    "two of them": kind(["pyrnn-bidi", "pyrnn-bidi"], dtype=STRING),
    "an array of numbers": kind(np.zeros((3, 3))),
    "nothing": kind(h5py.Empty("S10")),
    "no space": kind(h5py.Empty("f4")),
    "a pair": kind(np.zeros((), PAIR)),
    "an opaque value": kind(np.void(b"pyrnn-bidi")),
    "a reference": lambda file: file.attrs.create("kind", file.ref, dtype=h5py.ref_dtype),
    "a region": lambda file: file.attrs.create("kind", file[WGI].regionref[0:1], dtype=h5py.regionref_dtype),
    "an enum": kind(1, dtype=h5py.enum_dtype({"pyrnn-bidi": 1})),
    "true": kind(True),
    "complex": kind(1j),
}


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    path = tmp_path / "x.hdf5"
    path.write_bytes(SOUND)
    return path


def refused(path: Path, change: Change) -> str:
    with h5py.File(path, "r+") as file:
        change(file)
    before = path.read_bytes()
    line = hold_promise(here("verify", SOURCE, path))
    assert line.startswith(f"error: {path}: ")
    assert path.read_bytes() == before
    assert [found.name for found in path.parent.iterdir()] == [path.name]
    with pytest.raises(Pyrnn2Hdf5Error):
        load_hdf5(path)
    return line


@pytest.mark.parametrize("what", KINDS)
def test_kind_of_every_type(hostile: Path, what: str) -> None:
    line = refused(hostile, KINDS[what])
    assert "kind: expected" in line or "not a readable HDF5 model" in line
    assert len(line) < 400


def external(file: Any, name: str) -> None:
    file.create_dataset(name, MODEL_SHAPES[name], "f4", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])


def virtual(file: Any, name: str) -> None:
    layout = h5py.VirtualLayout(MODEL_SHAPES[name], "f4")
    layout[:] = h5py.VirtualSource("other.hdf5", "x", MODEL_SHAPES[name])
    file.create_virtual_dataset(name, layout)


def unknown_filter(file: Any, name: str) -> None:
    shape = MODEL_SHAPES[name]
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_chunk(shape)
    properties.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, ())
    h5py.h5d.create(file.id, name.encode(), h5py.h5t.IEEE_F32LE, h5py.h5s.create_simple(shape), properties)


def claims(shape: tuple[int, ...], **options: Any) -> Callable[[Any, str], Any]:
    """A data set of this shape with no data behind it."""
    return lambda file, name: file.create_dataset(name, shape, "f4", **options)


def cycle(file: Any, name: str) -> None:
    group = file.create_group(name)
    group["again"] = file


MODEL_SHAPES = {name: values.shape for name, values in store(MODEL).data.items()}
STORED: dict[str, tuple[Callable[[Any, str], Any], str]] = {
    "missing": (lambda file, name: None, "expected a data set, got nothing"),
    "external raw storage": (external, "expected data stored in this file, got virtual, external or filtered data"),
    "virtual": (virtual, "expected data stored in this file"),
    "an unknown filter": (unknown_filter, "expected data stored in this file|not a readable HDF5 model"),
    "soft link": (lambda file, name: file.__setitem__(name, h5py.SoftLink("/codec")), "got SoftLink"),
    "soft link to itself": (lambda file, name: file.__setitem__(name, h5py.SoftLink(f"/{name}")), "got SoftLink"),
    "dangling soft link": (lambda file, name: file.__setitem__(name, h5py.SoftLink("/gone")), "got SoftLink"),
    "external link": (
        lambda file, name: file.__setitem__(name, h5py.ExternalLink("/etc/passwd", "/")),
        "got ExternalLink",
    ),
    "the root itself": (lambda file, name: file.__setitem__(name, file), "expected a data set, got Group"),
    "a cycle": (cycle, "expected a data set, got Group"),
    "a named type": (lambda file, name: file.__setitem__(name, np.dtype("f4")), "expected a data set, got Datatype"),
    "terabytes": (claims((2**20, 2**20)), "expected at most 67108864 bytes, got 4398046511104"),
    "terabytes in chunks": (claims((2**20, 2**20), chunks=(64, 64)), "expected at most 67108864 bytes"),
    "one huge chunk": (claims((8, 8), chunks=(2**15, 2**14), maxshape=(None, None)), "expected at most 67108864 bytes"),
    "no space": (
        lambda file, name: file.create_dataset(name, data=h5py.Empty("f4")),
        "expected rank 2, got shape None",
    ),
    "a scalar": (claims(()), r"expected rank 2, got shape ()"),
    "rank 32": (claims((1,) * 32), "expected rank 2, got shape (1, 1"),
    "no rows": (claims((0, 5)), "expected"),
    "another shape": (claims((3, 5)), "expected"),
    "pairs": (
        lambda file, name: file.create_dataset(name, (2, 2), PAIR),
        "expected plain numbers of kind f, got [('a'",
    ),
    "references": (lambda file, name: file.create_dataset(name, (2, 2), h5py.ref_dtype), "expected plain numbers"),
    "strings": (lambda file, name: file.create_dataset(name, (2, 2), STRING), "expected plain numbers"),
    "lists": (lambda file, name: file.create_dataset(name, (2, 2), h5py.vlen_dtype("f4")), "expected plain numbers"),
    "integers": (lambda file, name: file.create_dataset(name, (2, 2), "i4"), "expected plain numbers"),
    "complex": (lambda file, name: file.create_dataset(name, (2, 2), "c8"), "expected plain numbers"),
    "half": (lambda file, name: file.create_dataset(name, (2, 2), "f2"), "expected plain numbers"),
    "opaque": (lambda file, name: file.create_dataset(name, (2, 2), "V4"), "expected plain numbers"),
    "arrays": (lambda file, name: file.create_dataset(name, (2, 2), np.dtype("(3,)f4")), "expected"),
}


@pytest.mark.parametrize("name", [WGI, WIP, SOFTMAX, "codec"])
@pytest.mark.parametrize("what", STORED)
def test_data_sets(hostile: Path, what: str, name: str) -> None:
    make, message = STORED[what]
    line = refused(hostile, replaced(name, make))
    assert any(part in line for part in message.split("|")), line


def test_another_file_is_not_read_through_external_storage(hostile: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    shape = MODEL_SHAPES[WIP]
    secret.write_bytes(np.full(shape, 42, "f4").tobytes())
    with h5py.File(hostile, "r+") as file:
        del file[WIP]
        file.create_dataset(WIP, shape, "f4", external=[(str(secret), 0, h5py.h5f.UNLIMITED)])
        assert file[WIP][0, 0] == 42  # h5py would have read it
    with pytest.raises(Hdf5LayoutError, match="expected data stored in this file"):
        load_hdf5(hostile)


def test_a_bomb_of_chunks_is_refused(hostile: Path) -> None:
    # 1.6 MB that unpack to 1.6 GB, in a data set of the right name and kind.
    def bomb(file: Any, name: str) -> None:
        file.create_dataset(name, (20000, 20005), "f4", chunks=(2000, 20005), compression="gzip", fillvalue=1)
        file[name][:2000] = 1

    line = refused(hostile, replaced(WGI, bomb))
    assert "expected at most 67108864 bytes, got 1600400000" in line


def test_weights_that_are_no_numbers(hostile: Path) -> None:
    for number in (np.nan, np.inf, -np.inf):
        with h5py.File(hostile, "r+") as file:
            file[WGI][1, 2] = number
        assert "forward LSTM WGI: expected finite numbers, got" in hold_promise(here("verify", SOURCE, hostile))


def test_large_attributes(hostile: Path) -> None:
    with h5py.File(hostile, "r+") as file:
        file.attrs["big"] = np.zeros(60_000, "i1")
        file[EXTRA].attrs["line_normalizer.big"] = np.zeros(60_000, "i1")
    # What is not looked at does no harm, what is belongs to a line normalizer or is refused.
    with pytest.raises(Hdf5LayoutError, match=r"line_normalizer.big: expected at most 32 numbers, got 60000"):
        load_hdf5(hostile)


def many(file: Any) -> None:
    for number in range(1000):
        file[EXTRA].attrs[f"line_normalizer.p{number}"] = number


SUBGROUPS: dict[str, Change] = {
    "a data set": replaced(EXTRA, lambda file, name: file.create_dataset(name, data=1)),
    "the root": replaced(EXTRA, lambda file, name: file.__setitem__(name, file)),
    "a soft link": replaced(EXTRA, lambda file, name: file.__setitem__(name, h5py.SoftLink("/"))),
    "an external link": replaced(EXTRA, lambda file, name: file.__setitem__(name, h5py.ExternalLink("y", "/"))),
    "empty": replaced(EXTRA, lambda file, name: file.create_group(name)),
    "a higher version": lambda file: file[EXTRA].attrs.modify("format_version", 2),
    "version 0": lambda file: file[EXTRA].attrs.modify("format_version", 0),
    "a version of text": lambda file: file[EXTRA].attrs.create("format_version", "1"),
    "a version of many": lambda file: file[EXTRA].attrs.create("format_version", [1, 1]),
    "labels a group": lambda file: (file[EXTRA].__delitem__("labels"), file[EXTRA].create_group("labels")),
    "labels a link": lambda file: (
        file[EXTRA].__delitem__("labels"),
        file[EXTRA].__setitem__("labels", h5py.SoftLink("/codec")),
    ),
    "labels of terabytes": lambda file: (
        file[EXTRA].__delitem__("labels"),
        file[EXTRA].create_dataset("labels", (25,), "S1000000"),
    ),
    "lengths below": lambda file: file[EXTRA]["labels_bytes"].__setitem__(1, -2),
    "lengths beyond": lambda file: file[EXTRA]["labels_bytes"].__setitem__(1, 2**30),
    "a label of other bytes": lambda file: file[EXTRA]["labels"].__setitem__(1, b"\xff"),
    "a label that is not in the codec": lambda file: file[EXTRA]["labels"].__setitem__(1, b"Z"),
    "a codec that is not in the labels": lambda file: file["codec"].__setitem__(1, 90),
    "a permutation out of range": lambda file: file[EXTRA].create_dataset("permutation", data=np.arange(1, 26)),
    "a permutation of fractions": lambda file: file[EXTRA].create_dataset("permutation", data=np.arange(25.0)),
    "many parameters": many,
}


@pytest.mark.parametrize("what", SUBGROUPS)
def test_a_garbage_subgroup(hostile: Path, what: str) -> None:
    line = refused(hostile, SUBGROUPS[what])
    assert "expected" in line or "not a readable HDF5 model: 'utf-8' codec can't decode byte 0xff" in line


@pytest.mark.parametrize("what", [what for what in ODD_FILES if what != "huge chunk"])
def test_odd_files_are_one_line_on_the_command_line(tmp_path: Path, what: str) -> None:
    normalizer = LineNormalizer("CenterNormalizer", (("range", 4),))
    small = random_model(4, 3, ("", "a"), line_normalizer=normalizer, training=MODEL.training, source=MODEL.source)
    path = tmp_path / "x.hdf5"
    path.write_bytes(to_hdf5(store(small)))
    refused(path, ODD_FILES[what][0])


def test_cut_off_at_any_byte(tmp_path: Path) -> None:
    path = tmp_path / "x.hdf5"
    chance = random.Random(0)
    for length in [0, 1, 8, 9, 95, 96, *(chance.randrange(len(SOUND)) for _ in range(30)), len(SOUND) - 1]:
        path.write_bytes(SOUND[:length])
        line = hold_promise(here("verify", SOURCE, path))
        told = ("HDF5 data is damaged or cut off", "not a readable HDF5", "expected a line recognizer, got", "empty")
        assert any(words in line for words in told), line


def mutants(count: int) -> Iterator[bytes]:
    """A file of ours with one changed byte, mostly where the library keeps its own."""
    chance = random.Random(0)
    for _ in range(count):
        mutant = bytearray(SOUND)
        mutant[chance.choice((chance.randrange(4096), chance.randrange(len(SOUND))))] = chance.randrange(256)
        yield bytes(mutant)


def test_both_readers_read_the_same_or_refuse(tmp_path: Path) -> None:
    paths = []
    for number, mutant in enumerate(mutants(1500)):
        paths.append(tmp_path / str(number))
        paths[-1].write_bytes(mutant)
    # By a process of its own: it is the library that is not to be trusted.
    plain, different = bounded(
        "tests.hostile.reads:count_disagreements",
        paths[0],
        Limits(seconds=60),
        Hdf5LayoutError,
        paths=[str(path) for path in paths],
    )
    assert plain > 500
    assert different == 0


@pytest.mark.parametrize("options", [{}, {"float64": True}])
@pytest.mark.parametrize("name", ["digits.pyrnn.gz", "digits-00004000.pyrnn.gz", "digits-nolnorm.pyrnn.gz"])
def test_what_we_write_is_plain(tmp_path: Path, name: str, options: dict[str, bool]) -> None:
    path = tmp_path / "x.hdf5"
    path.write_bytes(to_hdf5(store(load_pyrnn(MODELS / name), **options)))
    assert encode(read_plain(path)) == encode(read(path))


def test_what_is_packed_is_left_to_the_library(tmp_path: Path) -> None:
    path = tmp_path / "x.hdf5"
    path.write_bytes(to_hdf5(store(MODEL, compress=True)))
    with pytest.raises(NotPlainError):
        read_plain(path)
    assert read_stored(path).compressed


def test_a_group_that_contains_itself_ends(hostile: Path) -> None:
    with h5py.File(hostile, "r+") as file:
        file[EXTRA]["again"] = file[EXTRA]
        file[EXTRA]["up"] = file
    with pytest.raises(NotPlainError):
        read_plain(hostile)
    assert load_hdf5(hostile).No == 25  # the library finds what it knows by name


def test_plain_files_of_any_bytes_end_in_a_group_or_not_plain() -> None:
    for mutant in mutants(3000):
        with contextlib.suppress(NotPlainError):
            parse(mutant)
        with contextlib.suppress(NotPlainError):
            parse(mutant[: len(mutant) // 2])


def test_a_text_that_counts_its_nul_is_left_to_the_library(tmp_path: Path) -> None:
    # The length of `kind`, in its attribute and in the heap.
    at = SOUND.index((10).to_bytes(4, "little") + HEAP.to_bytes(8, "little"))
    longer = bytearray(SOUND)
    longer[at] = longer[HEAP + 24] = 11
    path = tmp_path / "x.hdf5"
    path.write_bytes(longer)
    with pytest.raises(NotPlainError):
        read_plain(path)
    assert read_stored(path).kind == "pyrnn-bidi"


@pytest.mark.parametrize("after", range(1, 20))
def test_a_text_that_is_in_the_heap_twice_is_left_to_the_library(tmp_path: Path, after: int) -> None:
    """However far behind the first one the second is: the library takes the last."""
    twice = bytearray(SOUND)
    (size,) = struct.unpack_from("<Q", twice, HEAP + 8)
    at = HEAP + 16 + 32  # behind the header and the first object
    for number in range(2, 1 + after):
        struct.pack_into("<HHIQ", twice, at, number, 0, 0, 0)
        at += 16
    struct.pack_into("<HHIQ16s", twice, at, 1, 0, 0, 10, b"evil-kind!")
    at += 32
    struct.pack_into("<HHIQ", twice, at, 0, 0, 0, HEAP + size - at)
    path = tmp_path / "x.hdf5"
    path.write_bytes(twice)
    with pytest.raises(NotPlainError):
        read_plain(path)
    with pytest.raises(Hdf5LayoutError, match="evil-kind!"):
        read_stored(path)
