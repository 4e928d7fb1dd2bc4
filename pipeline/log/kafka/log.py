"""The ``Log`` protocol on a Kafka cluster.

Every append is a transaction, and readers see what was committed, alone. A group's commit writes the
results and moves the offset in one transaction, whose id is made of group, topic and partition: the
brokers let only the newest writer under an id commit, so one that was paused and replaced changes
nothing any more. Whoever takes over a partition calls ``claim`` before it asks where to go on.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Sequence
from operator import add, itemgetter

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from pipeline.log.kafka import clients
from pipeline.log.kafka.bounds import Bounds, Place
from pipeline.log.kafka.configuration import RECORD_BYTES_MAX, KafkaSettings
from pipeline.log.kafka.failures import patiently, stranger_among, translated
from pipeline.log.kafka.groups import Groups
from pipeline.log.kafka.reading import Readers
from pipeline.log.kafka.topics import FOREVER, Topics, TopicSettings
from pipeline.log.kafka.transactions import Batch, Position, Writer
from pipeline.log.protocol import LogFenced, LogUnavailable, NewRecord, Record


class _Claim:
    """A group's partition for which this process commits, once it has a writer; one commit at a time."""

    def __init__(self, group: str, place: Place) -> None:
        self.group = group
        self.place = place
        self.lock = threading.RLock()
        self.writer: Writer | None = None
        #: somebody decides who has it: without a word from there, it isn't taken again
        self.decided = False

    def close(self) -> None:
        with self.lock:
            if self.writer is not None:
                self.writer.close()
                self.writer = None


def _settled(writer: Writer) -> bool:
    """Whether a writer can go on, with nothing left in doubt; raises what may be over at the next call."""
    if writer.lost is None:
        try:
            writer.settle()
        except (LogFenced, LogUnavailable):
            # a broker that has never seen the transaction refuses its end for ever
            if writer.lost is None:
                raise
    return writer.lost is None


