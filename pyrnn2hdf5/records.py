"""Every JSON record the program prints or reports: one schema, one room."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Final

from .show.unicode_labels import names
from .text import describe_error, remedy_of

if TYPE_CHECKING:
    from .conversion.model_directory import Entry
    from .conversion.outcome import Outcome
    from .ocr.evaluation import Evaluation
    from .ocr.recognition import Recognition
    from .show.facts import Facts
    from .verification.behaviour import Behaviour
    from .verification.comparison import Verification

Record = dict[str, Any]

SCHEMA: Final = 2
"""Version of the records; it grows when a key changes its meaning or goes away."""


def outcome_record(outcome: Outcome, status: str | None = None) -> Record:
    """What became of a source; the same keys whatever became of it."""
    made, error = outcome.conversion, outcome.error
    verification = made.verification if made else None
    return {
        "schema": SCHEMA,
        "source": str(outcome.source),
        "target": str(outcome.target),
        "status": status or outcome.status,
        "kind": made.kind if made else None,
        "source_size": made.source_size if made else outcome.source_size,
        "source_sha256": made.source_sha256 if made else None,
        "target_size": made.target_size if made else None,
        "target_sha256": made.target_sha256 if made else None,
        "verification": verification_record(verification) if verification else None,
        "warnings": list(made.warnings) if made else [],
        "duplicate_of": str(outcome.duplicate_of) if outcome.duplicate_of else None,
        "seconds": outcome.seconds,
        "error": error_record(outcome.source, error) if error is not None else None,
    }


def error_record(source: object, error: BaseException) -> Record:
    """Why something could not be done to `source`."""
    return {"kind": type(error).__name__, "message": describe_error(error, source), "remedy": remedy_of(error)}


def verification_record(verification: Verification) -> Record:
    """All figures of a verification; numbers that JSON cannot hold become null."""
    return {
        "ok": verification.ok,
        "problems": list(verification.problems),
        "stored": [
            {"equal": check.problem is None} | {key: _finite(value) for key, value in vars(check).items()}
            for check in verification.stored
        ],
        "labels": {"count": verification.labels.count, "compared": list(verification.labels.compared)},
        "behaviour": _behaviour_record(verification.behaviour),
        "onnxruntime": _behaviour_record(verification.onnxruntime),
    }


def _behaviour_record(behaviour: Behaviour | None) -> Record | None:
    return {key: _finite(value) for key, value in vars(behaviour).items()} if behaviour else None


def verdict_record(source: object, result: object, verification: Verification) -> Record:
    """The record of a pair of models."""
    return {
        "schema": SCHEMA,
        "source": str(source),
        "result": str(result),
        "status": "equal" if verification.ok else "different",
        "verification": verification_record(verification),
        "error": None,
    }


def failure_record(source: object, error: BaseException, what: str = "source") -> Record:
    """The record of a source, or `what` else it is, that could not be converted, verified or read."""
    return {
        "schema": SCHEMA,
        what: str(source),
        "status": "failed",
        "error": error_record(source, error),
    }


def facts_record(facts: Facts) -> Record:
    """The record of what is in a model file."""
    head = {"schema": SCHEMA, "source": facts.path, "status": "shown", "error": None}
    if facts.problem:
        head = failure_record(facts.path, facts.problem)
    rest = asdict(replace(facts, problem=None))
    del rest["path"], rest["problem"]
    if facts.codec:
        rest["codec"]["labels"] = [
            {"code": code, "label": label, "code_points": list(map(ord, label)), "names": names(label)}
            for code, label in facts.codec.labels
        ]
    for name, item in zip(facts.globals, rest["globals"], strict=True):
        item["allowed"] = name.allowed
    if facts.line_normalizer:
        rest["line_normalizer"]["parameters"] = {name: _finite(v) for name, v in facts.line_normalizer.parameters}
    return head | rest


def recognition_record(image: object, recognition: Recognition) -> Record:
    """The record of a line image."""
    return {
        "schema": SCHEMA,
        "image": str(image),
        "status": "recognized",
        "text": recognition.text,
        "characters": [
            {
                "label": character.label,
                "column": round(character.column, 1),
                "probability": round(character.probability, 6),
            }
            for character in recognition.characters
        ],
        "warnings": list(recognition.warnings),
        "error": None,
    }


def evaluation_record(evaluation: Evaluation, images: Sequence[object]) -> Record:
    """The record of an evaluation."""
    return {
        "schema": SCHEMA,
        "evaluation": {
            "error_rate": evaluation.error_rate,
            "errors": sum(evaluation.errors),
            "characters": sum(evaluation.lengths),
            "lines": [
                {"image": str(image), "errors": errors, "characters": length}
                for image, errors, length in zip(images, evaluation.errors, evaluation.lengths, strict=True)
            ],
            "confusions": [
                {"truth": truth, "read": read, "count": count} for truth, read, count in evaluation.confusions
            ],
        },
    }


def model_record(entry: Entry) -> Record:
    """The record of a file of the model directory; `modified` is UTC."""
    return {
        "schema": SCHEMA,
        "path": str(entry.path),
        "kind": entry.kind,
        "source": entry.source.name if entry.source else None,
        "source_sha256": entry.source.sha256 if entry.source else None,
        "size": entry.size,
        "modified": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(entry.modified)),
        "stale": entry.stale,
    }


def _finite(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_finite, value))
    return None if isinstance(value, float) and not math.isfinite(value) else value
