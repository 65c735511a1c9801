"""One pyrnn file becomes one HDF5 file, and what became of it.

What h5py needs (`writing`, `hdf5`) is imported inside functions: it takes as long as an ordinary
model takes to be read, and both are done at once.
"""

from __future__ import annotations

import importlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import Hdf5LayoutError, LoadLimitError, TargetExistsError, VerificationError
from .files import sha256_of, usable_path
from .model import Model, Source
from .names import default_target
from .pyrnn import read_pyrnn
from .remarks import codec_problems, remarks
from .source import DEFAULT_LIMITS, Limits, SourceFacts, open_source
from .stored import KIND, Stored, store

if TYPE_CHECKING:
    from .verification import Verification


@dataclass(frozen=True)
class Conversion:
    """What became of one source. `status` is `converted` or `up to date`; sizes are in bytes.

    `facts` and `verification` are None where nothing had to be read or nothing was to be verified.
    """

    source: Path
    target: Path
    status: str
    kind: str
    source_size: int
    source_sha256: str
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
    source, path, existing = _before_reading(
        source, target, force=force, float64=float64, compress=compress, limits=limits
    )
    if existing:
        return existing

    model, facts = read_pyrnn(source, limits=limits, ignore_checksum=ignore_checksum, meanwhile=import_writing)
    from .writing import write

    stored = store(model, float64=float64, compress=compress)
    verification = write(model, stored, path, force=force, verify=verify, keep_failed=keep_failed)
    return replace(
        _outcome("converted", source, path, stored),
        source_size=facts.size,
        facts=facts,
        verification=verification,
        warnings=_warnings(model, stored),
    )


def foresee(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str] | None = None,
    *,
    force: bool = False,
    float64: bool = False,
    compress: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> str:
    """What `convert` would do as far as that can be told without reading the model: `would convert` or `up to date`.

    Raises what `convert` would raise before it reads the model.
    """
    *_, existing = _before_reading(source, target, force=force, float64=float64, compress=compress, limits=limits)
    return existing.status if existing else "would convert"


def convert_duplicate(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    of: str | os.PathLike[str],
    *,
    force: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> Conversion | None:
    """Write the result of a source that has the content of another, out of the verified result `of` of that one.

    The model is not read again: the new file differs from `of` in nothing but the name it records,
    and must read back as what was written. None where `of` was not made from this content. Raises
    and leaves things as `convert` does.
    """
    from .load import read_stored
    from .writing import write_again

    source = Path(source)
    path = _target_path(source, target, force=force)
    there = read_stored(of, limits=limits)
    sha256 = sha256_of(source)
    if there.source is None or there.source.sha256 != sha256:
        return None
    if path.exists() and not force:
        return _existing(source, sha256, path, limits, float64=there.float64, compress=there.compressed)
    stored = replace(there, source=Source(source.name, sha256))
    write_again(stored, path, force=force)
    return _outcome("converted", source, path, stored)


def blame(error: BaseException) -> str:
    """What an error makes of a source: `refused` where the file is to blame, `failed` where the world is."""
    world = (TargetExistsError, VerificationError, OSError, MemoryError)
    return "failed" if isinstance(error, world) else "refused"


def import_writing() -> None:
    """Import what writes results: long before the first of them where processes are to be forked."""
    importlib.import_module(".writing", __package__)


def _before_reading(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str] | None,
    *,
    force: bool,
    float64: bool,
    compress: bool,
    limits: Limits,
) -> tuple[Path, Path, Conversion | None]:
    """Source and target as paths, and the outcome where a target is left alone."""
    source = usable_path(source)
    with open_source(source):
        pass  # What is no pyrnn file at all is told before anything is said about a target.
    path = _target_path(source, target, force=force)
    if not path.exists() or force:
        return source, path, None
    return source, path, _existing(source, sha256_of(source), path, limits, float64=float64, compress=compress)


def _outcome(status: str, source: Path, path: Path, stored: Stored) -> Conversion:
    return Conversion(
        source=source,
        target=path,
        status=status,
        kind=stored.kind,
        source_size=source.stat().st_size,
        source_sha256=stored.source.sha256 if stored.source else "",
        target_size=path.stat().st_size,
        target_sha256=sha256_of(path),
    )


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


def _existing(source: Path, sha256: str, path: Path, limits: Limits, *, float64: bool, compress: bool) -> Conversion:
    """The outcome where a target is there already: fine if it is this very conversion."""
    from .load import read_stored

    try:
        there = read_stored(path, limits=limits)
    except Hdf5LayoutError:
        there = None
    except LoadLimitError as error:
        raise TargetExistsError(f"{path} exists and is not read within the limits: {error}") from error
    if there is None or there.source is None or there.source.sha256 != sha256:
        raise TargetExistsError(f"{path} exists and was not made from this source; use --force to replace it")
    if (there.compressed, there.float64) != (compress, float64):
        raise TargetExistsError(f"{path} exists and was made with other options; use --force to replace it")
    return _outcome("up to date", source, path, there)


def _warnings(model: Model, stored: Stored) -> tuple[str, ...]:
    said = list(remarks(model))
    if stored.kind != KIND:
        problems = "; ".join(codec_problems(model.codec))
        said.append(f"kraken cannot read this codec ({problems}): written as {stored.kind}, which kraken refuses")
    if stored.permutation:
        said.append("the codec was not in code point order: classes were reordered, the recognizer is the same")
    return tuple(said)
