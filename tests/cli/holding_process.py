"""A process that holds a data directory and serves it, for the tests of the commands beside it.

``python -m tests.cli.holding_process DIRECTORY [WORKSPACE WITH A CLOCK ...]`` runs until its standard
input ends. It is made of the real parts: log, store, loop, control socket, ClickHouse endpoint and note.
"""

from __future__ import annotations

import os
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from starlette.applications import Starlette

from pipeline import running
from pipeline.actions import actions_of
from pipeline.cli.version import version
from pipeline.cli.wiring import correlator, opened, rehearsed
from pipeline.embedded import Embedded, machine_clock
from pipeline.normalize import Normalizer
from pipeline.receive.serving import Server
from pipeline.running import Running
from pipeline.settings import load_settings
from pipeline.sources.deliveries import Delivery, Reader
from pipeline.sources.texts import Patterns
from pipeline.store.answering import Answers
from pipeline.web.clickhouse_http import ClickHouseHttp
from pipeline.web.control_socket import control_served

TOKEN = "k/e?y:@ 1"
KEPT_DAYS = 30


def hold(directory: Path, *ticking: str) -> None:
    """Serve until the standard input ends."""
    with opened(load_settings(data=directory), create=True) as parts:
        parts.log.create_topic("received")
        parts.log.create_topic("unused", compacted=True)
        step = correlator(parts)
        unseal = msgspec.msgpack.Decoder(Delivery).decode
        loop = Embedded(
            parts.log,
            parts.codec,
            Normalizer(parts.log, parts.codec, Reader(parts.person_token, Patterns()), unseal, machine_clock),
            step,
            workspaces=ticking,
            unseal=unseal,
            letters_days=30,
            kept_days=KEPT_DAYS,
            now=machine_clock,
        )
        started_at = datetime.now(UTC)
        actions = actions_of(
            loop,
            step,
            lambda workspace, progress: rehearsed(parts, progress, workspace),
            version=version(),
            started_at=started_at,
        )
        answers = Answers.of(parts.store)
        endpoint = ClickHouseHttp(answers, lambda told, _: {TOKEN: "admin"}.get(told))
        reading = Server(Starlette(routes=endpoint.routes()))
        reading.start()
        stop = threading.Event()
        turning = threading.Thread(target=loop.run, args=(stop,))
        turning.start()
        with control_served(parts.log, actions, directory) as socket:
            note = Running(
                pid=os.getpid(),
                version=version(),
                control_socket=socket,
                clickhouse_url=reading.address,
                token=TOKEN,
                started_at=started_at,
            )
            running.write(directory, note)
            print("ready", flush=True)  # noqa: T201 - the test waits for it
            sys.stdin.read()
            running.remove(directory)
        stop.set()
        turning.join()
        reading.stop()
        answers.close()


if __name__ == "__main__":
    hold(Path(sys.argv[1]), *sys.argv[2:])
