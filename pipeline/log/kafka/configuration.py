"""What is to be known about a Kafka cluster, and the settings of librdkafka that follow from it."""

from __future__ import annotations

from dataclasses import dataclass, field

#: a call that has not succeeded within this time raises ``LogUnavailable``
TIMEOUT_SECONDS = 30.0
#: what a broker waits for an answer of its own log when nothing is there to be read
FETCH_WAIT_MILLISECONDS_MAX = 100
#: librdkafka's default of a second starves whoever empties its queue faster than that
FETCH_PAUSE_MILLISECONDS = 5
FETCHED_AHEAD_RECORDS_MIN = 100_000
FETCHED_AHEAD_KIB_MAX = 64 * 1024
FETCHED_BYTES_MAX = 8 << 20
#: so many bytes, key and value, has one record at most
RECORD_BYTES_MAX = 40 << 20
#: what stands around the largest record in its batch
MESSAGE_BYTES_MAX = RECORD_BYTES_MAX + (1 << 20)
#: a batch is sent by then, if nobody has asked for it before
LINGER_MILLISECONDS = 5
BATCH_BYTES_MAX = 1 << 20
QUEUED_RECORDS_MAX = 1_000_000
#: beyond the time of a call, until the broker gives up a transaction whose writer died
TRANSACTION_SLACK_SECONDS = 15
RECONNECT_MILLISECONDS_MAX = 2_000

_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")

Configuration = dict[str, str | int | float | bool]


@dataclass(frozen=True)
class KafkaSettings:
    """One cluster, and how this process speaks to it. Secrets never show in ``repr``.

    ``bootstrap`` is a list of ``host:port``, parted by commas. ``prefix`` stands before the names of all
    topics, groups and transactions, so that several installations can share a cluster. ``instance`` names
    this process among its equals for good (a pod of a stateful set): what it left half-written when it was
    killed then ends at its next start, rather than when the transaction times out.
    """

    bootstrap: str
    prefix: str = ""
    instance: str = ""
    protocol: str = "PLAINTEXT"
    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""
    mechanism: str = ""
    username: str = ""
    password: str = field(default="", repr=False)
    replication_factor: int = 3
    min_insync_replicas: int = 2
    timeout_seconds: float = TIMEOUT_SECONDS

    def __post_init__(self) -> None:
        """Refuse what can't work. Raises ``ValueError`` with what to write instead."""
        if not self.bootstrap:
            raise ValueError("no Kafka broker is named: write host:port, several parted by commas")
        if self.protocol not in _PROTOCOLS:
            raise ValueError(f"no protocol {self.protocol!r}: write one of {', '.join(_PROTOCOLS)}")
        if self.protocol.startswith("SASL") and (self.mechanism not in _MECHANISMS or not self.username):
            raise ValueError(f"{self.protocol} needs a user name and one of {', '.join(_MECHANISMS)}")
        if bool(self.certificate_file) != bool(self.key_file):
            raise ValueError("a certificate and its key are two files: name both, or neither")
        if not 1 <= self.min_insync_replicas <= self.replication_factor:
            raise ValueError(
                f"of {self.replication_factor} copies, {self.min_insync_replicas} can't be in step:"
                " write 1 up to the number of copies"
            )
        if self.timeout_seconds <= 0:
            raise ValueError("a call needs some time: write a number of seconds above 0")

    def topic(self, topic: str) -> str:
        """The name that a topic has in the cluster."""
        return self.prefix + topic

    def client(self) -> Configuration:
        """What every client is told."""
        told: Configuration = {
            "bootstrap.servers": self.bootstrap,
            "client.id": f"{self.prefix}aftermerge",
            "security.protocol": self.protocol,
            "reconnect.backoff.max.ms": RECONNECT_MILLISECONDS_MAX,
            "allow.auto.create.topics": False,
        }
        named = {
            "ssl.ca.location": self.ca_file,
            "ssl.certificate.location": self.certificate_file,
            "ssl.key.location": self.key_file,
            "sasl.mechanism": self.mechanism,
            "sasl.username": self.username,
            "sasl.password": self.password,
        }
        return told | {name: value for name, value in named.items() if value}

    def producer(self, transactional_id: str) -> Configuration:
        """A writer of transactions, alone under its id."""
        milliseconds = int(self.timeout_seconds * 1000)
        return self.client() | {
            "transactional.id": self.prefix + transactional_id,
            "transaction.timeout.ms": milliseconds + TRANSACTION_SLACK_SECONDS * 1000,
            "message.timeout.ms": milliseconds,
            "message.max.bytes": MESSAGE_BYTES_MAX,
            "compression.type": "lz4",
            "linger.ms": LINGER_MILLISECONDS,
            "batch.size": BATCH_BYTES_MAX,
            "queue.buffering.max.messages": QUEUED_RECORDS_MAX,
        }

    def consumer(self, group: str) -> Configuration:
        """A reader of what was committed, which never joins its group."""
        return self.client() | {
            "group.id": self.prefix + group,
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            # an offset that isn't there is for the reader to judge
            "auto.offset.reset": "error",
            "enable.partition.eof": True,
            "check.crcs": True,
            "fetch.wait.max.ms": FETCH_WAIT_MILLISECONDS_MAX,
            "fetch.queue.backoff.ms": FETCH_PAUSE_MILLISECONDS,
            "queued.min.messages": FETCHED_AHEAD_RECORDS_MIN,
            "queued.max.messages.kbytes": FETCHED_AHEAD_KIB_MAX,
            "max.partition.fetch.bytes": FETCHED_BYTES_MAX,
            "message.max.bytes": MESSAGE_BYTES_MAX,
        }
