"""A file appears under its name complete, or not at all; what is no file is written into."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ..errors import TargetExistsError

PREFIX: Final = ".pyrnn2hdf5-"
SUFFIX: Final = ".part"


@contextmanager
def new_file(path: Path, *, force: bool) -> Iterator[Path]:
    """A temporary file in the folder of `path`, to be written and checked in the body.

    When the body ends it gets the name `path`; on any exception it is gone. Where the system can,
    it has no name until then, so that not even a kill leaves anything. Without `force` an existing
    file is never replaced, not even one that came meanwhile: `TargetExistsError`. With `force` the
    file a link leads to is replaced, not the link, and the permissions of what is replaced are kept. An
    `OSError` names `path`, not the temporary file.
    """
    refuse_other_than_file(path)
    with _blaming(path):
        target = _end_of_links(path) if force else path
        with _temporary(target.parent) as temporary:
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            _give_name(temporary, target, force=force)


def write_output(path: Path, content: bytes) -> None:
    """Write what a user asked for: a new file in place of any old one, or into a device, a FIFO or our own stream.

    Raises `OSError` with the name `path`.
    """
    own = _stream_of(path)
    if own is None and not _is_special(path):
        with new_file(path, force=True) as temporary:
            temporary.write_bytes(content)
        return
    with _blaming(path), os.fdopen(os.open(path, os.O_WRONLY) if own is None else os.dup(own), "wb") as file:
        file.write(content)


def prepare_output(path: Path) -> None:
    """Make the folder of an output, and raise `OSError` with the name `path` where `write_output` could not write."""
    with _blaming(path):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        if _stream_of(path) is not None:
            return
        if _is_special(path):
            # To open it would be to begin: a FIFO waits for its reader, and then has had a writer.
            if not os.access(path, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            return
        end = _end_of_links(path)
        make_folder_of(end)
        with _temporary(end.parent):
            pass


def make_folder_of(path: Path) -> None:
    """Make the folder that is to hold a file. Raises `OSError`."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), error.filename) from error


def refuse_other_than_file(path: Path) -> None:
    """Raise `TargetExistsError` where there is something that is no file, or the file behind our own stdout."""
    if _is_special(path) or _stream_of(path) is not None or path.is_dir():
        raise TargetExistsError(f"{path}: expected a file or nothing as target, got a folder, device or pipe")


def _is_special(path: Path) -> bool:
    """Whether there is something that is neither a file nor a folder, also at the end of links."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _stream_of(path: Path) -> int | None:
    """The descriptor of our own stdout or stderr, where `path` leads to it: renamed over, it would be lost."""
    for number in (1, 2):
        with contextlib.suppress(OSError):
            if os.path.samestat(path.stat(), os.fstat(number)):
                return number
    return None


def _end_of_links(path: Path) -> Path:
    """Where a file lies, which need not be there, or the links to it lead."""
    if not path.is_symlink():
        return path
    end = Path(os.path.realpath(path))
    if end.is_symlink():
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
    return end


@contextmanager
def _blaming(path: Path) -> Iterator[None]:
    """An `OSError` names `path`."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error


@contextmanager
def _temporary(folder: Path) -> Iterator[Path]:
    handle = _open_nameless(folder)
    with _named_temporary(folder) if handle is None else _nameless_temporary(handle) as temporary:
        yield temporary


def _open_nameless(folder: Path) -> int | None:
    """A file without a name (Linux, most file systems), or None."""
    if not hasattr(os, "O_TMPFILE") or not Path("/proc/self/fd").is_dir():
        return None
    try:
        return os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o666)
    except OSError:
        return None


@contextmanager
def _nameless_temporary(handle: int) -> Iterator[Path]:
    try:
        yield Path(f"/proc/self/fd/{handle}")
    finally:
        os.close(handle)


@contextmanager
def _named_temporary(folder: Path) -> Iterator[Path]:
    handle, name = tempfile.mkstemp(prefix=PREFIX, suffix=SUFFIX, dir=folder)
    os.close(handle)
    temporary = Path(name)
    # The permissions any new file has; there is no other way to ask for the umask.
    umask = os.umask(0)
    os.umask(umask)
    try:
        temporary.chmod(0o666 & ~umask)
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _give_name(temporary: Path, path: Path, *, force: bool) -> None:
    if not force:
        try:
            # A link, unlike a rename, fails where the name was taken meanwhile.
            _link(temporary, path)
            return
        except FileExistsError:
            raise TargetExistsError(f"{path} exists", remedy="force") from None
        except OSError:
            # A file system without hard links: look, then rename.
            if path.exists():
                raise TargetExistsError(f"{path} exists", remedy="force") from None
    with contextlib.suppress(FileNotFoundError):
        kept = path.stat().st_mode & 0o777
        if kept != temporary.stat().st_mode & 0o777:
            temporary.chmod(kept)
    if not temporary.is_symlink():
        temporary.replace(path)
        return
    with _opened(path.parent) as folder:
        # Only a name can take another one's place. All three steps are in one folder, whatever takes its place.
        name = f"{PREFIX}{secrets.token_hex(8)}{SUFFIX}"
        os.link(temporary, name, dst_dir_fd=folder, follow_symlinks=True)
        try:
            os.replace(name, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:
            os.unlink(name, dir_fd=folder)
            raise


def _link(temporary: Path, path: Path) -> None:
    """Give a file another name; of a nameless one `temporary` is the symbolic link in /proc."""
    if not temporary.is_symlink():
        os.link(temporary, path)
        return
    with _opened(path.parent) as folder:
        # With a folder handle Python asks the system to follow the symbolic link, else it does not.
        os.link(temporary, path.name, dst_dir_fd=folder, follow_symlinks=True)


@contextmanager
def _opened(folder: Path) -> Iterator[int]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        yield handle
    finally:
        os.close(handle)
