"""``import catalogue`` end to end: again, edited, removed, refused; beside a history and another process."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from pipeline.cli.exits import Exit
from pipeline.persons import KEY_FILE, open_persons
from pipeline.resources import examples
from tests.cli.test_imports import clean_environment, counts, exported, run, world, written
from tests.cli.test_while_up import up

__all__ = ["clean_environment"]

EXAMPLE = examples() / "catalogue.yaml"
CATALOGUE = """\
teams:
  money: {members: [ada, '@Grace'], zone: Europe/Berlin, aliases: [acme/money]}
services:
  api: {team: money, tier: 1, repositories: [acme/api]}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "catalogue.yaml"
    path.write_text(CATALOGUE, "utf-8")
    return path


def imported(data: Path, *files: Path) -> dict[str, int]:
    return counts(run(data, "import", "catalogue", *files, "--format", "json"))


def lines(result: Result, section: str) -> list[dict[str, Any]]:
    return [line for line in json.loads(result.stdout) if line["section"] == section]


def rows(data: Path, query: str) -> Any:
    result = run(data, "sql", query, "--format", "json")
    assert result.exit_code == Exit.OK, result.stderr
    return json.loads(result.stdout)


def teams(data: Path, columns: str = "members") -> Any:
    tellings = "SELECT * FROM events_team_declared FINAL ORDER BY source_version DESC LIMIT 1 BY id"
    return rows(data, f"SELECT {columns} FROM ({tellings}) WHERE NOT retracted ORDER BY time")


def named(data: Path) -> bytes:
    """What the log's file says, in small letters."""
    return b"".join(path.read_bytes().lower() for path in data.glob("log.sqlite*"))


def test_the_example_is_imported_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    result = run(data, "import", "catalogue", EXAMPLE, "--format", "json")
    assert [(line["what"], line["value"], line["remark"]) for line in lines(result, "read")] == [
        ("teams", 3, str(EXAMPLE)),
        ("services", 3, str(EXAMPLE)),
        ("objectives", 1, str(EXAMPLE)),
        ("classes", 1, str(EXAMPLE)),
        ("policies", 3, str(EXAMPLE)),
        ("signals", 1, str(EXAMPLE)),
    ]
    assert lines(result, "note") == []
    first = counts(result)
    assert (first["events appended"], first["rows written"], first["events behind the horizon"]) == (12, 5, 0)
    again = imported(data, EXAMPLE)
    assert (again["events appended"], again["events already known"], again["rows written"]) == (0, 12, 0)
    found = rows(data, "SELECT service, team, tier FROM services FINAL ORDER BY service")
    assert [tuple(row.values()) for row in found] == [
        ("checkout", "payments", 1),
        ("ledger", "payments", 1),
        ("search", "search", 2),
    ]


def test_members_are_kept_as_tokens_that_somebody_can_be_forgotten_by(tmp_path: Path, file: Path) -> None:
    data = tmp_path / "data"
    imported(data, file)
    persons = open_persons(data)
    assert teams(data) == [{"members": sorted(persons.person_token(login) for login in ("ada", "grace"))}]
    assert b"grace" in named(data)
    forgotten = run(data, "forget", "grace")
    assert forgotten.exit_code == Exit.OK, forgotten.output
    assert imported(data, file)["events appended"] == 0, "the token is the same"
    assert b"grace" not in named(data), "and nobody learns again whose it is"


def test_an_edited_file_is_a_new_version_from_the_newest_event_on(tmp_path: Path, file: Path) -> None:
    data, events = tmp_path / "data", world()
    newest = max(event.time for event in events)
    imported(data, file)
    assert counts(run(data, "replay", written(tmp_path / "in.jsonl", events), "--format", "json"))
    file.write_text(CATALOGUE.replace("ada, ", ""), "utf-8")
    told = imported(data, file)
    assert (told["events appended"], told["events already known"]) == (1, 1)
    found = teams(data, "length(members) AS many, toUnixTimestamp64Micro(time) AS at, year(time) AS year")
    assert [(row["many"], row["year"]) for row in found] == [(2, 1990), (1, 2023)]
    assert int(found[1]["at"]) == newest


