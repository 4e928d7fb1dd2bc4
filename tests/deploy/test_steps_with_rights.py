"""Every step as a process of its own, each with its own user: from a delivery over HTTP to a row."""

from __future__ import annotations

import json
import signal
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.cli.exits import Exit
from pipeline.sources.cloudevents import render
from pipeline.store import Store
from tests.answers import ask
from tests.deploy.secured import USERS, Cluster, secured
from tests.live.process import ROOT, STOP_SECONDS_MAX, TOKEN, command, environment, eventually
from tests.live.test_store_gone import store
from tests.places import history
from tests.ports import free_ports

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.long]

DONE_SECONDS_MAX = 120.0
COMMAND_SECONDS_MAX = 120.0
CONTENT = {"Content-Type": "application/cloudevents-batch+json", "Authorization": f"Bearer {TOKEN}"}


class Guarded:
    """What a user of a secured cluster is told, its commands, and the steps that run."""

    def __init__(self, directory: Path, broker: Cluster, store_port: int) -> None:
        self.directory = directory
        self.steps: dict[str, subprocess.Popen[bytes]] = {}
        self.dsn = f"clickhouse://127.0.0.1:{store_port}"
        self.told = {
            user: environment(
                kafka_bootstrap=broker.bootstrap,
                kafka_security_protocol="SASL_PLAINTEXT",
                kafka_sasl_mechanism="PLAIN",
                kafka_sasl_username=user,
                kafka_sasl_password=broker.passwords[f"KAFKA_{user.upper()}_PASSWORD"],
                kafka_partitions="2",
                horizon_days="3650",
                kafka_replicas="1",
                kafka_replicas_in_sync_min="1",
                store_dsn=self.dsn,
                database="guarded",
                person_key="5f" * 32,
                data=str(directory / "data"),
            )
            for user in USERS
        }

    def run(self, *arguments: str) -> None:
        """One command of a person, which has to end well."""
        done = subprocess.run(
            command(*arguments),
            check=False,
            env=self.told["admin"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS_MAX,
        )
        assert done.returncode == Exit.OK, (arguments, done.stdout, done.stderr)

    def start(self, step: str, port: int) -> None:
        with (self.directory / f"{step}.out").open("wb") as out:
            listening = ("--listen", f"127.0.0.1:{port}")
            self.steps[step] = subprocess.Popen(
                command(step, *listening), env=self.told[step], cwd=ROOT, stdout=out, stderr=out
            )

    def said(self) -> dict[str, str]:
        return {step: (self.directory / f"{step}.out").read_text() for step in self.steps}

    def has_rows(self) -> bool:
        assert all(process.poll() is None for process in self.steps.values()), self.said()
        with closing(Store.open(self.dsn, "guarded")) as opened:
            counts = "SELECT (SELECT count() FROM changes), (SELECT count() FROM deployments)"
            (found,) = opened.query(counts).rows
        return all(map(int, map(str, found)))

    def stop(self) -> None:
        """Each ends with 0."""
        for process in self.steps.values():
            process.send_signal(signal.SIGTERM)
        for step, process in self.steps.items():
            assert process.wait(STOP_SECONDS_MAX) == 0, (step, self.said()[step])

    def kill(self) -> None:
        for process in self.steps.values():
            process.kill()
            process.wait()


def test_a_delivery_becomes_rows_and_nobody_has_more_rights_than_listed(tmp_path: Path) -> None:
    (tmp_path / "broker").mkdir()
    (store_port, *ports) = free_ports(len(USERS))
    with secured(tmp_path / "broker") as broker, store(tmp_path / "server", store_port):
        guarded = Guarded(tmp_path, broker, store_port)
        guarded.run("topics", "create")
        guarded.run("migrate")
        for step, port in zip(USERS, ports, strict=False):
            guarded.start(step, port)
        try:
            eventually(
                lambda: "receive is up" in guarded.said()["receive"], f"{guarded.said()}", DONE_SECONDS_MAX
            )
            body = json.dumps([json.loads(render(event, "default")) for event in history()[:40]]).encode()
            answer = ask(f"127.0.0.1:{ports[0]}", "/receive/default/cloudevents", body, CONTENT)
            assert answer.status == 202, answer
            eventually(guarded.has_rows, f"no rows: {guarded.said()}", DONE_SECONDS_MAX)
            for arguments in (("doctor",), ("topics", "check"), ("dlq", "list"), ("rebuild", "--dry-run")):
                guarded.run(*arguments)
            guarded.stop()
        finally:
            guarded.kill()
