"""Teams: which version holds when, who is waited on, and what makes no sense."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.entities import Entity
from pipeline.core.events import TeamDeclared
from pipeline.core.teams import DEFAULT_HOURS, Teams, hours_of
from pipeline.core.working_time import working_time
from tests.strategies import DAY, EVENTS
from tests.worlds import at, back, team

ANN, BOB = "p:1", "p:2"


def teams(*declared: TeamDeclared) -> Teams:
    entities: dict[str, Entity] = {}
    for event in declared:
        entities.setdefault(event.team, Entity(event.team)).put(event)
    known = Teams()
    known.replace(entities)
    return known


def test_the_first_version_holds_from_the_beginning_and_a_later_one_from_its_own_time() -> None:
    known = teams(team("shop", 100, members=[ANN]), team("shop", 200, members=[BOB]))
    for hours, member in ((0, ANN), (100, ANN), (199, ANN), (200, BOB), (999, BOB)):
        held = known.at("shop", at(hours))
        assert held is not None
        assert held.members == [member], hours
        assert known.belongs(member, "shop", at(hours))
    assert known.at("nobody", at(0)) is None


def test_an_alias_leads_to_its_team_unless_it_is_another_team_s_name() -> None:
    known = teams(team("shop", aliases=["acme/shop", "money"]), team("money", members=[ANN]))
    assert known.at("acme/shop", 0) == known.at("shop", 0)
    assert known.belongs(ANN, "money", 0)
    assert not known.belongs(ANN, "shop", 0)


def test_forges_leave_the_organisation_out_of_the_name_of_a_team() -> None:
    known = teams(team("money", aliases=["acme/payments"]), team("core", aliases=["acme/money"]))
    for name in ("acme/payments", "payments"):
        assert known.at(name, 0) == known.at("money", 0)
    assert known.at("acme/money", 0) == known.at("core", 0)
    assert known.at("money", 0) != known.at("core", 0)


def test_a_team_that_was_taken_back_claims_no_name() -> None:
    known = teams(team("pay"), back(team("pay")), team("payments", aliases=["pay"], response_minutes=30))
    assert known.at("pay", 0) == known.at("payments", 0)


def test_a_version_that_only_repeats_the_one_before_it_says_nothing_new() -> None:
    entity = Entity("shop")
    known = Teams()
    told = []
    for hours in (0, 100, 200, 300):
        entity.put(team("shop", hours, members=[BOB] if hours == 200 else [ANN]))
        told.append(known.replace({"shop": entity}))
    assert told == [True, False, True, True]
    assert [known.belongs(ANN, "shop", at(hours)) for hours in (150, 250, 350)] == [True, False, True]


def test_a_person_counts_with_all_teams_of_that_day() -> None:
    known = teams(
        team("shop", members=[ANN]), team("money", members=[ANN, BOB]), team("money", 100, members=[BOB])
    )
    assert {version.team for version in known.waited_on(ANN, at(50))} == {"shop", "money"}
    assert {version.team for version in known.waited_on(ANN, at(150))} == {"shop"}
    assert known.waited_on("p:9", at(0)) == []


def test_what_nobody_declared_is_nine_to_five() -> None:
    assert hours_of(team("shop")) == DEFAULT_HOURS
    assert teams().hours([]) == {DEFAULT_HOURS}


@pytest.mark.parametrize(
    "declared",
    [
        {"opens_minute": 600, "closes_minute": 600},
        {"opens_minute": 900, "closes_minute": 60},
        {"closes_minute": 1441},
        {"opens_minute": -1},
        {"days": [0, 8]},
        {"offsets_from": [1], "offsets_seconds": [0]},
        {"offsets_from": [2, 1], "offsets_seconds": [0, 1, 2]},
        {"offsets_seconds": [86_400]},
    ],
)
def test_what_makes_no_sense_counts_as_not_declared(declared: dict[str, Any]) -> None:
    """The edge refuses it; a log that holds it all the same must not stop the fold."""
    assert hours_of(team("shop", **declared)) == DEFAULT_HOURS


INTEGERS = st.lists(st.integers(-(2**63), 2**63 - 1), max_size=3)


@given(EVENTS["team_declared"], INTEGERS, INTEGERS, INTEGERS, INTEGERS)
def test_no_declaration_stops_the_fold(
    declared: TeamDeclared, days: list[int], holidays: list[int], offsets: list[int], seconds: list[int]
) -> None:
    fields: dict[str, Any] = {
        "days": days,
        "holidays": holidays,
        "offsets_from": offsets,
        "offsets_seconds": seconds,
    }
    hours = hours_of(team("shop", **fields, opens_minute=declared.opens_minute))
    worked = working_time(frozenset({hours, hours_of(declared)})).worked(at(0), at(0) + 30 * DAY)
    assert 0 <= worked <= 30 * DAY