class KafkaLog:
    """Topics of one cluster; safe to use from several threads, and not after a fork.

    A commit for what was never claimed here claims it. A call ends within the settings' time, or twice it.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        """Reach the cluster. Raises ``LogUnavailable``."""
        self.settings = settings
        troubles: list[KafkaError] = []
        self._admin = clients.admin(settings, troubles.append)
        with translated(settings, "be reached"):
            patiently(settings, lambda seconds: self._reach(seconds, troubles))
        self.topics = Topics(settings, self._admin)
        self._bounds = Bounds(settings)
        self._readers = Readers(settings, self._bounds)
        self._groups = Groups(settings)
        self._append_lock = threading.Lock()
        self._append_name = f"append-{settings.instance or uuid.uuid4().hex}"
        self._appender: Writer | None = None
        self._claims_lock = threading.Lock()
        self._claims: dict[tuple[str, Place], _Claim] = {}
        self._closed = False

    def _reach(self, seconds: float, troubles: list[KafkaError]) -> None:
        try:
            self._admin.list_topics(timeout=seconds)
        except KafkaException:
            # what the connections suffered says more than that there was none
            self._admin.poll(0)
            if (stranger := stranger_among(troubles)) is not None:
                raise KafkaException(stranger) from None
            raise

    # topics

    def create_topic(
        self,
        topic: str,
        *,
        partitions: int = 1,
        compacted: bool = False,
        retention_milliseconds: int = FOREVER,
    ) -> None:
        """Make a topic, with as many copies as the settings say; see ``Log.create_topic``."""
        self._refuse_if_closed()
        wanted = TopicSettings(
            partitions=partitions,
            compacted=compacted,
            retention_milliseconds=retention_milliseconds,
            replication_factor=self.settings.replication_factor,
            min_insync_replicas=self.settings.min_insync_replicas,
        )
        self.topics.create(topic, wanted)

    def partitions(self, topic: str) -> int:
        """How many partitions a topic has; see ``Log.partitions``."""
        self._refuse_if_closed()
        return self.topics.known(topic).partitions

    # records

    def append(self, topic: str, partition: int, records: Sequence[NewRecord]) -> int:
        """Append a batch as one transaction; see ``Log.append``."""
        place, batch = self._batch(topic, partition, records)
        if not records:
            return self._bounds.end(place)
        with self._append_lock:
            (first,) = self._usable_appender().write([batch])
        return first

    def read(self, topic: str, partition: int, offset: int, limit: int) -> list[Record]:
        """Up to ``limit`` committed records from an offset on; see ``Log.read``."""
        place = self._place(topic, partition)
        return self._readers.read(place, max(offset, 0), limit) if limit > 0 else []

    def end(self, topic: str, partition: int) -> int:
        """The offset behind the last committed record; see ``Log.end``."""
        return self._bounds.end(self._place(topic, partition))

    def begin(self, topic: str, partition: int) -> int:
        """Nothing is kept before this offset; see ``Log.begin``."""
        return self._bounds.range(self._place(topic, partition)).begin

    def trim(self, topic: str, partition: int, offset: int) -> int:
        """Drop the records before an offset, and count them by reading them; see ``Log.trim``."""
        place = self._place(topic, partition)
        if self.topics.known(topic).compacted:
            raise ValueError(f"topic {topic!r} is compacted: delete a key by an empty value instead")
        until = min(offset, self._bounds.end(place))
        if until <= self._bounds.range(place).begin:
            return 0
        count = 0
        for records in self._readers.batches(place):
            count += sum(record.offset < until for record in records)
            if records[-1].offset >= until - 1:
                break
        told = TopicPartition(self.settings.topic(topic), partition, until)
        seconds = self.settings.timeout_seconds
        with translated(self.settings, f"trim {place}"):
            for answer in self._admin.delete_records([told], operation_timeout=seconds).values():
                answer.result(seconds)
        self._readers.forget(place)
        return count

    def latest(self, topic: str, partition: int) -> dict[bytes, bytes]:
        """The live value of every key; ``ValueError`` for a topic that isn't compacted."""
        place = self._place(topic, partition)
        if not self.topics.known(topic).compacted:
            raise ValueError(f"topic {topic!r} isn't compacted: read it from an offset instead")
        found: dict[bytes, bytes] = {}
        for records in self._readers.batches(place):
            found.update((record.key, record.value) for record in records)
        return {key: value for key, value in found.items() if value}

    # groups

    def claim(self, group: str, topic: str, partition: int) -> int:
        """Become the one that commits for a group's partition, and return the offset from which it goes on.

        What the one before had open is ended first, so what it has committed is complete, and whatever it
        still tries raises ``LogFenced``.
        """
        place = self._place(topic, partition)
        claim = self._claim(group, place)
        with claim.lock:
            claim.decided = True
            self._take_over(claim)
        return self._groups.committed(group, place)

    def release(self, group: str, topic: str, partition: int) -> None:
        """Give back a partition: this process commits for it no more, unless it claims it again."""
        claim = self._claim(group, self._place(topic, partition))
        with claim.lock:
            claim.decided = True
            claim.close()

    def committed(self, group: str, topic: str, partition: int) -> int:
        """The offset from which a group goes on; see ``Log.committed``."""
        place = self._place(topic, partition)
        with self._claims_lock:
            claim = self._claims.get((group, place))
        if claim is not None:
            with claim.lock:
                if claim.writer is not None:
                    _settled(claim.writer)
        return self._groups.committed(group, place)

    def commit(
        self,
        group: str,
        topic: str,
        partition: int,
        offset: int,
        *,
        appended: Sequence[tuple[str, int, Sequence[NewRecord]]] = (),
    ) -> None:
        """Move a group's offset and append, as one transaction; see ``Log.commit``.

        Raises ``LogFenced`` when another process has claimed the partition. Where nobody here has claimed
        it and nothing is appended, the offset is just moved: whoever moves it last has said where it is.
        """
        if offset < 0:
            raise ValueError(f"group {group!r} can't commit offset {offset}: offsets begin at 0")
        place = self._place(topic, partition)
        found = [self._batch(*each)[1] for each in appended]
        batches = [batch for batch in found if batch.records]
        if not batches and not self._is_claimed(group, place):
            self._groups.move(group, place, offset)
            return
        claim = self._claim(group, place)
        with claim.lock:
            if claim.writer is None and claim.decided:
                raise LogFenced(f"group {group!r} gave back {place} here: claim it before you commit")
            writer = claim.writer or self._take_over(claim)
            position = Position(place, offset, self._groups.metadata(group))
            writer.write(batches, position)
        for batch in batches:
            # whoever writes a place alone has no use for what was fetched ahead of it
            self._readers.forget(batch.place)

    def close(self) -> None:
        """Release the clients; what was appended or committed stays. A second call does nothing."""
        with self._append_lock, self._claims_lock:
            if self._closed:
                return
            self._closed = True
            claims = list(self._claims.values())
            if self._appender is not None:
                self._appender.close()
        for claim in claims:
            claim.close()
        self._readers.close()
        self._groups.close()
        self._bounds.close()

    # how

    def _usable_appender(self) -> Writer:
        if self._appender is not None and not _settled(self._appender):
            # its name is this log's own, so nobody has taken over: the broker gave it up in an outage
            self._appender.close()
            self._appender = None
        if self._appender is None:
            self._appender = Writer(self.settings, self._append_name, "append", self._bounds.wrote)
        return self._appender

    def _is_claimed(self, group: str, place: Place) -> bool:
        with self._claims_lock:
            return (group, place) in self._claims

    def _claim(self, group: str, place: Place) -> _Claim:
        with self._claims_lock:
            return self._claims.setdefault((group, place), _Claim(group, place))

    def _take_over(self, claim: _Claim) -> Writer:
        claim.close()
        name = f"{claim.group}-{claim.place.topic}-{claim.place.partition}"
        action = f"commit for group {claim.group!r} in {claim.place}"
        claim.writer = Writer(self.settings, name, action, self._bounds.wrote)
        return claim.writer

    def _place(self, topic: str, partition: int) -> Place:
        self._refuse_if_closed()
        count = self.topics.known(topic).partitions
        if not 0 <= partition < count:
            raise KeyError(f"topic {topic!r} has {count} partitions, no {partition}")
        return Place(topic, partition)

    def _batch(self, topic: str, partition: int, records: Sequence[NewRecord]) -> tuple[Place, Batch]:
        place = self._place(topic, partition)
        sizes = map(add, map(len, map(itemgetter(0), records)), map(len, map(itemgetter(1), records)))
        if (largest := max(sizes, default=0)) > RECORD_BYTES_MAX:
            raise ValueError(
                f"a record for {place} has {largest:,} bytes, at most {RECORD_BYTES_MAX:,} can be kept:"
                " leave it out, or split it"
            )
        return place, Batch(place, self.topics.known(topic).compacted, records)

    def _refuse_if_closed(self) -> None:
        if self._closed:
            raise LogUnavailable(f"the log at {self.settings.bootstrap} is closed: open it again")
