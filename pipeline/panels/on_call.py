"""For whoever is on call: what broke, which change did it, what to go back to, and whose it is."""

from __future__ import annotations

from pipeline.panels.choices import ENVIRONMENT, SERVICE, TEAM, WORKSPACE
from pipeline.panels.panel import PARTS, Column, Dashboard, Form, Limits, Panel, Section, Target, Unit
from pipeline.panels.scope import lately, rows

_PLACE = ("service", "team", "environment")
_WENT_LIVE = f"{rows(*_PLACE, at='live_at')} AND deployment IN ({lately()})"
_OPEN_ONES = f"""
    SELECT incident
    FROM open_incidents
    WHERE {rows(*_PLACE)} AND opened_at <= {{until:DateTime('UTC')}}
    ORDER BY opened_at DESC, incident
    LIMIT 20
"""
_CONNECT_INCIDENTS = (
    "No incident is open. If one should be: connect Alertmanager or PagerDuty, docs/sources.md says how."
)

_OPEN = Panel(
    key="on-call-open-incidents",
    title="What is broken, and which change most likely did it?",
    question="Incidents that are open, the newest first: the likeliest deployment and change with their "
    "probabilities, what to go back to, and who owns it. Read the candidate only as far as the "
    "answer allows.",
    form=Form.TABLE,
    sql=f"""
SELECT
    incident, opened_at, severity, service, environment, title, answer, deployment, tag,
    deployment_probability, change,
    change_title, rollback_target, team
FROM open_incidents
WHERE {rows(*_PLACE)} AND opened_at <= {{until:DateTime('UTC')}}
ORDER BY opened_at DESC, incident
LIMIT 20
""",
    columns=(
        Column("incident", "Incident", leads_to=Target.INCIDENT),
        Column("opened_at", "Since", Unit.TIME),
        Column("severity", "Severity"),
        Column("service", "Service", leads_to=Target.SERVICE),
        Column("environment", "Environment"),
        Column("title", "What"),
        Column("answer", "Answer"),
        Column("tag", "Deployment", leads_to=Target.DEPLOYMENT, leads_by="deployment"),
        Column("deployment_probability", "Probability", Unit.SHARE),
        Column("change", "Change", leads_to=Target.CHANGE),
        Column("change_title", "Its title"),
        Column("rollback_target", "Go back to"),
        Column("team", "Owner"),
    ),
    cuts=_PLACE,
    wide=PARTS,
    empty=_CONNECT_INCIDENTS,
)
_CANDIDATES = Panel(
    key="on-call-candidates",
    title="What speaks for and against each candidate?",
    question="The likeliest candidates of each open incident, and what was weighed, strongest first.",
    form=Form.TABLE,
    sql=f"""
SELECT
    a.incident AS incident, a.kind AS kind, a.candidate AS candidate, a.service AS service, d.tag AS tag,
    a.probability AS probability, a.lag_hours AS lag_hours, a.speaks_for AS speaks_for,
    a.speaks_against AS speaks_against
FROM
(
    SELECT *
    FROM candidate_evidence
    WHERE workspace = {{workspace:String}} AND rank <= 5 AND incident IN ({_OPEN_ONES})
) AS a
LEFT JOIN
(
    SELECT deployment, tag
    FROM deployments FINAL
    WHERE workspace = {{workspace:String}} AND deployment IN
    (
        SELECT candidate
        FROM attributions
        WHERE workspace = {{workspace:String}} AND rank <= 5 AND incident IN
        (
            SELECT incident
            FROM incidents FINAL
            WHERE workspace = {{workspace:String}} AND isNull(resolved_at)
        )
    )
) AS d ON d.deployment = a.candidate
ORDER BY a.onset_at DESC, incident, probability DESC, candidate
LIMIT 60
""",
    columns=(
        Column("incident", "Incident", leads_to=Target.INCIDENT),
        Column("kind", "Kind"),
        Column("service", "Service", leads_to=Target.SERVICE),
        Column("tag", "Deployment", leads_to=Target.DEPLOYMENT, leads_by="candidate"),
        Column("probability", "Probability", Unit.SHARE),
        Column("lag_hours", "Live before onset", Unit.HOURS),
        Column("speaks_for", "Speaks for it", Unit.LIST),
        Column("speaks_against", "Speaks against it", Unit.LIST),
    ),
    cuts=_PLACE,
    wide=PARTS,
    tall=10,
    empty=_CONNECT_INCIDENTS,
)
_RECENT = Panel(
    key="on-call-recent-deployments",
    title="Which deployments moved their objectives?",
    question="What went live in this time, the likeliest to have broken something first: incidents that "
    "it caused, in expectation, and the share of an error budget that was spent while it was "
    "live (of the worst objective).",
    form=Form.TABLE,
    sql=f"""
SELECT
    d.live_at AS live_at, d.service AS service, d.environment AS environment, d.tag AS tag,
    d.transition AS transition,
    d.changes AS changes, d.incidents AS incidents, s.spent AS spent, d.team AS team,
    d.deployment AS deployment
FROM (SELECT * FROM deployment_impact WHERE {_WENT_LIVE}) AS d
LEFT JOIN
(
    SELECT deployment, toNullable(max(spent)) AS spent
    FROM budget_spending FINAL
    WHERE {rows(at="live_at")}
    GROUP BY deployment
) AS s ON s.deployment = d.deployment
ORDER BY incidents DESC, spent DESC, live_at DESC, deployment
LIMIT 50
""",
    columns=(
        Column("live_at", "Live since", Unit.TIME),
        Column("service", "Service", leads_to=Target.SERVICE),
        Column("environment", "Environment"),
        Column("tag", "Deployment", leads_to=Target.DEPLOYMENT, leads_by="deployment"),
        Column("transition", "Kind"),
        Column("changes", "Changes", Unit.COUNT),
        Column("incidents", "Incidents caused", Unit.NUMBER, Limits(0.5, 0.8)),
        Column("spent", "Budget spent", Unit.SHARE, Limits(0.1, 0.5)),
        Column("team", "Owner"),
    ),
    cuts=_PLACE,
    wide=PARTS,
    tall=12,
    empty="Nothing went live in this time.",
)
_ROLLOUTS = Panel(
    key="on-call-rollouts",
    title="What is being rolled out?",
    question="Deployments that have only part of the traffic yet, and those that failed in this time.",
    form=Form.TABLE,
    sql=f"""
SELECT live_at, service, environment, tag, outcome, fraction, deployment
FROM deployment_impact
WHERE {_WENT_LIVE} AND (fraction < 1 AND isNull(hours_live) OR transition = 'failed')
ORDER BY live_at DESC, deployment
LIMIT 30
""",
    columns=(
        Column("live_at", "Since", Unit.TIME),
        Column("service", "Service", leads_to=Target.SERVICE),
        Column("environment", "Environment"),
        Column("tag", "Deployment", leads_to=Target.DEPLOYMENT, leads_by="deployment"),
        Column("outcome", "Outcome"),
        Column("fraction", "Traffic", Unit.SHARE),
    ),
    cuts=_PLACE,
    empty="No roll-out is under way, and none failed. Weights are told with `aftermerge report deployment`.",
)
_SMOKE = Panel(
    key="on-call-smoke-tests",
    title="Did smoke tests hold?",
    question="Checks of what was deployed (kind smoke), the newest first.",
    form=Form.TABLE,
    sql=f"""
SELECT ended_at, service, environment, tag, name, outcome, url, deployment
FROM smoke_tests
WHERE {rows("service", "environment", at="ended_at")}
ORDER BY outcome = 'success', ended_at DESC, name
LIMIT 30
""",
    columns=(
        Column("ended_at", "Ended", Unit.TIME),
        Column("service", "Service", leads_to=Target.SERVICE),
        Column("environment", "Environment"),
        Column("tag", "Deployment", leads_to=Target.DEPLOYMENT, leads_by="deployment"),
        Column("name", "Check"),
        Column("outcome", "Outcome"),
        Column("url", "Log", leads_to=Target.ADDRESS),
    ),
    cuts=("service", "environment"),
    empty="No smoke test was told of. `aftermerge report smoke` tells of one.",
)
#: window of the burn rates -> its column
_WINDOWS = {"5m": "m5", "30m": "m30", "1h": "h1", "6h": "h6", "3d": "d3"}
_RATES = ", ".join(
    f"if(mapContains(burn_rates, '{window}'), burn_rates['{window}'], NULL) AS {name}"
    for window, name in _WINDOWS.items()
)
_BURN = Panel(
    key="on-call-burn",
    title="How fast are budgets being spent?",
    question="Burn rates by window, up to the newest count: 1 spends exactly the whole budget over the "
    "period, 14.4 spends 2 % of 30 days in an hour. A rule fires where a long and a short "
    "window are both above its limit.",
    form=Form.TABLE,
    sql=f"""
SELECT
    service, environment, slo,
    {_RATES},
    remaining, burning, counted_until_at
FROM slo_budgets
WHERE {rows(*_PLACE)} AND isNotNull(fastest_burn)
ORDER BY notEmpty(burning) DESC, fastest_burn DESC, service, environment, slo
LIMIT 30
""",
    columns=(
        Column("service", "Service", leads_to=Target.SERVICE),
        Column("environment", "Environment"),
        Column("slo", "Objective"),
        Column("m5", "5 min", Unit.NUMBER, Limits(1, 14.4)),
        Column("m30", "30 min", Unit.NUMBER, Limits(1, 6)),
        Column("h1", "1 h", Unit.NUMBER, Limits(1, 14.4)),
        Column("h6", "6 h", Unit.NUMBER, Limits(1, 6)),
        Column("d3", "3 d", Unit.NUMBER, Limits(1, 3)),
        Column("remaining", "Budget left", Unit.SHARE, Limits(0.5, 0.0)),
        Column("burning", "Firing", Unit.LIST),
        Column("counted_until_at", "As of", Unit.TIME),
    ),
    cuts=_PLACE,
    wide=PARTS,
    empty="No objective is counted: report counts with `aftermerge report slo`.",
)
_DRIFT = Panel(
    key="on-call-drift",
    title="What differs from what was declared?",
    question="Drifts that are open: what runs is not what the repository says. One that a running "
    "deployment explains counts as explained.",
    form=Form.TABLE,
    sql=f"""
SELECT detected_at, resource, service, environment, summary, hours, explained
FROM drift_periods
WHERE {rows(*_PLACE)} AND isNull(corrected_at)
ORDER BY explained, detected_at DESC, resource
LIMIT 30
""",
    columns=(
        Column("detected_at", "Since", Unit.TIME),
        Column("resource", "Resource"),
        Column("service", "Service", leads_to=Target.SERVICE),
        Column("environment", "Environment"),
        Column("summary", "What differs"),
        Column("hours", "For", Unit.HOURS, Limits(4, 24)),
        Column("explained", "Explained", Unit.COUNT),
    ),
    cuts=_PLACE,
    empty="No drift is open. Argo CD, Flux and Terraform can be connected: docs/sources.md.",
)
_PAST_REVIEW = Panel(
    key="on-call-bypasses",
    title="What went past review and was not looked at yet?",
    question="Changes that went past review and whose review is due, the most overdue first.",
    form=Form.TABLE,
    sql=f"""
SELECT retro, change, service, team, bypassed, merged_at, retro_review_due_at
FROM retro_reviews
WHERE {rows("service", "team")} AND retro IN ('due', 'overdue')
ORDER BY retro_review_due_at, change
LIMIT 30
""",
    columns=(
        Column("retro", "Review is"),
        Column("change", "Change", leads_to=Target.CHANGE),
        Column("service", "Service", leads_to=Target.SERVICE),
        Column("team", "Team"),
        Column("bypassed", "Past review by", Unit.LIST),
        Column("merged_at", "Merged", Unit.TIME),
        Column("retro_review_due_at", "Due", Unit.TIME),
    ),
    cuts=("service", "team"),
    empty="Everything that went past review was reviewed.",
)

ON_CALL = Dashboard(
    key="on-call",
    title="On-call",
    question="What broke, which change did it, and what to go back to?",
    hours=24,
    refresh_seconds=30,
    choices=(WORKSPACE, TEAM, SERVICE, ENVIRONMENT),
    sections=(
        Section("Open incidents", (_OPEN, _CANDIDATES)),
        Section("What went live", (_RECENT, _ROLLOUTS, _SMOKE)),
        Section("State of production", (_BURN, _DRIFT, _PAST_REVIEW)),
    ),
)
