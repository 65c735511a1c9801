"""A file appears under its name complete, or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import TargetExistsError


@contextmanager
def new_file(path: Path, *, force: bool) -> Iterator[Path]:
    """A temporary file in the folder of `path`, to be written and checked in the body.

    When the body ends it is renamed to `path`; on any exception it is gone. Without `force` an
    existing file is never replaced, not even one that came meanwhile: `TargetExistsError`. An
    `OSError` names `path`, not the temporary file.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=".pyrnn2hdf5-", suffix=".part", dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            _give_name(temporary, path, force=force)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise OSError(error.errno, error.strerror, os.fspath(path)) from error


def _give_name(temporary: Path, path: Path, *, force: bool) -> None:
    # The permissions a new file would have; there is no other way to ask for the umask.
    umask = os.umask(0)
    os.umask(umask)
    temporary.chmod(0o666 & ~umask)
    with temporary.open("rb") as file:
        os.fsync(file.fileno())
    if force:
        temporary.replace(path)
        return
    try:
        # A link, unlike a rename, fails where the name was taken meanwhile.
        os.link(temporary, path)
    except FileExistsError:
        raise TargetExistsError(f"{path} exists; use --force to replace it") from None
    except OSError:
        # A file system without hard links.
        temporary.replace(path)
