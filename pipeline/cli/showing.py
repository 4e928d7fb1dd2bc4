"""What ``aftermerge up`` answers to readers, and who may see what: pages, and ClickHouse's own interface."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pipeline.cli.configuring import host_of, port_of

if TYPE_CHECKING:
    from starlette.routing import BaseRoute
    from starlette.types import Scope

    from pipeline.cli.wiring import Parts
    from pipeline.embedded import Embedded
    from pipeline.receive.access import Access
    from pipeline.receive.configuration import ReceiverSettings
    from pipeline.receive.serving import Server
    from pipeline.receive.verdicts import Judge
    from pipeline.store.answering import Answers, ServerAnswers

#: what scanners found is for the security role
SECURITY_TABLES = frozenset({"events_finding_reported", "findings"})
#: table -> the rows of it that everybody may read; what was refused is kept as it came, with what was in it
SHOWN_ROWS = {
    "events": "record != 'finding_reported'",
    "dead_letters": "bytes = ''",
    "signals": "signal != 'late-findings'",
}
#: beside the data: figures of weeks that are over, as they were first shown
REPORTED_FILE = "reported.json"
#: who may not see all of it
_RESTRICTED = ("viewer", "responder")


def answers_of(parts: Parts) -> Answers | ServerAnswers:
    """Connections for readers: of the engine in this process, or of the server."""
    from pipeline.store.answering import Answers, ServerAnswers

    return Answers.of(parts.store) if parts.settings.embedded else ServerAnswers(parts.store)


def let_go(*answers: Answers | ServerAnswers) -> None:
    """Close connections; before the engine, or the process would end in a crash."""
    for readers in answers:
        readers.close()


def pages_of(
    parts: Parts,
    receiver: ReceiverSettings,
    answers: Answers | ServerAnswers,
    others: Answers | ServerAnswers,
    judge: Judge,
    loop: Embedded,
) -> list[BaseRoute]:
    """The pages for browsers, answered by ``answers``; what people ask in SQL is by ``others``."""
    from pipeline.cli.modelling import parameters
    from pipeline.explain import Explanation, explain
    from pipeline.pages.asking import Asking
    from pipeline.pages.console import ANSWER_BYTES_MAX, ROWS_ANSWERED_MAX, Console
    from pipeline.pages.explaining import Explaining
    from pipeline.pages.reported import Reported
    from pipeline.pages.signing import Signing
    from pipeline.pages.site import Site
    from pipeline.pages.things import Things
    from pipeline.store.ahead import also_ahead
    from pipeline.store.answering import Answers
    from pipeline.web.clickhouse_http import row_filters
    from pipeline.web.guard import Guard

    filters = dict.fromkeys(_RESTRICTED, row_filters(answers.database, also_ahead(SHOWN_ROWS)))

    def generation() -> object:
        return loop.condition.rows, loop.condition.folded

    asking = Asking(answers, filters, generation, escapes=parts.settings.embedded)
    limits = {"max_result_rows": ROWS_ANSWERED_MAX, "max_result_bytes": ANSWER_BYTES_MAX}
    theirs = Asking(others, filters, generation, escapes=parts.settings.embedded, limits=limits)
    site = Site(asking, Signing(receiver.access), Reported(parts.settings.data / REPORTED_FILE))
    known = parameters(parts.settings)

    def explained(workspace: str, name: str, as_of: int | None) -> Explanation | None:
        return explain(parts.log, parts.codec, parts.store, workspace, name, known, as_of=as_of)

    check = None
    if isinstance(others, Answers):
        check = Guard(others, dict.fromkeys(_RESTRICTED, SECURITY_TABLES)).check
    things = Things(site, Explaining(explained), judge, Console(theirs, check))
    return [*site.routes(), *things.routes()]


@contextmanager
def reading_served(
    parts: Parts, access: Access, answers: Answers | ServerAnswers, token: str
) -> Iterator[Server | None]:
    """The ClickHouse interface over the embedded engine; ``None`` where a server answers for itself.

    Without an address it still answers on a free port of loopback: other commands ask there.
    """
    from starlette.applications import Starlette

    from pipeline.receive.access import headers_of, peer_of
    from pipeline.receive.serving import Server
    from pipeline.store.ahead import also_ahead
    from pipeline.store.answering import Answers
    from pipeline.web.clickhouse_http import ClickHouseHttp

    settings = parts.settings
    if not isinstance(answers, Answers):
        yield None
        return

    def check(told: str, scope: Scope) -> str | None:
        if told and secrets.compare_digest(told.encode(), token.encode()):
            return "admin"
        if not access.configured and not settings.clickhouse_listen:
            return None  # open to other commands alone
        identity = access.identify(headers_of(scope), peer_of(scope), told)
        return str(identity.role) if identity is not None else None

    hidden = dict.fromkeys(_RESTRICTED, SECURITY_TABLES)
    shown = dict.fromkeys(_RESTRICTED, also_ahead(SHOWN_ROWS))
    endpoint = ClickHouseHttp(answers, check, hidden, shown)
    app = Starlette(routes=endpoint.routes())
    address = settings.clickhouse_listen or "127.0.0.1:0"
    server = Server(app, host=host_of(address), port=port_of(address))
    try:
        server.start()
        yield server
    finally:
        server.stop()
