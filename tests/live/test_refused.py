"""What can't be done beside `aftermerge up` is refused, with who is in the way and what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.cli.exits import Exit
from tests.live.deliveries import pull_request
from tests.live.process import Up, eventually, run, up

pytestmark = pytest.mark.slow

#: the clock ticks every minute, whoever looks
ROWS = """
    SELECT (SELECT groupArray((change, title, version)) FROM changes),
           (SELECT count() FROM events WHERE record != 'clock_ticked')
"""
LISTENING = ("--listen", "127.0.0.1:0", "--clickhouse-listen", "127.0.0.1:0")


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One process for all of these tests, with a few rows."""
    with up(tmp_path_factory.mktemp("refused") / "data") as process:
        for number in range(3):
            assert process.github("pull_request", pull_request(number)).status == 202
        eventually(lambda: process.value("SELECT count() FROM changes FINAL") == 3, "no changes")
        yield process


def refused(live: Up, *arguments: str | Path) -> str:
    """What a command says that is refused; what runs takes no notice, and its rows stay as they are."""
    before = live.rows(ROWS)
    done = run(live.data, *arguments)
    assert done.returncode == Exit.DATA, (done.returncode, done.stderr)
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert live.readiness().status == 200
    assert live.rows(ROWS) == before
    return done.stderr


def test_a_second_one_does_not_start(live: Up) -> None:
    assert refused(live, "up", *LISTENING).splitlines() == [
        f"aftermerge: aftermerge up runs already on {live.data}",
        "  stop that one, or use another --data directory",
    ]


def test_nothing_is_restored_under_it(live: Up) -> None:
    backup = live.data.with_name("backup.tar")
    assert run(live.data, "backup", backup).returncode == Exit.OK
    said, advice = refused(live, "restore", backup).splitlines()
    assert said.startswith(f"aftermerge: data directory {live.data} is held by process {live.process.pid} (")
    assert advice.startswith("  wait until it ends, stop it (Ctrl-C there; nothing is lost), or use another")


def rehearsed(data: Path) -> dict[str, dict[str, object]]:
    """By table: what a rebuild would change."""
    done = run(data, "rebuild", "--dry-run", "--format", "json")
    assert done.returncode == Exit.OK, done.stderr
    return {row.pop("table"): row for row in json.loads(done.stdout)}


def test_a_rebuild_is_done_beside_it_and_rehearsed(live: Up) -> None:
    before = live.rows(ROWS)
    found = rehearsed(live.data)
    assert found["changes"]["rows"] == found["changes"]["rebuilt"] == 3
    assert live.rows(ROWS) == before
    # what was made for it is gone again
    databases = [path.name for path in (live.data / "clickhouse" / "metadata").iterdir()]
    assert any("aftermerge" in name for name in databases)
    assert not any("rehearsal" in name for name in databases)
    assert run(live.data, "rebuild").returncode == Exit.OK


def test_what_was_advised_works(live: Up) -> None:
    """The last one: it stops the process."""
    live.stop()
    assert rehearsed(live.data)["changes"]["rebuilt"] == 3
