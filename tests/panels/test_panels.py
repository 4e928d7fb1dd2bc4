"""Every panel: on nothing, on a small world, and with what somebody chose."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.facts import DeploymentFact
from pipeline.pages.showing import STATIC
from pipeline.panels import DASHBOARDS
from pipeline.panels.choices import SINCE, UNTIL, Choice
from pipeline.panels.marks import marks
from pipeline.panels.panel import PARAMETERS, PARTS, ROWS_MAX, Dashboard, Form, Limits, Panel, Unit
from pipeline.store import Result, Store
from tests.store.conftest import fresh
from tests.store.rows import MONDAY
from tests.store.rows import row as fact
from tests.store.world import fill

PANELS = [(told, panel) for told in DASHBOARDS for panel in told.panels]
KEYS = [panel.key for _, panel in PANELS]
CHOICES = sorted({choice for told in DASHBOARDS for choice in told.choices})
PANEL = pytest.mark.parametrize(("told", "panel"), PANELS, ids=KEYS)
_PARAMETER = re.compile(r"\{(\w+):([^}]+)\}")
#: around the small world
AROUND = {"since": 1_700_000_000, "until": 1_706_000_000}
NOTHING_CHOSEN = dict.fromkeys(("team", "service", "environment", "change_class", "deployment"), "")


@pytest.fixture(scope="module")
def empty(dsn: str) -> Iterator[Store]:
    for store in fresh(dsn):
        store.migrate()
        yield store


@pytest.fixture(scope="module")
def world(dsn: str) -> Iterator[Store]:
    for store in fresh(dsn):
        store.migrate()
        fill(store)
        yield store


def ask(store: Store, panel: Panel, **chosen: str) -> Result:
    return store.query(panel.sql, {**NOTHING_CHOSEN, **AROUND, "workspace": "acme", **chosen})


def rows(store: Store, key: str, **chosen: str) -> list[dict[str, Any]]:
    (panel,) = [panel for _, panel in PANELS if panel.key == key]
    answer = ask(store, panel, **chosen)
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


def test_keys_are_addresses_and_none_is_there_twice() -> None:
    assert len(set(KEYS)) == len(KEYS)
    assert all(re.fullmatch(r"[a-z0-9-]+", key) for key in (*KEYS, *(told.key for told in DASHBOARDS)))


@PANEL
def test_it_says_what_it_answers_and_what_to_do_when_it_is_empty(told: Dashboard, panel: Panel) -> None:
    assert panel.key.startswith(f"{told.key}-")
    assert panel.title
    assert panel.question.endswith(".")
    assert panel.empty.endswith(".")
    assert 0 < panel.wide <= PARTS
    assert len({column.name for column in panel.columns}) == len(panel.columns)
    assert all(column.title for column in panel.columns)


@PANEL
def test_it_asks_for_what_can_be_chosen_and_says_so(told: Dashboard, panel: Panel) -> None:
    asked = set(_PARAMETER.findall(panel.sql))
    assert asked <= set(PARAMETERS.items())
    names = {name for name, _ in asked} - {"workspace", "since", "until"}
    assert names == set(panel.cuts)
    assert names <= {choice.name for choice in told.choices}


def check_form(panel: Panel, answer: Result) -> None:
    declared = {column.name for column in panel.columns}
    leading = {column.leads_by for column in panel.columns} - {""}
    further = set(answer.columns) - declared - leading
    assert declared | leading <= set(answer.columns)
    # no column is asked for in vain: what is not shown leads somewhere, or is not in the answer
    assert not further, further
    assert len(answer.rows) <= ROWS_MAX
    if panel.form is Form.FIGURES:
        assert len(answer.rows) == 1
    if panel.form in (Form.LINES, Form.BARS):
        assert answer.columns[0] == panel.columns[0].name
        times = [row[0] for row in answer.rows if isinstance(row[0], date)]
        assert len(times) == len(answer.rows)
        assert times == sorted(set(times))
    if panel.form is Form.LOGS:
        assert answer.columns == ["timestamp", "level", "body"]
    for column in panel.columns:
        at = answer.columns.index(column.name)
        for row in answer.rows:
            value = row[at]
            if value is not None:
                assert isinstance(value, _KINDS[column.unit]), (column, value)
            if isinstance(value, float) and column.unit is Unit.SHARE:
                assert column.name == "remaining" or value >= 0


_NUMBERS = (int, float)
_KINDS: dict[Unit, type | tuple[type, ...]] = {
    Unit.TEXT: str,
    Unit.COUNT: _NUMBERS,
    Unit.HOURS: _NUMBERS,
    Unit.MINUTES: _NUMBERS,
    Unit.SHARE: _NUMBERS,
    Unit.NUMBER: _NUMBERS,
    Unit.TIME: datetime,
    Unit.DAY: date,
    Unit.LIST: list,
}


@PANEL
def test_it_answers_where_there_is_nothing(empty: Store, told: Dashboard, panel: Panel) -> None:
    check_form(panel, ask(empty, panel))


@PANEL
def test_it_answers_whatever_is_chosen(world: Store, told: Dashboard, panel: Panel) -> None:
    whole = ask(world, panel, deployment="d2")
    check_form(panel, whole)
    check_form(
        panel, ask(world, panel, deployment="d2", service="api", team="core", environment="production")
    )
    cuts = [name for name in panel.cuts if name != "deployment"]
    if cuts and panel.form is Form.TABLE:
        # what nobody has leaves nothing
        assert not [
            row
            for row in ask(world, panel, deployment="d2", **{cuts[0]: "nobody's"}).rows
            if row[0] != "nobody's"
        ]


def test_a_choice_cuts(world: Store) -> None:
    def failed(**chosen: str) -> tuple[float | None, int]:
        (row,) = rows(world, "executive-change-fail-rate", **chosen)
        return row["rate"] and round(row["rate"], 4), row["n"]

    everything, api = failed(), failed(service="api")
    assert everything == (0.3425, 4)
    assert api == (0.4567, 3)
    # both together are a dimension of their own
    assert failed(service="api", environment="production") == api
    # the narrowest holds
    assert failed(service="api", team="nobody's") == api
    assert failed(service="web", environment="staging") == (None, 0)


def test_counts_stand_for_what_the_rate_stands_for(world: Store) -> None:
    """A service and an environment that are both chosen cut deployments and incidents alike."""

    def counted(**chosen: str) -> float:
        (row,) = rows(world, "executive-incidents", **chosen)
        return float(row["n"])

    everywhere = counted(service="api")
    here = counted(service="api", environment="production")
    assert 0 < here <= everywhere
    assert counted(service="api", environment="nowhere") == 0


def test_marks_are_cut_by_what_is_chosen(world: Store) -> None:
    offered = ("service", "team", "environment")
    for mark in marks(*offered):
        asked = {**NOTHING_CHOSEN, **AROUND, "workspace": "acme"}
        everything = len(world.query(mark.sql, asked).rows)
        assert everything, mark.title
        assert not world.query(mark.sql, {**asked, "team": "nobody's"}).rows, mark.title
        core = len(world.query(mark.sql, {**asked, "team": "core"}).rows)
        assert 0 < core <= everything, mark.title
        if mark.title != "Past review":
            assert not world.query(mark.sql, {**asked, "environment": "nowhere"}).rows, mark.title
    # what a dashboard doesn't offer isn't asked for
    for mark in marks("service"):
        assert "{team:" not in mark.sql
        assert "{environment:" not in mark.sql


def test_candidates_are_those_of_the_open_incidents_by_the_same_owner(world: Store) -> None:
    for chosen in (
        {},
        {"team": "core"},
        {"team": "nobody's"},
        {"service": "api"},
        {"environment": "production"},
    ):
        there = {row["incident"] for row in rows(world, "on-call-open-incidents", **chosen)}
        explained = {row["incident"] for row in rows(world, "on-call-candidates", **chosen)}
        assert explained <= there, chosen
        weighed = world.query(
            "SELECT DISTINCT incident FROM candidate_evidence WHERE workspace = 'acme'"
        ).rows
        assert explained == there & {str(row[0]) for row in weighed}, chosen


def test_the_latest_incidents_say_how_probably_a_change_did_it(world: Store) -> None:
    found = rows(world, "executive-incidents-latest")
    assert {row["incident"] for row in found} >= {"i1", "i2", "i3"}
    assert all(0 <= row["change_probability"] <= 1 for row in found)
    assert not rows(world, "executive-incidents-latest", team="nobody's")


def test_a_roll_out_is_shown_however_long_it_takes(world: Store) -> None:
    told = {"service": "api", "environment": "production", "tag": "v9", "live_at": MONDAY, "fraction": 0.1}
    world.insert_facts(
        "deployments",
        "canary",
        1,
        [
            fact(DeploymentFact, deployment="slow", **told),
            fact(DeploymentFact, deployment="over", replaced_at=MONDAY, **told),
            fact(
                DeploymentFact,
                deployment="failed long ago",
                transition="failed",
                **{**told, "fraction": None},
            ),
        ],
    )
    panel = next(panel for _, panel in PANELS if panel.key == "on-call-rollouts")
    much_later = {**NOTHING_CHOSEN, "workspace": "canary", "since": 1_800_000_000, "until": 1_800_003_600}
    answer = world.query(panel.sql, much_later)
    assert [line[answer.columns.index("deployment")] for line in answer.rows] == ["slow"]


def test_no_chart_draws_more_than_there_are_colours() -> None:
    script = (STATIC / "charts.js").read_text(encoding="utf-8")
    colours = script.split("COLOURS = [")[1].split("]")[0].count("--line-")
    for _, panel in PANELS:
        if panel.form in (Form.LINES, Form.BARS):
            drawn = [column for column in panel.columns[1:] if column.name != "n"]
            assert len(drawn) <= colours, panel.key


def test_time_cuts(world: Store) -> None:
    panel = next(panel for _, panel in PANELS if panel.key == "on-call-recent-deployments")
    asked = {**NOTHING_CHOSEN, "workspace": "acme", "since": 1_704_240_000, "until": 1_706_000_000}
    newest = world.query(panel.sql, asked)
    assert [row[newest.columns.index("tag")] for row in newest.rows] == ["v4"]


def test_open_incidents_name_what_to_go_back_to_and_whose_it_is(world: Store) -> None:
    found = {row["incident"]: row for row in rows(world, "on-call-open-incidents")}
    # i1 was resolved
    assert set(found) == {"i2", "i3"}
    assert found["i3"]["tag"] == "v1"
    assert found["i3"]["team"] == "core"
    assert found["i2"]["tag"] == ""


def test_the_likeliest_stands_first(world: Store) -> None:
    found = rows(world, "on-call-recent-deployments")
    assert [row["deployment"] for row in found][:2] == ["d2", "d1"]
    assert found[0]["spent"] == 1.4


def test_what_changed_says_for_better_or_worse(world: Store) -> None:
    found = {row["measure"]: row for row in rows(world, "executive-what-changed")}
    assert found["incidents"]["now_told"] == "2"
    assert found["incidents"]["before_told"] == "0"
    assert found["incidents"]["became"] == "worse"
    assert found["deployments"]["became"] == ""
    assert found["deployments that failed"]["now_told"] == "34.2 %"


def test_an_import_is_shown_as_of_its_newest_event(world: Store, empty: Store) -> None:
    begin, end = 1_800_000_000, 1_800_000_000 + 90 * 86_400
    asked = {"workspace": "acme", "from": begin, "to": end}
    told = world.query("SELECT toUnixTimestamp(as_of) FROM as_of WHERE workspace = 'acme'").rows
    newest = int(str(told[0][0]))
    assert world.query(UNTIL, asked).rows == [(newest,)]
    assert world.query(SINCE, asked).rows == [(newest - 90 * 86_400,)]
    # what was chosen holds when it lies before
    past = asked | {"from": 1_700_000_000, "to": 1_700_086_400}
    assert world.query(UNTIL, past).rows == [(1_700_086_400,)]
    assert world.query(SINCE, past).rows == [(1_700_000_000,)]
    assert empty.query(UNTIL, asked).rows == [(end,)]


@pytest.mark.parametrize("choice", CHOICES, ids=[choice.name for choice in CHOICES])
def test_there_is_something_to_choose(world: Store, empty: Store, choice: Choice) -> None:
    asked = {**NOTHING_CHOSEN, **AROUND, "workspace": "acme"}
    answer = world.query(choice.sql, asked)
    assert answer.rows
    assert len(answer.columns) in (1, 2)
    assert not empty.query(choice.sql, asked).rows
    assert all(row[0] for row in answer.rows)


def test_limits_tell_which_way_is_bad() -> None:
    assert Limits(0.1, 0.5).more_is_worse
    assert Limits(1, 1).more_is_worse
    assert not Limits(0.95, 0.8).more_is_worse


def test_the_documentation_has_every_panel() -> None:
    text = (Path(__file__).parents[2] / "docs/dashboards.md").read_text(encoding="utf-8")
    for told in DASHBOARDS:
        assert f"### {told.title}\n\n{told.question}\n" in text
        for panel in told.panels:
            cuts = ", ".join(name.replace("_", " ") for name in panel.cuts) or "the workspace alone"
            assert f"| {panel.title} | {panel.question} | {cuts} |\n" in text
    assert text.count("\n| ") - len(re.findall(r"\n\| (?:---|Panel|Rule)", text)) == len(PANELS) + 4
