"""Bytes on disk to a bounded stream."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import hashlib
import lzma
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrnn2hdf5.errors import CorruptPickleError, Pyrnn2Hdf5Error, SizeLimitError, SourceError
from pyrnn2hdf5.files.paths import open_regular
from pyrnn2hdf5.files.sources import SourceFacts
from pyrnn2hdf5.limits import DEFAULT_LIMITS, Limits
from pyrnn2hdf5.pyrnn import stream as source
from pyrnn2hdf5.pyrnn.reader import load_pyrnn
from pyrnn2hdf5.pyrnn.stream import checked_stream, open_source

from ..pickles import dump, recognizer

PICKLE = b"\x80\x02]q\x00."
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "none": bytes,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
}


def read(
    path: Path, used: int = len(PICKLE), *, limits: Limits = DEFAULT_LIMITS, ignore_checksum: bool = False
) -> tuple[bytes, SourceFacts]:
    with open_regular(path) as file:
        stream = checked_stream(path.name, file, limits.size)
        data = stream.reader.read(used)
        facts = stream.finish()
        refusal = stream.refusal(complete=len(data) == used)
        if refusal and not ignore_checksum:
            raise refusal
        return data, facts


@pytest.mark.parametrize("compression", PACKERS)
@pytest.mark.parametrize("name", ["m.pyrnn", "m.pyrnn.gz", "m.bz2", "m"])
def test_compression_is_told_by_content(tmp_path: Path, compression: str, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(PACKERS[compression](PICKLE))
    data, facts = read(path)
    assert data == PICKLE
    assert facts == SourceFacts(
        name=name,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        compression=compression,
        size=path.stat().st_size,
        unpacked_size=len(PICKLE),
        trailing_size=0,
        damage=None,
    )


@given(st.binary(max_size=3000), st.sampled_from(sorted(PACKERS)), st.integers(0, 5))
def test_any_content_comes_out_whole(
    tmp_path_factory: pytest.TempPathFactory, body: bytes, compression: str, more: int
) -> None:
    path = tmp_path_factory.mktemp("source") / "m"
    path.write_bytes(PACKERS[compression](PICKLE + body))
    data, facts = read(path, len(PICKLE) + len(body))
    assert data == PICKLE + body
    assert facts.unpacked_size == len(data)


def test_gzip_members_and_zero_padding(tmp_path: Path) -> None:
    path = tmp_path / "m.gz"
    path.write_bytes(gzip.compress(PICKLE[:3]) + gzip.compress(PICKLE[3:]) + bytes(512))
    data, facts = read(path)
    assert data == PICKLE
    assert facts.size == path.stat().st_size
    assert facts.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_bytes_after_the_pickle_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "m.gz"
    path.write_bytes(gzip.compress(PICKLE + b"second"))
    assert read(path)[1].trailing_size == 6


@pytest.mark.parametrize(
    ("name", "what"),
    [
        *((f"m.{suffix}", "a line recognizer") for suffix in ("pronn", "onnx", "hdf5", "PRONN")),
        *((name, "a pickle") for name in ("m.pyrnn", "m", "pronn", "m.pronn.gz")),
    ],
)
@pytest.mark.parametrize(
    ("data", "got"),
    [
        (b"\x01\x02", r"data that begins with b'\x01\x02'"),
        (b"garbage", "text that begins with 'garbage'"),
        (b"PK\5\6" + bytes(18), "a zip archive"),
        (b"", "an empty file"),
    ],
    ids=["data", "text", "zip", "nothing"],
)
def test_what_is_expected_is_what_the_name_says(name: str, what: str, data: bytes, got: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(SourceError) as caught:
        read(path)
    assert str(caught.value).startswith(f"expected {what}, got {got}")


SECOND = dump(recognizer())


@pytest.mark.parametrize(
    ("behind", "said"),
    [
        *((padding, ()) for padding in (b"", bytes(512), bytes(100_000), b"\r\n\x1a", b" \n\0")),
        (b"\x01", ("1 byte behind the pickle does not belong to it",)),
        (bytes(50) + b"garbage", ("57 bytes behind the pickle do not belong to it",)),
        (bytes(100_000) + b"x", ("100001 bytes behind the pickle do not belong to it",)),
        *(
            (second, (f"{len(second)} bytes behind the pickle do not belong to it, and begin as another pickle does",))
            for second in (SECOND, b"\n" + SECOND, b"cos\nsystem\n(S'x'\ntR.")
        ),
    ],
    ids=lambda what: repr(what)[:20],
)
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_what_follows_a_pickle_is_told_unless_it_is_padding(
    pack: Callable[[bytes], bytes], behind: bytes, said: tuple[str, ...], tmp_path: Path
) -> None:
    path = tmp_path / "m"
    path.write_bytes(pack(SECOND + behind))
    facts = read(path, len(SECOND))[1]
    assert (facts.remarks, facts.trailing_size) == (said, len(behind))
    assert load_pyrnn(path).notes == said


@pytest.mark.parametrize("compression", PACKERS)
def test_size_limit_stops_a_bomb(tmp_path: Path, compression: str) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(PACKERS[compression](PICKLE + bytes(3_000_000)))
    with pytest.raises(SizeLimitError, match=r"unpacked size: expected at most 1000000 bytes, got more$") as caught:
        read(path, limits=Limits(size=1_000_000))
    assert caught.value.remedy == "size"
    assert read(path, limits=Limits(size=3_000_100))[1].unpacked_size == 3_000_000 + len(PICKLE)


@pytest.mark.parametrize("compression", ["gzip", "bzip2", "xz"])
@pytest.mark.parametrize("cut", [1, 5, 8])
def test_truncated_compression_is_damage(tmp_path: Path, compression: str, cut: int) -> None:
    path = tmp_path / "m"
    path.write_bytes(PACKERS[compression](PICKLE + os.urandom(100_000))[:-cut])
    with pytest.raises(SourceError, match=f"{compression} data is damaged"):
        read(path)


@pytest.mark.parametrize("at", [-8, -4])
def test_damaged_gzip_trailer(tmp_path: Path, at: int) -> None:
    path = tmp_path / "m.gz"
    data = bytearray(gzip.compress(PICKLE))
    data[at] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(SourceError, match="gzip data is damaged"):
        read(path)
    body, facts = read(path, ignore_checksum=True)
    assert body == PICKLE
    assert facts.damage is not None
    assert facts.sha256 == hashlib.sha256(data).hexdigest()


def test_missing_gzip_trailer_and_garbage_after_it(tmp_path: Path) -> None:
    path = tmp_path / "m.gz"
    path.write_bytes(gzip.compress(PICKLE)[:-8])
    with pytest.raises(SourceError, match="gzip data is damaged or cut off: fetch the file again") as caught:
        read(path)
    assert caught.value.remedy == "ignore_checksum"
    assert read(path, ignore_checksum=True)[0] == PICKLE
    path.write_bytes(gzip.compress(PICKLE) + b"\n")
    body, facts = read(path)
    assert (body, facts.damage, facts.remarks) == (PICKLE, None, ("bytes follow the gzip data",))
    assert facts.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("count", [4, 8, 400])
@pytest.mark.parametrize("compression", ["gzip", "xz"])
def test_padding_is_no_damage(tmp_path: Path, compression: str, count: int) -> None:
    path = tmp_path / "m"
    path.write_bytes(PACKERS[compression](PICKLE) + bytes(count))
    body, facts = read(path)
    assert (body, facts.damage) == (PICKLE, None)
    assert facts.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


OTHERS = {
    "an HDF5 file": b"\x89HDF\r\n\x1a\n" + bytes(100),
    "a PNG image": b"\x89PNG\r\n\x1a\n" + bytes(100),
    "a zip archive": b"PK\x03\x04" + bytes(100),
    "a git-lfs pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    "an HTML page": b"\n <!DOCTYPE html><html></html>",
    "an XML document": b"<?xml version='1.0'?>",
    "text that begins with 'hello'": b"hello",
    "begins with b'\\x00": bytes(40),
}


@pytest.mark.parametrize("packer", ["none", "gzip"])
@pytest.mark.parametrize("what", OTHERS)
def test_other_formats_are_named(tmp_path: Path, what: str, packer: str) -> None:
    path = tmp_path / "m"
    path.write_bytes(PACKERS[packer](OTHERS[what]))
    with pytest.raises(SourceError) as caught:
        read(path)
    assert what in str(caught.value)


@pytest.mark.parametrize("packer", PACKERS)
def test_empty(tmp_path: Path, packer: str) -> None:
    path = tmp_path / "m"
    path.write_bytes(PACKERS[packer](b""))
    with pytest.raises(SourceError, match="empty"):
        read(path)


def test_unknown_protocol(tmp_path: Path) -> None:
    path = tmp_path / "m"
    path.write_bytes(b"\x80\x06.")
    with pytest.raises(CorruptPickleError, match="pickle protocol: expected 0 to 5, got 6"):
        read(path)


def test_what_is_no_file_is_not_opened(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path, message in ((fifo, "expected a file, got a device, pipe or socket"), (tmp_path, "got a directory")):
        with pytest.raises(SourceError, match=message), open_source(path):
            pass
    with pytest.raises(FileNotFoundError), open_source(tmp_path / "nothing"):
        pass


def test_a_source_is_opened_and_its_beginning_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "m.gz"
    path.write_bytes(gzip.compress(PICKLE))
    with open_source(path) as stream:
        assert stream.head == PICKLE
    path.write_bytes(b"garbage")
    with pytest.raises(SourceError), open_source(path):
        pass


@given(st.binary(max_size=200))
def test_any_bytes_end_in_facts_or_our_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "m"
    path.write_bytes(data)
    with contextlib.suppress(Pyrnn2Hdf5Error):
        read(path)


def test_a_dictionary_too_large_for_the_memory_is_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(source, "SourceStream", full)
    path = tmp_path / "bomb"
    path.write_bytes(lzma.compress(PICKLE))
    assert not source.is_pyrnn(path)
