"""Changes and deployments, the names by which things are found, and the JSON document."""

from __future__ import annotations

import json
from datetime import datetime

import pytest

from pipeline.core.facts import DeploymentFact
from pipeline.explain import SeveralFindings, as_document
from pipeline.log.sqlite import SqliteLog
from pipeline.store import Store
from tests.explain import scenes
from tests.explain.conftest import Told
from tests.worlds import deployed, incident, merged, sha

CHANGE = """\
change acme/api#1
  Cache the answers
  merged; +40 -2 lines; 2 files; touches app, docs

opened     2024-01-01 03:00
review     2024-01-01 05:00 first of 2, 2 h after it was opened
approved   2024-01-01 07:00 1 approval; 1 review asked for changes
merged     2024-01-01 08:00 as 8f7684d4f0, 5 h after it was opened
live       2024-01-01 09:00 with api v1, 60 min after the merge
           link: merged on the branch since the deployment before
reverted   2024-01-01 09:36 by acme/api#2  Revert "Cache the answers"
risk       1.9% to break production, before any incident
incidents  1 incident laid to it
    >99% 2024-01-01 09:18 i1  Answers are stale
"""

DIRECT = """\
change acme/api@24a1733ca8bb0ae45a3ffd1eeddc926b2fc5841f
  Quick fix
  merged; direct commit, no request

opened     not told
review     no review is known
approved   no approval is known
merged     2024-01-01 10:00 as 24a1733ca8
live       no deployment to production is known that brought it
risk       2.0% to break production, before any incident
incidents  none
"""

BASELINE = """\
deployment api v0
  api v0, production: the first deployment known

live       2024-01-01 01:00, until 2024-01-01 09:00
commit     acme/api a2c833c597
replaced   nothing that is known
reported   by ci
risk       3.0% to break production, before any incident
changes    0: the first deployment known, there is nothing to compare it with
incidents  none; 1 more below 5%
"""

UNDONE = """\
deployment api v3
  api v3, production: a new version

live       2024-01-03 22:00, until 2024-01-03 23:00
commit     acme/api 7bf8358e58
replaced   api v2, live since 2024-01-02 00:00 (1.9 days)
undone     2024-01-03 23:00 by api v2, after 60 min
reported   by ci
risk       3.4% to break production, before any incident
changes    2 (merged on the branch since the deployment before)
     3.1% acme/api#3  Faster index
     0.3% acme/api#4  Docs
incidents  1 incident laid to it
    >99% 2024-01-03 22:30 i1  Searches fail
"""

ROLLBACK = """\
deployment api v2 again
  api v2, production: a rollback to an earlier version

live       2024-01-03 23:00, still live
commit     acme/api 7d6ffdedf9
replaced   api v3, live since 2024-01-03 22:00 (60 min)
undoes     api v3, live 60 min before
reported   by ci
risk       3.0% to break production, before any incident
changes    0: a rollback brings nothing new
incidents  none
"""


@pytest.fixture(scope="module")
def life(parts: tuple[SqliteLog, Store]) -> Told:
    """The life of a change, told once."""
    return Told(*parts).tell(*scenes.life())


def test_the_life_of_a_change(life: Told) -> None:
    assert life.text("acme/api#1") == CHANGE


def test_a_direct_commit(life: Told) -> None:
    assert life.text(f"acme/api@{sha('direct')[:8]}") == DIRECT


def test_the_first_deployment(life: Told) -> None:
    assert life.text("api v0") == BASELINE


def test_a_deployment_that_was_undone(told: Told) -> None:
    assert told.tell(*scenes.rollback()).text("api v3") == UNDONE


def test_a_rollback_says_what_it_undoes(told: Told) -> None:
    assert told.tell(*scenes.rollback()).text("api v2 again") == ROLLBACK


def test_one_rollback_undoes_everything_since_the_version_it_restores(told: Told) -> None:
    told.tell(
        deployed("api", 1, tag="v1"),
        deployed("api", 2, tag="v2"),
        deployed("api", 3, tag="v3"),
        deployed("api", 4, tag="v1", key="api v1 again"),
        deployed("api", 5, tag="v4"),
    )
    for undone in ("api v2", "api v3"):
        assert "undone     2024-01-01 04:00 by api v1" in told.text(undone)
    for standing in ("api v1", "api v4", "api v1 again"):
        assert "undone" not in told.text(standing)


@pytest.mark.parametrize(
    ("name", "first_line"),
    [
        ("i1", "incident i1"),
        ("acme/api#1", "change acme/api#1"),
        ("api#1", "change acme/api#1"),
        ("#1", "change acme/api#1"),
        (" #1 ", "change acme/api#1"),
        (sha("api#1"), "change acme/api#1"),
        (sha("api#1")[:7], "change acme/api#1"),
        (f"acme/api@{sha('api#1')[:9]}", "change acme/api#1"),
        ("v1", "deployment api v1"),
        ("api v1", "deployment api v1"),
    ],
)
@pytest.mark.parametrize("hours", [None, 20.0])
def test_names(life: Told, name: str, first_line: str, hours: float | None) -> None:
    assert life.text(name, hours).startswith(f"{first_line}\n")


@pytest.mark.parametrize(
    "name",
    [
        "",
        " ",
        "1",
        "i",
        "pi#1",
        "other/api#1",
        sha("api#1")[:6],
        f"other/api@{sha('api#1')}",
        "'; --",
        "{name:String}",
        "\0",
        "\\",
    ],
)
@pytest.mark.parametrize("hours", [None, 20.0])
def test_names_of_nothing(life: Told, name: str, hours: float | None) -> None:
    assert life.find(name, hours) is None


