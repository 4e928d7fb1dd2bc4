"""What is broken, and what speaks for and against each candidate."""

from __future__ import annotations

from pipeline.panels.panel import PARTS, Column, Form, Panel, Target, Unit
from pipeline.panels.scope import OF_PRODUCTION, owned, rows

_OPEN = "SELECT incident FROM incidents FINAL WHERE workspace = {workspace:String} AND isNull(resolved_at)"
_SUSPECTED = f"workspace = {{workspace:String}} AND kind = 'deployment' AND incident IN ({_OPEN})"
# those of `open_incidents`, by the same owner, without reading what else it says of them
_OPEN_ONES = f"""
    SELECT incident
    FROM
    (
        SELECT incident, opened_at, service
        FROM incident_answers
        WHERE {rows("service", "environment")} AND isNull(resolved_at)
    ) AS i
    LEFT JOIN
    (
        SELECT incident, argMin(candidate, rank) AS suspect
        FROM attributions FINAL
        WHERE {_SUSPECTED}
        GROUP BY incident
    ) AS a USING (incident)
    LEFT JOIN
    (
        SELECT deployment AS suspect, service AS deployed
        FROM deployments FINAL
        WHERE workspace = {{workspace:String}}
            AND deployment IN (SELECT candidate FROM attributions WHERE {_SUSPECTED})
    ) AS d USING (suspect)
    WHERE {owned("if(d.deployed != '', d.deployed, i.service)")}
    ORDER BY opened_at DESC, incident
    LIMIT 20
"""
_CONNECT_INCIDENTS = (
    "No incident is open. If one should be: connect Alertmanager or PagerDuty, docs/sources.md says how."
)

OPEN = Panel(
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
WHERE {rows(*OF_PRODUCTION)}
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
    wide=PARTS,
    empty=_CONNECT_INCIDENTS,
)
CANDIDATES = Panel(
    key="on-call-candidates",
    title="What speaks for and against each candidate?",
    question="The likeliest candidates of each open incident, and what was weighed, strongest first.",
    form=Form.TABLE,
    sql=f"""
SELECT
    a.incident AS incident, a.kind AS kind, if(a.kind = 'deployment', a.candidate, '') AS candidate,
    a.service AS service, d.tag AS tag,
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
        WHERE {_SUSPECTED} AND rank <= 5
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
    wide=PARTS,
    tall=10,
    empty=_CONNECT_INCIDENTS,
)
