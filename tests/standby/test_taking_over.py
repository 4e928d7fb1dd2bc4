"""Who takes a partition over goes on with what it holds, without reading the state."""

from __future__ import annotations

import time
from typing import Any

import pytest

import pipeline.standby
from pipeline.codec import Codec
from pipeline.codec.schemas import shipped_schemas
from pipeline.core.parameters import Parameters
from pipeline.log.protocol import NewRecord
from pipeline.log.topics import STATE
from pipeline.standby import (
    BEGUN_AFTER_SECONDS,
    Standbys,
)
from pipeline.state import State
from tests.live.process import eventually
from tests.places import ACME, OTHER, Place, history
from tests.runs import PARAMETERS
from tests.standby.standing import (
    Clock,
    Unread,
    active,
    begun_anew,
    followed,
    state_records,
)
from tests.test_cluster_steps import insert


@pytest.mark.parametrize("between", [0, 30, 90])
def test_a_standby_goes_on_where_the_other_one_stopped(
    place: Place, clock: Clock, undisturbed: dict[str, Any], between: int
) -> None:
    events = history()
    place.append(events[:60])
    active(place).run()
    standbys = followed(place, clock)
    assert standbys.warm == 1
    place.append(events[60 : 60 + between])
    active(place).run()
    standby = standbys.take(0)
    assert standby is not None
    assert standbys.warm == 0
    place.append(events[60 + between :])
    active(place, standby, log=Unread(place.log)).run()
    insert(place)
    assert place.held() == undisturbed


def test_it_is_begun_when_nobody_here_took_it_for_a_while(place: Place, clock: Clock) -> None:
    place.append(history())
    active(place).run()
    standbys = Standbys(place.log, PARAMETERS, [0], clock)
    standbys.follow()
    assert standbys.take(0) is None, "the group gave it to this process meanwhile"
    clock.now += 2 * BEGUN_AFTER_SECONDS
    standbys.follow()
    assert standbys.warm == 0
    standbys.leave(0)
    standbys.leave(7)
    standbys.follow()
    assert standbys.warm == 0
    clock.now += BEGUN_AFTER_SECONDS
    standbys.follow()
    assert standbys.warm == 1


def test_after_a_rebuild_of_the_other_one_it_is_begun_anew(
    place: Place, clock: Clock, undisturbed: dict[str, Any]
) -> None:
    place.append(history()[:90])
    place.append(history()[:20], OTHER)
    running = active(place)
    running.run()
    standbys = followed(place, clock)
    running.rebuild(ACME)
    begun_anew(standbys, clock)
    place.append(history()[90:])
    running.run()
    standby = standbys.take(0)
    assert standby is not None
    assert standby.workspaces.keys() == {ACME, OTHER}
    assert standby.state.epoch(ACME).number == 2
    place.append(history()[:1])
    active(place, standby, log=Unread(place.log)).run()
    insert(place)
    assert place.held() == undisturbed


def test_with_a_workspace_that_comes_later_it_is_begun_anew(
    place: Place, clock: Clock, undisturbed: dict[str, Any]
) -> None:
    standbys = followed(place, clock)
    place.append(history()[:50])
    active(place).run()
    begun_anew(standbys, clock)
    for start in range(50, len(history()), 50):
        place.append(history()[start : start + 50])
        active(place).run()
        while standbys.follow():
            pass
    standby = standbys.take(0)
    assert standby is not None
    active(place, standby, log=Unread(place.log)).run()
    insert(place)
    assert place.held() == undisturbed


def test_a_rebuild_that_has_not_ended_is_left_to_whoever_takes_over(
    place: Place, clock: Clock, undisturbed: dict[str, Any]
) -> None:
    place.append(history())
    running = active(place)
    running.run()
    standbys = followed(place, clock)
    State(place.log).begin(ACME, PARAMETERS)
    while standbys.follow():
        pass
    assert standbys.warm == 0, "all would have to be computed anew"
    standby = standbys.take(0)
    assert standby is not None
    assert standby.workspaces == {}
    assert active(place, standby).run().rebuilt
    insert(place)
    assert place.held() == undisturbed


def test_state_of_another_computation_is_left_to_a_rebuild(
    place: Place, clock: Clock, undisturbed: dict[str, Any]
) -> None:
    place.append(history()[:90])
    active(place, parameters=Parameters(horizon=PARAMETERS.horizon, model="same-service")).run()
    standbys = followed(place, clock)
    place.append(history()[90:])
    active(place, parameters=Parameters(horizon=PARAMETERS.horizon, model="same-service")).run()
    standby = standbys.take(0)
    assert standby is not None
    assert standby.workspaces == {}
    assert active(place, standby).run().rebuilt
    insert(place)
    assert place.held() == undisturbed


def test_what_an_older_version_parked_is_folded_by_the_standby(
    place: Place, clock: Clock, undisturbed: dict[str, Any]
) -> None:
    known = shipped_schemas().items()
    older = Codec({number: schema for number, schema in known if schema.record != "drift_detected"})
    place.append(history()[:10])
    active(place, codec=older).run()
    standbys = followed(place, clock)
    place.append(history()[10:])
    active(place, codec=older).run()
    standby = standbys.take(0)
    assert standby is not None
    assert standby.state.parked(ACME)
    active(place, standby, log=Unread(place.log)).run()
    assert standby.state.parked(ACME) == {}
    insert(place)
    assert place.held() == undisturbed


def test_its_thread_follows_until_it_is_closed(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline.standby, "BEGUN_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(pipeline.standby, "FOLLOW_EVERY_SECONDS", 0.01)
    place.append(history()[:60])
    active(place).run()
    standbys = Standbys(place.log, PARAMETERS, [0])
    standbys.start()
    eventually(lambda: standbys.warm == 1, "it does not begin")
    place.append(history()[60:])
    active(place).run()
    count = len(state_records(place))
    eventually(lambda: standbys._held[0].position >= count, "it does not follow")
    assert standbys.warm == 1
    standbys.close()
    position = standbys._held[0].position
    place.log.append(STATE, 0, [NewRecord(b"acme\0unknown", b"x")])
    time.sleep(0.05)
    assert standbys._held[0].position == position
