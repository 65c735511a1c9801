"""One pyrnn or pronn file becomes one HDF5 or ONNX file, and what became of it.

What h5py needs (`writer`, `h5py_io`) is imported inside functions: it takes as long as an ordinary
model takes to be read, and both are done at once.
"""

from __future__ import annotations

import importlib
import os
import time
from dataclasses import replace
from pathlib import Path

from ..errors import (
    FAILURES,
    Hdf5LayoutError,
    InvalidInputError,
    InvalidModelError,
    LoadLimitError,
    SizeLimitError,
    SourceError,
    TargetConflictError,
    TargetExistsError,
)
from ..extras import require
from ..files.atomic import make_folder_of, refuse_other_than_file
from ..files.paths import check_format, named_format, sha256_of, target_of, usable_path
from ..hdf5.layout import KIND, Stored, restore, store
from ..hdf5.reader import read_stored
from ..limits import DEFAULT_LIMITS, Limits
from ..load import check_source, read_source_model
from ..model.compatibility import codec_problems, remarks
from ..model.model import Model
from ..onnx_graph.model_file import read_onnx
from ..sandbox.bounded import Reader
from .outcome import Conversion, Options, Outcome


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
    to: str = "hdf5",
) -> Conversion:
    """Convert one pyrnn or pronn file to HDF5, or to ONNX, verified before it gets its name.

    Parameters
    ----------
    source
        A pyrnn file, plain or packed by gzip, bzip2 or xz, or a pronn file; for ONNX also an HDF5 file.
    target
        A file, or a folder, which need not be there where the target ends in a separator; by default
        `default_target(source, to)`. Folders are made. One that already holds this very conversion is left alone, also
        where another process or thread made it meanwhile.
    force
        Replace a target that is anything else.
    verify
        Compare the result with its source, bit for bit and by running both networks.
    float64
        Store the weights unrounded; HDF5 only.
    compress
        Pack the weights with gzip and shuffle; HDF5 only.
    limits
        What reading the source may take: bytes and seconds.
    ignore_checksum
        Accept damage behind a complete pickle, with a warning.
    keep_failed
        A folder for results that fail their verification, as evidence.
    to
        `hdf5` or `onnx`. ONNX is verified by the extra `[onnx]`.

    Returns
    -------
    Conversion

    Raises
    ------
    TargetExistsError
        Where there is another target, and not `force`.
    TargetConflictError
        Where the target is the source itself.
    InvalidInputError
        Where `to` is another word, or does not go with `float64`, `compress` or the name of the target.
    MissingExtraError
        Where ONNX is to be verified and the extra `[onnx]` is not installed.
    VerificationError
        Where the result is not the model of the source.
    OSError, Pyrnn2Hdf5Error
        Whatever `load_pyrnn` or `load_pronn` raises, and where the target cannot be written.

    On any error no target is written and an existing one is untouched.
    """
    kept = usable_path(keep_failed) if keep_failed is not None else None
    check_format(to)
    if to != "hdf5" and (float64 or compress):
        raise InvalidInputError(f"to: expected hdf5 with {'float64' if float64 else 'compress'}, got {to}")
    named = named_format(target) if target is not None else None
    if named not in (None, to):
        raise InvalidInputError(f"to: expected {named} as the name of the target says, got {to}")
    options = Options(force, verify, float64, compress, limits, ignore_checksum, kept, to)
    return convert_source(source, target, options)


def convert_source(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str] | None,
    options: Options,
    reader: Reader | None = None,
    *,
    exact: bool = False,
) -> Conversion:
    """As `convert`; `reader` is the process to read with, for many sources. An `exact` target is no folder."""
    source, path, existing = _look(source, target, options, exact=exact)
    if existing:
        return existing
    model, facts = read_source_model(
        source,
        limits=options.limits,
        ignore_checksum=options.ignore_checksum,
        reader=reader,
        meanwhile=lambda: importlib.import_module("..writer", __name__),
    )
    from .writer import hdf5_file, onnx_file, write

    stored = store(model, float64=options.float64, compress=options.compress) if options.to == "hdf5" else None
    content, check = hdf5_file(model, stored) if stored else onnx_file(model)
    make_folder_of(path)
    try:
        verification = write(
            content, path, check if options.verify else None, force=options.force, keep_failed=options.keep_failed
        )
    except TargetExistsError:
        # Another one came first. What it left is judged as if it had been there from the beginning.
        existing = _look(source, path, options, exact=True)[2]
        if existing:
            return existing
        raise
    made = _conversion("converted", source, path, stored, model)
    return replace(made, source_size=facts.size, facts=facts, verification=verification)


