"""Cells, states and the line of time: values as people read them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.pages.asking import Answer, in_short
from pipeline.pages.cells import NOTHING, state_of, text_of
from pipeline.pages.chosen import CUTS, Chosen
from pipeline.pages.drawn import drawn
from pipeline.pages.timeline import place, relative
from pipeline.panels.panel import Column, Form, Limits, Panel, Target, Unit

TOLD = Chosen("acme", dict.fromkeys(CUTS, ""), 0, 0)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, Unit.SHARE, NOTHING),
        ("", Unit.TEXT, NOTHING),
        ([], Unit.LIST, NOTHING),
        (0, Unit.COUNT, "0"),
        (1234567, Unit.COUNT, "1,234,567"),
        (True, Unit.COUNT, "yes"),
        (0.5, Unit.HOURS, "30 min"),
        (5.25, Unit.HOURS, "5.2 h"),
        (100, Unit.HOURS, "4.2 d"),
        (90, Unit.MINUTES, "1.5 h"),
        (0.071, Unit.SHARE, "7.1 %"),
        (-1.34, Unit.SHARE, "-134 %"),
        (0.000123, Unit.NUMBER, "0.000123"),
        (1234.5, Unit.NUMBER, "1,234"),
        (2.95, Unit.NUMBER, "2.95"),
        ("2026-05-28 18:00:01.123456", Unit.TIME, "2026-05-28 18:00"),
        ("2026-05-25", Unit.DAY, "2026-05-25"),
        (["a", "b"], Unit.LIST, "a, b"),
        (["x"] * 14, Unit.LIST, ", ".join(["x"] * 12) + " and 2 more"),
    ],
)
def test_values_in_words(value: Any, unit: Unit, text: str) -> None:
    assert text_of(value, unit) == text


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(sorted(set(Unit) - {Unit.LIST})))
def test_every_number_has_a_text(value: float, unit: Unit) -> None:
    assert text_of(value, unit)


@pytest.mark.parametrize(
    ("value", "limits", "state"),
    [
        (0.1, Limits(0.15, 0.3), "ok"),
        (0.15, Limits(0.15, 0.3), "attention"),
        (0.3, Limits(0.15, 0.3), "bad"),
        (0.99, Limits(0.95, 0.8), "ok"),
        (0.9, Limits(0.95, 0.8), "attention"),
        (0.8, Limits(0.95, 0.8), "bad"),
        (None, Limits(1, 2), ""),
        (5, None, ""),
    ],
)
def test_what_needs_attention(value: Any, limits: Limits | None, state: str) -> None:
    assert state_of(value, limits) == state


@given(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9))
def test_the_line_of_time_keeps_the_order(one: float, other: float) -> None:
    assert 0 <= place(one) <= 100
    assert (place(one) <= place(other)) or one > other
    assert (place(one) < 50) <= (one < 0)


def test_the_middle_of_the_line() -> None:
    assert place(0) == 50
    assert relative(0) == "the onset"
    assert (relative(-7200), relative(90)) == ("2 h before", "2 min after")


def panel(form: Form, *columns: Column) -> Panel:
    return Panel("k", "t", "q.", form, "SELECT 1", columns)


def test_links_lead_to_pages_of_ours_or_of_the_web() -> None:
    of = panel(
        Form.TABLE,
        Column("change", "Change", leads_to=Target.CHANGE),
        Column("tag", "Tag", leads_to=Target.DEPLOYMENT, leads_by="deployment"),
        Column("url", "Log", leads_to=Target.ADDRESS),
    )
    columns = ["change", "tag", "deployment", "url"]
    answer = Answer(
        columns, [["a/b#1", "v1", "d 1", "https://ci.example/1"], ["", "v2", "", "javascript:alert(1)"]]
    )
    first, second = drawn(of, answer, TOLD).rows
    assert [cell.href for cell in first] == [
        "/change?workspace=acme&change=a%2Fb%231",
        "/debug?workspace=acme&deployment=d%201",
        "https://ci.example/1",
    ]
    assert [cell.outside for cell in first] == [False, False, True]
    assert [cell.href for cell in second] == ["", "", ""]


def test_a_chart_without_a_point_is_empty_and_one_with_a_point_is_not() -> None:
    lines = panel(
        Form.LINES,
        Column("week", "Week", Unit.DAY),
        Column("p", "p", Unit.HOURS),
        Column("n", "n", Unit.COUNT),
    )
    columns = ["week", "p", "n"]
    assert drawn(lines, Answer(columns, [["2026-05-25", None, 0]]), TOLD).empty
    found = drawn(lines, Answer(columns, [["2026-05-25", None, 0], ["2026-06-01", 2.5, 3]]), TOLD)
    assert not found.empty
    assert '"times":[1779667200,1780272000]' in found.chart
    assert '"values":[null,2.5]' in found.chart


def test_what_an_answer_lacks_is_said() -> None:
    found = drawn(panel(Form.TABLE, Column("a", "A"), Column("b", "B")), Answer(["a"], [["1"]]), TOLD)
    assert found.trouble == "the answer has no column b"
    assert in_short("Code: 60. Unknown table x. In scope SELECT a FROM x") == "Code: 60. Unknown table x"
