"""Class probabilities become classes, as OCRopus decodes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidInputError

THRESHOLD: Final = 0.7
"""P(blank) below which ocropy sees a character; kraken uses 0.5."""


def decode_classes(outputs: NDArray[Any], threshold: float = THRESHOLD) -> list[tuple[int, int]]:
    """Runs of steps with P(blank) below `threshold`, each as (step, class) of its largest probability.

    `outputs` are class probabilities (T, No). The blank, class 0, takes part as any other class. Of
    equal probabilities the last counts, as in `scipy.ndimage.maximum_position`, which ocropy uses.
    """
    return [(step, code) for step, code, _ in decode_blocks([outputs], threshold)]


def decode_blocks(blocks: Iterable[NDArray[Any]], threshold: float = THRESHOLD) -> Iterator[tuple[int, int, float]]:
    """As `decode_classes`, of probabilities that come in blocks of steps: (step, class, probability)."""
    start, best = 0, None
    for outputs in blocks:
        if outputs.ndim != 2 or outputs.shape[1] == 0:
            raise InvalidInputError(f"outputs: expected shape (T, No), got {outputs.shape}")
        inside = np.concatenate(([False], outputs[:, 0] < threshold, [False]))
        edges = np.flatnonzero(inside[1:] != inside[:-1]).reshape(-1, 2).tolist()
        # What the block before left open goes on from the first step, or has ended there.
        for first, end in edges if edges and edges[0][0] == 0 else [(0, 0), *edges]:
            if first < end:
                run = outputs[first:end].ravel()
                step, code = divmod(run.size - 1 - int(run[::-1].argmax()), outputs.shape[1])
                found = (start + first + step, code, float(outputs[first + step, code]))
                best = found if best is None or found[2] >= best[2] else best
            if best and end < len(outputs):
                yield best
                best = None
        start += len(outputs)
    if best:
        yield best
