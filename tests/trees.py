"""A folder of models, good, bad and none."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from .conftest import MODELS
from .pickles import Name, dump

SOURCE = MODELS / "digits.pyrnn.gz"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Three good models, a duplicate, one hostile, one broken, and files that are none."""
    folder = tmp_path / "tree"
    (folder / "sub" / "deep").mkdir(parents=True)
    shutil.copy(SOURCE, folder / "a.pyrnn.gz")
    shutil.copy(MODELS / "digits-plain.pyrnn", folder / "sub" / "no-suffix")
    shutil.copy(MODELS / "digits-protocol0.pyrnn.gz", folder / "sub" / "deep" / "c.pyrnn.gz")
    os.link(folder / "a.pyrnn.gz", folder / "sub" / "z.pyrnn.gz")
    (folder / "evil.pyrnn").write_bytes(dump(Name("os", "system")))
    (folder / "sub" / "broken.pyrnn.gz").write_bytes(SOURCE.read_bytes()[:5000])
    (folder / "readme.txt").write_text("models of a library\n")
    return folder


def names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
