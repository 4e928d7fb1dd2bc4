"""What a rebuild would change: rows made anew in tables beside the live ones, compared, and thrown away."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from pipeline.codec import Codec
from pipeline.core.parameters import MODEL_VERSION, Parameters
from pipeline.log.partitioning import partition_in
from pipeline.log.protocol import Log
from pipeline.log.topics import EVENTS
from pipeline.poison import unfoldable
from pipeline.rebuild import Source, rebuild
from pipeline.sink import Sink
from pipeline.state import GROUP, Epoch
from pipeline.store import Store
from pipeline.store.beside import FACT_TABLES, Beside
from pipeline.store.comparing import TableDifference

SUFFIX = "rehearsal"


def rehearse(
    log: Log,
    codec: Codec,
    store: Store,
    parameters: Parameters,
    workspace: str,
    batch_events: int,
    scratch: Path | None,
    progress: Callable[[str, int, int | None], None] | None = None,
) -> list[TableDifference]:
    """Rebuild a workspace beside its live rows, up to where those stand; how each table would differ.

    State, log and live rows stay as they are. Raises ``LogUnavailable`` or ``StoreUnavailable``.
    """
    partition = partition_in(log, workspace)
    end = log.committed(GROUP, EVENTS, partition)
    source = Source(log, codec, workspace, end, unfoldable(log, partition), partition)
    epoch = Epoch(1, MODEL_VERSION, repr(parameters))
    with closing(Beside(store, SUFFIX)) as beside:
        try:
            rebuild(source, Sink(beside.store), parameters, epoch, batch_events, scratch, progress)
            return beside.compare(workspace, FACT_TABLES)
        finally:
            beside.drop()
