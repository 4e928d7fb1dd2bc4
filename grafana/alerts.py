"""Alert rules of Grafana, and who hears of them. All are paused until somebody switches them on."""

from __future__ import annotations

from typing import Any, NamedTuple

from grafana.statements import UID, target

FOLDER = "Aftermerge"
CONTACT = "Aftermerge"
EVERY = "1m"
#: how far back Grafana says that a question looks; what is asked looks at the state as it is
LOOKS_BACK_SECONDS = 3600


class Alert(NamedTuple):
    """A rule: each row of the answer to ``sql`` is something to tell; texts are labels, `value` its number.

    A column `severity` of the answer (page, ticket or security) says who hears of it; else ``severity`` does.
    """

    key: str
    title: str
    sql: str
    summary: str
    severity: str = ""
    #: how long it has to hold
    holds: str = "0s"


ALERTS = (
    Alert(
        "budget-burns",
        "An error budget is spent too fast",
        """
SELECT
    workspace, service, environment, slo, rule,
    if(severity = 'review', 'ticket', severity::String) AS severity, burn_rate AS value
FROM budget_burns FINAL
WHERE isNull(ended_at)
""",
        "{{ $labels.slo }} of {{ $labels.service }} in {{ $labels.environment }} burns by the rule "
        "{{ $labels.rule }}: the on-call dashboard shows what went live meanwhile",
    ),
    Alert(
        "signals",
        "A known way in which changes go wrong is at work",
        """
SELECT workspace, signal, subject_kind, subject, severity, measured AS value
FROM signals
WHERE open
""",
        "{{ $labels.signal }}: {{ $labels.subject_kind }} {{ $labels.subject }}",
        holds="5m",
    ),
    Alert(
        "dead-letters",
        "What was told could not be read",
        """
SELECT workspace, topic, count() AS value
FROM dead_letters FINAL
WHERE failed_at > now() - INTERVAL 1 HOUR
GROUP BY workspace, topic
""",
        "{{ $values.A }} dead letters of {{ $labels.topic }} within an hour: aftermerge dlq shows them",
        severity="ticket",
    ),
    Alert(
        "silent-sources",
        "A source has stopped telling us things",
        """
SELECT workspace, source, silence AS value
FROM silent_sources
WHERE silence > 10 AND silent_hours > 6
""",
        "{{ $labels.source }} has been silent {{ $values.A }} times as long as usual",
        severity="ticket",
        holds="10m",
    ),
)


def rules() -> dict[str, Any]:
    """The file of the rules."""
    group = {
        "orgId": 1,
        "name": "aftermerge",
        "folder": FOLDER,
        "interval": EVERY,
        "rules": [_rule(alert) for alert in ALERTS],
    }
    return {"apiVersion": 1, "groups": [group]}


def _rule(alert: Alert) -> dict[str, Any]:
    return {
        "uid": f"aftermerge-{alert.key}",
        "title": alert.title,
        "condition": "B",
        "data": [
            {
                "refId": "A",
                "relativeTimeRange": {"from": LOOKS_BACK_SECONDS, "to": 0},
                "datasourceUid": UID,
                "model": target(alert.sql),
            },
            {
                "refId": "B",
                "datasourceUid": "__expr__",
                "model": {
                    "refId": "B",
                    "type": "threshold",
                    "expression": "A",
                    # a row is enough: what is not to be told is not among them
                    "conditions": [{"evaluator": {"type": "gt", "params": [-1]}}],
                },
            },
        ],
        "for": alert.holds,
        "noDataState": "OK",
        "execErrState": "Error",
        # one $ would be read as a variable of the environment
        "annotations": {"summary": alert.summary.replace("$", "$$")},
        "labels": {"severity": alert.severity} if alert.severity else {},
        "isPaused": True,
    }


def contact_points() -> dict[str, Any]:
    """The file of whom Grafana tells: the Alertmanager, which knows who is on call."""
    receiver = {
        "uid": "aftermerge-alertmanager",
        "type": "prometheus-alertmanager",
        "settings": {"url": "$ALERTMANAGER_URL"},
    }
    return {"apiVersion": 1, "contactPoints": [{"orgId": 1, "name": CONTACT, "receivers": [receiver]}]}


def policies() -> dict[str, Any]:
    """The file of who hears of what: pages at once, everything else gathered by what it is about."""
    policy = {
        "orgId": 1,
        "receiver": CONTACT,
        "group_by": ["workspace", "service", "environment", "signal"],
        "group_wait": "1m",
        "group_interval": "10m",
        "repeat_interval": "24h",
        "routes": [
            {
                "receiver": CONTACT,
                "object_matchers": [["severity", "=", "page"]],
                "group_by": ["workspace", "service", "environment"],
                "group_wait": "10s",
                "group_interval": "5m",
                "repeat_interval": "4h",
            }
        ],
    }
    return {"apiVersion": 1, "policies": [policy]}
