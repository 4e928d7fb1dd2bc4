"""The kinds of GitHub deliveries that are read, and what each of their actions may tell.

The table in docs/sources.md is made of this one (``table``), and a test compares them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import msgspec

from pipeline.core.events import Event
from pipeline.sources.github import (
    changes,
    checks,
    deployments,
    finding_payloads,
    findings,
    incident_payloads,
    incidents,
    payloads,
    reviews,
)
from pipeline.sources.github.heard import Heard

Read = Callable[[Any, Heard], list[Event]]


class Kind(NamedTuple):
    """One kind of delivery: how it is decoded and read."""

    decoder: msgspec.json.Decoder[Any]
    read: Read
    #: action -> the records that it may tell; of deliveries without an action under ""
    actions: Mapping[str, tuple[str, ...]]
    #: when nothing is made of such a delivery after all
    unless: str = ""


def _kind(payload: type[Any], read: Read, actions: dict[str, str], unless: str = "") -> Kind:
    """``actions``: records -> the actions that tell them, both as words in one text."""
    told = {
        action: tuple(records.split())
        for records, names in actions.items()
        for action in names.split() or [""]
    }
    return Kind(msgspec.json.Decoder(payload), read, told, unless)


KINDS: dict[str, Kind] = {
    "pull_request": _kind(
        payloads.PullRequestPosted,
        changes.read_pull_request,
        {
            "change_opened": "opened",
            "change_merged change_abandoned": "closed",
            "change_updated change_merged": (
                "reopened synchronize edited labeled unlabeled ready_for_review converted_to_draft"
            ),
            "review_requested": "review_requested review_request_removed",
            "queue_changed": "enqueued dequeued",
        },
        "it was edited after it was closed without a merge",
    ),
    "pull_request_review": _kind(
        payloads.ReviewPosted,
        reviews.read_review,
        {"review_submitted": "submitted edited dismissed"},
        "the review is still being written, or was edited after its dismissal",
    ),
    "pull_request_review_comment": _kind(
        payloads.ReviewCommentPosted,
        reviews.read_review_comment,
        {"comment_posted": "created edited deleted"},
    ),
    "issue_comment": _kind(
        payloads.IssueCommentPosted,
        reviews.read_issue_comment,
        {"comment_posted": "created edited deleted"},
        "it is on an issue",
    ),
    "push": _kind(
        payloads.Push,
        deployments.read_push,
        {"branch_pushed": ""},
        "it pushed a tag, or removed a branch",
    ),
    "merge_group": _kind(
        payloads.MergeGroupPosted,
        changes.read_merge_group,
        {"queue_changed": "checks_requested destroyed"},
        "its head names no pull request",
    ),
    "check_run": _kind(
        payloads.CheckRunPosted,
        checks.read_check_run,
        {"check_finished": "completed"},
        "it has no conclusion",
    ),
    "check_suite": _kind(
        payloads.CheckSuitePosted,
        checks.read_check_suite,
        {"check_finished": "completed"},
        "it has no conclusion, or is of GitHub Actions, which tells workflow runs",
    ),
    "status": _kind(
        payloads.Status,
        checks.read_status,
        {"check_finished": ""},
        "it is pending",
    ),
    "workflow_run": _kind(
        payloads.WorkflowRunPosted,
        checks.read_workflow_run,
        {"check_finished": "completed"},
        "it has no conclusion",
    ),
    "workflow_job": _kind(
        payloads.WorkflowJobPosted,
        checks.read_workflow_job,
        {"check_finished": "completed"},
        "it has no conclusion",
    ),
    "deployment": _kind(
        payloads.DeploymentPosted, deployments.read_deployment, {"deployment_progressed": "created"}
    ),
    "deployment_status": _kind(
        payloads.DeploymentStatusPosted,
        deployments.read_deployment_status,
        {"deployment_finished deployment_progressed": "created"},
        "a later deployment took its place (`inactive`)",
    ),
    "release": _kind(
        payloads.ReleasePosted, deployments.read_release, {"release_published": "published"}, "it is a draft"
    ),
    "issues": _kind(
        incident_payloads.IssuePosted,
        incidents.read_issue,
        {
            "incident_detected": "opened edited deleted transferred",
            "incident_detected incident_updated": "labeled unlabeled",
            "incident_updated": "reopened assigned unassigned",
            "incident_resolved": "closed",
        },
        "it has no incident label",
    ),
    "code_scanning_alert": _kind(
        finding_payloads.CodeAlertPosted,
        findings.read_code_alert,
        {"finding_reported": "created appeared_in_branch closed_by_user fixed reopened reopened_by_user"},
    ),
    "secret_scanning_alert": _kind(
        finding_payloads.SecretAlertPosted,
        findings.read_secret_alert,
        {"finding_reported": "created reopened resolved revoked publicly_leaked"},
    ),
    "dependabot_alert": _kind(
        finding_payloads.DependencyAlertPosted,
        findings.read_dependency_alert,
        {"finding_reported": ("created dismissed fixed reintroduced reopened auto_dismissed auto_reopened")},
    ),
    "branch_protection_rule": _kind(
        finding_payloads.ProtectionRulePosted,
        findings.read_protection_rule,
        {"policy_edited": "created edited deleted"},
    ),
    "branch_protection_configuration": _kind(
        finding_payloads.ProtectionPosted, findings.read_protection, {"policy_edited": "enabled disabled"}
    ),
    "repository_ruleset": _kind(
        finding_payloads.RulesetPosted, findings.read_ruleset, {"policy_edited": "created edited deleted"}
    ),
}


def table() -> Iterator[str]:
    """The kinds as the lines of a Markdown table."""
    yield "| Kind | Actions | Records | Nothing is made of it when |"
    yield "|---|---|---|---|"
    for name, kind in KINDS.items():
        by_records: dict[tuple[str, ...], list[str]] = {}
        for action, records in kind.actions.items():
            by_records.setdefault(records, []).append(action)
        for records, actions in by_records.items():
            told = " or ".join(f"`{record}`" for record in records)
            yield f"| `{name}` | {', '.join(f'`{a}`' for a in actions if a)} | {told} | {kind.unless} |"
