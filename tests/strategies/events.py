"""One strategy per event type.

Everything is drawn from few names and a coarse grid of times (``names``), so that ids, references and
instants collide often, and a failing example shrinks to something a person can read. Use ``EVENTS[record]``
for one type, ``events()`` for any, ``wild_events()`` where only the types hold (for codecs and
stores).
"""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import strategies as st

from pipeline.core import events as e
from tests.strategies.counting import COUNTING
from tests.strategies.live import LIVE
from tests.strategies.names import (
    BEGINNING,
    BRANCHES,
    DAY,
    INCIDENTS,
    INT64_MAX,
    NAMES,
    PATHS,
    PERSONS,
    REPOSITORIES,
    SERVICE,
    SERVICES,
    SHAS,
    SIZES,
    SOURCES,
    TAGS,
    TEAMS,
    TIME_MAX,
    TIME_MIN,
    TITLES,
    change_of,
    event_of,
    maybe,
    of,
    reference_lists,
    references,
    some,
    times,
)

_SAID: dict[str, st.SearchStrategy[Any]] = {
    "emergency": of(("", "hotfix")),
    "incidents": some(("INC-12", "4711")),
    "sections": some(("impact", "runbook")),
}
_REQUEST: dict[str, st.SearchStrategy[Any]] = {
    "branch": of(BRANCHES),
    "title": of(TITLES),
    "author": maybe(of(PERSONS), ""),
    "head_sha": maybe(of(SHAS), ""),
    "draft": st.booleans(),
    "labels": some(("bot", "hotfix")),
    "reverts": reference_lists(),
    **_SAID,
}
#: row labels that break naive quoting, joining and cutting
_TEXTS = st.one_of(
    of(("", "a'b", 'a"b', "a\\b", "a\tb\nc", "%s", "ä€😀", "NULL", "\x00")), st.text(max_size=8)
)
_FRACTION = of((0.0, 0.05, 0.5, 1.0))

