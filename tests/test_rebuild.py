"""A rebuild meets events that can't be folded and that nobody has set aside: it does so itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from pipeline import poison
from pipeline.codec import Codec
from pipeline.core.events import Event
from pipeline.core.workspace import Workspace
from pipeline.correlate import Correlator
from pipeline.dead_letters import settle, unsettled
from pipeline.destination import Prepared
from pipeline.log.protocol import NewRecord
from pipeline.poison import TooManyUnfoldable, unfoldable
from pipeline.sink import Sink
from pipeline.state import GROUP
from tests.places import ACME, NOW, OTHER, Place, history
from tests.runs import PARAMETERS
from tests.worlds import deployed, incident, merged


@pytest.fixture
def place(tmp_path: Path, dsn: str) -> Iterator[Place]:
    with Place(tmp_path, dsn) as opened_place:
        yield opened_place


def huge(day: int) -> list[Event]:
    """Two changes of a service of its own and their deployment, whose sum of lines no column holds."""
    changes = [merged(f"huge{day}#{number}", 24 * day, additions=2**62) for number in (1, 2)]
    told = [change.change for change in changes]
    return [*changes, deployed(f"huge{day}", 24 * day + 1, tag=f"huge{day}", changes=told)]


def unread(place: Place, told: Sequence[Event]) -> list[bytes]:
    """Put events into the log as if a version that could fold them had taken them in."""
    values = Codec().encode(list(told))
    place.log.append("events", 0, [NewRecord(OTHER.encode(), values[0])])
    place.log.append("events", 0, [NewRecord(ACME.encode(), value) for value in values])
    place.log.commit(GROUP, "events", 0, place.log.end("events", 0))
    return values


@pytest.mark.parametrize("batch_events", [10_000, 25])
def test_a_rebuild_sets_aside_what_can_not_be_folded(
    place: Place, tmp_path: Path, dsn: str, batch_events: int
) -> None:
    bad = [huge(day)[-1] for day in (2, 7, 8)]
    told = [*huge(7), *huge(8), *history(), *huge(2), incident("after", 24 * 7 + 2), bad[0]]
    values = unread(place, told)
    # one of another workspace comes first
    culprits = {number for number, event in enumerate(told, 1) if event in bad}

    step = Correlator(place.log, Codec(), Sink(place.store), PARAMETERS, batch_events)
    step.rebuild(ACME)

    assert len(culprits) == 4
    assert unfoldable(place.log) == culprits, "the second telling of an event is passed over, too"
    letters = place.letters()
    assert [row[:3] for row in letters] == [(ACME, "events", offset) for offset in sorted(culprits)]
    assert all(str(row[3]).startswith("it can't be folded: Overflow") for row in letters)
    with Place(tmp_path / "other", dsn) as without:
        kept = [value for number, value in enumerate(values, 1) if number not in culprits]
        without.log.append("events", 0, [NewRecord(ACME.encode(), value) for value in kept])
        without.correlate()
        assert place.held() == without.held()

        # what comes later is folded into the state that the rebuild left
        for at in (place, without):
            at.append([deployed("api", 24 * 9, tag="v9")])
            at.correlate()
        assert place.held() == without.held()

    step.rebuild(ACME)
    Correlator(place.log, Codec(), Sink(place.store), PARAMETERS, 10_000).rebuild(ACME)
    assert place.letters() == letters, "they are known now"


def test_a_letter_that_was_dealt_with_still_says_what_is_passed_over(place: Place) -> None:
    unread(place, [*history(), *huge(7)])
    Correlator(place.log, Codec(), Sink(place.store), PARAMETERS, 10_000).rebuild(ACME)
    before = unfoldable(place.log)
    settle(place.log, [letter for _, letter in unsettled(place.log).values()], NOW)
    assert unsettled(place.log) == {}
    assert unfoldable(place.log) == before != frozenset()


def test_too_many_of_them_end_a_rebuild_in_words(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    unread(place, [*history(), *huge(2), *huge(7)])
    monkeypatch.setattr(poison, "UNFOLDABLE_MAX", 1)
    with pytest.raises(TooManyUnfoldable, match=r"more than 1 events of workspace 'acme' .*Overflow.*report"):
        Correlator(place.log, Codec(), Sink(place.store), PARAMETERS, 10_000).rebuild(ACME)
    assert unfoldable(place.log) == frozenset(), "nothing is passed over that was not computed without"


def test_what_is_no_event_s_fault_is_passed_on(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    unread(place, history())

    def starving(*_: object, **__: object) -> int:
        raise MemoryError

    monkeypatch.setattr(Workspace, "fold", starving)
    with pytest.raises(MemoryError):
        Correlator(place.log, Codec(), Sink(place.store), PARAMETERS, 10_000).rebuild(ACME)
    assert unsettled(place.log) == {}


def test_what_fails_without_any_event_sets_none_aside(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    unread(place, history())

    def broken(*_: object) -> list[Prepared]:
        raise AttributeError("a fault of this program")

    monkeypatch.setattr(Sink, "prepared", broken)
    with pytest.raises(AttributeError, match="a fault of this program"):
        Correlator(place.log, Codec(), Sink(place.store), PARAMETERS, 10_000).rebuild(ACME)
    assert unsettled(place.log) == {}
