"""Text made visible, sizes in words."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyrnn2hdf5.errors import SourceError
from pyrnn2hdf5.text import UNSAFE_CATEGORIES, describe_error, format_size, shorten, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a[b]", "a[b]"),
        ("\x00\x1b\x7f\x9b", "\\x00\\x1b\\x7f\\x9b"),
        ("\u202e\u2066", "\\u202e\\u2066"),
        ("ä\u0301", "ä\u0301"),
    ],
)
def test_visible(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_long_text_is_cut_with_a_count() -> None:
    assert visible("a" * 10, 4) == "aaaa... (6 more)"


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 bytes"), (1023, "1023 bytes"), (1024, "1.0 KiB"), (2**31, "2.0 GiB")]
)
def test_size(count: int, text: str) -> None:
    assert format_size(count) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", "''"),
        ("abc", "'abc'"),
        ("it's", '"it\'s"'),
        ("a" * 99, "'aaaaaaa..."),
        ("\x1b\x1b\x1b", "'\\x1b\\x1..."),
        ("abcdef", "'abcdef'"),
    ],
)
def test_a_text_is_shortened_as_it_is_shown(text: str, shown: str) -> None:
    assert shorten(text, 8) == shown


@given(st.text(st.characters(exclude_categories=[])))
def test_nothing_shown_steers_a_terminal(text: str) -> None:
    for shown in (visible(text), shorten(text)):
        assert not any(unicodedata.category(char) in UNSAFE_CATEGORIES for char in shown)
    assert len(shorten(text)) <= 63


@pytest.mark.parametrize(
    ("error", "source", "text"),
    [
        (FileNotFoundError(2, "No such file or directory", "a"), "a", "No such file or directory"),
        (FileNotFoundError(2, "No such file or directory", "a"), Path("a"), "No such file or directory"),
        (FileNotFoundError(2, "No such file or directory", "a"), "b", "No such file or directory: a"),
        (FileNotFoundError(2, "No such file or directory", "a"), None, "No such file or directory: a"),
        (OSError("of no system"), "a", "of no system"),
        (MemoryError(), "a", "MemoryError"),
        (SourceError("expected a pickle", path="a"), "b", "expected a pickle"),
    ],
)
def test_an_error_is_one_line(error: BaseException, source: object, text: str) -> None:
    assert describe_error(error, source) == text
