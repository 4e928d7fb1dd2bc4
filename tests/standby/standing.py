"""A process that folds a partition, and another one that stands by for it."""

from __future__ import annotations

from typing import Any

from pipeline.codec import Codec
from pipeline.codec.facts import FactCodec
from pipeline.correlate import Correlator
from pipeline.log.protocol import LogUnavailable, Record
from pipeline.log.sqlite import SqliteLog
from pipeline.log.topics import STATE
from pipeline.publish import Publisher
from pipeline.standby import BEGUN_AFTER_SECONDS, RETRY_WAIT_SECONDS, Standby, Standbys
from tests.places import ACME, Place
from tests.runs import PARAMETERS


class Clock:
    """Seconds that pass when a test says so."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def active(place: Place, standby: Standby | None = None, **differs: Any) -> Correlator:
    """A process that folds the partition, with rows onto topics."""
    told: dict[str, Any] = {"log": place.log, "codec": Codec(), "parameters": PARAMETERS} | differs
    publisher = Publisher(place.log, FactCodec())
    return Correlator(told["log"], told["codec"], publisher, told["parameters"], 40, stood_by=lambda: standby)


class Unread(SqliteLog):
    """The log, for a process that must not read the state again."""

    def __init__(self, log: SqliteLog) -> None:
        self.__dict__ = log.__dict__

    def latest(self, topic: str, partition: int) -> dict[bytes, bytes]:
        assert topic != STATE, "the state is read again"
        return super().latest(topic, partition)


def followed(place: Place, clock: Clock) -> Standbys:
    standbys = Standbys(place.log, PARAMETERS, [0], clock)
    clock.now += BEGUN_AFTER_SECONDS
    standbys.follow()
    return standbys


def begun_anew(standbys: Standbys, clock: Clock) -> None:
    """It was out of step, and waits before it reads everything again."""
    standbys.follow()
    assert standbys.warm == 0
    clock.now += RETRY_WAIT_SECONDS
    standbys.follow()
    assert standbys.warm == 1


def lose_step(standbys: Standbys) -> None:
    """It has forgotten something that the other one has not."""
    standbys._held[0].workspaces[ACME].clock.evicted_at += 1


def state_records(place: Place) -> list[Record]:
    return place.log.read(STATE, 0, 0, 100_000)


class Flickering(SqliteLog):
    """The log, which can't be read for a while."""

    gone = False
    broken = False

    def __init__(self, log: SqliteLog) -> None:
        self.__dict__ = dict(log.__dict__)

    def read(self, topic: str, partition: int, offset: int, limit: int) -> list[Record]:
        if self.gone:
            raise LogUnavailable("no broker answers")
        if self.broken:
            raise ValueError("nobody expected this")
        return super().read(topic, partition, offset, limit)
