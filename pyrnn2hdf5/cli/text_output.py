"""Facts become lines of text. Whatever comes from a file is data: nothing in it reaches a terminal raw."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from ..text import format_size, visible
from .common import explain

if TYPE_CHECKING:
    from ..batch.discovery import SkippedFile
    from ..conversion.outcome import Conversion, Outcome
    from ..ocr.evaluation import Evaluation
    from ..verification.behaviour import Behaviour
    from ..verification.comparison import Verification


def conversion_line(conversion: Conversion) -> str:
    """One line for one conversion: what became what, the sizes, and how far it was verified."""
    if conversion.facts is None:
        return f"{visible(conversion.target)} is up to date"
    sizes = f"{format_size(conversion.facts.size)} -> {format_size(conversion.target_size)}"
    checked = "not verified" if conversion.verification is None else verification_line(conversion.verification)
    return f"{visible(conversion.source)} -> {visible(conversion.target)} ({sizes}), {checked}"


def verification_line(verification: Verification) -> str:
    """The proof in one line."""
    said = f"verified: {stored_line(verification)}"
    behaviour = verification.behaviour
    if behaviour:
        difference = behaviour.largest_difference
        said += f", probabilities of {behaviour.steps} steps {f'within {difference:.1g}' if difference else 'equal'}"
    if verification.onnxruntime:
        said += f", by onnxruntime within {verification.onnxruntime.largest_difference:.1g}"
    return said


def stored_line(verification: Verification) -> str:
    """The stored layer in one line, with the first data set that differs."""
    checks = verification.stored
    differing = [check for check in checks if check.problem]
    said = f"{len(checks) - len(differing)} of {len(checks)} data sets bit-equal"
    if differing:
        first = differing[0]
        said += f"; {first.problem}"
        if first.expected_shape is None:
            said += f" ({first.differing} items differ, at most by {first.largest_difference:.2g})"
    return said


def labels_line(verification: Verification) -> str:
    """The labels layer in one line."""
    labels = verification.labels
    if not labels.compared:
        return "not compared"
    return "; ".join(labels.problems) or f"{labels.count} labels; equal: {', '.join(labels.compared)}"


def behaviour_line(behaviour: Behaviour | None) -> str:
    """The behaviour layer, or what onnxruntime does, in one line."""
    if behaviour is None:
        return "not compared: the networks have different shapes"
    texts = {True: "equal", False: "different", None: "not compared"}[behaviour.texts_equal]
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
    layers = {
        "stored": stored_line(verification),
        "labels": labels_line(verification),
        "behaviour": behaviour_line(verification.behaviour),
    }
    if verification.onnxruntime:
        layers["onnxruntime"] = behaviour_line(verification.onnxruntime)
    width = max(map(len, layers))
    lines = [f"  {layer:<{width}}  {visible(line)}" for layer, line in layers.items()]
    return [f"{verdict}: {visible(source)} and {visible(result)}", *lines]


def conversion_details(conversion: Conversion) -> list[str]:
    """What `-v` adds, a fact a line."""
    lines = [f"kind {conversion.kind}", f"result SHA-256 {conversion.target_sha256}"]
    facts = conversion.facts
    if facts:
        lines += [
            f"source SHA-256 {facts.sha256}",
            f"compression {facts.compression}, unpacks to {format_size(facts.unpacked_size)}",
        ]
        if facts.trailing_size:
            lines.append(f"{facts.trailing_size} bytes after the pickle were not read: only the first pickle counts")
    if conversion.verification:
        lines.append(f"labels: {labels_line(conversion.verification)}")
        lines.append(f"behaviour: {behaviour_line(conversion.verification.behaviour)}")
        if conversion.verification.onnxruntime:
            lines.append(f"onnxruntime: {behaviour_line(conversion.verification.onnxruntime)}")
    return lines


HARMLESS: Final = "\u00ad\u200c\u200d"
"""Format characters that scripts need and that steer no terminal: soft hyphen, non-joiner, joiner."""

SHOWN_ROWS: Final = 5
"""Worst lines and confusions shown; JSON has all confusions."""

STATUSES: Final = {
    "converted": "green",
    "up to date": "dim",
    "duplicate": "cyan",
    "refused": "red",
    "failed": "bold red",
}
"""How a model may end, and the style of that word at the start of a line on a terminal."""


def outcome_line(outcome: Outcome) -> str:
    """One line for one of many models."""
    line = f"{outcome.status}: {visible(outcome.source)}"
    if outcome.status in ("converted", "duplicate"):
        line += f" -> {visible(outcome.target)}"
    if outcome.status == "duplicate":
        line += f" (has the content of {visible(outcome.duplicate_of)})"
    return line


def problem_lines(outcome: Outcome) -> list[str]:
    """What went wrong, and what is to be known of what went well."""
    source = visible(outcome.source)
    warnings = outcome.conversion.warnings if outcome.conversion else ()
    told = [f"warning: {source}: {visible(warning)}" for warning in warnings]
    if outcome.error is not None:
        told.insert(0, f"{outcome.status}: {source}: {explain(outcome.error, outcome.source)}")
    return told


def summary_lines(outcomes: Sequence[Outcome], total: int, seconds: float) -> list[str]:
    """How many models ended how, with the bytes before and after, and the time."""
    lines = []
    for status in STATUSES:
        of_status = [outcome for outcome in outcomes if outcome.status == status]
        line = f"{status:<10} {len(of_status):>6}"
        made = [outcome.conversion for outcome in of_status if outcome.conversion]
        if status in ("converted", "duplicate") and made:
            before = sum(conversion.source_size for conversion in made)
            after = sum(conversion.target_size for conversion in made)
            line += f"   {format_size(before)} -> {format_size(after)}"
        lines.append(line)
    if len(outcomes) < total:
        lines.append(f"{'not done':<10} {total - len(outcomes):>6}")
    lines.append(f"{'total':<10} {total:>6}   {seconds:.1f} s")
    return lines


def text_line(text: str) -> str:
    """Recognized text on one line: what could steer a terminal, or end the line, is spelled out."""
    return "".join(char if char in HARMLESS else visible(char) for char in text)


def evaluation_lines(evaluation: Evaluation, images: Sequence[object]) -> list[str]:
    """The error rate, the worst lines, the commonest confusions."""
    errors, length = sum(evaluation.errors), sum(evaluation.lengths)
    rate = evaluation.error_rate
    said = f"{format_count(len(images), 'line')}, {format_count(length, 'character')}, {format_count(errors, 'error')}"
    lines = [f"{said}: character error rate {'undefined' if rate is None else f'{rate:.2%}'}"]
    worst = evaluation.worst(SHOWN_ROWS)
    if worst:
        lines.append("worst lines (errors of characters)")
        lines += [f"  {evaluation.errors[i]:>3} of {evaluation.lengths[i]:<3}  {visible(images[i])}" for i in worst]
        lines.append("commonest confusions (truth, read)")
        lines += [
            f"  {count:>3}  {_char(truth)}  {_char(read)}" for truth, read, count in evaluation.confusions[:SHOWN_ROWS]
        ]
    return lines


def found_instead(skipped: Sequence[SkippedFile], to: str) -> str:
    """What a folder holds in which there is nothing to convert."""
    from ..batch.discovery import HDF5, ONNX

    hdf5, onnx = (sum(file.why == why for file in skipped) for why in (HDF5, ONNX))
    found = [f"{format_count(hdf5, 'HDF5 file')} (--to onnx takes these)"] if hdf5 else []
    found += [format_count(onnx, "ONNX file")] if onnx else []
    if not found:
        return "expected models, found none"
    return f"expected {'pyrnn or' if to == 'hdf5' else 'pyrnn, HDF5 or'} pronn files, found {', '.join(found)}"


def format_count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _char(char: str) -> str:
    if not char:
        return "nothing"
    # A mark alone would sit on the quote.
    return f"U+{ord(char):04X}" if unicodedata.category(char)[0] in "MC" else f"'{visible(char)}'"
