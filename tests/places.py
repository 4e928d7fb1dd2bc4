"""A data directory for tests of the steps: the real log and store, a week of history, and ways to die."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from pipeline.appending import append_events
from pipeline.codec import Codec
from pipeline.core import events as e
from pipeline.core.parameters import Parameters
from pipeline.correlate import Correlator, Summary
from pipeline.log.protocol import LogUnavailable
from pipeline.log.sqlite import SqliteLog
from pipeline.log.topics import TOPICS
from pipeline.sink import Sink
from pipeline.store import Store
from tests.runs import PARAMETERS
from tests.worlds import (
    at,
    back,
    burning,
    checked,
    counted,
    declared,
    deployed,
    drifted,
    found,
    incident,
    judged,
    limited,
    merged,
    objective,
    opened,
    packaged,
    resolved,
    reviewed,
    sha,
    ticked,
)

NOW = at(24 * 400)
ACME, OTHER = "acme", "other"


def history(services: Sequence[str] = ("api", "web")) -> list[e.Event]:
    """A week of a small organisation: every table gets rows, some rows are deleted again."""
    told: list[e.Event] = [declared("api", depends_on=["web"], repositories=["acme/api"])]
    for day in range(7):
        for service in services:
            name, hours = f"{service}#{day + 1}", 24 * day
            told += [
                opened(name, hours, author="p:0000000000000001"),
                reviewed(name, hours + 1, "p:0000000000000002", "approved"),
                merged(name, hours + 2, paths=[f"{service}/app.py"], additions=10 * day, deletions=1),
                checked(f"acme/{service}", sha(name), hours + 2.1, "success" if day % 3 else "failure"),
                packaged(service, f"v{day}", hours + 2.5, sha(name)),
                deployed(service, hours + 3, tag=f"v{day}"),
                deployed(service, hours + 3.3, tag=f"v{day}", source="gitops", key=f"{service} sync {day}"),
            ]
        if day % 4 == 2:
            told += [
                *burning("api", 24 * day + 3.5, 24 * day + 5),
                incident(f"i{day}", 24 * day + 4, deduplication_key="checkout", mentions=[f"v{day}"]),
                incident(f"j{day}", 24 * day + 4.5, "web", deduplication_key="checkout"),
                deployed("api", 24 * day + 4.8, tag=f"v{day - 1}", key=f"back {day}"),
                resolved(f"i{day}", 24 * day + 5),
                drifted("network", 24 * day + 6),
            ]
    told += [
        found("injection", 30, sha=sha("api#1"), branch="main"),
        limited("late-findings", cases_min=2),
        # fails and passes on one commit: a flaky run
        *(checked("acme/api", sha("api#2"), 26.1 + turn, outcome, name="unit", kind="test", attempt=turn + 2)
          for turn, outcome in enumerate(("failure", "success"))),
        objective("availability", period_days=7),
        *(counted("availability", 50 + turn / 12, good=600, total=1_000) for turn in range(24)),
    ]  # fmt: skip
    told += [judged("i2", 24 * 7, cause="v2"), judged("i6", 24 * 7, "merge", other_incident="i2")]
    told += [back(incident("j2", 24 * 2 + 4.5, "web", deduplication_key="checkout")), ticked(24 * 8)]
    return told


_numbers = count(1)


class Place:
    """One data directory: a log of its own, and a database of its own in the engine."""

    def __init__(self, directory: Path, dsn: str, topics: Mapping[str, bool] = TOPICS) -> None:
        """``topics``: whether each is compacted."""
        self.topics = topics
        self.path = directory / "log.sqlite"
        self.dsn, self.database = dsn, f"steps_{next(_numbers)}"

    def __enter__(self) -> Place:
        self.log = SqliteLog(self.path)
        for topic, compacted in self.topics.items():
            self.log.create_topic(topic, compacted=compacted)
        self.store = Store.open(self.dsn, self.database)
        self.store.migrate()
        return self

    def __exit__(self, *_: object) -> None:
        self.log.close()
        self.store.close()

    def append(self, events: Sequence[e.Event], workspace: str = ACME) -> None:
        append_events(self.log, Codec(), workspace, events, machine_now=NOW)

    def correlate(
        self,
        batch_events: int = 10_000,
        parameters: Parameters = PARAMETERS,
        codec: Codec | None = None,
        log: Any = None,
        store: Any = None,
    ) -> Summary:
        """A new process takes in everything that the log holds."""
        sink = Sink(store or self.store)
        return Correlator(log or self.log, codec or Codec(), sink, parameters, batch_events).run()

    def held(self, workspace: str = ACME) -> dict[str, Any]:
        """Everything that the tables say, in a form that can be compared."""
        found: dict[str, Any] = dict(self.store.fingerprints(workspace))
        for record in e.RECORDS:
            rows = self.store.query(
                f"SELECT count(), groupBitXor(sipHash64(toString(tuple(*)))) FROM events_{record} FINAL"
                " WHERE workspace = {workspace:String}",
                {"workspace": workspace},
            ).rows
            found[f"events_{record}"] = rows[0]
        return found

    def letters(self) -> list[tuple[object, ...]]:
        return self.store.query(
            "SELECT workspace, topic, offset, reason, hex(bytes) FROM dead_letters FINAL ORDER BY offset"
        ).rows


def held_undisturbed(directory: Path, dsn: str) -> dict[str, Any]:
    """What the tables say after one run of the whole history in one batch."""
    with Place(directory, dsn) as whole:
        whole.append(history())
        whole.correlate()
        return whole.held()


class Crash(LogUnavailable):
    """The process dies here."""


class CrashingLog(SqliteLog):
    """The real log, which dies before or after its n-th write."""

    def __init__(self, log: SqliteLog, at_call: int, *, after: bool) -> None:
        self.__dict__ = log.__dict__
        # kept out of the shared dictionary
        CrashingLog.left, CrashingLog.after = at_call, after

    left = 0
    after = False

    def commit(self, *arguments: Any, **named: Any) -> None:
        self._dying(super().commit, *arguments, **named)

    def append(self, *arguments: Any, **named: Any) -> int:
        return int(self._dying(super().append, *arguments, **named))

    def _dying(self, call: Any, *arguments: Any, **named: Any) -> Any:
        CrashingLog.left -= 1
        if CrashingLog.left == 0 and not CrashingLog.after:
            raise Crash
        found = call(*arguments, **named)
        if CrashingLog.left == 0:
            raise Crash
        return found


class CrashingStore(Store):
    """The real store, which dies after its n-th insert."""

    left = 0

    def __init__(self, store: Store, at_call: int) -> None:
        self.__dict__ = store.__dict__
        CrashingStore.left = at_call

    def insert_block(self, table: str, block: Any) -> None:
        super().insert_block(table, block)
        CrashingStore.left -= 1
        if CrashingStore.left == 0:
            raise Crash
