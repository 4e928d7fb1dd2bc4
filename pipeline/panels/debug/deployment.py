"""One deployment: what it is, what it brought, how that was reviewed and checked, what it is blamed for."""

from __future__ import annotations

from pipeline.panels.panel import PARTS, Column, Form, Limits, Panel, Target, Unit

_CHOOSE = "Choose a deployment above, or follow one from the on-call dashboard."
_ITS_CHANGES = """
    SELECT change
    FROM deployment_changes FINAL
    WHERE workspace = {workspace:String} AND deployment = {deployment:String}
"""

METADATA = Panel(
    key="debug-deployment",
    title="What was deployed?",
    question="The deployment that was chosen: tag, commit, what it replaced, and how its changes were found.",
    form=Form.TABLE,
    sql="""
SELECT
    service, environment, tag, live_at, hours_live, transition, outcome, repository, sha, changes,
    additions, link_rule,
    incidents, team, previous
FROM deployment_impact
WHERE workspace = {workspace:String} AND deployment = {deployment:String}
LIMIT 1
""",
    columns=(
        Column("service", "Service", leads_to=Target.SERVICE),
        Column("environment", "Environment"),
        Column("tag", "Tag"),
        Column("live_at", "Live since", Unit.TIME),
        Column("hours_live", "Replaced after", Unit.HOURS),
        Column("transition", "Kind"),
        Column("outcome", "Outcome"),
        Column("repository", "Repository"),
        Column("sha", "Commit"),
        Column("changes", "Changes", Unit.COUNT),
        Column("additions", "Lines added", Unit.COUNT),
        Column("link_rule", "Changes found by"),
        Column("incidents", "Incidents caused", Unit.NUMBER, Limits(0.5, 0.8)),
        Column("team", "Owner"),
        Column("previous", "Before it", leads_to=Target.DEPLOYMENT),
    ),
    wide=PARTS,
    tall=4,
    empty=_CHOOSE,
)
CHANGES = Panel(
    key="debug-changes",
    title="Which changes did it bring, and how were they reviewed?",
    question="Changes that came with the deployment, the likeliest to have broken something first: by "
    "their share of incidents, then by their risk.",
    form=Form.TABLE,
    sql=f"""
SELECT
    c.change AS change, c.title AS title, c.merged_at AS merged_at, c.additions + c.deletions AS lines,
    c.risk AS risk,
    c.approvals AS approvals, k.approvals_needed AS approvals_needed, k.bypassed AS bypassed,
    r.rubber_stamp AS rubber_stamp,
    r.substantive_comments AS comments, c.failed_checks AS failed_checks, c.reverted_by AS reverted_by,
    a.share AS share
FROM
(
    SELECT * FROM changes FINAL WHERE workspace = {{workspace:String}} AND change IN ({_ITS_CHANGES})
) AS c
LEFT JOIN
(
    SELECT change, rubber_stamp, substantive_comments
    FROM reviews FINAL
    WHERE workspace = {{workspace:String}} AND change IN ({_ITS_CHANGES})
) AS r ON r.change = c.change
LEFT JOIN
(
    SELECT change, approvals_needed, bypassed
    FROM compliance FINAL
    WHERE workspace = {{workspace:String}} AND change IN ({_ITS_CHANGES})
) AS k ON k.change = c.change
LEFT JOIN
(
    SELECT change, round(sum(probability), 3) AS share
    FROM change_attributions FINAL
    WHERE workspace = {{workspace:String}} AND deployment = {{deployment:String}}
    GROUP BY change
) AS a ON a.change = c.change
ORDER BY share DESC, risk DESC, change
LIMIT 200
SETTINGS join_use_nulls = 0
""",
    columns=(
        Column("change", "Change", leads_to=Target.CHANGE),
        Column("title", "Title"),
        Column("merged_at", "Merged", Unit.TIME),
        Column("lines", "Lines", Unit.COUNT),
        Column("risk", "Risk", Unit.SHARE, Limits(0.03, 0.05)),
        Column("approvals", "Approvals", Unit.COUNT),
        Column("approvals_needed", "asked for", Unit.COUNT),
        Column("bypassed", "Past review by", Unit.LIST),
        Column("rubber_stamp", "Rubber stamp", Unit.COUNT, Limits(1, 1)),
        Column("comments", "Comments of substance", Unit.COUNT),
        Column("failed_checks", "Failed checks", Unit.COUNT, Limits(1, 3)),
        Column("reverted_by", "Reverted by", Unit.LIST),
        Column("share", "Share of incidents", Unit.NUMBER, Limits(0.3, 0.6)),
    ),
    wide=PARTS,
    tall=10,
    empty="No change is known to have come with it. `Changes found by` above says which rule was tried.",
)
CHECKS = Panel(
    key="debug-checks",
    title="How did its checks end?",
    question="Runs of checks on the commits of its changes and on its own commit, those that failed "
    "first, with their logs.",
    form=Form.TABLE,
    sql=f"""
SELECT name, workflow, kind, outcome, attempt, minutes, ended_at, sha, url
FROM check_runs
WHERE workspace = {{workspace:String}} AND commit IN
(
    SELECT concat(repository, '@', sha)
    FROM changes FINAL
    WHERE workspace = {{workspace:String}} AND change IN ({_ITS_CHANGES})
    UNION ALL
    SELECT concat(repository, '@', sha)
    FROM deployments FINAL
    WHERE workspace = {{workspace:String}} AND deployment = {{deployment:String}}
)
ORDER BY outcome IN ('success', 'skipped'), ended_at DESC, name, attempt DESC
LIMIT 100
""",
    columns=(
        Column("name", "Check"),
        Column("workflow", "Workflow"),
        Column("kind", "Kind"),
        Column("outcome", "Outcome"),
        Column("attempt", "Attempt", Unit.COUNT),
        Column("minutes", "Took", Unit.MINUTES),
        Column("ended_at", "Ended", Unit.TIME),
        Column("sha", "Commit"),
        Column("url", "Log", leads_to=Target.ADDRESS),
    ),
    wide=PARTS,
    tall=10,
    empty="No check of its commits was told of.",
)
INCIDENTS = Panel(
    key="debug-incidents",
    title="What is it blamed for?",
    question="Incidents of which it is a candidate, with its probability and what speaks for and against it.",
    form=Form.TABLE,
    sql="""
SELECT incident, onset_at, probability, rank, lag_hours, speaks_for, speaks_against
FROM candidate_evidence
WHERE workspace = {workspace:String} AND candidate = {deployment:String}
ORDER BY probability DESC, onset_at DESC, incident
LIMIT 50
""",
    columns=(
        Column("incident", "Incident", leads_to=Target.INCIDENT),
        Column("onset_at", "Onset", Unit.TIME),
        Column("probability", "Probability", Unit.SHARE),
        Column("rank", "Rank", Unit.COUNT),
        Column("lag_hours", "Live before onset", Unit.HOURS),
        Column("speaks_for", "Speaks for it", Unit.LIST),
        Column("speaks_against", "Speaks against it", Unit.LIST),
    ),
    wide=PARTS,
    empty="It is a candidate of no incident.",
)
NUMBERS = Panel(
    key="debug-numbers",
    title="Which numbers moved with it?",
    question="Numbers that jobs report (duration, cost, lag, denials), with this deployment and with the "
    "one before it.",
    form=Form.TABLE,
    sql="""
SELECT metric, unit, median, before_median, ratio, measurements AS n, before_measurements AS n_before
FROM metrics_by_deployment
WHERE workspace = {workspace:String} AND deployment = {deployment:String}
ORDER BY abs(log(greatest(ifNull(ratio, 1), 0.000001))) DESC, metric
LIMIT 50
""",
    columns=(
        Column("metric", "Number"),
        Column("unit", "Unit"),
        Column("median", "Median", Unit.NUMBER),
        Column("before_median", "before", Unit.NUMBER),
        Column("ratio", "Ratio", Unit.NUMBER, Limits(1.5, 3)),
        Column("n", "n", Unit.COUNT),
        Column("n_before", "n before", Unit.COUNT),
    ),
    empty="No number was reported with it: `aftermerge report metric` tells of one.",
)
BUDGETS = Panel(
    key="debug-budgets",
    title="How much of error budgets was spent while it was live?",
    question="Bad events of each objective while the deployment was live, and their share of the "
    "period's budget. What is bad meanwhile need not be its work.",
    form=Form.TABLE,
    sql="""
SELECT slo, bad, total AS n, spent, consumed, counted_until_at
FROM budget_by_deployment
WHERE workspace = {workspace:String} AND deployment = {deployment:String}
ORDER BY spent DESC, slo
LIMIT 30
""",
    columns=(
        Column("slo", "Objective"),
        Column("bad", "Bad events", Unit.COUNT),
        Column("n", "of (n)", Unit.COUNT),
        Column("spent", "Budget spent", Unit.SHARE, Limits(0.1, 0.5)),
        Column("consumed", "Gone by then", Unit.SHARE, Limits(0.5, 1.0)),
        Column("counted_until_at", "As of", Unit.TIME),
    ),
    empty="No objective of its service is counted: `aftermerge report slo` tells of counts.",
)
