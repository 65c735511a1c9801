"""What is no model is told as what it is, from bounded parts of it."""

from __future__ import annotations

import base64
import bz2
import gzip
import io
import lzma
import pickle
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrnn2hdf5.errors import Pyrnn2Hdf5Error, SourceError
from pyrnn2hdf5.files.formats import MAX_MEMBERS, MAX_SKIPPED, describe_text
from pyrnn2hdf5.limits import Limits
from pyrnn2hdf5.load import check_source
from pyrnn2hdf5.pyrnn.reader import load_pyrnn
from pyrnn2hdf5.pyrnn.stream import is_pyrnn

HERE = Limits(in_process=True)
MAGIC = 0x1950A86A20F9469CFC6C
PACKERS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "bzip2": bz2.compress, "xz": lzma.compress}


def refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    assert not is_pyrnn(path)
    with pytest.raises(SourceError) as looked:
        check_source(path)
    with pytest.raises(SourceError) as read:
        load_pyrnn(path, limits=HERE)
    assert looked.value == read.value
    return str(read.value)


def tar(names: dict[str, bytes], **options: object) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", **options) as archive:  # type: ignore[call-overload]
        for name, content in names.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return out.getvalue()


def zipped(names: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in names.items():
            archive.writestr(name, content)
    return out.getvalue()


TEXTS = {
    "404: Not Found": "text that begins with '404: Not Found'",
    '{"message": "x"}' * 9: """text that begins with '{"message": "x"}{"message": "x"}{"messag'""",
    "/annex/objects/MD5E-s29--" + "0" * 32: "a git-annex pointer, '/annex/objects/MD5E-s29--000000000000000'",
    "cat\ndog\n": "text that begins with 'cat\\x0adog'",
    "c'est la vie.": "text that begins with 'c'est la vie.'",
    "\ufeffW\u00f6rter\x07"[:-1]: "text that begins with 'W\u00f6rter'",
    base64.encodebytes(gzip.compress(b"x" * 99)).decode(): "a file in Base64 that begins with 'H4sI",
    "a\u202eb": "data that begins with b'a\\xe2\\x80\\xaeb'",
}


@pytest.mark.parametrize("packing", ["none", *PACKERS])
@pytest.mark.parametrize("text", TEXTS)
def test_a_text_shows_how_it_begins(tmp_path: Path, text: str, packing: str) -> None:
    content = PACKERS.get(packing, bytes)(text.encode())
    assert f"expected a pickle, got {TEXTS[text]}" in refused(tmp_path / "m.pyrnn.gz", content)


def test_texts_of_other_encodings() -> None:
    assert describe_text("Wörter".encode("utf-16")) == "text that begins with 'Wörter'"
    assert describe_text("Eine Wörterliste".encode("latin-1")) == "text that begins with 'Eine Wörterliste'"
    assert describe_text("ö".encode() * 300 + b"\xc3") == f"text that begins with '{'ö' * 40}'"
    assert describe_text(b"\x00text") is describe_text(b"  ") is None


OTHERS = {
    "7z": (b"7z\xbc\xaf\x27\x1c\0\4" + bytes(99), "a 7z archive"),
    "rar": (b"Rar!\x1a\x07\x01\0" + bytes(99), "a rar archive"),
    "empty zip": (zipped({}), "a zip archive"),
    "PyTorch zip": (zipped({"archive/data.pkl": b"\x80\x02}.", "archive/version": b"3"}), "a PyTorch file"),
    **{
        f"PyTorch legacy, protocol {protocol}": (
            pickle.dumps(MAGIC, protocol) + pickle.dumps(1001, protocol),
            "a PyTorch file",
        )
        for protocol in range(6)
    },
    "OpenFST": (b"\xd6\xfd\xb2\x7e\x06\0\0\0vector", "an OpenFST file"),
    "OCRopus 0.4": (b"<object>\nlinerec\nlinerec2\n", "a classifier of OCRopus 0.4"),
    "older OCRopus 0.4": (b"OBJ:mlp\n\x01\0", "a classifier of OCRopus 0.4"),
    **{
        f"safetensors with a length that begins with {start!r}": (start + bytes(6) + b'{"a":{', "a safetensors file")
        for start in (b"\x60\0", b"\x80\x02", b"\x1f\x8b", b"]q")
    },
    "ONNX": (b"\x08\x07\x12\x07pytorch", "an ONNX model that pyrnn2hdf5 did not write, "),
    "our ONNX, packed": (
        gzip.compress(b"\x08\x07\x12\x0apyrnn2hdf5"),
        "an ONNX model: if it is packed, unpack it first",
    ),
    "Core ML": (b"\x08\x01\x12\x07\x0a\x05input", "a Core ML model"),
    "gzip as UTF-8": (b"\x1f\xef\xbf\xbd\x08\0\0\0", "data that was taken for text on its way: fetch the file again"),
}


@pytest.mark.parametrize("what", OTHERS)
def test_other_programs_files_are_named(tmp_path: Path, what: str) -> None:
    content, name = OTHERS[what]
    assert f"expected a pickle, got {name}" in refused(tmp_path / "m.pyrnn.gz", content)


MODELS_IN = {"readme.txt": b"x" * 2000, "__MACOSX/._d.pyrnn.gz": b"x", "models/d.pyrnn.gz": b"x", "e.pyrnn": b"x"}


@pytest.mark.parametrize("packing", ["none", *PACKERS])
@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_a_tar_archive_says_which_model_it_holds(tmp_path: Path, packing: str, form: int) -> None:
    content = PACKERS.get(packing, bytes)(tar(MODELS_IN, format=form))
    packed = "" if packing == "none" else f" packed by {packing}"
    said = refused(tmp_path / "m.pyrnn.gz", content)
    assert said == f"expected a pickle, got a tar archive{packed} that holds models/d.pyrnn.gz: unpack it first"
    assert refused(tmp_path / "m", tar({"a": b""})) == "expected a pickle, got a tar archive"


def test_a_zip_archive_says_which_model_it_holds(tmp_path: Path) -> None:
    said = refused(tmp_path / "m.pyrnn.gz", zipped(MODELS_IN))
    assert said == "expected a pickle, got a zip archive that holds models/d.pyrnn.gz: unpack it first"
    assert refused(tmp_path / "m", gzip.compress(zipped(MODELS_IN))) == "expected a pickle, got a zip archive"


def test_no_more_of_an_archive_is_looked_at_than_it_may_take(tmp_path: Path) -> None:
    many = {f"{number}.txt": b"" for number in range(MAX_MEMBERS)} | {"m.pyrnn": b""}
    large = bytearray(tar({"a": b""})[:512])
    large[124:136] = b"%011o\0" % (2 * MAX_SKIPPED)
    large[148:156] = b"%06o\0 " % (sum(large[:148]) + 8 * 32 + sum(large[156:]))
    for content in (tar(many), bytes(large) + bytes(512)):
        assert refused(tmp_path / "m", content) == "expected a pickle, got a tar archive"
    long = tar({"x" * 90 + "/\x1b[2J" + "y" * 90 + ".pyrnn": b""}, format=tarfile.USTAR_FORMAT, encoding="utf-8")
    assert "\x1b" not in refused(tmp_path / "m", long)


@given(st.binary(max_size=600), st.sampled_from([zipped(MODELS_IN), tar(MODELS_IN), b"\x1f\x8b\x08", b"text", b"c"]))
def test_any_archive_is_refused_in_our_words(
    tmp_path_factory: pytest.TempPathFactory, noise: bytes, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("any") / "m"
    for data in (content[: len(noise)] + noise, content[: -len(noise)] + noise, content + noise):
        path.write_bytes(data)
        with pytest.raises(Pyrnn2Hdf5Error):
            load_pyrnn(path, limits=HERE)