#: record -> a strategy for its events; a test says which record has none
EVENTS: dict[str, st.SearchStrategy[Any]] = {
    "change_opened": change_of(e.ChangeOpened, "opened", **_REQUEST),
    "change_updated": change_of(e.ChangeUpdated, "updated {time}", **_REQUEST),
    "change_merged": change_of(
        e.ChangeMerged,
        "merged",
        branch=of(BRANCHES),
        sha=of(SHAS),
        commits=some(SHAS),
        title=of(TITLES),
        author=maybe(of(PERSONS), ""),
        merged_by=maybe(of(PERSONS), ""),
        opened_at=maybe(times()),
        additions=maybe(SIZES),
        deletions=maybe(SIZES),
        files=maybe(SIZES),
        paths=some(PATHS),
        owners=some(("@acme/money", PERSONS[0])),
        labels=some(("bot", "hotfix")),
        reverts=reference_lists(),
        **_SAID,
    ),
    "change_abandoned": change_of(e.ChangeAbandoned, "abandoned"),
    "review_submitted": change_of(
        e.ReviewSubmitted,
        "review {reviewer} {time}",
        reviewer=of(PERSONS),
        decision=of(("approved", "changes_requested", "commented", "dismissed")),
        commit_sha=maybe(of(SHAS), ""),
        comments=maybe(st.integers(0, 5)),
        bot=st.booleans(),
        characters=maybe(SIZES),
        words=maybe(SIZES),
        code=st.booleans(),
        suggestion=st.booleans(),
        question=st.booleans(),
        request=st.booleans(),
        filler=st.booleans(),
    ),
    "check_finished": event_of(
        e.CheckFinished,
        "check {name} {attempt}",
        {
            "commit": st.builds(lambda repository, sha: f"{repository}@{sha}", of(REPOSITORIES), of(SHAS)),
            "repository": of(REPOSITORIES),
            "sha": of(SHAS),
            "name": of(NAMES),
            "kind": of(("build", "test", "policy", "security", "smoke")),
            "attempt": st.integers(1, 3),
            "outcome": of(("success", "failure", "cancel", "error")),
            "started_at": maybe(times()),
            "url": of(("", "https://ci.example/1")),
            "workflow": of(("", "build and test")),
            "branch": of(BRANCHES),
        },
        SOURCES[2:],
    ),
    "artifact_packaged": event_of(
        e.ArtifactPackaged,
        "packaged",
        {
            "artifact": st.builds(lambda service, tag: f"pkg:oci/{service}@{tag}", of(SERVICES), of(TAGS)),
            "tag": of(TAGS),
            "digest": of(("", "sha256:0")),
            "repository": of(REPOSITORIES),
            "sha": maybe(of(SHAS), ""),
        },
        SOURCES[2:],
    ),
    "deployment_progressed": event_of(
        e.DeploymentProgressed,
        "stage {stage}",
        {
            "deployment": of(("deployment-1", "deployment-2", "deployment-3")),
            **SERVICE,
            "stage": of(("started", "canary", "half")),
            "fraction": maybe(_FRACTION),
        },
        SOURCES[:2],
    ),
    "deployment_finished": event_of(
        e.DeploymentFinished,
        "finished",
        {
            "deployment": of(("deployment-1", "deployment-2", "deployment-3")),
            **SERVICE,
            "kind": of(("service", "flag", "configuration")),
            "outcome": of(("success", "failure")),
            "tag": maybe(of(TAGS), ""),
            "artifact": of(("", "pkg:oci/api@v1")),
            "repository": maybe(of(REPOSITORIES), ""),
            "branch": of(BRANCHES),
            "sha": maybe(of(SHAS), ""),
            "previous_sha": maybe(of(SHAS), ""),
            "changes": reference_lists(),
            "commits": some(SHAS),
            "shared_id": of(("", "run-1")),
            "started_at": maybe(times()),
            "rolled_back": st.booleans(),
            "actor": maybe(of(PERSONS), ""),
        },
        SOURCES[:2],
    ),
    "incident_detected": event_of(
        e.IncidentDetected,
        "detected",
        {
            "incident": of(INCIDENTS),
            **SERVICE,
            "severity": of(("", "critical", "minor")),
            "title": of(("", "Checkout fails")),
            "deduplication_key": of(("", "checkout")),
            "ticket": of(("", "OPS-1")),
            "component": of(("", "web", "docs")),
            "mentions": reference_lists(),
            "onset_at": maybe(times()),
            "onset_earliest_at": maybe(times()),
        },
    ),
    "incident_updated": event_of(
        e.IncidentUpdated,
        "updated {time}",
        {
            "incident": of(INCIDENTS),
            "status": of(("", "acknowledged", "mitigated")),
            "service": maybe(of(SERVICES), ""),
            "severity": of(("", "critical", "minor")),
            "ticket": of(("", "OPS-1")),
            "component": of(("", "web", "docs")),
            "mentions": reference_lists(),
            "causes": reference_lists(),
            "responders": some(PERSONS),
            "postmortem": of(("", "https://wiki.example/1")),
        },
    ),
    "incident_resolved": event_of(
        e.IncidentResolved,
        "resolved",
        {"incident": of(INCIDENTS), "service": maybe(of(SERVICES), "")},
    ),
    "burn_started": event_of(
        e.BurnStarted,
        "burn started {time}",
        {
            "slo": of(("api-availability", "web-latency")),
            **SERVICE,
            "burn_rate": maybe(of((1.0, 14.4))),
            "window_seconds": maybe(of((300, 3600))),
        },
    ),
    "burn_ended": event_of(
        e.BurnEnded, "burn ended {time}", {"slo": of(("api-availability", "web-latency")), **SERVICE}
    ),
    "drift_detected": event_of(
        e.DriftDetected,
        "drift {time}",
        {"resource": of(("network", "bucket")), **SERVICE, "summary": of(("", "1 changed"))},
    ),
    "drift_corrected": event_of(
        e.DriftCorrected, "drift corrected {time}", {"resource": of(("network", "bucket")), **SERVICE}
    ),
    "verdict_given": event_of(
        e.VerdictGiven,
        "verdict {verdict} {time}",
        {
            "verdict_key": of(INCIDENTS),
            "incident": of(INCIDENTS),
            "verdict": of(("cause", "merge", "onset", "ignore")),
            "cause": st.one_of(of(("", "none", "unseen")), references()),
            "other_incident": maybe(of(INCIDENTS), ""),
            "deployment": of(("", "deployment-1", "deployment-2")),
            "onset_at": maybe(times()),
            "by": of(PERSONS),
            "because": of(("", "it was the flag")),
        },
        ("person",),
    ),
    "service_declared": event_of(
        e.ServiceDeclared,
        "declared {time}",
        {
            "service": of(SERVICES),
            "team": of(("", "money")),
            "tier": maybe(st.integers(0, 3)),
            "repositories": some(REPOSITORIES),
            "paths": some(PATHS),
            "depends_on": some(SERVICES),  # itself too, and in circles
            "aliases": some((*SERVICES, "api-prod")),
        },
        ("catalogue",),
    ),
    "team_declared": event_of(
        e.TeamDeclared,
        "declared {time}",
        {
            "team": of(TEAMS),
            "members": some(PERSONS),
            "aliases": some((*TEAMS, "acme/money")),
            "zone": of(("", "Europe/Berlin")),
            "days": some((1, 5, 6)).map(sorted),
            "opens_minute": maybe(of((0, 8 * 60))),
            "closes_minute": maybe(of((18 * 60, 24 * 60))),
            "holidays": some((19_723, 19_724)).map(sorted),  # the first days of the grid
            "offsets_from": st.just([BEGINNING + 7 * DAY]),
            "offsets_seconds": of(([3_600, 7_200], [-12_600, -9_000])),
            "response_minutes": maybe(of((60, 240))),
        },
        ("catalogue",),
    ),
    "class_declared": event_of(
        e.ClassDeclared,
        "declared {time}",
        {
            "change_class": of(("iam", "own")),
            "paths": some(("web/", "*.py", "docs/**")),
            "labels": some(("hotfix", "bot")),
        },
        ("catalogue",),
    ),
    "policy_declared": event_of(
        e.PolicyDeclared,
        "declared {time}",
        {
            "policy": of(("strict", "all")),
            "classes": some(("iam", "own", "docs", "code")),
            "tiers": some((1, 2)),
            "approvals": maybe(st.integers(0, 2)),
            "roles": some(TEAMS),
            "sections": some(("runbook", "impact")),
            "owner_approval": st.booleans(),
            "retro_review_minutes": maybe(of((60, 1_440))),
        },
        ("catalogue",),
    ),
    "threshold_set": event_of(
        e.ThresholdSet,
        "set {time}",
        {
            "signal": of(("rubber-stamping", "bypass-abuse")),
            "opens_from": maybe(of((0.25, 0.5))),
            "closes_below": maybe(of((0.125, 0.25))),
            "cases_min": maybe(st.integers(1, 20)),
            "within_minutes": maybe(of((60, 1_440))),
            "off": st.booleans(),
            "bad_from": maybe(st.integers(1, 300)),
        },
        ("catalogue",),
    ),
    **LIVE,
    **COUNTING,
    "clock_ticked": event_of(e.ClockTicked, "{time}", {"clock": st.just("clock")}, ("clock",)),
}


