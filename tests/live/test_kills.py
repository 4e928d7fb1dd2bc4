"""`kill -9` while deliveries stream in: what got a 2xx is in the facts afterwards, once."""

from __future__ import annotations

import random
import time
from functools import partial
from pathlib import Path

import pytest

from tests.live.deliveries import Stream
from tests.live.process import Up, eventually, started, up

pytestmark = pytest.mark.slow

ROUNDS = 5
DELIVERIES_MAX = 90_000
#: a round is ended at a random moment of so many seconds
ROUND_SECONDS_MAX = 1.5


def numbers_of(run: Up, table: str) -> list[int]:
    return [int(name.rpartition("#")[2]) for (name,) in run.rows(f"SELECT change FROM {table} FINAL")]


def test_what_got_a_2xx_is_in_the_facts_once_after_kills(tmp_path: Path) -> None:
    moments = random.Random(20260501)
    numbers = iter(range(DELIVERIES_MAX))
    tried: set[int] = set()
    accepted: set[int] = set()
    for _ in range(ROUNDS):
        with up(tmp_path / "data") as run:
            stream = Stream(run, numbers)
            eventually(partial(bool, stream.accepted), "nothing was accepted")
            time.sleep(moments.random() * ROUND_SECONDS_MAX)
            run.kill()
            stream.join()
            assert stream.refused == []
            tried |= stream.tried
            accepted |= stream.accepted
    assert next(numbers, None) is not None, "all were accepted before the last kill: send more"
    with up(tmp_path / "data") as run:
        eventually(lambda: accepted <= set(numbers_of(run, "changes")), "an accepted delivery is no row")
        found = numbers_of(run, "changes")
        assert len(found) == len(set(found))
        assert set(found) <= tried
        # what was in doubt comes again, as its sender would send it
        stream = Stream(run, sorted(tried - accepted))
        stream.join()
        assert stream.accepted == tried - accepted
        eventually(lambda: len(numbers_of(run, "changes")) >= len(tried), "a delivery is no row")
        for table in ("changes", "events_change_opened"):
            assert sorted(numbers_of(run, table)) == sorted(tried)
        assert run.value("SELECT uniqExact(id) FROM events WHERE record = 'change_opened'") == len(tried)
        assert run.rows("SELECT reason FROM dead_letters") == []
        assert run.received() >= len(tried)


def test_a_kill_at_any_time_leaves_a_directory_that_opens(tmp_path: Path) -> None:
    """Killed while it begins: nobody waits for it to be ready."""
    moments = random.Random(7)
    for _ in range(4):
        begun = started(tmp_path / "data")
        time.sleep(moments.uniform(0.5, 4))
        begun.kill()
    with up(tmp_path / "data") as run:
        assert run.rows("SELECT count() FROM changes") == [[0]]
