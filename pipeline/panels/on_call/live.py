"""What went live, what is being rolled out, and whether it held."""

from __future__ import annotations

from pipeline.panels.panel import PARTS, Column, Form, Limits, Panel, Target, Unit
from pipeline.panels.scope import OF_PRODUCTION, lately, rows

_IN_TIME = "live_at >= {since:DateTime('UTC')} AND live_at <= {until:DateTime('UTC')}"
_WENT_LIVE = f"{rows(*OF_PRODUCTION, at='live_at')} AND deployment IN ({lately()})"
RECENT = Panel(
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
    SELECT deployment, toNullable(max(newest_spent)) AS spent
    FROM
    (
        -- the newest rows of these deployments alone: FINAL would merge those of all
        SELECT deployment, argMax(spent, version) AS newest_spent, argMax(is_deleted, version) AS gone
        FROM budget_spending
        WHERE workspace = {{workspace:String}} AND deployment IN ({lately()})
        GROUP BY workspace, slo, service, environment, deployment
    )
    WHERE NOT gone
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
    wide=PARTS,
    tall=12,
    empty="Nothing went live in this time.",
)
ROLLOUTS = Panel(
    key="on-call-rollouts",
    title="What is being rolled out?",
    question="Deployments that have only part of the traffic yet, however long, and those that failed in "
    "this time.",
    form=Form.TABLE,
    sql=f"""
SELECT live_at, service, environment, tag, outcome, fraction, deployment
FROM deployment_impact
WHERE
    {rows(*OF_PRODUCTION)}
    AND (fraction < 1 AND isNull(hours_live) OR transition = 'failed' AND {_IN_TIME})
    AND deployment IN
    (
        SELECT deployment
        FROM deployments
        WHERE workspace = {{workspace:String}}
            AND (fraction < 1 AND isNull(replaced_at) OR transition = 'failed' AND {_IN_TIME})
    )
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
    empty="No roll-out is under way, and none failed. Weights are told with `aftermerge report deployment`.",
)
_SMOKED = f"""
    SELECT id, sha
    FROM events_check_finished
    WHERE {rows(at="time")} AND kind = 'smoke' AND sha != ''
"""
SMOKE = Panel(
    key="on-call-smoke-tests",
    title="Did smoke tests hold?",
    question="Checks of what was deployed (kind smoke), the newest first.",
    form=Form.TABLE,
    # as the view `smoke_tests` does, but from what ended in the time on: it may be one of millions
    sql=f"""
SELECT
    r.ended_at AS ended_at, d.service AS service, d.environment AS environment, d.tag AS tag, r.name AS name,
    r.outcome AS outcome, r.url AS url, d.deployment AS deployment
FROM
(
    SELECT repository, sha, name, outcome, url, ended_at
    FROM check_runs
    WHERE {rows(at="ended_at")} AND kind = 'smoke' AND id IN (SELECT id FROM ({_SMOKED}))
) AS r
ASOF LEFT JOIN
(
    SELECT repository::String AS repository, sha, service, environment, tag, deployment, live_at
    FROM deployments FINAL
    WHERE workspace = {{workspace:String}} AND deployment IN
    (
        SELECT deployment
        FROM deployments
        WHERE workspace = {{workspace:String}} AND sha IN (SELECT sha FROM ({_SMOKED}))
    )
) AS d ON d.repository = r.repository AND d.sha = r.sha AND d.live_at <= r.ended_at
WHERE ({{service:String}} = '' OR d.service = {{service:String}})
    AND ({{environment:String}} = '' OR d.environment = {{environment:String}})
ORDER BY outcome = 'success', ended_at DESC, name
LIMIT 30
SETTINGS join_use_nulls = 0
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
    empty="No smoke test was told of. `aftermerge report smoke` tells of one.",
)
