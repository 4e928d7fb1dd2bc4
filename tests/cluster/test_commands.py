"""The other commands where the log is Kafka's: they say what they say on a data directory."""

from __future__ import annotations

import gzip
import json
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import SecretStr

from pipeline.cli import main, waiting
from pipeline.cli.cluster.opening import Codecs
from pipeline.cli.exits import Exit
from pipeline.cli.instants import machine_now, moment
from pipeline.cli.modelling import parameters
from pipeline.cli.waiting import cluster_follower
from pipeline.codec import Codec
from pipeline.codec.facts import FactCodec
from pipeline.core.events import Event
from pipeline.correlate import Correlator
from pipeline.log.kafka import KafkaLog
from pipeline.log.partitioning import partition_of
from pipeline.log.protocol import NewRecord
from pipeline.log.topics import EVENTS, RECEIVED
from pipeline.publish import Publisher
from pipeline.receive.keeping import KeyRing
from pipeline.settings import Settings
from pipeline.sources.cloudevents import render
from pipeline.sources.deliveries import Delivery
from pipeline.state import GROUP, told_epochs
from tests.cli.test_dlq import BROKEN, MENDED
from tests.cluster.histories import SHIPPED
from tests.cluster.processes import (
    BATCH_ROWS,
    DONE_SECONDS_MAX,
    HORIZON_DAYS,
    STOP_SECONDS_MAX,
    Cluster,
    cluster,
)
from tests.live.deliveries import BEGUN, instant
from tests.live.process import ROOT, command, environment
from tests.places import history
from tests.worlds import at

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.long]

#: of the shipped history; enough for incidents with known causes
LINES = 3_500
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
    then = moment(at(24 * 3)).isoformat()
    assert "provisional" in both("--workspace", "acme", "explain", "i2", "--as-of", then)
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
    by_name = {row["incident"]: row for row in json.loads(both("sql", "--format", "json", TOLD))}
    assert by_name[incident]["verdict"] == "likely"


@pytest.mark.nightly
def test_an_import_from_behind_the_horizon_ends_in_a_rebuild(tmp_path: Path, bootstrap: str) -> None:
    short = {"horizon_days": "2", "attribution_window_hours": "24"}
    alone = Alone(tmp_path, **short)
    events = sorted(history(), key=lambda event: event.time)
    half = len(events) // 2
    first, second = (
        str(lines(tmp_path / f"{name}.jsonl", part))
        for name, part in (("late", events[half:]), ("early", events[:half]))
    )
    with cluster(tmp_path, bootstrap, PARTITIONS) as made:
        made.environment |= {f"AFTERMERGE_{name.upper()}": value for name, value in short.items()}
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


def test_letters_are_listed_shown_brought_back_and_dropped(tmp_path: Path, bootstrap: str) -> None:
    mappings = tmp_path / "mappings"
    mappings.mkdir()
    (mappings / "desk.yaml").write_text(BROKEN)
    with cluster(tmp_path, bootstrap, PARTITIONS) as made:
        made.environment["AFTERMERGE_MAPPINGS"] = str(mappings)
        made.start_steps()
        delivered(made, {"first": 1, "second": 2, "third": 3})
        made.wait_until_done()
        listed = json.loads(good(made.run("dlq", "list", "--format", "json")))
        listed.sort(key=lambda row: str(row["workspace"]))
        assert [row["workspace"] for row in listed] == ["first", "second", "third"]
        assert "opened_at" in good(made.run("dlq", "show", listed[0]["number"]))
        assert "3 refused again" in made.run("dlq", "redrive", "--all").stderr
        good(made.run("dlq", "drop", listed[2]["number"], "--because", "a test", "--by", "dana"))
        (mappings / "desk.yaml").write_text(MENDED)
        done = made.run("dlq", "redrive", "--all", "--format", "json")
        assert [row["outcome"] for row in json.loads(good(done))] == ["taken in", "taken in"]
        query = "SELECT workspace, incident FROM incidents FINAL ORDER BY incident"
        rows = json.loads(good(made.run("sql", "--format", "json", query)))
        assert [tuple(row.values()) for row in rows] == [("first", "desk 1"), ("second", "desk 2")]
        assert json.loads(good(made.run("dlq", "list", "--format", "json"))) == []
        # the letter that was dropped is of a delivery, which is kept
        again = counts(good(made.run("renormalize", "--source", "desk", "--format", "json")))
        assert again == {
            "events appended": 1,
            "events already known": 2,
            "dead letters": 0,
            "events behind the horizon": 0,
        }
        rows = json.loads(good(made.run("sql", "--format", "json", query)))
        assert [row["incident"] for row in rows] == ["desk 1", "desk 2", "desk 3"]
        made.stop()


def delivered(made: Cluster, numbers: Mapping[str, int]) -> None:
    """A delivery for each workspace, as `receive` keeps it."""
    with closing(KafkaLog(made.settings)) as log:
        for workspace, number in numbers.items():
            body = {"number": number, "opened_at": instant(BEGUN + number), "service": "api"}
            delivery = Delivery(workspace, "desk", machine_now(), {}, json.dumps(body).encode())
            record = NewRecord(workspace.encode(), KeyRing().seal(delivery))
            log.append(RECEIVED, partition_of(workspace, PARTITIONS), [record])


def test_a_rebuild_that_is_overtaken_is_ended_by_the_one_that_took_over(
    tmp_path: Path, bootstrap: str
) -> None:
    with cluster(tmp_path, bootstrap, PARTITIONS) as made:
        made.start("sink")
        made.append("default", history())
        correlating = made.start("correlate")
        made.wait_until_done()
        correlating.send_signal(signal.SIGTERM)
        assert correlating.wait(STOP_SECONDS_MAX) == 0
        before = made.held(["default"])
        settings = Settings(
            person_key=SecretStr(PERSON_KEY), horizon_days=HORIZON_DAYS, batch_rows=BATCH_ROWS, data=tmp_path
        )
        with closing(KafkaLog(made.settings)) as log, closing(KafkaLog(made.settings)) as other:
            taken: list[Correlator] = []

            def take_over(phase: str, done: int, total: int | None = None) -> None:
                if phase == "rebuilding" and not taken:
                    other.claim(GROUP, EVENTS, partition)
                    publisher = Publisher(other, FactCodec(), partition)
                    told = parameters(settings)
                    step = Correlator(other, Codec(), publisher, told, BATCH_ROWS, partition=partition)
                    taken.append(step)
                    step.prepare()

            follower = cluster_follower(settings, log, Codecs(None), "default")
            partition = follower.partition
            done = follower.rebuild(take_over)
            assert taken
            assert done == {"folded": len(history()), "rows": 0, "dead_letters": 0}
            *_, last = told_epochs(log, "default", partition, 0)
            assert (last.number, last.rebuilding) == (3, False)
            # nobody stands in the way any more: another rebuild is this one's own
            assert follower.rebuild()["rows"] > 0
        after = made.held(["default"])
        assert {name: rows for name, rows in after.items() if name.startswith("events_")} == {
            name: rows for name, rows in before.items() if name.startswith("events_")
        }
        assert after == before
        made.stop()
