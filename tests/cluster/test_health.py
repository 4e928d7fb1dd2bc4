"""What the processes of a cluster tell of themselves, as docs/cluster.md says: health, readiness, numbers."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.world import organisation
from pipeline.assigned import TURN_BATCHES_MAX
from pipeline.log.protocol import NewRecord
from pipeline.log.topics import EVENTS, RECEIVED
from pipeline.reached import CORRELATE, NORMALIZE, SINK, STEPS, standing
from pipeline.worker import LAGS_EVERY_SECONDS
from tests.answers import Answer, ask
from tests.cluster.faults.shared import Alone, wait_for, wait_until_assigned
from tests.cluster.processes import Cluster
from tests.live.process import ROOT, eventually
from tests.live.test_store_gone import store
from tests.places import Place, history
from tests.ports import free_ports

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.long]

DOCUMENT = ROOT / "docs/cluster.md"
HEAD = "| `aftermerge_...` | what |\n|---|---|\n"
PREFIX = "aftermerge_"
NO_EVENT = b"\xffno event"
#: a turn of `correlate` is a small part of what there is, so that its lag can be seen
FEW_ROWS = 50
EVENTS_MANY = 1_500
#: what a process tells follows what happens to it within seconds; much for a machine that is busy
TOLD_SECONDS_MAX = 60
LAG = 'lag_records{partition="0"}'
WAITED = 'lag_seconds{partition="0"}'
#: the command, but an insert is tried in place, and its answer is waited for, for seconds and not for minutes
IMPATIENT = """
from pipeline import store
from pipeline.cli import main
store.PATIENT = store.Patience(retry_seconds=1, request_seconds=2)
main()
"""


class Told(NamedTuple):
    """A line of the table: the labels that a metric has there, and what the line says."""

    labels: frozenset[str]
    meaning: str

    @property
    def words(self) -> set[str]:
        """The words of ours that label values may be."""
        return set(re.findall(r"`([a-z]+)`", self.meaning))


def document() -> dict[str, Told]:
    """The table of metrics, by name without its beginning."""
    lines = DOCUMENT.read_text(encoding="utf-8").partition(HEAD)[2].partition("\n\n")[0].splitlines()
    found = {}
    for line in lines:
        _, names, meaning, _ = re.split(r" *(?<!\\)\| *", line)
        for name, labels in re.findall(r"`(\w+)(?:\{([\w,]+)\})?`", names):
            found[name] = Told(frozenset(filter(None, labels.split(","))), meaning)
    return found


class Running:
    """One partition, its three steps as processes, and a store that can be frozen."""

    def __init__(self, made: Cluster, server: subprocess.Popen[str]) -> None:
        self.made, self.server = made, server
        made.start(NORMALIZE)
        made.start(CORRELATE, batch_rows=str(FEW_ROWS))
        self._start_sink()
        for step in STEPS:
            wait_until_assigned(made, self.process(step), made.partitions)

    def _start_sink(self) -> None:
        (port,) = free_ports(1)
        listening = ["--listen", f"127.0.0.1:{port}"]
        with (self.made.directory / "sink-2.out").open("wb") as out:
            process = subprocess.Popen(
                [sys.executable, "-c", IMPATIENT, SINK, *listening],
                env=self.made.environment,
                cwd=ROOT,
                stdout=out,
                stderr=out,
            )
        self.made.running.append((SINK, process))

    def process(self, step: str) -> subprocess.Popen[bytes]:
        (process,) = self.made.of(step)
        return process

    def ask(self, step: str, path: str) -> Answer:
        arguments = self.process(step).args
        assert isinstance(arguments, list)
        return ask(arguments[arguments.index("--listen") + 1], path)

    def families(self, step: str) -> list[Metric]:
        """The metrics of a step; not when each of its series began, which the library tells beside them."""
        told = text_string_to_metric_families(self.ask(step, "/metrics").body.decode())
        return [family for family in told if not family.name.endswith("_created")]

    def numbers(self, step: str) -> dict[str, float]:
        """The numbers of a step, by name and labels as they are written there."""
        lines = self.ask(step, "/metrics").body.decode().splitlines()
        found = (line.removeprefix(PREFIX).rpartition(" ") for line in lines if line.startswith(PREFIX))
        return {name: float(number) for name, _, number in found}

    def letters(self, step: str) -> dict[str, float]:
        """How many dead letters a step tells of, by the kind of their reason."""
        pattern = re.compile(rf'dead_lettered_total{{reason="(\w+)",step="{step}"}}')
        told = self.numbers(step).items()
        return {found[1]: number for name, number in told if (found := pattern.fullmatch(name))}

    def behind(self, step: str) -> int:
        """How many records a step has before it, counted from outside."""
        return standing(self.made.log, step, 0).behind

    def wait(self, step: str, expected: Mapping[str, float], what: str) -> None:
        """Until these are numbers of a step."""
        self.see(lambda: self.numbers(step).items() >= expected.items(), what)

    def see(self, look: Callable[[], object], what: str) -> None:
        wait_for(self.made, look, what, TOLD_SECONDS_MAX)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, bootstrap: str) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("cluster")
    (port,) = free_ports(1)
    with store(directory / "server", port) as server, Cluster(directory, bootstrap, 1, port) as made:
        made.prepare()
        yield Running(made, server)
        server.send_signal(signal.SIGCONT)
        made.stop()


@pytest.fixture
def expect(running: Running, tmp_path: Path, dsn: str) -> Any:
    """Compares the rows of a workspace with those of one process that nothing happens to."""

    def compare(workspace: str, events: list[Any]) -> None:
        running.made.wait_until_done()
        with Place(tmp_path, dsn) as place:
            expected = Alone(place).rows(workspace, events)
        assert running.made.held([workspace])[workspace] == expected

    return compare


def labels_of(families: Iterable[Metric]) -> dict[str, set[frozenset[str]]]:
    """By name as in the document: which labels the samples have, the bounds of a histogram aside."""
    return {
        family.name.removeprefix(PREFIX) + "_total" * (family.type == "counter"): {
            frozenset(sample.labels) - {"le"}
            for sample in family.samples
            if not sample.name.endswith("_created")
        }
        for family in families
    }


def test_the_document_tells_every_metric_of_every_step_and_no_other(running: Running, expect: Any) -> None:
    workspace, events, told = "numbers", history(), document()
    running.made.append(workspace, events)
    running.made.log.append(RECEIVED, 0, [NewRecord(workspace.encode(), b"\xffno delivery")])
    running.made.wait_until_done()
    stages, reasons, empty = set(), set(), set(told)
    for step in STEPS:
        families = running.families(step)
        assert all(family.name.startswith(PREFIX) for family in families)
        found = labels_of(families)
        assert set(found) == set(told), step
        for name, labels in found.items():
            assert labels <= {told[name].labels}, f"{step}: {name}"
            empty -= {name} if labels else set()
        samples = [sample.labels for family in families for sample in family.samples]
        assert {labels["step"] for labels in samples if "step" in labels} <= {step}
        stages |= {labels["stage"] for labels in samples if "stage" in labels}
        reasons |= {labels["reason"] for labels in samples if "reason" in labels}
    assert stages == told["stage_seconds"].words
    assert reasons
    assert reasons <= told["dead_lettered_total"].words
    # only while a partition is opened
    assert empty == {"opening_done", "opening_total"}
    expect(workspace, events)


def test_a_store_that_does_not_answer_is_told(running: Running, expect: Any) -> None:
    workspace, events, made = "frozen", history(), running.made
    made.wait_until_done()
    ready = {"waiting_for": 0.0, LAG: 0.0, WAITED: 0.0}
    running.wait(SINK, ready, "the sink is not ready")
    assert running.ask(SINK, "/readyz").json == {"status": "ok"}
    running.server.send_signal(signal.SIGSTOP)
    try:
        made.append(workspace, events)
        running.see(lambda: running.behind(CORRELATE) == 0, "the events are not folded")
        running.see(lambda: running.ask(SINK, "/readyz").status == 503, "the sink says that it is ready")
        said = running.ask(SINK, "/readyz").json
        assert said["status"] == "waiting"
        assert made.dsn.rpartition("/")[2] in said["why"]
        assert running.behind(SINK) >= len(events)
        running.see(lambda: running.numbers(SINK)[LAG] == running.behind(SINK), "not the records that wait")
        assert running.numbers(SINK)["waiting_for"] == 1
        running.see(lambda: running.numbers(SINK)[WAITED] > 0, "nothing is said to have waited")
        assert running.ask(SINK, "/healthz").status == 200
        # nobody else waits for the store
        assert running.ask(CORRELATE, "/readyz").status == 200
    finally:
        running.server.send_signal(signal.SIGCONT)
    running.see(lambda: running.ask(SINK, "/readyz").status == 200, "the sink is not ready again")
    running.wait(SINK, ready, "it is not as it was")
    assert running.ask(SINK, "/healthz").status == 200
    expect(workspace, events)


def test_a_record_that_is_no_event_is_counted(running: Running, expect: Any) -> None:
    workspace, events, made = "poisoned", history(), running.made
    made.wait_until_done()
    before = {step: running.letters(step) for step in STEPS}
    assert before[CORRELATE] == {}
    half = len(events) // 2
    made.append(workspace, events[:half])
    made.log.append(EVENTS, 0, [NewRecord(workspace.encode(), NO_EVENT)])
    made.append(workspace, events[half:])
    made.wait_until_done()
    running.see(lambda: running.letters(CORRELATE) == {"content": 1.0}, "it is not counted, or not once")
    assert {step: running.letters(step) for step in (NORMALIZE, SINK)} == {
        step: before[step] for step in (NORMALIZE, SINK)
    }
    assert "content" in document()["dead_lettered_total"].words
    expect(workspace, events)


def test_what_is_appended_while_a_step_stands_still_is_its_lag(running: Running, expect: Any) -> None:
    workspace, events, made = "behind", organisation(EVENTS_MANY, seed=5), running.made
    made.wait_until_done()
    running.wait(CORRELATE, {LAG: 0.0}, "there is something left")
    process = running.process(CORRELATE)
    process.send_signal(signal.SIGSTOP)
    try:
        made.append(workspace, events)
        waiting = running.behind(CORRELATE)
        assert waiting >= len(events)
        # so that it looks as soon as it can
        time.sleep(LAGS_EVERY_SECONDS)
    finally:
        process.send_signal(signal.SIGCONT)
    # it looks before its next turn, or behind it
    seen = eventually(lambda: running.numbers(CORRELATE)[LAG], f"no lag is told: {made.said()}")
    assert seen in (waiting, len(events) - TURN_BATCHES_MAX * FEW_ROWS)
    made.wait_until_done()
    running.wait(CORRELATE, {LAG: 0.0, WAITED: 0.0}, "it is still behind")
    expect(workspace, events)
