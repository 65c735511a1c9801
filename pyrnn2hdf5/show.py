"""What is in a model file, as plain values. Nothing is printed here, and nothing in the file is run."""

from __future__ import annotations

import os
from pathlib import Path

from .facts import Facts, FileFacts
from .files import sha256_of
from .load import is_hdf5, load_stored
from .sections import compatibility, model_facts
from .source import DEFAULT_LIMITS, Limits


def facts(path: str | os.PathLike[str], *, limits: Limits = DEFAULT_LIMITS) -> Facts:
    """The facts of a pyrnn or HDF5 file; of a pyrnn that cannot be converted, as many as can be read.

    Raises `OSError`, and a `Pyrnn2Hdf5Error` where the file is no model of either kind.
    """
    if is_hdf5(path):
        return _hdf5_facts(path, limits)
    # Imported when a pickle is met: an HDF5 file needs none of it.
    from .pickled import pyrnn_facts

    return pyrnn_facts(path, limits)


def _hdf5_facts(path: str | os.PathLike[str], limits: Limits) -> Facts:
    stored, model = load_stored(path, limits=limits)
    size = Path(path).stat().st_size
    values = sum(array.nbytes for name, array in stored.data.items() if name != "codec")
    dtypes = {array.dtype.name for name, array in stored.data.items() if name != "codec"}
    ours = stored.labels is not None or stored.source is not None or stored.training is not None
    return Facts(
        path=os.fspath(path),
        file=FileFacts(
            format=f"HDF5, {stored.kind}, weights in {' and '.join(sorted(dtypes))}",
            compression="gzip inside" if stored.compressed else "none",
            protocol=None,
            writer="pyrnn2hdf5" if ours else "kraken, or a program that writes as it does",
            size=size,
            unpacked_size=None,
            trailing_size=0,
            sha256=sha256_of(path),
        ),
        # What lies packed in the file is not known by part.
        parts=None if stored.compressed else {"weights": values, "other": size - values},
        compatibility=compatibility(stored, model),
        **model_facts(model),
    )
