"""What people rule: classes and policies, a threshold, whose approval a change needs, and exceptions."""

from __future__ import annotations

from pipeline.core import events as e
from pipeline.simulate.desk import MICROSECONDS as M
from pipeline.simulate.desk import PARSER_VERSION as V
from pipeline.simulate.desk import envelope
from pipeline.simulate.planting import NEGLECTED_SHARE

#: classes that need two to agree
_CRITICAL = ("iam", "database-migration", "shared-contract", "iac")
_RETRO_REVIEW_MINUTES = 2 * 24 * 60
_FINDING_CASES_MIN = 1
#: share of pushes that a rule of the branch stood against
RULED_SHARE = 0.5
#: shares of requests with a file that nobody owns, and with an entry that no file matches any more
_UNOWNED_SHARE, _STALE_SHARE = 0.08, 0.05


def rules(at: int) -> list[e.Event]:
    """The catalogue's classes, policies and thresholds, from ``at`` (microseconds) on."""
    head = ("catalogue", at, at, False, 0, V, False, 0)
    return [
        e.ClassDeclared("catalogue class dependency 1", *head, "dependency", [], ["dependencies"]),
        e.PolicyDeclared("catalogue policy everything 1", *head, "everything", [], [], 1, [], [], False,
            _RETRO_REVIEW_MINUTES),
        e.PolicyDeclared("catalogue policy documents 1", *head, "documents", ["docs", "runbook"], [], 0),
        e.PolicyDeclared("catalogue policy critical 1", *head, "critical", list(_CRITICAL), [1], 2, [], [],
            True, _RETRO_REVIEW_MINUTES),
        e.ThresholdSet("catalogue signal late-findings 1", *head, "late-findings", None, None,
            _FINDING_CASES_MIN),
    ]  # fmt: skip


def owners(
    key: str, name: str, number: int, team: str, merged: int, u: float, *, neglected: bool = False
) -> e.OwnersRequired:
    """Whose approval a request needs, as a job read it from the owners of its files; ``u`` is its lot."""
    unowned = 1 if u < (NEGLECTED_SHARE if neglected else _UNOWNED_SHARE) else 0
    stale = ["legacy/"] if 1.0 - u < (NEGLECTED_SHARE if neglected else _STALE_SHARE) else []
    return e.OwnersRequired(
        *envelope(f"ci {key} owners", f"ci/{name}", (merged - 120) * M), key, name, number,
        [f"@acme/{team}"], unowned, stale,
    )  # fmt: skip


def overridden(name: str, sha: str, merged: int, actor: str) -> e.RuleBypassed:
    """An administrator's push past the rule that changes come by requests."""
    return e.RuleBypassed(
        *envelope(f"github {name} rule suite {sha}", f"github/{name}", merged * M), f"{name}@{sha}", name,
        sha, "main", "pull_request", actor, "administrator",
    )  # fmt: skip
