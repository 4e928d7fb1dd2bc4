"""The rows of what was built and deployed: changes, artifacts, deployments and what they brought."""

from __future__ import annotations

from pipeline.core.building import Building
from pipeline.core.changes import ChangeSummary
from pipeline.core.checks import ArtifactSummary
from pipeline.core.delivery import Delivery
from pipeline.core.facts import ArtifactFact, ChangeFact, DeploymentChangeFact, DeploymentFact
from pipeline.core.grouping import PRODUCTION, Group
from pipeline.core.rows import Rows

#: fields of a deployment's row that the rows of its changes repeat
_REPEATED = ("service", "environment", "live_at", "link_rule")


def write_building(building: Building, delivery: Delivery, rows: Rows) -> None:
    """The rows of changes and artifacts that are not as they were written."""
    for key in building.stale_changes:
        summary = building.summary_of(key)
        if isinstance(summary, ChangeSummary):
            rows.write(change_fact(key, summary, building, delivery))
    for key in building.gone_changes:
        if building.summary_of(key) is None:
            rows.delete("changes", (key,))
    for key in building.stale_artifacts:
        artifact = building.artifact_of(key)
        if artifact is not None:
            rows.write(artifact_fact(artifact, deployed=delivery.is_deployed(artifact)))
        else:
            rows.delete("artifacts", (key,))
    building.clear_stale()


def write_delivery(delivery: Delivery, rows: Rows) -> None:
    """The rows of deployments, and of what they brought, that are not as they were written."""
    for group in delivery.gone_groups.values():
        rows.delete("deployments", (group.key,))
        for change in group.written_changes:
            rows.delete("deployment_changes", (group.key, change))
    for key in delivery.stale_groups:
        group = delivery.groups[key]
        fact = deployment_fact(group)
        row = group.row
        if fact != row:
            moved = row is None or any(getattr(row, name) != getattr(fact, name) for name in _REPEATED)
            group.row = fact
            rows.write(fact)
            _write_links(group, rows, moved=moved)
        elif group.written_changes != group.changes:
            _write_links(group, rows, moved=False)
    delivery.clear_stale()


def _write_links(group: Group, rows: Rows, *, moved: bool) -> None:
    held, present = set(group.written_changes), set(group.changes)
    for change in held - present:
        rows.delete("deployment_changes", (group.key, change))
    for change in group.changes:
        if moved or change not in held:
            rows.write(
                DeploymentChangeFact(
                    group.key, change, group.lane[0], group.lane[1], group.link_rule, group.live_at
                )
            )
    group.written_changes = group.changes


def change_fact(key: str, summary: ChangeSummary, building: Building, delivery: Delivery) -> ChangeFact:
    """The row of one change."""
    checks, failed = building.checks_of(summary) if summary.aliases else (0, 0)
    live = [
        group
        for name in delivery.groups_of_change.get(key, ())
        if (group := delivery.groups[name]).served and group.lane[1] == PRODUCTION
    ]
    first = min(live, key=lambda group: (group.live_at, group.key)) if live else None
    return ChangeFact(
        change=key,
        repository=summary.repository,
        number=summary.number,
        branch=summary.branch,
        sha=summary.sha,
        title=summary.title,
        author=summary.author,
        bot=summary.bot,
        state=summary.state,
        opened_at=summary.opened_at,
        merged_at=summary.merged_at,
        closed_at=summary.closed_at,
        additions=summary.additions,
        deletions=summary.deletions,
        files=summary.files,
        paths=summary.paths,
        owners=summary.owners,
        labels=summary.labels,
        emergency=summary.emergency,
        incidents=summary.incidents,
        sections=summary.sections,
        reviews=summary.reviews,
        approvals=summary.approvals,
        change_requests=summary.change_requests,
        first_review_at=summary.first_review_at,
        approved_at=summary.approved_at,
        checks=checks,
        failed_checks=failed,
        reverts=summary.reverts,
        reverted_by=[by for _, by in building.reverted_by(key)],
        deployment=first.key if first is not None else "",
        deployed_at=first.live_at if first is not None else None,
        risk=building.risk_of(key),
        updated_at=summary.updated_at,
        events=summary.events,
        first_commit_at=summary.first_commit_at,
        picked_from=summary.picked_from,
        generated_lines=summary.generated_lines,
    )


def deployment_fact(group: Group) -> DeploymentFact:
    """The row of one deployment."""
    lead = group.lead
    return DeploymentFact(
        deployment=group.key,
        service=group.lane[0],
        environment=group.lane[1],
        kind=lead.kind,
        tag=lead.tag,
        repository=lead.repository,
        sha=group.sha,
        outcome=lead.outcome,
        started_at=lead.started_at,
        live_at=group.live_at,
        replaced_at=group.replaced_at,
        transition=group.transition,
        previous=group.previous.key if group.previous is not None else "",
        rolls_back=group.rolls_back[0] if group.rolls_back else "",
        link_rule=group.link_rule,
        changes=len(group.changes),
        additions=group.additions,
        risk=group.risk,
        fraction=lead.fraction,
        reporters=sorted({report.source for report in group.reports}),
        ignored=group.ignored,
        events=list(lead.events),
    )


def artifact_fact(summary: ArtifactSummary, *, deployed: bool) -> ArtifactFact:
    """The row of one artifact."""
    return ArtifactFact(
        artifact=summary.artifact,
        tag=summary.tag,
        digest=summary.digest,
        repository=summary.repository,
        sha=summary.sha,
        packaged_at=summary.packaged_at,
        deployed=deployed,
        events=list(summary.events),
    )
