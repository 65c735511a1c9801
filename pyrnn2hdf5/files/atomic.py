"""A file appears under its name complete, or not at all."""

from __future__ import annotations

import os
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
    file is never replaced, not even one that came meanwhile: `TargetExistsError`. An `OSError`
    names `path`, not the temporary file.
    """
    try:
        handle = _open_nameless(path.parent)
        with _named_temporary(path.parent) if handle is None else _nameless_temporary(handle) as temporary:
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            _give_name(temporary, path, force=force)
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error


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
    if temporary.is_symlink():
        named = Path(tempfile.mktemp(prefix=PREFIX, suffix=SUFFIX, dir=path.parent))  # noqa: S306 - a link never overwrites
        _link(temporary, named)
        temporary = named
    try:
        temporary.replace(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _link(temporary: Path, path: Path) -> None:
    """Give a file another name; of a nameless one `temporary` is the symbolic link in /proc."""
    if not temporary.is_symlink():
        os.link(temporary, path)
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        # With a folder handle Python asks the system to follow the symbolic link, else it does not.
        os.link(temporary, path.name, dst_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)