def test_beside_an_old_history_nothing_is_behind_the_horizon_nor_newer(tmp_path: Path, file: Path) -> None:
    data, events = tmp_path / "data", world()
    run(data, "replay", written(tmp_path / "in.jsonl", events))
    before = rows(data, "SELECT max(time) AS newest, count() AS events FROM events")
    told = imported(data, file)
    assert (told["events appended"], told["events behind the horizon"]) == (2, 0)
    after = rows(data, "SELECT max(time) AS newest, count() AS events FROM events")
    assert after[0]["newest"] == before[0]["newest"]
    told_by = [row["source"] for row in rows(data, "SELECT source FROM silent_sources")]
    assert told_by == ["git/acme/api"], "who declares when something changes is not silent in between"
    assert rows(data, "SELECT team FROM services FINAL WHERE declared") == [{"team": "money"}]


def test_what_holds_from_behind_the_horizon_is_not_lost(tmp_path: Path, file: Path) -> None:
    data = tmp_path / "data"
    run(data, "replay", written(tmp_path / "in.jsonl", world()))
    file.write_text(f"valid_from: 2020-01-01\n{CATALOGUE}", "utf-8")
    result = run(data, "import", "catalogue", file, "--format", "json")
    behind = {line["what"]: line for line in lines(result, "result")}["events behind the horizon"]
    assert (behind["value"], behind["remark"]) == (2, "applied by a rebuild")
    assert result.exit_code == Exit.OK
    assert rows(data, "SELECT team FROM services FINAL WHERE declared") == [{"team": "money"}]
    assert imported(data, file)["events already known"] == 2
    file.write_text(f"valid_from: 2020-01-01\n{CATALOGUE.replace('team: money', 'team: shop')}", "utf-8")
    told = run(data, "import", "catalogue", file, "--format", "json")
    assert counts(told)["events behind the horizon"] == 1
    assert rows(data, "SELECT team FROM services FINAL WHERE declared") == [{"team": "shop"}]
    assert [line["what"] for line in lines(told, "note")] == ["teams that are not declared"]


def test_what_is_not_named_stays_until_it_is_taken_back(tmp_path: Path, file: Path) -> None:
    data = tmp_path / "data"
    imported(data, file)
    other = tmp_path / "other.yaml"
    other.write_text("teams:\n  shop: {members: [eve]}\nservices:\n  web: {team: acme/money}\n", "utf-8")
    told = run(data, "import", "catalogue", other, "--format", "json")
    notes = {
        line["what"]: (line["value"], line["remark"].rpartition(": ")[2]) for line in lines(told, "note")
    }
    assert notes == {
        "teams that are not named here": (1, "money"),
        "services that are not named here": (1, "api"),
    }
    assert len(teams(data)) == 2
    file.write_text("teams: {money: {removed: true}}\nservices: {api: {removed: true}}\n", "utf-8")
    result = run(data, "import", "catalogue", file, "--format", "json")
    assert counts(result)["events appended"] == 2
    assert [line["what"] for line in lines(result, "note")][:2] == ["teams taken back", "services taken back"]
    assert len(teams(data)) == 1
    assert rows(data, "SELECT service FROM services FINAL WHERE declared") == [{"service": "web"}]
    assert imported(data, file)["events already known"] == 2


def test_an_objective_waits_for_counts(tmp_path: Path, file: Path) -> None:
    data = tmp_path / "data"
    slos = "    slos: {availability: {target: 99.9, period: 28d}}\n"
    file.write_text(f"services:\n  api:\n{slos}", "utf-8")
    assert imported(data, file)["events appended"] == 2
    states = "SELECT slo, service, environment, target_ppm, state FROM budgets FINAL"
    row = {"slo": "availability", "service": "api", "environment": "production", "target_ppm": 999_000}
    assert rows(data, states) == [{**row, "state": "uncounted"}]
    told = tmp_path / "told.jsonl"
    count = ("--service", "api", "--seconds", "300", "--good", "99", "--total", "100", "--to-file", told)
    assert run(data, "report", "slo", "availability", "counted", *count).exit_code == Exit.OK
    assert run(data, "replay", told).exit_code == Exit.OK
    assert rows(data, states) == [{**row, "state": "within budget"}]
    file.write_text("services:\n  api:\n    slos: {availability: {removed: true}}\n", "utf-8")
    imported(data, file)
    assert rows(data, states) == [{**row, "target_ppm": None, "state": "undeclared"}]


