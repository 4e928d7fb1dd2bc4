"""What is read of GitHub's payloads about findings of scanners and the rules of branches."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pipeline.sources.github.payloads import (
    Number,
    Organization,
    Posted,
    Repository,
    Sha,
    Short,
    Struct,
    User,
)


class Rule(Struct, frozen=True):
    id: Short | None = None
    severity: Short | None = None
    security_severity_level: Short | None = None


class Tool(Struct, frozen=True):
    name: Short | None = None


class Location(Struct, frozen=True):
    path: Short | None = None


class Instance(Struct, frozen=True):
    location: Location | None = None
    commit_sha: Sha | None = None
    ref: Short | None = None


class CodeAlert(Struct, frozen=True, kw_only=True):
    number: Number
    created_at: datetime
    updated_at: datetime | None = None
    fixed_at: datetime | None = None
    dismissed_at: datetime | None = None
    state: Short | None = None
    html_url: Short | None = None
    rule: Rule | None = None
    tool: Tool | None = None
    most_recent_instance: Instance | None = None
    instances: list[Instance] = []


class CodeAlertPosted(Posted, frozen=True, kw_only=True):
    alert: CodeAlert
    ref: Short | None = None
    commit_oid: Sha | None = None


class SecretAlert(Struct, frozen=True, kw_only=True):
    number: Number
    created_at: datetime
    updated_at: datetime | None = None
    resolved_at: datetime | None = None
    state: Short | None = None
    html_url: Short | None = None
    secret_type: Short | None = None


class SecretAlertPosted(Posted, frozen=True, kw_only=True):
    alert: SecretAlert


class Dependency(Struct, frozen=True):
    manifest_path: Short | None = None


class Advisory(Struct, frozen=True):
    ghsa_id: Short | None = None
    severity: Short | None = None


class DependencyAlert(Struct, frozen=True, kw_only=True):
    number: Number
    created_at: datetime
    updated_at: datetime | None = None
    fixed_at: datetime | None = None
    dismissed_at: datetime | None = None
    state: Short | None = None
    html_url: Short | None = None
    dependency: Dependency | None = None
    security_advisory: Advisory | None = None


class DependencyAlertPosted(Posted, frozen=True, kw_only=True):
    alert: DependencyAlert


class ProtectionRule(Struct, frozen=True, kw_only=True):
    id: Number
    updated_at: datetime
    name: Short = ""


class ProtectionRulePosted(Posted, frozen=True, kw_only=True):
    rule: ProtectionRule
    changes: dict[str, Any] | None = None


class ProtectionPosted(Posted, frozen=True, kw_only=True):
    """Protection of branches was switched on or off for a whole repository."""


class Ruleset(Struct, frozen=True, kw_only=True):
    id: Number
    name: Short = ""
    created_at: datetime | None = None
    updated_at: datetime | None = None


class RulesetPosted(Struct, frozen=True, kw_only=True):
    """A rule set belongs to a repository, or to a whole organisation."""

    repository_ruleset: Ruleset
    action: Short = ""
    sender: User | None = None
    repository: Repository | None = None
    organization: Organization | None = None
    changes: dict[str, Any] | None = None
