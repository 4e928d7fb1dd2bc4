"""What machines say about a commit: checks, artifacts, releases, findings."""

from __future__ import annotations

from pipeline.core.events.envelope import Event


class CheckFinished(Event, frozen=True):
    """One attempt of one CI job on one commit ended."""

    entity = "commit"
    key_field = "commit"

    commit: str
    repository: str = ""
    sha: str = ""
    name: str = ""
    kind: str = ""
    attempt: int = 1
    outcome: str = ""
    started_at: int | None = None
    url: str = ""
    workflow: str = ""
    branch: str = ""


class ArtifactPackaged(Event, frozen=True):
    """A build turned a commit into an artifact under a deploy tag."""

    entity = "artifact"
    key_field = "artifact"

    artifact: str
    tag: str = ""
    digest: str = ""
    repository: str = ""
    sha: str = ""


class ReleasePublished(Event, frozen=True):
    """A version of a repository was released."""

    key_field = "release"

    release: str
    repository: str = ""
    tag: str = ""
    name: str = ""
    target: str = ""
    prerelease: bool = False
    actor: str = ""


class FindingReported(Event, frozen=True):
    """A scanner's finding came up or changed: ``kind`` is code, secret or dependency."""

    entity = "finding"
    key_field = "finding"

    finding: str
    repository: str = ""
    kind: str = ""
    state: str = ""
    severity: str = ""
    rule: str = ""
    tool: str = ""
    path: str = ""
    sha: str = ""
    branch: str = ""
    url: str = ""
    actor: str = ""
