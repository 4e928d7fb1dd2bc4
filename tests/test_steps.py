"""The steps on their real parts: crashes between any two of them, poison, unknown records, rebuilds.

A crash is a call to the log or the store that raises; then a new process (a new ``Correlator`` on
the same directory) goes on. Whatever happened, the same rows must hold in the end.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipeline.appending import append_events
from pipeline.codec import Codec
from pipeline.codec.schemas import shipped_schemas
from pipeline.core import events as e
from pipeline.core.parameters import DAY, HOUR, Parameters
from pipeline.correlate import Correlator, Summary
from pipeline.dead_letters import mark_looked_at, waiting
from pipeline.log.protocol import NewRecord
from pipeline.log.sqlite import SqliteLog
from pipeline.sink import Sink
from pipeline.state import GROUP
from pipeline.store import Store
from tests.places import ACME, NOW, OTHER, Crash, CrashingLog, CrashingStore, Place, held_undisturbed, history
from tests.runs import PARAMETERS
from tests.worlds import (
    at,
    deployed,
    incident,
    merged,
)


@pytest.fixture
def place(tmp_path: Path, dsn: str) -> Iterator[Place]:
    with Place(tmp_path, dsn) as opened_place:
        yield opened_place


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, dsn: str) -> dict[str, Any]:
    """The rows of one run in one batch."""
    return held_undisturbed(tmp_path_factory.mktemp("undisturbed"), dsn)


@pytest.mark.parametrize("batch_events", [11, 40])
def test_small_batches_end_in_the_same_rows(
    place: Place, undisturbed: dict[str, Any], batch_events: int
) -> None:
    place.append(history())
    place.correlate(batch_events)
    assert place.held() == undisturbed


def test_a_second_run_changes_nothing(place: Place, undisturbed: dict[str, Any]) -> None:
    place.append(history())
    first = place.correlate()
    assert first.read == len(history())
    end = place.log.end("events", 0)
    place.append(history())
    assert place.log.end("events", 0) == end
    again = place.correlate()
    assert (again.read, again.folded, again.rows) == (0, 0, 0)
    assert place.held() == undisturbed


def test_every_batch_by_another_process(place: Place, undisturbed: dict[str, Any]) -> None:
    told = history()
    for start in range(0, len(told), 30):
        place.append(told[start : start + 30])
        place.correlate()
    assert place.held() == undisturbed


@pytest.mark.slow
@pytest.mark.parametrize("after", [False, True])
def test_a_crash_at_any_commit(place: Place, undisturbed: dict[str, Any], after: bool) -> None:
    place.append(history())
    crashes = 0
    for call in range(1, 100):
        try:
            place.correlate(25, log=CrashingLog(place.log, 1 + call % 3, after=after))
            break
        except Crash:
            crashes += 1
    else:
        pytest.fail("never came to the end")
    assert crashes > 1
    assert place.held() == undisturbed


@pytest.mark.slow
def test_a_crash_at_any_insert(place: Place, undisturbed: dict[str, Any]) -> None:
    place.append(history())
    crashes = 0
    for call in range(1, 200, 7):
        try:
            place.correlate(60, store=CrashingStore(place.store, call))
            break
        except Crash:
            crashes += 1
    else:
        pytest.fail("never came to the end")
    assert crashes > 2
    assert place.held() == undisturbed


def test_poison_becomes_dead_letters_and_its_neighbours_stay(
    place: Place, undisturbed: dict[str, Any]
) -> None:
    values = Codec().encode(history())
    key = ACME.encode()
    place.log.append("events", 0, [NewRecord(key, value) for value in values[:40]])
    place.log.append("events", 0, [NewRecord(key, b"\xff\xff"), NewRecord(key, values[0][:-3])])
    place.log.append("events", 0, [NewRecord(key, value) for value in values[40:]])
    summary = place.correlate(50)
    assert summary.dead_letters == 2
    assert [row[:3] for row in place.letters()] == [(ACME, "events", 40), (ACME, "events", 41)]
    assert all(row[3] for row in place.letters())
    assert place.letters()[0][4] == "FFFF"
    assert place.held() == undisturbed
    place.correlate()
    assert len(place.letters()) == 2


def test_what_can_be_no_event_is_refused_and_named(place: Place) -> None:
    good = incident("i1", 1)
    ahead = incident("i2", 24 * 500)
    nameless = msgspec.structs.replace(good, id="")
    keyless = msgspec.structs.replace(good, incident="")
    appended = append_events(place.log, Codec(), ACME, [ahead, nameless, good, keyless], machine_now=NOW)
    assert (appended.appended, appended.dead_letters) == (1, 3)
    place.correlate()
    reasons = " ".join(str(row[3]) for row in place.letters())
    assert "ahead of this machine" in reasons
    assert "no id" in reasons
    assert "incident is empty" in reasons
    assert place.held()["incidents"][0] == 1


def test_an_event_that_is_taken_in_later_settles_what_was_refused(place: Place) -> None:
    """From a source without lines: the place is the event's id."""
    good, other = incident("i1", 1), incident("i2", 1)
    ahead = [msgspec.structs.replace(event, time=NOW + 2 * HOUR) for event in (good, other)]
    append_events(place.log, Codec(), ACME, ahead, machine_now=NOW)
    assert [letter.place for letter in waiting(place.log)] == [f"event {event.id}" for event in ahead]
    append_events(place.log, Codec(), "globex", [good], machine_now=NOW)
    assert len(waiting(place.log)) == 2, "another workspace tells nothing of this one"
    append_events(place.log, Codec(), ACME, [good, ahead[1]], machine_now=NOW)
    assert [letter.place for letter in waiting(place.log)] == [f"event {other.id}"]
    mark_looked_at(place.log)
    assert waiting(place.log) == []
    place.correlate()
    assert len(place.letters()) == 2, "the table holds what was refused"


