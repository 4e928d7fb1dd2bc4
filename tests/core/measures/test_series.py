"""What is counted where, week by week, and what an alarm says: by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from pipeline.core import events as e
from pipeline.core.facts import WeeklyCountFact
from pipeline.core.learning import week_of, week_start
from pipeline.core.parameters import Parameters
from pipeline.core.workspace import Workspace
from tests.runs import PARAMETERS, Run, differences
from tests.standby.test_laws import Pair
from tests.strategies import BEGINNING, DAY
from tests.worlds import (
    at,
    back,
    checked,
    corrected,
    declared,
    deployed,
    drifted,
    incident,
    judged,
    merged,
    opened,
    policy,
    reviewed,
    sha,
    ticked,
)  # fmt: skip

WEEK = 7 * 24
FIRST = week_of(BEGINNING)
#: nothing is forgotten
LONG = replace(PARAMETERS, horizon=2_000 * DAY)
SHORT = Parameters(horizon=20 * DAY)


def counts(run: Run, series: str, dimension: str = "all", value: str = "") -> dict[int, tuple[int, int]]:
    """Hits and things by week."""
    return {number: (row.k, row.n) for number, row in rows(run, series, dimension, value).items()}


def rows(run: Run, series: str, dimension: str = "all", value: str = "") -> dict[int, WeeklyCountFact]:
    found = {}
    for key, row in run.table(WeeklyCountFact.table).items():
        if key[:3] == (series, dimension, value) and isinstance(row, WeeklyCountFact):
            assert row.week_at == week_start(week_of(row.week_at))
            found[week_of(row.week_at) - FIRST] = row
    return found


def run_of(*told: e.Event, until: float, parameters: Parameters = LONG) -> Run:
    run = Run(parameters)
    run.take(told)
    run.until(at(until))
    return run


def work(week: int, hotfixes: int = 0, things: int = 10, repository: str = "api") -> list[e.Event]:
    """A week of merges that need no approval, some of them emergencies."""
    told: list[e.Event] = [policy("none", approvals=0)]
    for number in range(things):
        name, at_hour = f"{repository}#{100 * week + number + 1}", WEEK * week + 10 + number
        told.append(opened(name, at_hour - 1, author="p:1"))
        told.append(merged(name, at_hour, author="p:1", emergency="hotfix" if number < hotfixes else ""))
    return told


def weeks_of(*hotfixes: int, things: int = 10) -> list[e.Event]:
    return [event for week, k in enumerate(hotfixes) for event in work(week, k, things)]


def test_emergencies_among_merged_changes() -> None:
    told = [
        declared("shop", team="core", repositories=["acme/api"]),
        *work(0, 2), *work(0, 1, 5, "web"), merged("api@abc", 20), opened("api#900", 30),
    ]  # fmt: skip
    run = run_of(*told, until=WEEK)
    assert counts(run, "bypasses") == {0: (3, 16)}
    assert counts(run, "bypasses", "repository", "acme/web") == {0: (1, 5)}
    for place in (("repository", "acme/api"), ("service", "shop"), ("team", "core")):
        assert counts(run, "bypasses", *place) == {0: (2, 11)}
    run.take([declared("shop", 1, team="other", repositories=["acme/api"])])
    assert counts(run, "bypasses", "team", "core") == {}
    assert counts(run, "bypasses", "team", "other") == {0: (2, 11)}


def test_a_week_has_rows_when_it_is_over() -> None:
    run = run_of(*work(0, 1), until=WEEK - 0.01)
    assert run.table(WeeklyCountFact.table) == {}
    run.until(at(WEEK))
    assert counts(run, "bypasses") == {0: (1, 10)}
    run.take([back(event) for event in work(0, 1)])
    assert run.table(WeeklyCountFact.table) == {}


def test_approvals_that_can_be_rubber_stamps() -> None:
    told: list[e.Event] = []
    for number, (lines, approved_after, labels) in enumerate(
        [(60, 0.01, []), (60, 2, []), (40, 0.01, []), (60, None, []), (60, 0.01, ["bot"])], start=1
    ):
        name = f"api#{number}"
        told.append(opened(name, 1, author="p:1", labels=labels))
        if approved_after is not None:
            told.append(reviewed(name, 1 + approved_after, "p:2", "approved"))
        told.append(merged(name, 5, author="p:1", additions=lines, deletions=0, labels=labels))
    run = run_of(*told, until=WEEK)
    assert counts(run, "rubber_stamps") == {0: (1, 2)}
    run.restart()
    run.take([back(told[1])])
    assert counts(run, "rubber_stamps") == {0: (0, 1)}


def test_a_check_that_fails_and_then_does_not() -> None:
    def attempts(commit: str, *outcomes: str, **fields: object) -> list[e.Event]:
        return [
            checked("acme/api", sha(commit), 2 + number, outcome, attempt=number, **fields)
            for number, outcome in enumerate(outcomes, start=1)
        ]

    told = [
        *attempts("flaky", "failure", "success"),
        *attempts("broken", "failure", "failure"),
        *attempts("worse", "success", "failure"),
        *attempts("never ran", "skipped"),
        *attempts("policy", "failure", "success", kind="policy"),
        *attempts("two jobs", "failure"),
        *attempts("two jobs", "success", name="lint"),
        # a run counts only where nobody told of its jobs
        *attempts("run of jobs", "failure", "success", name="run", kind="workflow"),
        *attempts("run of jobs", "success"),
    ]
    assert counts(run_of(*told, until=WEEK), "flaky_reruns") == {0: (1, 6)}


def test_incidents_and_drifts_are_counted_by_week() -> None:
    told = [
        deployed("api", 1, tag="v1"),
        incident("one", WEEK + 2), incident("two", WEEK + 3),
        judged("one", WEEK + 4, "merge", other_incident="two"),
        incident("staging", WEEK + 3, environment="staging"), incident("nobody's", WEEK + 5, service=""),
        drifted("bucket", WEEK + 1), corrected("bucket", WEEK + 2), drifted("bucket", WEEK + 9),
    ]  # fmt: skip
    run = run_of(*told, until=4 * WEEK)
    assert counts(run, "incidents") == {1: (2, 7), 2: (0, 7), 3: (0, 7)}
    assert counts(run, "incidents", "service", "api") == {1: (1, 7), 2: (0, 7), 3: (0, 7)}
    assert counts(run, "drift", "service", "api") == {1: (2, 7), 2: (0, 7), 3: (0, 7)}
    # the deployment of the week before says that the service was there, and had no incident
    assert rows(run, "incidents", "service", "api")[2].history_n == 14
    run.until(at(60 * WEEK))
    assert max(counts(run, "incidents")) == 1 + LONG.spikes.history_weeks, "nothing is left to say"


def test_a_place_is_known_from_what_was_seen_there_first() -> None:
    """Weeks without an incident count since the first deployment, however long ago that was."""
    window = LONG.spikes.history_weeks
    run = run_of(deployed("api", 1, tag="v1"), incident("one", (window + 9) * WEEK + 2), until=60 * WEEK)
    found = rows(run, "incidents", "service", "api")
    assert min(found) == window + 9
    assert {row.history_n for row in found.values()} == {7 * window}
    first = run_of(incident("one", (window + 9) * WEEK + 2), until=60 * WEEK)
    assert rows(first, "incidents", "service", "api")[window + 9].history_n == 0
    # what was seen first is told late, and taken back
    first.take([deployed("api", 1, tag="v1")])
    assert rows(first, "incidents", "service", "api") == found
    first.take([back(deployed("api", 1, tag="v1"))])
    assert rows(first, "incidents", "service", "api")[window + 12].history_n == 7 * 3


def test_an_alarm_says_what_it_rests_on() -> None:
    run = run_of(*weeks_of(0, 1, 0, 0, 1, 0, 0, 5, 0), until=9 * WEEK)
    found = rows(run, "bypasses")
    assert {week: row.alarm for week, row in found.items() if row.alarm} == {7: "spike and shift"}
    assert [row.expected is None for row in found.values()] == [True] * 4 + [False] * 5
    spike = found[7]
    assert (spike.k, spike.n, spike.history_k, spike.history_n, spike.history_weeks) == (5, 10, 2, 70, 7)
    assert spike.expected == pytest.approx(10 * (2 + 50 * 2.5 / 71) / 120, rel=1e-5)
    assert (spike.low, spike.high) == (0, 2)
    assert spike.p is not None
    assert spike.p < 0.001
    # three series are the same changes: the least of them is as good as alone
    assert spike.q == spike.p
    assert spike.smallest_multiple == pytest.approx(14, abs=3)
    # the week that alarmed is not what the next one is held against, and its sum begins anew
    after = found[8]
    assert (after.history_k, after.history_n, after.history_weeks, after.cusum) == (2, 70, 7, 0.0)


def test_a_slow_rise_is_a_shift() -> None:
    run = run_of(*weeks_of(*[1, 2, 2, 3, 2, 2] * 3, 6, 6, 6, 6, 6, things=100), until=23 * WEEK)
    alarms = [row.alarm for row in rows(run, "bypasses").values()]
    assert alarms[:18] == [""] * 18
    assert "shift" in {word for alarm in alarms[18:21] for word in alarm.split(" and ")}


def test_what_comes_late_restates_its_week_and_what_rests_on_it() -> None:
    weeks = [0, 1, 0, 0, 1, 0, 0, 5, 0, 1]
    run = run_of(*weeks_of(*weeks), until=10 * WEEK)
    late: list[e.Event] = []
    for number in range(6):
        late.append(opened(f"api#9{number}", 3 * WEEK, author="p:1"))
        late.append(merged(f"api#9{number}", 3 * WEEK + 1, author="p:1", emergency="hotfix"))
    for event in late:
        run.take([event])
    expected = run_of(*weeks_of(*weeks), *late, until=10 * WEEK)
    assert differences(run.live, expected.live) == []
    assert rows(run, "bypasses")[7].alarm == "", "there was as much before"
    for event in late:
        run.take([back(event)])
    assert differences(run.live, run_of(*weeks_of(*weeks), until=10 * WEEK).live) == []


def test_one_series_is_judged_by_all_of_its_week() -> None:
    """The same spike among many weeks of nothing needs to be rarer to be believed."""
    alone = weeks_of(0, 1, 0, 1, 0, 1, 1, 3)
    run = run_of(*alone, until=8 * WEEK)
    spike = rows(run, "bypasses", "repository", "acme/api")[7]
    assert spike.q is not None
    assert spike.p is not None
    others = [
        event for number in range(12) for week in range(8) for event in work(week, 0, 2, f"other-{number}")
    ]
    run.take(others)
    among = rows(run, "bypasses", "repository", "acme/api")[7]
    assert among.q is not None
    assert among.q > 2 * spike.q


def years(first: int, last: int) -> list[e.Event]:
    """Quiet weeks with an alarm now and then."""
    told: list[e.Event] = []
    for week in range(first, last):
        told += work(week, 4 if week % 11 == 8 else week % 3 == 0)
        told += [
            checked("acme/api", sha(f"{week}"), WEEK * week + 9, "success"),
            deployed("api", WEEK * week + 30),
        ]
        told += [drifted("bucket", WEEK * week + 40), corrected("bucket", WEEK * week + 41)]
        if week % 4 == 1:
            told += [incident(f"i{week}", WEEK * week + 50)]
    return told


def by_week(told: Sequence[e.Event]) -> list[list[e.Event]]:
    batches: dict[int, list[e.Event]] = {}
    for event in sorted(told, key=lambda event: event.time):
        batches.setdefault(week_of(event.time), []).append(event)
    return list(batches.values())


def test_counts_outlive_what_was_counted() -> None:
    keeps, forgets = Run(LONG), Run(SHORT)
    for number, batch in enumerate(by_week(years(0, 30))):
        keeps.take(batch)
        forgets.take(batch)
        if number % 5 == 4:
            forgets.restart()
    assert len(forgets.workspace.entities["change"]) < 100 < len(keeps.workspace.entities["change"])
    assert keeps.table(WeeklyCountFact.table) == forgets.table(WeeklyCountFact.table)
    assert any(row.alarm for row in rows(forgets, "bypasses").values())
    whole = Workspace.restore(SHORT, forgets.workspace.whole_snapshot())
    assert whole.measured.series.weekly.weeks == forgets.workspace.measured.series.weekly.weeks
    before = rows(forgets, "bypasses", "team", "core")
    forgets.take([declared("api", WEEK * 30, team="core", repositories=["acme/api"])])
    named = rows(forgets, "bypasses", "team", "core")
    assert before == {}
    assert min(named) > 20, "weeks of which a part was forgotten stand as they were taken"
    assert counts(forgets, "bypasses").keys() == set(range(30))


def test_a_standby_counts_and_judges_the_same() -> None:
    pair = Pair(SHORT)
    for number, batch in enumerate(by_week(years(0, 24))):
        pair.step(batch)
        if number in (7, 15):
            pair.restore()
    late = [merged("api#9999", 22 * WEEK + 3, emergency="hotfix"), ticked(25 * WEEK)]
    pair.ends_the_same(late, at(25 * WEEK))


def test_a_series_is_restated_no_wider_than_it_has_to_be() -> None:
    run = Run(LONG)
    for batch in by_week(years(0, 20)):
        run.take(batch)
    run.until(at(20 * WEEK))
    assert len(run.take([deployed("web", 19 * WEEK + 1)])) < 8
    written = [
        row
        for table, found, _ in run.take(work(18, 0, 1, "web")).tables()
        for row in found
        if table == "weekly_counts"
    ]
    assert {row.series for row in written if isinstance(row, WeeklyCountFact)} == {"bypasses"}
    assert len(run.until(at(20 * WEEK + 1))) == 0
