"""``aftermerge import git`` as a person types it: from a clone to rows, questions, and a measured answer."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from pipeline.cli.exits import Exit
from tests.sources.git.clones import Clone

DAYS = 12


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AFTERMERGE_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A change and a tag a day; every fourth change is taken back six hours later, under a tag of its own."""
    made = Clone(tmp_path / "api")
    made.commit("Begin", 0, {"app/main.py": "print()"})
    made.git("tag", "v1.0.0", hours=1)
    for day in range(1, DAYS):
        sha = made.commit(f"Change {day} (#{day})", 24 * day, {f"app/part{day}.py": f"{day}"})
        made.git("tag", f"v1.{day}.0", hours=24 * day + 1)
        if day % 4 == 0:
            message = f'Revert "Change {day} (#{day})"\n\nThis reverts commit {sha}.'
            made.commit(message, 24 * day + 6, {f"app/part{day}.py": ""})
            made.git("tag", f"v1.{day}.1", hours=24 * day + 7)
    return made.path


def run(data: Path, *arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["--data", str(data), *map(str, arguments)])


def import_git(data: Path, clone: Path) -> Result:
    result = run(data, "import", "git", clone, "--incidents-from", "reverts", "--format", "json")
    assert result.exit_code == Exit.OK, result.stderr
    return result


def told(result: Result, section: str) -> dict[str, object]:
    return {line["what"]: line["value"] for line in json.loads(result.stdout) if line["section"] == section}


def notes(result: Result) -> str:
    return " ".join(line["remark"] for line in json.loads(result.stdout) if line["section"] == "note")


def test_a_clone_that_is_cut_short_is_done_in_part(clone: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut"
    told = ["git", "clone", "--quiet", "--depth", "3", clone.as_uri(), str(cut)]
    subprocess.run(told, check=True, capture_output=True)
    result = run(tmp_path / "data", "import", "git", cut, "--format", "json")
    assert result.exit_code == Exit.PARTLY
    assert "git fetch --unshallow --tags" in notes(result)
    assert rows(tmp_path / "data", "SELECT count() AS n FROM changes FINAL")[0]["n"] in (2, 3)


def test_a_tag_that_names_no_commit_is_a_note(clone: Path, tmp_path: Path) -> None:
    """Nobody can repair an old tag of a tree: it is said, and a script goes on."""
    subprocess.run(["git", "-C", clone, "tag", "v9.9.9", "HEAD^{tree}"], check=True, capture_output=True)
    result = run(tmp_path / "data", "import", "git", clone, "--format", "json")
    assert result.exit_code == Exit.OK
    assert "1 tags name no commit (v9.9.9): left out" in notes(result)


def test_an_empty_repository_is_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    subprocess.run(["git", "init", "--quiet", str(empty)], check=True, capture_output=True)
    result = run(tmp_path / "data", "import", "git", empty)
    assert result.exit_code == Exit.USAGE
    assert str(empty) in result.stderr


def rows(data: Path, query: str) -> list[dict[str, object]]:
    result = run(data, "sql", "--format", "json", query)
    assert result.exit_code == Exit.OK, result.stderr
    found: list[dict[str, object]] = json.loads(result.stdout)
    return found


def test_a_clone_becomes_changes_deployments_and_incidents(tmp_path: Path, clone: Path) -> None:
    data = tmp_path / "data"
    first = import_git(data, clone)
    reverted = DAYS // 4 - (DAYS % 4 == 0)
    (counted,) = rows(
        data,
        "SELECT (SELECT count() FROM changes FINAL) AS changes, (SELECT count() FROM deployments FINAL) AS"
        " deployments, (SELECT count() FROM incidents FINAL) AS incidents",
    )
    assert counted == {
        "changes": DAYS + reverted,
        "deployments": DAYS + reverted,
        "incidents": reverted,
    }
    assert told(first, "result")["rows written"]
    assert told(import_git(data, clone), "result")["rows written"] == 0


def test_it_says_which_questions_this_history_answers(tmp_path: Path, clone: Path) -> None:
    result = run(tmp_path / "data", "import", "git", clone, "--incidents-from", "reverts")
    assert result.exit_code == Exit.OK, result.stderr
    questions = [line for line in result.stdout.splitlines() if line.startswith("question")]
    answers = {re.split(r" {2,}", line)[1]: re.split(r" {2,}", line.strip())[2:] for line in questions}
    assert answers["Which change most likely caused which incident?"] == ["yes"]
    assert answers["Whose code was touched (CODEOWNERS)?"] == ["no", "commit a CODEOWNERS file"]
    assert answers["What drifted, which error budget burns?"][0] == "no"
    assert len(answers) == 8


def test_what_caused_an_incident_is_kept_for_evaluate_alone(tmp_path: Path, clone: Path) -> None:
    data = tmp_path / "data"
    import_git(data, clone)
    result = run(data, "evaluate", "--format", "json")
    assert result.exit_code == Exit.OK, result.stderr
    judged = [line for line in json.loads(result.stdout) if line["stratum"] == "all"]
    assert {line["n"] for line in judged} == {DAYS // 4 - (DAYS % 4 == 0)}
    assert run(data, "evaluate").stdout.splitlines()[0].split()[-3:] == ["none", "Brier", "ECE"]
    exported = run(data, "export")
    assert "Change 4" in exported.stdout
    assert '"reverts":["' not in exported.stdout.replace(" ", "")
