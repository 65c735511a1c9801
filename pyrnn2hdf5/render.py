"""Facts become text and JSON. Whatever comes from a file is data: nothing in it reaches a terminal raw."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Final

from .labels import names

if TYPE_CHECKING:
    from .conversion import Conversion
    from .facts import Facts
    from .verification import Verification

SCHEMA: Final = 1
"""Version of the JSON objects; it grows when a key changes its meaning or goes away."""

UNSAFE_CATEGORIES: Final = ("Cc", "Cf", "Cs", "Zl", "Zp")
"""Control, format (bidirectional overrides among them) and surrogate characters, line separators."""


def visible(text: object, limit: int = 4000) -> str:
    """Text with every character that could steer a terminal spelled out, cut after `limit`."""
    shown = str(text)
    cut = f"... ({len(shown) - limit} more)" if len(shown) > limit else ""
    return "".join(_visible(char) for char in shown[:limit]) + cut


def _visible(char: str) -> str:
    code = ord(char)
    # U+FFFE and its like are no characters, and XML may not hold them.
    if unicodedata.category(char) not in UNSAFE_CATEGORIES and code & 0xFFFE != 0xFFFE:
        return char
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def size(count: int) -> str:
    """A number of bytes for people: `2.8 MiB`."""
    value = float(count)
    for unit in ("bytes", "KiB", "MiB"):
        if value < 1024:
            return f"{count} bytes" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB"


def conversion_line(conversion: Conversion) -> str:
    """One line for one conversion: what became what, the sizes, and how far it was verified."""
    if conversion.facts is None:
        return f"{visible(conversion.target)} is up to date"
    sizes = f"{size(conversion.facts.size)} -> {size(conversion.target_size)}"
    checked = "not verified" if conversion.verification is None else verification_line(conversion.verification)
    return f"{visible(conversion.source)} -> {visible(conversion.target)} ({sizes}), {checked}"


def verification_line(verification: Verification) -> str:
    """The proof in one line."""
    said = f"verified: {stored_line(verification)}"
    behaviour = verification.behaviour
    if behaviour:
        difference = behaviour.largest_difference
        said += f", probabilities of {behaviour.steps} steps {f'within {difference:.1g}' if difference else 'equal'}"
    return said


def stored_line(verification: Verification) -> str:
    """The stored layer in one line, with the first data set that differs."""
    checks = verification.stored
    differing = [check for check in checks if check.problem]
    said = f"{len(checks) - len(differing)} of {len(checks)} data sets bit-equal"
    if differing:
        first = differing[0]
        said += f"; {first.problem} ({first.differing} items differ, at most by {first.largest_difference:.2g})"
    return said


def labels_line(verification: Verification) -> str:
    """The labels layer in one line."""
    labels = verification.labels
    return "; ".join(labels.problems) or f"{labels.count} labels; equal: {', '.join(labels.compared)}"


def behaviour_line(verification: Verification) -> str:
    """The behaviour layer in one line."""
    behaviour = verification.behaviour
    if behaviour is None:
        return "not compared: the networks have different shapes"
    texts = {True: "equal", False: "different", None: "not compared, no codec"}[behaviour.texts_equal]
    said = (
        f"{behaviour.steps} steps of {behaviour.lines} lines: largest difference {behaviour.largest_difference:.2g} "
        f"(allowed {behaviour.tolerance:.2g}), another best class in {behaviour.other_best_class} steps, "
        f"texts {texts}, {behaviour.varying:.0%} of hidden units vary"
    )
    if behaviour.error_rates:
        expected, got = behaviour.error_rates
        said += f", character error rate {expected:.2%} and {got:.2%}"
    return said


def verdict_reason(verification: Verification) -> str:
    """What differs, in one line: the first difference of each layer, and how many more there are."""
    first: dict[str, str] = {}
    for problem in verification.problems:
        first.setdefault(problem.split(":")[0], problem)
    more = len(verification.problems) - len(first)
    return "; ".join(first.values()) + (f" (and {more} more)" if more else "")


def verdict_lines(source: object, result: object, verification: Verification) -> list[str]:
    """The report on one pair of models: the verdict, then a line a layer."""
    verdict = "equal" if verification.ok else "DIFFERENT"
    return [
        f"{verdict}: {visible(source)} and {visible(result)}",
        f"  stored     {visible(stored_line(verification))}",
        f"  labels     {visible(labels_line(verification))}",
        f"  behaviour  {visible(behaviour_line(verification))}",
    ]


def conversion_details(conversion: Conversion) -> list[str]:
    """What `-v` adds, a fact a line."""
    lines = [f"kind {conversion.kind}", f"result SHA-256 {conversion.target_sha256}"]
    facts = conversion.facts
    if facts:
        lines += [
            f"source SHA-256 {facts.sha256}",
            f"compression {facts.compression}, unpacks to {size(facts.unpacked_size)}",
        ]
        if facts.trailing_size:
            lines.append(f"{facts.trailing_size} bytes after the pickle were not read: only the first pickle counts")
    if conversion.verification:
        lines.append(f"labels: {labels_line(conversion.verification)}")
        lines.append(f"behaviour: {behaviour_line(conversion.verification)}")
    return lines


STATUSES: Final = ("converted", "up to date", "duplicate", "refused", "failed")


def summary_table(records: Sequence[dict[str, Any]], total: int, seconds: float) -> list[str]:
    """How many models ended how, with the bytes before and after, and the time."""
    lines = []
    for status in STATUSES:
        of_status = [record for record in records if record["status"] == status]
        line = f"{status:<10} {len(of_status):>6}"
        if status in ("converted", "duplicate") and of_status:
            before = sum(record["source_size"] for record in of_status)
            after = sum(record["target_size"] for record in of_status)
            line += f"   {size(before)} -> {size(after)}"
        lines.append(line)
    if len(records) < total:
        lines.append(f"{'not done':<10} {total - len(records):>6}")
    lines.append(f"{'total':<10} {total:>6}   {seconds:.1f} s")
    return lines


def conversion_json(conversion: Conversion) -> dict[str, Any]:
    """The JSON object of a conversion."""
    verification = conversion.verification
    return {
        "schema": SCHEMA,
        "source": str(conversion.source),
        "target": str(conversion.target),
        "status": conversion.status,
        "kind": conversion.kind,
        "source_size": conversion.source_size,
        "source_sha256": conversion.source_sha256,
        "target_size": conversion.target_size,
        "target_sha256": conversion.target_sha256,
        "verification": verification_json(verification) if verification else None,
        "warnings": list(conversion.warnings),
        "error": None,
    }


def verification_json(verification: Verification) -> dict[str, Any]:
    """All figures of a verification; numbers that JSON cannot hold become null."""
    behaviour = verification.behaviour
    return {
        "ok": verification.ok,
        "problems": list(verification.problems),
        "stored": [
            {"equal": check.problem is None} | {key: _finite(value) for key, value in vars(check).items()}
            for check in verification.stored
        ],
        "labels": {"count": verification.labels.count, "compared": list(verification.labels.compared)},
        "behaviour": {key: _finite(value) for key, value in vars(behaviour).items()} if behaviour else None,
    }


def verdict_json(source: object, result: object, verification: Verification) -> dict[str, Any]:
    """The JSON object of a pair of models."""
    return {
        "schema": SCHEMA,
        "source": str(source),
        "result": str(result),
        "status": "equal" if verification.ok else "different",
        "verification": verification_json(verification),
        "error": None,
    }


def failure_json(source: object, error: BaseException, what: str = "source") -> dict[str, Any]:
    """The JSON object of a source, or `what` else it is, that could not be converted, verified or read."""
    return {
        "schema": SCHEMA,
        what: str(source),
        "status": "failed",
        "error": {"kind": type(error).__name__, "message": reason(source, error)},
    }


def facts_json(facts: Facts) -> dict[str, Any]:
    """The JSON object of what is in a model file."""
    head = {"schema": SCHEMA, "source": facts.path, "status": "shown", "error": None}
    if facts.problem:
        head = failure_json(facts.path, facts.problem)
    rest = asdict(replace(facts, problem=None))
    del rest["path"], rest["problem"]
    if facts.codec:
        rest["codec"]["labels"] = [
            {"code": code, "label": label, "code_points": list(map(ord, label)), "names": names(label)}
            for code, label in facts.codec.labels
        ]
    if facts.line_normalizer:
        rest["line_normalizer"]["parameters"] = {name: _finite(v) for name, v in facts.line_normalizer.parameters}
    return head | rest


def reason(source: object, error: BaseException) -> str:
    """An error in one line; of an `OSError` its text, and its path unless that is the source."""
    if isinstance(error, OSError) and error.strerror:
        elsewhere = error.filename and str(error.filename) != str(source)
        return f"{error.strerror}: {error.filename}" if elsewhere else error.strerror
    return str(error) or type(error).__name__


def _finite(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_finite, value))
    return None if isinstance(value, float) and not math.isfinite(value) else value
