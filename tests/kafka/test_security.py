"""TLS, users and the least that a worker has to be granted (docs list the same)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from pipeline.log.kafka import KafkaLog, KafkaSettings
from pipeline.log.protocol import LogUnavailable
from tests.certificates import certificate
from tests.kafka import servers
from tests.log.contract import new, values

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.long]

SHORT_SECONDS = 5.0
ADMIN, WORKER = "admin-of-these-tests", "worker-of-these-tests"
PREFIX = "ours."
SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
SALT_ROUNDS = 4_096


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaSettings]:
    """A broker that speaks TLS to known users alone, who may do what they were granted; as its admin."""
    ca, both = certificate(tmp_path_factory.mktemp("certificates"))
    module = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    users = f'username="{ADMIN}" password="{ADMIN}" user_{ADMIN}="{ADMIN}" user_{WORKER}="{WORKER}"'
    told = {
        "listener.security.protocol.map": "PLAINTEXT:SASL_SSL,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        "listener.name.plaintext.scram-sha-256.sasl.jaas.config": f"{SCRAM} required;",
        "listener.name.plaintext.scram-sha-512.sasl.jaas.config": f"{SCRAM} required;",
        "listener.name.plaintext.plain.sasl.jaas.config": f"{module} {users};",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(both),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(ca),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{ADMIN};User:ANONYMOUS",
    }
    settings = KafkaSettings(
        "127.0.0.1:1",
        prefix=PREFIX,
        protocol="SASL_SSL",
        mechanism="PLAIN",
        username=ADMIN,
        password=ADMIN,
        ca_file=str(ca),
        replication_factor=1,
        min_insync_replicas=1,
        timeout_seconds=SHORT_SECONDS,
    )
    client = {name: str(value) for name, value in settings.client().items() if "s" in name[:4]}
    client.pop("bootstrap.servers", None)
    with servers.brokers(settings=told, client=client) as found:
        yield replace(settings, bootstrap=found.bootstrap)


def granted(settings: KafkaSettings, kind: ResourceType, name: str, *operations: AclOperation) -> None:
    admin = AdminClient(settings.client())
    bindings = [
        AclBinding(
            kind,
            name,
            ResourcePatternType.PREFIXED,
            f"User:{WORKER}",
            "*",
            operation,
            AclPermissionType.ALLOW,
        )
        for operation in operations
    ]
    for answer in admin.create_acls(bindings).values():
        answer.result(SHORT_SECONDS)


def test_a_worker_needs_no_more_than_this(guarded: KafkaSettings) -> None:
    worker = replace(guarded, username=WORKER, password=WORKER)
    with closing(KafkaLog(guarded)) as admin:
        admin.create_topic("events")
        admin.create_topic("state", compacted=True)
    with closing(KafkaLog(worker)) as log, pytest.raises(LogUnavailable, match="grant"):
        log.partitions("events")
    can = AclOperation
    granted(guarded, ResourceType.TOPIC, PREFIX, can.DESCRIBE, can.DESCRIBE_CONFIGS, can.READ)
    with closing(KafkaLog(worker)) as log:
        assert values(log, "events") == []
        with pytest.raises(LogUnavailable, match="grant"):
            log.append("events", 0, new(b"a"))
        with pytest.raises(LogUnavailable, match="grant"):
            log.committed("g", "events", 0)
    granted(guarded, ResourceType.TOPIC, PREFIX, can.WRITE)
    granted(guarded, ResourceType.TRANSACTIONAL_ID, PREFIX, can.DESCRIBE, can.WRITE)
    granted(guarded, ResourceType.GROUP, PREFIX, can.READ)
    with closing(KafkaLog(worker)) as log:
        log.append("events", 0, new(b"a"))
        log.commit("g", "events", 0, 1, appended=[("state", 0, new(b"s"))])
        assert (log.committed("g", "events", 0), values(log, "events")) == (1, [b"a"])
        assert log.latest("state", 0) == {b"acme": b"s"}
        with pytest.raises(LogUnavailable, match="grant"):
            log.create_topic("more")
        with pytest.raises(LogUnavailable, match="grant"):
            log.trim("events", 0, 1)
    granted(guarded, ResourceType.TOPIC, PREFIX, can.DELETE)
    with closing(KafkaLog(worker)) as log:
        assert log.trim("events", 0, 1) == 1


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_password_that_the_brokers_do_not_keep(guarded: KafkaSettings, mechanism: str) -> None:
    kind = getattr(ScramMechanism, mechanism.replace("-", "_"))
    name = f"salted-{mechanism.lower()}"
    told = UserScramCredentialUpsertion(name, ScramCredentialInfo(kind, SALT_ROUNDS), b"of these tests")
    admin = AdminClient(guarded.client())
    for answer in admin.alter_user_scram_credentials([told]).values():
        answer.result(SHORT_SECONDS)
    user = replace(guarded, mechanism=mechanism, username=name, password="of these tests")
    with closing(KafkaLog(user)) as log, pytest.raises(LogUnavailable, match="grant"):
        log.partitions("events")  # it is known, and may do nothing
    with pytest.raises(LogUnavailable, match="look at the user name, the password and the certificates"):
        KafkaLog(replace(user, password="not-the-password"))


def test_a_process_proves_who_it_is_by_a_certificate(tmp_path: Path) -> None:
    """Without a user name: the broker asks for a certificate, and knows who vouches for it."""
    directories = [tmp_path / name for name in ("server", "client", "stranger")]
    for directory in directories:
        directory.mkdir()
    (ca, both), (client_ca, client), (_, stranger) = map(certificate, directories)
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(ca.read_bytes() + client_ca.read_bytes())
    told = {
        "listener.security.protocol.map": "PLAINTEXT:SSL,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        "ssl.client.auth": "required",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(both),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(trusted),
    }
    settings = KafkaSettings(
        "127.0.0.1:1",
        protocol="SSL",
        ca_file=str(ca),
        certificate_file=str(client),
        key_file=str(client),
        replication_factor=1,
        min_insync_replicas=1,
        timeout_seconds=SHORT_SECONDS,
    )
    known = {name: str(value) for name, value in settings.client().items() if "s" in name[:4]}
    known.pop("bootstrap.servers", None)
    with servers.brokers(settings=told, client=known) as found:
        known_here = replace(settings, bootstrap=found.bootstrap)
        with closing(KafkaLog(known_here)) as log:
            log.create_topic("events")
            log.append("events", 0, new(b"a"))
            assert values(log, "events") == [b"a"]
        for wrong in (
            {"certificate_file": "", "key_file": ""},
            dict.fromkeys(("certificate_file", "key_file"), str(stranger)),
        ):
            with pytest.raises(LogUnavailable, match="look"):
                KafkaLog(replace(known_here, **wrong))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        ({"password": "not-the-password"}, "look at the user name, the password and the certificates"),
        ({"ca_file": ""}, "look at the user name, the password and the certificates"),
        ({"protocol": "PLAINTEXT"}, "look whether its brokers run"),
    ],
)
def test_what_is_wrong_with_the_connection_is_said(
    guarded: KafkaSettings, wrong: dict[str, str], hint: str
) -> None:
    with pytest.raises(LogUnavailable, match=hint) as caught:
        KafkaLog(replace(guarded, **wrong))  # type: ignore[arg-type]
    assert "not-the-password" not in str(caught.value)


def test_secrets_do_not_show() -> None:
    settings = KafkaSettings("here:1", password="a secret")
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    "wrong",
    [
        {"bootstrap": ""},
        {"protocol": "TLS"},
        {"protocol": "SASL_SSL"},
        {"protocol": "SASL_SSL", "mechanism": "PLAIN"},
        {"certificate_file": "x"},
        {"replication_factor": 1, "min_insync_replicas": 2},
        {"timeout_seconds": 0},
    ],
)
def test_settings_that_can_not_work_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="write|needs|name"):
        KafkaSettings(**({"bootstrap": "here:1"} | wrong))  # type: ignore[arg-type]
