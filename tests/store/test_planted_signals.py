"""Every way in which review fails that is planted in a made-up organisation opens its signal there."""

from __future__ import annotations

import pytest

from pipeline.core.facts import ChangeFact
from pipeline.simulate.options import FAILURE_MODES, Options
from pipeline.simulate.truth import TrueMode
from pipeline.store import Store
from tests.runs import oracle
from tests.simulate.worlds import planted, told, true
from tests.store.rows import WORKSPACE, batch, event

FROM_WEEK = 2
WORLD = Options(seed=11, weeks=5, services=6, teams=2)
#: those that are about weeks of a team or repository; the others are about things
OF_WEEKS = ("reviewer-bottleneck", "flaky-tests", "rubber-stamping", "bypass-abuse", "large-changes")
OF_THINGS = ("missing-context", "late-findings", "environment-drift")
MICROSECONDS_A_WEEK = 7 * 86_400 * 1_000_000


def test_all_modes_are_looked_at() -> None:
    assert {*OF_WEEKS, *OF_THINGS} == FAILURE_MODES.keys()


def _filled(store: Store, mode: str) -> TrueMode:
    events, truths = told(planted(WORLD, mode, FROM_WEEK))
    tables: dict[str, list[object]] = {}
    for (table, _), fact in oracle(events).items():
        tables.setdefault(table, []).append(fact)
    for table, facts in tables.items():
        store.insert_facts(table, WORKSPACE, 2, facts)  # type: ignore[arg-type]
    newest = max(event.time for event in events)
    last = event("change_merged", id="z", source="git", time=newest, received_at=newest, imported=True)
    store.insert_events("change_merged", WORKSPACE, batch("change_merged", [last]))
    assert ChangeFact.table in tables
    (row,) = true(TrueMode, truths)
    return row


@pytest.mark.slow
@pytest.mark.parametrize("mode", OF_WEEKS)
def test_a_mode_of_weeks_opens_where_it_is_planted_with_the_end_of_its_first_week(
    store: Store, mode: str
) -> None:
    row = _filled(store, mode)
    opened = store.query(
        f"SELECT subject, toUnixTimestamp64Micro(opened_at), open FROM signals WHERE signal = '{mode}'"
        f" AND subject_kind = '{'repository' if mode == 'flaky-tests' else 'team'}'"
    ).rows
    # what is deployed in a week was opened up to nine days before
    assert [(subject, is_open) for subject, _, is_open in opened] == [(row.where, 1)]
    at = opened[0][1]
    assert isinstance(at, int)
    assert row.from_at <= at <= row.from_at + 2 * MICROSECONDS_A_WEEK


@pytest.mark.slow
@pytest.mark.parametrize("mode", OF_THINGS)
def test_a_mode_of_things_opens_more_often_where_it_is_planted(store: Store, mode: str) -> None:
    row = _filled(store, mode)
    ours = {
        "missing-context": "subject IN (SELECT deployment FROM deployments AS d INNER JOIN services AS s"
        " ON s.service = d.service WHERE s.team = '{where}')",
        "late-findings": "subject IN (SELECT finding FROM findings WHERE repository = '{where}')",
        "environment-drift": "subject IN (SELECT resource FROM drifts AS d INNER JOIN services AS s"
        " ON s.service = d.service WHERE s.team = '{where}')",
    }[mode].format(where=row.where)
    counted = store.query(
        f"SELECT countIf({ours} AND opened_at >= from), countIf({ours} AND opened_at < from),"
        f" countIf(NOT ({ours}) AND opened_at >= from)"
        f" FROM (SELECT *, fromUnixTimestamp64Micro({row.from_at}) AS from FROM signals"
        f" WHERE signal = '{mode}')"
    ).rows
    ((here, before, elsewhere),) = counted
    assert isinstance(here, int)
    assert here >= 3
    assert here > 3 * int(str(before))
    assert here > int(str(elsewhere))
