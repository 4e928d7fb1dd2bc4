"""`aftermerge up`: verdicts over HTTP, and who a trusted proxy says is asking, on both ports."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from pipeline.core.events import IncidentDetected
from pipeline.core.parameters import HOUR
from pipeline.persons import open_persons
from pipeline.sources.cloudevents import render
from tests.answers import Answer
from tests.live.process import TOKEN, Up, eventually, run, up

RESPONDER = "kestrel-token-of-dana"
VIEWER = "kestrel-token-of-viewer"
QUESTION = "/?query=SELECT+count()+FROM+incidents+FINAL"
BECAUSE = "the provider was down"


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    settings = {
        "token_responder": f"Dana: {RESPONDER}",
        "token_viewer": VIEWER,
        "trusted_proxies": "127.0.0.1",
        "proxy_person_header": "X-Login",
    }
    data = tmp_path_factory.mktemp("up") / "data"
    with up(data, **settings) as process:
        told = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/cloudevents+json"}
        told_of = process.ask("/receive/default/cloudevents", render(incident(), "default"), told)
        assert told_of.status == 202
        eventually(lambda: asked(process, RESPONDER).body == b"1\n", "no incident")
        yield process


def incident() -> IncidentDetected:
    at = (time.time_ns() // 1_000) - HOUR
    return IncidentDetected(
        "pager INC-7 detected",
        "pager",
        at,
        at,
        False,
        0,
        1,
        False,
        0,
        incident="INC-7",
        service="api",
        environment="production",
    )


def asked(started: Up, token: str = "", **headers: str) -> Answer:
    """A question at the query port."""
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    if token:
        told["Authorization"] = f"Bearer {token}"
    return started.ask(QUESTION, headers=told, base=started.queries)


def given(started: Up, said: object, **headers: str) -> Answer:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    told.setdefault("Content-Type", "application/json")
    return started.ask("/verdicts/default", json.dumps(said).encode(), told)


def said_by(started: Up, words: str, token: str) -> bool:
    told = {"Authorization": f"Bearer {RESPONDER}"}
    return token in started.ask("/", words.encode(), told, base=started.queries).body.decode().split()


def stands(started: Up, column: str) -> str:
    told = {"Authorization": f"Bearer {RESPONDER}"}
    statement = f"SELECT {column} FROM incidents FINAL WHERE incident = 'INC-7'"
    return started.ask("/", statement.encode(), told, base=started.queries).body.decode().strip()


def test_a_responder_gives_a_verdict_and_it_restates(started: Up) -> None:
    said = {"incident": "INC-7", "change": "none", "because": BECAUSE}
    answer = given(started, said, Authorization=f"Bearer {RESPONDER}")
    assert (answer.status, answer.json["events"]) == (201, ["verdict INC-7 by none cause"])
    eventually(lambda: stands(started, "verdict") == "confirmed", "the verdict changes nothing")
    answer = given(started, {**said, "retract": True}, Authorization=f"Bearer {RESPONDER}")
    assert answer.status == 201
    eventually(lambda: stands(started, "verdict") != "confirmed", "it can't be taken back")


def test_a_verdict_is_of_who_is_behind_the_token_or_the_proxy(started: Up) -> None:
    tokens = open_persons(started.data)
    said = {"incident": "INC-7", "change": "unseen", "because": BECAUSE}
    words = "SELECT DISTINCT by FROM events_verdict_given WHERE cause = 'unseen' ORDER BY source_version"
    for person, headers in (
        ("dana", {"Authorization": f"Bearer {RESPONDER}", "X_Login": "eve"}),
        ("ada", {"X_Aftermerge_Role": "responder", "X_Login": "ada"}),
    ):
        assert given(started, said, **headers).status == 201
        token = tokens.person_token(person)
        eventually(partial(said_by, started, words, token), f"it is not {person}'s")
    assert given(started, {**said, "by": "eve"}, Authorization=f"Bearer {RESPONDER}").status == 422
    with started.log() as log:
        events = b"".join(record.value for record in log.read("events", 0, 0, 10_000))
        persons = log.latest("persons", 0)
    assert not any(name in events.lower() for name in (b"dana", b"eve"))
    assert persons[tokens.person_token("dana").encode()] == b"Dana"
    assert tokens.person_token("eve").encode() not in persons


def test_who_may_not(started: Up) -> None:
    said = {"incident": "INC-7", "change": "none", "because": BECAUSE}
    assert given(started, said).status == 401
    assert given(started, said, Authorization=f"Bearer {TOKEN}").status == 401, "a sender's secret"
    assert given(started, said, Authorization=f"Bearer {VIEWER}").status == 403
    assert given(started, said, X_Aftermerge_Role="viewer", X_Login="ada").status == 403
    # the proxy did not say who: then nobody did
    assert given(started, said, X_Aftermerge_Role="responder").status == 403
    assert given(started, said, X_Aftermerge_Role="responder", X_Forwarded_User="ada").status == 403


def test_a_page_of_another_site_gives_no_verdict(started: Up) -> None:
    """It can have a browser send a form through the proxy, with somebody's session, and no more than that."""
    signed_in = {"X_Aftermerge_Role": "responder", "X_Login": "ada"}
    said = {"incident": "INC-7", "change": "none", "because": BECAUSE}
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        assert given(started, said, Content_Type=kind, **signed_in).status == 415
    asked_before = started.ask("/verdicts/default", None, {"Origin": "https://evil.example"})
    assert asked_before.status == 405
    assert "access-control-allow-origin" not in asked_before.headers


def test_the_query_port_knows_whom_the_proxy_means(started: Up) -> None:
    assert asked(started, X_Aftermerge_Role="viewer").body == b"1\n"
    assert asked(started).status == 401
    assert asked(started, X_Aftermerge_Role="king").status == 401
    # who sends a token is who has it
    assert asked(started, "guess", X_Aftermerge_Role="admin").status == 401
    findings = "/?query=SELECT+count()+FROM+events_finding_reported"
    for role, status in (("viewer", 403), ("responder", 403), ("security", 200), ("admin", 200)):
        answer = started.ask(findings, headers={"X-Aftermerge-Role": role}, base=started.queries)
        assert answer.status == status


def test_from_elsewhere_the_headers_mean_nothing(tmp_path: Path) -> None:
    with up(tmp_path / "data", token_viewer=VIEWER, trusted_proxies="192.0.2.1") as process:
        claimed = {"X_Aftermerge_Role": "admin", "X_Forwarded_User": "ada"}
        assert asked(process, **claimed).status == 401
        said = {"incident": "INC-7", "change": "none", "because": BECAUSE}
        assert given(process, said, **claimed).status == 401
        # and other commands work beside it, through the same door
        done = run(process.data, "sql", "SELECT 1 AS one")
        assert done.returncode == 0, done.stderr
