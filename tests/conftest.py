"""Places of the fixtures and of the real models, and loading of pickles made in a test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest
from numpy.typing import NDArray

from pyrnn2hdf5.model.model import Model
from pyrnn2hdf5.ocr.images import decode_image
from pyrnn2hdf5.pyrnn.reader import load_pyrnn

from .pickles import Dialect, dump

ROOT = Path(__file__).parent.parent
MODELS = ROOT / "fixtures" / "models"
LINES = ROOT / "fixtures" / "lines"
SHARED = ROOT.parent / "shared"

Load = Callable[..., Model]

# A shared machine may pause a test at any time; the same examples every run make CI repeatable.
hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True)
hypothesis.settings.load_profile("repeatable")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not SHARED.is_dir():
        for item in items:
            if item.get_closest_marker("real"):
                item.add_marker(pytest.mark.skip(reason="../shared is not here"))


@pytest.fixture(autouse=True)
def model_dir(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model directory of its own for each test, so that none writes to the home of who runs it."""
    path = tmp_path_factory.mktemp("home") / ".kraken"
    monkeypatch.setenv("KRAKEN_HOME", str(path))
    monkeypatch.setenv("XDG_DATA_HOME", str(path.parent / "data"))
    monkeypatch.delenv("OCROPUS_DATA", raising=False)
    return path


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Pickle a value made of `pickles` parts and load it as a model."""

    def load_value(value: Any, dialect: Dialect | None = None) -> Model:
        path = tmp_path / "model.pyrnn"
        path.write_bytes(dump(value, dialect))
        return load_pyrnn(path)

    return load_value


def grey_image(path: Path) -> NDArray[np.float64]:
    """A line image of ours as grey values (h, w) in 0..1."""
    with path.open("rb") as file:
        return decode_image(file)[0]


def prepared(line: NDArray[Any], pad: int = 16) -> NDArray[Any]:
    """A dewarped line image (Ni, W) as ocropy feeds it to the network: inverted, transposed, padded."""
    scaled = line * 1.0 / np.amax(line)
    columns = (np.amax(scaled) - scaled).T
    silence = np.zeros((pad, columns.shape[1]))
    return np.vstack([silence, columns, silence])
