"""Findings of GitHub's scanners, and edits of the rules that protect branches."""

from __future__ import annotations

from datetime import datetime

from pipeline.core import events as e
from pipeline.sources.github.finding_payloads import (
    CodeAlert,
    CodeAlertPosted,
    DependencyAlert,
    DependencyAlertPosted,
    Instance,
    ProtectionPosted,
    ProtectionRulePosted,
    RulesetPosted,
    SecretAlert,
    SecretAlertPosted,
)
from pipeline.sources.github.heard import Heard, branch_of
from pipeline.sources.times import instant, micros

EDITED_MAX = 100

_TIMES = {
    "created": "created_at",
    "fixed": "fixed_at",
    "dismissed": "dismissed_at",
    "closed_by_user": "dismissed_at",
    "resolved": "resolved_at",
}


def _moment(alert: CodeAlert | SecretAlert | DependencyAlert, action: str) -> tuple[datetime | None, str]:
    """When an alert's action happened, and the field that says so."""
    field = _TIMES.get(action, "updated_at")
    moment: datetime | None = getattr(alert, field, None)
    if moment is None:
        field = "updated_at"
        moment = alert.updated_at
    return moment, f"alert.{field}"


def read_code_alert(posted: CodeAlertPosted, heard: Heard) -> list[e.Event]:
    """A finding of a code scanner."""
    alert, finding = posted.alert, f"code alert {posted.alert.number}"
    rule, instance = alert.rule, alert.most_recent_instance
    if instance is None:
        instance = alert.instances[0] if alert.instances else Instance()
    severity = (rule.security_severity_level or rule.severity or "") if rule is not None else ""
    return [
        e.FindingReported(
            **heard.timed_head(f" {finding} {posted.action}", *_moment(alert, posted.action)),
            finding=heard.key(f" {finding}"),
            repository=heard.repository,
            kind="code",
            state=alert.state or "",
            severity=severity,
            rule=(rule.id or "") if rule is not None else "",
            tool=(alert.tool.name or "") if alert.tool is not None else "",
            path=(instance.location.path or "") if instance.location is not None else "",
            sha=posted.commit_oid or instance.commit_sha or "",
            branch=branch_of(posted.ref or instance.ref or ""),
            url=alert.html_url or "",
            actor=heard.person(posted.sender),
        )
    ]


def read_secret_alert(posted: SecretAlertPosted, heard: Heard) -> list[e.Event]:
    """A secret that somebody committed: its type, never the secret."""
    alert, finding = posted.alert, f"secret alert {posted.alert.number}"
    return [
        e.FindingReported(
            **heard.timed_head(f" {finding} {posted.action}", *_moment(alert, posted.action)),
            finding=heard.key(f" {finding}"),
            repository=heard.repository,
            kind="secret",
            state=alert.state or ("open" if alert.resolved_at is None else "resolved"),
            rule=alert.secret_type or "",
            tool="secret scanning",
            url=alert.html_url or "",
            actor=heard.person(posted.sender),
        )
    ]


def read_dependency_alert(posted: DependencyAlertPosted, heard: Heard) -> list[e.Event]:
    """A dependency that is known to be vulnerable."""
    alert, finding = posted.alert, f"dependency alert {posted.alert.number}"
    advisory, dependency = alert.security_advisory, alert.dependency
    return [
        e.FindingReported(
            **heard.timed_head(f" {finding} {posted.action}", *_moment(alert, posted.action)),
            finding=heard.key(f" {finding}"),
            repository=heard.repository,
            kind="dependency",
            state=alert.state or "",
            severity=(advisory.severity or "") if advisory is not None else "",
            rule=(advisory.ghsa_id or "") if advisory is not None else "",
            tool="dependabot",
            path=(dependency.manifest_path or "") if dependency is not None else "",
            url=alert.html_url or "",
            actor=heard.person(posted.sender),
        )
    ]


def read_protection_rule(posted: ProtectionRulePosted, heard: Heard) -> list[e.Event]:
    """A rule that protects branches was created, edited or removed."""
    rule = posted.rule
    what = f" branch protection rule {rule.id} {posted.action}"
    # a rule that is gone tells when it was last edited, not when it went
    deleted = posted.action == "deleted"
    head = heard.untimed_head(what) if deleted else heard.timed_head(what, rule.updated_at, "rule.updated_at")
    return [
        e.PolicyEdited(
            **head,
            policy=heard.key(f" branch protection rule {rule.id}"),
            repository=heard.repository,
            name=rule.name,
            action=posted.action,
            edited=sorted(posted.changes or ())[:EDITED_MAX],
            actor=heard.person(posted.sender),
        )
    ]


def read_protection(posted: ProtectionPosted, heard: Heard) -> list[e.Event]:
    """All protection of a repository's branches was switched on or off.

    The payload says no time. That of the repository's last edit keeps one switch apart from the next.
    """
    edited = posted.repository.updated_at
    stamp = f" {instant(micros(edited, 'repository.updated_at'))}" if isinstance(edited, datetime) else ""
    what = f" branch protection {posted.action}{stamp}"
    return [
        e.PolicyEdited(
            **heard.untimed_head(what),
            policy=heard.key(" branch protection"),
            repository=heard.repository,
            name="branch protection",
            action=posted.action,
            actor=heard.person(posted.sender),
        )
    ]


def read_ruleset(posted: RulesetPosted, heard: Heard) -> list[e.Event]:
    """A rule set of a repository or an organisation was created, edited or removed."""
    ruleset = posted.repository_ruleset
    what = f" ruleset {ruleset.id} {posted.action}"
    if posted.action == "deleted":
        head = heard.untimed_head(what)
    else:
        head = heard.timed_head(what, ruleset.updated_at, "repository_ruleset.updated_at")
    return [
        e.PolicyEdited(
            **head,
            policy=heard.key(f" ruleset {ruleset.id}"),
            repository=heard.repository if posted.repository is not None else "",
            name=ruleset.name,
            action=posted.action,
            edited=sorted(posted.changes or ())[:EDITED_MAX],
            actor=heard.person(posted.sender),
        )
    ]
