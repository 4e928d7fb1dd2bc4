"""A standby that is late, wrong or in trouble costs its help, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

import pipeline.standby
from pipeline.log.protocol import LogUnavailable
from pipeline.standby import (
    BEGUN_AFTER_SECONDS,
    CATCH_UP_SECONDS_MAX,
    RETRY_WAIT_SECONDS,
    RETRY_WAIT_SECONDS_MAX,
    STANDBYS_MAX,
    WARM_WITHIN_SECONDS,
    Standby,
    Standbys,
)
from tests.places import Place, history
from tests.runs import PARAMETERS
from tests.standby.standing import (
    Clock,
    Flickering,
    active,
    begun_anew,
    followed,
    lose_step,
)
from tests.test_cluster_steps import insert


def test_who_is_not_in_step_any_more_is_not_taken(
    place: Place, clock: Clock, undisturbed: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    place.append(history()[:60])
    active(place).run()
    standbys = followed(place, clock)
    lose_step(standbys)
    place.append(history()[60:])
    active(place).run()
    standbys.follow()
    assert "not in step" in caplog.text
    assert standbys.warm == 0
    assert standbys.take(0) is None
    standbys.leave(0)
    begun_anew(standbys, clock)
    insert(place)
    assert place.held() == undisturbed


def test_it_waits_longer_each_time(place: Place, clock: Clock) -> None:
    events = history()
    place.append(events[:20])
    active(place).run()
    standbys = followed(place, clock)
    for number in range(6):
        lose_step(standbys)
        place.append(events[20 + number : 21 + number])
        active(place).run()
        standbys.follow()
        assert standbys.warm == 0
        wait = min(RETRY_WAIT_SECONDS * 2**number, RETRY_WAIT_SECONDS_MAX)
        clock.now += wait - 0.1
        standbys.follow()
        assert standbys.warm == 0
        clock.now += 0.2
        standbys.follow()
        assert standbys.warm == 1
    clock.now += RETRY_WAIT_SECONDS_MAX
    standbys.follow()
    lose_step(standbys)
    place.append(events[40:41])
    active(place).run()
    begun_anew(standbys, clock)


def test_who_is_too_far_behind_is_not_taken(
    place: Place, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pipeline.standby, "READ_RECORDS_MAX", 5)
    place.append(history()[:60])
    active(place).run()
    standbys = followed(place, clock)
    while standbys.follow():
        pass
    place.append(history()[60:])
    active(place).run()
    follow = Standby.follow

    def slow(self: Standby) -> int:
        clock.now += CATCH_UP_SECONDS_MAX / 2
        return follow(self)

    monkeypatch.setattr(Standby, "follow", slow)
    assert standbys.take(0) is None
    assert "too far behind" in caplog.text


def test_who_has_not_followed_for_a_while_is_not_called_warm(place: Place, clock: Clock) -> None:
    place.append(history()[:60])
    active(place).run()
    standbys = followed(place, clock)
    assert standbys.warm == 1
    clock.now += WARM_WITHIN_SECONDS + 1
    assert standbys.warm == 0


def test_none_is_begun_while_the_process_is_busy(place: Place, clock: Clock) -> None:
    place.append(history()[:60])
    active(place).run()
    standbys = Standbys(place.log, PARAMETERS, [0], clock)
    clock.now += BEGUN_AFTER_SECONDS
    standbys.follow(lambda: True)
    assert standbys.warm == 0
    standbys.follow()
    assert standbys.warm == 1
    clock.now += WARM_WITHIN_SECONDS + 1
    standbys.follow(lambda: True)
    assert standbys.warm == 1


def test_too_many_are_refused(place: Place) -> None:
    with pytest.raises(ValueError, match="at most 16"):
        Standbys(place.log, PARAMETERS, range(STANDBYS_MAX + 1))


def test_who_is_not_in_step_at_the_last_moment_is_not_taken(place: Place, clock: Clock) -> None:
    place.append(history()[:60])
    active(place).run()
    standbys = followed(place, clock)
    lose_step(standbys)
    place.append(history()[60:])
    active(place).run()
    assert standbys.take(0) is None
    assert standbys.warm == 0


def test_a_fault_at_the_last_moment_costs_the_standby_and_nothing_else(
    place: Place, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    place.append(history()[:60])
    active(place).run()
    log = Flickering(place.log)
    standbys = Standbys(log, PARAMETERS, [0], clock)
    clock.now += BEGUN_AFTER_SECONDS
    standbys.follow()
    log.broken = True
    assert standbys.take(0) is None
    assert "nobody expected this" in caplog.text


@pytest.mark.parametrize("trouble", ["gone", "broken"])
def test_trouble_is_told_and_waited_for(
    place: Place, clock: Clock, trouble: str, caplog: pytest.LogCaptureFixture
) -> None:
    place.append(history()[:60])
    active(place).run()
    log = Flickering(place.log)
    standbys = Standbys(log, PARAMETERS, [0], clock)
    clock.now += BEGUN_AFTER_SECONDS
    setattr(log, trouble, True)
    standbys.follow()
    assert {"gone": "trying again", "broken": "begun anew"}[trouble] in caplog.text
    setattr(log, trouble, False)
    standbys.follow()
    assert standbys.warm == 0
    clock.now += RETRY_WAIT_SECONDS
    standbys.follow()
    assert standbys.warm == 1


def test_taking_over_can_be_tried_again(place: Place, clock: Clock) -> None:
    place.append(history()[:60])
    active(place).run()
    log = Flickering(place.log)
    standbys = Standbys(log, PARAMETERS, [0], clock)
    clock.now += BEGUN_AFTER_SECONDS
    standbys.follow()
    log.gone = True
    with pytest.raises(LogUnavailable):
        standbys.take(0)
    log.gone = False
    assert standbys.take(0) is not None