def test_unknown_records_are_parked_and_folded_later(place: Place, undisturbed: dict[str, Any]) -> None:
    schemas = shipped_schemas()
    older = Codec(
        {number: schema for number, schema in schemas.items() if schema.record != "deployment_finished"}
    )
    place.append(history())
    summary = place.correlate(50, codec=older)
    assert summary.parked == sum(isinstance(event, e.DeploymentFinished) for event in history())
    assert place.held()["deployments"][0] == 0
    assert place.correlate(50, codec=older).parked == 0
    upgraded = place.correlate(50)
    assert upgraded.folded == summary.parked
    assert place.held() == undisturbed
    assert place.correlate(50).folded == 0


def test_two_workspaces_keep_apart(place: Place, undisturbed: dict[str, Any]) -> None:
    others = history(("web",))
    told = history()
    place.append(told[:50])
    place.append(others, OTHER)
    place.append(told[50:])
    place.correlate(33)
    assert place.held() == undisturbed
    mixed = place.held(OTHER)
    assert mixed != undisturbed
    assert mixed["deployments"][0] > 0


def test_another_model_rebuilds_by_itself(place: Place, tmp_path: Path, dsn: str) -> None:
    other = Parameters(horizon=PARAMETERS.horizon, model="last-deployment")
    place.append(history())
    place.correlate()
    summary = place.correlate(parameters=other)
    assert summary.rebuilt
    assert not place.correlate(parameters=other).rebuilt
    rebuilt = place.held()
    (tmp_path / "fresh").mkdir()
    with Place(tmp_path / "fresh", dsn) as fresh:
        fresh.append(history())
        fresh.correlate(parameters=other)
        assert fresh.held() == rebuilt


def test_a_rebuild_changes_nothing(place: Place, undisturbed: dict[str, Any]) -> None:
    place.append(history())
    place.correlate(40)
    Correlator(place.log, Codec(), Sink(place.store), PARAMETERS, 40).rebuild(ACME)
    assert place.held() == undisturbed
    more = deployed("api", 24 * 12, tag="v99")
    place.append([more])
    place.correlate()
    assert place.held()["deployments"][0] == undisturbed["deployments"][0] + 1


def test_a_store_that_lost_everything_is_filled_again(place: Place, undisturbed: dict[str, Any]) -> None:
    place.append(history())
    place.log.append("events", 0, [NewRecord(ACME.encode(), b"no event")])
    place.correlate(40)
    letters = place.letters()
    place.store.close()
    place.database += "_emptied"
    place.store = Store.open(place.dsn, place.database)
    place.store.migrate()

    assert place.correlate().rebuilt

    assert place.held() == undisturbed
    assert place.letters() == letters
    assert len(letters) == 1


@pytest.mark.slow
def test_a_crash_in_mid_rebuild(place: Place, undisturbed: dict[str, Any]) -> None:
    place.append(history())
    place.correlate(40)
    for call in (1, 4, 9):
        sink = Sink(CrashingStore(place.store, call))
        with pytest.raises(Crash):
            Correlator(place.log, Codec(), sink, PARAMETERS, 40).rebuild(ACME)
    log = CrashingLog(place.log, 2, after=False)
    with pytest.raises(Crash):
        Correlator(log, Codec(), Sink(place.store), PARAMETERS, 40).rebuild(ACME)
    assert place.correlate().rebuilt
    assert place.held() == undisturbed
    assert not place.correlate().rebuilt


