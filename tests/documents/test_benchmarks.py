"""The tables of the benchmark: which way a ratio counts, and whether a goal is missed, is computed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ..benchmarks.tables import MISSED, Goal, Row, long_table, put_between_marks, short_table
from .pages import README, rows

FAST = Row("convert", "1 s", "kraken 23 s", 23.04, "{} times as fast", Goal(">=", 15))
SLOW = Row("forward pass", "2 s", "kraken 5 s", 2.5, "{} times as fast", Goal(">=", 8))
LARGE = Row("peak memory", "310 MB", "kraken 620 MB", 0.5, "{} of kraken's memory", Goal("<=", 300, "MB"), 310.0)

LONG = "docs/benchmarks.md", "case", "ours", "peer", "ratio", "goal"
SHORT = README, "case", "pyrnn2hdf5", "the original", "ratio", "goal"


def test_a_row_says_how_its_ratio_counts_and_whether_its_goal_is_missed() -> None:
    assert long_table([FAST, SLOW, LARGE])[2:] == [
        "| convert | 1 s | kraken 23 s | 23 times as fast | >= 15 |",
        "| forward pass | 2 s | kraken 5 s | 2.5 times as fast | >= 8 **missed** |",
        "| peak memory | 310 MB | kraken 620 MB | 0.5 of kraken's memory | <= 300 MB **missed** |",
    ]


def test_a_ratio_near_its_goal_has_the_digits_that_tell_its_side() -> None:
    near = [Row("case", "", "", ratio, "{}", Goal(">=", 12)) for ratio in (11.976, 11.99996, 12.00004, 12.0, 11.94)]
    assert [row.ratio_in_words for row in near] == ["11.98", "11.99996", "12.00004", "12", "11.9"]


def test_a_figure_near_its_goal_has_them_too() -> None:
    near = [Goal("<", 150, "ms").show(figure) for figure in (149.7, 149.96, 150.0, 76.34)]
    assert near == ["149.7 ms", "149.96 ms", "150 ms", "76.3 ms"]


def test_goals_include_their_number_where_they_say_so() -> None:
    assert Goal("<=", 1).is_met(1) and Goal(">=", 1).is_met(1) and not Goal("<", 1).is_met(1)
    assert Goal("<=", 1).is_met(0.5) and Goal(">=", 1).is_met(2) and Goal("<", 1).is_met(0.5)


def test_tables_go_between_their_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- bench -->\nold\n<!-- /bench -->\nafter\n", "utf-8")
    put_between_marks(page, "bench", short_table([SLOW, FAST], ["convert"])[2:])
    row = "| convert | 1 s | kraken 23 s | 23 times as fast | >= 15 |"
    assert page.read_text("utf-8") == f"before\n<!-- bench -->\n{row}\n<!-- /bench -->\nafter\n"


@pytest.mark.parametrize("table", [LONG, SHORT])
def test_missed_goals_are_marked_in_the_page(table: tuple[str, ...]) -> None:
    for _, ours, _, ratio, said in rows(*table):
        comparison, number, *unit = said.removesuffix(MISSED).split(" ")
        (figure, *_) = re.findall(r"[\d.]+", ours if unit else ratio)
        assert said.endswith(MISSED) is not Goal(comparison, float(number)).is_met(float(figure)), said


def test_the_short_table_is_part_of_the_long_one() -> None:
    long = rows(*LONG)
    assert all(row in long for row in rows(*SHORT))
