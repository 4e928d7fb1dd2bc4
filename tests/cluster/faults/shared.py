"""What the tests of faults do with a cluster, and what one undisturbed process makes of the same."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from pydantic import SecretStr

from pipeline.cli.configuring import reader_of, unsealer_of
from pipeline.cli.instants import machine_now
from pipeline.codec import Codec
from pipeline.core.events import RECORD_OF, ClockTicked, Event
from pipeline.core.parameters import DAY, Parameters
from pipeline.log.partitioning import partition_in
from pipeline.log.protocol import Log, NewRecord, Record
from pipeline.log.topics import EVENTS, RECEIVED
from pipeline.normalize import Normalizer
from pipeline.persons import KnownPersons, Persons
from pipeline.receive.keeping import KeyRing
from pipeline.settings import Settings
from tests.cluster.processes import BATCH_ROWS, DONE_SECONDS_MAX, HORIZON_DAYS, STOP_SECONDS_MAX, Cluster
from tests.cluster.test_standby import number
from tests.live.process import eventually
from tests.places import Place
from tests.worlds import at

PARTITIONS = 2
PERSON_KEY = "5f" * 32
READ_MAX = 100_000
DAYS_AGO = 20
#: microseconds: what is between them is an instant
YEAR_2001, YEAR_2096 = 10**15, 4 * 10**15
LATER = machine_now() - DAYS_AGO * DAY - at(0)


class Alone:
    """The steps in this process, on a log and tables of their own."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def rows(self, workspace: str, events: Sequence[Event]) -> dict[str, Any]:
        """What the tables say when these events are all that there is of a workspace."""
        values = Codec().encode(events)
        self._place.log.append(EVENTS, 0, [NewRecord(workspace.encode(), value) for value in values])
        return self._rows(workspace)

    def rows_of_deliveries(
        self, workspace: str, deliveries: Iterable[bytes], ticks: Iterable[bytes] = ()
    ) -> dict[str, Any]:
        """The same, of deliveries as they are kept, and of what the clock told."""
        key, log = workspace.encode(), self._place.log
        log.append(RECEIVED, 0, [NewRecord(key, value) for value in deliveries])
        settings = Settings(person_key=SecretStr(PERSON_KEY), data=self._place.path.parent)
        names = KnownPersons(Persons(bytes.fromhex(PERSON_KEY)), log)
        reader = reader_of(settings, names.person_token, {})
        Normalizer(log, Codec(), reader, unsealer_of(KeyRing()), machine_now, names).run()
        log.append(EVENTS, 0, [NewRecord(key, value) for value in ticks])
        return self._rows(workspace)

    def told(self, workspace: str) -> Counter[bytes]:
        """How often each event of a workspace is on the log."""
        return told(self._place.log, workspace, 0)

    def _rows(self, workspace: str) -> dict[str, Any]:
        self._place.correlate(BATCH_ROWS, Parameters(horizon=HORIZON_DAYS * DAY))
        held = self._place.held(workspace)
        assert held["changes"][0], "where nothing is, nothing can be missing"
        assert held["incidents"][0], "where nothing is, nothing can be missing"
        return held


def recent(events: Iterable[Event]) -> list[Event]:
    """The same some days ago: what is delivered now and is older than the horizon would not be folded."""

    def moved(event: Event) -> Event:
        instants = {
            name: told + LATER
            for name in event.__struct_fields__
            if isinstance(told := getattr(event, name), int) and YEAR_2001 < told < YEAR_2096
        }
        return msgspec.structs.replace(event, **instants)

    return [moved(event) for event in events]


def records(log: Log, topic: str, workspace: str, partition: int) -> list[Record]:
    """What was committed of a workspace."""
    found, offset = [], log.begin(topic, partition)
    while part := log.read(topic, partition, offset, READ_MAX):
        offset = part[-1].offset + 1
        found += [record for record in part if record.key == workspace.encode()]
    return found


def told(log: Log, workspace: str, partition: int) -> Counter[bytes]:
    """How often each event of a workspace is on the log."""
    return Counter(bytes(record.value) for record in records(log, EVENTS, workspace, partition))


def without_ticks(found: Counter[bytes]) -> tuple[Counter[bytes], list[bytes]]:
    """The events but for those of the clock, and these."""
    values = list(found)
    ticks = [
        values[position]
        for column in Codec().decode(values).columns
        if column.record == RECORD_OF[ClockTicked]
        for position in column.positions.tolist()
    ]
    return Counter({value: times for value, times in found.items() if value not in ticks}), ticks


def told_in(made: Cluster, workspace: str) -> Counter[bytes]:
    return told(made.log, workspace, partition_in(made.log, workspace))


def committed(made: Cluster, workspace: str) -> tuple[int, int]:
    """How far `correlate` has come in the partition of a workspace, and where its events end."""
    partition = partition_in(made.log, workspace)
    return made.log.committed("correlate", EVENTS, partition), made.log.end(EVENTS, partition)


def tell_pieces(made: Cluster, workspace: str, events: Sequence[Event], count: int) -> Iterable[int]:
    """Append events in so many pieces, and give the number of each that was."""
    for piece in range(count):
        made.append(workspace, events[len(events) * piece // count : len(events) * (piece + 1) // count])
        yield piece


def compare(made: Cluster, workspace: str, expected: dict[str, Any], without: str = "") -> None:
    """See that the tables of a workspace, but for one, are those of an undisturbed run."""
    held = made.held([workspace])[workspace]
    assert {**held, without: None} == {**expected, without: None}


def wait_for(made: Cluster, look: Callable[[], object], what: str, seconds: float = DONE_SECONDS_MAX) -> None:
    eventually(look, f"{what}: {made.said()}", seconds)


def wait_until_assigned(made: Cluster, process: subprocess.Popen[bytes], partitions: int) -> None:
    """Until a process works on so many partitions."""
    wait_for(
        made,
        lambda: number(process, "restored_partitions") == partitions,
        f"a process has not got {partitions} partitions",
    )


def end(made: Cluster, process: subprocess.Popen[bytes], how: signal.Signals, code: int) -> float:
    """End a process; it has to end with this code, and is forgotten. Returns how long that took."""
    began = time.monotonic()
    process.send_signal(how)
    return ended(made, process, code) - began


def ended(made: Cluster, process: subprocess.Popen[bytes], code: int) -> float:
    """Wait until a process has ended, with this code; returns when."""
    assert process.wait(STOP_SECONDS_MAX) == code, made.said()
    made.running = [pair for pair in made.running if pair[1] is not process]
    return time.monotonic()


def said_by(made: Cluster, process: subprocess.Popen[bytes]) -> str:
    """All that a process wrote to its standard error."""
    arguments = process.args
    assert isinstance(arguments, list)
    address = re.escape(arguments[arguments.index("--listen") + 1])
    told = (path.read_text(errors="replace") for path in made.directory.glob("*.out"))
    return "".join(text for text in told if re.search(address, text))
