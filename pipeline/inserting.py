"""Topics into tables: events as they were told, the rows that follow from them, and dead letters.

The last step of a cluster. It reads what was committed, inserts, and commits its own offsets after the
insert: a crash repeats inserts, which changes nothing, because versions decide which row holds.
"""

from __future__ import annotations

import logging

from pipeline.codec import Codec
from pipeline.codec.facts import FactCodec
from pipeline.dead_letters import decode_letter
from pipeline.folding import by_workspace
from pipeline.log.partitioning import partition_of
from pipeline.log.protocol import Log, LogCorrupt, NewRecord, Record
from pipeline.log.topics import DEAD_LETTERS, EVENTS, PARKED
from pipeline.measuring import UNMEASURED, Meter
from pipeline.reached import Standing, places, reached
from pipeline.sink import GROUP, row_of_letter
from pipeline.store import Store, StoreUnavailable

BATCH_RECORDS_MAX = 50_000
_log = logging.getLogger(__name__)
#: state kept for each record that this version does not know
PARKED_READ_MAX = 100_000


class Inserter:
    """Follows the topics of one partition, and keeps the tables of one store in line with them."""

    def __init__(
        self,
        log: Log,
        codec: Codec,
        facts: FactCodec,
        store: Store,
        partition: int,
        meter: Meter = UNMEASURED,
    ) -> None:
        self._log = log
        self._codec = codec
        self._facts = facts
        self._store = store
        self._partition = partition
        self._meter = meter
        #: how far it has come in each topic, in the order in which they are inserted
        self._offsets = {place.topic: reached(log, place) for place in places(GROUP, partition)}
        if self._offsets[EVENTS] and not self._any_rows():
            self._begin_again()
        self._insert_parked()

    def _any_rows(self) -> bool:
        count = self._log.partitions(EVENTS)
        return any(partition_of(name, count) == self._partition for name in self._store.workspaces())

    def _begin_again(self) -> None:
        """Somebody took the rows away: all are inserted anew, from what the topics hold."""
        _log.warning(
            "partition %d: the store has lost its rows, they are inserted from the log again", self._partition
        )
        # all of them before the first row is there: after an interruption no loss can be seen any more
        for topic in self._offsets:
            self._log.commit(GROUP, topic, self._partition, 0)
            self._offsets[topic] = 0

    def turn(self) -> int:
        """Insert what is there, up to a batch of each topic; returns how many records that were."""
        return sum(self._follow(topic) for topic in self._offsets)

    def standing(self) -> Standing:
        """How many records are not in the tables yet."""
        found = {topic: self._log.end(topic, self._partition) for topic in self._offsets}
        behind = sum(max(0, end - self._offsets[topic]) for topic, end in found.items())
        return Standing(sum(found.values()), behind)

    def _follow(self, topic: str) -> int:
        with self._meter.stage("read"):
            records = self._log.read(topic, self._partition, self._offsets[topic], BATCH_RECORDS_MAX)
        if not records:
            return 0
        with self._meter.stage("insert"):
            parked = self._insert(topic, records)
        if parked:
            # before the commit and not with it: done twice it is the same, and nothing has to be claimed
            self._log.append(PARKED, self._partition, parked)
        offset = records[-1].offset + 1
        with self._meter.stage("commit"):
            self._log.commit(GROUP, topic, self._partition, offset)
        self._offsets[topic] = offset
        self._meter.batch(len(records))
        return len(records)

    def _insert(self, topic: str, records: list[Record]) -> list[NewRecord]:
        """Insert records of a topic; returns what has to be kept for a later version."""
        if topic == EVENTS:
            return self._insert_events(records)
        if topic == DEAD_LETTERS:
            return self._insert_letters(records)
        return self._insert_facts(records)

    def _insert_events(self, records: list[Record]) -> list[NewRecord]:
        """Insert what can be read; what is of an unknown type is kept for a later version."""
        parked = []
        for workspace, positions in by_workspace(records).items():
            mine = [records[position] for position in positions]
            decoded = self._codec.decode([record.value for record in mine])
            # what can't be read is a dead letter already: whoever folds has seen to it
            for column in decoded.columns:
                self._store.insert_events(column.record, workspace, column.table)
            for position in decoded.unknown:
                record = mine[position]
                parked.append(NewRecord(record.key + b"\0" + str(record.offset).encode(), record.value))
        return parked

    def _insert_facts(self, records: list[Record]) -> list[NewRecord]:
        decoded = self._facts.decode([record.value for record in records])
        if decoded.unknown:
            raise StoreUnavailable(
                f"the row at offset {records[decoded.unknown[0]].offset} of partition {self._partition} has a"
                " schema that this version does not know: bring the sink up to the version that writes it"
            )
        if decoded.failures:
            failure = decoded.failures[0]
            offset = records[failure.position].offset
            raise LogCorrupt(
                f"the row at offset {offset} of partition {self._partition} can't be read ({failure.reason}):"
                " it was not written by this program; rebuild the workspace, or drop the record"
            )
        for rows in decoded.tables:
            self._store.insert_block(rows.table, rows.block)
        return []

    def _insert_letters(self, records: list[Record]) -> list[NewRecord]:
        letters = [decode_letter(record.value) for record in records]
        self._store.insert_dead_letters(row_of_letter(letter) for letter in letters if not letter.settled)
        return []

    def _insert_parked(self) -> None:
        """Insert what an older version did not know, as far as this one does."""
        held = self._log.latest(PARKED, self._partition)
        keys = sorted(held)
        records = [Record(0, key.partition(b"\0")[0], held[key]) for key in keys]
        for start in range(0, len(keys), PARKED_READ_MAX):
            part = records[start : start + PARKED_READ_MAX]
            still = {bytes(value) for _, value in self._insert_events(part)}
            done = [
                NewRecord(key, b"")
                for key, record in zip(keys[start : start + PARKED_READ_MAX], part, strict=True)
                if record.value not in still
            ]
            if done:
                self._log.append(PARKED, self._partition, done)
