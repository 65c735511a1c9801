"""A folder of models, good, bad and none; and what is in a folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from .conftest import MODELS
from .pickles import Name, dump

SOURCE = MODELS / "digits.pyrnn.gz"


def make_tree(folder: Path) -> Path:
    """Three good models, a duplicate, one hostile, one broken, and files that are none."""
    (folder / "sub" / "deep").mkdir(parents=True)
    shutil.copy(SOURCE, folder / "a.pyrnn.gz")
    shutil.copy(MODELS / "digits-plain.pyrnn", folder / "sub" / "no-suffix")
    shutil.copy(MODELS / "digits-protocol0.pyrnn.gz", folder / "sub" / "deep" / "c.pyrnn.gz")
    os.link(folder / "a.pyrnn.gz", folder / "sub" / "z.pyrnn.gz")
    (folder / "evil.pyrnn").write_bytes(dump(Name("os", "system")))
    (folder / "sub" / "broken.pyrnn.gz").write_bytes(SOURCE.read_bytes()[:5000])
    (folder / "readme.txt").write_text("models of a library\n")
    return folder


def only(folder: Path) -> list[str]:
    """The names in a folder."""
    return sorted(path.name for path in folder.iterdir())


def names(folder: Path) -> list[str]:
    """The files below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
