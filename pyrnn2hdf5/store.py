"""Which model a name means: look-up and automatic conversion in the model directory shared with kraken.

kraken looks for `~/.kraken/NAME.hdf5` by base name alone and so takes the wrong model where two
folders hold the same name. Here a stored file stands in for a named model only where it records the
SHA-256 of that very file. The newest conversion of a name bears the name that kraken looks for;
others have a part of the SHA-256 of their source in their names. What kraken or the user put there
is never touched.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from .errors import InvalidModelError, Pyrnn2Hdf5Error, TargetExistsError
from .files import sha256_of
from .load import is_hdf5, load_file, load_hdf5
from .model import Model
from .model_dir import list_models, marked_name, model_directory, newness, recorded_source
from .names import default_target
from .pyrnn import read_pyrnn
from .remarks import codec_problems
from .source import DEFAULT_LIMITS, Limits
from .stored import restore, store
from .writing import save_hdf5

LEGACY: Final = Path("/usr/local/share/ocropus")
"""Where OCRopus installed its models."""


@dataclass(frozen=True, eq=False)
class Found:
    """A model, the file it was read from, whether that was converted just now, and what went wrong.

    `pyrnn` is what that file is a conversion of, where it was found.
    """

    model: Model
    path: Path
    converted: bool = False
    warnings: tuple[str, ...] = ()
    pyrnn: Path | None = None


def load_any(
    path: str | os.PathLike[str],
    autoconvert: bool = True,
    model_dir: str | os.PathLike[str] | None = None,
    *,
    limits: Limits = DEFAULT_LIMITS,
) -> Model:
    """Load a model of either format as kraken does; see `find_model`. Says what went wrong by `warnings.warn`.

    With `autoconvert` a pyrnn is converted once, and its conversion kept in the model directory.
    Raises `OSError` or a `Pyrnn2Hdf5Error`.
    """
    found = find_model(path, autoconvert=autoconvert, model_dir=model_dir, limits=limits)
    for warning in found.warnings:
        warnings.warn(warning, stacklevel=2)
    return found.model


def find_model(
    name: str | os.PathLike[str],
    *,
    autoconvert: bool = True,
    model_dir: str | os.PathLike[str] | None = None,
    limits: Limits = DEFAULT_LIMITS,
) -> Found:
    """Find and load the model that `name` means.

    That is the file at the path given, in the model directory, or in `/usr/local/share/ocropus`, the
    first there is. HDF5 is loaded as it is. With `autoconvert` the stored conversion of a pyrnn
    stands in for it, made and verified first where there is none; a bare name whose pyrnn is nowhere
    any more means its stored conversion. A conversion that cannot be stored is a warning.

    Raises `OSError` or a `Pyrnn2Hdf5Error` where the model cannot be read.
    """
    name, said = Path(name), []
    try:
        folder = model_directory(model_dir)
    except FileNotFoundError as error:
        folder = None
        said = [f"no model directory: {error.strerror}"]
    places = [name, *([folder / name] if folder else []), LEGACY / name]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        found = _by_name(folder, name.name, limits) if folder and autoconvert and str(name) == name.name else None
        # Where nothing is found the path as it was given says why: a folder, a pipe, nothing.
        return found or Found(load_file(name, limits=limits), name)
    if is_hdf5(path) or not autoconvert:
        return Found(load_file(path, limits=limits), path)
    if folder is None:
        return Found(load_file(path, limits=limits), path, warnings=tuple(said))
    return replace(_stored(path, folder, limits) or _convert(path, folder, limits), pyrnn=path)


def _by_name(folder: Path, name: str, limits: Limits) -> Found | None:
    """The stored conversion of a pyrnn that is not there itself: the newest, or what kraken would take."""
    entries = [entry for entry in list_models(folder) if entry.source and entry.source.name == name]
    if entries:
        newest = max(entries, key=newness)
        more = len({entry.source.sha256 for entry in entries if entry.source}) - 1
        said = (f"{more + 1} models of this name are stored, {newest.path.name} is the newest",) if more else ()
        return Found(load_hdf5(newest.path, limits=limits), newest.path, warnings=said)
    path = folder / default_target(name)
    if not is_hdf5(path) or recorded_source(path):
        return None
    return Found(load_hdf5(path, limits=limits), path, warnings=(f"{path.name} does not record what it was made from",))


def _stored(path: Path, folder: Path, limits: Limits) -> Found | None:
    """The stored conversion of this very file, where there is one that can be read."""
    sha256 = sha256_of(path)
    named = folder / default_target(path.name)
    for place in (named, marked_name(named, sha256)):
        with contextlib.suppress(Pyrnn2Hdf5Error, OSError):
            model = load_hdf5(place, limits=limits)
            if model.source and model.source.sha256 == sha256:
                return Found(model, place)
    return None


def _convert(path: Path, folder: Path, limits: Limits) -> Found:
    model, facts = read_pyrnn(path, limits=limits)
    try:
        # What is recognized now and what will be recognized from the stored file are the same.
        rounded = restore(store(model))
    except InvalidModelError as error:
        return Found(model, path, warnings=(f"not stored: {error}",))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        target = _save(model, folder / default_target(facts.name), facts.sha256)
    except (Pyrnn2Hdf5Error, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return Found(rounded, path, warnings=(f"the conversion was not stored in {folder}: {reason}",))
    return Found(rounded, target, converted=True)


def _save(model: Model, named: Path, sha256: str) -> Path:
    """Write the conversion as `named`, what kraken looks for, if that is free or taken by one of ours."""
    there = recorded_source(named)
    if (there is None and os.path.lexists(named)) or codec_problems(model.codec):
        # Not ours to replace; or a file that kraken would find and refuse.
        marked = marked_name(named, sha256)
        save_hdf5(model, marked, force=True)
        return marked
    if there is None:
        try:
            save_hdf5(model, named)
        except TargetExistsError:
            # Another process came first.
            return _save(model, named, sha256)
        return named
    if there.sha256 != sha256:
        # Another model of that name, or an older version of this one: it stays, under another name.
        with contextlib.suppress(OSError):
            os.link(named, marked_name(named, there.sha256))
    save_hdf5(model, named, force=True)
    return named
