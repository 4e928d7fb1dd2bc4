"""One deployment, whoever reports it: the reports of one service and environment become groups.

Two reports are one deployment when they carry the same explicit id, or when different reporters
tell the same deploy tag within an hour of each other. Reporters are followed in the order in which
each of them tells, so a slow second reporter is no rollback.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pipeline.core.entities import Entity
from pipeline.core.events import DeploymentFinished, DeploymentProgressed
from pipeline.core.facts import DeploymentFact

#: outcomes of deployments that never went live
NOT_LIVE = frozenset({"failure", "cancelled"})

#: the environment whose deployments reach customers
PRODUCTION = "production"

_ENVIRONMENTS = {
    "prod": "production",
    "prd": "production",
    "live": "production",
    "production": "production",
    "stage": "staging",
    "stg": "staging",
    "preprod": "staging",
    "pre-production": "staging",
    "staging": "staging",
    "dev": "development",
    "development": "development",
    "int": "integration",
    "integration": "integration",
    "test": "test",
    "qa": "test",
}


def normalise_environment(name: str) -> str:
    """Our name of an environment: the field's spellings of production, staging and so on are one."""
    return _ENVIRONMENTS.get(name.lower(), name.lower())


#: service, environment, and "" or the name of the flag or configuration
LaneKey = tuple[str, str, str]


class Report(NamedTuple):
    """What one reporter says about one deployment; ordered by (live at, sequence, key)."""

    live_at: int
    sequence: int
    key: str
    source: str
    service: str
    environment: str
    kind: str
    outcome: str
    tag: str
    artifact: str
    repository: str
    branch: str
    sha: str
    previous_sha: str
    changes: tuple[str, ...]
    commits: tuple[str, ...]
    shared_id: str
    started_at: int | None
    rolled_back: bool
    fraction: float | None
    events: tuple[str, ...]
    received_at: int

    @property
    def identity(self) -> str:
        """What two reports of one deployment have in common: the deploy tag, else the commit."""
        return self.tag or self.sha


def read_report(entity: Entity) -> Report | None:
    """What the events of one deployment say; ``None`` while it is neither live nor failed."""
    finished: DeploymentFinished | None = None
    started_at: int | None = None
    fraction: float | None = None
    events = entity.events()
    for event in events:
        if isinstance(event, DeploymentFinished):
            finished = (
                event if finished is None or event.source_version >= finished.source_version else finished
            )
        elif isinstance(event, DeploymentProgressed):
            if started_at is None:
                started_at = event.time
            if event.fraction is not None:
                fraction = event.fraction
    if finished is None:
        return None
    return Report(
        live_at=finished.time,
        sequence=finished.sequence,
        key=entity.key,
        source=finished.source,
        service=finished.service,
        environment=normalise_environment(finished.environment),
        kind=finished.kind,
        outcome=finished.outcome,
        tag=finished.tag,
        artifact=finished.artifact,
        repository=finished.repository,
        branch=finished.branch,
        sha=finished.sha,
        previous_sha=finished.previous_sha,
        changes=tuple(finished.changes),
        commits=tuple(finished.commits),
        shared_id=finished.shared_id,
        started_at=finished.started_at if finished.started_at is not None else started_at,
        rolled_back=finished.rolled_back,
        fraction=fraction,
        events=tuple(event.id for event in events),
        received_at=max(event.received_at for event in events),
    )


class Group:
    """One deployment: its reports, where it stands in its lane, and what was derived from that."""

    __slots__ = (
        "additions",
        "branch",
        "changes",
        "components",
        "ignored",
        "key",
        "lane",
        "lead",
        "link_high",
        "link_low",
        "link_rule",
        "live_at",
        "newest_receipt",
        "position",
        "previous",
        "replaced_at",
        "reports",
        "risk",
        "row",
        "rolls_back",
        "sha",
        "transition",
        "undone_at",
        "written_changes",
    )

    def __init__(self, reports: Sequence[Report]) -> None:
        self.reports = tuple(reports)
        lead = reports[0]
        #: the report that counts where reporters differ: the first one, completed by the others
        self.lead = lead if len(reports) == 1 else _completed(reports)
        self.key = lead.key
        #: service, environment and (for flags and configuration) what was changed
        self.lane: LaneKey = ("", "", "")
        self.live_at = lead.live_at
        self.newest_receipt = max(report.received_at for report in reports)
        self.sha = ""
        self.branch: tuple[str, str] | None = None
        self.position: tuple[int, int, str] | None = None
        self.previous: Group | None = None
        self.replaced_at: int | None = None
        self.transition = ""
        #: keys of the deployments that this one undoes
        self.rolls_back: tuple[str, ...] = ()
        #: when a rollback undid this deployment
        self.undone_at: int | None = None
        self.link_rule = ""
        self.link_low: int | None = None
        self.link_high: int | None = None
        self.changes: tuple[str, ...] = ()
        self.additions = 0
        self.risk = 0.0
        self.components: dict[str, float] = {}
        self.ignored = False
        #: the row as it was last written
        self.row: DeploymentFact | None = None
        self.written_changes: tuple[str, ...] = ()

    @property
    def effective_at(self) -> int:
        """When the deployment began to matter: its first stage, else when it was live."""
        lead = self.lead
        if lead.fraction is not None and lead.started_at is not None:
            return min(lead.started_at, self.live_at)
        return self.live_at

    @property
    def served(self) -> bool:
        """Whether this deployment ever went live."""
        return self.lead.outcome not in NOT_LIVE


def _completed(reports: Sequence[Report]) -> Report:
    """The first report with its empty fields filled from the later ones."""
    lead = reports[0]
    values: list[object] = list(lead)
    for report in reports[1:]:
        for index, value in enumerate(report):
            if values[index] in ("", None, ()) and value not in ("", None, ()):
                values[index] = value
    merged = Report(*values)  # type: ignore[arg-type]
    return merged._replace(
        events=tuple(event for report in reports for event in report.events),
        rolled_back=any(report.rolled_back for report in reports),
    )


def group_reports(reports: Sequence[Report], within: int) -> list[Group]:
    """Group the reports of one service and environment, given in order of time.

    A report joins the earliest group that tells the same identity within ``within`` microseconds,
    that its reporter has not told yet, and that comes after the last group its reporter told.
    """
    members: list[list[Report]] = []
    open_from = 0
    by_shared_id: dict[str, int] = {}
    last_told: dict[str, int] = {}
    for report in reports:
        chosen = -1
        if report.shared_id and report.shared_id in by_shared_id:
            chosen = by_shared_id[report.shared_id]
        elif report.identity:
            while open_from < len(members) and members[open_from][0].live_at < report.live_at - within:
                open_from += 1
            first = max(open_from, last_told.get(report.source, -1) + 1)
            for index in range(first, len(members)):
                if _same(members[index], report):
                    chosen = index
                    break
        if chosen < 0:
            chosen = len(members)
            members.append([])
        members[chosen].append(report)
        if report.shared_id:
            by_shared_id.setdefault(report.shared_id, chosen)
        last_told[report.source] = max(chosen, last_told.get(report.source, -1))
    return [Group(group) for group in members]


def _same(group: list[Report], report: Report) -> bool:
    if any(
        member.source == report.source
        or (member.shared_id and report.shared_id and member.shared_id != report.shared_id)
        or (member.outcome in NOT_LIVE) != (report.outcome in NOT_LIVE)
        for member in group
    ):
        return False
    lead = group[0]
    if lead.kind != report.kind:
        return False
    return lead.identity == report.identity or bool(lead.sha and lead.sha == report.sha)
