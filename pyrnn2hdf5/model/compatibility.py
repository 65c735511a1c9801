"""What a user should know about a valid model, in words."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from ..text import shorten
from .model import Codec, Model


def codec_problems(codec: Codec | None) -> tuple[str, ...]:
    """Why kraken's reader would scramble this codec whatever the order of its rows; empty if it would not.

    kraken turns one code point a row into characters, forces row 0 to the empty string, then sorts
    and removes duplicates.
    """
    if codec is None:
        return ("the model has no codec",)
    problems = []
    labels = codec.labels
    if labels[0]:
        problems.append(f"class 0, the blank, has the label {shorten(labels[0])}")
    elif labels[0] is None:
        problems.append("the codec has no code 0")
    missing = [code for code, label in enumerate(labels) if label is None and code]
    if missing:
        problems.append(f"the codec has no label for {_codes(missing)}")
    wrong = [code for code, label in enumerate(labels) if code and label is not None and len(label) != 1]
    if wrong:
        problems.append(f"not one code point in the label of {_codes(wrong)}")
    if "\0" in labels:
        problems.append(f"U+0000 is the label of code {labels.index(chr(0))}")
    first: dict[str, int] = {}
    for code, label in enumerate(labels):
        if label is not None and first.setdefault(label, code) != code:
            problems.append(f"codes {first[label]} and {code} have the same label {shorten(label)}")
            break
    return tuple(problems)


def _codes(codes: list[int]) -> str:
    shown = ", ".join(map(str, codes[:5])) + (", ..." if len(codes) > 5 else "")
    return f"code {shown}" if len(codes) == 1 else f"{len(codes)} codes ({shown})"


def remarks(model: Model) -> tuple[str, ...]:
    """What a user should know about a valid model, one sentence each."""
    said = list(model.notes)
    height = model.line_normalizer.target_height if model.line_normalizer else None
    if height is not None and height != model.Ni:
        said.append(f"the line normalizer scales to {height} pixels, the network takes {model.Ni}")
    if model.codec is not None:
        surrogates = [
            code
            for code, label in enumerate(model.codec.labels)
            if label and any("\ud800" <= c <= "\udfff" for c in label)
        ]
        if surrogates:
            said.append(f"lone surrogates, kept as they are, in the label of {_codes(surrogates)}")
    return tuple(said)


def kraken_labels(codec: NDArray[Any]) -> tuple[str | None, ...]:
    """The labels that kraken reads from the data set `codec`, (No, 1) code points, by row.

    It forces the first to be empty, removes duplicates and sorts; rows left over have no label.
    """
    characters = sorted({"", *(chr(int(point)) for point in codec[1:, 0])})
    return (*characters, *[None] * (len(codec) - len(characters)))
