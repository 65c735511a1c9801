"""Parts of a model become sections of its facts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np

from .facts import CodecFacts, Compatibility, Curve, NetworkFacts, TrainingFacts
from .labels import group
from .model import Model, TrainingRecord, arrays_of
from .remarks import codec_problems, remarks
from .stored import KIND, Stored
from .weights import matrix_facts, unit_facts

MAX_CURVE: Final = 50
"""Points of an error curve."""


def model_facts(model: Model) -> dict[str, Any]:
    """The sections of a whole model, by their names in `Facts`."""
    return {
        "network": NetworkFacts(
            model.Ni, model.Ns, model.No, sum(values.size for values in arrays_of(model.network).values())
        ),
        "codec": codec_facts(
            None if model.codec is None else [(c, t) for c, t in enumerate(model.codec.labels) if t is not None],
            model.No,
        ),
        "line_normalizer": model.line_normalizer,
        "normalize": model.normalize,
        "training": training_facts(model.training),
        "weights": matrix_facts(model.network),
        "units": unit_facts(model.network),
        "notes": remarks(model),
    }


def codec_facts(labels: Iterable[tuple[int, str]] | None, No: int) -> CodecFacts | None:
    """The section of a codec given as (code, label), for a network of `No` classes."""
    if labels is None:
        return None
    labels = tuple(labels)
    known = {code for code, _ in labels}
    return CodecFacts(labels, group(labels), tuple(code for code in range(No) if code not in known))


def training_facts(training: TrainingRecord | None) -> TrainingFacts | None:
    """The section of a training record."""
    if training is None:
        return None
    return TrainingFacts(training.last_trial, training.lines, training.commands, _curve(training))


def _curve(training: TrainingRecord) -> Curve | None:
    kind, errors, lengths = "character error rate", *training.character_errors.T.astype(np.float64)
    if not lengths.any():
        kind, errors, lengths = "training error", training.error, np.ones(len(training.error))
    if not len(errors):
        return None
    starts = np.linspace(0, len(errors), min(len(errors), MAX_CURVE), endpoint=False).astype(np.int64)
    with np.errstate(all="ignore"):
        rates = np.add.reduceat(errors, starts) / np.add.reduceat(lengths, starts)
    points = tuple(float(rate) if np.isfinite(rate) else None for rate in rates)
    known = [point for point in points if point is not None]
    return Curve(kind, points, known[0], min(known), known[-1]) if known else None


def compatibility(stored: Stored, model: Model) -> Compatibility:
    """Which readers take the stored form of a model."""
    if stored.kind != KIND:
        return Compatibility(stored.kind, ("pyrnn2hdf5",), codec_problems(model.codec))
    reasons = ["every class but the blank has a label of one code point, and no two the same"]
    if stored.permutation:
        reasons.append("classes are permuted into code point order, in which kraken reads them")
    return Compatibility(stored.kind, ("kraken 0.3 to 0.6", "pyrnn2hdf5"), tuple(reasons))
