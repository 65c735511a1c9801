"""Text made visible, sizes in words."""

from __future__ import annotations

import pytest

from pyrnn2hdf5.text import format_size, visible


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
