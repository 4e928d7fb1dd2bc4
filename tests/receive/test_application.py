"""What the receiver says about itself, to whom, and that no secret is ever among it."""

from __future__ import annotations

import base64
import logging
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pipeline.receive import Access, CannotListen, KeyRing, Server, application
from tests.answers import Answer
from tests.receive.running import (
    ADMIN_TOKEN,
    PAIR,
    SECRET,
    SECRETS,
    SETTINGS,
    TOKEN,
    VIEWER_TOKEN,
    Running,
    bearer,
    limited,
    running,
    signed,
)

BODY = b"{}"
PAGES = ("/healthz", "/readyz", "/metrics", "/config", "/openapi.json")


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Running]:
    with running(tmp_path) as started:
        yield started


def counted(answer: Answer) -> dict[tuple[str, str], float]:
    return {
        (sample.labels["source"], sample.labels["outcome"]): sample.value
        for family in text_string_to_metric_families(answer.body.decode())
        for sample in family.samples
        if sample.name == "aftermerge_received_deliveries_total"
    }


def test_who_may_see_what(receiver: Running) -> None:
    def statuses(**headers: str) -> list[int]:
        return [receiver.ask(page, headers).status for page in PAGES]

    assert statuses() == [200, 200, 401, 401, 200]
    assert statuses(**bearer("guess")) == [200, 200, 401, 401, 200]
    assert statuses(**bearer(VIEWER_TOKEN)) == [200, 200, 200, 403, 200]
    assert statuses(**bearer(ADMIN_TOKEN)) == [200, 200, 200, 200, 200]
    assert receiver.ask("/config").headers["www-authenticate"] == "Bearer"
    assert receiver.ask("/healthz", method="POST").status == 405


def test_without_readers_this_machine_may_see_everything(tmp_path: Path) -> None:
    with running(tmp_path, replace(SETTINGS, access=Access())) as receiver:
        assert [receiver.ask(page).status for page in PAGES] == [200] * 5
        assert receiver.ask("/config", {"Host": "evil.example"}).status == 401


def test_readiness_is_what_the_parts_say(tmp_path: Path) -> None:
    missing = ["the store is still opening"]
    with running(tmp_path, ready=lambda: missing) as receiver:
        assert receiver.ask("/readyz").json == {"ready": False}
        told = receiver.ask("/readyz", bearer(VIEWER_TOKEN))
        assert (told.status, told.json["missing"]) == (503, missing)
        missing.clear()
        assert (receiver.ask("/readyz").status, receiver.ask("/readyz").json) == (200, {"ready": True})


def test_outcomes_are_counted_under_few_labels(receiver: Running) -> None:
    receiver.github(BODY)
    receiver.github(BODY)
    receiver.github(BODY, "guess")
    receiver.ask("/receive/other/github", {}, BODY)
    for number in range(30):
        receiver.ask(f"/receive/acme/made-up-{number}", {}, BODY)
    assert counted(receiver.ask("/metrics", bearer(VIEWER_TOKEN))) == {
        ("github", "stored"): 1,
        ("github", "repeated"): 1,
        ("github", "wrong_secret"): 1,
        ("github", "unknown_workspace"): 1,
        ("unknown", "unknown_source"): 30,
    }


def test_the_settings_are_shown_without_secrets(tmp_path: Path) -> None:
    settings = replace(SETTINGS, shown=lambda: {"store_dsn": "clickhouse://me:***@host"})
    with running(tmp_path, settings) as receiver:
        told = receiver.ask("/config", bearer(ADMIN_TOKEN)).json
    assert told["settings"] == {"store_dsn": "clickhouse://me:***@host"}
    assert told["sources"]["github"] == {"schemes": ["github"], "secrets": 2, "open": False}
    assert told["limits"]["body_bytes_max"] == 25 * 1024 * 1024
    assert told["readers"] == 2


