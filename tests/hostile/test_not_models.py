"""What is no model: told as what it is, never opened where that could block; odd names that must work."""

from __future__ import annotations

import builtins
import gzip
import io
import os
import shutil
import socket
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import pyrnn2hdf5
from pyrnn2hdf5 import convert, verify
from pyrnn2hdf5.errors import InvalidInputError, Pyrnn2Hdf5Error
from pyrnn2hdf5.hdf5.h5py_io import to_hdf5
from pyrnn2hdf5.hdf5.layout import store
from pyrnn2hdf5.hdf5.reader import load_hdf5
from pyrnn2hdf5.load import load_file
from pyrnn2hdf5.pyrnn.reader import load_pyrnn

from ..conftest import MODELS
from .promise import here, hold_promise, measured, refused

SOURCE = MODELS / "digits.pyrnn.gz"
HDF5 = to_hdf5(store(load_pyrnn(SOURCE)))


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02}.")
    return out.getvalue()


def tarred() -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.add(SOURCE, "model.pyrnn.gz")
    return out.getvalue()


def npy() -> bytes:
    out = io.BytesIO()
    np.save(out, np.zeros(3))
    return out.getvalue()


CONTENTS: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "expected a pickle, got an empty file"),
    "PNG": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(99), "expected a pickle, got a PNG image"),
    "JPEG": (lambda: b"\xff\xd8\xff\xe0" + bytes(99), "expected a pickle, got a JPEG image"),
    "TIFF": (lambda: b"II*\x00" + bytes(99), "expected a pickle, got a TIFF image"),
    "PDF": (lambda: b"%PDF-1.4\n", "expected a pickle, got a PDF document"),
    "HDF5": (lambda: HDF5, "expected a pickle, got an HDF5 file"),
    "HDF5 in gzip": (lambda: gzip.compress(HDF5), "expected a pickle, got an HDF5 file"),
    "HTML": (lambda: b"\r\n<!DOCTYPE html><title>404</title>", "expected a pickle, got an HTML page"),
    "HTML without a type": (lambda: b"<html><body>not found", "expected a pickle, got an HTML page"),
    "XML": (lambda: b"<?xml version='1.0'?><pcGts/>", "expected a pickle, got an XML document"),
    "git-lfs": (
        lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
        "got a git-lfs pointer",
    ),
    "zip": (zipped, "expected a pickle, got a PyTorch file"),
    "tar": (tarred, "expected a pickle, got a tar archive that holds model.pyrnn.gz: unpack it first"),
    "tar.gz": (lambda: gzip.compress(tarred()), "got a tar archive packed by gzip that holds model.pyrnn.gz: unpack"),
    "text": (lambda: b"This is a model.\n", "expected a pickle, got text that begins with 'This is a model.'"),
    "text that begins as a pickle": (
        lambda: b"c'est un mod\xe8le\n",
        "expected a pickle, got text that begins with 'c'est un mod\xe8le'",
    ),
    "JSON": (lambda: b'{"model": 1}', "expected a pickle, got text that begins with"),
    "a JSON list": (lambda: b'["model"]', "expected a pickle, got text that begins with"),
    "NumPy": (npy, "expected a pickle, got data that begins with b'\\x93NUMPY"),
    "ELF": (lambda: b"\x7fELF" + bytes(99), "expected a pickle, got data that begins with"),
    "a script": (lambda: b"#!/bin/sh\ntouch canary\n", "expected a pickle, got text that begins with"),
    "a byte order mark": (lambda: b"\xef\xbb\xbf(lp0\n.", "expected a pickle, got text that begins with"),
    "zeros": (lambda: bytes(4096), "expected a pickle, got data that begins with"),
    "zstd": (lambda: b"\x28\xb5\x2f\xfd" + bytes(99), "expected a pickle, got zstd data"),
    "gzip cut in its header": (lambda: SOURCE.read_bytes()[:5], "gzip data is damaged"),
    "nothing in gzip": (lambda: gzip.compress(b""), "expected a pickle, got an empty stream"),
    "protocol 6": (lambda: b"\x80\x06N.", "pickle protocol: expected 0 to 5, got 6"),
    "only PROTO": (lambda: b"\x80\x02", "malformed pickle: Ran out of input; it is damaged or cut off"),
    "a pickle of nothing": (lambda: b"\x80\x02N.", "expected a line recognizer (SeqRecognizer), got nothing"),
}


@pytest.mark.parametrize("what", CONTENTS)
def test_other_files_are_told_as_what_they_are(tmp_path: Path, what: str) -> None:
    content, message = CONTENTS[what]
    line = refused(tmp_path, content())
    assert any(part in line for part in message.split("|"))


@pytest.mark.parametrize("what", [what for what in CONTENTS if "HDF5" not in what])
def test_neither_is_any_of_them_an_hdf5_model(tmp_path: Path, what: str) -> None:
    path = tmp_path / "x.hdf5"
    path.write_bytes(CONTENTS[what][0]())
    for arguments in ((SOURCE, path), (path, SOURCE)):
        line = hold_promise(here("verify", *arguments))
        assert "expected" in line or "malformed" in line or "damaged" in line or "refused" in line
    with pytest.raises(Pyrnn2Hdf5Error):
        load_file(path)


def test_a_pyrnn_where_hdf5_belongs() -> None:
    with pytest.raises(Pyrnn2Hdf5Error, match="expected an HDF5 file, got gzip data"):
        load_hdf5(SOURCE)
    assert load_file(SOURCE).No == 25


