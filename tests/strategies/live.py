"""Strategies for what only live sources tell: requests for review, comments, pushes, findings."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from pipeline.core import events as e
from tests.strategies.names import (
    BRANCHES,
    PATHS,
    PERSONS,
    REPOSITORIES,
    SERVICE,
    SHAS,
    SIZES,
    SOURCES,
    TAGS,
    change_of,
    event_of,
    maybe,
    of,
    references,
    some,
)

#: record -> a strategy for its events
LIVE: dict[str, st.SearchStrategy[Any]] = {
    "review_requested": change_of(
        e.ReviewRequested,
        "review requested {reviewer} {team} {time}",
        reviewer=maybe(of(PERSONS), ""),
        team=of(("", "money")),
        withdrawn=st.booleans(),
    ),
    "owners_required": change_of(
        e.OwnersRequired,
        "owners {time}",
        groups=some((PERSONS[0], " ".join(PERSONS[:2]), f"{PERSONS[1]} @acme/money", "money")),
        unowned_files=maybe(SIZES),
        stale_entries=some(("old/", "*.gone")),
    ),
    "rule_bypassed": event_of(
        e.RuleBypassed,
        "rule bypassed {rule} {time}",
        {
            "commit": st.builds("{}@{}".format, of(REPOSITORIES), of(SHAS)),
            "repository": of(REPOSITORIES),
            "sha": of(SHAS),
            "branch": of(BRANCHES),
            "rule": of(("", "two reviews")),
            "actor": maybe(of(PERSONS), ""),
            "because": of(("", "it burns")),
        },
        ("github",),
    ),
    "comment_posted": change_of(
        e.CommentPosted,
        "comment {time}",
        author=of(PERSONS),
        bot=st.booleans(),
        path=maybe(of(PATHS), ""),
        commit_sha=maybe(of(SHAS), ""),
        in_reply=st.booleans(),
        characters=maybe(SIZES),
        suggestion=st.booleans(),
        question=st.booleans(),
        line=st.booleans(),
        words=maybe(SIZES),
        code=st.booleans(),
        request=st.booleans(),
        filler=st.booleans(),
    ),
    "queue_changed": change_of(
        e.QueueChanged,
        "queue {state} {time}",
        branch=of(BRANCHES),
        state=of(("entered", "merged", "removed")),
        reason=of(("", "a check failed")),
        sha=maybe(of(SHAS), ""),
    ),
    "branch_pushed": event_of(
        e.BranchPushed,
        "pushed",
        {
            "push": st.builds(lambda repository, sha: f"{repository}@{sha}", of(REPOSITORIES), of(SHAS)),
            "repository": of(REPOSITORIES),
            "branch": of(BRANCHES),
            "before": maybe(of(SHAS), ""),
            "after": maybe(of(SHAS), ""),
            "commits": some(SHAS),
            "forced": st.booleans(),
            "actor": maybe(of(PERSONS), ""),
        },
    ),
    "release_published": event_of(
        e.ReleasePublished,
        "published",
        {
            "release": st.builds(lambda repository, tag: f"{repository} {tag}", of(REPOSITORIES), of(TAGS)),
            "repository": of(REPOSITORIES),
            "tag": of(TAGS),
            "name": of(("", "The first one")),
            "target": of(("", "main", *SHAS[:2])),
            "prerelease": st.booleans(),
            "actor": maybe(of(PERSONS), ""),
        },
    ),
    "finding_reported": event_of(
        e.FindingReported,
        "{state} {time}",
        {
            "finding": of(("acme/api code 1", "acme/api secret 2")),
            "repository": of(REPOSITORIES),
            "kind": of(("code", "secret", "dependency")),
            "state": of(("open", "fixed", "dismissed")),
            "severity": of(("", "critical")),
            "rule": of(("", "sql-injection")),
            "tool": of(("", "scanner")),
            "path": maybe(of(PATHS), ""),
            "sha": maybe(of(SHAS), ""),
            "branch": of(BRANCHES),
            "url": of(("", "https://ci.example/finding/1")),
            "actor": maybe(of(PERSONS), ""),
        },
    ),
    "policy_edited": event_of(
        e.PolicyEdited,
        "{action} {time}",
        {
            "policy": of(("acme/api branch main", "acme/api ruleset 7")),
            "repository": of(REPOSITORIES),
            "name": of(("main", "releases")),
            "action": of(("created", "edited", "deleted")),
            "edited": some(("reviews", "checks")),
            "actor": maybe(of(PERSONS), ""),
        },
    ),
    "measurement_reported": event_of(
        e.MeasurementReported,
        "measured {time}",
        {
            "measurement": of(("api p95", "build cost")),
            "kind": of(("metric", "cost")),
            "name": of(("", "p95")),
            "value": maybe(of((0.0, 12.5))),
            "unit": of(("", "ms", "EUR")),
            **SERVICE,
            "tag": maybe(of(TAGS), ""),
            "change": maybe(references(), ""),
        },
        SOURCES[2:],
    ),
}
