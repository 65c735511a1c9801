"""What happened to a file on its way is told before anything that is wrong with the pickle in it."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrnn2hdf5.errors import LoadLimitError, Pyrnn2Hdf5Error, SourceError
from pyrnn2hdf5.limits import Limits
from pyrnn2hdf5.load import check_source
from pyrnn2hdf5.pyrnn.reader import examine_pyrnn, load_pyrnn
from pyrnn2hdf5.pyrnn.stream import SourceStream, is_pyrnn

from ..conftest import MODELS
from ..pickles import DIALECTS, Dialect, Name, dump, recognizer

HERE = Limits(in_process=True)
PACKERS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}
FETCH = "data is damaged or cut off: fetch the file again"
TEXT_MODE = "a transfer in text mode changed its line ends (CR LF for LF)"
DIGITS = (MODELS / "digits-plain.pyrnn").read_bytes()


def problem_of(path: Path, content: bytes) -> SourceError | None:
    """Why a file is refused: whether it is looked at, read or shown, that is the same."""
    path.write_bytes(content)
    try:
        check_source(path)
        load_pyrnn(path, limits=HERE)
    except Pyrnn2Hdf5Error as error:
        assert isinstance(error, SourceError), error
        return error
    return None


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize("dialect", [Dialect(0), Dialect(2), Dialect(5, 3)], ids=str)
def test_a_flipped_bit_is_damage_or_does_not_matter(tmp_path: Path, packing: str, dialect: Dialect) -> None:
    packed = PACKERS[packing](dump(recognizer(Ni=12, Ns=10), dialect))
    chance = random.Random(0)
    said = set()
    for number in range(120):
        # A fifth of them where the container begins.
        bit = chance.randrange(8 * 24 if number % 5 == 0 else 8 * len(packed))
        data = bytearray(packed)
        data[bit // 8] ^= 1 << bit % 8
        said.add(str(problem_of(tmp_path / "m", bytes(data))))
    assert said - {"None"} == {f"{packing} {FETCH}"}


@pytest.mark.parametrize("packing", PACKERS)
def test_what_damage_leads_to_is_not_what_is_told(tmp_path: Path, packing: str) -> None:
    path = tmp_path / "m"
    for content in (dump(Name("os", "system")), b"\x80\x02\x82\x07.", b"\x80\x02NQ.", b"\x80\x02N\x94", b"\x80\x09"):
        whole = PACKERS[packing](content)
        # The checksum, or what stands behind it.
        for cut in (whole[:-1], whole[:-5] + bytes([whole[-5] ^ 1]) + whole[-4:]):
            problem = problem_of(path, cut)
            assert (str(problem), getattr(problem, "remedy", "")) in ((f"{packing} {FETCH}", None), ("None", ""))
        with pytest.raises(Pyrnn2Hdf5Error, match=r"refused|malformed|pickle protocol"):
            path.write_bytes(whole)
            load_pyrnn(path, limits=HERE)


@pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded on Linux only")
@pytest.mark.parametrize("packing", PACKERS)
def test_want_of_memory_is_no_damage(tmp_path: Path, packing: str) -> None:
    data = gzip.decompress((MODELS / "digits-00004000.pyrnn.gz").read_bytes())
    path, packed = tmp_path / "m", PACKERS[packing](data)
    path.write_bytes(packed)
    refused = 0
    for memory in (10_000, *range(1_000_000, 9_000_000, 1_000_000)):
        limits = Limits(memory=memory)
        try:
            load_pyrnn(path, limits=limits)
        except LoadLimitError as error:
            assert error.remedy == "memory"
            refused += 1
        try:
            problem = examine_pyrnn(path, limits=limits)[0].problem
        except LoadLimitError as error:
            problem = error
        assert problem is None or (type(problem), problem.remedy) == (LoadLimitError, "memory")
    assert refused > 2
    # Damage is told wherever the file can be read to it.
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(SourceError, match=FETCH):
        load_pyrnn(path, limits=Limits(memory=64_000_000))


def test_a_checksum_is_ignorable_only_behind_a_whole_pickle(tmp_path: Path) -> None:
    path = tmp_path / "m"
    packed = gzip.compress(DIGITS)
    damaged = packed[:-5] + bytes([packed[-5] ^ 1]) + packed[-4:]
    for content, remedy in ((damaged, "ignore_checksum"), (packed[:-9000], None), (packed[:-9000] + bytes(9000), None)):
        assert problem_of(path, content) == SourceError(f"gzip {FETCH}", remedy=remedy)
        found = examine_pyrnn(path, limits=HERE)[0]
        assert found.problem == SourceError(f"gzip {FETCH}", remedy=remedy)
    path.write_bytes(damaged)
    model = load_pyrnn(path, limits=HERE, ignore_checksum=True)
    assert model.notes == ("gzip data is damaged or cut off; ignored, the pickle itself is complete",)


@given(st.data())
def test_a_plain_pickle_that_is_cut_off(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("cut") / "m"
    whole = dump(recognizer(), data.draw(st.sampled_from(DIALECTS)))
    path.write_bytes(whole[: data.draw(st.integers(200, len(whole) - 1))])
    with pytest.raises(Pyrnn2Hdf5Error, match=r"^malformed pickle: .*; it is damaged or cut off: fetch the file again"):
        load_pyrnn(path, limits=HERE)


@pytest.mark.parametrize("packing", ["none", *PACKERS])
@pytest.mark.parametrize("dialect", [d for d in DIALECTS if d.protocol == 0], ids=str)
def test_line_ends_of_protocol_0_are_mended(tmp_path: Path, dialect: Dialect, packing: str) -> None:
    path = tmp_path / "m"
    whole = dump(recognizer(), dialect)
    path.write_bytes(PACKERS.get(packing, bytes)(whole.replace(b"\n", b"\r\n")))
    assert is_pyrnn(path)
    model = load_pyrnn(path, limits=HERE)
    assert model.notes == (f"{TEXT_MODE}: read as it was written",)
    path.write_bytes(whole)
    again = load_pyrnn(path, limits=HERE)
    assert again.codec == model.codec
    assert again.network.softmax.W2.tobytes() == model.network.softmax.W2.tobytes()


def test_a_text_that_ends_in_cr_stays_one() -> None:
    # Python 2 escapes no CR in protocol 0.
    whole = b"(lp0\nVp1\r\np2\naVa\np3\na."
    for data in (whole, whole.replace(b"\n", b"\r\n")):
        assert SourceStream("m", io.BytesIO(data), 2**30).reader.read() == whole


@given(st.integers(0, 3 * 2**16), st.sampled_from([b"\r\n", b"\r", b"\r\r\n", b"\n"]))
def test_line_ends_are_mended_wherever_a_chunk_ends(
    tmp_path_factory: pytest.TempPathFactory, size: int, end: bytes
) -> None:
    path = tmp_path_factory.mktemp("lines") / "m"
    text = "x" * size + end.decode() + "y"
    # A string of protocol 0 ends where its line does: the label says whether each line end was one.
    whole = b"(lp0\nVa\np9\naV" + text.replace("\n", "\\u000a").encode() + b"\np1\na."
    path.write_bytes(whole.replace(b"\n", b"\r\n"))
    with path.open("rb") as file:
        stream = SourceStream("m", file, 2**30)
        assert stream.reader.read() == whole
        assert stream.finish().unpacked_size == len(whole)


@pytest.mark.parametrize("dialect", [d for d in DIALECTS if d.protocol in (1, 2, 5)], ids=str)
def test_line_ends_of_binary_protocols_are_why_they_are_refused(tmp_path: Path, dialect: Dialect) -> None:
    whole = dump(recognizer(Ni=12, Ns=10), dialect)
    for packing in (bytes, gzip.compress):
        problem = problem_of(tmp_path / "m", packing(whole.replace(b"\n", b"\r\n")))
        assert str(problem) == f"{TEXT_MODE}: fetch the file again in binary mode"


@pytest.mark.parametrize("packing", PACKERS)
def test_line_ends_of_packed_data_are_why_it_is_damaged(tmp_path: Path, packing: str) -> None:
    changed = PACKERS[packing](DIGITS).replace(b"\n", b"\r\n")
    problem = problem_of(tmp_path / "m", changed)
    assert str(problem) == f"{packing} data is damaged: {TEXT_MODE}: fetch the file again in binary mode"


@pytest.mark.parametrize("outer", PACKERS)
@pytest.mark.parametrize("inner", PACKERS)
def test_what_is_packed_twice_is_unpacked_twice(tmp_path: Path, inner: str, outer: str) -> None:
    path = tmp_path / "m"
    twice = PACKERS[outer](PACKERS[inner](DIGITS))
    path.write_bytes(twice)
    assert is_pyrnn(path)
    assert load_pyrnn(path, limits=HERE).No == 25
    assert examine_pyrnn(path, limits=HERE)[0].source.compression == f"{inner} in {outer}"
    assert str(problem_of(path, twice[:-9])) == f"{outer} {FETCH}"
    assert str(problem_of(path, PACKERS[outer](PACKERS[inner](DIGITS)[:-9]))) == f"{inner} {FETCH}"
    thrice = problem_of(path, gzip.compress(twice))
    assert str(thrice) == "expected a pickle packed at most 2 times, got one packed more often"
