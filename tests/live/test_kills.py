"""`kill -9` while deliveries stream in: what got a 2xx is in the facts afterwards, and nothing is there twice."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from tests.live.deliveries import Stream, key
from tests.live.process import Up, eventually, up

pytestmark = pytest.mark.slow

ROUNDS = 5
DELIVERIES = 6_000
#: a round is ended at a random moment of so many seconds
ROUND_SECONDS_MAX = 1.5


def numbers_of(run: Up, table: str, column: str = "change") -> list[int]:
    return [int(name.rpartition("#")[2]) for (name,) in run.rows(f"SELECT {column} FROM {table} FINAL")]


def test_what_got_a_2xx_is_in_the_facts_once_after_kills(tmp_path: Path) -> None:
    moments = random.Random(20260501)
    left = list(range(DELIVERIES))
    accepted: set[int] = set()
    for _ in range(ROUNDS):
        with up(tmp_path / "data") as run:
            stream = Stream(run, left)
            eventually(lambda stream=stream: stream.accepted, "nothing was accepted")
            time.sleep(moments.random() * ROUND_SECONDS_MAX)
            run.kill()
            stream.join()
            accepted |= stream.accepted
    assert left, "every delivery was accepted before the last kill: send more"
    sent = set(range(DELIVERIES)) - set(left[: -4 * ROUNDS])
    with up(tmp_path / "data") as run:
        eventually(lambda: accepted <= set(numbers_of(run, "changes")), "an accepted delivery is no row")
        found = numbers_of(run, "changes")
        assert len(found) == len(set(found))
        assert set(found) <= sent
        # what was in doubt comes again, as its sender would send it
        stream = Stream(run, left)
        stream.join()
        assert left == []
        eventually(lambda: len(numbers_of(run, "changes")) >= DELIVERIES, "a delivery is no row")
        assert sorted(numbers_of(run, "changes")) == list(range(DELIVERIES))
        assert sorted(numbers_of(run, "events_change_opened")) == list(range(DELIVERIES))
        assert run.value("SELECT count() FROM events FINAL WHERE record = 'change_opened'") == DELIVERIES
        ids = run.value("SELECT uniqExact(id) FROM events_change_opened")
        assert ids == DELIVERIES
        assert run.rows("SELECT reason FROM dead_letters") == []
        assert run.received() >= DELIVERIES
        assert run.value(f"SELECT count() FROM changes FINAL WHERE change = '{key(0)}'") == 1


def test_a_kill_at_any_time_leaves_a_directory_that_opens(tmp_path: Path) -> None:
    """Killed while it begins: nobody waits for it to be ready."""
    from tests.live.process import started

    moments = random.Random(7)
    for _ in range(4):
        begun = started(tmp_path / "data")
        time.sleep(moments.uniform(0.5, 4))
        begun.kill()
    with up(tmp_path / "data") as run:
        assert run.rows("SELECT count() FROM changes") == [["0"]]