def test_secrets_are_nowhere(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Everything that is answered, logged or kept, searched for every secret and what is made of it."""
    caplog.set_level(logging.DEBUG)
    keys = base64.b64encode(b"k" * 32).decode()
    settings = replace(limited(body_bytes_max=1_000), keys=KeyRing.of([keys]))
    answers: list[Answer] = []
    with running(tmp_path, settings) as receiver:
        for body in (BODY, b"x" * 1_001):
            for source in SETTINGS.sources:
                for headers in (
                    signed(body),
                    {**signed(body), "X-Hub-Signature-256": SECRET},
                    {"X-Gitlab-Token": SECRET},
                    {"X-Gitlab-Token": SECRET + "x"},
                    bearer(TOKEN),
                    bearer(TOKEN + "x"),
                    bearer(ADMIN_TOKEN),
                    {"Authorization": "Basic " + base64.b64encode(PAIR.encode()).decode()},
                    {"Authorization": PAIR, "Cookie": TOKEN, "X-Api-Key": TOKEN, "Ce-Token": TOKEN},
                ):
                    answers.append(receiver.ask(f"/receive/acme/{source}", headers, body))
        answers += [
            receiver.ask(page, bearer(token)) for page in PAGES for token in (ADMIN_TOKEN, VIEWER_TOKEN)
        ]
        receiver.log.close()
        answers += [receiver.github(b"late"), receiver.ask("/readyz", bearer(ADMIN_TOKEN))]
    with running(tmp_path, settings) as receiver:
        kept = receiver.kept()
    assert {answer.status for answer in answers} >= {200, 202, 401, 403, 413, 503}
    said = "\n".join(
        [caplog.text, repr(settings)]
        + [f"{answer.headers.values()} {answer.body.decode()}" for answer in answers]
        + [f"{delivery.headers.values()} {delivery.body.decode()}" for delivery in kept]
    )
    assert "a delivery to source" in said
    assert kept
    for secret in (*SECRETS, keys, signed(BODY)["X-Hub-Signature-256"].removeprefix("sha256=")):
        for written in (secret, base64.b64encode(secret.encode()).decode(), repr(secret)):
            assert written not in said


def test_refusals_do_not_fill_the_log_lines(receiver: Running, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(20):
        assert receiver.github(b"%d" % number, "guess").status == 401
    assert len([line for line in caplog.records if "was refused" in line.getMessage()]) == 1


def test_the_description_names_every_address(receiver: Running) -> None:
    told = receiver.ask("/openapi.json").json
    assert told["openapi"] == "3.1.0"
    assert set(told["paths"]) == {*PAGES, "/receive/{workspace}/{source}"}
    assert "acme" not in str(told)
    assert "acme" in str(receiver.ask("/openapi.json", bearer(VIEWER_TOKEN)).json)


def test_a_bug_is_answered_without_its_traceback(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> list[str]:
        raise ZeroDivisionError("with details")

    with running(tmp_path, ready=broken) as receiver:
        answer = receiver.ask("/readyz")
    assert answer.status == 500
    assert b"ZeroDivision" not in answer.body
    assert b"with details" not in answer.body
    assert "ZeroDivisionError" in caplog.text


# the server


def test_an_address_that_is_taken(receiver: Running) -> None:
    other = Server(application(SETTINGS, receiver.appender), port=receiver.server.port)
    with pytest.raises(CannotListen, match="another port"):
        other.start()
    with pytest.raises(CannotListen, match="address of this machine"):
        Server(application(SETTINGS, receiver.appender), host="192.0.2.1").start()


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET /healthz HT",
        b"GET /healthz HTTP/1.1\r\nHost:",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET",
    ],
)
def test_a_request_that_never_ends_loses_its_connection(receiver: Running, begun: bytes) -> None:
    server = Server(application(SETTINGS, receiver.appender), message_seconds_max=0.2)
    server.start()
    try:
        with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
            connection.sendall(begun)
            ended = False
            while not ended:
                try:
                    ended = not connection.recv(65_536)
                except ConnectionResetError:
                    ended = True
    finally:
        server.stop()
