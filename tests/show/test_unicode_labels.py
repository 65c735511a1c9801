"""Labels in groups and in words."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pyrnn2hdf5.show import unicode_labels as labels


def test_labels_are_grouped_by_script_and_category() -> None:
    text = "aBé\u00b5αΩжאب漢あ5٣½.\u0301\u00a0\u00ad\ue000\ud800ﬁª"
    groups = labels.group(enumerate(text))
    found = {(group.script, group.category): group.labels for group in groups}
    assert found["Latin", "small letters"] == ("a", "é", "ﬁ")
    assert found["Greek", "small letters"] == ("\u00b5", "α")
    assert found["Latin", "letters"] == ("ª",)
    for script, category in (("Han", "letters"), ("Hebrew", "letters"), ("Arabic", "letters"), ("Hiragana", "letters")):
        assert (script, category) in found
    assert found["", "digits"] == ("5", "٣")
    assert groups[0].script == "Latin"
    assert [group.script for group in groups][-7:] == [""] * 7
    assert labels.shown("\u0301") == "\u25cc\u0301"
    assert [labels.shown(char) for char in "\u00a0\u00ad\ue000\ud800"] == ["U+00A0", "U+00AD", "U+E000", "U+D800"]
    assert labels.names("\x1b\ue000a\u0308").startswith("ESCAPE, (private use), LATIN SMALL LETTER A, COMBINING")


@given(st.text())
def test_any_label_has_a_group_and_can_be_shown(label: str) -> None:
    groups = labels.group([(1, label)])
    assert [group.labels for group in groups] == ([(label,)] if label else [])
    assert labels.shown(label).isprintable()
    labels.names(label)
