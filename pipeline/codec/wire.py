"""The codec: batches of events to values, and batches of values to columns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from operator import itemgetter

import numpy as np

from pipeline.codec.decoding import (
    Decoded,
    Failure,
    Piece,
    Positions,
    decode_group,
    joined,
    without_absurd_times,
)
from pipeline.codec.encoding import encode_group
from pipeline.codec.schemas import (
    HEAD_BYTES,
    MAGIC,
    ParsedSchema,
    current_schemas,
    shipped_schemas,
)
from pipeline.core.events import RECORD_OF, Event


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
        pieces, failures, unknown = read_pieces(values, self._writers, self._readers)
        columns = []
        for record, parts in pieces.items():
            sane = [without_absurd_times(piece, failures) for piece in parts]
            if any(len(piece.positions) for piece in sane):
                columns.append(joined(record, sane))
        return Decoded(columns, sorted(failures), sorted(unknown))


def read_pieces(
    values: Sequence[bytes], writers: Mapping[int, ParsedSchema], readers: Mapping[str, ParsedSchema]
) -> tuple[dict[str, list[Piece]], list[Failure], list[int]]:
    """The rows of values in any order of records, the failures, and where values of no reader stand.

    ``writers`` are the schemas by the ids in front of the values, ``readers`` those to read as, by record.
    """
    pieces: dict[str, list[Piece]] = {}
    failures: list[Failure] = []
    unknown: list[int] = []
    for head, positions in by_head(values):
        if reason := _misframed(head):
            failures += [Failure(position, reason) for position in positions.tolist()]
            continue
        writer = writers.get(int.from_bytes(head[len(MAGIC) :], "big"))
        if writer is None or writer.record not in readers:
            unknown += positions.tolist()
            continue
        good, bad = decode_group(values, positions, writer, readers[writer.record])
        failures += bad
        if good:
            pieces.setdefault(writer.record, []).extend(good)
    return pieces, failures, unknown


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
