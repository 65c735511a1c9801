"""A stored model becomes a file: written beside its target, read back, compared, then given its name."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from .atomic import new_file
from .errors import Hdf5LayoutError, InvalidModelError, TargetExistsError, VerificationError
from .files import usable_path
from .hdf5 import to_bytes
from .load import read_by_library
from .model import Model
from .stored import Stored, restore, store
from .verification import Verification, compare


def write(
    model: Model,
    stored: Stored,
    path: Path,
    *,
    force: bool = False,
    verify: bool = True,
    keep_failed: str | os.PathLike[str] | None = None,
) -> Verification | None:
    """Write the stored form of `model`; see `conversion.convert` for the options and the errors."""
    content = to_bytes(stored)
    with new_file(path, force=force) as temporary:
        temporary.write_bytes(content)
        try:
            return verify_written(model, stored, temporary) if verify else None
        except VerificationError as error:
            raise VerificationError(f"{error} ({_evidence(content, path.name, keep_failed)})") from error


def write_again(stored: Stored, path: Path, *, force: bool = False) -> None:
    """Write what was read from a verified file; it must read back as the same bytes.

    Raises `TargetExistsError`, `VerificationError` or `OSError`.
    """
    content = to_bytes(stored)
    with new_file(path, force=force) as temporary:
        temporary.write_bytes(content)
        if to_bytes(read_by_library(temporary)) != content:
            raise VerificationError("verification failed: what was written reads back as something else")


def save_hdf5(
    model: Model, path: str | os.PathLike[str], *, force: bool = False, float64: bool = False, compress: bool = False
) -> Verification:
    """Write a model to HDF5, verified before the file gets its name; options as for `convert`.

    Raises `InvalidModelError`, `TargetExistsError`, `VerificationError` or `OSError`.
    """
    path = usable_path(path)
    if path.exists() and not force:
        raise TargetExistsError(f"{path} exists; use force to replace it")
    stored = store(model, float64=float64, compress=compress)
    with new_file(path, force=force) as temporary:
        temporary.write_bytes(to_bytes(stored))
        return verify_written(model, stored, temporary)


def verify_written(model: Model, stored: Stored, path: Path) -> Verification:
    """Read a written file back and compare it with the model it was written from.

    Raises `VerificationError` where anything differs.
    """
    try:
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


def _evidence(failed: bytes, name: str, keep_failed: str | os.PathLike[str] | None) -> str:
    """Where the file that failed its verification is, in words; its name is that of no result."""
    if keep_failed is None:
        return "nothing was kept; --keep-failed DIR keeps the evidence"
    kept = Path(keep_failed) / f"{name}.{hashlib.sha256(failed).hexdigest()[:12]}.failed"
    try:
        kept.parent.mkdir(parents=True, exist_ok=True)
        with new_file(kept, force=True) as temporary:
            temporary.write_bytes(failed)
    except OSError as error:
        return f"it could not be kept as {kept}: {error.strerror}"
    return f"the failed file is {kept}"
