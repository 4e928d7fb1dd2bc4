"""One log and one store for all explanations of a session; every test has a workspace of its own in them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import count

import pytest

from pipeline.appending import append_events
from pipeline.codec import Codec
from pipeline.core.events import Event
from pipeline.core.parameters import Parameters
from pipeline.correlate import Correlator
from pipeline.explain import Explanation, explain, render_text
from pipeline.log.sqlite import SqliteLog
from pipeline.log.topics import TOPICS
from pipeline.sink import Sink
from pipeline.store import Store
from tests.runs import PARAMETERS
from tests.worlds import at

BATCH_EVENTS = 1_000
NOW = at(24 * 400)
_numbers = count(1)


class Told:
    """A workspace to which events were told through the real steps."""

    def __init__(self, log: SqliteLog, store: Store, parameters: Parameters = PARAMETERS) -> None:
        self.log, self.store, self.parameters = log, store, parameters
        self.codec = Codec()
        self.workspace = f"acme{next(_numbers)}"

    def tell(self, *events: Event) -> Told:
        """Append events, and bring the tables up to date."""
        told = append_events(self.log, self.codec, self.workspace, events, machine_now=NOW)
        assert told.dead_letters == 0
        Correlator(self.log, self.codec, Sink(self.store), self.parameters, BATCH_EVENTS).run()
        return self

    def find(self, name: str, hours: float | None = None) -> Explanation | None:
        """The explanation, as of an hour or now."""
        as_of = None if hours is None else at(hours)
        return explain(self.log, self.codec, self.store, self.workspace, name, self.parameters, as_of=as_of)

    def explain(self, name: str, hours: float | None = None) -> Explanation:
        """The explanation of something that is known."""
        found = self.find(name, hours)
        assert found is not None, f"nothing is called {name}"
        return found

    def text(self, name: str, hours: float | None = None, width: int = 80) -> str:
        """The page of something that is known."""
        return render_text(self.explain(name, hours), width)


@pytest.fixture(scope="package")
def parts(tmp_path_factory: pytest.TempPathFactory, dsn: str) -> Iterator[tuple[SqliteLog, Store]]:
    """The opened log and store."""
    directory = tmp_path_factory.mktemp("explained")
    with (
        closing(SqliteLog(directory / "log.sqlite")) as log,
        closing(Store.open(dsn, "explained")) as store,
    ):
        for topic, compacted in TOPICS.items():
            log.create_topic(topic, compacted=compacted)
        store.migrate()
        yield log, store


@pytest.fixture
def told(parts: tuple[SqliteLog, Store]) -> Told:
    """A workspace without any event."""
    return Told(*parts)