def test_what_came_from_behind_the_horizon_waits_for_a_rebuild(
    place: Place, tmp_path: Path, dsn: str
) -> None:
    short = Parameters(horizon=14 * DAY)
    first = [deployed("api", 1, tag="v1"), merged("api#1", 2)]
    late = msgspec.structs.replace(
        deployed("api", 3, tag="v2", changes=["acme/api#1"]), received_at=at(24 * 30), imported=False
    )
    place.append([*first, deployed("api", 24 * 29, tag="v3")])
    place.correlate(parameters=short)
    place.append([late])
    place.correlate(parameters=short)
    # whoever looks later is told, too
    later = Correlator(place.log, Codec(), Sink(place.store), short, 100)
    assert later.behind_horizon(ACME) == 1
    assert place.held()["deployments"][0] == 2
    later.rebuild(ACME)
    assert later.behind_horizon(ACME) == 0
    assert Correlator(place.log, Codec(), Sink(place.store), short, 100).behind_horizon(ACME) == 0
    assert place.held()["deployments"][0] == 3
    (tmp_path / "fresh").mkdir()
    with Place(tmp_path / "fresh", dsn) as fresh:
        fresh.append(sorted([*first, late, deployed("api", 24 * 29, tag="v3")], key=lambda event: event.time))
        fresh.correlate(parameters=short)
        Correlator(fresh.log, Codec(), Sink(fresh.store), short, 100).rebuild(ACME)
        assert fresh.held() == place.held()


_IMPORT = """
import sys
from pathlib import Path
from tests.places import Place, history
with Place(Path(sys.argv[1]), sys.argv[2]) as place:
    place.append(history())
    print("appended", flush=True)
    place.correlate(5)
    print("done", flush=True)
    print(sorted(place.held().items()), flush=True)
"""


def _import(directory: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _IMPORT, str(directory), f"chdb://{directory}/store"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parent.parent,
        env={**os.environ, "PYTHONPATH": "."},
    )


@pytest.mark.slow
def test_kill_in_mid_import_then_again(tmp_path: Path, undisturbed: dict[str, Any]) -> None:
    killed = 0
    for wait in (0.05, 0.4, 1.0):
        process = _import(tmp_path)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(wait)
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        process.stdout.close()
    assert killed > 0
    process = _import(tmp_path)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    assert output.splitlines()[-1] == str(sorted(undisturbed.items()))
    with closing(SqliteLog(tmp_path / "log.sqlite")) as log:
        assert log.committed(GROUP, "events", 0) == log.end("events", 0) == len(history())


@pytest.mark.parametrize("batch_events", [10_000, 7])
def test_an_event_that_can_not_be_folded_is_set_aside(
    place: Place, tmp_path: Path, dsn: str, batch_events: int
) -> None:
    # two sums of lines that no column holds: nothing that the edge lets in, so it goes around the edge
    huge = [merged(f"api#{number}", 24 * 7, additions=2**62) for number in (91, 92)]
    both = deployed("api", 24 * 7 + 1, tag="v91", changes=[event.change for event in huge])
    told = [*history(), *huge, both, incident("after", 24 * 7 + 2)]
    values = Codec().encode(told)
    place.log.append("events", 0, [NewRecord(ACME.encode(), value) for value in values])
    first = place.correlate(batch_events)
    assert first.dead_letters == 1
    ((workspace, topic, offset, reason, _),) = place.letters()
    assert (workspace, topic) == (ACME, "events")
    assert str(reason).startswith("it can't be folded: Overflow")
    assert place.log.committed("correlate", "events", 0) == len(values)

    with Place(tmp_path / "other", dsn) as without:
        kept = [value for number, value in enumerate(values) if number != offset]
        without.log.append("events", 0, [NewRecord(ACME.encode(), value) for value in kept])
        without.correlate()
        expected = without.held()
    assert place.held() == expected
    assert place.correlate(batch_events).read == 0
    Correlator(place.log, Codec(), Sink(place.store), PARAMETERS, 10_000).rebuild(ACME)
    assert place.held() == expected
    assert len(place.letters()) == 1


def test_after_an_error_nothing_that_was_folded_is_taken_for_written(
    place: Place, undisturbed: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    place.append(history())
    step = Correlator(place.log, Codec(), Sink(place.store), PARAMETERS, 10_000)

    def failing(*_: object) -> int:
        raise ValueError("nobody expected this")

    with monkeypatch.context() as patched:
        patched.setattr(Store, "insert_block", failing)
        with pytest.raises(ValueError, match="nobody expected"):
            step.catch_up(Summary())
    assert place.log.committed("correlate", "events", 0) == 0
    assert not place.letters()
    step.catch_up(Summary())
    assert place.held() == undisturbed
