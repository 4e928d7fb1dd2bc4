"""The state of production: budgets, drift, and what nobody has reviewed yet."""

from __future__ import annotations

from pipeline.panels.panel import PARTS, Column, Form, Limits, Panel, Target, Unit
from pipeline.panels.scope import OF_PRODUCTION, rows

#: window of the burn rates -> its column
_WINDOWS = {"5m": "m5", "30m": "m30", "1h": "h1", "6h": "h6", "3d": "d3"}
_RATES = ", ".join(
    f"if(mapContains(burn_rates, '{window}'), burn_rates['{window}'], NULL) AS {name}"
    for window, name in _WINDOWS.items()
)
BURN = Panel(
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
WHERE {rows(*OF_PRODUCTION)} AND isNotNull(fastest_burn)
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
    wide=PARTS,
    empty="No objective is counted: report counts with `aftermerge report slo`.",
)
DRIFT = Panel(
    key="on-call-drift",
    title="What differs from what was declared?",
    question="Drifts that are open: what runs is not what the repository says. One that a running "
    "deployment explains counts as explained.",
    form=Form.TABLE,
    sql=f"""
SELECT detected_at, resource, service, environment, summary, hours, explained
FROM drift_periods
WHERE {rows(*OF_PRODUCTION)} AND isNull(corrected_at)
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
    empty="No drift is open. Argo CD, Flux and Terraform can be connected: docs/sources.md.",
)
PAST_REVIEW = Panel(
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
    empty="Everything that went past review was reviewed.",
)
