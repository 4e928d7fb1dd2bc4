"""An incident: the answer and what it rests on, everything around it, and what was known when."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from pipeline.core.events import MICROSECONDS
from pipeline.explain import render_text
from pipeline.explain.findings import Candidate, IncidentFindings
from pipeline.explain.incident_page import (
    anchor_word,
    answer_words,
    excluded_words,
    is_to_blame,
    onset_words,
    silent_words,
    state_words,
)
from pipeline.explain.labels import deployment_label, version_label
from pipeline.explain.words import between, clock, iso, share, span
from pipeline.pages.asking import Answer, Asking
from pipeline.pages.chosen import Chosen
from pipeline.pages.timeline import Track, ticks, track

CANDIDATES_SHOWN: Final = 8
#: the others are shown when somebody wants to see them
CANDIDATES_OPEN: Final = 3
CHANGES_SHOWN: Final = 5
#: a reason that moves the odds by this much (natural logarithm) fills half of the bar
_FULL = 5.0
_TEXT_WIDTH = 100
_HOUR = 3_600 * MICROSECONDS

#: what else happened around an incident, that of its own service first
AROUND: Final = """
SELECT kind, key, title, at, until, service
FROM
(
    SELECT 'incident' AS kind, incident AS key, title, toUnixTimestamp64Micro(opened_at) AS at,
        if(isNull(resolved_at), NULL, toUnixTimestamp64Micro(assumeNotNull(resolved_at))) AS until, service
    FROM incidents FINAL
    WHERE workspace = {workspace:String} AND environment = {environment:String}
        AND incident != {incident:String}
        AND toUnixTimestamp64Micro(opened_at) BETWEEN {from:Int64} AND {to:Int64}
    UNION ALL
    SELECT 'burn', slo, concat('error budget of ', slo, ' burns'), toUnixTimestamp64Micro(started_at),
        if(isNull(ended_at), NULL, toUnixTimestamp64Micro(assumeNotNull(ended_at))), service
    FROM burns FINAL
    WHERE workspace = {workspace:String} AND environment = {environment:String}
        AND toUnixTimestamp64Micro(started_at) BETWEEN {from:Int64} AND {to:Int64}
    UNION ALL
    SELECT 'burn', slo, concat('rule "', rule, '" of ', slo, ' fires'), toUnixTimestamp64Micro(began_at),
        if(isNull(ended_at), NULL, toUnixTimestamp64Micro(assumeNotNull(ended_at))), service
    FROM budget_burns FINAL
    WHERE workspace = {workspace:String} AND environment = {environment:String}
        AND toUnixTimestamp64Micro(began_at) BETWEEN {from:Int64} AND {to:Int64}
    UNION ALL
    SELECT 'drift', resource, concat(resource, ' drifts: ', summary), toUnixTimestamp64Micro(detected_at),
        if(isNull(corrected_at), NULL, toUnixTimestamp64Micro(assumeNotNull(corrected_at))), service
    FROM drifts FINAL
    WHERE workspace = {workspace:String} AND environment = {environment:String}
        AND toUnixTimestamp64Micro(detected_at) BETWEEN {from:Int64} AND {to:Int64}
)
ORDER BY service != {service:String}, abs(at - {onset:Int64}), key
LIMIT 16
"""


class Bar(NamedTuple):
    """A reason as a bar from the middle, in percent of the width."""

    text: str
    side: str
    left: float
    width: float
    #: how much it multiplies the odds by
    odds: str


class Suspect(NamedTuple):
    """A candidate as it is shown."""

    rank: int
    label: str
    href: str
    probability: float
    told: str
    when: str
    reasons: list[Bar]
    changes: list[tuple[str, str, str, str]]
    more_changes: int


async def around(asking: Asking, found: IncidentFindings, role: str) -> Answer:
    """What else happened, in the days around it."""
    incident = found.incident
    end = incident.resolved_at or incident.opened_at
    return await asking.ask(
        AROUND,
        {
            "workspace": found.workspace,
            "environment": incident.environment,
            "incident": incident.incident,
            "service": incident.service,
            "onset": incident.onset_at,
            "from": incident.onset_at - 72 * _HOUR,
            "to": max(end, incident.onset_at) + 24 * _HOUR,
        },
        role,
    )


def incident_context(found: IncidentFindings, others: Answer, told: Chosen, now: int) -> dict[str, Any]:
    """What the template is told; ``now`` in microseconds UTC."""
    incident = found.incident
    suspects = [
        _suspect(candidate, told, anchor_word(found)) for candidate in found.candidates[:CANDIDATES_SHOWN]
    ]
    rest = max(0.0, 1 - sum(one.probability for one in suspects) - _apart(found))
    return {
        "found": found,
        "incident": incident,
        "answer": ", ".join(answer_words(found)),
        "state": "; ".join(state_words(found)),
        "onset": ": ".join(onset_words(found)),
        "opened": clock(incident.opened_at),
        "resolved": clock(incident.resolved_at) if incident.resolved_at is not None else "",
        "lasted": between(incident.opened_at, incident.resolved_at)
        if incident.resolved_at is not None
        else "",
        "suspects": suspects[:CANDIDATES_OPEN],
        "further": suspects[CANDIDATES_OPEN:],
        "others": [
            ("no deployment caused it", incident.none_probability, share(incident.none_probability)),
            ("one that nobody reported", incident.unseen_probability, share(incident.unseen_probability)),
            (f"{max(0, incident.candidates - len(suspects)):,} other deployments", rest, share(rest)),
        ],
        "left_out": excluded_words(found),
        "silent": silent_words(found),
        "tracks": _tracks(found, others, told),
        "ticks": ticks(),
        "around_trouble": others.trouble,
        "rollback": _rollback(found, told),
        "as_text": render_text(found, _TEXT_WIDTH),
        "moments": _moments(found, told, now),
        "verdicts": [
            (
                iso(event.time),
                clock(event.time),
                event.verdict,
                event.cause or event.deployment,
                event.because,
            )
            for event in found.verdicts
        ],
        "causes": _causes(found),
    }


def _apart(found: IncidentFindings) -> float:
    return found.incident.none_probability + found.incident.unseen_probability


def _suspect(candidate: Candidate, told: Chosen, anchor: str) -> Suspect:
    row = candidate.row
    label = deployment_label(candidate.deployment) if candidate.deployment is not None else row.candidate
    when = ""
    if row.lag_seconds is not None:
        when = f"live {span(row.lag_seconds)} {'before' if row.lag_seconds >= 0 else 'after'} {anchor}"
    changes = [
        (
            entry.key,
            told.address("/change", change=entry.key),
            entry.change.title if entry.change is not None else "",
            share(entry.share) if entry.share else "",
        )
        for entry in candidate.changes[:CHANGES_SHOWN]
    ]
    return Suspect(
        row.rank,
        label,
        told.address("/deployment", deployment=row.candidate),
        row.probability,
        share(row.probability),
        when,
        [
            _bar(
                reason.text or reason.name.replace("_", " "), reason.side, reason.log - (reason.beside or 0.0)
            )
            for reason in candidate.reasons
        ],
        changes,
        max(0, len(candidate.changes) - CHANGES_SHOWN),
    )


def _bar(text: str, side: str, log: float) -> Bar:
    width = round(min(1.0, abs(log) / _FULL) * 50, 2)
    odds = (
        f"× {min(9999, 2.718281828459045 ** abs(log)):.3g}"
        if log >= 0
        else f"÷ {2.718281828459045 ** min(9.2, -log):.3g}"
    )
    return Bar(text, side, 50.0 if log >= 0 else 50 - width, max(width, 0.4), odds)


def _tracks(found: IncidentFindings, others: Answer, told: Chosen) -> list[Track]:
    """Everything on one line, in the order in which it happened."""
    incident, middle = found.incident, found.incident.onset_at
    tracks = [
        track(
            "incident", "this incident was opened", "", incident.opened_at, middle, until=incident.resolved_at
        )
    ]
    for candidate in found.candidates[:CANDIDATES_SHOWN]:
        one = candidate.deployment
        if one is not None:
            href = told.address("/deployment", deployment=one.deployment)
            remark = f"{share(candidate.row.probability)} likely"
            tracks.append(
                track("deployment", deployment_label(one), href, one.live_at, middle, remark=remark)
            )
    if found.rollback is not None and found.rollback.undone_by is not None:
        undone = found.rollback.undone_by
        href = told.address("/deployment", deployment=undone.deployment)
        tracks.append(
            track("deployment", f"rolled back to {deployment_label(undone)}", href, undone.live_at, middle)
        )
    for event in found.verdicts:
        tracks.append(track("verdict", f"a person: {event.verdict} {event.cause}", "", event.time, middle))
    for kind, key, title, at, until, service in others.rows:
        href = told.address("/incident", incident=key) if kind == "incident" else ""
        tracks.append(track(kind, f"{title}", href, at, middle, until=until, remark=service))
    return sorted(tracks, key=lambda one: (one.at, one.kind, one.title))


def _rollback(found: IncidentFindings, told: Chosen) -> dict[str, Any] | None:
    rollback = found.rollback
    if rollback is None or not is_to_blame(found):
        return None
    if rollback.undone_by is not None:
        return {
            "state": "done",
            "done": deployment_label(rollback.undone_by),
            "at": clock(rollback.undone_by.live_at),
        }
    if rollback.target is None:
        return {"state": "unknown"}
    return {
        "state": "possible",
        "to": version_label(rollback.target),
        "of": clock(rollback.target.live_at),
        "href": told.address("/deployment", deployment=rollback.target.deployment),
        "changes": rollback.deployment.changes,
        "later": [deployment_label(row) for row in rollback.later],
        "later_changes": len(rollback.later_changes),
    }


def _moments(found: IncidentFindings, told: Chosen, now: int) -> list[tuple[str, str, bool]]:
    """Moments at which somebody looked, or could have: their names, addresses, and which one is shown."""
    incident = found.incident
    marks = [("a minute after it was opened", incident.opened_at + 60 * MICROSECONDS)]
    marks += [("an hour later", incident.opened_at + _HOUR), ("a day later", incident.opened_at + 24 * _HOUR)]
    if incident.resolved_at is not None:
        marks.append(("when it was resolved", incident.resolved_at))
    marks.append(("when the answer became final", incident.final_at))
    plain = told._replace(at=0)
    moments = [
        (name, plain.address("/incident", incident=incident.incident, as_of=iso(at)), found.as_of == at)
        for name, at in sorted(marks, key=lambda mark: mark[1])
        if at <= now
    ]
    latest = plain.address("/incident", incident=incident.incident)
    return [*moments, ("now", latest, found.as_of is None)]


def _causes(found: IncidentFindings) -> list[tuple[str, str, str]]:
    """What a person can say caused it: what is said, its name, and a remark."""
    causes: list[tuple[str, str, str]] = []
    for candidate in found.candidates[:CANDIDATES_SHOWN]:
        for entry in candidate.changes[:CHANGES_SHOWN]:
            title = entry.change.title if entry.change is not None else ""
            if entry.key not in {known for known, *_ in causes}:
                causes.append((entry.key, entry.key, title))
    return [
        *causes[:10],
        ("none", "No deployment", "a dependency, load, hardware, a person's hand"),
        ("unseen", "One that nobody reported", ""),
    ]
