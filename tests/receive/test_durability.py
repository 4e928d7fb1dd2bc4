"""A 2xx means that it is in the log; what can't be stored is answered with 503."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from pipeline.log.protocol import LogCorrupt
from pipeline.log.sqlite import SqliteLog
from pipeline.receive import KeyRing
from pipeline.receive.problems import PROBLEM_TYPE
from tests.answers import Answer
from tests.receive.running import VIEWER_TOKEN, bearer, limited, running, signed

ROOT = Path(__file__).resolve().parents[2]
BODY = b'{"action": "opened"}'
SENDERS = 4


def told_to_come_back(answer: Answer, said: str) -> None:
    assert (answer.status, answer.headers["content-type"]) == (503, PROBLEM_TYPE)
    assert int(answer.headers["retry-after"]) >= 1
    assert said in answer.json["detail"]


def test_a_log_that_is_gone(tmp_path: Path) -> None:
    with running(tmp_path) as receiver:
        assert receiver.github(BODY).status == 202
        receiver.log.close()
        told_to_come_back(receiver.github(BODY + b"1"), "log can't be written")
        assert receiver.ask("/readyz").status == 503
        assert receiver.ask("/healthz").status == 200
        assert str(tmp_path).encode() not in receiver.github(BODY + b"1").body + receiver.ask("/readyz").body
    with running(tmp_path) as receiver:
        assert [kept.body for kept in receiver.kept()] == [BODY]
        assert receiver.github(BODY + b"1").status == 202


def test_a_log_that_somebody_locked(tmp_path: Path) -> None:
    with running(tmp_path, limited(append_seconds_max=0.3)) as receiver:
        holder = sqlite3.connect(tmp_path / "log.sqlite", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        told_to_come_back(receiver.github(BODY), "too slow")
        holder.execute("ROLLBACK")
        holder.close()
        # it may have been stored all the same; the retry is accepted, and facts count it once
        assert receiver.github(BODY).status in (200, 202)
        assert {kept.body for kept in receiver.kept()} == {BODY}


def test_a_damaged_log_ends_the_writing_and_says_so(tmp_path: Path) -> None:
    with running(tmp_path) as receiver:
        stranger = sqlite3.connect(tmp_path / "log.sqlite", isolation_level=None)
        stranger.execute('UPDATE streams SET "end" = 0')
        assert receiver.github(BODY).status == 202
        stranger.execute('UPDATE streams SET "end" = 0')  # the next offset is taken already
        stranger.close()
        told_to_come_back(receiver.github(BODY + b"1"), "log can't be written")
        assert isinstance(receiver.appender.failure, LogCorrupt)
        told_to_come_back(receiver.github(BODY + b"2"), "log can't be written")
        readiness = receiver.ask("/readyz", bearer(VIEWER_TOKEN))
        assert (readiness.status, len(readiness.json["missing"])) == (503, 1)


def test_a_full_queue(tmp_path: Path) -> None:
    with running(tmp_path, limited(waiting_max=3), started=False) as receiver:
        answers: list[Answer] = []
        senders = [
            threading.Thread(target=lambda number=number: answers.append(receiver.github(b"%d" % number)))
            for number in range(3)
        ]
        for sender in senders:
            sender.start()
        while receiver.appender.waiting < 3:
            pass
        told_to_come_back(receiver.github(BODY), "wait for the disk")
        receiver.appender.start()
        for sender in senders:
            sender.join()
        assert [answer.status for answer in answers] == [202] * 3
        assert {kept.body for kept in receiver.kept()} == {b"0", b"1", b"2"}
        assert receiver.github(BODY).status == 202


def test_stopping_stores_what_waits(tmp_path: Path) -> None:
    answers: list[Answer] = []
    with running(tmp_path, started=False) as receiver:
        senders = [
            threading.Thread(target=lambda number=number: answers.append(receiver.github(b"%d" % number)))
            for number in range(20)
        ]
        for sender in senders:
            sender.start()
        while receiver.appender.waiting < 20:
            pass
        receiver.appender.start()
    for sender in senders:
        sender.join()
    assert [answer.status for answer in answers] == [202] * 20
    with running(tmp_path) as receiver:
        assert len(receiver.kept()) == 20


@contextmanager
def process(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    command = [sys.executable, "-m", "tests.receive.process", *arguments]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as started:
        assert started.stdout is not None
        try:
            yield started, int(started.stdout.readline())
        finally:
            started.kill()


class Sender:
    """Posts numbered bodies over one connection until it breaks; notes which got a 2xx."""

    def __init__(self, port: int, name: str) -> None:
        self.accepted: list[bytes] = []
        self.refused = 0
        self._port, self._name = port, name
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        with closing(HTTPConnection("127.0.0.1", self._port, timeout=30)) as connection:
            self._post(connection)

    def _post(self, connection: HTTPConnection) -> None:
        for number in range(100_000):
            body = f'{{"sender": "{self._name}", "number": {number}, "text": "{"x" * 2_000}"}}'.encode()
            try:
                connection.request("POST", "/receive/acme/github", body, signed(body))
                response = connection.getresponse()
                response.read()
            except (OSError, HTTPException):
                return
            if response.status == 202:
                self.accepted.append(body)
            else:
                assert response.status == 503
                assert response.headers["Retry-After"]
                self.refused += 1
            if self.refused >= 5:
                return


def kept(directory: Path) -> list[bytes]:
    log = SqliteLog(directory / "log.sqlite")
    try:
        return [KeyRing().open_(record.value).body for record in log.read("received", 0, 0, 1_000_000)]
    finally:
        log.close()


def test_what_got_a_2xx_is_there_after_a_kill(tmp_path: Path) -> None:
    with process(str(tmp_path)) as (started, port):
        senders = [Sender(port, str(number)) for number in range(SENDERS)]
        while sum(len(sender.accepted) for sender in senders) < 200:
            assert started.poll() is None
        started.kill()
        for sender in senders:
            sender.thread.join()
    accepted = [body for sender in senders for body in sender.accepted]
    assert len(accepted) == len(set(accepted)) >= 200
    stored = kept(tmp_path)
    assert set(accepted) <= set(stored)
    assert len(stored) == len(set(stored))


def test_a_full_disk_is_a_503_and_loses_nothing(tmp_path: Path) -> None:
    with process(str(tmp_path), str(2_000_000)) as (started, port):
        senders = [Sender(port, str(number)) for number in range(SENDERS)]
        for sender in senders:
            sender.thread.join()
        assert started.poll() is None
    assert all(sender.refused for sender in senders)
    accepted = [body for sender in senders for body in sender.accepted]
    assert accepted
    assert set(accepted) <= set(kept(tmp_path))
