"""What waits, and for whom."""

from __future__ import annotations

from pipeline.panels.panel import PARTS, Column, Form, Limits, Panel, Target, Unit
from pipeline.panels.scope import OF_REVIEW, cut, rows

CONNECT = "No request with its review yet: connect GitHub or GitLab, docs/sources.md says how."

BACKLOG = Panel(
    key="review-backlog",
    title="How much waits, and for whom?",
    question="Open requests by whose turn it is; overdue is what has waited longer for reviewers than "
    "was promised, in their working hours.",
    form=Form.FIGURES,
    sql=f"""
SELECT
    sum(waiting) AS at_reviewers, sum(overdue) AS late, sum(at_author) AS at_authors,
    sum(at_merge) AS to_merge,
    max(working_hours_p90) AS p90, sum(open) AS n
FROM review_backlog
WHERE workspace = {{workspace:String}} AND {cut(*OF_REVIEW)}
""",
    columns=(
        Column("at_reviewers", "Reviewers' turn", Unit.COUNT),
        Column("late", "overdue", Unit.COUNT, Limits(1, 10)),
        Column("at_authors", "Authors' turn", Unit.COUNT),
        Column("to_merge", "To be merged", Unit.COUNT),
        Column("p90", "90 % wait up to (working hours)", Unit.HOURS, Limits(8, 24)),
        Column("n", "of open requests", Unit.COUNT),
    ),
    wide=PARTS,
    tall=5,
    empty=CONNECT,
)
OPEN = Panel(
    key="review-open",
    title="Whose turn is it?",
    question="Open requests, the longest unanswered first, in working hours of those who are waited on.",
    form=Form.TABLE,
    sql=f"""
SELECT change, turn, waited_on, working_hours, target_hours, overdue, open_hours, size, team, service
FROM open_reviews
WHERE {rows(*OF_REVIEW)} AND NOT bot
ORDER BY overdue DESC, working_hours DESC NULLS LAST, open_hours DESC, change
LIMIT 100
""",
    columns=(
        Column("change", "Request", leads_to=Target.CHANGE),
        Column("turn", "Turn"),
        Column("waited_on", "Waited on", Unit.LIST),
        Column("working_hours", "Waited (working hours)", Unit.HOURS),
        Column("target_hours", "Promised", Unit.HOURS),
        Column("overdue", "Overdue", Unit.COUNT, Limits(1, 1)),
        Column("open_hours", "Open for", Unit.HOURS),
        Column("size", "Size"),
        Column("team", "Team"),
        Column("service", "Service", leads_to=Target.SERVICE),
    ),
    wide=PARTS,
    tall=12,
    empty="Nothing is open.",
)