def events(*records: str) -> st.SearchStrategy[Any]:
    """Events of any type, or of the named records."""
    return st.one_of([EVENTS[record] for record in records or EVENTS])


#: what of a team the edge leaves as it is: days and dates in order, and offsets, which no zone has to give
_TEAM: dict[str, st.SearchStrategy[Any]] = {
    "days": some(range(1, 8), 7).map(sorted),
    "opens_minute": maybe(st.integers(0, 9 * 60)),
    "closes_minute": maybe(st.integers(17 * 60, 24 * 60)),
    "holidays": st.lists(st.integers(7_305, 107_000), max_size=3, unique=True).map(sorted),
    "offsets_from": st.tuples(st.integers(TIME_MIN, BEGINNING), st.integers(BEGINNING + 1, TIME_MAX)).map(
        list
    ),
    "offsets_seconds": st.lists(st.integers(-86_399, 86_399), min_size=3, max_size=3),
    "response_minutes": maybe(st.integers(1, 527_040)),
}


#: what of an objective and of counters the edge lets through
_OBJECTIVE: dict[str, st.SearchStrategy[Any]] = {
    "target_ppm": maybe(st.integers(1, 999_999)),
    "period_days": maybe(st.integers(1, 92)),
    "seconds": maybe(st.integers(1, 86_400)),
    "good": maybe(st.integers(0, 1_000)),
    "total": maybe(st.integers(1_000, 10**12)),
}


def _wild(kind: Any, name: str) -> st.SearchStrategy[Any]:
    """Any value that a field's type and the edge allow."""
    if name.endswith("_at") or name == "time":
        instants = st.integers(TIME_MIN, TIME_MAX)
        return instants if kind is int else maybe(instants)
    if name in {"author", "merged_by", "reviewer", "actor", "by"}:
        return maybe(of(PERSONS), "")
    if name in {"responders", "members"}:
        return st.lists(of(PERSONS), max_size=3)
    if name == "owners":
        return st.lists(of(("@acme/money", "docs-people", *PERSONS)), max_size=3)
    if name == "groups":
        return st.lists(of(("@acme/money", f"{PERSONS[0]} @acme/money", *PERSONS)), max_size=3)
    if name in _TEAM:
        return _TEAM[name]
    if name in _OBJECTIVE:
        return _OBJECTIVE[name]
    return {
        str: _TEXTS,
        bool: st.booleans(),
        int: st.integers(-INT64_MAX - 1, INT64_MAX),
        int | None: maybe(st.integers(-INT64_MAX - 1, INT64_MAX)),
        float | None: maybe(st.floats(allow_nan=False, allow_infinity=False)),
        list[str]: st.lists(_TEXTS, max_size=3),
        list[int]: st.lists(st.integers(-INT64_MAX - 1, INT64_MAX), max_size=3),
    }[kind]


def wild_events(*records: str) -> st.SearchStrategy[Any]:
    """Events with any values at all; only ids, sources and keys are never empty."""

    def any_of(record: str) -> st.SearchStrategy[Any]:
        struct = e.RECORDS[record]
        fields = {info.name: _wild(info.type, info.name) for info in msgspec.structs.fields(struct)}
        for name in ("id", "source", struct.key_field):
            fields[name] = _TEXTS.filter(bool)
        return st.builds(struct, **fields)

    return st.one_of([any_of(record) for record in records or e.RECORDS])
