"""Long work shows on a terminal how fast it is and how long it will take; a pipe gets nothing of that."""

from __future__ import annotations

import fcntl
import gzip
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pytest

from pipeline.cli.exits import Exit
from pipeline.resources import examples

pytestmark = [pytest.mark.slow, pytest.mark.long]

ROOT = Path(__file__).resolve().parents[2]
WAIT_SECONDS_MAX = 120
READ_BYTES = 65_536
LINES = 1_200
#: small batches: each of them is told, and a rate needs several
BATCH_EVENTS = 50
ROWS, COLUMNS = 40, 140
_STEERING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_TIME = r"\d+:\d\d:\d\d"
#: done of all, things a second, time so far, time left
_FRAME = re.compile(rf"correlating +\S+ +(\d+)/(\d+) +([\d,]+)/s +{_TIME} +({_TIME})")


class Ended(NamedTuple):
    """One run of a command: what it printed, and what its terminal or pipe got beside that."""

    code: int
    printed: str
    said: str


def started(data: Path, arguments: list[str], stderr: int) -> subprocess.Popen[str]:
    settings = {name: value for name, value in os.environ.items() if not name.startswith("AFTERMERGE_")}
    settings |= {"AFTERMERGE_BATCH_ROWS": str(BATCH_EVENTS), "TERM": "xterm"}
    command = [sys.executable, "-m", "pipeline.cli", "--data", str(data), *arguments]
    return subprocess.Popen(
        command, cwd=ROOT, env=settings, stdout=subprocess.PIPE, stderr=stderr, text=True, encoding="utf-8"
    )


def on_a_terminal(data: Path, *arguments: str) -> Ended:
    ours, its = pty.openpty()
    try:
        fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        process = started(data, list(arguments), its)
    finally:
        os.close(its)
    drawn = bytearray()
    try:
        while piece := os.read(ours, READ_BYTES):
            drawn += piece
    except OSError:  # the other side was closed
        pass
    finally:
        os.close(ours)
    with process:
        printed, _ = process.communicate(timeout=WAIT_SECONDS_MAX)
    return Ended(process.returncode, printed, drawn.decode("utf-8"))


def piped(data: Path, *arguments: str) -> Ended:
    with started(data, list(arguments), subprocess.PIPE) as process:
        printed, said = process.communicate(timeout=WAIT_SECONDS_MAX)
    return Ended(process.returncode, printed, said)


class Piped(NamedTuple):
    """A history, its import without a terminal, and its events as a file."""

    history: Path
    imported: Ended
    events: Path


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Piped:
    (shipped,) = examples().glob("*.jsonl.gz")
    place = tmp_path_factory.mktemp("progress")
    history, events = place / "some.jsonl", place / "events.jsonl"
    with gzip.open(shipped, "rb") as lines:
        history.write_bytes(b"".join(islice(lines, LINES)))
    imported = piped(place / "data", "import", "history", str(history))
    assert piped(place / "data", "export", str(events)).code == Exit.OK
    return Piped(history, imported, events)


def looks_drawn(seen: Ended) -> None:
    """Frames with a rate and a time left, some of them while there was something left to do."""
    assert seen.code == Exit.OK, seen.said
    frames = _FRAME.findall(_STEERING.sub("", seen.said))
    assert all(0 < int(done) <= int(total) for done, total, _, _ in frames)
    assert all(int(rate.replace(",", "")) > 0 for _, _, rate, _ in frames)
    unfinished = [left for done, total, _, left in frames if int(done) < int(total)]
    assert unfinished, seen.said[-2_000:]
    assert all(left != "0:00:00" for left in unfinished)


def test_an_import_draws_rate_and_time_left_on_a_terminal_only(before: Piped, tmp_path: Path) -> None:
    seen = on_a_terminal(tmp_path / "data", "import", "history", str(before.history))
    looks_drawn(seen)
    assert (before.imported.code, before.imported.said) == (Exit.OK, "")
    assert before.imported.printed == seen.printed
    assert "\x1b" not in seen.printed


def test_a_replay_draws_rate_and_time_left_on_a_terminal_only(before: Piped, tmp_path: Path) -> None:
    seen = on_a_terminal(tmp_path / "seen", "replay", str(before.events))
    looks_drawn(seen)
    unread = piped(tmp_path / "unread", "replay", str(before.events))
    assert (unread.code, unread.said) == (Exit.OK, "")
    assert unread.printed == seen.printed
    assert "\x1b" not in seen.printed
