"""Error rates and confusions against their definition."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrnn2hdf5.errors import InvalidInputError
from pyrnn2hdf5.ocr import evaluation
from pyrnn2hdf5.ocr.evaluation import compare_texts, error_rate, evaluate

ALPHABET = "ab\u0301\u00e1"


def edit_distance(left: str, right: str) -> int:
    """By its definition, as a second opinion."""
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        above, row = row, [i]
        for j, b in enumerate(right, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (a != b)))
    return row[-1]


@given(st.lists(st.tuples(st.text(ALPHABET, max_size=8), st.text(ALPHABET, max_size=8)), max_size=4))
def test_confusions_are_the_edits(pairs: list[tuple[str, str]]) -> None:
    read, truth = [a for a, _ in pairs], [b for _, b in pairs]
    found = evaluate(read, truth)
    assert sum(count for *_, count in found.confusions) == sum(found.errors)
    for a, b, errors, length in zip(read, truth, found.errors, found.lengths, strict=True):
        a, b = evaluation._nfc(a), evaluation._nfc(b)
        assert (errors, length) == (edit_distance(a, b), len(b))
    # Taking the errors of the truth away and adding what was read instead gives what was read.
    balance = Counter("".join(map(evaluation._nfc, truth)))
    for expected, got, count in found.confusions:
        balance.subtract({expected: count})
        balance.update({got: count})
    del balance[""]
    assert +balance == Counter("".join(map(evaluation._nfc, read)))


def test_evaluation() -> None:
    found = evaluate(["kitten", "ab", "", "x"], ["sitting", "ab", "a", ""])
    assert found.errors == (3, 0, 1, 1)
    assert found.error_rate == 5 / 10
    assert found.worst(9) == [2, 3, 0]
    assert found.worst(1) == [2]
    assert found.confusions[:2] == (("", "x", 1), ("a", "", 1))
    assert evaluate(["yaxx"], ["abb"]).confusions[0] == ("b", "x", 2)
    assert evaluate([], []).error_rate is None
    assert evaluate(["x"], [""]).error_rate is None


def test_error_rate() -> None:
    assert error_rate(["kitten"], ["sitting"]) == 3 / 7
    assert error_rate(["a\u0301"], ["\u00e1"]) == 0
    assert error_rate([""], [""]) == 0
    assert error_rate(["ab", "c"], ["ab", "d"]) == 1 / 3


def test_what_is_compared_is_bounded() -> None:
    # A label may have 256 characters, a truth 64 KiB.
    for read, truth in (("x" * 20_000, "y" * 2_000), ("x" * 2**17, ""), ("", "y" * 2**17)):
        with pytest.raises(InvalidInputError, match=f"to compare, got {len(read)} and {len(truth)}"):
            compare_texts(read, truth)
        with pytest.raises(InvalidInputError):
            error_rate([read], [truth])
    assert len(compare_texts("x" * 2**16, "").edits) == 2**16
    assert compare_texts("x" * 4000, "y" * 4000).edits == (("y", "x"),) * 4000
