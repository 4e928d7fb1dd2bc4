"""What happened meanwhile: moments that are marked on the charts of every dashboard."""

from __future__ import annotations

from typing import Final, NamedTuple

from pipeline.panels.panel import Target
from pipeline.panels.scope import OF_PRODUCTION, lately, owned, rows

#: of each kind, the newest
MARKS_MAX: Final = 500


class Mark(NamedTuple):
    """A kind of moments. Its rows: ``time`` (UTC), ``title``, ``text``, ``tags``, and ``thing``, its name."""

    title: str
    colour: str
    leads_to: Target
    sql: str


def marks(*offered: str) -> tuple[Mark, ...]:
    """What is marked on a dashboard on which these can be chosen."""

    def asked(at: str, *cuts: str) -> str:
        return rows(*(name for name in cuts if name in offered), at=at)

    incidents = asked("opened_at", "service", "environment")
    if "team" in offered:
        incidents += f" AND {owned()}"
    return (
        _deployments(asked("live_at", *OF_PRODUCTION)),
        _incidents(incidents),
        _past_review(asked("merged_at", "service", "team")),
    )


def _deployments(asked: str) -> Mark:
    sql = f"""
SELECT
    live_at AS time, concat(service, ' in ', environment, ' ', tag) AS title,
    concat(transition, ', ', toString(changes), if(changes = 1, ' change', ' changes')) AS text,
    [service, environment] AS tags, deployment AS thing
FROM deployment_impact
WHERE {asked} AND deployment IN ({lately()})
ORDER BY live_at DESC
LIMIT {MARKS_MAX}
"""
    return Mark("Deployments", "blue", Target.DEPLOYMENT, sql)


def _incidents(asked: str) -> Mark:
    sql = f"""
SELECT
    opened_at AS time, resolved_at AS timeEnd, concat(severity, ' ', title) AS title, answer AS text,
    [service, environment] AS tags, incident AS thing
FROM incident_answers
WHERE {asked}
ORDER BY opened_at DESC
LIMIT {MARKS_MAX}
"""
    return Mark("Incidents", "red", Target.INCIDENT, sql)


def _past_review(asked: str) -> Mark:
    sql = f"""
SELECT
    merged_at AS time, change AS title, concat('past review by ', arrayStringConcat(bypassed, ', ')) AS text,
    [service, team] AS tags, change AS thing
FROM retro_reviews
WHERE {asked}
ORDER BY merged_at DESC
LIMIT {MARKS_MAX}
"""
    return Mark("Past review", "orange", Target.CHANGE, sql)
