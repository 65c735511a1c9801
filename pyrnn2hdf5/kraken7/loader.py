"""kraken's entry point `kraken.loaders`: a model file of ours becomes a model of kraken 7.

kraken asks every loader about every model file, so nothing heavy is imported before the first bytes
are those of a file this package reads.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from .recognizer import PyrnnModel

AUTOCONVERSION: Final = "PYRNN2HDF5_AUTOCONVERSION"
"""Environment variable: with `0` a pyrnn is read each time anew, and nothing is stored."""

BEGINNINGS: Final = (
    b"\x89HDF\r\n\x1a\n",
    b"\x1f\x8b",  # gzip
    b"BZh",  # bzip2
    b"\xfd7zXZ\x00",  # xz
    *(b"\x80", b"(", b"c", b"]", b"}"),  # a pickle
    b"\n\npyrnn-bidi",  # a pronn
)
MAGIC_SIZE: Final = 12

# A child of kraken's own logger, so that its -v decides what is shown.
logger = logging.getLogger("kraken.pyrnn2hdf5")


def load_model(path: str | os.PathLike[str], tasks: Sequence[str] | None = None) -> list[PyrnnModel]:
    """Load a pyrnn, pronn or HDF5 model for kraken 7; the conversion of a source is stored as by `find_model`.

    Parameters
    ----------
    path
        A model file.
    tasks
        What the models asked for can do, as kraken names it; none means anything.

    Returns
    -------
    list
        One model, or none where `tasks` are given without `recognition`.

    Raises
    ------
    ValueError
        For any file that is no model of ours; after any other error kraken would ask no other loader.
    """
    try:
        with open(path, "rb") as file:  # noqa: PTH123 - pathlib takes longer to import than all of this
            head = file.read(MAGIC_SIZE)
    except OSError as error:
        raise ValueError(error.strerror) from error
    if not is_ours(head):
        raise ValueError("neither a pyrnn, nor a pronn, nor an HDF5 model")
    if tasks and "recognition" not in tasks:
        return []

    from ..conversion.model_lookup import find_model
    from ..errors import FAILURES
    from ..text import describe_error, visible

    try:
        found = find_model(path, autoconvert=os.environ.get(AUTOCONVERSION) != "0")
        # torch and kraken, where a file was not refused.
        from .recognizer import PyrnnModel

        model = PyrnnModel.from_model(found.model)
    except FAILURES as error:
        raise ValueError(visible(describe_error(error, path))) from error
    for warning in found.warnings:
        logger.warning("%s: %s", visible(path), visible(warning))
    if found.converted:
        logger.info("%s: converted, verified and stored as %s", visible(path), visible(found.path))
    return [model]


def is_ours(head: bytes) -> bool:
    """Whether a file with these first `MAGIC_SIZE` bytes may be a pyrnn, packed or not, a pronn, or an HDF5 model."""
    # The length before the header of a safetensors file may look like any of the short ones.
    return head.startswith(BEGINNINGS) and head[5:9] != b"\0\0\0{"
