"""What happened meanwhile: moments that are marked on the charts of every dashboard."""

from __future__ import annotations

from typing import Final, NamedTuple

from pipeline.panels.panel import Target
from pipeline.panels.scope import lately, rows

#: of each kind, the newest
MARKS_MAX: Final = 500


class Mark(NamedTuple):
    """A kind of moments. Its rows: ``time`` (UTC), ``title``, ``text``, ``tags``, and ``thing``, its name."""

    title: str
    colour: str
    leads_to: Target
    sql: str


MARKS: Final = (
    Mark(
        "Deployments",
        "blue",
        Target.DEPLOYMENT,
        f"""
SELECT
    live_at AS time, concat(service, ' in ', environment, ' ', tag) AS title,
    concat(transition, ', ', toString(changes), if(changes = 1, ' change', ' changes')) AS text,
    [service, environment] AS tags, deployment AS thing
FROM deployment_impact
WHERE {rows("service", at="live_at")} AND deployment IN ({lately()})
ORDER BY live_at DESC
LIMIT {MARKS_MAX}
""",
    ),
    Mark(
        "Incidents",
        "red",
        Target.INCIDENT,
        f"""
SELECT
    opened_at AS time, resolved_at AS timeEnd, concat(severity, ' ', title) AS title, answer AS text,
    [service, environment] AS tags, incident AS thing
FROM incident_answers
WHERE {rows("service", at="opened_at")}
ORDER BY opened_at DESC
LIMIT {MARKS_MAX}
""",
    ),
    Mark(
        "Past review",
        "orange",
        Target.CHANGE,
        f"""
SELECT
    merged_at AS time, change AS title, concat('past review by ', arrayStringConcat(bypassed, ', ')) AS text,
    [service, team] AS tags, change AS thing
FROM retro_reviews
WHERE {rows("service", at="merged_at")}
ORDER BY merged_at DESC
LIMIT {MARKS_MAX}
""",
    ),
)
