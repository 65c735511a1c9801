"""Labels of a codec in words: code points, names, and groups by script and category.

Python knows the category of a character but not its script. The first word of the name that Unicode
gives the letter (in its compatibility form, so that a micro sign is a Greek letter) stands for it: LATIN,
GREEK, CYRILLIC, ARABIC. What is no letter belongs to many scripts, and here to none.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

CATEGORIES: Final = {
    **{"Lu": "capital letters", "Ll": "small letters", "Lt": "title case letters", "Lm": "modifier letters"},
    **{"Lo": "letters", "Mn": "combining marks", "Mc": "spacing marks", "Me": "enclosing marks"},
    **{"Nd": "digits", "Nl": "number letters", "No": "other numbers", "Pc": "connectors", "Pd": "dashes"},
    **{"Ps": "opening brackets", "Pe": "closing brackets", "Pi": "opening quotes", "Pf": "closing quotes"},
    **{"Po": "punctuation", "Sm": "mathematical symbols", "Sc": "currency symbols", "Sk": "modifier symbols"},
    **{"So": "symbols", "Zs": "spaces", "Zl": "line separators", "Zp": "paragraph separators"},
    **{"Cc": "control characters", "Cf": "format characters", "Cs": "lone surrogates"},
    **{"Co": "private use", "Cn": "unassigned"},
}
"""General categories of Unicode in words."""

BY_CODE_POINT: Final = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf", "Cs", "Co", "Cn"})
"""Categories of what cannot be seen, or means nothing without a font of its own."""

CONTROLS: Final = {0: "NULL", 9: "TAB", 10: "LINE FEED", 13: "CARRIAGE RETURN", 27: "ESCAPE", 127: "DELETE"}
"""Names of control characters; Unicode gives them none."""

NO_SCRIPT: Final = frozenset({"CARON", "IDEOGRAPHIC", "INFORMATION", "MODIFIER", "TURNED", "VEDIC", "VERTICAL"})
"""First words of letters that stand for no script."""
RENAMED: Final = {"CJK": "Han", "NKO": "N'Ko"}

DOTTED_CIRCLE: Final = "\u25cc"


@dataclass(frozen=True)
class LabelGroup:
    """Labels of one `script` ("" where there is none) and `category`, by code."""

    script: str
    category: str
    codes: tuple[int, ...]
    labels: tuple[str, ...]


def group(labels: Iterable[tuple[int, str]]) -> tuple[LabelGroup, ...]:
    """Labels that are not empty, grouped by the script and category of their first character.

    Scripts come in the order of their sizes, what has no script last.
    """
    found: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for code, label in labels:
        if label:
            found.setdefault(_kind(label), []).append((code, label))
    sizes: dict[str, int] = {}
    for (script, _), members in found.items():
        sizes[script] = sizes.get(script, 0) + len(members)
    order = sorted(found, key=lambda kind: (kind[0] == "", -sizes[kind[0]], kind[0], list(CATEGORIES).index(kind[1])))
    return tuple(
        LabelGroup(script, CATEGORIES[category], *map(tuple, zip(*found[script, category], strict=True)))
        for script, category in order
    )


def _kind(label: str) -> tuple[str, str]:
    category = unicodedata.category(label[0])
    return (_script(label[0]) if category[0] == "L" else "", category)


def _script(char: str) -> str:
    plain = unicodedata.normalize("NFKC", char)[0]
    letter = plain if unicodedata.category(plain)[0] == "L" else char
    word = unicodedata.name(letter, "").split(" ")[0]
    return "" if word in NO_SCRIPT else RENAMED.get(word, word.capitalize())


def shown(label: str) -> str:
    """A label as it can be printed: what cannot be seen as U+XXXX, a combining mark on a dotted circle."""
    if any(unicodedata.category(char) in BY_CODE_POINT for char in label):
        return code_points(label)
    return DOTTED_CIRCLE + label if unicodedata.category(label[:1] or "x")[0] == "M" else label


def code_points(label: str) -> str:
    """`U+0061 U+0308`."""
    return " ".join(f"U+{ord(char):04X}" for char in label)


def names(label: str) -> str:
    """Names of the characters; of private use and what has none, the category."""
    return ", ".join(_name(char) for char in label)


def _name(char: str) -> str:
    name = unicodedata.name(char, "") or CONTROLS.get(ord(char), "")
    return name or f"({CATEGORIES[unicodedata.category(char)].rstrip('s')})"
