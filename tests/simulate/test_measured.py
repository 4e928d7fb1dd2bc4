"""What is measured of a made-up organisation is what its truth says."""

from __future__ import annotations

import pytest

from pipeline.core.facts import ComplianceFact
from pipeline.simulate.options import Options
from pipeline.simulate.truth import TrueBypass
from tests.runs import oracle
from tests.simulate.worlds import told, true

Lived = tuple[dict[str, ComplianceFact], dict[str, str]]


@pytest.fixture(scope="module")
def lived() -> Lived:
    events, truths = told(Options(seed=5, weeks=1))
    rows = {fact.change: fact for fact in oracle(events).values() if isinstance(fact, ComplianceFact)}
    return rows, {truth.change: truth.how for truth in true(TrueBypass, truths)}


def test_every_bypass_is_found_and_no_other(lived: Lived) -> None:
    rows, ways = lived
    assert len(ways) > 10
    found = {change: row for change, row in rows.items() if row.bypassed}
    merged = {change for change in ways if rows[change].state == "merged"}
    for change in merged:
        # documents may be pushed
        free = ways[change] == "push" and rows[change].approvals_needed == 0
        assert (ways[change] in rows[change].bypassed) is not free, change
    # the others had one approval, and needed two
    for change in set(found) - merged:
        assert found[change].bypassed == ["approvals"]
        assert found[change].approvals < found[change].approvals_needed
    assert {row.policies[-1] for change, row in found.items() if change not in merged} <= {
        "everything", "critical",
    }  # fmt: skip
