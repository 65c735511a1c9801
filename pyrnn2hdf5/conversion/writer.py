"""A model becomes a file, HDF5 or ONNX: written beside its target, read back, compared, then given its name."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from ..errors import Hdf5LayoutError, InvalidModelError, SourceError, TargetExistsError, VerificationError
from ..extras import require
from ..files.atomic import new_file, refuse_other_than_file
from ..files.paths import usable_path
from ..hdf5.h5py_io import to_hdf5
from ..hdf5.layout import Stored, restore, store
from ..hdf5.plain_reader import NotPlainError
from ..hdf5.reader import read_by_library, read_plain
from ..model.model import Model
from ..onnx_graph import execution, model_file
from ..verification.comparison import Verification, compare
from ..verification.onnx_behaviour import compare_runs


def save_hdf5(
    model: Model, path: str | os.PathLike[str], *, force: bool = False, float64: bool = False, compress: bool = False
) -> Verification:
    """Write a model to HDF5, verified before the file gets its name.

    Parameters
    ----------
    model
        The model.
    path
        The file to write, in a folder that is there.
    force
        Replace an existing file, which is refused otherwise, also one of the same content.
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
    return _save(hdf5_file(model, store(model, float64=float64, compress=compress)), path, force=force)


def save_onnx(model: Model, path: str | os.PathLike[str], *, force: bool = False) -> Verification:
    """Write a model as ONNX, verified by onnxruntime before the file gets its name. Needs the extra `[onnx]`.

    Parameters
    ----------
    model
        The model.
    path
        The file to write, in a folder that is there.
    force
        Replace an existing file, which is refused otherwise, also one of the same content.

    Returns
    -------
    Verification
        How the file that was written compares with the model, and what onnxruntime makes of it.

    Raises
    ------
    MissingExtraError
        Where the extra `[onnx]` is not installed.
    InvalidModelError
        Where a weight overflows float32.
    TargetExistsError
        Where there is a file, and not `force`.
    VerificationError
        Where what was written reads back, or runs, as something else.
    OSError
        Where it cannot be written.
    """
    require("onnx")
    return _save(onnx_file(model), path, force=force)


Check = Callable[[Path], Verification]
"""Reads a written file back and compares it with its model; raises `VerificationError` where anything differs."""


def hdf5_file(model: Model, stored: Stored) -> tuple[bytes, Check]:
    """The HDF5 file of the stored form of a model, and its check."""
    return to_hdf5(stored), lambda path: verify_written(model, stored, path)


def onnx_file(model: Model) -> tuple[bytes, Check]:
    """The ONNX file of a model, and its check. Raises `InvalidModelError` where a weight overflows float32."""
    return model_file.to_onnx(model), lambda path: verify_written_onnx(model, path)


def _save(file: tuple[bytes, Check], path: str | os.PathLike[str], *, force: bool) -> Verification:
    path, (content, check) = usable_path(path), file
    refuse_other_than_file(path)
    if path.exists() and not force:
        raise TargetExistsError(f"{path} exists", remedy="force")
    verification = write(content, path, check, force=force)
    assert verification is not None  # noqa: S101 - it was to be verified
    return verification


def write(
    content: bytes, path: Path, check: Check | None, *, force: bool = False, keep_failed: Path | None = None
) -> Verification | None:
    """Write a file, which gets its name after its check; see `converter.convert` for the options and the errors."""
    with new_file(path, force=force) as temporary:
        temporary.write_bytes(content)
        try:
            return check(temporary) if check else None
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
    names = ("kind", "compressed", "labels", "permutation", "line_normalizer", "normalize", "source")
    _refuse_problems(verification, stored, again, names)
    return verification


def verify_written_onnx(model: Model, path: Path) -> Verification:
    """As `verify_written` for an ONNX file, which onnx checks and onnxruntime runs too."""
    try:
        data = path.read_bytes()
        again = model_file.from_onnx(data)
        verification = compare(store(model, float64=True), store(again), model, again)
    except (SourceError, InvalidModelError) as error:
        raise VerificationError(f"verification failed: {error}") from error
    execution.check(data)
    verification = replace(verification, onnxruntime=compare_runs(again))
    _refuse_problems(verification, model, again, ("normalize", "source"))
    return verification


def _refuse_problems(verification: Verification, written: object, again: object, names: Sequence[str]) -> None:
    """Raise `VerificationError` for a problem, or an attribute that differs."""
    problems = list(verification.problems)
    for name in names:
        expected, got = getattr(written, name), getattr(again, name)
        if expected != got:
            problems.append(f"{name}: expected {expected!r:.80}, got {got!r:.80}")
    if problems:
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise VerificationError(f"verification failed: {problems[0]}{more}")


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
