"""Figures that were told to somebody: both are shown, where news has changed one."""

from __future__ import annotations

import re
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.facts import DeploymentFact
from pipeline.pages.reported import ROWS_MAX, SAVED_EVERY_SECONDS, Reported
from tests.pages.site import AT, Looked, shown
from tests.store.rows import HOUR, MONDAY, WORKSPACE, row

FIGURES = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["1", "2", "–"]), min_size=3, max_size=3)


@given(st.lists(FIGURES, min_size=1, max_size=6))
def test_the_first_one_is_what_others_are_beside(told: list[dict[str, str]]) -> None:
    reported = Reported()
    for number, figures in enumerate(told):
        found = reported.restated(("panel", "week"), figures, f"day {number}")
        first = told[0]
        assert found == {
            name: (first[name], "day 0") for name, text in figures.items() if first[name] != text
        }


def test_it_is_known_after_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "reported.json"
    before = Reported(file)
    assert before.restated(("p", "w"), {"a": "1"}, "2026-06-01") == {}
    assert before.waits()
    before.save()
    assert not before.waits()
    assert file.stat().st_mode & 0o777 == 0o600
    assert Reported(file).restated(("p", "w"), {"a": "2"}, "2026-06-08") == {"a": ("1", "2026-06-01")}


def test_a_file_that_can_t_be_read_or_written_changes_no_page(tmp_path: Path) -> None:
    file = tmp_path / "reported.json"
    file.write_text("{", encoding="utf-8")
    reported = Reported(file)
    assert "can't be read" in reported.trouble
    assert reported.restated(("p",), {"a": "1"}, "d") == {}
    away = Reported(tmp_path / "nowhere" / "reported.json")
    away.restated(("p",), {"a": "1"}, "d")
    away.save()
    assert "can't be written" in away.trouble
    # it is tried again, and then nothing is wrong any more
    (tmp_path / "nowhere").mkdir()
    away._saved_at = -SAVED_EVERY_SECONDS
    assert away.waits()
    away.save()
    assert away.trouble == ""
    assert Reported(tmp_path / "nowhere" / "reported.json").restated(("p",), {"a": "2"}, "e") == {
        "a": ("1", "d")
    }


def test_rows_are_bounded() -> None:
    reported = Reported()
    for number in range(ROWS_MAX + 1):
        reported.restated((str(number),), {"a": "1"}, "first")
    assert reported.restated(("0",), {"a": "2"}, "later") == {}
    assert reported.restated((str(ROWS_MAX),), {"a": "2"}, "later") == {"a": ("1", "first")}


def test_a_week_that_news_has_changed_shows_both(world: Looked) -> None:
    def section() -> str:
        text = shown(world.browser(), "/executive", at=AT, hours="9000")
        return text.split('id="executive-dora"')[1].split("</section>")[0]

    first = section()
    assert 'class="was"' not in first
    (before,) = re.findall(r'data-head="Deployments \(n\)"><bdi>(\d+)</bdi>', first)
    told = {
        "service": "api",
        "environment": "production",
        "tag": "late",
        "outcome": "success",
        "kind": "service",
    }
    late = row(DeploymentFact, deployment="told late", live_at=MONDAY + HOUR, transition="forward", **told)
    world.store.insert_facts("deployments", WORKSPACE, 3, [late])
    again = section()
    assert f'<bdi>{int(before) + 1}</bdi> <span class="was">was {before} on <time' in again
