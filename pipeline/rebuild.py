"""Every event of a workspace again, in the order of its own time, into fresh state and rows."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from pipeline.codec import Codec, Columns
from pipeline.core.events import Event
from pipeline.core.parameters import Parameters
from pipeline.core.workspace import Column, Workspace
from pipeline.log.protocol import Log
from pipeline.sink import Sink
from pipeline.sorting import by_own_time
from pipeline.state import Epoch

EVENTS = "events"
READ_RECORDS_MAX = 20_000

ProgressCall = Callable[[str, int, int | None], None]


class Rebuilt(NamedTuple):
    """What a rebuild read and wrote, and the workspace that it ended in."""

    workspace: Workspace
    read: int
    folded: int
    rows: int


class Source(NamedTuple):
    """The events of one workspace in the log, up to an offset; ``skipped`` offsets can't be folded."""

    log: Log
    codec: Codec
    workspace: str
    end: int
    skipped: Collection[int] = frozenset()


def batches_of(source: Source) -> Iterator[list[Columns]]:
    """The events of a workspace as the log has them, batch by batch; unreadable ones are left out."""
    offset, key = 0, source.workspace.encode()
    while offset < source.end:
        records = source.log.read(EVENTS, 0, offset, min(READ_RECORDS_MAX, source.end - offset))
        if not records:
            return
        offset = records[-1].offset + 1
        values = [
            record.value for record in records if record.key == key and record.offset not in source.skipped
        ]
        yield source.codec.decode(values).columns


def events_of(log: Log, codec: Codec, workspace: str, end: int) -> Iterator[Event]:
    """The events of a workspace up to an offset, one by one."""
    for columns in batches_of(Source(log, codec, workspace, end)):
        for column in columns:
            yield from column.events()


def columns_of(batch: list[Event]) -> list[Column]:
    """Events in order as columns by record type, each with its positions."""
    columns: dict[type[Event], tuple[list[int], list[Event]]] = {}
    for position, event in enumerate(batch):
        positions, events = columns.setdefault(type(event), ([], []))
        positions.append(position)
        events.append(event)
    return list(columns.values())


def rebuild(
    source: Source,
    sink: Sink,
    parameters: Parameters,
    epoch: Epoch,
    batch_events: int,
    scratch: Path | None,
    progress: ProgressCall | None,
) -> Rebuilt:
    """Fold everything up to the source's end into a fresh workspace, and write its rows under ``epoch``.

    What does not fit in memory while it is sorted goes to ``scratch``. A store that has lost the
    events gets them again, too.
    """
    name = source.workspace
    workspace = Workspace(parameters)
    read = folded = written = newest = 0
    restore_events = not sink.holds_events(name)

    def events() -> Iterator[Event]:
        for columns in batches_of(source):
            if restore_events:
                sink.write_events(name, columns)
            for column in columns:
                yield from column.events()

    with tempfile.TemporaryDirectory(prefix="rebuild-", dir=scratch) as directory:
        ordered = by_own_time(events(), Path(directory))
        while batch := list(islice(ordered, batch_events)):
            read += len(batch)
            newest = max(newest, *(event.received_at for event in batch))
            folded += workspace.fold(columns_of(batch), rebuilding=True)
            rows = workspace.derive()
            written += sink.write_facts(name, epoch.version(read), list(rows.tables()))
            workspace.snapshot()  # what rests is packed; the state is taken whole at the end
            if progress is not None:
                progress("rebuilding", read, source.end)
        workspace.arrive_at(newest)
        rows = workspace.derive()
        version = epoch.version(source.end, refolded=True)
        written += sink.write_facts(name, version, list(rows.tables()))
        written += sink.delete_older(name, version, epoch.version(0))
    return Rebuilt(workspace, read, folded, written)
