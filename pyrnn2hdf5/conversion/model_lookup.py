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
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import InvalidModelError, Pyrnn2Hdf5Error, blamed_on
from ..files.paths import default_target, sha256_of, usable_path
from ..hdf5.layout import KIND, restore, store
from ..hdf5.reader import load_hdf5
from ..limits import DEFAULT_LIMITS, Limits
from ..load import is_hdf5, is_onnx, load_file
from ..model.model import Model
from ..text import describe_error
from .converter import convert
from .model_directory import list_models, marked_name, model_directory, newness, usable_source
from .model_names import find_by_beginning, find_exactly, model_folders, not_found


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
    """Load a model of any format, as kraken does.

    A pyrnn or pronn is converted into the model directory, in the home of the user as a rule, unless told
    `autoconvert=False`.

    Parameters
    ----------
    path
        A file, or the name of one in the folders where kraken, OCRopus and OCR-D keep models; the end of the
        name, such as `.pyrnn.gz`, may be left out.
    autoconvert
        Convert a pyrnn or pronn once, keep its conversion in the model directory, and use that from then on.
    model_dir
        The model directory; by default `KRAKEN_HOME`, else `~/.kraken`.
    limits
        What reading it may take and hold. Where they allow names or tell an encoding, nothing is stored.

    Returns
    -------
    Model

    Warns
    -----
    UserWarning
        Where a conversion cannot be stored, or what was found may not be what was meant.

    Raises
    ------
    OSError, Pyrnn2Hdf5Error
        Where the model cannot be read.
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

    That is the file at the path given, or in one of `model_folders`, the first there is; then one that
    only begins so, as `find_by_beginning` has it. HDF5 and ONNX are loaded as they are. With `autoconvert` the stored
    conversion of a pyrnn stands in for it, made and verified first where there is none; a bare name whose
    pyrnn is nowhere any more means its stored conversion. A conversion that cannot be stored is a warning.

    What `limits` allow beyond the ordinary holds for this once: such a pyrnn is read itself, and nothing is stored.

    Raises `OSError` or a `Pyrnn2Hdf5Error` where the model cannot be read; its `path` is the file that was found.
    """
    name, said = usable_path(name), []
    try:
        folder = model_directory(model_dir)
    except FileNotFoundError as error:
        folder = None
        said = [f"no model directory: {error.strerror}"]
    folders = [] if name.is_absolute() else model_folders(folder)
    path = find_exactly(name, folders)
    if path is None:
        found = _by_name(folder, name.name, limits) if folder and autoconvert and str(name) == name.name else None
        if found:
            return found
        path = find_by_beginning(name, folders)
        if path and path.parent == folder:
            path = _source_there(path, name, folders) or path
    if path is None:
        # The path as it was given says what else is wrong with it: a folder, a pipe.
        if os.path.lexists(name):
            return Found(load_file(name, limits=limits), name)
        raise not_found(name, folders)
    with blamed_on(path):
        if is_hdf5(path) or is_onnx(path) or not autoconvert:
            return Found(load_file(path, limits=limits), path)
        if limits.allow_globals or limits.label_encoding:
            model = load_file(path, limits=limits)
            return Found(model, path, warnings=model.notes)
        if folder is None:
            return Found(load_file(path, limits=limits), path, warnings=tuple(said))
        sha256 = sha256_of(path, limits)
        return replace(_stored(path, sha256, folder, limits) or _convert(path, sha256, folder, limits), pyrnn=path)


def _source_there(path: Path, name: Path, folders: Sequence[Path]) -> Path | None:
    """What a file of the model directory was made from, where that is there and meant too: it may have changed."""
    source = usable_source(path)
    if source is None or not source.name.startswith(f"{name.name}.") or Path(source.name).name != source.name:
        return None
    with contextlib.suppress(OSError):
        return find_exactly(Path(source.name), folders)
    return None


def _by_name(folder: Path, name: str, limits: Limits) -> Found | None:
    """The stored conversion of a pyrnn that is not there itself: the newest, or what kraken would take."""
    entries = [entry for entry in list_models(folder) if entry.source and entry.source.name == name]
    if entries:
        newest = max(entries, key=newness)
        more = len({entry.source.sha256 for entry in entries if entry.source}) - 1
        said = (f"{more + 1} models of this name are stored, {newest.path.name} is the newest",) if more else ()
        with blamed_on(newest.path):
            return Found(load_hdf5(newest.path, limits=limits), newest.path, warnings=said)
    path = folder / default_target(name)
    if not is_hdf5(path) or usable_source(path):
        return None
    with blamed_on(path):
        model = load_hdf5(path, limits=limits)
    return Found(model, path, warnings=(f"{path.name} does not record what it was made from",))


def _stored(path: Path, sha256: str, folder: Path, limits: Limits) -> Found | None:
    """The stored conversion of this very file, where there is one that can be read."""
    named = folder / default_target(path.name)
    for place in (named, marked_name(named, sha256)):
        with contextlib.suppress(Pyrnn2Hdf5Error, OSError):
            model = load_hdf5(place, limits=limits)
            if model.source and model.source.sha256 == sha256:
                return Found(model, place)
    return None


def _convert(path: Path, sha256: str, folder: Path, limits: Limits) -> Found:
    named = folder / default_target(path.name)
    marked = marked_name(named, sha256)
    new = not folder.exists()
    failure: Exception | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        made = convert(path, marked, force=True, limits=limits)
        # A file that kraken would find and refuse keeps the other name.
        if made.kind == KIND:
            _take_name(marked, named)
    except (Pyrnn2Hdf5Error, OSError) as error:
        failure = error
    # Other processes may give and take the same names: what counts is that this very file is stored now.
    found = _stored(path, sha256, folder, limits)
    if found:
        return replace(found, converted=True)
    if new:
        # Nothing was stored, so nothing is left.
        with contextlib.suppress(OSError):
            folder.rmdir()
    # Where the model itself is to blame, that is what is told.
    model = load_file(path, limits=limits)
    why = describe_error(failure, folder) if failure else "another process took its name"
    said = f"the conversion was not stored in {folder}: {why}"
    try:
        # What is recognized now and what will be recognized from the stored file are the same.
        return Found(restore(store(model)), path, warnings=(said,))
    except InvalidModelError as error:
        return Found(model, path, warnings=(f"not stored: {error}",))


def _take_name(marked: Path, named: Path) -> None:
    """Give a conversion the name that kraken looks for, if that is free or taken by one of ours."""
    there = usable_source(named)
    if there is None:
        try:
            # A link, unlike a rename, fails where the name is taken: what is not ours stays.
            os.link(marked, named)
        except (FileExistsError, FileNotFoundError):
            # Another process came first, with this model or another one of its name.
            there = usable_source(named)
            if there is None:
                return
        except OSError:
            # A file system without hard links.
            if not os.path.lexists(named):
                marked.rename(named)
            return
    if there is not None:
        # Another model of that name, or an older version of this one: it stays, under another name.
        with contextlib.suppress(OSError):
            os.link(named, marked_name(named, there.sha256))
        # Where the conversion is gone, another process has given it its name.
        with contextlib.suppress(FileNotFoundError):
            marked.replace(named)
    # A rename between two names of one file leaves both.
    marked.unlink(missing_ok=True)
