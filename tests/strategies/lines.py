"""A branch on which much goes wrong: reverts of reverts, red checks, a merge queue."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from pipeline.core import events as e
from tests.strategies.names import envelope, times

REPOSITORY = "acme/api"
#: a day in steps, and two weeks: what is beside each other, and what is too far away
_SPANS = (144, 144, 2_016)


@st.composite
def lines(draw: st.DrawFn, changes_max: int = 7) -> list[e.Event]:
    """The merges of one repository and what was said about their commits, sorted by own time."""
    told: list[e.Event] = []
    steps = draw(st.sampled_from(_SPANS))
    moment = times(steps)
    count = draw(st.integers(1, changes_max))
    for number in range(1, count + 1):
        change, sha, merged_at = f"{REPOSITORY}#{number}", f"{number:040x}", draw(moment)
        key: dict[str, Any] = {"change": change, "repository": REPOSITORY, "number": number}
        told.append(
            e.ChangeMerged(
                **envelope(f"github {change} merged", "github", merged_at),
                **key,
                branch=draw(st.sampled_from(("main", "main", "main", "release", ""))),
                sha=sha,
                reverts=draw(
                    st.lists(
                        st.one_of(
                            st.integers(1, count).map(lambda other: f"{REPOSITORY}#{other}"),
                            st.integers(1, count).map(lambda other: f"{other:040x}"),
                        ),
                        max_size=2,
                        unique=True,
                    )
                ),
            )
        )
        for name in draw(st.sampled_from((("unit",), ("unit",), ("unit", "lint"), ()))):
            for attempt in range(1, 1 + draw(st.integers(1, 3))):
                time = merged_at if draw(st.booleans()) else draw(moment)
                told.append(
                    e.CheckFinished(
                        **envelope(f"ci {sha} {name} {attempt}", "ci", time),
                        commit=f"{REPOSITORY}@{sha}",
                        repository=REPOSITORY,
                        sha=sha,
                        name=name,
                        attempt=attempt,
                        kind=draw(st.sampled_from(("test", "test", "workflow"))),
                        outcome=draw(st.sampled_from(("failure", "failure", "success", "cancelled"))),
                    )
                )
        if draw(st.booleans()):
            reason = draw(st.sampled_from(("", "ci_failure", "merge_conflict", "manual")))
            told.append(
                e.QueueChanged(
                    **envelope(f"github {change} queue", "github", draw(moment)),
                    **key,
                    state=draw(st.sampled_from(("entered", "removed"))),
                    reason=reason,
                )
            )
    return sorted(told, key=lambda event: (event.time, event.id))
