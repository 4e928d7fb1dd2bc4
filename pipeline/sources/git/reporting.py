"""The closing report: which questions a history can answer, and what would light up the others."""

from __future__ import annotations

from pipeline.sources.git.history import Question, Report

_TAGS = (
    "name a tag per production deployment (for example production-2024-05-01-1200) and pass "
    "--deploy-tags 'production-*', or add the GitOps repository: "
    "aftermerge import git APP GITOPS --gitops"
)
_REVIEWS = "connect the forge (GitHub or GitLab): a clone holds no reviews, checks or opening times"
_ALERTS = "connect PagerDuty or Alertmanager"
_NO_UNDOING = f"no revert or rollback here says what it took back: {_ALERTS}"
_ASK = f"--incidents-from reverts,rollbacks takes them from this clone, or {_ALERTS}"
_TELEMETRY = "connect Terraform, Argo CD or Prometheus"


def questions(report: Report, incidents_asked: bool) -> list[Question]:
    """What can be answered from the counts of a report, in the order in which people ask."""
    counts = report.counts
    changes = "" if counts.get("changes") else "there are no commits (in this time)"
    owners = "" if counts.get("changes_with_owners") else "commit a CODEOWNERS file"
    deployments = "" if counts.get("deployments") else _TAGS
    incidents = "" if counts.get("incidents") else _NO_UNDOING if incidents_asked else _ASK
    both = "; and ".join(need for need in (deployments, incidents) if need)
    asked = (
        ("changes", "What was merged, how big, by whom?", changes),
        ("owners", "Whose code was touched (CODEOWNERS)?", owners),
        ("deployments", "How often, and how long after the merge, is it deployed?", deployments),
        ("incidents", "Which change most likely caused which incident?", both),
        ("failures", "What share of deployments failed, how long until it was repaired?", both),
        ("reviews", "Do reviews come in time, and are they more than stamps?", _REVIEWS),
        ("checks", "Which checks are flaky, which were bypassed?", _REVIEWS),
        ("drift", "What drifted, which error budget burns?", _TELEMETRY),
    )
    return [Question(name, text, not needs, needs) for name, text, needs in asked]
