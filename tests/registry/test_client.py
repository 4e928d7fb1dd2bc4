"""How a registry is asked: bounded, without letting go of the password, and never taking trouble for "no"."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.registry import Registry, RegistrySettings, RegistryUnavailable, client
from pipeline.registry.client import TRIES_MAX, Refused
from tests.certificates import certificate
from tests.registry.answers import Said, Server, answering, said

SECRET = "p:ss w/rd@1"
IN_ADDRESS = "p%3Ass%20w%2Frd%401"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "RETRY_WAIT_SECONDS", 0.01)


@pytest.fixture
def server() -> Iterator[Server]:
    with answering() as found:
        yield found


@pytest.fixture
def registry(server: Server) -> Iterator[Registry]:
    with closing(Registry(RegistrySettings.of(server.url))) as found:
        yield found


def test_the_password_is_sent_and_never_shown(server: Server) -> None:
    settings = RegistrySettings.of(server.url.replace("//", f"//some%20body:{IN_ADDRESS}@") + "/api/")
    assert (settings.username, settings.password) == ("some body", SECRET)
    server.answer = lambda asked: said(401, error_code=40101, message=f"not with {SECRET} and {asked.path}")
    with closing(Registry(settings)) as registry, pytest.raises(RegistryUnavailable) as caught:
        registry.schema(1)
    assert server.asked[0].authorization == "Basic c29tZSBib2R5OnA6c3Mgdy9yZEAx"
    assert len(server.asked) == 1, "a password that is wrong is not tried again and again"
    for text in (str(caught.value), repr(caught.value), repr(settings), repr(registry)):
        assert SECRET not in text
        assert IN_ADDRESS not in text
    assert f"{server.url}/api answers 401 to GET /schemas/ids/1: not with ***" in str(caught.value)


def test_a_password_goes_nowhere_else(server: Server) -> None:
    with answering() as other:
        server.answer = lambda asked: Said(307, location=other.url + asked.path)
        settings = RegistrySettings.of(server.url.replace("//", f"//somebody:{IN_ADDRESS}@"))
        with closing(Registry(settings)) as registry, pytest.raises(RegistryUnavailable, match="answers 307"):
            registry.schema(1)
        assert other.asked == []


@pytest.mark.parametrize(
    "address",
    [
        "",
        "registry:8081",
        f"ftp://somebody:{IN_ADDRESS}@registry",
        f"http://somebody:{IN_ADDRESS}@",
        f"http://somebody:{IN_ADDRESS}@registry:many",
        f"http://somebody:{IN_ADDRESS}@registry/?a=b",
        f"http://somebody:{IN_ADDRESS}@[registry/",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="write http://host:port/path") as caught:
        RegistrySettings.of(address)
    assert IN_ADDRESS not in str(caught.value)


def test_an_address_is_taken_apart() -> None:
    settings = RegistrySettings.of("https://u:p@[::1]:8081/apis/ccompat/v7/")
    assert settings == RegistrySettings("https://[::1]:8081/apis/ccompat/v7", "u", "p")
    assert RegistrySettings.of("http://registry") == RegistrySettings("http://registry")


def test_what_passes_is_tried_again(server: Server, registry: Registry) -> None:
    def answer(_: object) -> Said:
        return (
            said(503, error_code=50301, message="starting")
            if len(server.asked) < TRIES_MAX
            else said(200, id=7)
        )

    server.answer = answer
    assert registry.add("s", "{}") == 7
    assert json.loads(server.asked[-1].body) == {"schema": "{}"}
    server.asked.clear()
    server.answer = lambda asked: said(503, error_code=50301, message="starting")
    with pytest.raises(RegistryUnavailable, match="answers 503 to GET /schemas/ids/5: starting"):
        registry.schema(5)
    assert len(server.asked) == TRIES_MAX


@pytest.mark.parametrize(
    "odd",
    [
        Said(404, b"<html>no such page</html>"),
        said(404, error_code=404, message="HTTP 404 Not Found"),
        said(404, message="no code"),
        Said(200, b"<html>welcome</html>"),
        Said(200, b"[]"),
        Said(200, b'{"schema": 5}'),
        Said(200, b""),
        said(599, error_code="x"),
        Said(418, b"\xff"),
    ],
)
def test_what_no_registry_says_makes_nothing_unknown(server: Server, registry: Registry, odd: Said) -> None:
    server.answer = lambda asked: odd
    with pytest.raises(RegistryUnavailable):
        registry.schema(1)


def test_what_is_not_there_is_none(server: Server, registry: Registry) -> None:
    server.answer = lambda asked: said(404, error_code=40403, message="Schema not found")
    assert registry.schema(1) is None
    assert registry.find("a", "{}") is None
    server.answer = lambda asked: said(404, error_code=40401, message="Subject not found")
    assert registry.find("a b/c", "{}") is None
    assert server.asked[-1].path == "/subjects/a%20b%2Fc"
    assert registry.versions("a") == []
    assert registry.version("a", 1) is None
    assert registry.compatibility("a") == ""
    server.answer = lambda asked: said(200, schema="...", schemaType="PROTOBUF")
    assert registry.schema(1) is None
    server.answer = lambda asked: said(200, schema='"x"', references=[{"name": "x"}])
    assert registry.schema(1) is None


def test_what_is_refused_comes_with_its_reason(server: Server, registry: Registry) -> None:
    for status in (409, 422):
        server.answer = lambda asked, status=status: said(status, error_code=status, message="because")  # type: ignore[misc]
        with pytest.raises(Refused, match="because"):
            registry.add("s", "{}")
    assert len(server.asked) == 2


def test_an_answer_without_end_is_not_waited_for(
    server: Server, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "ANSWER_SECONDS_MAX", 0.2)
    server.answer = lambda asked: Said(200, b'{"schema": "' + b"x" * 1000 + b'"}', pause_seconds=0.05)
    with pytest.raises(RegistryUnavailable, match="takes more than"):
        registry.schema(1)


def test_an_answer_that_is_too_large_is_not_read(
    server: Server, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "ANSWER_BYTES_MAX", 100)
    server.answer = lambda asked: said(200, schema="x" * 200_000)
    with pytest.raises(RegistryUnavailable, match="more than 100 bytes"):
        registry.schema(1)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    settings = RegistrySettings.of(f"http://127.0.0.1:{port}")
    with closing(Registry(settings)) as registry, pytest.raises(RegistryUnavailable, match="does not answer"):
        registry.schema(1)


def test_tls_is_checked(tmp_path: Path) -> None:
    authority, both = certificate(tmp_path)
    with answering(both) as server:
        server.answer = lambda asked: said(200, schema='"x"')
        with closing(Registry(RegistrySettings.of(server.url, str(authority)))) as registry:
            assert registry.schema(1) == '"x"'
        with (
            closing(Registry(RegistrySettings.of(server.url))) as registry,
            pytest.raises(RegistryUnavailable, match="CERTIFICATE_VERIFY_FAILED"),
        ):
            registry.schema(1)
    with pytest.raises(ValueError, match="no such file"):
        RegistrySettings.of("https://registry", str(tmp_path / "missing.pem"))
