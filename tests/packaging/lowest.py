"""Print the lowest versions that pyproject.toml allows, as constraints for pip. Run by `make lowest`."""

from __future__ import annotations

import re
from pathlib import Path

TEXT = (Path(__file__).parent.parent.parent / "pyproject.toml").read_text("utf-8")

for line in re.findall(r"^(?:dependencies|ocr|onnx) = \[(.*)\]$", TEXT, re.MULTILINE):
    for name, version in re.findall(r'"([\w-]+)>=([\d.]+)', line):
        print(f"{name}=={version}")
