"""The extras: packages that only some commands need, and that may not be installed."""

from __future__ import annotations

import importlib.util
from typing import Final

from .errors import MissingExtraError

EXTRAS: Final = {
    "ocr": ("line images", {"PIL": "Pillow"}),
    "onnx": ("verified ONNX files", {"onnx": "onnx", "onnxruntime": "onnxruntime"}),
}
"""What needs an extra, and its packages by the names of their modules."""


def require(extra: str) -> None:
    """Raise `MissingExtraError` where a package of an extra is not installed."""
    needed_by, packages = EXTRAS[extra]
    for module, package in packages.items():
        if importlib.util.find_spec(module) is None:
            cure = f"pip install {' '.join(packages.values()).lower()}"
            raise MissingExtraError(f"{needed_by} need {package}, of the extra [{extra}]: `{cure}`")
