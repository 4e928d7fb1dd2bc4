"""The codec: batches of events to values, and batches of values to columns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from operator import itemgetter

import numpy as np

from pipeline.codec.decoding import Decoded, Failure, Piece, Positions, decode_group, joined
from pipeline.codec.encoding import encode_group
from pipeline.codec.schemas import (
    HEAD_BYTES,
    MAGIC,
    ParsedSchema,
    current_schemas,
    shipped_schemas,
)
from pipeline.core.events import RECORD_OF, RECORDS, Event


class Codec:
    """Writes every record with its current schema, and reads it from any schema it knows.

    ``schemas`` says which schema an id in front of a value means, and ``ids`` under which id each
    record is written; both are for a registry, and default to the shipped schemas under the ids
    that follow from their content.
    """

    def __init__(
        self, schemas: Mapping[int, ParsedSchema] | None = None, ids: Mapping[str, int] | None = None
    ) -> None:
        self._writers = shipped_schemas() if schemas is None else schemas
        self._readers = current_schemas()
        self._ids = {record: schema.id for record, schema in self._readers.items()} if ids is None else ids

    def encode(self, events: Sequence[Event]) -> list[bytes]:
        """The values of events of any mix of records, in their order.

        Raises ``InvalidEvent`` naming the first event that can't be written; then none is.
        """
        groups: defaultdict[type[Event], list[int]] = defaultdict(list)
        for position, event in enumerate(events):
            groups[type(event)].append(position)
        values = [b""] * len(events)
        for struct, positions in groups.items():
            record = RECORD_OF[struct]
            group = [events[position] for position in positions]
            encoded = encode_group(group, self._readers[record], self._ids[record])
            for position, value in zip(positions, encoded, strict=True):
                values[position] = value
        return values

    def decode(self, values: Sequence[bytes]) -> Decoded:
        """Read a batch of values by columns. Bad values are reported, and never raise."""
        pieces: defaultdict[str, list[Piece]] = defaultdict(list)
        failures: list[Failure] = []
        unknown: list[int] = []
        for head, positions in by_head(values):
            if reason := _misframed(head):
                failures += [Failure(position, reason) for position in positions.tolist()]
                continue
            writer = self._writers.get(int.from_bytes(head[len(MAGIC) :], "big"))
            if writer is None or writer.record not in RECORDS:
                unknown += positions.tolist()
                continue
            good, bad = decode_group(values, positions, writer, self._readers[writer.record])
            failures += bad
            if good:
                pieces[writer.record] += good
        columns = [joined(record, parts) for record, parts in pieces.items()]
        return Decoded(columns, sorted(failures), sorted(unknown))


def by_head(values: Sequence[bytes]) -> list[tuple[bytes, Positions]]:
    """The five bytes in front of the values, each with the positions where they stand."""
    heads = list(map(itemgetter(slice(HEAD_BYTES)), values))
    numbers = {head: number for number, head in enumerate(dict.fromkeys(heads))}
    found = np.fromiter(map(numbers.__getitem__, heads), np.int64, len(heads))
    return [(head, np.flatnonzero(found == number)) for head, number in numbers.items()]


def _misframed(head: bytes) -> str:
    if not head:
        return "the value is empty"
    if not head.startswith(MAGIC):
        return f"the value begins with {head[:1].hex()}, not with the zero that announces a schema's id"
    if len(head) < HEAD_BYTES:
        return f"the value has {len(head)} bytes, fewer than a schema's id needs"
    return ""
