"""A workspace is where Kafka's own producers put its key."""

from __future__ import annotations

import ctypes
from pathlib import Path

import confluent_kafka
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.log.partitioning import murmur2, partition_of

#: keys and hashes (signed) that Kafka's own tests of its Java client name
JAVA = {
    b"21": -973932308,
    b"foobar": -790332482,
    b"a-little-bit-long-string": -985981536,
    b"a-little-bit-longer-string": -1486304829,
    b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    b"abc": 479470107,
}


@pytest.mark.parametrize("key", JAVA)
def test_the_hash_is_that_of_the_java_client(key: bytes) -> None:
    assert ctypes.c_int32(murmur2(key)).value == JAVA[key]


@given(st.text(min_size=1, max_size=40), st.integers(1, 64))
def test_the_partition_is_the_one_that_librdkafka_chooses(workspace: str, partitions: int) -> None:
    library = _librdkafka()
    chosen = library.rd_kafka_msg_partitioner_murmur2
    chosen.argtypes = [
        ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p
    ]  # fmt: skip
    chosen.restype = ctypes.c_int32
    key = workspace.encode()
    assert partition_of(workspace, partitions) == chosen(None, key, len(key), partitions, None, None)


def test_a_topic_without_partitions_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one partition"):
        partition_of("acme", 0)


def _librdkafka() -> ctypes.CDLL:
    """The library that confluent-kafka brings along."""
    beside = Path(confluent_kafka.__file__).parent.with_name("confluent_kafka.libs")
    (path,) = beside.glob("librdkafka-*")
    return ctypes.CDLL(str(path))
