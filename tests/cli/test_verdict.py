"""``verdict``, ``explain`` and ``rebuild`` end to end: a person's word restates, and can be taken back."""

from __future__ import annotations

import json
import os
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from pipeline.cli.exits import Exit
from pipeline.cli.instants import machine_now
from pipeline.core.events import ChangeMerged, DeploymentFinished, Event, IncidentDetected
from pipeline.sources.cloudevents import render

HOUR = 3_600_000_000
DAY = 24 * HOUR
LONG_AGO = 1_500_000_000_000_000


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AFTERMERGE_")]:
        monkeypatch.delenv(name)


def run(data: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["--data", str(data), *map(str, arguments)])


def rows(data: Path, query: str) -> list[dict[str, object]]:
    result = run(data, "sql", "--format", "json", query)
    assert result.exit_code == Exit.OK, result.stderr
    found: list[dict[str, object]] = json.loads(result.stdout)
    return found


def incident(data: Path, name: str) -> dict[str, object]:
    (found,) = rows(data, f"SELECT * FROM incidents FINAL WHERE has(members, '{name}')")
    return found


def head(identifier: str, time: int) -> tuple[str, str, int, int, bool, int, int, bool, int]:
    return (identifier, "git/acme/api", time, time, True, 0, 1, False, 0)


