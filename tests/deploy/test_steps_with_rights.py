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
from tests.deploy.secured import USERS, secured
from tests.kafka.servers import free_ports
from tests.live.process import ROOT, STOP_SECONDS_MAX, TOKEN, command, environment, eventually
from tests.live.test_store_gone import store
from tests.places import history

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

DONE_SECONDS_MAX = 120.0
COMMAND_SECONDS_MAX = 120.0
CONTENT = {"Content-Type": "application/cloudevents-batch+json", "Authorization": f"Bearer {TOKEN}"}


def test_a_delivery_becomes_rows_and_nobody_has_more_rights_than_listed(tmp_path: Path) -> None:
    (tmp_path / "broker").mkdir()
    (store_port, *ports) = free_ports(1 + len(USERS))
    with secured(tmp_path / "broker") as broker, store(tmp_path / "server", store_port):
        told = {
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
                store_dsn=f"clickhouse://127.0.0.1:{store_port}",
                database="guarded",
                person_key="5f" * 32,
                data=str(tmp_path / "data"),
            )
            for user in USERS
        }

        def run(*arguments: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                command(*arguments),
                check=False,
                env=told["admin"],
                cwd=ROOT,
                capture_output=True,
                text=True,
                timeout=COMMAND_SECONDS_MAX,
            )

        for arguments in (("topics", "create"), ("migrate",)):
            done = run(*arguments)
            assert done.returncode == 0, done.stderr
        addresses = dict(zip(USERS, ports, strict=True))
        steps = {}
        for user in USERS[:-1]:
            listening = ("--listen", f"127.0.0.1:{addresses[user]}")
            with (tmp_path / f"{user}.out").open("wb") as out:
                steps[user] = subprocess.Popen(
                    command(user, *listening), env=told[user], cwd=ROOT, stdout=out, stderr=out
                )

        def said() -> dict[str, str]:
            return {user: (tmp_path / f"{user}.out").read_text() for user in steps}

        try:
            eventually(lambda: "receive is up" in said()["receive"], f"{said()}", DONE_SECONDS_MAX)
            body = json.dumps([json.loads(render(event, "default")) for event in history()[:40]]).encode()
            answer = ask(f"127.0.0.1:{addresses['receive']}", "/receive/default/cloudevents", body, CONTENT)
            assert answer.status == 202, answer

            def rows() -> list[tuple[object, ...]]:
                assert all(process.poll() is None for process in steps.values()), said()
                with closing(Store.open(f"clickhouse://127.0.0.1:{store_port}", "guarded")) as opened:
                    counts = "SELECT (SELECT count() FROM changes), (SELECT count() FROM deployments)"
                    (found,) = opened.query(counts).rows
                return [found] if all(map(int, map(str, found))) else []

            eventually(rows, f"no rows: {said()}", DONE_SECONDS_MAX)
            for arguments in (("doctor",), ("topics", "check"), ("dlq", "list"), ("rebuild", "--dry-run")):
                done = run(*arguments)
                assert done.returncode == Exit.OK, (arguments, done.stdout, done.stderr)
            for process in steps.values():
                process.send_signal(signal.SIGTERM)
            for user, process in steps.items():
                assert process.wait(STOP_SECONDS_MAX) == 0, (user, said()[user])
        finally:
            for process in steps.values():
                process.kill()
                process.wait()
