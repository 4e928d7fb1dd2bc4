"""Whoever changes what a delivery becomes raises its parser's version, or what was kept stays as it is."""

from __future__ import annotations

from copy import deepcopy

from tests.sources.parser_versions import made, recorded, unraised


def test_what_is_made_of_golden_deliveries_is_of_the_recorded_version() -> None:
    assert unraised(made(), recorded()) == []
    assert made() == recorded(), "python -m tests.sources.parser_versions"


def test_another_result_needs_a_higher_version() -> None:
    now, before = made(), recorded()
    (name, *_) = now["github"]["results"]
    changed = deepcopy(now)
    changed["github"]["results"][name] = "another"
    (wrong,) = unraised(changed, before)
    assert wrong.startswith(f"github/{name}: raise PARSER_VERSION")
    changed["github"]["version"] += 1
    assert unraised(changed, before) == []
    added = deepcopy(now)
    added["github"]["results"]["one more"] = "new"
    assert unraised(added, before) == []