def attempt(
    source: Path,
    target: str | os.PathLike[str] | None,
    options: Options,
    reader: Reader | None = None,
    *,
    exact: bool = False,
) -> Outcome:
    """Convert a source, and tell what became of it whatever that is."""
    start = time.perf_counter()
    named = Path(target) if target and exact else target_of(source, target, options.to)
    outcome = Outcome(source, named, source_size=size_of(source))
    try:
        conversion = convert_source(source, target, options, reader, exact=exact)
        outcome = replace(outcome, target=conversion.target, conversion=conversion)
    except FAILURES as error:
        outcome = replace(outcome, error=error)
    return replace(outcome, seconds=round(time.perf_counter() - start, 3))


def foresee(source: Path, target: Path, options: Options) -> Outcome:
    """What `attempt` would do with an exact target, as far as that can be told without reading the model."""
    outcome = Outcome(source, target, source_size=size_of(source))
    try:
        return replace(outcome, conversion=_look(source, target, options, exact=True)[2])
    except FAILURES as error:
        return replace(outcome, error=error)


def size_of(source: Path) -> int | None:
    """Bytes of a file; None where there is none."""
    try:
        return source.stat().st_size
    except (OSError, ValueError):
        return None


def _look(
    source: str | os.PathLike[str], target: str | os.PathLike[str] | None, options: Options, *, exact: bool
) -> tuple[Path, Path, Conversion | None]:
    """Source and target as paths, and the outcome where a target is left alone: all before the model is read."""
    source = usable_path(source)
    if options.to == "onnx" and options.verify:
        require("onnx")
    # What is no model at all is told before anything is said about a target.
    check_source(source, limits=options.limits, hdf5=options.to != "hdf5")
    path = usable_path(target) if target and exact else target_of(source, target, options.to)
    if path.is_symlink() and not path.exists() and not options.force:
        raise TargetExistsError(f"{path} is a link to a file that is not there", remedy="force")
    refuse_other_than_file(path)
    if path.exists() and path.samefile(source):
        raise TargetConflictError("target: expected another file than the source, got the source itself")
    if not path.exists() or options.force:
        return source, path, None
    stored, model = _read_target(path, options)
    if model is None or model.source is None or model.source.sha256 != sha256_of(source, options.limits):
        # What this project did not make cannot be made again.
        remedy = "force" if model and model.source else "target"
        raise TargetExistsError(f"{path} exists and was not made from this source", remedy=remedy)
    made_otherwise = ""
    if stored is not None and (stored.compressed, stored.float64) != (options.compress, options.float64):
        has = [name for name, on in (("float64", stored.float64), ("compressed", stored.compressed)) if on]
        made_otherwise = f"it is {', '.join(has) or 'neither float64 nor compressed'}"
    elif options.limits.label_encoding:
        # No result records by which encoding its labels were read.
        again, _ = read_source_model(source, limits=options.limits, ignore_checksum=options.ignore_checksum)
        made_otherwise = "" if again.codec == model.codec else "its labels are read otherwise"
    if made_otherwise:
        raise TargetExistsError(f"{path} exists and was made with other options: {made_otherwise}", remedy="force")
    return source, path, _conversion("up to date", source, path, stored, model)


def _read_target(path: Path, options: Options) -> tuple[Stored | None, Model | None]:
    """What lies in a target, as it is stored where that is HDF5; None where it is no model in the format asked for."""
    try:
        if options.to == "onnx":
            return None, read_onnx(path, limits=options.limits)[0]
        stored = read_stored(path, limits=options.limits)
        return stored, restore(stored)
    except (LoadLimitError, SizeLimitError) as error:
        raise TargetExistsError(f"{path} exists and is not read within the limits: {error}") from error
    except (Hdf5LayoutError, SourceError, InvalidModelError):
        return None, None


def _conversion(status: str, source: Path, path: Path, stored: Stored | None, model: Model) -> Conversion:
    """The outcome of a model that lies in an HDF5 file as it is `stored`, or in an ONNX file."""
    return Conversion(
        source=source,
        target=path,
        status=status,
        kind=stored.kind if stored else "onnx",
        source_size=source.stat().st_size,
        source_sha256=model.source.sha256 if model.source else "",
        target_size=path.stat().st_size,
        target_sha256=sha256_of(path),
        warnings=_warnings(model, stored),
    )


def _warnings(model: Model, stored: Stored | None) -> tuple[str, ...]:
    said = list(remarks(model))
    if stored is None:
        return tuple(said)
    if stored.kind != KIND:
        problems = "; ".join(codec_problems(model.codec))
        said.append(f"kraken cannot read this codec ({problems}): written as {stored.kind}, which kraken refuses")
    if stored.permutation:
        said.append("the codec was not in code point order: classes were reordered, the recognizer is the same")
    return tuple(said)
