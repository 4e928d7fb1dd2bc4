"""A site over a store of a test, and a browser of few words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import unescape
from typing import NamedTuple

from starlette.applications import Starlette
from starlette.testclient import TestClient

from pipeline.cli.showing import SECURITY_TABLES, SHOWN_ROWS
from pipeline.core.parameters import Parameters
from pipeline.explain import Explanation
from pipeline.explain.gathering import change_findings, deployment_findings, incident_findings
from pipeline.explain.known import CHANGE, INCIDENT
from pipeline.explain.live import Live
from pipeline.explain.naming import find
from pipeline.pages.asking import Asking
from pipeline.pages.console import ANSWER_BYTES_MAX, ROWS_ANSWERED_MAX, Console
from pipeline.pages.explaining import Explaining
from pipeline.pages.reported import Reported
from pipeline.pages.signing import Signing
from pipeline.pages.site import Site
from pipeline.pages.things import Things
from pipeline.receive.access import Access, Role, token_digest
from pipeline.receive.verdicts import Given, Said
from pipeline.store import Store
from pipeline.store.ahead import also_ahead
from pipeline.store.answering import Answers
from pipeline.web.clickhouse_http import row_filters
from pipeline.web.guard import Guard

#: around the small world
AT = "2024-01-05T00:00:00Z"
PLACE = "http://127.0.0.1:8090"
TOKENS = {role: f"token-of-{role}" for role in Role}
_SEAL = re.compile(r'name="seal" value="([0-9a-f]+)"')


class Looked(NamedTuple):
    """A site that somebody looks at: words that were given, and the store behind it."""

    store: Store
    answers: Answers
    words: list[tuple[str, Said, str]]
    reported: Reported

    def browser(self, access: Access | None = None) -> TestClient:
        """A browser of its own, on this machine; or one that has to sign in."""
        words = self.words

        def judge(workspace: str, said: Said, login: str) -> Given:
            words.append((workspace, said, login))
            return Given(["verdict 1"], False)

        restricted = (str(Role.VIEWER), str(Role.RESPONDER))
        filters = dict.fromkeys(restricted, row_filters(self.answers.database, also_ahead(SHOWN_ROWS)))
        guard = Guard(self.answers, dict.fromkeys(restricted, SECURITY_TABLES))
        asking = Asking(self.answers, filters, lambda: 0)
        site = Site(asking, Signing(access or Access()), self.reported)
        limits = {"max_result_rows": ROWS_ANSWERED_MAX, "max_result_bytes": ANSWER_BYTES_MAX}
        console = Console(Asking(self.answers, filters, lambda: 0, limits=limits), guard.check)
        things = Things(site, Explaining(self._explain), judge, console)
        app = Starlette(routes=[*site.routes(), *things.routes()])
        return TestClient(app, base_url=PLACE, client=("127.0.0.1", 50_000), follow_redirects=False)

    def _explain(self, workspace: str, name: str, as_of: int | None) -> Explanation | None:
        live = Live(self.store, workspace)
        found = find(live, name)
        if not found:
            return None
        one, parameters = found[0], Parameters()
        if one.kind == INCIDENT:
            return incident_findings(live, workspace, one.key, as_of, parameters)
        if one.kind == CHANGE:
            return change_findings(live, workspace, one.key, as_of)
        return deployment_findings(live, workspace, one.key, as_of, parameters)


def looked(store: Store) -> Iterator[Looked]:
    """A site over this store."""
    answers = Answers.of(store)
    try:
        yield Looked(store, answers, [], Reported())
    finally:
        answers.close()


def signing_in() -> Access:
    """Access by tokens: one of each role, each somebody's own."""
    tokens = {token_digest(token): role for role, token in TOKENS.items()}
    return Access(
        tokens, persons={token_digest(token): f"person of {role}" for role, token in TOKENS.items()}
    )


def seal(text: str) -> str:
    """What a form on this page carries."""
    found = _SEAL.search(text)
    assert found is not None, "no form on this page"
    return found[1]


def shown(browser: TestClient, path: str, **told: str) -> str:
    """A page that has to be there."""
    answer = browser.get(path, params={"workspace": "acme", **told})
    assert answer.status_code == 200, (answer.status_code, answer.text)
    return answer.text


def plain(html: str) -> str:
    """What of a page is read."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", html)).split())


def sent(browser: TestClient, path: str, form: Mapping[str, str], **headers: str) -> int:
    """The status that a form is answered with."""
    return browser.post(path, data=dict(form), headers=headers).status_code
