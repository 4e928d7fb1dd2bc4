"""A receiver that takes verdicts in, before the log and the store of a small workspace."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.cli.configuring import judge_of
from pipeline.cli.instants import machine_now
from pipeline.cli.intake import take_in
from pipeline.cli.wiring import Parts
from pipeline.codec import Codec
from pipeline.core.events import ChangeMerged, DeploymentFinished, Event, IncidentDetected
from pipeline.core.parameters import DAY, HOUR, MINUTE
from pipeline.log.sqlite import SqliteLog
from pipeline.log.topics import TOPICS
from pipeline.persons import KnownPersons, open_persons
from pipeline.receive import Access, Appender, ReceiverSettings, Role, Server, TrustedProxy, application
from pipeline.receive.access import networks, token_digest
from pipeline.receive.verdicts import Judge
from pipeline.settings import Settings
from tests.answers import Answer
from tests.receive.running import ADMIN_TOKEN, SOURCES, VIEWER_TOKEN, Running, bearer
from tests.store.conftest import fresh

#: dana's, and one of nobody in particular
RESPONDER_TOKEN = "responder-token-0123456789"
SHARED_TOKEN = "shared-responder-token-0123456789"
PERSON = "X-Forwarded-User"
ROLE = "X-Aftermerge-Role"

ACCESS = Access(
    {
        token_digest(ADMIN_TOKEN): Role.ADMIN,
        token_digest(VIEWER_TOKEN): Role.VIEWER,
        token_digest(RESPONDER_TOKEN): Role.RESPONDER,
        token_digest(SHARED_TOKEN): Role.RESPONDER,
    },
    TrustedProxy(
        ROLE,
        networks(["127.0.0.1"]),
        {str(role): role for role in Role},
        default=None,
        person_header=PERSON,
    ),
    {token_digest(RESPONDER_TOKEN): "Dana"},
)
SETTINGS = ReceiverSettings(
    {"alertmanager": SOURCES["alertmanager"]}, workspaces=frozenset({"acme"}), access=ACCESS
)


def outage(number: int, at: int) -> list[Event]:
    """One change, its deployment, and an incident ten minutes after it."""

    def head(told: str, when: int) -> tuple[str, str, int, int, bool, int, int, bool, int]:
        return (told, "git/acme/api", when, when, True, 0, 1, False, 0)

    change, sha = f"acme/api#{number}", f"{number:x}".rjust(40, "f")
    return [
        ChangeMerged(
            *head(f"git {change} merged", at - HOUR),
            change=change,
            repository="acme/api",
            number=number,
            sha=sha,
        ),
        DeploymentFinished(
            *head(f"git api/{number} finished", at - 10 * MINUTE),
            deployment=f"api/production:{number}",
            service="api",
            environment="production",
            tag=f"v{number}",
            repository="acme/api",
            sha=sha,
        ),
        IncidentDetected(
            *head(f"pager INC-{number} detected", at),
            incident=f"INC-{number}",
            service="api",
            environment="production",
        ),
    ]


@dataclass
class Judging(Running):
    """A receiver with verdicts, and the parts behind it."""

    parts: Parts

    def give(self, said: object, token: str = RESPONDER_TOKEN, workspace: str = "acme") -> Answer:
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        told = {**bearer(token), "Content-Type": "application/json"}
        return self.ask(f"/verdicts/{workspace}", told, body)

    def by_proxy(self, said: object, **headers: str) -> Answer:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask(
            "/verdicts/acme", {"Content-Type": "application/json", **told}, json.dumps(said).encode()
        )

    def words(self) -> list[dict[str, Any]]:
        """The verdicts that the log holds, in their order."""
        values = [record.value for record in self.parts.log.read("events", 0, 0, 10_000)]
        decoded = self.parts.codec.decode(values)
        told = [event for columns in decoded.columns for event in columns.events()]
        return [
            {name: getattr(event, name) for name in event.__struct_fields__}
            for event in told
            if event.id.startswith("verdict ")
        ]

    def take_in(self) -> None:
        """What `aftermerge up` does at its next turn."""
        take_in(self.parts, [])


LONG_AGO = 1_500_000_000_000_000


@contextmanager
def workspace(directory: Path, dsn: str, *, over: bool = False) -> Iterator[Parts]:
    """A workspace with two incidents of the last weeks and one of long ago, in the engine of all tests.

    ``over``: with that of long ago alone.
    """
    for store in fresh(dsn):
        store.migrate()
        with closing(SqliteLog(directory / "log.sqlite")) as log:
            for topic, compacted in TOPICS.items():
                log.create_topic(topic, compacted=compacted)
            settings = Settings(data=directory, workspace="acme")
            parts = Parts(settings, log, Codec(), store, KnownPersons(open_persons(directory), log))
            recent = [*outage(7, machine_now() - 20 * DAY), *outage(8, machine_now() - 10 * DAY)]
            take_in(parts, [*outage(1, LONG_AGO), *([] if over else recent)])
            yield parts


@contextmanager
def judging(
    parts: Parts, settings: ReceiverSettings = SETTINGS, judge: Judge | None = None
) -> Iterator[Judging]:
    """A receiver on a free port; ``judge`` in place of the real one."""
    assert isinstance(parts.log, SqliteLog)
    appender = Appender(parts.log)
    real = judge_of(parts.settings, parts.log, parts.codec, parts.store)
    server = Server(application(settings, appender, judge=judge or real))
    appender.start()
    server.start()
    try:
        yield Judging(server, parts.log, appender, settings.keys, parts)
    finally:
        server.stop()
        appender.stop()
