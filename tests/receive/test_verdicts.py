"""Verdicts over HTTP: who may give one, whose it is, what is refused, and what it changes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.wiring import Parts
from pipeline.log.sqlite import SqliteLog
from pipeline.log.topics import TOPICS
from pipeline.persons import open_persons
from pipeline.receive import Access, Limits
from pipeline.receive.verdicts import (
    JUDGED_AT_ONCE_MAX,
    WAITING_WORDS_MAX,
    WORD_BYTES_MAX,
    Given,
    Said,
)
from tests.receive.running import ADMIN_TOKEN, TOKEN, VIEWER_TOKEN
from tests.receive.verdicts import RESPONDER_TOKEN, SETTINGS, SHARED_TOKEN, Judging, judging, workspace

WAIT_SECONDS_MAX = 30

NONE = {"incident": "INC-8", "change": "none", "because": "the provider was down"}
ID = "verdict INC-8 by none cause"


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory, dsn: str) -> Iterator[Parts]:
    with workspace(tmp_path_factory.mktemp("judging"), dsn) as made:
        yield made


@pytest.fixture(scope="module")
def receiver(parts: Parts) -> Iterator[Judging]:
    with judging(parts) as started:
        yield started


def incident(receiver: Judging, name: str) -> dict[str, Any]:
    columns = ["incident", "verdict", "cause", "members", "onset_at"]
    (row,) = receiver.parts.store.query(
        f"SELECT {', '.join(columns)} FROM incidents FINAL WHERE has(members, {{name:String}})",
        {"name": name},
    ).rows
    return dict(zip(columns, row, strict=True))


def test_a_word_is_in_the_log_when_it_is_answered_and_restates(receiver: Judging) -> None:
    count = len(receiver.words())
    answer = receiver.give(NONE)
    assert (answer.status, answer.json) == (201, {"events": [ID], "waits_for_rebuild": False})
    assert answer.headers["cache-control"] == "no-store"
    word = receiver.words()[-1]
    assert len(receiver.words()) == count + 1
    assert (word["id"], word["cause"], word["because"]) == (ID, "none", "the provider was down")
    assert not word["imported"]
    receiver.take_in()
    assert incident(receiver, "INC-8")["cause"] == "none"
    assert incident(receiver, "INC-8")["verdict"] == "confirmed"


def test_a_word_can_be_taken_back_and_no_other(receiver: Judging) -> None:
    unseen = {**NONE, "change": "unseen"}
    assert receiver.give(unseen).status == 201
    receiver.take_in()
    assert receiver.give({**unseen, "retract": True}).status == 201
    receiver.take_in()
    again = receiver.give({**unseen, "retract": True})
    assert again.status == 404
    assert "nobody said so" in again.json["detail"]


def test_several_things_at_once(receiver: Judging) -> None:
    onset = (datetime.now(UTC) - timedelta(days=20, minutes=3)).isoformat()
    answer = receiver.give(
        {
            "incident": "INC-7",
            "change": "f" * 38,
            "onset": onset,
            "ignore_deployment": "api/production:8",
            "because": "read from the graphs",
        }
    )
    # that many digits begin both commits
    assert answer.status == 422
    assert "several commits" in answer.json["detail"]
    answer = receiver.give(
        {
            "incident": "INC-7",
            "change": "f" * 39 + "7",
            "onset": onset,
            "ignore_deployment": "api/production:8",
            "because": "read from the graphs",
        }
    )
    assert answer.status == 201, answer.body
    cause, told, ignored = answer.json["events"]
    assert cause == "verdict INC-7 by acme/api#7 cause"
    assert told.startswith("verdict INC-7 at ")
    assert ignored == "verdict INC-7 without api/production:8 ignore"
    assert receiver.give({**NONE, "incident": "INC-7", "merge_into": "INC-8"}).status == 201


def test_a_word_about_long_ago_waits_for_a_rebuild(receiver: Judging) -> None:
    assert receiver.give({**NONE, "incident": "INC-1"}).json["waits_for_rebuild"] is True
    assert receiver.words()[-1]["imported"]


def test_a_word_about_a_history_that_is_over_waits_for_nothing(tmp_path: Path, dsn: str) -> None:
    with workspace(tmp_path, dsn, over=True) as parts, judging(parts) as started:
        assert started.give({**NONE, "incident": "INC-1"}).json["waits_for_rebuild"] is False
        assert started.words()[-1]["imported"]
        started.take_in()
        assert incident(started, "INC-1")["verdict"] == "confirmed"


def test_whose_word_it_is(receiver: Judging) -> None:
    """Of the one who has the token, or whom the proxy names; never of whom the request names."""
    tokens = open_persons(receiver.parts.settings.data)

    def by() -> str:
        return str(receiver.words()[-1]["by"])

    assert receiver.give(NONE).status == 201
    assert by() == tokens.person_token("dana")
    assert receiver.by_proxy(NONE, X_Aftermerge_Role="responder", X_Forwarded_User="ada").status == 201
    assert by() == tokens.person_token("ada")
    assert receiver.give(NONE, SHARED_TOKEN).status == 201
    assert by() == tokens.person_token("token of responder")
    assert receiver.give({**NONE, "by": "eve"}).status == 422
    named = receiver.by_proxy(
        NONE, Authorization=f"Bearer {RESPONDER_TOKEN}", X_Aftermerge_Role="admin", X_Forwarded_User="eve"
    )
    assert named.status == 201
    assert by() == tokens.person_token("dana")
    for told in ({}, {"X_Forwarded_User": "ada, eve"}):
        answer = receiver.by_proxy(NONE, X_Aftermerge_Role="responder", **told)
        assert answer.status == 403
        assert "AFTERMERGE_PROXY_PERSON_HEADER" in answer.json["detail"]
    log = receiver.parts.log
    events = b"".join(record.value for record in log.read("events", 0, 0, 10_000))
    assert b"dana" not in events.lower()
    # the one entry that names them
    assert log.latest("persons", 0)[tokens.person_token("dana").encode()] == b"Dana"


def test_a_forgotten_person_stays_forgotten(receiver: Judging) -> None:
    persons = receiver.parts.persons
    token = persons.block("Grace")
    assert receiver.by_proxy(NONE, X_Aftermerge_Role="admin", X_Forwarded_User="grace").status == 201
    assert receiver.words()[-1]["by"] == token
    assert b"grace" not in b"".join(receiver.parts.log.latest("persons", 0).values()).lower()


def test_who_may(receiver: Judging) -> None:
    count = len(receiver.words())
    assert receiver.give(NONE, VIEWER_TOKEN).status == 403
    assert receiver.give(NONE, "guess").status == 401
    assert receiver.give(NONE, TOKEN).status == 401, "a sender's secret is no token"
    assert receiver.by_proxy(NONE).status == 401
    for role in ("viewer", "security"):
        assert receiver.by_proxy(NONE, X_Aftermerge_Role=role, X_Forwarded_User="ada").status == 403
    assert receiver.by_proxy(NONE, X_Aftermerge_Role="king", X_Forwarded_User="ada").status == 401
    assert receiver.ask("/verdicts/acme").status == 405
    assert len(receiver.words()) == count
    assert receiver.give(NONE, ADMIN_TOKEN).status == 201


def test_only_json_under_its_own_name(receiver: Judging) -> None:
    """A page of another site can send a form with somebody's session at the proxy, and nothing else."""
    told = {"Authorization": f"Bearer {RESPONDER_TOKEN}"}
    count = len(receiver.words())
    for kind in ("", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        headers = {**told, "Content-Type": kind} if kind else told
        assert receiver.ask("/verdicts/acme", headers, b"{}").status == 415
    packed = {**told, "Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert receiver.ask("/verdicts/acme", packed, b"{}").status == 415
    assert receiver.ask("/verdicts/acme", {"Origin": "https://evil.example"}, method="OPTIONS").status == 405
    assert len(receiver.words()) == count


@pytest.mark.parametrize(
    ("said", "status", "detail"),
    [
        (b"", 422, "no verdict"),
        (b"{", 422, "no verdict"),
        (b'{"incident": "\xff"}', 422, "no verdict"),
        (b'{"incident": "\\ud800", "because": "x", "change": "none"}', 422, "no verdict"),
        (b"[" * 60_000, 422, "no verdict"),
        ([], 422, "Expected `object`"),
        ({}, 422, "`incident`"),
        ({"incident": "INC-8", "because": "x"}, 422, "says nothing"),
        ({"incident": "INC-8", "change": "none"}, 422, "`because`"),
        ({**NONE, "because": " "}, 422, "because"),
        ({**NONE, "because": "x" * 2_001}, 422, "2000"),
        ({**NONE, "incident": "x" * 501}, 422, "500"),
        ({**NONE, "cause": "none"}, 422, "`cause`"),
        ({**NONE, "change": None}, 422, "$.change"),
        ({**NONE, "onset": "yesterday"}, 422, "$.onset"),
        ({**NONE, "onset": "2024-05-01T12:00:00"}, 422, "$.onset"),
        ({**NONE, "onset": "2999-05-01T12:00:00Z"}, 422, "future"),
        ({**NONE, "onset": "0001-01-01T00:00:00+14:00"}, 422, "1990"),
        ({**NONE, "merge_into": "INC-8"}, 422, "itself"),
        ({**NONE, "incident": "INC-9"}, 404, "most like it: INC-1, INC-7, INC-8"),
        ({**NONE, "merge_into": "INC-9"}, 404, "no incident 'INC-9'"),
        ({**NONE, "change": "acme/api#99"}, 404, "no change 'acme/api#99'"),
        ({**NONE, "ignore_deployment": "api"}, 404, "no deployment 'api'"),
        ({**NONE, "incident": "' OR 1 = 1 --\n\0"}, 404, "no incident"),
        (b" " * (WORD_BYTES_MAX + 1), 413, "larger than"),
    ],
)
def test_what_is_refused(receiver: Judging, said: object, status: int, detail: str) -> None:
    count = len(receiver.words())
    answer = receiver.give(said)
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/problem+json"
    assert detail in answer.json["detail"]
    assert len(receiver.words()) == count


def test_an_unknown_workspace(receiver: Judging) -> None:
    assert receiver.give(NONE, workspace="other").status == 404
    assert receiver.give(NONE, "guess", workspace="other").status == 401


def test_a_slow_one_is_let_go(parts: Parts) -> None:
    settings = replace(SETTINGS, limits=Limits(body_seconds_max=0.2))
    with judging(parts, settings) as receiver:
        head = f"POST /verdicts/acme HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {RESPONDER_TOKEN}\r\n"
        head += "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{"
        with socket.create_connection(("127.0.0.1", receiver.server.port), timeout=20) as connection:
            connection.sendall(head.encode())
            assert connection.recv(65_536).startswith(b"HTTP/1.1 408 ")


def test_nothing_is_answered_with_2xx_that_is_not_stored(parts: Parts, tmp_path: Path) -> None:
    with closing(SqliteLog(tmp_path / "log.sqlite")) as log:
        for topic, compacted in TOPICS.items():
            log.create_topic(topic, compacted=compacted)
    with judging(replace(parts, log=log)) as receiver:
        answer = receiver.give(NONE)
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) >= 1


def test_what_takes_too_long_and_too_many_at_once(parts: Parts) -> None:
    go, begun = threading.Event(), threading.Semaphore(0)

    def slow(workspace: str, said: Said, login: str) -> Given:
        begun.release()
        go.wait(WAIT_SECONDS_MAX)
        return Given([ID], False)

    settings = replace(SETTINGS, limits=Limits(append_seconds_max=0.2))
    with judging(parts, settings, slow) as receiver:
        for _ in range(JUDGED_AT_ONCE_MAX):
            assert receiver.give(NONE).status == 503
            assert begun.acquire(timeout=WAIT_SECONDS_MAX)
        # the places are taken by those that nobody waits for any more
        assert receiver.give(NONE).status == 503
        assert not begun.acquire(blocking=False)
        go.set()
        answers = [receiver.give(NONE) for _ in range(3)]
        assert {answer.status for answer in answers} == {201}


def test_a_crowd_is_turned_away_at_once(parts: Parts) -> None:
    go = threading.Event()

    def slow(workspace: str, said: Said, login: str) -> Given:
        go.wait(WAIT_SECONDS_MAX)
        return Given([ID], False)

    limits = Limits(append_seconds_max=WAIT_SECONDS_MAX)
    with (
        judging(parts, replace(SETTINGS, limits=limits), slow) as receiver,
        ThreadPoolExecutor(WAITING_WORDS_MAX + 1) as crowd,
    ):
        asked = [crowd.submit(receiver.give, NONE) for _ in range(WAITING_WORDS_MAX + 1)]
        # one of them is one too many; the others wait for their answer
        turned_away = next(as_completed(asked, timeout=WAIT_SECONDS_MAX)).result()
        go.set()
        statuses = [told.result().status for told in asked]
    assert turned_away.status == 503
    assert "too many" in turned_away.json["detail"]
    assert sorted(statuses) == [201] * WAITING_WORDS_MAX + [503]


def test_without_readers_this_machine_may(parts: Parts) -> None:
    with judging(parts, replace(SETTINGS, access=Access())) as receiver:
        assert receiver.by_proxy(NONE).status == 201
        assert receiver.by_proxy(NONE, Host="evil.example").status == 401
        assert receiver.by_proxy(NONE, Origin="https://evil.example").status == 401
