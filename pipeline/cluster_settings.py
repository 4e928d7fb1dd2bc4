"""What the processes of a cluster are told beside everything else: where Kafka and the registry are."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field, SecretStr

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Mechanism = Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


class ClusterSettings(BaseModel):
    """The settings of `aftermerge topics`, `receive`, `normalize`, `correlate` and `sink`."""

    kafka_bootstrap: Annotated[
        str,
        Field(
            description="Brokers of a Kafka cluster, host:port, several parted by commas: the log is there,"
            " and each step is a process of its own. Empty: the log is a file in the data directory.",
        ),
    ] = ""
    kafka_prefix: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9._-]{0,100}$",
            description="Stands before the names of all topics, groups and transactions, so that several"
            " installations can share a cluster.",
        ),
    ] = ""
    kafka_instance: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9._-]{0,100}$",
            description="Name of this process among its equals, the same after a restart (a pod of a stateful"
            " set): it then finds its partitions again without a rebalance. Empty: a new member each time.",
        ),
    ] = ""
    standby: Annotated[
        str,
        Field(
            pattern=r"^(|all|[0-9]{1,5}(,[0-9]{1,5})*)$",
            description="Partitions whose state `aftermerge correlate` keeps in memory while another process"
            " has them, to take them over within seconds: `all`, or numbers parted by commas. It costs the"
            " memory of that state, and a part of its processor time. Empty: none.",
        ),
    ] = ""
    kafka_security_protocol: Annotated[
        Protocol,
        Field(description="How the brokers are spoken to; TLS with SSL and SASL_SSL."),
    ] = "PLAINTEXT"
    kafka_sasl_mechanism: Annotated[
        Mechanism,
        Field(description="How this process proves who it is, with SASL_PLAINTEXT and SASL_SSL."),
    ] = ""
    kafka_sasl_username: Annotated[
        str,
        Field(description="User of this process in the cluster; docs/cluster.md has the rights it needs."),
    ] = ""
    kafka_sasl_password: Annotated[
        SecretStr,
        Field(description="The user's password; it is never printed."),
    ] = SecretStr("")
    kafka_ssl_ca: Annotated[
        str,
        Field(description="File with the certificates that the brokers' own are checked against."),
    ] = ""
    kafka_ssl_certificate: Annotated[
        str,
        Field(description="File with the certificate of this process, where brokers ask for one."),
    ] = ""
    kafka_ssl_key: Annotated[
        str,
        Field(description="File with the key of that certificate."),
    ] = ""
    kafka_partitions: Annotated[
        int,
        Field(
            ge=1,
            le=1_000,
            description="How many partitions `aftermerge topics create` gives each topic: at most so many"
            " processes share a step. All of a workspace is in one of them. Another number is a rebuild"
            ' (docs/cluster.md, "Another number of partitions").',
        ),
    ] = 6
    kafka_replicas: Annotated[
        int,
        Field(ge=1, le=9, description="How many brokers keep a copy of each record."),
    ] = 3
    kafka_replicas_in_sync_min: Annotated[
        int,
        Field(
            ge=1,
            le=9,
            description="How many copies have to be written before anything counts as written.",
        ),
    ] = 2
    registry_url: Annotated[
        SecretStr,
        Field(
            description="Address of a schema registry with Confluent's API; `aftermerge topics create`"
            " registers the schemas there. Empty: schemas are known by their content, and need no registry."
            " A password in it is never printed.",
        ),
    ] = SecretStr("")
    registry_ssl_ca: Annotated[
        str,
        Field(description="File with the certificates that the registry's own is checked against."),
    ] = ""
    store_ssl_ca: Annotated[
        str,
        Field(
            description="File with the certificates that the ClickHouse server's own is checked against"
            " (clickhouses://)."
        ),
    ] = ""
    store_cluster: Annotated[
        str,
        Field(
            pattern=r"^[A-Za-z0-9_.-]{0,100}$",
            description="Name of a cluster of ClickHouse servers (of their remote_servers, one shard): tables"
            " are made on all its replicas and replicate themselves. Empty: one server.",
        ),
    ] = ""
    listen_health: Annotated[
        str,
        Field(
            description="Address and port where a step of the cluster tells its health and its numbers"
            " (/healthz, /readyz, /metrics). Nothing else is to be had there.",
        ),
    ] = "127.0.0.1:8081"
    person_key: Annotated[
        SecretStr,
        Field(
            description="The secret behind the person tokens, 64 hexadecimal digits, the same for all"
            " processes of a cluster. Empty: the one in the data directory, made on first use. It is never"
            " printed.",
        ),
    ] = SecretStr("")