def outage(number: int, time: int) -> list[Event]:
    """One change, its deployment, and an incident ten minutes after it."""
    change, sha = f"acme/api#{number}", f"{number:040x}"
    return [
        ChangeMerged(
            *head(f"git {change} merged", time - HOUR),
            change=change,
            repository="acme/api",
            number=number,
            sha=sha,
        ),
        DeploymentFinished(
            *head(f"git api/{number} finished", time - HOUR // 6),
            deployment=f"api/production:{number}",
            service="api",
            environment="production",
            tag=f"v{number}",
            repository="acme/api",
            sha=sha,
        ),
        IncidentDetected(
            *head(f"pager INC-{number} detected", time),
            incident=f"INC-{number}",
            service="api",
            environment="production",
        ),
    ]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A living workspace with two incidents of the last weeks and one of long ago."""
    now = machine_now()
    events = [*outage(1, LONG_AGO), *outage(7, now - 20 * DAY), *outage(8, now - 10 * DAY)]
    (tmp_path / "in.jsonl").write_bytes(b"\n".join(render(event, "default") for event in events))
    assert run(tmp_path / "data", "replay", tmp_path / "in.jsonl").exit_code == Exit.OK
    return tmp_path / "data"


def give(data: Path, name: str, *what: str) -> Result:
    return run(data, "verdict", name, *what, "--by", "Dana", "--because", "the postmortem says so")


def test_a_word_restates_and_can_be_taken_back(data: Path) -> None:
    before = incident(data, "INC-8")
    assert before["verdict"] != "confirmed"
    told = give(data, "INC-8", "--change", "none")
    assert told.exit_code == Exit.OK, told.stderr
    assert "none" in told.stdout
    assert incident(data, "INC-8")["cause"] == "none"
    assert incident(data, "INC-7")["cause"] != "none", "the other incident has its own cause"
    assert give(data, "INC-8", "--change", "acme/api#8").exit_code == Exit.OK
    assert incident(data, "INC-8")["cause"] != "none", "the later word holds"
    assert give(data, "INC-8", "--change", "acme/api#8", "--retract").exit_code == Exit.OK
    assert incident(data, "INC-8")["cause"] == "none", "the word before it holds again"
    again = give(data, "INC-8", "--change", "acme/api#8", "--retract")
    assert again.exit_code == Exit.NOTHING, "it can't be taken back twice"
    assert "what stands: verdict INC-8 by none cause" in again.stderr
    assert give(data, "INC-8", "--change", "none", "--retract").exit_code == Exit.OK
    after = incident(data, "INC-8")
    assert after["verdict"] == before["verdict"]
    assert after["probability"] == before["probability"]


def test_a_change_is_also_named_by_its_commit(data: Path) -> None:
    told = give(data, "INC-8", "--change", f"{8:040x}")
    assert told.exit_code == Exit.OK, told.stderr
    (word,) = rows(data, "SELECT cause, by, because FROM events_verdict_given FINAL")
    assert word["cause"] == "acme/api#8"
    assert str(word["by"]).startswith("p:"), "a token, never a name"
    assert "Dana" not in str(rows(data, "SELECT * FROM events_verdict_given"))


def test_two_incidents_are_one(data: Path) -> None:
    assert give(data, "INC-8", "--merge-into", "INC-7").exit_code == Exit.OK
    assert set(incident(data, "INC-8")["members"]) == {"INC-7", "INC-8"}  # type: ignore[call-overload]
    assert give(data, "INC-8", "--merge-into", "INC-7", "--retract").exit_code == Exit.OK
    assert incident(data, "INC-8")["members"] == ["INC-8"]


def test_an_onset_and_an_ignored_deployment(data: Path) -> None:
    onset = rows(
        data, "SELECT opened_at - INTERVAL 5 MINUTE AS t FROM incidents FINAL WHERE incident = 'INC-8'"
    )
    told = give(data, "INC-8", "--onset", str(onset[0]["t"]), "--ignore-deployment", "api/production:8")
    assert told.exit_code == Exit.OK, told.stderr
    found = incident(data, "INC-8")
    assert found["onset_at"] == onset[0]["t"]
    query = "SELECT candidate FROM attributions FINAL WHERE incident = 'INC-8' AND kind = 'deployment'"
    assert {"candidate": "api/production:8"} not in rows(data, query)


def test_a_word_about_long_ago_is_applied_and_moves_no_clock(data: Path) -> None:
    newest = rows(data, "SELECT max(opened_at) AS t FROM incidents FINAL")
    told = give(data, "INC-1", "--change", "unseen")
    assert told.exit_code == Exit.OK, told.stderr
    assert incident(data, "INC-1")["cause"] == "unseen"
    (word,) = rows(data, "SELECT time, imported FROM events_verdict_given FINAL")
    assert str(word["time"]).startswith("2017-")
    assert word["imported"] in (True, 1)
    assert rows(data, "SELECT max(opened_at) AS t FROM incidents FINAL") == newest


def test_of_words_about_long_ago_the_one_said_last_holds(data: Path) -> None:
    """They are all dated alike."""
    for change in ("unseen", "none", "acme/api#1", "unseen"):
        assert give(data, "INC-1", "--change", change).exit_code == Exit.OK
    assert incident(data, "INC-1")["cause"] == "unseen"
    assert give(data, "INC-1", "--change", "unseen", "--retract").exit_code == Exit.OK
    assert incident(data, "INC-1")["cause"] == "api/production:1"
    page = run(data, "explain", "INC-1").stdout
    assert "named acme/api#1" in page
    assert "named none" not in page


def test_an_onset_that_is_taken_back_leaves_the_one_before(data: Path) -> None:
    opened = rows(data, "SELECT opened_at AS t FROM incidents FINAL WHERE incident = 'INC-8'")[0]["t"]
    told = datetime.fromisoformat(str(opened))
    first, second = ((told - timedelta(minutes=minutes)).isoformat() for minutes in (5, 3))
    for onset in (first, second):
        assert give(data, "INC-8", "--onset", onset).exit_code == Exit.OK
    assert give(data, "INC-8", "--onset", second, "--retract").exit_code == Exit.OK
    found = incident(data, "INC-8")
    assert datetime.fromisoformat(str(found["onset_at"])) == datetime.fromisoformat(first)


@pytest.mark.parametrize(
    ("name", "what", "said"),
    [
        ("INC-9", ["--change", "none"], "no incident 'INC-9'"),
        ("INC-8", ["--change", "acme/api#99"], "no change 'acme/api#99'"),
        ("INC-8", ["--merge-into", "INC-9"], "no incident 'INC-9'"),
        ("INC-8", ["--ignore-deployment", "api"], "no deployment 'api'"),
    ],
)
def test_what_is_not_there_is_exit_5_with_what_is_most_like_it(
    data: Path, name: str, what: list[str], said: str
) -> None:
    told = give(data, name, *what)
    assert told.exit_code == Exit.NOTHING
    assert said in told.stderr
    assert "most like it" in told.stderr


def test_an_incident_is_not_merged_into_itself(data: Path) -> None:
    assert give(data, "INC-8", "--merge-into", "INC-8").exit_code == Exit.USAGE


@pytest.mark.parametrize("onset", ["0001-01-01", "2999-01-01"])
def test_an_onset_lies_in_the_past_and_in_our_times(data: Path, onset: str) -> None:
    told = give(data, "INC-8", "--onset", onset)
    assert told.exit_code == Exit.USAGE
    assert "before 1990" in told.stderr


def test_a_rebuild_changes_no_row(data: Path) -> None:
    assert give(data, "INC-8", "--change", "none").exit_code == Exit.OK
    tables = (
        "changes",
        "deployments",
        "deployment_changes",
        "incidents",
        "attributions",
        "change_attributions",
    )
    query = "SELECT * EXCEPT (version, is_deleted) FROM {} FINAL ORDER BY ALL"
    before = {table: rows(data, query.format(table)) for table in tables}
    assert run(data, "rebuild").exit_code == Exit.OK
    assert {table: rows(data, query.format(table)) for table in tables} == before


def test_explain_names_the_cause_in_25_lines(data: Path) -> None:
    told = run(data, "explain", "INC-8")
    assert told.exit_code == Exit.OK, told.stderr
    assert "acme/api#8" in told.stdout
    assert len(told.stdout.splitlines()) <= 25
    document = json.loads(run(data, "explain", "INC-8", "--json").stdout)
    assert document["kind"] == "incident"


def test_explain_tells_what_was_known_then(data: Path) -> None:
    assert give(data, "INC-8", "--change", "none").exit_code == Exit.OK
    opened = str(incident(data, "INC-8")["opened_at"])
    now, then = run(data, "explain", "INC-8"), run(data, "explain", "INC-8", "--as-of", opened)
    assert then.exit_code == Exit.OK, then.stderr
    assert "postmortem" in now.stdout
    assert "postmortem" not in then.stdout


def test_explain_of_nothing_and_of_several_things(data: Path) -> None:
    assert run(data, "explain", "INC-9").exit_code == Exit.NOTHING
    several = run(data, "explain", "8")
    assert several.exit_code in (Exit.NOTHING, Exit.USAGE), "too short a name is no guess"


def test_evaluate_without_a_known_cause_is_nothing(data: Path) -> None:
    told = run(data, "evaluate")
    assert told.exit_code == Exit.NOTHING
    assert "--incidents-from" in told.stderr
