"""A world is a function of its options: the same bytes in order, each an event that the product reads."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.appending import refusal
from pipeline.core.events import RECORD_OF, RECORDS, DeploymentFinished
from pipeline.simulate.calendar import WEEK
from pipeline.simulate.lines import LineWriter
from pipeline.simulate.options import LAGS, MODES, Faults, InvalidOption, Options, Planted
from pipeline.simulate.plan import REACH
from pipeline.simulate.truth import TrueDeployment, TrueIncident, truth_line
from pipeline.simulate.world import World, weeks_for
from pipeline.sources.cloudevents import parse_line, render
from tests.runs import differences, oracle
from tests.simulate.worlds import SMALL, TROUBLED, of, person_token, told, true, with_faults

MICROSECONDS = 1_000_000
#: changes with every change of the world: say so in the changelog, since seeds then mean other worlds
GOLDEN = "7fc412cd9817276c418ea218e3f62458"


def digest(options: Options) -> str:
    """All lines and truths of a world in 32 digits."""
    found, writer = hashlib.blake2b(digest_size=16), LineWriter("default")
    for week in World(options, person_token).weeks():
        found.update(writer.lines(week.events))
        found.update(b"".join(map(truth_line, week.truths)))
    return found.hexdigest()


def test_a_seed_is_a_world() -> None:
    assert digest(TROUBLED) == digest(TROUBLED) == GOLDEN
    assert digest(msgspec.structs.replace(TROUBLED, seed=8)) != GOLDEN


def test_another_process_makes_the_same_world() -> None:
    code = "from tests.simulate.test_world import *; print(digest(TROUBLED))"
    environment = {
        **os.environ,
        "PYTHONHASHSEED": "12345",
        "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512_SKX AVX2",
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == GOLDEN


def test_every_type_of_event_is_told() -> None:
    events, _ = told(msgspec.structs.replace(TROUBLED, ticks=True))
    assert {RECORD_OF[type(event)] for event in events} == set(RECORDS)


def test_every_line_is_the_event_in_the_public_format() -> None:
    writer = LineWriter("a workspace")
    events, _ = told(msgspec.structs.replace(TROUBLED, weeks=1, ticks=True))
    for event in events:
        line = writer.lines([event])
        assert line == render(event, "a workspace") + b"\n"
        assert parse_line(line[:-1], person_token=person_token) == ("a workspace", event)


def test_events_come_in_the_order_of_their_receipt_and_none_is_refused() -> None:
    events, _ = told(TROUBLED)
    end = TROUBLED.end * MICROSECONDS
    received = [event.received_at for event in events]
    assert received == sorted(received)
    assert received[-1] < end
    assert received[0] >= (TROUBLED.begin - REACH) * MICROSECONDS
    assert not [reason for event in events if (reason := refusal(event, end))]


@pytest.mark.parametrize("seed", range(4))
def test_what_is_mended_late_is_told_in_order_too(seed: int) -> None:
    """A service that is seldom deployed waits long for a fix, and its incident is told when that is known."""
    options = msgspec.structs.replace(
        SMALL, seed=seed, weeks=16, services=4, teams=1, failure_rate=0.4, rollback=0.0
    )
    events, truths = told(options)
    received = [event.received_at for event in events]
    assert received == sorted(received)
    fixes = [row for row in true(TrueDeployment, truths) if row.role == "fix"]
    lives = sorted((row.service, row.live_at) for row in true(TrueDeployment, truths))
    assert fixes
    for (service, live_at), (following, later) in pairwise(lives):
        assert service != following or later - live_at >= 1_000 * MICROSECONDS
    for row in true(TrueIncident, truths):
        assert row.onset_at < row.detected_at
        assert not row.resolved_at or row.detected_at < row.resolved_at


def test_a_rollback_goes_to_a_version_that_was_live() -> None:
    options = msgspec.structs.replace(SMALL, weeks=12, failure_rate=0.4)
    events, _ = told(options)
    seen: set[tuple[str, str]] = set()
    rollbacks = 0
    for event in sorted(of(DeploymentFinished, events), key=lambda event: event.time):
        if event.environment != "production" or event.kind != "service" or event.outcome != "success":
            continue
        if event.rolled_back:
            rollbacks += 1
            assert (event.service, event.tag) in seen
        seen.add((event.service, event.tag))
    assert rollbacks > 20


def test_an_id_is_told_once_unless_duplicates_are_asked_for() -> None:
    once, _ = told(with_faults(TROUBLED, duplicates=0.0))
    assert max(Counter(event.id for event in once).values()) == 1
    twice, _ = told(with_faults(TROUBLED, duplicates=0.3))
    tellings: dict[str, set[bytes]] = {}
    for event in twice:
        telling = msgspec.json.encode(msgspec.structs.replace(event, received_at=0))
        tellings.setdefault(event.id, set()).add(telling)
    again = len(twice) - len(once)
    assert 0.25 * len(once) < again < 0.35 * len(once)
    assert all(len(different) == 1 for different in tellings.values())


@pytest.mark.slow
def test_duplicates_change_no_row() -> None:
    options = msgspec.structs.replace(SMALL, services=4)
    once, _ = told(with_faults(options))
    twice, _ = told(with_faults(options, duplicates=0.4))
    assert len(twice) > len(once)
    # the last ones may be told again only after the end
    assert {event.id for event in once} == {event.id for event in twice}
    assert not differences(
        oracle(once, now=options.end * MICROSECONDS), oracle(twice, now=options.end * MICROSECONDS)
    )


def test_what_is_held_back_does_not_grow_with_time() -> None:
    def longest(weeks: int) -> int:
        options = msgspec.structs.replace(SMALL, weeks=weeks)
        return max(len(week.events) for week in World(options, person_token).weeks())

    assert longest(16) < 1.5 * longest(5)


def test_a_week_is_told_when_nothing_can_come_before_it() -> None:
    options = msgspec.structs.replace(SMALL, weeks=6)
    for number, week in enumerate(World(options, person_token).weeks()):
        until = options.begin + (number + 1) * WEEK - REACH
        if number < options.weeks - 1:
            assert all(event.received_at < until * MICROSECONDS for event in week.events)


def test_so_many_events_take_so_many_weeks() -> None:
    wanted = 20_000
    weeks = weeks_for(wanted, SMALL, person_token)
    events, _ = told(msgspec.structs.replace(SMALL, weeks=weeks))
    assert wanted <= len(events) < 2 * wanted


shares = st.sampled_from([0.0, 0.1, 1.0]) | st.floats(0.0, 1.0)


@st.composite
def any_options(draw: st.DrawFn) -> Options:
    """Any world that is small enough to be gone through."""
    services = draw(st.integers(1, 5))
    return Options(
        seed=draw(st.integers(0, 2**63 - 1)),
        weeks=draw(st.integers(1, 3)),
        services=services,
        teams=draw(st.integers(1, services)),
        end=draw(st.integers(1_300_000_000, 2_400_000_000)),
        failure_rate=draw(st.floats(0.0, 0.5)),
        background=draw(st.floats(0.0, 0.95)),
        rollback=draw(shares),
        lags=draw(st.sampled_from(LAGS)),
        faults=Faults(
            unreported=draw(shares),
            missing_tags=draw(shares),
            wrong_service=draw(shares),
            coincident=draw(shares),
            duplicates=draw(shares),
            late=draw(shares),
            late_hours_max=draw(st.integers(1, 200)),
            skew_seconds=draw(st.integers(0, 3_600)),
        ),
        planted=tuple(Planted(mode) for mode in draw(st.sets(st.sampled_from(sorted(MODES))))),
    )


@pytest.mark.slow
@settings(max_examples=25)
@given(any_options())
def test_any_options_make_a_world(options: Options) -> None:
    events, _ = told(options)
    writer = LineWriter("w")
    received = [event.received_at for event in events]
    assert received == sorted(received)
    assert not [reason for event in events if (reason := refusal(event, options.end * MICROSECONDS))]
    for event in events[:: max(1, len(events) // 200)]:
        assert writer.lines([event]) == render(event, "w") + b"\n"
        assert parse_line(writer.lines([event])[:-1], person_token=person_token) == ("w", event)
    assert len({(event.id, event.received_at) for event in events}) == len(events)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (Options(weeks=0), "weeks"),
        (Options(weeks=5_000), "weeks"),
        (Options(seed=-1), "seed"),
        (Options(services=3, teams=4), "teams"),
        (Options(failure_rate=0.6), "failure-rate"),
        (Options(failure_rate=float("nan")), "failure-rate"),
        (Options(faults=Faults(late=1.5)), "late"),
        (Options(faults=Faults(late_hours_max=0)), "late-hours-max"),
        (Options(lags="uniform"), "lags"),
        (Options(end=10**12), "end"),
        (Options(planted=(Planted("laziness"),)), "plant"),
        (Options(planted=(Planted("flaky-tests", 12),)), "plant"),
        (Options(planted=(Planted("flaky-tests", 0, "acme/nowhere"),)), "plant"),
    ],
)  # fmt: skip
def test_what_no_world_can_be_is_refused_by_name(options: Options, says: str) -> None:
    with pytest.raises(InvalidOption, match=f"^{says}: "):
        World(options, person_token)
