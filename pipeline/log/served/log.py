"""The ``Log`` protocol for a process that may not open the log itself, because another one holds it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from pipeline.log.protocol import READ_BYTES_MAX, LogUnavailable, NewRecord, Record
from pipeline.log.served.calls import (
    BATCH_BYTES_MAX,
    CALL_PATH,
    MSGPACK,
    READ_RECORDS_MAX,
    Piece,
    ReadAnswer,
    too_large,
)
from pipeline.log.served.connection import ControlConnection

_encode = msgspec.msgpack.Encoder().encode
_number = msgspec.msgpack.Decoder(int).decode
_records: msgspec.msgpack.Decoder[ReadAnswer] = msgspec.msgpack.Decoder(ReadAnswer)
_piece: msgspec.msgpack.Decoder[Piece] = msgspec.msgpack.Decoder(Piece)


class ServedLog:
    """The log behind a control socket; safe to use from several threads.

    It keeps every promise of the protocol but one: when the other process dies while it answers, an
    ``append`` or ``commit`` raises ``LogUnavailable`` though its batch may be in the log. Appending it
    again is harmless: an event that is told twice changes nothing.
    """

    def __init__(self, path: Path) -> None:
        """Talk to the process that listens there. Raises nothing: the first call finds out."""
        self._connection = ControlConnection(path)

    def create_topic(self, topic: str, *, partitions: int = 1, compacted: bool = False) -> None:
        """Make a topic; see ``Log.create_topic``."""
        self._call("create_topic", topic, partitions, compacted)

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has; see ``Log.partitions``."""
        return _number(self._call("partitions", topic))

    def append(self, topic: str, partition: int, records: Sequence[NewRecord]) -> int:
        """Append a batch in one request; ``ValueError`` above ``BATCH_BYTES_MAX``. See ``Log.append``."""
        return _number(self._call("append", topic, partition, list(records)))

    def read(self, topic: str, partition: int, offset: int, limit: int) -> list[Record]:
        """Up to ``limit`` records from an offset on, by as many requests as they need; see ``Log.read``."""
        found: list[Record] = []
        size_bytes = 0
        while True:
            wanted = max(0, min(limit - len(found), READ_RECORDS_MAX))
            start = found[-1].offset + 1 if found else offset
            records, more = _records.decode(self._call("read", topic, partition, start, wanted))
            for record in records:
                found.append(record)
                size_bytes += len(record.value)
                if size_bytes >= READ_BYTES_MAX:
                    return found
            if not more or not records or len(found) >= limit:
                return found

    def end(self, topic: str, partition: int) -> int:
        """The offset of the next record; see ``Log.end``."""
        return _number(self._call("end", topic, partition))

    def begin(self, topic: str, partition: int) -> int:
        """The offset of the first record that is kept; see ``Log.begin``."""
        return _number(self._call("begin", topic, partition))

    def trim(self, topic: str, partition: int, offset: int) -> int:
        """Drop the records before an offset; see ``Log.trim``."""
        return _number(self._call("trim", topic, partition, offset))

    def latest(self, topic: str, partition: int) -> dict[bytes, bytes]:
        """The live value of every key, all of one moment; see ``Log.latest``."""
        found: dict[bytes, bytes] = {}
        for piece in self._connection.pieces(f"{CALL_PATH}latest", _encode((topic, partition)), MSGPACK):
            found.update(_piece.decode(piece))
        return found

    def committed(self, group: str, topic: str, partition: int) -> int:
        """The offset from which a group goes on; see ``Log.committed``."""
        return _number(self._call("committed", group, topic, partition))

    def claim(self, group: str, topic: str, partition: int) -> int:
        """The offset from which a group goes on; see ``Log.claim``. The holder of the log goes on, too."""
        return self.committed(group, topic, partition)

    def release(self, group: str, topic: str, partition: int) -> None:
        """Nothing; see ``Log.release``."""

    def commit(
        self,
        group: str,
        topic: str,
        partition: int,
        offset: int,
        *,
        appended: Sequence[tuple[str, int, Sequence[NewRecord]]] = (),
    ) -> None:
        """Move a group's offset and append, in one request; see ``Log.commit``."""
        batches = [(name, number, list(records)) for name, number, records in appended]
        self._call("commit", group, topic, partition, offset, batches)

    def close(self) -> None:
        """Hang up; the other process keeps its log. A second call does nothing."""
        self._connection.close()

    def _call(self, name: str, *arguments: Any) -> bytes:
        body = _encode(arguments)
        if len(body) > BATCH_BYTES_MAX:
            raise too_large(len(body))
        try:
            return self._connection.post(CALL_PATH + name, body, MSGPACK)
        except LogUnavailable as error:
            if name in ("append", "commit") and error.__cause__ is not None:
                raise LogUnavailable(f"{error}; what was sent last may be kept, or not") from error.__cause__
            raise
