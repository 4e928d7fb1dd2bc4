"""Which partition a workspace is in: the one that a producer of any language chooses for its key."""

from __future__ import annotations

from pipeline.log.protocol import Log
from pipeline.log.topics import EVENTS

_SEED = 0x9747B28C
_MULTIPLIER = 0x5BD1E995
_MASK = 0xFFFFFFFF
_POSITIVE = 0x7FFFFFFF


def partition_of(workspace: str, partitions: int) -> int:
    """The partition of all records of a workspace, in every topic of so many partitions.

    Kafka's own rule for a record with a key (murmur2 with Kafka's seed, sign dropped, modulo), so that
    an event produced elsewhere with the workspace as its key is found where ours are.
    """
    if partitions < 1:
        raise ValueError(f"a topic has at least one partition, not {partitions}")
    return (murmur2(workspace.encode()) & _POSITIVE) % partitions


def partition_in(log: Log, workspace: str) -> int:
    """The partition of a workspace in every divided topic of a log: all have as many as ``events``."""
    return partition_of(workspace, log.partitions(EVENTS))


def murmur2(data: bytes) -> int:
    """Austin Appleby's MurmurHash2 of 32 bits, unsigned, with the seed that Kafka uses."""
    length = len(data)
    value = _SEED ^ length
    whole = length & ~3
    for start in range(0, whole, 4):
        part = int.from_bytes(data[start : start + 4], "little") * _MULTIPLIER & _MASK
        part = (part ^ part >> 24) * _MULTIPLIER & _MASK
        value = (value * _MULTIPLIER & _MASK) ^ part
    if whole < length:
        value = (value ^ int.from_bytes(data[whole:], "little")) * _MULTIPLIER & _MASK
    value = (value ^ value >> 13) * _MULTIPLIER & _MASK
    return value ^ value >> 15
