"""The process that converts one model after the other, for `runner`."""

from __future__ import annotations

import gc
from pathlib import Path

from ..conversion.converter import attempt
from ..conversion.outcome import Options
from ..limits import Limits
from ..sandbox.bounded import Reader
from ..sandbox.service import answer, requests


def main() -> None:
    """Serve requests until the caller ends."""
    # What is imported by now stays: no collection need look at it again.
    gc.freeze()
    # It ends with this process.
    with Reader(own_session=False) as reader:
        for request, _ in requests():
            options = request["options"]
            kept = options.pop("keep_failed")
            limits = Limits(**options.pop("limits"))
            chosen = Options(**options, limits=limits, keep_failed=Path(kept) if kept else None)
            answer(attempt(Path(request["source"]), Path(request["target"]), chosen, reader, exact=True))