@pytest.mark.parametrize("hours", [None, 20.0])
def test_a_name_of_several_things_lists_them(told: Told, hours: float | None) -> None:
    told.tell(
        merged("api#7", 1, title="Seven"),
        merged("web#7", 2, title="Siete"),
        deployed("api", 3, tag="v7"),
        deployed("web", 4, tag="v7"),
        incident("acme/api#7", 5, title="A key that a change has too"),
    )
    found = told.explain("v7", hours)
    assert isinstance(found, SeveralFindings)
    assert {named.key for named in found.matches} == {"api v7", "web v7"}
    lines = told.text("#7", hours).splitlines()
    assert lines[0] == "#7 means 3 things; say which:"
    assert "  acme/web#7  Siete" in lines
    assert lines.index("incidents") < lines.index("changes")
    assert told.text("acme/api#7", hours).startswith("incident acme/api#7\n")


@pytest.mark.parametrize("hours", [None, 20.0])
def test_the_end_of_a_tag_finds_its_deployment(told: Told, hours: float | None) -> None:
    told.tell(
        deployed("api", 1, tag="production/v449", key="first"),
        deployed("web", 2, tag="production/v450", key="second"),
        deployed("api", 3, tag="production/v450", key="third"),
        deployed("web", 4, tag="v449-rc", key="fourth"),
        deployed("api", 5, tag="production/v451", key="fifth"),
        deployed("web", 6, tag="v451", key="sixth"),
    )
    for name in ("v449", "api v449", "production/v449"):
        assert told.text(name, hours).startswith("deployment first\n"), name
    assert told.text("web v450", hours).startswith("deployment second\n")
    assert told.text("v451", hours).startswith("deployment sixth\n"), "a whole tag wins"
    several = told.explain("v450", hours)
    assert isinstance(several, SeveralFindings)
    assert {named.key for named in several.matches} == {"second", "third"}
    for name in ("449", "9", "web v449", "/v449"):
        assert told.find(name, hours) is None, name


@pytest.mark.parametrize("hours", [None, 20.0])
def test_every_reporters_key_finds_the_deployment(told: Told, hours: float | None) -> None:
    told.tell(
        deployed("api", 1, tag="v1", key="ci 17", source="ci"),
        deployed("api", 1.1, tag="v1", key="gitops abc", source="gitops"),
        deployed("web", 1, tag="v1", key="ci 18", source="ci"),
    )
    for key in ("ci 17", "gitops abc"):
        page = told.text(key, hours)
        assert page.startswith("deployment ci 17\n")
        assert "by ci, gitops" in page
    assert told.text("ci 18", hours).startswith("deployment ci 18\n")
    assert told.find("ci 19", hours) is None


@pytest.mark.parametrize("name", ["i1", "acme/api#3", "api v3", "#1"])
@pytest.mark.parametrize("hours", [None, 95.0])
def test_the_document_is_json_with_times_in_utc(told: Told, name: str, hours: float | None) -> None:
    told.tell(*scenes.verdict(), merged("web#1", 1))
    document = as_document(told.explain(name, hours))
    assert json.loads(json.dumps(document)) == document
    for path, value in leaves(document):
        if path[-1].endswith("_at") and value is not None:
            assert isinstance(value, str), path
            assert value.endswith("Z"), path
            assert datetime.fromisoformat(value).utcoffset() is not None


def leaves(value: object, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], object]]:
    if isinstance(value, dict):
        return [leaf for key, item in value.items() for leaf in leaves(item, (*path, key))]
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item, path)]
    return [(path, value)]


def test_the_document_of_an_incident_holds_everything(told: Told) -> None:
    told.tell(*scenes.verdict())
    document = as_document(told.explain("i1"))
    assert document["kind"] == "incident"
    incident_row = document["incident"]
    assert isinstance(incident_row, dict)
    assert incident_row["verdict"] == "confirmed"
    assert incident_row["opened_at"] == "2024-01-03T22:30:00Z"
    assert "pager i1 detected" in incident_row["events"]
    candidates = document["candidates"]
    assert isinstance(candidates, list)
    assert [candidate["candidate"] for candidate in candidates] == [
        "api v2",
        "api v3",
        "api v1",
    ]
    second = candidates[1]
    assert {"risk", "lag", "nearness", "rolled_back", "recovered"} <= second["factors"].keys()
    assert {reason["name"] for reason in second["reasons"]} == second["factors"].keys()
    assert [entry["key"] for entry in second["changes"]] == ["acme/api#3", "acme/api#4"]
    parts = [document[name]["probability"] for name in ("none", "unseen", "rest")]  # type: ignore[index]
    total = sum(candidate["probability"] for candidate in candidates) + sum(parts)
    assert total == pytest.approx(1.0, abs=1e-4)
    verdicts = document["verdicts"]
    assert isinstance(verdicts, list)
    assert verdicts[0]["because"] == "postmortem: the cache was stale"
    assert verdicts[0]["time"] == "2024-01-04T18:00:00Z"


def test_the_documents_names_are_those_of_the_tables(life: Told) -> None:
    document = as_document(life.explain("api v1"))
    deployment = document["deployment"]
    assert isinstance(deployment, dict)
    assert list(deployment) == list(DeploymentFact.__struct_fields__)
    assert deployment["live_at"] == "2024-01-01T09:00:00Z"
    assert document["as_of"] is None
    assert as_document(life.explain("api v1", 20))["as_of"] == "2024-01-01T20:00:00Z"
