"""A record of the state that can't be read: the workspace is computed anew, and no event is to blame."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.log.protocol import LogCorrupt, NewRecord
from pipeline.log.topics import STATE
from tests.places import ACME, Place, held_undisturbed, history

PREFIX = ACME.encode() + b"\0"
NO_VALUE = b"\xff\x00no value"
HALF = 60


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, dsn: str) -> dict[str, Any]:
    return held_undisturbed(tmp_path_factory.mktemp("undisturbed"), dsn)


@pytest.fixture
def place(tmp_path: Path, dsn: str) -> Iterator[Place]:
    """Half of the events are in the tables, the other half is on the log."""
    with Place(tmp_path, dsn) as opened:
        opened.append(history()[:HALF])
        opened.correlate()
        opened.append(history()[HALF:])
        yield opened


def test_what_the_events_tell_is_computed_anew(
    place: Place, undisturbed: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    for entry in (b"deployment/api sync 0", b"clock", b"nothing/known", b"week/x", b"forgotten/1"):
        place.log.append(STATE, 0, [NewRecord(PREFIX + entry, NO_VALUE)])
    with caplog.at_level(logging.WARNING):
        assert place.correlate().dead_letters == 0
    assert "workspace 'acme' can't be read back" in caplog.text
    assert place.letters() == []
    assert place.held() == undisturbed
    caplog.clear()
    place.correlate()
    assert caplog.text == ""


@pytest.mark.parametrize("key", [PREFIX + b"epoch", PREFIX + b"parked/x", b"\xff\xfe"])
def test_what_only_the_state_knows_is_refused(place: Place, key: bytes) -> None:
    place.log.append(STATE, 0, [NewRecord(key, NO_VALUE)])
    before = place.log.committed("correlate", "events", 0)
    with pytest.raises(LogCorrupt, match="partition 0 of topic state: the record with the key .* backup"):
        place.correlate()
    assert place.log.committed("correlate", "events", 0) == before
    assert place.letters() == []
