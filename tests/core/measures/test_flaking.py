"""Flaky checks: by hand, against a reference that looks at every run, and beyond what is remembered."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core import events as e
from pipeline.core.facts import CheckFlakinessFact, FlakyRunFact
from pipeline.core.limits import FlakeLimits
from pipeline.core.parameters import WEEK, Parameters
from pipeline.core.workspace import Workspace
from tests.core.measures import run_by_run
from tests.runs import Run, columns_of, differences, now_of, oracle
from tests.strategies import BEGINNING, DAY, batches, duplicated, permuted, tellings
from tests.worlds import Told, at, back, change_key, checked, merged, opened, sha, ticked

LIMITS = FlakeLimits()
#: nothing is forgotten
PATIENT = Parameters(horizon=4_000 * DAY)
ONE = sha("one")
#: in hours
A_WEEK = 7 * 24
UNIT = ("acme/api", "unit", "")


@st.composite
def runs_of_checks(draw: st.DrawFn, weeks: int = 12, at_most: int = 24) -> list[e.Event]:
    """Runs of a few checks on a few commits over some weeks."""
    told: dict[str, e.Event] = {}
    for _ in range(draw(st.integers(1, at_most))):
        repository = draw(st.sampled_from(["acme/api", "acme/web"]))
        commit = sha(str(draw(st.integers(0, 5))))
        event = checked(
            repository,
            commit,
            draw(st.integers(0, weeks * 14)) * 12 + draw(st.sampled_from([0.0, 0.25, 1.0])),
            draw(st.sampled_from(["success"] * 3 + ["failure"] * 3 + ["error", "cancelled", "neutral"])),
            name=draw(st.sampled_from(["unit", "unit", "lint"])),
            kind=draw(st.sampled_from(["test"] * 6 + ["workflow", "smoke"])),
            workflow=draw(st.sampled_from(["", "", "ci"])),
            attempt=draw(st.integers(1, 3)),
        )
        event = msgspec.structs.replace(event, id=f"{event.id} {event.workflow} {event.time}")
        told[event.id] = event
    return sorted(told.values(), key=lambda event: (event.time, event.id))


def weeks_of(run: Run) -> dict[tuple[object, ...], Any]:
    return dict(run.table(CheckFlakinessFact.table))


def agrees(run: Run, history: list[e.Event], now: int) -> None:
    rows = weeks_of(run)
    expected = run_by_run.weeks(history, now, LIMITS.window_weeks)
    assert set(rows) == set(expected)
    for key, told in expected.items():
        told.pop("patterns")
        assert {name: getattr(rows[key], name) for name in told} == told, key
    certain = run_by_run.flakes(history)
    found = dict(run.table(FlakyRunFact.table))
    assert set(found) == set(certain)
    for place, told in certain.items():
        assert {name: getattr(found[place], name) for name in told} == told, place


@settings(max_examples=150)
@given(runs_of_checks(), st.integers(0, 15), st.data())
def test_a_reference_that_looks_at_every_run_finds_the_same(
    history: list[e.Event], later: int, data: st.DataObject
) -> None:
    """In any order, twice, and with restarts; some weeks after the last of them."""
    told = data.draw(duplicated(data.draw(permuted(history))))
    run = Run(PATIENT)
    for batch in data.draw(batches(told)):
        run.take(batch)
        if data.draw(st.booleans()):
            run.restart()
    now = now_of(history) + later * WEEK // 2
    run.until(now)
    agrees(run, history, now)
    assert differences(run.live, oracle(history, PATIENT, now)) == []


@settings(max_examples=60)
@given(runs_of_checks(at_most=10), st.data())
def test_what_is_told_several_times_and_taken_back(history: list[e.Event], data: st.DataObject) -> None:
    told = [telling for event in history for telling in data.draw(tellings(event))]
    now = now_of(told) + 3 * WEEK
    run = Run(PATIENT)
    for event in data.draw(st.permutations(told)):
        run.take([event])
    run.until(now)
    assert differences(run.live, oracle(told, PATIENT, now)) == []
    for event in data.draw(st.permutations(told)):
        run.take([msgspec.structs.replace(event, retracted=True, source_version=99)])
    assert run.live == {}


def quietly(weeks: int) -> list[e.Event]:
    """A check that flakes on every fifth commit of a day, week after week."""
    told: list[e.Event] = []
    for day in range(7 * weeks):
        for hour in range(1, 1 + day % 3):
            red = (day + hour) % 5 == 0
            commit = sha(f"{day} {hour}")
            told.append(checked("acme/api", commit, 24 * day + hour, "failure" if red else "success"))
            if red:
                told.append(checked("acme/api", commit, 24 * day + hour + 0.5, "success", attempt=2))
    return told


def test_what_is_forgotten_still_counts() -> None:
    """With a short memory, restarts and a standby the rows are those of a memory without end."""
    history = quietly(40)
    short = Parameters(horizon=14 * DAY)
    stays, restarts, forgets_nothing = Run(short), Run(short), Run(PATIENT)
    kept = 0
    for number, event in enumerate(history):
        for run in (stays, restarts, forgets_nothing):
            run.take([event])
        kept = max(kept, len(stays.workspace.entities["commit"]))
        if number % 17 == 0:
            restarts.restart()
    assert differences(stays.live, restarts.live) == []
    assert differences(stays.live, forgets_nothing.live) == []
    assert len(weeks_of(stays)) == 39
    assert kept < len(forgets_nothing.workspace.entities["commit"]) / 3
    held = stays.workspace.measured.flaking.weeks.weeks[
        next(iter(stays.workspace.measured.flaking.weeks.weeks))
    ]
    assert len(held) <= LIMITS.window_weeks + short.retention // WEEK + 2
    saved = [key for key in stays.changelog if key.startswith(b"check-week/")]
    assert LIMITS.window_weeks // 2 < len(saved) <= LIMITS.window_weeks
    assert {key: stays.changelog[key] for key in saved} == {key: restarts.changelog[key] for key in saved}


def test_a_standby_keeps_the_same_counts() -> None:
    history, short = quietly(40), Parameters(horizon=14 * DAY)
    leads, follows = Workspace(short), Workspace(short)
    for start in range(0, len(history), 9):
        leads.fold(columns_of(history[start : start + 9]))
        leads.derive()
        assert follows.follow(dict(leads.snapshot()))
    kept, followed = (
        {key: value for key, value in workspace.whole_snapshot() if key.startswith(b"check-week/")}
        for workspace in (leads, follows)
    )
    assert kept
    assert kept == followed


def test_a_late_run_restates_the_weeks_that_it_counts_in() -> None:
    history = quietly(12)
    run = Run(PATIENT)
    run.take(history)
    run.until(at(30 * A_WEEK))
    run.restart()
    late = msgspec.structs.replace(
        checked("acme/api", sha("1 1"), 26, "failure", attempt=3), received_at=at(30 * A_WEEK)
    )
    written = {table: facts for table, facts, _ in run.take([late]).tables()}
    weeks = [fact.week_at for fact in written[CheckFlakinessFact.table]]  # type: ignore[attr-defined]
    assert weeks == [BEGINNING + number * WEEK for number in range(LIMITS.window_weeks)]
    agrees(run, [*history, late], at(30 * A_WEEK))


def test_a_week_has_its_row_when_it_is_over() -> None:
    told = Told(checked("acme/api", ONE, 30, "failure"), checked("acme/api", ONE, 31, "success", attempt=2))
    assert told.rows(CheckFlakinessFact) == []
    assert [row.waited_seconds for row in told.rows(FlakyRunFact)] == [3600]
    told.at(A_WEEK - 0.001)
    assert told.rows(CheckFlakinessFact) == []
    told.at(A_WEEK)
    row = told.row(CheckFlakinessFact, *UNIT, BEGINNING)
    assert (row.commits, row.runs, row.failed, row.flaked, row.reruns, row.waited_seconds) == (
        1,
        2,
        1,
        1,
        1,
        3600,
    )
    assert row.flake_low < row.flake_probability < row.flake_high
    told.then(
        back(checked("acme/api", ONE, 30, "failure")),
        back(checked("acme/api", ONE, 31, "success", attempt=2)),
    )
    assert told.rows(CheckFlakinessFact) == []
    assert told.rows(FlakyRunFact) == []


def course(*runs: tuple[float, str], **fields: Any) -> Any:
    """The row of the week, after these runs of one check on one commit."""
    told = Told(
        [
            checked("acme/api", ONE, hours, outcome, attempt=attempt, **fields)
            for attempt, (hours, outcome) in enumerate(runs, start=1)
        ],
        ticked(A_WEEK),
    )
    rows = told.rows(CheckFlakinessFact)
    return rows[0] if rows else None


def test_what_the_machinery_did_is_a_class_of_its_own() -> None:
    row = course((1, "error"), (2, "error"), (3, "success"))
    assert (row.runs, row.failed, row.flaked, row.reruns, row.waited_seconds) == (1, 0, 0, 0, 0)
    assert (row.errors, row.error_reruns, row.error_waited_seconds) == (2, 2, 7200)
    mixed = course((1, "failure"), (2, "error"), (3, "success"), (4, "error"), (4.5, "success"))
    assert (mixed.runs, mixed.failed, mixed.flaked, mixed.reruns, mixed.waited_seconds) == (3, 1, 1, 2, 7200)
    assert (mixed.errors, mixed.error_reruns, mixed.error_waited_seconds) == (2, 1, 1800)


def test_what_says_nothing_about_a_commit_does_not_count() -> None:
    for outcome in ("cancelled", "skipped", "neutral", ""):
        assert course((1, outcome)) is None
    assert course((1, "failure"), (2, "success"), kind="smoke") is None
    assert course((1, "failure"), name="") is None


def test_a_workflow_counts_where_nobody_told_of_its_jobs() -> None:
    whole = checked("acme/api", ONE, 1, "failure", name="ci", kind="workflow")
    told = Told(whole, ticked(A_WEEK))
    assert [row.name for row in told.rows(CheckFlakinessFact)] == ["ci"]
    told.then(checked("acme/api", ONE, 0.5, "failure", received=A_WEEK + 1))
    assert [row.name for row in told.rows(CheckFlakinessFact)] == ["unit"]


def test_what_is_broken_is_no_flake() -> None:
    row = course((1, "failure"), (2, "failure"))
    assert (row.failed, row.flaked, row.reruns, row.waited_seconds, row.quarantine) == (2, 0, 0, 0, False)


def test_a_flake_names_the_changes_it_held_up() -> None:
    head = sha("head")
    red = checked("acme/api", head, 1, "failure", url="https://ci.example/1", branch="feature")
    green = checked("acme/api", head, 2, "success", attempt=2, url="https://ci.example/2")
    told = Told(red, green)
    place = ("acme/api", head, "unit", "")
    row = told.row(FlakyRunFact, *place)
    assert (row.changes, row.failed_url, row.passed_url) == (
        [],
        "https://ci.example/1",
        "https://ci.example/2",
    )
    assert (row.failed_at, row.passed_at, row.branch) == (red.time, green.time, "feature")
    told.then(opened("api#1", 0.5, head_sha=head))
    assert told.row(FlakyRunFact, *place).changes == [change_key("api#1")]
    told.run.restart()
    told.then(back(opened("api#1", 0.5, head_sha=head)), merged("api#2", 3, sha=head))
    assert told.row(FlakyRunFact, *place).changes == [change_key("api#2")]


def test_the_first_runs_count() -> None:
    """A commit that a nightly run goes over and over is not all there is."""
    runs = [(hour / 4, "failure" if hour == 25 else "success") for hour in range(30)]
    row = course(*runs)
    assert (row.runs, row.failed) == (LIMITS.runs_max, 0)


def test_the_strategies_meet_all_that_can_happen() -> None:
    seen: set[str] = set()

    @settings(max_examples=300, database=None, derandomize=True)
    @given(runs_of_checks())
    def look(history: list[e.Event]) -> None:
        for row in run_by_run.weeks(history, now_of(history) + WEEK, LIMITS.window_weeks).values():
            seen.update(name for name, value in row.items() if value)
            if row["window_commits"] > row["commits"] > 1:
                seen.add("several weeks, several commits")

    look()
    assert seen >= {
        "flaked", "reruns", "waited_seconds", "errors", "error_reruns", "error_waited_seconds",
        "several weeks, several commits",
    }  # fmt: skip
