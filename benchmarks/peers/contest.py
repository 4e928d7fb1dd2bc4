"""What a contestant is told, what it says when it is done, and how it reads values of the log.

Runs in the environments of the peers: nothing but the standard library and fastavro is imported.
"""

from __future__ import annotations

import io
import json
import struct
import time
from pathlib import Path
from typing import Any, NamedTuple

from fastavro import parse_schema, schemaless_reader


class Told(NamedTuple):
    """The log, where the results go, and what else a contestant has to know."""

    bootstrap: str
    #: stands before everything that the contestant creates in the cluster
    prefix: str
    events_topic: str
    results_topic: str
    events: int
    #: id in front of a value -> record and schema, of the records that the join reads
    schemas: dict[str, tuple[str, Any]]
    directory: str


def read_told(path: str) -> Told:
    """The file that the contest wrote."""
    return Told(**json.loads(Path(path).read_text(encoding="utf-8")))


class Reading:
    """Values in the wire format -> record and event; None for what the join does not read."""

    def __init__(self, told: Told) -> None:
        self._schemas = {
            int(number): (record, parse_schema(without_logical_types(document)))
            for number, (record, document) in told.schemas.items()
        }

    def __call__(self, value: bytes) -> tuple[str, dict[str, Any]] | None:
        found = self._schemas.get(struct.unpack_from(">I", value, 1)[0])
        if found is None:
            return None
        record, schema = found
        event: Any = schemaless_reader(io.BytesIO(value[5:]), schema, None)
        return record, event


def without_logical_types(document: Any) -> Any:
    """Times stay the integers that they are, which is faster and what the join computes with."""
    if isinstance(document, dict):
        return {
            name: without_logical_types(value) for name, value in document.items() if name != "logicalType"
        }
    if isinstance(document, list):
        return [without_logical_types(each) for each in document]
    return document


class Stopwatch:
    """Time of the wall from the first event, and of the processor since the process runs."""

    def __init__(self) -> None:
        self._began = 0.0
        self._cpu = time.process_time()

    def first_event(self) -> None:
        """Call it when an event comes; only the first one counts."""
        if not self._began:
            self._began = time.perf_counter()

    def report(self, events: int) -> None:
        """Print what it took: everything is produced and committed now."""
        wall, cpu = time.perf_counter() - self._began, time.process_time() - self._cpu
        print(json.dumps({"events": events, "wall_seconds": wall, "cpu_seconds": cpu}), flush=True)
