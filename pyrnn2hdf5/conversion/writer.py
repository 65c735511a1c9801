"""A stored model becomes a file: written beside its target, read back, compared, then given its name."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from ..errors import Hdf5LayoutError, InvalidModelError, TargetExistsError, VerificationError
from ..files.atomic import new_file
from ..files.paths import usable_path
from ..hdf5.h5py_io import to_bytes
from ..hdf5.layout import Stored, restore, store
from ..hdf5.plain_reader import NotPlainError
from ..load import read_by_library, read_plain
from ..model.model import Model
from ..verification.comparison import Verification, compare


def save_hdf5(
    model: Model, path: str | os.PathLike[str], *, force: bool = False, float64: bool = False, compress: bool = False
) -> Verification:
    """Write a model to HDF5, verified before the file gets its name.

    Parameters
    ----------
    model
        The model.
    path
        The file to write.
    force
        Replace an existing file.
    float64
        Store the weights unrounded.
    compress
        Pack the weights with gzip and shuffle.

    Returns
    -------
    Verification
        How the file that was written compares with the model.

    Raises
    ------
    InvalidModelError
        Where a weight overflows float32.
    TargetExistsError
        Where there is a file, and not `force`.
    VerificationError
        Where what was written reads back as something else.
    OSError
        Where it cannot be written.
    """
    path = usable_path(path)
    if path.exists() and not force:
        raise TargetExistsError(f"{path} exists", remedy="force")
    verification = write(model, store(model, float64=float64, compress=compress), path, force=force)
    assert verification is not None  # noqa: S101 - it was to be verified
    return verification


def write(
    model: Model,
    stored: Stored,
    path: Path,
    *,
    force: bool = False,
    verify: bool = True,
    keep_failed: Path | None = None,
) -> Verification | None:
    """Write the stored form of `model`; see `converter.convert` for the options and the errors."""
    with new_file(path, force=force) as temporary:
        temporary.write_bytes(to_bytes(stored))
        try:
            return verify_written(model, stored, temporary) if verify else None
        except VerificationError as error:
            kept = _keep(temporary.read_bytes(), path.name, keep_failed) if keep_failed else "nothing was kept"
            raise VerificationError(f"{error} ({kept})", remedy=None if keep_failed else "keep_failed") from error


def verify_written(model: Model, stored: Stored, path: Path) -> Verification:
    """Read a written file back and compare it with the model it was written from.

    Raises `VerificationError` where anything differs.
    """
    try:
        try:
            # Not by the library that wrote it: two that err alike are few.
            again = read_plain(path)
        except NotPlainError:
            again = read_by_library(path)  # in this process: these bytes are our own
        verification = compare(stored, again, model, restore(again))
    except (Hdf5LayoutError, InvalidModelError) as error:
        raise VerificationError(f"verification failed: {error}") from error
    problems = list(verification.problems)
    for name in ("kind", "compressed", "labels", "permutation", "line_normalizer", "normalize", "source"):
        expected, got = getattr(stored, name), getattr(again, name)
        if expected != got:
            problems.append(f"{name}: expected {expected!r:.80}, got {got!r:.80}")
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise VerificationError(f"verification failed: {problems[0]}{more}")
    return verification


def _keep(failed: bytes, name: str, folder: Path) -> str:
    """Keep a file that failed its verification, under a name that is that of no result; where it is, in words."""
    kept = folder / f"{name}.{hashlib.sha256(failed).hexdigest()[:12]}.failed"
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with new_file(kept, force=True) as temporary:
            temporary.write_bytes(failed)
    except OSError as error:
        return f"it could not be kept as {kept}: {error.strerror}"
    return f"the failed file is {kept}"
