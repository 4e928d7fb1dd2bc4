"""What stands on top of the executive dashboard: a figure for each question, of the whole time."""

from __future__ import annotations

from pipeline.panels.panel import Column, Form, Limits, Panel, Target, Unit
from pipeline.panels.scope import OF_PRODUCTION, OF_REVIEW, rows, weeks

DELIVERY = Panel(
    key="executive-change-fail-rate",
    title="Do deployments fail?",
    question="Deployments that went live in this time, and how many of them failed: weighted by the "
    "probability that each caused an incident (or 1, where it was rolled back), and as whole "
    "incidents by what is known of their cause.",
    form=Form.FIGURES,
    sql=f"""
SELECT
    d.rate AS rate, d.failed AS failed, d.n AS n, i.confirmed AS confirmed, i.likely AS likely,
    i.undecided AS undecided
FROM
(
    SELECT sum(failures) / nullIf(sum(deployments), 0) AS rate, round(sum(failures), 1) AS failed,
    sum(deployments) AS n
    FROM software_delivery
    WHERE {weeks(*OF_PRODUCTION, delivery=True)}
) AS d
CROSS JOIN
(
    SELECT sum(confirmed) AS confirmed, sum(likely) AS likely, sum(undecided) AS undecided
    FROM incidents_by_cause
    WHERE {weeks(*OF_PRODUCTION, delivery=True)}
) AS i
""",
    columns=(
        Column("rate", "Change fail rate", Unit.SHARE, Limits(0.15, 0.3)),
        Column("failed", "Failed, in expectation", Unit.NUMBER),
        Column("n", "of deployments", Unit.COUNT),
        Column("confirmed", "Incidents with a confirmed cause", Unit.COUNT),
        Column("likely", "with a likely one", Unit.COUNT),
        Column("undecided", "undecided", Unit.COUNT),
    ),
    tall=5,
    empty="No deployments yet: report them with `aftermerge report deployment`, or connect what deploys.",
    leads_to=Target.ON_CALL,
)
BYPASSES = Panel(
    key="executive-bypass-rate",
    title="What went past review?",
    question="Merged changes that went past review (a label, a push, missing approvals, a rule put "
    "aside), and what became of the reviews that fall due afterwards.",
    form=Form.FIGURES,
    sql=f"""
SELECT
    sum(bypassed) / nullIf(sum(merged), 0) AS rate, sum(bypassed) AS past, sum(merged) AS n,
    sum(retro_due) AS due, sum(retro_overdue) AS overdue, sum(retro_reviewed) + sum(retro_late) AS done
FROM bypasses
WHERE {weeks(*OF_REVIEW)}
""",
    columns=(
        Column("rate", "Bypass rate", Unit.SHARE, Limits(0.05, 0.15)),
        Column("past", "Past review", Unit.COUNT),
        Column("n", "of changes", Unit.COUNT),
        Column("due", "Reviews due", Unit.COUNT),
        Column("overdue", "overdue", Unit.COUNT, Limits(1, 5)),
        Column("done", "done", Unit.COUNT),
    ),
    tall=5,
    empty="No change with its review yet: connect GitHub or GitLab.",
    leads_to=Target.REVIEW,
)
INCIDENTS = Panel(
    key="executive-incidents",
    title="What caused incidents?",
    question="Incidents of this time by what caused them, each weighted by its probability: a change, no "
    "deployment at all, or one that nobody reported.",
    form=Form.FIGURES,
    sql=f"""
SELECT
    round(sum(by_changes), 1) AS by_changes, round(sum(by_none), 1) AS by_none,
    round(sum(by_unseen), 1) AS by_unseen,
    sum(incidents) AS n, sum(final) AS final
FROM incidents_by_cause
WHERE {weeks(*OF_PRODUCTION, delivery=True)}
""",
    columns=(
        Column("by_changes", "Caused by changes", Unit.NUMBER),
        Column("by_none", "by none", Unit.NUMBER),
        Column("by_unseen", "by unseen ones", Unit.NUMBER),
        Column("n", "of incidents", Unit.COUNT),
        Column("final", "of which final", Unit.COUNT),
    ),
    tall=5,
    empty="No incidents yet: connect Alertmanager, PagerDuty, or report them with `aftermerge report "
    "incident`.",
    leads_to=Target.ON_CALL,
)
COVERAGE = Panel(
    key="executive-reviewer-coverage",
    title="Did those who own it approve?",
    question="Merged changes whose files somebody owns (CODEOWNERS of the base commit), and how many of "
    "them every group of owners approved.",
    form=Form.FIGURES,
    sql=f"""
SELECT
    sum(covered) / nullIf(sum(owned), 0) AS rate, sum(covered) AS approved, sum(owned) AS n,
    sum(unowned) AS unowned
FROM owner_coverage
WHERE {weeks(*OF_REVIEW)}
""",
    columns=(
        Column("rate", "Reviewer coverage", Unit.SHARE, Limits(0.95, 0.8)),
        Column("approved", "Approved by all owners", Unit.COUNT),
        Column("n", "of changes with owners", Unit.COUNT),
        Column("unowned", "without an owner", Unit.COUNT),
    ),
    tall=5,
    empty="No owners yet: connect GitHub or GitLab, and keep a CODEOWNERS file.",
    leads_to=Target.REVIEW,
)
OBJECTIVES = Panel(
    key="executive-objectives",
    title="Are promises kept?",
    question="Service level objectives by what is left of their error budgets, as of the newest counts.",
    form=Form.FIGURES,
    sql=f"""
SELECT
    countIf(state = 'spent') AS spent, countIf(state = 'half spent') AS half,
    countIf(notEmpty(burning)) AS burning,
    countIf(state = 'within budget') AS within, count() AS n
FROM slo_budgets
WHERE {rows(*OF_PRODUCTION)}
""",
    columns=(
        Column("spent", "Budgets spent", Unit.COUNT, Limits(1, 3)),
        Column("half", "half spent", Unit.COUNT),
        Column("burning", "burning now", Unit.COUNT, Limits(1, 1)),
        Column("within", "within budget", Unit.COUNT),
        Column("n", "of objectives", Unit.COUNT),
    ),
    tall=5,
    empty="No objectives yet: declare them in the catalogue, and report counts with `aftermerge report slo`.",
    leads_to=Target.ON_CALL,
)
VIOLATIONS = Panel(
    key="executive-violations",
    title="Are policies kept?",
    question="Violations of review policies and policy checks: caught before the merge, waived, or "
    "merged all the same.",
    form=Form.FIGURES,
    sql=f"""
SELECT
    sum(after_merge) AS after_merge, sum(caught) AS caught, sum(waived) AS waived, sum(changes) AS n
FROM policy_violations
WHERE {weeks(*OF_REVIEW)}
""",
    columns=(
        Column("after_merge", "Violations after the merge", Unit.COUNT, Limits(1, 10)),
        Column("caught", "caught in review", Unit.COUNT),
        Column("waived", "waived", Unit.COUNT),
        Column("n", "of changes", Unit.COUNT),
    ),
    tall=5,
    empty="No policy was evaluated yet: connect GitHub or GitLab; docs/catalogue.md says how to declare "
    "policies.",
    leads_to=Target.REVIEW,
)
