"""Which files of a folder are models, and which results belong to which sources."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from pyrnn2hdf5.batch.discovery import source_files
from pyrnn2hdf5.batch.runner import plan

from ..conftest import MODELS
from ..pickles import dump, recognizer

SOURCE = MODELS / "digits.pyrnn.gz"


def test_links_out_of_the_tree_are_not_followed(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "folder").symlink_to(MODELS)
    (inside / "out.pyrnn.gz").symlink_to(SOURCE)
    shutil.copy(SOURCE, inside / "a.pyrnn.gz")
    assert [job.source.name for job in plan([inside], None)] == ["a.pyrnn.gz"]


SOURCE = MODELS / "digits.pyrnn.gz"


def test_models_are_found_by_content(tmp_path: Path) -> None:
    for name in ("x.txt", "y"):
        shutil.copy(SOURCE, tmp_path / name)
    (tmp_path / "p0").write_bytes(dump(recognizer()))
    for name, content in (
        ("a.pyrnn", b"(text"),
        ("b.pyrnn.txt", b"(text"),
        ("b.gz", b"\x1f\x8bno"),
        ("c.txt", b"[red]"),
        ("d", b""),
        ("e", b"cat"),
    ):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "link").symlink_to(tmp_path / "y")
    (tmp_path / "in" / "out").symlink_to(SOURCE)
    os.mkfifo(tmp_path / "fifo")
    assert [str(path.relative_to(tmp_path)) for path in source_files(tmp_path)] == [
        *("a.pyrnn", "p0", "x.txt", "y", "in/link")
    ]
