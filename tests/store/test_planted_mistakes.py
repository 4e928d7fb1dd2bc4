"""Every known mistake that is planted in a made-up organisation opens its signal there, and only then."""

from __future__ import annotations

from collections import defaultdict
from functools import cache
from typing import NamedTuple

import pytest
from msgspec.structs import replace

from pipeline.core.events import MICROSECONDS, RECORD_OF, Event
from pipeline.core.facts import ThresholdFact
from pipeline.simulate.options import MISTAKES, Options
from pipeline.simulate.organisation import Organisation
from pipeline.simulate.truth import TrueMode
from pipeline.simulate.world import World
from pipeline.store import Store
from tests.runs import oracle
from tests.simulate.worlds import person_token, planted, told, true
from tests.store.rows import batch, event, row

FROM_WEEK = 2
PLAIN = Options(seed=11, weeks=5, services=6, teams=2)
#: more of what a mistake is about
BREAKING = replace(PLAIN, failure_rate=0.15)
WORLDS = {"failed-rollbacks": BREAKING}
#: what views read of events themselves
READ = ("measurement_reported", "objective_counted", "objective_declared")
#: requests of these worlds wait for long as it is
STRICT = row(ThresholdFact, signal="slow-reviews", opens_from=0.7, closes_below=0.6)


class Opened(NamedTuple):
    """A signal that opened: about what, and when."""

    kind: str
    subject: str
    at: int


def _fill(store: Store, workspace: str, options: Options) -> list[TrueMode]:
    events, truths = told(options)
    tables: dict[str, list[object]] = defaultdict(list)
    for (table, _), fact in oracle(events, now=options.end * MICROSECONDS).items():
        tables[table].append(fact)
    del tables[ThresholdFact.table]
    for table, facts in tables.items():
        store.insert_facts(table, workspace, 2, facts)  # type: ignore[arg-type]
    store.insert_facts("thresholds", workspace, 2, [STRICT])
    by_record: dict[str, list[Event]] = defaultdict(list)
    for one in events:
        by_record[RECORD_OF[type(one)]].append(one)
    for record in READ:
        store.insert_events(record, workspace, batch(record, by_record[record]))
    newest = max(one.received_at for one in events)
    last = event("change_merged", id="z", source="git", time=newest, received_at=newest, imported=True)
    store.insert_events("change_merged", workspace, batch("change_merged", [last]))
    return true(TrueMode, truths)


@pytest.fixture(scope="module")
def plain(without_rows: Store) -> Store:
    """A store with the worlds in which nothing is planted."""
    for options in {PLAIN, *WORLDS.values()}:
        _fill(without_rows, _name(options), options)
    return without_rows


def _name(options: Options) -> str:
    return f"plain {options.seed} {options.failure_rate}"


@cache
def _organisation(options: Options) -> Organisation:
    return World(options, person_token).organisation


def _is_of(organisation: Organisation, where: str, one: Opened) -> bool:
    """Whether a signal is about the team or repository, or about something of that team's."""
    services = {
        service.name: organisation.repositories[service.repository].name
        for service in organisation.services
        if organisation.teams[service.team].name == where
    }
    if one.kind in ("team", "repository"):
        return one.subject == where
    if one.kind == "change":
        return one.subject.replace("@", "#").partition("#")[0] in services.values()
    if one.kind == "deployment":
        return one.subject.split(" ")[1] in services
    assert one.kind in ("service", "objective"), one
    return one.subject.rpartition(" ")[2] in services


def _opened(store: Store, workspace: str, mistake: str, where: str, options: Options) -> list[Opened]:
    """The signals that opened in a place since the week in which a mistake is planted."""
    since = (options.begin + FROM_WEEK * 7 * 86_400) * MICROSECONDS
    found = store.query(
        "SELECT subject_kind, subject, toUnixTimestamp64Micro(opened_at) FROM signals"
        f" WHERE workspace = '{workspace}' AND signal = '{mistake}'"
    ).rows
    opened = [Opened(str(kind), str(subject), int(str(at))) for kind, subject, at in found]
    return [one for one in opened if one.at >= since and _is_of(_organisation(options), where, one)]


@pytest.mark.slow
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_opens_its_signal_where_it_is_planted_and_not_without_it(
    plain: Store, mistake: str
) -> None:
    options = WORLDS.get(mistake, PLAIN)
    (mode,) = _fill(plain, mistake, planted(options, mistake, FROM_WEEK))
    assert mode.place == MISTAKES[mistake]
    here = _opened(plain, mistake, mistake, mode.where, options)
    without = _opened(plain, _name(options), mistake, mode.where, options)
    assert here, mode
    assert len(here) >= 3 * len(without), without
