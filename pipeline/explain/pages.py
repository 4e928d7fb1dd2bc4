"""An explanation as plain text: at most 25 lines, 60 to 200 cells wide, safe for any terminal."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.explain.findings import (
    ChangeFindings,
    DeploymentFindings,
    Findings,
    IncidentFindings,
    LaidTo,
    SeveralFindings,
)
from pipeline.explain.incident_page import incident_page
from pipeline.explain.known import KINDS, NAMED_MAX
from pipeline.explain.labels import deployment_label
from pipeline.explain.page import LINES_MAX, Page
from pipeline.explain.words import between, clock, count, cut_left, safe, share

WIDTH_MIN, WIDTH_MAX = 60, 200
#: an incident counts as laid to something from this share on
LAID_MIN = 0.05
_LISTED_MAX = 5
_LINKED_BY = {
    "explicit": "the deployment lists it",
    "commits": "the deployment lists its commits",
    "compare": "between the two commits that the deployment names",
    "artifact": "the deploy tag's build names the commit",
    "branch": "merged on the branch since the deployment before",
    "time": "merged since the deployment before; no commit is known",
}

__all__ = ["LINES_MAX", "render_text"]


def render_text(findings: Findings, width: int) -> str:
    """The explanation for a terminal of this width; every line ends in a newline."""
    width = min(WIDTH_MAX, max(WIDTH_MIN, width))
    if isinstance(findings, IncidentFindings):
        page = incident_page(findings, width)
    elif isinstance(findings, ChangeFindings):
        page = _change_page(findings, width)
    elif isinstance(findings, DeploymentFindings):
        page = _deployment_page(findings, width)
    else:
        page = _several_page(findings, width)
    return page.text()


def _change_page(found: ChangeFindings, width: int) -> Page:
    change, page = found.change, Page(width)
    page.line(f"change {safe(change.change)}")
    page.optional(3, f"  {safe(change.title)}" if change.title else "")
    page.known_at(found.as_of)
    page.flow("  ", _about_change(found), lines_max=2)
    page.blank()
    page.field("opened", clock(change.opened_at) if change.opened_at is not None else "not told")
    page.field("review", _reviewed(found))
    page.field("approved", _approved(found))
    if change.checks:
        failed = f", {change.failed_checks:,} of them failed" if change.failed_checks else ", all passed"
        page.field("checks", f"{count(change.checks, 'attempt')}{failed}")
    page.field("merged", _merged(found))
    _where_live(page, found)
    for brought in found.reverted_by[:3]:
        at = brought.change.merged_at if brought.change is not None else None
        title = f"  {safe(brought.change.title)}" if brought.change is not None else ""
        page.field("reverted", f"{clock(at) if at is not None else 'open'} by {safe(brought.key)}{title}")
    if len(found.reverted_by) > 3:
        page.field("", f"and by {len(found.reverted_by) - 3} more")
    if change.reverts:
        page.flow_field("reverts", [safe(key) for key in change.reverts], lines_max=1)
    page.field("risk", f"{100 * change.risk:.1f}% to break production, before any incident")
    _laid(page, found.incidents)
    return page


def _about_change(found: ChangeFindings) -> list[str]:
    change = found.change
    phrases = [change.state + (" by a bot" if change.bot else "")]
    if change.number is None:
        phrases.append("direct commit, no request" if "@" in change.change else "no request")
    if change.additions is not None or change.deletions is not None:
        phrases.append(f"+{change.additions or 0:,} -{change.deletions or 0:,} lines")
    if change.files is not None:
        phrases.append(count(change.files, "file"))
    tops = sorted({path.split("/", 1)[0] for path in change.paths})
    if tops:
        shown = ", ".join(map(safe, tops[:3]))
        phrases.append(f"touches {shown}{f' and {len(tops) - 3} more' if len(tops) > 3 else ''}")
    return phrases


def _reviewed(found: ChangeFindings) -> str:
    change = found.change
    if change.first_review_at is None:
        return "no review is known"
    waited = (
        f", {between(change.opened_at, change.first_review_at)} after it was opened"
        if (change.opened_at is not None and change.first_review_at >= change.opened_at)
        else ""
    )
    return f"{clock(change.first_review_at)} first of {change.reviews:,}{waited}"


def _approved(found: ChangeFindings) -> str:
    change = found.change
    asked = f"; {count(change.change_requests, 'review')} asked for changes" if change.change_requests else ""
    if not change.approvals:
        return f"no approval is known{asked}"
    at = f"{clock(change.approved_at)} " if change.approved_at is not None else ""
    return f"{at}{count(change.approvals, 'approval')}{asked}"


def _merged(found: ChangeFindings) -> str:
    change = found.change
    if change.merged_at is None:
        ended = f" {clock(change.closed_at)}" if change.closed_at is not None else ""
        return f"not merged: {safe(change.state)}{ended}"
    after = ""
    if change.opened_at is not None and change.opened_at < change.merged_at:
        after = f", {between(change.opened_at, change.merged_at)} after it was opened"
    return f"{clock(change.merged_at)}{f' as {change.sha[:10]}' if change.sha else ''}{after}"


def _where_live(page: Page, found: ChangeFindings) -> None:
    change = found.change
    first = next((row for row in found.deployments if row.deployment == change.deployment), None)
    if first is None:
        page.field("live", "no deployment to production is known that brought it")
    else:
        after = []
        if change.merged_at is not None and first.live_at >= change.merged_at:
            after = [f"{between(change.merged_at, first.live_at)} after the merge"]
        page.flow_field(
            "live",
            [f"{clock(first.live_at)} with {deployment_label(first)}", *after],
            lines_max=2,
            between=", ",
        )
        page.optional(5, f"           link: {_LINKED_BY.get(first.link_rule, safe(first.link_rule))}")
    others = [row for row in found.deployments if first is None or row.deployment != first.deployment]
    labels = [f"{deployment_label(row)} ({safe(row.environment)}) {clock(row.live_at)}" for row in others]
    page.flow_field("also with", labels, lines_max=2)


def _deployment_page(found: DeploymentFindings, width: int) -> Page:
    deployment, page = found.deployment, Page(width)
    page.line(f"deployment {safe(deployment.deployment)}")
    page.known_at(found.as_of)
    page.line(f"  {deployment_label(deployment)}, {safe(deployment.environment)}: {_transition(found)}")
    page.blank()
    if deployment.outcome == "failure":
        page.field("failed", clock(deployment.live_at))
    else:
        until = "still live" if deployment.replaced_at is None else f"until {clock(deployment.replaced_at)}"
        page.field("live", f"{clock(deployment.live_at)}, {until}")
    if deployment.sha:
        page.field("commit", f"{safe(deployment.repository)} {deployment.sha[:10]}".strip())
    page.field("replaced", _replaced(found))
    if found.rolls_back is not None:
        rolled = found.rolls_back
        page.field(
            "undoes", f"{deployment_label(rolled)}, live {between(rolled.live_at, deployment.live_at)} before"
        )
    if found.undone_by is not None:
        undone = found.undone_by
        page.field(
            "undone",
            f"{clock(undone.live_at)} by {deployment_label(undone)}, after"
            f" {between(deployment.live_at, undone.live_at)}",
        )
    page.field("reported", "by " + ", ".join(map(safe, deployment.reporters)) if deployment.reporters else "")
    if deployment.ignored:
        page.field("ignored", "a person said that it is no candidate cause")
    page.field("risk", f"{100 * deployment.risk:.1f}% to break production, before any incident")
    rule = _LINKED_BY.get(deployment.link_rule, "")
    page.field("changes", f"{deployment.changes:,}{_why_so_many(found, rule)}")
    for brought in found.changes[:_LISTED_MAX]:
        risk = f"{100 * brought.change.risk:4.1f}%" if brought.change is not None else "     "
        title = safe(brought.change.title) if brought.change is not None else ""
        page.optional(4, f"    {risk} {safe(brought.key)}  {title}")
    if len(found.changes) > _LISTED_MAX:
        page.optional(3, f"          and {deployment.changes - _LISTED_MAX:,} more, less risky")
    _laid(page, found.incidents)
    return page


def _why_so_many(found: DeploymentFindings, rule: str) -> str:
    deployment = found.deployment
    if deployment.link_rule == "baseline":
        return ": the first deployment known, there is nothing to compare it with"
    if deployment.link_rule == "unlinked":
        return ": what it deployed could not be linked to any change"
    if deployment.transition in ("rollback", "redeploy") and not deployment.changes:
        return f": a {deployment.transition} brings nothing new"
    return f" ({rule})" if rule and deployment.changes else ""


def _transition(found: DeploymentFindings) -> str:
    return {
        "forward": "a new version",
        "rollback": "a rollback to an earlier version",
        "redeploy": "the same version again",
        "reinstate": "a version that had been rolled back, again",
        "baseline": "the first deployment known",
        "failed": "failed, never live",
    }.get(found.deployment.transition, safe(found.deployment.transition))


def _replaced(found: DeploymentFindings) -> str:
    previous = found.previous
    if previous is None:
        return safe(found.deployment.previous) or "nothing that is known"
    lived = between(previous.live_at, found.deployment.live_at)
    return f"{deployment_label(previous)}, live since {clock(previous.live_at)} ({lived})"


def _laid(page: Page, incidents: Sequence[LaidTo]) -> None:
    """The incidents that are laid to a thing, and how many more it is hardly suspected of."""
    laid = [entry for entry in incidents if entry.share >= LAID_MIN]
    faint = len(incidents) - len(laid)
    beside = f"; {faint:,} more below {share(LAID_MIN)}" if faint else ""
    page.field("incidents", f"{count(len(laid), 'incident')} laid to it{beside}" if laid else f"none{beside}")
    for entry in laid[:_LISTED_MAX]:
        incident = entry.incident
        page.line(
            f"    {share(entry.share):>4} {clock(incident.opened_at)} {safe(incident.incident)}"
            f"  {safe(incident.title)}"
        )
    if len(laid) > _LISTED_MAX:
        page.line(f"         and {len(laid) - _LISTED_MAX:,} more")


def _several_page(found: SeveralFindings, width: int) -> Page:
    page, listed = Page(width), found.matches[:NAMED_MAX]
    page.line(f"{safe(found.name)} means {count(len(found.matches), 'thing')}; say which:")
    page.known_at(found.as_of)
    kind = ""
    for match in sorted(listed, key=lambda match: KINDS.index(match.kind)):
        if match.kind != kind:
            kind = match.kind
            page.line(f"{kind}s")
        # the end of a key is a name too, so what doesn't fit gives way on the left
        about = f"  {safe(match.about)}" if match.about else ""
        page.line(f"  {cut_left(safe(match.key), page.width - 2)}{about}")
    if len(found.matches) > len(listed):
        page.line(f"  and {len(found.matches) - len(listed):,} more: write more of the name")
    return page
