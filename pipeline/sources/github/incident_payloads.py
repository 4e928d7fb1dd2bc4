"""What is read of GitHub's payloads about issues that are incidents."""

from __future__ import annotations

from datetime import datetime

from pipeline.sources.github.payloads import Label, Number, Posted, Short, Struct, User


class Issue(Struct, frozen=True, kw_only=True):
    number: Number
    created_at: datetime
    updated_at: datetime
    closed_at: datetime | None = None
    state: Short | None = None
    title: str | None = None
    body: str | None = None
    html_url: Short | None = None
    labels: list[Label] = []
    assignees: list[User] = []


class IssuePosted(Posted, frozen=True, kw_only=True):
    issue: Issue
    label: Label | None = None
