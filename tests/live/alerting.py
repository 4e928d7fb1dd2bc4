"""Real Prometheus and Alertmanager on loopback: an exporter of one number, a rule on it, and a webhook."""

from __future__ import annotations

import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import yaml

from tests.live.process import STOP_SECONDS_MAX, TOKEN, Up, eventually
from tests.ports import free_ports

PROMETHEUS, ALERTMANAGER = "prometheus", "prometheus-alertmanager"
PACKAGES = "prometheus prometheus-alertmanager"
ALERT = "CheckoutFails"
SERVICE = "checkout"
EVERY = "1s"


class Exporter:
    """A service with one number on its page: how many of its requests fail."""

    def __init__(self) -> None:
        exporter = self
        self.failing = 0

        class Page(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                text = f"# TYPE checkout_failing gauge\ncheckout_failing {exporter.failing}\n".encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *arguments: object) -> None:
                """Say nothing: the test's output is for the test."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextmanager
def alerting(run: Up, directory: Path) -> Iterator[Exporter]:
    """Prometheus watches an exporter, and Alertmanager tells ``run`` what fires."""
    exporter = Exporter()
    prometheus, alertmanager = free_ports(2)
    try:
        watching = _prometheus(exporter, directory, prometheus, alertmanager)
        telling = _alertmanager(run, directory, alertmanager)
        with (
            _serving(ALERTMANAGER, alertmanager, telling, directory),
            _serving(PROMETHEUS, prometheus, watching, directory),
        ):
            yield exporter
    finally:
        exporter.close()


def _alertmanager(run: Up, directory: Path, port: int) -> list[str]:
    webhook = {
        "url": f"{run.receiver}/receive/{run.workspace}/alertmanager",
        "send_resolved": True,
        "http_config": {"authorization": {"credentials": TOKEN}},
    }
    config = {
        "route": {
            "receiver": "aftermerge",
            "group_by": ["alertname"],
            "group_wait": EVERY,
            "group_interval": EVERY,
            "repeat_interval": "2s",
        },
        "receivers": [{"name": "aftermerge", "webhook_configs": [webhook]}],
    }
    return [
        ALERTMANAGER,
        f"--config.file={_written(directory / 'alertmanager.yml', config)}",
        f"--storage.path={directory / 'alertmanager'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    ]


def _prometheus(exporter: Exporter, directory: Path, port: int, alertmanager: int) -> list[str]:
    rule = {
        "alert": ALERT,
        "expr": "checkout_failing > 0",
        "labels": {"service": SERVICE, "environment": "production", "severity": "critical"},
        "annotations": {"summary": "{{ $value }} payments fail", "window": "5m"},
    }
    rules = _written(directory / "rules.yml", {"groups": [{"name": "checkout", "rules": [rule]}]})
    config = {
        "global": {"scrape_interval": EVERY, "scrape_timeout": EVERY, "evaluation_interval": EVERY},
        "rule_files": [str(rules)],
        "scrape_configs": [{"job_name": SERVICE, "static_configs": [{"targets": [exporter.address]}]}],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{alertmanager}"]}]}]},
    }
    return [
        PROMETHEUS,
        f"--config.file={_written(directory / 'prometheus.yml', config)}",
        f"--storage.tsdb.path={directory / 'prometheus'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]


def _written(path: Path, config: object) -> Path:
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return path


@contextmanager
def _serving(name: str, port: int, command: list[str], directory: Path) -> Iterator[None]:
    said = directory / f"{name}.stderr"
    with said.open("wb") as output:
        process = subprocess.Popen(command, cwd=directory, stdout=output, stderr=output)

    def ready() -> bool:
        assert process.poll() is None, said.read_text(errors="replace")
        with (
            suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5) as answer,
        ):
            return bool(answer.status == 200)
        return False

    try:
        eventually(ready, f"{name} is not ready")
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS_MAX)
        finally:
            process.kill()
