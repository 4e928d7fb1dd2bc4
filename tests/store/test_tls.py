"""A server that speaks TLS, with a certificate of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import pytest

from pipeline.settings import load_settings
from pipeline.store import Store, StoreUnavailable
from tests.certificates import certificate
from tests.live.test_store_gone import store
from tests.ports import free_ports

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Where a server is, and who vouches for it."""
    (port,) = free_ports(1)
    directory = tmp_path_factory.mktemp("tls")
    ca, both = certificate(directory)
    with store(directory / "engine", port, both):
        yield f"127.0.0.1:{port}", ca


def test_the_server_proves_who_it_is(served: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    place, ca = served
    monkeypatch.setenv("AFTERMERGE_STORE_DSN", f"clickhouses://{place}")
    monkeypatch.setenv("AFTERMERGE_STORE_SSL_CA", str(ca))
    settings = load_settings()
    with closing(Store.open(settings.resolved_dsn(), "guarded")) as opened:
        opened.migrate()
        opened.insert_facts("services", "acme", 1, [], [("api",)])
        assert opened.holds("SELECT 1 FROM services WHERE service = 'api'")


def test_whoever_nobody_vouches_for_is_told_nothing(served: tuple[str, Path], tmp_path: Path) -> None:
    place, _ = served
    with pytest.raises(StoreUnavailable, match=f"https://{place}.*(?i:certificate verify failed)"):
        Store.open(f"clickhouses://{place}", "guarded")
    other, _ = certificate(tmp_path)
    with pytest.raises(StoreUnavailable, match=r"(?i)certificate verify failed"):
        Store.open(f"clickhouses://{place}?ca_cert={quote(str(other))}", "guarded")


def test_readable_requests_get_no_answer(served: tuple[str, Path]) -> None:
    place, _ = served
    with pytest.raises(StoreUnavailable, match=f"no ClickHouse answers at http://{place}"):
        Store.open(f"clickhouse://{place}", "guarded")


@pytest.mark.parametrize("rest", ["?ca_cert=/nowhere/ca.pem", "?verify=false"])
def test_what_cannot_be_is_said(served: tuple[str, Path], rest: str) -> None:
    place, _ = served
    with pytest.raises(StoreUnavailable, match=r"ca_cert=FILE, a file that is there"):
        Store.open(f"clickhouses://{place}{rest}", "guarded")


def test_certificates_are_for_tls_alone(served: tuple[str, Path]) -> None:
    place, ca = served
    with pytest.raises(StoreUnavailable, match="is for clickhouses://"):
        Store.open(f"clickhouse://{place}?ca_cert={quote(str(ca))}", "guarded")
