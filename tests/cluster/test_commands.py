"""The other commands where the log is Kafka's: they say what they say on a data directory."""

from __future__ import annotations

import gzip
import json
import subprocess
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pipeline.cli import main, waiting
from pipeline.cli.exits import Exit
from pipeline.core.events import Event
from pipeline.sources.cloudevents import render
from tests.cluster.histories import SHIPPED
from tests.cluster.processes import BATCH_ROWS, DONE_SECONDS_MAX, HORIZON_DAYS, Cluster, cluster
from tests.live.process import ROOT, command, environment
from tests.places import history

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

#: of the shipped history; enough for incidents with known causes
LINES = 5_000
PARTITIONS = 3
PERSON_KEY = "5f" * 32
TOLD = "SELECT incident, verdict, cause, probability, state FROM incidents FINAL ORDER BY incident"


class Alone:
    """The same commands on a data directory."""

    def __init__(self, directory: Path, **settings: str) -> None:
        told = {"horizon_days": str(HORIZON_DAYS), "batch_rows": str(BATCH_ROWS), "person_key": PERSON_KEY}
        self.environment = environment(data=str(directory / "alone"), **(told | settings))

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*arguments),
            check=False,
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=DONE_SECONDS_MAX,
        )


@pytest.fixture
def made(tmp_path: Path, bootstrap: str) -> Iterator[Cluster]:
    """A cluster whose steps run, and which has no data directory."""
    with cluster(tmp_path, bootstrap, PARTITIONS) as found:
        found.start_steps()
        yield found
        found.stop()
        assert not (tmp_path / "data").exists()


def lines(path: Path, events: Sequence[Event]) -> Path:
    path.write_bytes(b"".join(render(event, "default") + b"\n" for event in events))
    return path


def good(done: subprocess.CompletedProcess[str], code: int = Exit.OK) -> str:
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def counts(text: str) -> dict[str, Any]:
    """The results of a report, without what is counted where it is done."""
    found = {line["what"]: line["value"] for line in json.loads(text) if line["section"] == "result"}
    for elsewhere in ("events correlated", "rows written"):
        found.pop(elsewhere, None)
    return found


def test_every_command_says_the_same(made: Cluster, tmp_path: Path) -> None:
    alone, shipped = Alone(tmp_path), tmp_path / "fleet.jsonl"
    with gzip.open(SHIPPED) as packed:
        shipped.write_bytes(b"".join(islice(packed, LINES)))
    told = str(lines(tmp_path / "told.jsonl", history()))

    def both(*arguments: str) -> str:
        here, there = good(made.run(*arguments)), good(alone.run(*arguments))
        assert here == there, arguments
        return here

    for arguments in (("import", "history", str(shipped)), ("--workspace", "acme", "replay", told)):
        for again in (False, True):
            here, there = (counts(good(each.run(*arguments, "--format", "json"))) for each in (made, alone))
            assert here == there
            assert bool(here["events appended"]) is not again
    found = json.loads(both("sql", "--format", "json", TOLD))
    incident = next(row["incident"] for row in found if row["verdict"] == "likely")
    both("explain", incident)
    both("explain", incident, "--json")
    both("--workspace", "acme", "explain", "i2", "--as-of", "2024-01-03T00:00Z")
    both("--workspace", "acme", "explain", "i2")
    assert both("evaluate", "--format", "csv").count("\n") > 1
    assert both("export").count("\n") > 100
    assert both("--workspace", "acme", "export").count("\n") == len(history())
    both("verdict", incident, "--change", "none", "--by", "dana", "--because", "the provider was down")
    assert json.loads(both("sql", "--format", "json", TOLD)) != found
    for each in (made, alone):
        assert "rows written" in good(each.run("rebuild"))
    both("sql", "--format", "json", TOLD)
    # the process that had the partition comes back, and goes on from the state of the rebuild
    both("verdict", incident, "--change", "none", "--retract", "--by", "dana", "--because", "it was not")
    assert json.loads(both("sql", "--format", "json", TOLD)) == found


def test_an_import_from_behind_the_horizon_ends_in_a_rebuild(tmp_path: Path, bootstrap: str) -> None:
    alone = Alone(tmp_path, horizon_days="2")
    events = sorted(history(), key=lambda event: event.time)
    half = len(events) // 2
    first, second = (
        str(lines(tmp_path / f"{name}.jsonl", part))
        for name, part in (("late", events[half:]), ("early", events[:half]))
    )
    with cluster(tmp_path, bootstrap, PARTITIONS) as made:
        made.environment["AFTERMERGE_HORIZON_DAYS"] = "2"
        made.start_steps()
        for path in (first, second, first):
            arguments = ("replay", path, "--format", "json")
            here, there = (counts(good(each.run(*arguments))) for each in (made, alone))
            assert here == there
            assert bool(here["events behind the horizon"]) is (path == second)
        for query in (TOLD, "SELECT * EXCEPT (version) FROM changes FINAL ORDER BY change"):
            assert good(made.run("sql", query)) == good(alone.run("sql", query))
        made.stop()


def test_nobody_correlates(tmp_path: Path, bootstrap: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(lines(tmp_path / "told.jsonl", history()))
    monkeypatch.setattr(waiting, "NOBODY_SECONDS_MAX", 0.5)
    with cluster(tmp_path, bootstrap, PARTITIONS) as made:
        for name, value in made.environment.items():
            if name.startswith("AFTERMERGE_"):
                monkeypatch.setenv(name, value)
        done = CliRunner().invoke(main, ["replay", path])
        assert done.exit_code == Exit.UNAVAILABLE
        assert "no process of `aftermerge correlate` is there" in done.stderr
        assert "safe" in done.stderr
        said = json.loads(good(made.run("doctor", "--format", "json"), Exit.PARTLY))
        steps = {line["what"]: line for line in said if line["section"] == "steps"}
        assert {name: line["state"] for name, line in steps.items()} == dict.fromkeys(
            ("normalize", "correlate", "sink"), "problem"
        )
        assert f"{len(history())} records behind" in steps["correlate"]["value"]
        made.start_steps()
        again = counts(good(made.run("replay", path, "--format", "json")))
        assert again["events already known"] == len(history())
        assert json.loads(good(made.run("sql", "--format", "json", TOLD)))
        healthy = made.run("doctor")
        assert healthy.returncode == Exit.OK, healthy.stdout
        made.stop()
