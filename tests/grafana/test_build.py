"""Grafana's files: fresh, complete, with stable addresses, and asking what the panels ask."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import yaml

from grafana import build
from grafana.alerts import ALERTS
from grafana.drawn import panel_id
from grafana.pages import page, places, uid
from grafana.statements import statement
from pipeline.core.facts import DeploymentFact
from pipeline.pages import chosen as addresses
from pipeline.panels import DASHBOARDS
from pipeline.panels.panel import PARTS, Dashboard, Form, Panel
from pipeline.store import Store
from tests.grafana.sent import ALL, interpolated, looked_up, sent
from tests.store.conftest import fresh
from tests.store.rows import WORKSPACE, row
from tests.store.world import fill

PANELS = [(told, panel) for told in DASHBOARDS for panel in told.panels]
PANEL = pytest.mark.parametrize(("told", "panel"), PANELS, ids=[panel.key for _, panel in PANELS])
DASHBOARD = pytest.mark.parametrize("told", DASHBOARDS, ids=[told.key for told in DASHBOARDS])
BEGIN, END = 1_700_000_000, 1_706_000_000
#: names that end a literal, begin a comment, are a format or a macro, or mean nothing elsewhere
NAMES = (
    "null",
    "o'brien",
    "back\\slash",
    "a*b",
    "100%25",
    "${service:raw}",
    "$__fromTime",
    "-- x",
    "مرحبا",
    "<b>",
)


@pytest.fixture(scope="module")
def world(dsn: str) -> Iterator[Store]:
    for store in fresh(dsn):
        store.migrate()
        fill(store)
        yield store


@pytest.fixture(scope="module")
def nothing(dsn: str) -> Iterator[Store]:
    for store in fresh(dsn):
        store.migrate()
        yield store


def panels_of(made: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in made["panels"] if panel["type"] != "row"]


def test_what_is_committed_is_what_is_generated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert build.stale() == []
    assert build.main(["--check"]) == 0
    # and the comparison can fail: with a file that differs, one that is missing, and one too many
    monkeypatch.setattr(build, "ROOT", tmp_path)
    assert len(build.stale()) == len(build.files())
    assert build.main([]) == 0 == build.main(["--check"])
    (tmp_path / "dashboards/review.json").write_text("{}")
    (tmp_path / "dashboards/old.json").write_text("{}")
    assert build.stale() == ["dashboards/old.json", "dashboards/review.json"]
    assert build.main(["--check"]) == 1


def test_addresses_never_change() -> None:
    golden = json.loads((Path(__file__).parents[1] / "golden/dashboards/addresses.json").read_text())
    assert {
        uid(told): {panel.key: panel_id(panel.key) for panel in told.panels} for told in DASHBOARDS
    } == golden
    numbers = [number for panels in golden.values() for number in panels.values()]
    assert len(set(numbers)) == len(numbers)


@DASHBOARD
def test_every_panel_says_what_it_answers_and_stands_somewhere(told: Dashboard) -> None:
    made = page(told)
    drawn = panels_of(made)
    assert [panel["title"] for panel in drawn] == [panel.title for panel in told.panels]
    taken: set[tuple[int, int]] = set()
    for panel, source in zip(drawn, told.panels, strict=True):
        assert panel["description"] == source.question
        assert panel["fieldConfig"]["defaults"]["noValue"] == source.empty
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        assert place["x"] + place["w"] <= 24
        taken |= cells


@DASHBOARD
def test_every_variable_that_is_asked_for_is_there(told: Dashboard) -> None:
    made = page(told)
    there = {variable["name"] for variable in made["templating"]["list"]}
    assert {*(choice.name for choice in told.choices), "since", "until", "aftermerge"} == there
    chosen: dict[str, object] = dict.fromkeys(there, "x") | {"since": 1, "until": 2}
    asked = [panel["targets"][0]["rawSql"] for panel in panels_of(made)]
    asked += [annotation["target"]["rawSql"] for annotation in made["annotations"]["list"]]
    asked += [
        variable["query"]["rawSql"] for variable in made["templating"]["list"] if variable["type"] == "query"
    ]
    for text in asked:
        sent(text, chosen, BEGIN, END)


@PANEL
def test_what_grafana_sends_has_an_answer_on_nothing(nothing: Store, told: Dashboard, panel: Panel) -> None:
    since, until = looked_up(nothing, "acme", BEGIN, END)
    everything: dict[str, object] = dict.fromkeys((choice.name for choice in told.choices), ALL)
    chosen = everything | {"workspace": "acme", "deployment": "d2", "since": since, "until": until}
    answer = nothing.query(sent(statement(panel.sql), chosen, BEGIN, END))
    assert {column.name for column in panel.columns} <= set(answer.columns)
    assert len(answer.rows) == (panel.form is Form.FIGURES)


@PANEL
def test_what_grafana_sends_has_the_same_answer(world: Store, told: Dashboard, panel: Panel) -> None:
    since, until = looked_up(world, "acme", BEGIN, END)
    for picked in ({}, {"service": "api", "team": "core"}):
        everything: dict[str, object] = dict.fromkeys((choice.name for choice in told.choices), ALL)
        chosen = (
            everything | {"workspace": "acme", "deployment": "d2", "since": since, "until": until} | picked
        )
        plain = {name: "" if value is ALL else value for name, value in chosen.items()}
        here = world.query(
            panel.sql, dict.fromkeys(("team", "service", "environment", "change_class"), "") | plain
        )
        there = world.query(sent(statement(panel.sql), chosen, BEGIN, END))
        assert there.columns == here.columns
        assert there.rows == here.rows


def test_links_to_pages_are_read_there() -> None:
    """What Grafana makes of a link is an address that the page understands."""
    found = set()
    for told in DASHBOARDS:
        for panel in panels_of(page(told, "https://aftermerge.example")):
            for override in panel["fieldConfig"]["overrides"]:
                for setting in override["properties"]:
                    if setting["id"] == "links":
                        found |= {link["url"] for link in setting["value"]}
    there = sorted(link for link in found if "aftermerge:raw" in link)
    assert [urlsplit(link).path.rpartition("/")[2] for link in there] == ["change", "incident"]
    for link in there:
        for now, hours, at in (("1717000000000", 24, 1_717_000_000), ("now", 0, 0)):
            times = "from=now-24h&to=now" if now == "now" else "from=1716913600000&to=1717000000000"
            address = re.sub(r"\$\{__(data|value)[^}]*\}", "x", link.replace("${__url_time_range}", times))
            address = interpolated(
                address, {"workspace": "a b&c", "aftermerge": "https://aftermerge.example"}
            )
            assert "$" not in address
            read = addresses.chosen(dict(parse_qsl(urlsplit(address).query)))
            assert (read.workspace, read.hours, read.at, read.wrong) == ("a b&c", hours, at, "")


@DASHBOARD
def test_what_happened_meanwhile_can_be_asked_for(world: Store, told: Dashboard) -> None:
    since, until = looked_up(world, "acme", BEGIN, END)
    everything: dict[str, object] = dict.fromkeys(told.offered, ALL)
    chosen = everything | {"workspace": "acme", "since": since, "until": until}
    for annotation in page(told)["annotations"]["list"]:
        answer = world.query(sent(annotation["target"]["rawSql"], chosen, BEGIN, END))
        assert answer.rows, annotation["name"]
        assert {"time", "title", "text", "tags", "thing"} <= set(answer.columns), annotation["name"]


def test_whatever_a_service_is_called_it_can_be_chosen(dsn: str) -> None:
    for store in fresh(dsn):
        store.migrate()
        named = dict(zip(NAMES, map(str, range(len(NAMES))), strict=True))
        facts = [
            row(DeploymentFact, deployment=number, service=name, environment="production")
            for name, number in named.items()
        ]
        store.insert_facts("deployments", WORKSPACE, 1, facts)
        text = statement("SELECT deployment FROM recent_deployments WHERE service = {service:String}")
        for name, number in named.items():
            assert store.query(sent(text, {"service": name}, BEGIN, END)).rows == [(number,)], name


def test_alerts_can_be_asked_for_and_are_paused(world: Store) -> None:
    made = yaml.safe_load((build.ROOT / "provisioning/alerting/rules.yaml").read_text())
    (group,) = made["groups"]
    told = {rule["uid"]: rule for rule in group["rules"]}
    assert len(told) == len(ALERTS)
    answered = 0
    for alert, rule in zip(ALERTS, group["rules"], strict=True):
        assert rule["isPaused"], "nothing pages until somebody switched it on"
        answer = world.query(sent(rule["data"][0]["model"]["rawSql"], {}, BEGIN, END))
        numbers = [name for name in answer.columns if name == "value"]
        assert numbers == ["value"]
        # a text column each is a label; without one a row could not be told from another
        assert "workspace" in answer.columns
        if not alert.severity:
            at = answer.columns.index("severity")
            assert {found[at] for found in answer.rows} <= {"page", "ticket", "security"}
        answered += len(answer.rows)
    assert answered


def test_places_do_not_overlap_and_fill_lines() -> None:
    def of(wide: int, tall: int) -> Panel:
        return Panel("k", "t", "q.", Form.TABLE, "SELECT 1", (), wide=wide, tall=tall)

    found = [(left, top) for _, left, top in places((of(6, 4), of(6, 8), of(PARTS, 3), of(4, 5), of(4, 5)))]
    assert found == [(0, 0), (6, 0), (0, 8), (0, 11), (4, 11)]
