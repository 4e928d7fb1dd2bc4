"""One strategy per event type, and the names and times that all strategies share.

Everything is drawn from few names and a coarse grid of times, so that ids, references and instants
collide often, and a failing example shrinks to something a person can read. Use ``EVENTS[record]``
for one type, ``events()`` for any, ``wild_events()`` where only the types hold (for codecs and
stores).
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from hypothesis import strategies as st

from pipeline.core import events as e

E = TypeVar("E", bound=e.Event)

MINUTE = 60 * e.MICROSECONDS
HOUR = 60 * MINUTE
DAY = 24 * HOUR
#: Monday, 2024-01-01
BEGINNING = int(datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC).timestamp()) * e.MICROSECONDS
#: times are multiples of this after the beginning
STEP = 10 * MINUTE
STEPS_MAX = 6 * 24 * 21

INT64_MAX = 2**63 - 1
#: what the edge lets through as a time
TIME_MIN = int(datetime.datetime(1990, 1, 1, tzinfo=datetime.UTC).timestamp()) * e.MICROSECONDS
TIME_MAX = int(datetime.datetime(2263, 1, 1, tzinfo=datetime.UTC).timestamp()) * e.MICROSECONDS - 1

SERVICES = ("api", "web", "billing", "search")
REPOSITORIES = ("acme/api", "acme/shop")
ENVIRONMENTS = ("production", "staging")
BRANCHES = ("main", "")
SOURCES = ("github", "gitops", "ci")
TAGS = ("v1", "v2", "v3", "v4")
NAMES = ("unit", "lint", "smoke")
PATHS = ("web/app", "billing/src", "search/index", "docs", ".")
SHAS = tuple(f"{number:040x}" for number in range(0xA1, 0xA9))
PERSONS = tuple(f"p:{number:016x}" for number in range(1, 5))
NUMBERS = tuple(range(1, 7))
INCIDENTS = ("incident-1", "incident-2", "incident-3")
TITLES = ("", "Fix the total", "Bump rails", 'Revert "Fix the total"')


def times(steps_max: int = STEPS_MAX) -> st.SearchStrategy[int]:
    """Instants on the grid."""
    return st.integers(0, steps_max).map(lambda step: BEGINNING + step * STEP)


def requests() -> st.SearchStrategy[tuple[str, int]]:
    return st.tuples(st.sampled_from(REPOSITORIES), st.sampled_from(NUMBERS))


def references() -> st.SearchStrategy[str]:
    """Change keys of requests and of direct commits, and bare shas."""
    return st.one_of(
        requests().map(lambda request: f"{request[0]}#{request[1]}"),
        st.builds(lambda repository, sha: f"{repository}@{sha}", _of(REPOSITORIES), _of(SHAS)),
        _of(SHAS),
    )


def _of(values: Sequence[Any]) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


def _maybe(strategy: st.SearchStrategy[Any], absent: Any = None) -> st.SearchStrategy[Any]:
    return st.one_of(st.just(absent), strategy)


def _some(values: Sequence[Any], size: int = 3) -> st.SearchStrategy[list[Any]]:
    return st.lists(_of(values), max_size=size, unique=True)


def _references(size: int = 2) -> st.SearchStrategy[list[str]]:
    return st.lists(references(), max_size=size, unique=True)


def envelope(identifier: str, source: str, time: int, **more: Any) -> dict[str, Any]:
    """The envelope of an imported event, first telling."""
    return {
        "id": identifier,
        "source": source,
        "time": time,
        "received_at": time,
        "imported": True,
        "source_version": 0,
        "parser_version": 1,
        "retracted": False,
        "sequence": 0,
        **more,
    }


def _event(
    struct: type[E],
    transition: str,
    fields: dict[str, st.SearchStrategy[Any]],
    sources: Sequence[str] = SOURCES[:1],
) -> st.SearchStrategy[E]:
    """Events whose natural id is source, entity and transition; ``{}`` in it takes a field's value."""

    @st.composite
    def draw_event(draw: st.DrawFn) -> E:
        source, time = draw(_of(sources)), draw(times())
        values = {name: draw(strategy) for name, strategy in fields.items()}
        key = values[struct.key_field]
        identifier = f"{source} {key} {transition.format(time=time, **values)}"
        sequence = draw(st.integers(0, 2))
        return struct(**envelope(identifier, source, time, sequence=sequence), **values)

    return draw_event()


