"""Small worlds that end in an explanation; times in hours, as in ``tests.worlds``."""

from __future__ import annotations

from pipeline.core.events import Event
from tests.worlds import (
    at,
    declared,
    deployed,
    incident,
    judged,
    merged,
    opened,
    resolved,
    reviewed,
    sha,
)


def release() -> list[Event]:
    """Three versions of one service, then symptoms half an hour after the third."""
    return [
        merged("api#1", 1, title="First", paths=["app/one.py"], additions=10, deletions=0),
        deployed("api", 2, tag="v1", sha=sha("api#1"), repository="acme/api"),
        merged("api#2", 20, title="Cache the answers", paths=["app/cache.py"], additions=40, deletions=2),
        deployed("api", 24, tag="v2", sha=sha("api#2"), repository="acme/api"),
        merged("api#3", 60, title="Faster index", paths=["app/index.py"], additions=400, deletions=120),
        merged("api#4", 61, title="Docs", paths=["docs/index.md"], additions=4, deletions=1),
        deployed("api", 70, tag="v3", sha=sha("api#4"), repository="acme/api"),
        incident(
            "i1", 70.5, title="Searches fail", component="app", severity="sev1", environment="production"
        ),
    ]


def rollback() -> list[Event]:
    """The third version is rolled back, and the symptoms end."""
    return [
        *release(),
        deployed("api", 71, tag="v2", key="api v2 again", sha=sha("api#2"), repository="acme/api"),
        resolved("i1", 71.1),
    ]


def verdict() -> list[Event]:
    """A person says that it was the second version, days later."""
    cause = "acme/api#2"
    return [
        *rollback(),
        judged("i1", 90, cause=cause, by="p:0123456789abcdef", because="postmortem: the cache was stale"),
    ]


def later() -> list[Event]:
    """Two more versions went live before anybody looked."""
    return [
        *release(),
        merged("api#5", 70.6, title="Five"),
        merged("api#6", 70.7, title="Six"),
        deployed("api", 70.8, tag="v4", sha=sha("api#6"), repository="acme/api"),
        merged("api#7", 71, title="Seven"),
        deployed("api", 71.2, tag="v5", sha=sha("api#7"), repository="acme/api"),
    ]


def undecided() -> list[Event]:
    """Two services that the incident's depends on went live at one time."""
    return [
        declared("web", depends_on=["api", "billing"]),
        declared("api"),
        declared("billing"),
        deployed("api", 2, tag="a1"),
        deployed("billing", 2, tag="b1"),
        deployed("api", 70, tag="a2"),
        deployed("billing", 70.1, tag="b2"),
        incident("i1", 71, service="web", title="Pages are slow", onset_at=at(70.9)),
    ]


def leading() -> list[Event]:
    """Two services that the incident's depends on went live, one of them shortly before it began."""
    return [
        declared("web", depends_on=["api", "billing"]),
        declared("api"),
        declared("billing"),
        deployed("api", 2, tag="a1"),
        deployed("billing", 2, tag="b1"),
        deployed("api", 69.5, tag="a2"),
        deployed("billing", 70.1, tag="b2"),
        incident("i1", 71, service="web", title="Pages are slow", onset_at=at(70.9)),
    ]


def unseen() -> list[Event]:
    """A source that reported twice an hour has been quiet for more than a week."""
    told: list[Event] = [deployed("api", half / 2, tag=f"v{half}", source="gitops") for half in range(400)]
    return [*told, incident("i1", 400, title="Searches fail")]


def none() -> list[Event]:
    """The only deployment is of another service, and days old."""
    return [
        deployed("billing", 2, tag="b1"),
        deployed("billing", 10, tag="b2"),
        incident("i1", 200, service="web", title="Pages are slow", source="git/acme/web"),
    ]


def nothing() -> list[Event]:
    """No deployment at all."""
    return [incident("i1", 5, service="web")]


def silent() -> list[Event]:
    """A source that reported every two hours has been quiet for two days."""
    told: list[Event] = [deployed("api", 2 * hour, tag=f"v{hour}", source="gitops") for hour in range(100)]
    return [*told, incident("i1", 250, title="Searches fail")]


def life() -> list[Event]:
    """A change from its opening to its revert."""
    return [
        deployed("api", 1, tag="v0", sha=sha("api#0"), repository="acme/api"),
        opened("api#1", 3, title="Cache the answers", author="p:00000000000000aa"),
        reviewed("api#1", 5, "p:00000000000000bb", "changes_requested"),
        reviewed("api#1", 7, "p:00000000000000bb", "approved"),
        merged("api#0", 0.5, title="Begin"),
        merged(
            "api#1",
            8,
            title="Cache the answers",
            additions=40,
            deletions=2,
            files=2,
            paths=["app/cache.py", "docs/cache.md"],
            opened_at=at(3),
        ),
        deployed("api", 9, tag="v1", sha=sha("api#1"), repository="acme/api"),
        incident("i1", 9.3, title="Answers are stale"),
        merged("api#2", 9.6, title='Revert "Cache the answers"', reverts=["acme/api#1"]),
        deployed("api", 9.8, tag="v2", sha=sha("api#2"), repository="acme/api"),
        merged(f"acme/api@{sha('direct')}", 10, title="Quick fix", sha=sha("direct")),
    ]
