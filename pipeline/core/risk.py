"""How likely a change breaks production, before anything is known of how it went."""

from __future__ import annotations

from pipeline.core.changes import ChangeSummary
from pipeline.core.parameters import Risk

_DOCUMENTATION = (".md", ".rst", ".adoc", ".txt")
_DOCUMENTATION_ROOTS = frozenset({"doc", "docs", "documentation", "adr", "rfcs"})


def risk_of(change: ChangeSummary, failed_checks: int, risk: Risk) -> float:
    """How likely this change breaks production: a base rate times bounded factors.

    Reviews without an approval count; no reviews at all don't, because most sources know of none.
    """
    value = risk.per_change
    if change.additions is not None:
        size = max(0, change.additions) + max(0, change.deletions or 0)
        factor = ((1 + size) / risk.size_pivot_lines) ** risk.size_exponent
        if factor > risk.size_factor_max:
            factor = risk.size_factor_max
        elif factor < risk.size_factor_min:
            factor = risk.size_factor_min
        value *= factor
    if change.bot:
        value *= risk.bot
    if change.reviews and not change.approvals:
        value *= risk.unreviewed
    if failed_checks:
        value *= risk.failed_check
    if change.paths and only_documentation(change.paths):
        value *= risk.documentation
    return round(value, 6)


def only_documentation(paths: list[str]) -> bool:
    """Whether none of these paths can change what runs."""
    for path in paths:
        if not path.endswith(_DOCUMENTATION) and path.split("/", 1)[0] not in _DOCUMENTATION_ROOTS:
            return False
    return True