def _change(struct: type[E], transition: str, **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[E]:
    return requests().flatmap(
        lambda request: _event(
            struct,
            transition,
            {
                "change": st.just(f"{request[0]}#{request[1]}"),
                "repository": st.just(request[0]),
                "number": st.just(request[1]),
                **fields,
            },
        )
    )


_REQUEST: dict[str, st.SearchStrategy[Any]] = {
    "branch": _of(BRANCHES),
    "title": _of(TITLES),
    "author": _maybe(_of(PERSONS), ""),
    "head_sha": _maybe(_of(SHAS), ""),
    "draft": st.booleans(),
    "labels": _some(("bot", "hotfix")),
    "reverts": _references(),
}
_SERVICE: dict[str, st.SearchStrategy[Any]] = {
    "service": _maybe(_of(SERVICES), ""),
    "environment": _maybe(_of(ENVIRONMENTS), ""),
}
_SIZE = st.integers(0, 500)
#: row labels that break naive quoting, joining and cutting
_TEXTS = st.one_of(
    _of(("", "a'b", 'a"b', "a\\b", "a\tb\nc", "%s", "ä€😀", "NULL", "\x00")), st.text(max_size=8)
)
_FRACTION = _of((0.0, 0.05, 0.5, 1.0))

#: record -> a strategy for its events; a test says which record has none
EVENTS: dict[str, st.SearchStrategy[Any]] = {
    "change_opened": _change(e.ChangeOpened, "opened", **_REQUEST),
    "change_updated": _change(e.ChangeUpdated, "updated {time}", **_REQUEST),
    "change_merged": _change(
        e.ChangeMerged,
        "merged",
        branch=_of(BRANCHES),
        sha=_of(SHAS),
        commits=_some(SHAS),
        title=_of(TITLES),
        author=_maybe(_of(PERSONS), ""),
        merged_by=_maybe(_of(PERSONS), ""),
        opened_at=_maybe(times()),
        additions=_maybe(_SIZE),
        deletions=_maybe(_SIZE),
        files=_maybe(_SIZE),
        paths=_some(PATHS),
        owners=_some(("@acme/money", PERSONS[0])),
        labels=_some(("bot", "hotfix")),
        reverts=_references(),
    ),
    "change_abandoned": _change(e.ChangeAbandoned, "abandoned"),
    "review_submitted": _change(
        e.ReviewSubmitted,
        "review {reviewer} {time}",
        reviewer=_of(PERSONS),
        decision=_of(("approved", "changes_requested", "commented", "dismissed")),
        commit_sha=_maybe(_of(SHAS), ""),
        comments=_maybe(st.integers(0, 5)),
        bot=st.booleans(),
    ),
    "check_finished": _event(
        e.CheckFinished,
        "check {name} {attempt}",
        {
            "commit": st.builds(lambda repository, sha: f"{repository}@{sha}", _of(REPOSITORIES), _of(SHAS)),
            "repository": _of(REPOSITORIES),
            "sha": _of(SHAS),
            "name": _of(NAMES),
            "kind": _of(("build", "test", "policy", "security", "smoke")),
            "attempt": st.integers(1, 3),
            "outcome": _of(("success", "failure", "cancel", "error")),
            "started_at": _maybe(times()),
            "url": _of(("", "https://ci.example/1")),
        },
        SOURCES[2:],
    ),
    "artifact_packaged": _event(
        e.ArtifactPackaged,
        "packaged",
        {
            "artifact": st.builds(lambda service, tag: f"pkg:oci/{service}@{tag}", _of(SERVICES), _of(TAGS)),
            "tag": _of(TAGS),
            "digest": _of(("", "sha256:0")),
            "repository": _of(REPOSITORIES),
            "sha": _maybe(_of(SHAS), ""),
        },
        SOURCES[2:],
    ),
    "deployment_progressed": _event(
        e.DeploymentProgressed,
        "stage {stage}",
        {
            "deployment": _of(("deployment-1", "deployment-2", "deployment-3")),
            **_SERVICE,
            "stage": _of(("started", "canary", "half")),
            "fraction": _maybe(_FRACTION),
        },
        SOURCES[:2],
    ),
    "deployment_finished": _event(
        e.DeploymentFinished,
        "finished",
        {
            "deployment": _of(("deployment-1", "deployment-2", "deployment-3")),
            **_SERVICE,
            "kind": _of(("service", "flag", "configuration")),
            "outcome": _of(("success", "failure")),
            "tag": _maybe(_of(TAGS), ""),
            "artifact": _of(("", "pkg:oci/api@v1")),
            "repository": _maybe(_of(REPOSITORIES), ""),
            "branch": _of(BRANCHES),
            "sha": _maybe(_of(SHAS), ""),
            "previous_sha": _maybe(_of(SHAS), ""),
            "changes": _references(),
            "commits": _some(SHAS),
            "shared_id": _of(("", "run-1")),
            "started_at": _maybe(times()),
            "rolled_back": st.booleans(),
            "actor": _maybe(_of(PERSONS), ""),
        },
        SOURCES[:2],
    ),
    "incident_detected": _event(
        e.IncidentDetected,
        "detected",
        {
            "incident": _of(INCIDENTS),
            **_SERVICE,
            "severity": _of(("", "critical", "minor")),
            "title": _of(("", "Checkout fails")),
            "deduplication_key": _of(("", "checkout")),
            "ticket": _of(("", "OPS-1")),
            "component": _of(("", "web", "docs")),
            "mentions": _references(),
            "onset_at": _maybe(times()),
            "onset_earliest_at": _maybe(times()),
        },
    ),
    "incident_updated": _event(
        e.IncidentUpdated,
        "updated {time}",
        {
            "incident": _of(INCIDENTS),
            "status": _of(("", "acknowledged", "mitigated")),
            "service": _maybe(_of(SERVICES), ""),
            "severity": _of(("", "critical", "minor")),
            "ticket": _of(("", "OPS-1")),
            "component": _of(("", "web", "docs")),
            "mentions": _references(),
            "causes": _references(),
        },
    ),
    "incident_resolved": _event(
        e.IncidentResolved,
        "resolved",
        {"incident": _of(INCIDENTS), "service": _maybe(_of(SERVICES), "")},
    ),
    "burn_started": _event(
        e.BurnStarted,
        "burn started {time}",
        {
            "slo": _of(("api-availability", "web-latency")),
            **_SERVICE,
            "burn_rate": _maybe(_of((1.0, 14.4))),
            "window_seconds": _maybe(_of((300, 3600))),
        },
    ),
    "burn_ended": _event(
        e.BurnEnded, "burn ended {time}", {"slo": _of(("api-availability", "web-latency")), **_SERVICE}
    ),
    "drift_detected": _event(
        e.DriftDetected,
        "drift {time}",
        {"resource": _of(("network", "bucket")), **_SERVICE, "summary": _of(("", "1 changed"))},
    ),
    "drift_corrected": _event(
        e.DriftCorrected, "drift corrected {time}", {"resource": _of(("network", "bucket")), **_SERVICE}
    ),
    "verdict_given": _event(
        e.VerdictGiven,
        "verdict {verdict} {time}",
        {
            "verdict_key": _of(INCIDENTS),
            "incident": _of(INCIDENTS),
            "verdict": _of(("cause", "merge", "onset", "ignore")),
            "cause": st.one_of(_of(("", "none", "unseen")), references()),
            "other_incident": _maybe(_of(INCIDENTS), ""),
            "deployment": _of(("", "deployment-1", "deployment-2")),
            "onset_at": _maybe(times()),
            "by": _of(PERSONS),
            "because": _of(("", "it was the flag")),
        },
        ("person",),
    ),
    "service_declared": _event(
        e.ServiceDeclared,
        "declared {time}",
        {
            "service": _of(SERVICES),
            "team": _of(("", "money")),
            "tier": _maybe(st.integers(0, 3)),
            "repositories": _some(REPOSITORIES),
            "paths": _some(PATHS),
            "depends_on": _some(SERVICES),  # itself too, and in circles
            "aliases": _some((*SERVICES, "api-prod")),
        },
        ("catalogue",),
    ),
    "clock_ticked": _event(e.ClockTicked, "{time}", {"clock": st.just("clock")}, ("clock",)),
}


def events(*records: str) -> st.SearchStrategy[Any]:
    """Events of any type, or of the named records."""
    return st.one_of([EVENTS[record] for record in records or EVENTS])


def _wild(kind: Any, name: str) -> st.SearchStrategy[Any]:
    """Any value that a field's type and the edge allow."""
    if name.endswith("_at") or name == "time":
        instants = st.integers(TIME_MIN, TIME_MAX)
        return instants if kind is int else _maybe(instants)
    if name in {"author", "merged_by", "reviewer", "actor", "by"}:
        return _maybe(_of(PERSONS), "")
    if name == "owners":
        return st.lists(_of(("@acme/money", "docs-people", *PERSONS)), max_size=3)
    return {
        str: _TEXTS,
        bool: st.booleans(),
        int: st.integers(-INT64_MAX - 1, INT64_MAX),
        int | None: _maybe(st.integers(-INT64_MAX - 1, INT64_MAX)),
        float | None: _maybe(st.floats(allow_nan=False, allow_infinity=False)),
        list[str]: st.lists(_TEXTS, max_size=3),
    }[kind]


def wild_events(*records: str) -> st.SearchStrategy[Any]:
    """Events with any values at all; only ids, sources and keys are never empty."""

    def of(record: str) -> st.SearchStrategy[Any]:
        struct = e.RECORDS[record]
        fields = {info.name: _wild(info.type, info.name) for info in msgspec.structs.fields(struct)}
        for name in ("id", "source", struct.key_field):
            fields[name] = _TEXTS.filter(bool)
        return st.builds(struct, **fields)

    return st.one_of([of(record) for record in records or e.RECORDS])
