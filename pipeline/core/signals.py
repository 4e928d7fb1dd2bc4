"""The signals that something is wrong with the way changes take, and the thresholds that somebody declared.

What opens and closes them follows from facts, by the view ``signals``; what it goes by where nobody declared
anything stands in the view ``signal_limits``.
"""

from __future__ import annotations

from pipeline.core.entities import Entity
from pipeline.core.events import ThresholdSet
from pipeline.core.facts import ThresholdFact
from pipeline.core.rows import Rows

#: the failure modes of review (F1 to F8), by the names of their signals
FAILURE_MODES = (
    "reviewer-bottleneck",
    "flaky-tests",
    "rubber-stamping",
    "bypass-abuse",
    "large-changes",
    "missing-context",
    "late-findings",
    "environment-drift",
)
#: and other known mistakes on the way of a change, before its merge and after it
SIGNALS = (
    *FAILURE_MODES,
    "slow-reviews",
    "reviewer-load",
    "slow-designs",
    "long-lived-branches",
    "rigid-policies",
    "stale-owners",
    "overdue-retro-reviews",
    "untagged-deployments",
    "undeployed-changes",
    "failing-deployments",
    "failed-rollbacks",
    "unexplained-incidents",
    "alert-noise",
    "on-call-overload",
    "missing-telemetry",
    "stale-objectives",
    "cost-overrun",
)


def write_threshold(key: str, entity: Entity, rows: Rows) -> None:
    """The row of a signal's thresholds, or none any more."""
    versions = [event for event in entity.events() if isinstance(event, ThresholdSet)]
    if not versions:
        rows.delete(ThresholdFact.table, (key,))
        return
    told = versions[-1]
    rows.write(
        ThresholdFact(
            signal=key,
            opens_from=told.opens_from,
            closes_below=told.closes_below,
            cases_min=told.cases_min,
            within_minutes=told.within_minutes,
            off=told.off,
            bad_from=told.bad_from,
            events=[told.id],
        )
    )
