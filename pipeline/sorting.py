"""Events in the order of their own time, however many there are: sorted runs on disk, then a merge.

What fits in memory never touches the disk. Events of one moment keep the order in which they came,
after the source's own sequence.
"""

from __future__ import annotations

import heapq
import tempfile
from collections.abc import Iterable, Iterator
from functools import reduce
from itertools import islice
from operator import or_
from pathlib import Path
from typing import IO

import msgspec

from pipeline.core.entities import position
from pipeline.core.events import RECORDS, Event

#: events that are sorted in memory at a time: about 100 MB of them
RUN_EVENTS_MAX = 100_000
#: events are written and read in blocks of this many, so that a merge holds one block of each run
BLOCK_EVENTS = 1_000
_LENGTH_BYTES = 4

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[list[Event]] = msgspec.msgpack.Decoder(
    list[reduce(or_, RECORDS.values())]  # type: ignore[misc]  # the union of all records, made at run time
)


def by_own_time(
    events: Iterable[Event], directory: Path, *, run_events: int = RUN_EVENTS_MAX, refolding: bool = False
) -> Iterator[Event]:
    """The same events, oldest first; runs beyond the first go to unnamed files in ``directory``.

    With ``refolding`` what is declared comes before everything else: see ``position``.

    Reads all of ``events`` before the first event comes out. The files vanish when the iterator is
    done or closed, and when the process dies.
    """
    incoming = iter(events)
    moment = _when_refolded if refolding else _moment
    files: list[IO[bytes]] = []
    try:
        last = sorted(islice(incoming, run_events), key=moment)
        while following := list(islice(incoming, run_events)):
            files.append(_written(last, directory))
            last = sorted(following, key=moment)
        yield from heapq.merge(*(_read(file) for file in files), last, key=moment)
    finally:
        for file in files:
            file.close()


def _moment(event: Event) -> tuple[int, int]:
    return (event.time, event.sequence)


def _when_refolded(event: Event) -> tuple[int, int, int]:
    return (position(event), event.time, event.sequence)


def _written(run: list[Event], directory: Path) -> IO[bytes]:
    # Beside the data and not in the system's place for such files, which is memory on many machines.
    file = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115 - the merge closes it
    for start in range(0, len(run), BLOCK_EVENTS):
        block = _encoder.encode(run[start : start + BLOCK_EVENTS])
        file.write(len(block).to_bytes(_LENGTH_BYTES, "little"))
        file.write(block)
    file.seek(0)
    return file


def _read(file: IO[bytes]) -> Iterator[Event]:
    while length := file.read(_LENGTH_BYTES):
        yield from _decoder.decode(file.read(int.from_bytes(length, "little")))
