"""Recognized lines, their evaluation and the model directory become text and JSON."""

from __future__ import annotations

import time
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from .render import SCHEMA, size, visible

if TYPE_CHECKING:
    from .model_dir import Entry
    from .recognition import Evaluation, Recognition

HARMLESS: Final = "\u00ad\u200c\u200d"
"""Format characters that scripts need and that steer no terminal: soft hyphen, non-joiner, joiner."""

SHOWN: Final = 5
"""Worst lines and confusions shown; JSON has all confusions."""

UNSOURCED: Final = {
    "other": "(not by pyrnn2hdf5)",
    "pyrnn": "(a pyrnn)",
    "unreadable": "(unreadable)",
    "leftover": "(unfinished)",
}


def text_line(text: str) -> str:
    """Recognized text on one line: what could steer a terminal, or end the line, is spelled out."""
    return "".join(char if char in HARMLESS else visible(char) for char in text)


def recognition_json(image: object, recognition: Recognition) -> dict[str, Any]:
    """The JSON object of a line image."""
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


def evaluation_lines(evaluation: Evaluation, images: Sequence[object]) -> list[str]:
    """The error rate, the worst lines, the commonest confusions."""
    errors, length = sum(evaluation.errors), sum(evaluation.lengths)
    rate = evaluation.error_rate
    said = f"{_count(len(images), 'line')}, {_count(length, 'character')}, {_count(errors, 'error')}"
    lines = [f"{said}: character error rate {'undefined' if rate is None else f'{rate:.2%}'}"]
    worst = evaluation.worst(SHOWN)
    if worst:
        lines.append("worst lines (errors of characters)")
        lines += [f"  {evaluation.errors[i]:>3} of {evaluation.lengths[i]:<3}  {visible(images[i])}" for i in worst]
        lines.append("commonest confusions (truth, read)")
        lines += [
            f"  {count:>3}  {_char(truth)}  {_char(read)}" for truth, read, count in evaluation.confusions[:SHOWN]
        ]
    return lines


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _char(char: str) -> str:
    if not char:
        return "nothing"
    # A mark alone would sit on the quote.
    return f"U+{ord(char):04X}" if unicodedata.category(char)[0] in "MC" else f"'{visible(char)}'"


def evaluation_json(evaluation: Evaluation, images: Sequence[object]) -> dict[str, Any]:
    """The JSON object of an evaluation."""
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


def model_lines(entries: Sequence[Entry]) -> list[str]:
    """A line a model, in columns: name, source, size, age, and what there is to say about it."""
    rows = [
        (
            visible(entry.path.name),
            visible(entry.source.name) if entry.source else UNSOURCED[entry.kind],
            size(entry.size),
            _age(entry),
            f"stale: {visible(entry.stale)}" if entry.stale else "",
        )
        for entry in entries
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _age(entry: Entry) -> str:
    days = int((time.time() - entry.modified) // 86400)
    return "today" if days < 1 else f"{_count(days, 'day')} old"


def model_json(entry: Entry) -> dict[str, Any]:
    """The JSON object of a file of the model directory; `modified` is UTC."""
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
