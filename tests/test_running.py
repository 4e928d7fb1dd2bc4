"""The note of a running process: who may read it, and how a stale one is known."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec
import pytest

from pipeline import running
from pipeline.running import NOTE_FILE, Running


def note(directory: Path, **changed: object) -> Running:
    found = Running(
        pid=os.getpid(),
        version="1.2.3",
        control_socket=directory / "s",
        clickhouse_url="http://127.0.0.1:8123",
        token="s3cr/e t",
        started_at=datetime(2026, 5, 3, 2, 58, tzinfo=UTC),
    )
    return msgspec.structs.replace(found, **changed)


@contextmanager
def listening(path: Path) -> Iterator[None]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        yield


def gone() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_what_was_written_is_read(tmp_path: Path) -> None:
    written = note(tmp_path)
    running.write(tmp_path, written)
    assert running.read(tmp_path) == written
    assert stat.S_IMODE((tmp_path / NOTE_FILE).stat().st_mode) == 0o600
    running.write(tmp_path, note(tmp_path, version="1.2.4"))
    assert running.read(tmp_path) == note(tmp_path, version="1.2.4")
    assert os.listdir(tmp_path) == [NOTE_FILE]
    running.remove(tmp_path)
    running.remove(tmp_path)
    assert running.read(tmp_path) is None


def test_a_note_is_live_while_its_process_listens(tmp_path: Path) -> None:
    running.write(tmp_path, note(tmp_path))
    assert running.live(tmp_path) is None
    with listening(tmp_path / "s"):
        assert running.live(tmp_path) == note(tmp_path)
    # its file is still there, and refuses
    assert (tmp_path / "s").exists()
    assert running.live(tmp_path) is None


def test_a_process_that_is_gone_is_not_alive_whoever_listens(tmp_path: Path) -> None:
    with listening(tmp_path / "s"):
        assert running.is_alive(note(tmp_path))
        assert not running.is_alive(note(tmp_path, pid=gone()))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid": "x"}', b"\xff"])
def test_an_unreadable_note_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / NOTE_FILE).write_bytes(content)
    assert running.read(tmp_path) is None
    assert running.live(tmp_path) is None


def test_nothing_there_is_no_note(tmp_path: Path) -> None:
    assert running.read(tmp_path / "nowhere") is None


def test_the_token_is_shown_nowhere_but_in_the_address(tmp_path: Path) -> None:
    assert "s3cr" not in repr(note(tmp_path)) + str(note(tmp_path))
    parts = urlsplit(note(tmp_path).dsn)
    assert (parts.scheme, parts.hostname, parts.port) == ("http", "127.0.0.1", 8123)
    assert unquote(parts.password or "") == "s3cr/e t"
    assert note(tmp_path, clickhouse_url="").dsn == ""
