"""``aftermerge simulate``: what it writes is read, what it appends is evaluated, what can't be is said."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import get_args

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from pipeline.cli.exits import Exit
from pipeline.simulate.options import MODES, Faults
from pipeline.simulate.truth import TrueIncident, Truth

SMALL = ("--services", "6", "--teams", "2", "--weeks", "2", "--seed", "5")


@pytest.fixture(autouse=True)
def _opens_directories(own_engine: None, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("AFTERMERGE_")]:
        monkeypatch.delenv(name)


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


def counts(result: Result) -> dict[str, int]:
    assert result.exit_code == Exit.OK, result.stderr
    return {line["what"]: line["value"] for line in json.loads(result.stdout) if line["section"] == "result"}


def test_the_same_options_give_the_same_bytes(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.jsonl", "b.jsonl", "c.jsonl.gz", "d.jsonl.gz")]
    truths = [tmp_path / f"{file.name}.truth" for file in files]
    for file, truth in zip(files, truths, strict=True):
        told = run("simulate", *SMALL, "--to", file, "--truth", truth)
        assert told.exit_code == Exit.OK, told.stderr
        assert f"events written to {file}" in told.stderr
    plain = files[0].read_bytes()
    assert plain == files[1].read_bytes() == gzip.decompress(files[2].read_bytes())
    assert files[2].read_bytes() == files[3].read_bytes()
    assert files[2].read_bytes()[4:8] == bytes(4)  # gzip's time of writing
    assert len({truth.read_bytes() for truth in truths}) == 1
    assert not list(tmp_path.glob("*.part"))
    piped = run("simulate", *SMALL, "--to", "-")
    assert piped.stdout_bytes == plain


def test_as_many_events_as_asked(tmp_path: Path) -> None:
    file = tmp_path / "world.jsonl"
    told = run("simulate", "--services", "6", "--teams", "2", "--events", "3000", "--to", file)
    assert told.exit_code == Exit.OK, told.stderr
    assert len(file.read_bytes().splitlines()) == 3_000


@pytest.mark.slow
def test_what_is_written_is_replayed_and_again_it_changes_nothing(tmp_path: Path) -> None:
    file, data = tmp_path / "world.jsonl.gz", tmp_path / "data"
    made = run("simulate", *SMALL, "--duplicates", "0.1", "--late", "0.1", "--to", file)
    assert made.exit_code == Exit.OK, made.stderr
    lines = len(gzip.decompress(file.read_bytes()).splitlines())
    first = counts(run("--data", data, "replay", file, "--as-received", "--format", "json"))
    assert (first["events appended"], first["dead letters"]) == (lines, 0)
    assert first["rows written"] > 0
    again = counts(run("--data", data, "replay", file, "--as-received", "--format", "json"))
    assert (again["events appended"], again["events already known"]) == (0, lines)
    assert again["rows written"] == 0


@pytest.mark.slow
def test_what_is_appended_is_evaluated_and_the_model_finds_more_than_a_rule(tmp_path: Path) -> None:
    data, truth = tmp_path / "data", tmp_path / "truth.jsonl"
    world = ("--services", "12", "--teams", "3", "--weeks", "6", "--failure-rate", "0.1", "--truth", truth)
    made = run("--data", data, "simulate", *world, "--into-log", "--format", "json")
    done = counts(made)
    assert done["dead letters"] == 0
    assert done["events appended"] > 10_000
    told = [json.loads(line) for line in truth.read_text().splitlines()]
    assert told[0]["what"] == "world"
    incidents = [row for row in told if row["what"] == TrueIncident.__struct_config__.tag]
    caused = [row for row in incidents if row.get("culprits")]
    (line,) = [line for line in json.loads(made.stdout) if line["what"] == "incidents"]
    assert line["value"] == len(incidents)
    evaluated = run("--data", data, "evaluate", "--format", "json")
    assert evaluated.exit_code == Exit.OK, evaluated.stderr
    rows = {row["model"]: row for row in json.loads(evaluated.stdout) if row["stratum"] == "all"}
    assert 30 < rows["intensity"]["n"] <= len(caused)
    assert rows["intensity"]["top1"] > rows["last-deployment"]["top1"] + 0.1
    assert rows["intensity"]["top1"] > 0.4


@pytest.mark.slow
def test_deployments_bring_what_the_truth_says(tmp_path: Path) -> None:
    data, truth = tmp_path / "data", tmp_path / "truth.jsonl"
    made = run("--data", data, "simulate", *SMALL[:-2], "--truth", truth, "--into-log", "--weeks", "4")
    assert made.exit_code == Exit.OK, made.stderr
    asked = run(
        "--data", data, "sql", "--format", "json",
        "SELECT deployment, changes, transition FROM deployments FINAL WHERE environment = 'production'",
    )  # fmt: skip
    assert asked.exit_code == Exit.OK, asked.stderr
    brought = {row["deployment"]: row for row in json.loads(asked.stdout)}
    told = [json.loads(line) for line in truth.read_text().splitlines()]
    regular = [
        row for row in told
        if row["what"] == "deployment" and row["role"] == "regular"
        and brought[row["deployment"]]["transition"] == "forward"
    ]  # fmt: skip
    right = [row for row in regular if int(brought[row["deployment"]]["changes"]) == row["changes"]]
    assert len(regular) > 50
    # after a rollback a deployment brings what was undone once more, and with it what repairs it
    assert len(right) / len(regular) > 0.85
    back = [row for row in told if row["what"] == "deployment" and row["role"] == "rollback"]
    assert all(brought[row["deployment"]]["transition"] == "rollback" for row in back)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "say where to"),
        (("--to", "-", "--into-log"), "say where to"),
        (("--to", "-", "--weeks", "2", "--events", "10"), "give one of them"),
        (("--to", "-", "--weeks", "0"), "--weeks: 0 is not from 1"),
        (("--to", "-", "--events", "0"), "--events: 0"),
        (("--to", "-", "--events", "900000000"), "give more --services"),
        (("--to", "-", "--late", "2"), "--late: 2.0 is no share"),
        (("--to", "-", "--plant", "laziness"), "'laziness' is none of"),
        (("--to", "-", "--plant", "flaky-tests@x"), "'x' is no week"),
        (("--to", "-", "--plant", "flaky-tests:acme/nowhere"), "there is no repository 'acme/nowhere'"),
        (("--into-log", "--end", "2070-01-01"), "--end lies in the future"),
    ],
)
def test_what_can_not_be_is_said(tmp_path: Path, arguments: tuple[str, ...], says: str) -> None:
    told = run("--data", tmp_path / "data", "simulate", *arguments)
    assert told.exit_code == Exit.USAGE
    assert says in told.stderr
    assert told.stdout == ""
    assert not (tmp_path / "data").exists()


def test_the_page_names_every_mode_and_every_kind_of_truth() -> None:
    page = (Path(__file__).parents[2] / "docs" / "simulate.md").read_text(encoding="utf-8")
    kinds = [kind.__struct_config__.tag for kind in get_args(Truth)]
    assert len(kinds) > 10
    for name in [*MODES, *kinds, *(f"--{name.replace('_', '-')}" for name in Faults.__struct_fields__)]:
        assert f"`{name}`" in page, name
    for kind in get_args(Truth):
        row = page.partition(f"| `{kind.__struct_config__.tag}` |")[2].partition("\n")[0]
        for member in kind.__struct_fields__:
            assert f"`{member}`" in row or kind.__name__ in ("TrueWorld", "TrueReview"), (kind, member)
