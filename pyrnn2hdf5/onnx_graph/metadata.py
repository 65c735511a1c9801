"""What goes with a network in an ONNX file: entries of text by name, each of them JSON.

JSON has no NaN and no infinity, which a line normalizer may hold: they become null and 1e999, which every reader of
JSON takes for infinity.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from ..errors import SourceError
from ..limits import MAX_METADATA
from ..model.decoding import THRESHOLD
from ..model.forward_pass import PAD
from ..model.model import Codec, LineNormalizer, Model, Parameter, Source

METADATA_VERSION: Final = 1

BLANK: Final = 0
"""The class that means no character."""

MAX_DIGITS: Final = 20
"""Most digits of an integer; Python would take its time over a long one."""


def to_metadata(model: Model) -> dict[str, str]:
    """The entries of a model, in the order in which they stand in the file."""
    entries = {
        "format_version": json.dumps(METADATA_VERSION),
        "labels": json.dumps(model.codec.labels) if model.codec else None,
        "blank": json.dumps(BLANK),
        "threshold": json.dumps(THRESHOLD),
        "pad": json.dumps(PAD),
        "line_normalizer": _line_normalizer_text(model.line_normalizer) if model.line_normalizer else None,
        "normalize": json.dumps(model.normalize) if model.normalize is not None else None,
        "source_name": json.dumps(model.source.name) if model.source else None,
        "source_sha256": json.dumps(model.source.sha256) if model.source else None,
    }
    return {name: text for name, text in entries.items() if text is not None}


def from_metadata(entries: Mapping[str, bytes]) -> dict[str, Any]:
    """What the entries say, by the names that `Model` has for it. Raises `SourceError` where they say something else.

    What they say twice, or besides, is the caller's to refuse.
    """
    values = {name: _read(name, text) for name, text in entries.items()}
    version = values.get("format_version")
    if version != METADATA_VERSION:
        raise SourceError(f"ONNX metadata format_version: expected {METADATA_VERSION}, got {version!r:.40}")
    labels, normalizer = values.get("labels"), values.get("line_normalizer")
    if labels is not None and not (
        isinstance(labels, list) and all(label is None or isinstance(label, str) for label in labels)
    ):
        raise SourceError("ONNX metadata labels: expected a list of strings and nulls, got something else")
    normalize, name, sha256 = (_string(values, key) for key in ("normalize", "source_name", "source_sha256"))
    return {
        "codec": None if labels is None else Codec(tuple(labels)),
        "line_normalizer": None if normalizer is None else _line_normalizer(normalizer),
        "normalize": normalize,
        "source": None if name is None or sha256 is None else Source(name, sha256),
    }


def _string(values: Mapping[str, Any], name: str) -> str | None:
    value = values.get(name)
    if value is None or isinstance(value, str):
        return value
    raise SourceError(f"ONNX metadata {name}: expected a string, got {value!r:.40}")


def _line_normalizer_text(normalizer: LineNormalizer) -> str:
    parameters = ", ".join(f"{json.dumps(name)}: {_number_text(value)}" for name, value in normalizer.parameters)
    return f'{{"kind": {json.dumps(normalizer.kind)}, "parameters": {{{parameters}}}}}'


def _number_text(value: Parameter) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_number_text, value))}]"
    if isinstance(value, float) and not math.isfinite(value):
        return "null" if math.isnan(value) else f"{math.copysign(1, value):.0f}e999"
    return json.dumps(value)


def _line_normalizer(value: Any) -> LineNormalizer:
    if isinstance(value, dict) and list(value) == ["kind", "parameters"]:
        kind, parameters = value.values()
        if isinstance(kind, str) and isinstance(parameters, dict):
            return LineNormalizer(kind, tuple((name, _parameter(item)) for name, item in parameters.items()))
    raise SourceError(f"ONNX metadata line_normalizer: expected its kind and parameters, got {value!r:.40}")


def _parameter(value: Any) -> Parameter:
    if isinstance(value, bool | str):
        return value
    return tuple(map(_number, value)) if isinstance(value, list) else _number(value)


def _number(value: Any) -> float:
    if value is None:
        return math.nan
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise SourceError(f"ONNX metadata line_normalizer: expected parameters, got {value!r:.40}")


def _read(name: str, text: bytes) -> Any:
    if len(text) > MAX_METADATA:
        raise SourceError(f"ONNX metadata {name!r:.40}: expected at most {MAX_METADATA} bytes, got {len(text)}")
    try:
        return json.loads(str(text, "ascii"), parse_int=_integer, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"ONNX metadata {name!r:.40}: expected JSON in ASCII, got {text[:20]!r}") from error


def _integer(digits: str) -> int:
    return int(digits) if len(digits) <= MAX_DIGITS else _refuse(digits)


def _refuse(text: str) -> NoReturn:
    raise ValueError(text[:MAX_DIGITS])
