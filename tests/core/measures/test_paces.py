"""How fast an approval is too fast for its repository: by hand, and against a slow reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core import events as e
from pipeline.core.facts import ReviewFact
from pipeline.core.limits import Remarks, ReviewLimits
from pipeline.core.measures.paces import limit_of, step_of
from pipeline.core.parameters import Parameters
from tests.core.measures.pace_by_pace import Approved, limits_of
from tests.runs import PARAMETERS, Run, differences, oracle
from tests.standby.test_laws import Pair
from tests.strategies import DAY, batches, duplicated
from tests.worlds import at, back, change_key, merged, opened, reviewed, ticked

WEEK = 7 * 24
RULES = Remarks()
#: so few cases that random histories have them
FEW = Remarks(pace_weeks=2, pace_cases_min=3, pace_fastest_percent=30)
FEW_PARAMETERS = replace(PARAMETERS, reviewing=ReviewLimits(remarks=FEW))


def request(
    name: str, hours: float, seconds: int | None, lines: int | None, *, bot: bool = False, merge: bool = True
) -> list[e.Event]:
    """One that is opened, approved after so many seconds, and merged a day later."""
    labels = ["bot"] if bot else []
    told: list[e.Event] = [opened(name, hours, author="p:1", labels=labels)]
    if seconds is not None:
        told.append(reviewed(name, hours + seconds / 3600, "p:2", "approved"))
    if merge:
        sizes = {} if lines is None else {"additions": lines, "deletions": 0}
        told.append(merged(name, hours + 24, author="p:1", labels=labels, **sizes))
    return told


def review(run: Run, name: str) -> ReviewFact:
    row = run.table(ReviewFact.table)[(change_key(name),)]
    assert isinstance(row, ReviewFact)
    return row


def usual(seconds: Sequence[int], first: int = 1, hours: float = 10) -> list[e.Event]:
    """Requests of 100 lines, approved after these seconds."""
    return [
        event
        for place, after in enumerate(seconds)
        for event in request(f"api#{first + place}", hours + place / 100, after, 100)
    ]


def run_of(*told: Sequence[e.Event]) -> Run:
    run = Run()
    for batch in told:
        run.take(batch)
    return run


def test_where_everybody_takes_longer_an_hour_is_not_too_fast_for_whoever_could_read() -> None:
    run = run_of(usual([7200] * 40), request("api#90", WEEK, 700, 100), request("api#91", WEEK, 720, 100))
    fast, slow = review(run, "api#90"), review(run, "api#91")
    # 500 lines an hour, and no slower
    assert (fast.stamp_seconds, fast.rubber_stamp) == (720, True)
    assert (slow.stamp_seconds, slow.rubber_stamp) == (720, False)
    assert {review(run, f"api#{number}").stamp_seconds for number in range(1, 41)} == {180}


def test_where_more_than_a_twentieth_are_that_fast_nobody_is_too_fast_for_it() -> None:
    told = request("api#90", WEEK, 390, 100)
    run = run_of(usual([400, 400, *[7200] * 38]), told)
    assert review(run, "api#90").stamp_seconds == 720, "two of forty are a twentieth"
    run = run_of(usual([400, 400, 400, *[7200] * 37]), told)
    assert (review(run, "api#90").stamp_seconds, review(run, "api#90").rubber_stamp) == (400, True)
    run = run_of(usual([100] * 40), told)
    assert (review(run, "api#90").stamp_seconds, review(run, "api#90").rubber_stamp) == (180, False)


@pytest.mark.parametrize(
    "others",
    [
        usual([7200] * 39),
        usual([7200] * 40, hours=WEEK),
        [event for event in usual([7200] * 40) if not isinstance(event, e.ReviewSubmitted)],
        [event for event in usual([7200] * 40) if not isinstance(event, e.ChangeMerged)],
        [event for number in range(40) for event in request(f"api#{number + 1}", 10, 7200, 49)],
        [event for number in range(40) for event in request(f"api#{number + 1}", 10, 7200, 100, bot=True)],
        [event for number in range(40) for event in request(f"web#{number + 1}", 10, 7200, 100)],
        usual([7200] * 40, hours=-26 * WEEK - 48),
    ],
    ids=["too few", "of the same week", "not approved", "open", "small", "of bots", "elsewhere", "long ago"],
)
def test_what_says_nothing_about_what_is_usual(others: list[e.Event]) -> None:
    run = Run(replace(PARAMETERS, horizon=2_000 * DAY))
    run.take([*others, *request("api#90", WEEK + 1, 200, 100)])
    assert (review(run, "api#90").stamp_seconds, review(run, "api#90").rubber_stamp) == (180, False)


def test_what_is_told_later_restates_and_is_counted_as_a_spike_too() -> None:
    past = usual([7200] * 40)
    run = run_of(past[:-1], request("api#90", WEEK, 700, 100))
    assert review(run, "api#90").rubber_stamp is False
    run.until(at(3 * WEEK))
    run.take(past[-1:])
    assert review(run, "api#90").rubber_stamp is True
    counted = [
        (row.k, row.n)  # type: ignore[attr-defined]
        for key, row in sorted(run.table("weekly_counts").items(), key=repr)
        if key[:2] == ("rubber_stamps", "all")
    ]
    assert (1, 1) in counted
    run.restart()
    run.take([back(past[-1])])
    assert review(run, "api#90").rubber_stamp is False


def test_counts_outlive_the_requests() -> None:
    run = Run(Parameters(horizon=20 * DAY))
    run.take(usual([7200] * 40))
    for week in range(1, 24):
        run.take([ticked(week * WEEK)])
    assert not run.workspace.entities["change"]
    run.take(request("api#90", 24 * WEEK, 700, 100))
    assert review(run, "api#90").stamp_seconds == 720
    run.restart()
    run.take([*request("api#91", 24 * WEEK, 700, 100), *request("api#92", 27 * WEEK, 700, 100)])
    assert [review(run, name).stamp_seconds for name in ("api#91", "api#92")] == [720, 180]


@st.composite
def requests(draw: st.DrawFn) -> tuple[list[e.Event], list[Approved]]:
    """Requests of a few weeks, paces near those that count."""
    told: list[e.Event] = []
    expected = []
    for number in range(draw(st.integers(1, 16))):
        name = f"{draw(st.sampled_from(['api', 'api', 'web']))}#{number + 1}"
        hours = draw(st.integers(0, 4 * WEEK))
        seconds = draw(st.none() | st.integers(100, 900))
        lines = draw(st.sampled_from([None, 49, 50, 100, 101, 100]))
        bot, merge = draw(st.integers(0, 9)) == 0, draw(st.integers(0, 9)) > 0
        told += request(name, hours, seconds, lines, bot=bot, merge=merge)
        key = change_key(name)
        expected.append(
            Approved(
                key, key.partition("#")[0], at(hours), at(hours + 24) if merge else None, seconds,
                lines if merge else None, bot,
            )
        )  # fmt: skip
    return told, expected


def found(run: Run) -> dict[str, int | None]:
    rows = [row for row in run.table(ReviewFact.table).values() if isinstance(row, ReviewFact)]
    for row in rows:
        fast = row.approval_seconds is not None and row.approval_seconds < (row.stamp_seconds or 0)
        assert row.rubber_stamp is fast
    return {row.change: row.stamp_seconds for row in rows}


@settings(max_examples=200)
@given(requests(), st.data())
def test_a_reference_that_tries_every_limit_finds_the_same_in_any_order(
    world: tuple[list[e.Event], list[Approved]], data: st.DataObject
) -> None:
    told, expected = world
    run = Run(FEW_PARAMETERS)
    for batch in data.draw(batches(data.draw(duplicated(data.draw(st.permutations(told)))))):
        run.take(batch)
        if data.draw(st.integers(0, 4)) == 0:
            run.restart()
    assert found(run) == limits_of(expected, FEW)
    assert differences(run.live, oracle(told, FEW_PARAMETERS)) == []


@settings(max_examples=100)
@given(requests(), st.data())
def test_whoever_follows_finds_the_same(
    world: tuple[list[e.Event], list[Approved]], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(world[0]))
    cut = data.draw(st.integers(0, len(order)))
    pair = Pair(FEW_PARAMETERS)
    for batch in data.draw(batches(order[:cut])):
        pair.step(batch)
    pair.ends_the_same(order[cut:], at(5 * WEEK))


def test_the_random_requests_have_limits_of_their_repositories() -> None:
    seen: set[int | None] = set()

    @settings(max_examples=300, database=None, derandomize=True)
    @given(requests())
    def look(world: tuple[list[e.Event], list[Approved]]) -> None:
        seen.update(limits_of(world[1], FEW).values())

    look()
    fixed = {None, 90, 180, 181}
    assert fixed <= seen
    assert len(seen - fixed) > 8


@given(st.integers(50, 10**6), st.integers(0, 10**7))
def test_an_approval_keeps_to_the_limits_below_its_pace(lines: int, seconds: int) -> None:
    step = step_of(lines, seconds, RULES)
    assert step == 0 or seconds >= limit_of(lines, step - 1, RULES)
    assert step == 55 or seconds * 1000 < lines * (1800 + 100 * step)
