"""A change: its whole life, from the first commit to what it broke."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from pipeline.core.facts import ChangeFact
from pipeline.explain import ChangeFindings, render_text
from pipeline.explain.labels import deployment_label
from pipeline.explain.words import between, clock, share
from pipeline.pages.asking import Answer
from pipeline.pages.chosen import Chosen

_TEXT_WIDTH = 100
#: a stretch is seen however short it is beside the others, in percent of the width
_SEEN_PERCENT: Final = 1.5

#: what review it got, what it was to get, and what became of it on its branch
MEASURED: Final = """
SELECT
    r.size AS size, r.rubber_stamp AS rubber_stamp, r.substantive_comments AS substantive_comments,
    r.rounds AS rounds, r.response_working_seconds AS response_working_seconds,
    k.policies AS policies, k.approvals_needed AS approvals_needed, k.owners_needed AS owners_needed,
    k.owners_approved AS owners_approved, k.bypassed AS bypassed, k.violations AS violations,
    o.service AS service, o.team AS team, o.change_class AS change_class, o.red_checks AS red_checks
FROM (SELECT {change:String} AS change) AS c
LEFT JOIN
(
    SELECT * FROM reviews FINAL WHERE workspace = {workspace:String} AND change = {change:String}
) AS r ON r.change = c.change
LEFT JOIN
(
    SELECT * FROM compliance FINAL WHERE workspace = {workspace:String} AND change = {change:String}
) AS k ON k.change = c.change
LEFT JOIN
(
    SELECT * FROM outcomes FINAL WHERE workspace = {workspace:String} AND change = {change:String}
) AS o ON o.change = c.change
LIMIT 1
SETTINGS join_use_nulls = 0
"""
CHECKS: Final = """
SELECT name, workflow, outcome, attempt, minutes, ended_at, url
FROM check_runs
WHERE workspace = {workspace:String} AND commit = {commit:String}
ORDER BY outcome IN ('success', 'skipped'), ended_at DESC, name, attempt DESC
LIMIT 50
"""


_MEASURED = (
    "size", "rubber_stamp", "substantive_comments", "rounds", "response_working_seconds", "policies",
    "approvals_needed", "owners_needed", "owners_approved", "bypassed", "violations", "service", "team",
    "change_class", "red_checks",
)  # fmt: skip


class Step(NamedTuple):
    """Something that happened to it; ``after`` is how long it took from the step before."""

    name: str
    at: str
    after: str
    #: this step and the time that led to it
    left: float
    width: float
    kind: int
    href: str = ""
    remark: str = ""


def change_context(found: ChangeFindings, measured: Answer, checks: Answer, told: Chosen) -> dict[str, Any]:
    """What the template is told."""
    change = found.change
    return {
        "found": found,
        "change": change,
        "steps": steps(found, told),
        "measured": measured.dicts()[0] if measured.rows else dict.fromkeys(_MEASURED),
        "measured_trouble": measured.trouble,
        "checks": checks.dicts(),
        "checks_trouble": checks.trouble,
        "incidents": [
            (
                entry.incident,
                told.address("/incident", incident=entry.incident.incident),
                clock(entry.incident.opened_at),
                entry.share,
                share(entry.share),
            )
            for entry in found.incidents
        ],
        "as_text": render_text(found, _TEXT_WIDTH),
    }


def steps(found: ChangeFindings, told: Chosen) -> list[Step]:
    """Its life in the order in which it happened."""
    change = found.change
    marks = _marks(change)
    for deployment in found.deployments:
        href = told.address("/deployment", deployment=deployment.deployment)
        marks.append((deployment.live_at, "live", 3, href, deployment_label(deployment)))
    for entry in found.incidents:
        href = told.address("/incident", incident=entry.incident.incident)
        title = f"{share(entry.share)} of: {entry.incident.title}"
        marks.append((entry.incident.opened_at, "incident", 4, href, title))
    for brought in found.reverted_by:
        at = brought.change.merged_at if brought.change is not None else None
        if at is not None:
            marks.append((at, "reverted", 4, told.address("/change", change=brought.key), brought.key))
    marks.sort(key=lambda mark: mark[0])
    if not marks:
        return []
    first, whole = marks[0][0], max(1, marks[-1][0] - marks[0][0])
    done: list[Step] = []
    before = first
    for at, name, kind, href, remark in marks:
        left, width = 100 * (before - first) / whole, 100 * (at - before) / whole
        after = between(before, at) if done else ""
        seen = max(width, _SEEN_PERCENT) if done else 0.0
        done.append(
            Step(name, clock(at), after, round(min(left, 100 - seen), 2), round(seen, 2), kind, href, remark)
        )
        before = at
    return done


def _marks(change: ChangeFact) -> list[tuple[int, str, int, str, str]]:
    """What happened before it was live: when, what, which stretch it ends, and remarks."""
    told = [
        (change.first_commit_at, "first commit", 1, ""),
        (change.opened_at, "opened", 1, ""),
        (change.first_review_at, "first review", 2, ""),
        (change.approved_at, "approved", 2, f"{change.approvals} approvals" if change.approvals else ""),
        (change.merged_at, "merged", 2, f"past review by {change.emergency}" if change.emergency else ""),
    ]
    if change.merged_at is None:
        told.append((change.closed_at, "closed", 2, ""))
    return [(at, name, kind, "", remark) for at, name, kind, remark in told if at is not None]
