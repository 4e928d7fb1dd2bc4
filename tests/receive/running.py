"""A real receiver on loopback over a real log, and the least of a client."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.log.sqlite import SqliteLog
from pipeline.log.topics import RECEIVED
from pipeline.receive import Access, Appender, ReceiverSettings, Server, SourceSecurity, application
from pipeline.receive.access import Role, token_digest
from pipeline.receive.keeping import KeyRing
from pipeline.sources.deliveries import Delivery
from tests.answers import Answer, ask

SECRET = "It's a Secret to Everybody"
NEXT_SECRET = "the-next-secret-of-the-same-source"
TOKEN = "alertmanager-token-0123456789"
PAIR = "grafana:open-sesame"
ADMIN_TOKEN = "admin-token-0123456789"
VIEWER_TOKEN = "viewer-token-0123456789"
SECRETS = (SECRET, NEXT_SECRET, TOKEN, PAIR, "open-sesame", ADMIN_TOKEN, VIEWER_TOKEN)

SOURCES = {
    "github": SourceSecurity(("github",), (SECRET, NEXT_SECRET)),
    "gitlab": SourceSecurity(("standard-webhooks", "gitlab-token"), (SECRET,)),
    "pagerduty": SourceSecurity(("pagerduty",), (SECRET,)),
    "alertmanager": SourceSecurity(("bearer",), (TOKEN,)),
    "grafana": SourceSecurity(("basic",), (PAIR,)),
    "unset": SourceSecurity(("github",)),
    "local": SourceSecurity(open=True),
}
SETTINGS = ReceiverSettings(
    SOURCES,
    workspaces=frozenset({"acme"}),
    access=Access({token_digest(ADMIN_TOKEN): Role.ADMIN, token_digest(VIEWER_TOKEN): Role.VIEWER}),
)


@dataclass
class Running:
    """A receiver that runs."""

    server: Server
    log: SqliteLog
    appender: Appender
    keys: KeyRing

    def ask(
        self,
        path: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        method: str = "",
    ) -> Answer:
        return ask(f"127.0.0.1:{self.server.port}", path, body, headers, method)

    def github(self, body: bytes, secret: str = SECRET, **headers: str) -> Answer:
        """Post as GitHub does; a keyword `content_encoding` is the header Content-Encoding."""
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("/receive/acme/github", {**signed(body, secret), **told}, body)

    def kept(self) -> list[Delivery]:
        return [self.keys.open_(record.value) for record in self.log.read(RECEIVED, 0, 0, 100_000)]


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {
        "X-GitHub-Event": "push",
        "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "Content-Type": "application/json",
        "X-Hub-Signature-256": "sha256=" + hmac.digest(secret.encode(), body, "sha256").hex(),
    }


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@contextmanager
def running(
    directory: Path, settings: ReceiverSettings = SETTINGS, *, started: bool = True, **told: Any
) -> Iterator[Running]:
    """A receiver on a free port; ``started=False`` leaves the writing thread asleep."""
    log = SqliteLog(directory / "log.sqlite")
    log.create_topic(RECEIVED)
    appender = Appender(log, waiting_max=settings.limits.waiting_max)
    server = Server(application(settings, appender, **told))
    if started:
        appender.start()
    server.start()
    try:
        yield Running(server, log, appender, settings.keys)
    finally:
        server.stop()
        appender.stop()
        log.close()


def limited(settings: ReceiverSettings = SETTINGS, **limits: Any) -> ReceiverSettings:
    return replace(settings, limits=replace(settings.limits, **limits))