def test_a_catalogue_comes_out_and_goes_in_again(tmp_path: Path) -> None:
    data, other = tmp_path / "data", tmp_path / "other"
    imported(data, EXAMPLE)
    events = exported(data, tmp_path / "out.jsonl")
    assert len(events) == 12
    other.mkdir(mode=0o700)
    shutil.copy(data / KEY_FILE, other / KEY_FILE)
    assert counts(run(other, "replay", tmp_path / "out.jsonl", "--format", "json"))["events appended"] == 12
    assert imported(other, EXAMPLE)["events already known"] == 12


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "teams:\n  a: {zone: Europe/Atlantis}\n",
            "catalogue.yaml:2: teams.a.zone: time zone 'Europe/Atlantis'",
        ),
        ("teams:\n  a: {membrs: []}\n", "catalogue.yaml:2: teams.a.membrs: unknown: did you mean 'members'?"),
        ("teams: [\n", "catalogue.yaml:2: no YAML"),
        ("", "catalogue.yaml: it declares nothing"),
        ("valid_from: 2200-01-01\nteams: {a: }\n", "valid_from lies in the future"),
        ("teams: {a: }\n---\nteams: {a: }\n", "the team a stands at"),
    ],
)
def test_a_bad_file_changes_nothing_and_says_where(tmp_path: Path, file: Path, text: str, told: str) -> None:
    bad = tmp_path / "bad" / "catalogue.yaml"
    bad.parent.mkdir()
    bad.write_text(text, "utf-8")
    result = run(tmp_path / "data", "import", "catalogue", file, bad)
    assert result.exit_code == Exit.USAGE
    assert told in result.stderr
    assert "nothing was imported; mend it, and run the same command again" in result.stderr
    assert result.stdout == ""
    assert not (tmp_path / "data").exists(), "it was refused before anything was opened"


def test_several_mistakes_are_told_in_as_many_lines(tmp_path: Path, file: Path) -> None:
    file.write_text("teams:\n" + "".join(f"  t{number}: {{x: }}\n" for number in range(12)), "utf-8")
    result = run(tmp_path / "data", "import", "catalogue", file)
    assert result.exit_code == Exit.USAGE
    first, *rest = result.stderr.splitlines()
    assert first == "aftermerge: 12 mistakes; nothing was imported; mend it, and run the same command again"
    assert [line.strip().removeprefix(f"{file}:").partition(":")[0] for line in rest[:-1]] == [
        str(number) for number in range(2, 12)
    ]
    assert rest[-1] == "  and 2 more"


def test_a_file_that_is_not_there_is_a_wrong_command_line(tmp_path: Path) -> None:
    result = run(tmp_path / "data", "import", "catalogue", tmp_path / "nowhere.yaml")
    assert result.exit_code == Exit.USAGE
    assert "does not exist" in result.stderr


@pytest.mark.slow
def test_a_catalogue_is_taken_in_beside_a_process_that_holds_the_directory(
    tmp_path: Path, file: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    with up(data):
        told = imported(data, file)
        assert (told["events appended"], told["events correlated"]) == (2, 2)
        again = imported(data, file)
        assert (again["events appended"], again["events already known"]) == (0, 2)
        run(data, "replay", written(tmp_path / "in.jsonl", world()))
        file.write_text(f"valid_from: 2020-01-01\n{CATALOGUE}", "utf-8")
        old = run(data, "import", "catalogue", file, "--format", "json")
        assert counts(old)["events behind the horizon"] == 2, (
            "and the process that holds it makes the rebuild"
        )
        assert rows(data, "SELECT team FROM services FINAL WHERE declared") == [{"team": "money"}]
