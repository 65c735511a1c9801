"""One pyrnn file becomes one HDF5 file: read, write beside the target, verify, then give it its name."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from .atomic import new_file
from .errors import Hdf5LayoutError, InvalidModelError, LoadLimitError, TargetExistsError, VerificationError
from .hdf5 import read, to_bytes
from .load import read_stored
from .model import Model, codec_problems, remarks
from .names import default_target
from .pyrnn import read_pyrnn
from .source import DEFAULT_LIMITS, Limits, SourceFacts, open_source, sha256_of, usable_path
from .stored import KIND, Stored, restore, store
from .verification import Verification, compare


@dataclass(frozen=True)
class Conversion:
    """What became of one source. `status` is `converted` or `up to date`; sizes are in bytes.

    `facts` and `verification` are None where nothing had to be read or nothing was to be verified.
    """

    source: Path
    target: Path
    status: str
    kind: str
    target_size: int
    target_sha256: str
    facts: SourceFacts | None = None
    verification: Verification | None = None
    warnings: tuple[str, ...] = ()


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str] | None = None,
    *,
    force: bool = False,
    verify: bool = True,
    float64: bool = False,
    compress: bool = False,
    limits: Limits = DEFAULT_LIMITS,
    ignore_checksum: bool = False,
    keep_failed: str | os.PathLike[str] | None = None,
) -> Conversion:
    """Convert one pyrnn file to HDF5, verified before it gets its name.

    `target` is a file or a folder; by default `default_target(source)`. A target that already holds
    this very conversion is left alone, any other is kept unless `force`. `float64` stores the
    weights unrounded, `compress` packs them; `limits` bound the reading. A result that fails its
    verification is kept as evidence in the folder `keep_failed`, where one is given.

    Raises `TargetExistsError`, `VerificationError`, whatever `read_pyrnn` raises, and `OSError`.
    On any of them no target is written and an existing one is untouched.
    """
    source = usable_path(source)
    with open_source(source):
        pass  # What is no pyrnn file at all is told before anything is said about a target.
    path = _target_path(source, target, force=force)
    if path.exists() and not force:
        return _existing(source, path, limits, float64=float64, compress=compress)

    model, facts = read_pyrnn(source, limits=limits, ignore_checksum=ignore_checksum)
    stored = store(model, float64=float64, compress=compress)
    with new_file(path, force=force) as temporary:
        temporary.write_bytes(to_bytes(stored))
        try:
            verification = verify_written(model, stored, temporary) if verify else None
        except VerificationError as error:
            raise VerificationError(f"{error} ({_evidence(temporary, path.name, keep_failed)})") from error
    return Conversion(
        source=source,
        target=path,
        status="converted",
        kind=stored.kind,
        target_size=path.stat().st_size,
        target_sha256=sha256_of(path),
        facts=facts,
        verification=verification,
        warnings=_warnings(model, stored),
    )


def _evidence(temporary: Path, name: str, keep_failed: str | os.PathLike[str] | None) -> str:
    """Where the file that failed its verification is, in words."""
    if keep_failed is None:
        return "nothing was kept; --keep-failed DIR keeps the evidence"
    kept = Path(keep_failed) / name
    kept.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(temporary, kept)
    return f"the failed file is {kept}"


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
        again = read(path)  # in this process: these bytes are our own
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


def _target_path(source: Path, target: str | os.PathLike[str] | None, *, force: bool) -> Path:
    path = default_target(source) if target is None else usable_path(target)
    if target is not None and path.is_dir():
        path = path / default_target(source).name
    if path.is_symlink() and not path.exists() and not force:
        raise TargetExistsError(f"{path} is a link to a file that is not there; use --force to replace it")
    if path.exists() and not path.is_file():
        raise TargetExistsError(f"{path}: expected a file or nothing as target, got a folder, device or pipe")
    if path.exists() and path.samefile(source):
        raise TargetExistsError("target: expected another file than the source, got the source itself")
    return path


def _existing(source: Path, path: Path, limits: Limits, *, float64: bool, compress: bool) -> Conversion:
    """The outcome where a target is there already: fine if it is this very conversion."""
    try:
        there = read_stored(path, limits=limits)
    except (Hdf5LayoutError, LoadLimitError):
        there = None
    if there is None or there.source is None or there.source.sha256 != sha256_of(source):
        raise TargetExistsError(f"{path} exists and was not made from this source; use --force to replace it")
    if (there.compressed, _is_float64(there)) != (compress, float64):
        raise TargetExistsError(f"{path} exists and was made with other options; use --force to replace it")
    return Conversion(
        source=source,
        target=path,
        status="up to date",
        kind=there.kind,
        target_size=path.stat().st_size,
        target_sha256=sha256_of(path),
    )


def _is_float64(stored: Stored) -> bool:
    return any(values.dtype.itemsize == 8 for values in stored.data.values())


def _warnings(model: Model, stored: Stored) -> tuple[str, ...]:
    said = list(remarks(model))
    if stored.kind != KIND:
        problems = "; ".join(codec_problems(model.codec))
        said.append(f"kraken cannot read this codec ({problems}): written as {stored.kind}, which kraken refuses")
    if stored.permutation:
        said.append("the codec was not in code point order: classes were reordered, the recognizer is the same")
    return tuple(said)
