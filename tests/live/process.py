"""`aftermerge up` in a process of its own, on free ports of loopback, and the least of a client."""

from __future__ import annotations

import hmac
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from copy import copy
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest

from pipeline import running
from pipeline.log.protocol import Log
from pipeline.log.served import ServedLog
from tests.answers import Answer, ask

ROOT = Path(__file__).resolve().parents[2]
SECRET = "a secret of these tests alone"
TOKEN = "a-token-of-these-tests-alone"
READY_SECONDS_MAX = 60
STOP_SECONDS_MAX = 60
WAIT_SECONDS_MAX = 60
POLL_SECONDS = 0.05
SENT_MAX = 100_000

Found = TypeVar("Found")


def eventually(look: Callable[[], Found], why: str, seconds: float = WAIT_SECONDS_MAX) -> Found:
    """What ``look`` finds as soon as it finds something; fails with ``why`` when it never does."""
    until = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > until:
            pytest.fail(f"{why}: not within {seconds:g} s")
        time.sleep(POLL_SECONDS)
    return found


def environment(**settings: str) -> dict[str, str]:
    """This process's environment without anything of ours, then secrets for every source used here."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AFTERMERGE_")}
    secrets = {"GITHUB": SECRET, "ALERTMANAGER": TOKEN, "CLOUDEVENTS": TOKEN}
    kept |= {f"AFTERMERGE_SECRET_{source}": secret for source, secret in secrets.items()}
    return kept | {f"AFTERMERGE_{name.upper()}": value for name, value in settings.items()}


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, "-m", "pipeline.cli", *map(str, arguments)]


def signed(body: bytes, kind: str, delivery: str = "") -> dict[str, str]:
    """The headers of a delivery of GitHub's."""
    return {
        "X-GitHub-Event": kind,
        "X-GitHub-Delivery": delivery or hmac.digest(b"", body, "sha256").hex()[:32],
        "X-Hub-Signature-256": f"sha256={hmac.digest(SECRET.encode(), body, 'sha256').hex()}",
        "Content-Type": "application/json",
    }


class Up:
    """One run of `aftermerge up`."""

    def __init__(self, process: subprocess.Popen[bytes], data: Path, said: Path) -> None:
        self.process = process
        self.data = data
        self._said = said
        self.receiver = self.queries = ""
        self.workspace = "default"

    def at(self, workspace: str) -> Up:
        """The same run, seen from another workspace."""
        seen = copy(self)
        seen.workspace = workspace
        return seen

    @property
    def said(self) -> str:
        """Everything it wrote to its standard error so far."""
        return self._said.read_text(encoding="utf-8", errors="replace")

    def wait_until_ready(self) -> None:
        self._listening()
        eventually(
            lambda: self.readiness().json == {"ready": True},
            f"/readyz said no: {self.said}",
            READY_SECONDS_MAX,
        )

    def _listening(self) -> None:
        def addresses() -> list[str]:
            assert self.process.poll() is None, f"it ended with {self.process.returncode}: {self.said}"
            return re.findall(r"(?:POST|queries) +(http://[0-9.]+:\d+)", self.said)

        self.receiver, *queries = eventually(addresses, "it does not listen", READY_SECONDS_MAX)
        self.queries = queries[0] if queries else ""

    def ask(
        self, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None, base: str = ""
    ) -> Answer:
        return ask(urlsplit(base or self.receiver).netloc, path, body, headers)

    def readiness(self) -> Answer:
        return self.ask("/readyz")

    def github(self, kind: str, payload: object, delivery: str = "") -> Answer:
        """Post one delivery of GitHub's, of these bytes or of this payload."""
        body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        return self.ask(f"/receive/{self.workspace}/github", body, signed(body, kind, delivery))

    def alertmanager(self, payload: object) -> Answer:
        """Post one notification of Alertmanager's."""
        told = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        return self.ask(f"/receive/{self.workspace}/alertmanager", json.dumps(payload).encode(), told)

    def rows(self, statement: str) -> list[list[Any]]:
        """What the ClickHouse endpoint answers; ``MINE`` in the statement means this workspace's rows."""
        asked = statement.replace("MINE", f"workspace = '{self.workspace}'")
        answer = self.ask("/", f"{asked} FORMAT JSONCompact".encode(), base=self.queries)
        assert answer.status == 200, answer.body
        data: list[list[Any]] = answer.json["data"]
        return data

    def value(self, statement: str) -> Any:
        """The one value of a statement."""
        ((found,),) = self.rows(statement)
        return found

    @contextmanager
    def log(self) -> Iterator[Log]:
        """Its log, while it runs."""
        note = running.live(self.data)
        assert note is not None
        with closing(ServedLog(note.control_socket)) as log:
            yield log

    def received(self) -> int:
        """How many deliveries the log keeps for this workspace."""
        with self.log() as log:
            kept = log.read("received", 0, 0, SENT_MAX)
        return sum(record.key == self.workspace.encode() for record in kept)

    def stop(self) -> None:
        """As somebody who presses Ctrl-C; everything received is in the tables afterwards."""
        self.process.terminate()
        assert self.process.wait(STOP_SECONDS_MAX) == 0, self.said

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(STOP_SECONDS_MAX)


def started(data: Path, *arguments: str | Path, **settings: str) -> Up:
    """Begin a run; it may not listen yet, and the caller ends it."""
    said = data.with_name(f"{data.name}.stderr")
    listening = ["--listen", "127.0.0.1:0", "--clickhouse-listen", "127.0.0.1:0"]
    with said.open("wb") as stderr:
        process = subprocess.Popen(
            command("up", "--data", data, *listening, *arguments),
            cwd=ROOT,
            env=environment(**settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
    return Up(process, data, said)


@contextmanager
def up(data: Path, *arguments: str | Path, **settings: str) -> Iterator[Up]:
    """A run that is ready; it is stopped at the end as by Ctrl-C, unless it has ended already."""
    run = started(data, *arguments, **settings)
    try:
        run.wait_until_ready()
        yield run
        if run.process.poll() is None:
            run.stop()
    finally:
        run.kill()


def run(data: Path, *arguments: str | Path, **settings: str) -> subprocess.CompletedProcess[str]:
    """Another command on the same data directory, in a process of its own."""
    return subprocess.run(
        [*command(*arguments), "--data", str(data)],
        cwd=ROOT,
        env=environment(**settings),
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS_MAX,
        check=False,
    )


def needs(programs: Sequence[str], packages: str) -> None:
    """Skip the test, or fail it under CI, when programs are missing that come with Debian packages."""
    if missing := [name for name in programs if shutil.which(name) is None]:
        why = f"{', '.join(missing)}: not found; `apt-get install {packages}` brings them"
        if os.environ.get("CI"):
            pytest.fail(why)
        pytest.skip(why)
