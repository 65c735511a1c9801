"""What onnxruntime makes of the ONNX file of a model, against our own pass through the network in it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

from ..model.forward_pass import class_probabilities, hidden_batch
from ..model.model import Model
from ..onnx_graph.execution import open_session, run
from ..onnx_graph.model_file import to_onnx
from .behaviour import (
    FLOAT32_ROUNDING,
    MARGIN,
    VARIES,
    Behaviour,
    Line,
    built_in_lines,
    largest_difference,
    perturbed,
)

BATCH: Final = 16
"""Lines of a batch."""


def compare_runs(model: Model, lines: Sequence[Line] = (), tolerance: float | None = None) -> Behaviour:
    """Run the ONNX file of a model over the built-in lines and more, and compare with `Model.forward`.

    Each line, and a single step of its middle, is run alone and in a batch, with noise behind those that end early.
    The model is one that was read from such a file: its weights are rounded to float32 already, and the tolerance
    is what as much again explains, in the weights and in a probability itself.

    Raises `VerificationError` where onnxruntime does not run the file.
    """
    session = open_session(to_onnx(model))
    networks = [model.network] if tolerance is not None else [model.network, perturbed(model.network)]
    # What both sides take is the same to the bit.
    inputs = [np.asarray(xs, np.float32) for xs in (*built_in_lines(model.Ni), *(line.xs for line in lines))]
    steps = [xs[len(xs) // 2 :][:1] for xs in inputs]
    largest, explained, other_best_class = 0.0, FLOAT32_ROUNDING, 0
    moving = np.zeros(2 * model.Ns, bool)
    texts: list[tuple[str, str]] = []
    for batch in (some[start : start + BATCH] for some in (inputs, steps) for start in range(0, len(some), BATCH)):
        hidden = zip(*hidden_batch(networks, batch), strict=True)
        for xs, padded, hs in zip(batch, run(session, batch), hidden, strict=True):
            moving |= np.ptp(hs[0], axis=0) > VARIES
            ours, *moved = (class_probabilities(network, h) for network, h in zip(networks, hs, strict=True))
            # What rounding turns into NaN explains nothing.
            explained = max([explained, *(d for z in moved if math.isfinite(d := largest_difference(ours, z)))])
            for theirs in (padded, *run(session, [xs])):
                largest = max(largest, largest_difference(ours, theirs))
                other_best_class += int(np.count_nonzero(ours.argmax(1) != theirs.argmax(1)))
                if model.codec:
                    texts.append((model.decode(ours), model.decode(theirs)))
    return Behaviour(
        lines=len(inputs),
        steps=sum(map(len, inputs)),
        largest_difference=largest,
        tolerance=explained * MARGIN if tolerance is None else tolerance,
        other_best_class=other_best_class,
        texts_equal=all(ours == theirs for ours, theirs in texts) if model.codec else None,
        varying=float(np.mean(moving)),
    )
