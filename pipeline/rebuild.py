"""Every event of a workspace again, in the order of its own time, into fresh state and rows."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.codec import Codec
from pipeline.core.events import Event
from pipeline.core.parameters import Parameters
from pipeline.core.workspace import Column, Workspace
from pipeline.log.protocol import Log
from pipeline.sink import Sink
from pipeline.sorting import by_own_time
from pipeline.state import Epoch

if TYPE_CHECKING:
    from pipeline.correlate import Summary

EVENTS = "events"
READ_RECORDS_MAX = 20_000

ProgressCall = Callable[[str, int, int | None], None]


def events_of(log: Log, codec: Codec, workspace: str, end: int) -> Iterator[Event]:
    """The events of a workspace up to an offset, as the log has them; unreadable ones are left out."""
    offset, key = 0, workspace.encode()
    while offset < end:
        records = log.read(EVENTS, 0, offset, min(READ_RECORDS_MAX, end - offset))
        if not records:
            return
        offset = records[-1].offset + 1
        for column in codec.decode([record.value for record in records if record.key == key]).columns:
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
    log: Log,
    codec: Codec,
    sink: Sink,
    name: str,
    parameters: Parameters,
    epoch: Epoch,
    end: int,
    batch_events: int,
    summary: Summary,
    progress: ProgressCall | None,
) -> Workspace:
    """Fold everything up to ``end`` into a fresh workspace, and write its rows under ``epoch``."""
    workspace = Workspace(parameters)
    newest = 0
    with tempfile.TemporaryDirectory(prefix="aftermerge-rebuild-") as directory:
        ordered = by_own_time(events_of(log, codec, name, end), Path(directory))
        while batch := list(islice(ordered, batch_events)):
            summary.read += len(batch)
            newest = max(newest, *(event.received_at for event in batch))
            summary.folded += workspace.fold(columns_of(batch), rebuilding=True)
            rows = workspace.derive()
            summary.rows += sink.write_facts(name, epoch.version(summary.read), list(rows.tables()))
            workspace.snapshot()  # what rests is packed; the state is taken whole at the end
            if progress is not None:
                progress("rebuilding", summary.read, end)
        workspace.arrive_at(newest)
        rows = workspace.derive()
        version = epoch.version(end, refolded=True)
        summary.rows += sink.write_facts(name, version, list(rows.tables()))
        summary.rows += sink.delete_older(name, version, epoch.version(0))
    return workspace