@pytest.fixture(
    params=["directory", "FIFO", "socket", "device", "dangling link", "link to itself", "nothing", "link to a FIFO"]
)
def no_file(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, str]:
    """A path that is no regular file, and how that is told."""
    path = tmp_path / "x"
    special = "expected a file, got a device, pipe or socket"
    if request.param == "directory":
        path.mkdir()
        return path, "expected a file, got a directory"
    if request.param in ("FIFO", "link to a FIFO"):
        fifo = path if request.param == "FIFO" else tmp_path / "y"
        os.mkfifo(fifo)
        if fifo != path:
            path.symlink_to(fifo)
        return path, special
    if request.param == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("x")  # relative, for its length is limited
        return path, special
    if request.param == "device":
        return Path("/dev/zero"), special
    if request.param == "dangling link":
        path.symlink_to(tmp_path / "gone")
    if request.param == "link to itself":
        path.symlink_to(path)
        return path, "symbolic link|Symlink"
    return path, "No such file or directory"


def watched(real_open: Callable[..., object], opened: list[object]) -> Callable[..., object]:
    def watching(file: object, *arguments: object, **options: object) -> object:
        opened.append(file)
        return real_open(file, *arguments, **options)

    return watching


def test_what_is_no_file_is_never_opened(
    tmp_path: Path, no_file: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, message = no_file
    opened: list[object] = []
    for module in (io, os, builtins):
        monkeypatch.setattr(module, "open", watched(getattr(module, "open"), opened))  # noqa: B009
    runs = [here("verify", SOURCE, path), here("verify", path, SOURCE)]
    if not path.is_dir():
        runs.append(here("convert", path, "-o", tmp_path / "out.hdf5"))
    for done in runs:
        if path.is_dir() and done.code == 2:
            continue  # a folder beside a file is wrong usage
        assert any(part in hold_promise(done) for part in message.split("|"))
    for read in (load_pyrnn, load_hdf5, load_file):
        with pytest.raises((Pyrnn2Hdf5Error, OSError)):
            read(path)
    assert str(path) not in map(str, opened)


def test_a_nul_in_a_path_is_told(tmp_path: Path) -> None:
    # No shell can hand one over, so the command line takes it for wrong usage.
    report = ("convert", SOURCE, SOURCE, "-o", tmp_path, "--report", "a\0b.json")
    for arguments in (("convert", "a\0b"), ("convert", SOURCE, "-o", "a\0b"), ("verify", SOURCE, "a\0b"), report):
        done = here(*arguments)
        assert done.code == 2
        assert "null" in done.stderr
    for read in (load_pyrnn, load_hdf5, load_file):
        with pytest.raises(InvalidInputError, match="path: expected a name, got one with a NUL"):
            read("a\0b")
    for call in (lambda: convert("a\0b"), lambda: convert(SOURCE, "a\0b"), lambda: verify(SOURCE, "a\0b")):
        with pytest.raises(InvalidInputError, match="path: expected a name, got one with a NUL"):
            call()


def test_a_dangling_link_as_target_is_told_and_written_through(tmp_path: Path) -> None:
    link = tmp_path / "x.hdf5"
    link.symlink_to(tmp_path / "gone")
    line = hold_promise(here("convert", SOURCE, "-o", link))
    assert "is a link to a file that is not there; convert it to another --output, or use --force to" in line
    assert link.readlink() == tmp_path / "gone"
    assert here("convert", SOURCE, "-o", link, "--force").code == 0
    assert link.readlink() == tmp_path / "gone"
    assert (tmp_path / "gone").is_file()


ODD = [
    "-dash",
    "--force",
    "-",
    "new\nline",
    "%s%n",
    "[red]x",
    "\x1b[2J",
    "\u202eabc",
    "x" * 250,
    "\udcff\udc80",
    " ",
    "a b",
    "ä\u0301",
    "*",
    "~",
    "$(touch canary)",
    "';touch canary;'",
    "CON",
]


@pytest.mark.parametrize("name", ODD)
def test_odd_names_work_when_the_content_is_good(tmp_path: Path, name: str) -> None:
    shutil.copy(SOURCE, tmp_path / name)
    done = measured("convert", "--", name, cwd=tmp_path)
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.count("\n") == 1
    assert not [char for char in done.stdout[:-1] if not char.isprintable()]
    target = tmp_path / (Path(name).stem + ".hdf5")
    model = load_hdf5(target)
    assert model.source is not None
    assert model.source.name == name
    again = here("verify", "--", name, target.name)
    assert (again.code, again.stderr) == (0, "")
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("name", ["-dash", "new\nline", "[red]x", "\x1b[2J", "\udcff"])
def test_odd_names_of_broken_files_are_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"cos\nsystem\n.")
    assert "refused global os.system" in hold_promise(measured("convert", "--", name, cwd=tmp_path))
    assert len(list(tmp_path.iterdir())) == 1


def test_a_name_too_long_for_its_result_is_told(tmp_path: Path) -> None:
    name = "x" * 255
    shutil.copy(SOURCE, tmp_path / name)
    assert "File name too long" in hold_promise(here("convert", tmp_path / name))
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_folder_of_all_of_them_fails_each_alone(tmp_path: Path) -> None:
    folder = tmp_path / "all"
    folder.mkdir()
    for number, (content, _) in enumerate(CONTENTS.values()):
        (folder / f"{number}.pyrnn").write_bytes(content())
    os.mkfifo(folder / "fifo.pyrnn")
    (folder / "link.pyrnn").symlink_to(folder / "gone")
    shutil.copy(SOURCE, folder / "good.pyrnn")
    done = here("convert", folder)
    assert done.code == 1
    assert f"converted: {folder}/good.pyrnn" in done.stdout
    assert done.stderr.count("refused: ") == len(CONTENTS) - done.stdout.count("duplicate: ")
    assert "Traceback" not in done.stderr
    assert pyrnn2hdf5.load_hdf5(folder / "good.hdf5").No == 25
    assert [path.name for path in folder.glob("*.hdf5")] == ["good.hdf5"]
