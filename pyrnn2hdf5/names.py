"""How a converted model is named."""

from __future__ import annotations

import os
from pathlib import Path


def default_target(source: str | os.PathLike[str]) -> Path:
    """Where a conversion goes unless told otherwise: kraken drops the last suffix and adds `.hdf5`."""
    source = Path(source)
    return source.with_name(source.stem + ".hdf5")
