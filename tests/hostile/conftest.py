"""The canary: what every hostile file would do if any of it ran."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

CANARY = "touch canary"


@pytest.fixture(autouse=True)
def no_canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every test of the corpus runs in an empty folder, in which no `canary` may be afterwards."""
    monkeypatch.chdir(tmp_path)
    yield
    assert not (tmp_path / "canary").exists()
