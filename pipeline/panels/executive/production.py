"""What happened in production, what is left of error budgets, and which signals are open."""

from __future__ import annotations

from pipeline.panels.panel import PARTS, WEEK, Column, Form, Limits, N, Panel, Target, Unit
from pipeline.panels.scope import OF_PRODUCTION, owned, rows, weeks

CAUSES = Panel(
    key="executive-incidents-weeks",
    title="Incidents by cause",
    question="Incidents of each week, each split by the probabilities of its causes.",
    form=Form.BARS,
    reported_by=("week",),
    sql=f"""
SELECT week, by_changes, by_none, by_unseen, incidents AS n
FROM incidents_by_cause
WHERE {weeks(*OF_PRODUCTION, delivery=True)}
ORDER BY week
""",
    columns=(
        WEEK,
        Column("by_changes", "changes", Unit.NUMBER),
        Column("by_none", "no deployment", Unit.NUMBER),
        Column("by_unseen", "unseen deployment", Unit.NUMBER),
        N,
    ),
    leads_to=Target.ON_CALL,
)
LATEST = Panel(
    key="executive-incidents-latest",
    title="Did a change cause it?",
    question="The newest incidents of this time, each with the probability that a change caused it (of all "
    "candidates together), and the answer as far as it is known.",
    form=Form.TABLE,
    sql=f"""
SELECT opened_at, incident, title, service, change_probability, answer, state
FROM incident_answers
WHERE {rows("service", "environment", at="opened_at")} AND {owned()}
ORDER BY opened_at DESC, incident
LIMIT 50
""",
    columns=(
        Column("opened_at", "Opened", Unit.TIME),
        Column("incident", "Incident", leads_to=Target.INCIDENT),
        Column("title", "What"),
        Column("service", "Service", leads_to=Target.SERVICE),
        Column("change_probability", "P(change)", Unit.SHARE),
        Column("answer", "Answer"),
        Column("state", "State"),
    ),
    empty="No incident in this time. If there was one: connect Alertmanager or PagerDuty (docs/sources.md).",
)
BUDGETS = Panel(
    key="executive-budgets",
    title="Error budgets",
    question="What each objective has left of its error budget, the emptiest first. A burn rate of 1 "
    "spends exactly the whole budget over the period.",
    form=Form.TABLE,
    sql=f"""
SELECT service, environment, slo, team, target, remaining, fastest_burn, state, total AS n
FROM slo_budgets
WHERE {rows(*OF_PRODUCTION)}
ORDER BY remaining ASC NULLS LAST, service, environment, slo
LIMIT 50
""",
    columns=(
        Column("service", "Service", leads_to=Target.SERVICE),
        Column("environment", "Environment"),
        Column("slo", "Objective"),
        Column("team", "Team"),
        Column("target", "Target %", Unit.NUMBER),
        Column("remaining", "Budget left", Unit.SHARE, Limits(0.5, 0.0)),
        Column("fastest_burn", "Fastest burn", Unit.NUMBER, Limits(1, 6)),
        Column("state", "State"),
        Column("n", "n", Unit.COUNT),
    ),
    wide=PARTS,
    tall=10,
    empty="No objectives yet: declare them in the catalogue, and report counts with `aftermerge report slo`.",
    leads_to=Target.ON_CALL,
)
SIGNALS = Panel(
    key="executive-signals",
    title="What is going wrong now?",
    question="Known ways in which changes go wrong that are open: where, since when, what was measured, "
    "and what helps.",
    form=Form.TABLE,
    sql="""
SELECT signal, severity, subject_kind, subject, opened_at, measured, opens_from, mitigation
FROM signals
WHERE workspace = {workspace:String} AND open
    AND ({team:String} = '' AND {service:String} = '' OR (subject_kind, subject) IN
    (
        SELECT d.1, d.2
        FROM services FINAL
        ARRAY JOIN
            arrayConcat(
                [('service', service), ('team', if({service:String} = '', team, '')::String)],
                arrayMap(r -> ('repository', r::String), repositories)
            ) AS d
        WHERE workspace = {workspace:String} AND ({team:String} = '' OR team = {team:String})
            AND ({service:String} = '' OR service = {service:String})
    ))
ORDER BY indexOf(['page', 'security', 'ticket'], severity), opened_at DESC, signal, subject
LIMIT 50
""",
    columns=(
        Column("signal", "Signal"),
        Column("severity", "Severity"),
        Column("subject_kind", "Of"),
        Column("subject", "Which"),
        Column("opened_at", "Since", Unit.TIME),
        Column("measured", "Measured", Unit.NUMBER),
        Column("opens_from", "Opens from", Unit.NUMBER),
        Column("mitigation", "What helps"),
    ),
    wide=PARTS,
    tall=10,
    empty="No signal is open.",
)
