"""A deployment beside the one before it: what is different, and what became of it."""

from __future__ import annotations

from typing import Any, Final

from pipeline.core.facts import DeploymentFact
from pipeline.explain import DeploymentFindings, render_text
from pipeline.explain.labels import deployment_label
from pipeline.explain.words import between, clock, share
from pipeline.pages.cells import NOTHING
from pipeline.pages.chosen import Chosen

_TEXT_WIDTH = 100
#: panels of the debug dashboard that speak of both
COMPARED: Final = (
    "debug-numbers",
    "debug-budgets",
    "debug-error-rates",
    "debug-changes",
    "debug-checks",
    "debug-incidents",
)


def deployment_context(found: DeploymentFindings, told: Chosen) -> dict[str, Any]:
    """What the template is told."""
    one, before = found.deployment, found.previous
    return {
        "found": found,
        "deployment": one,
        "label": deployment_label(one),
        "before_label": deployment_label(before) if before is not None else "",
        "before_href": told.address("/deployment", deployment=before.deployment)
        if before is not None
        else "",
        "rows": [
            (name, mine, theirs, mine != theirs)
            for (name, mine), (_, theirs) in zip(_facts(one), _facts(before), strict=True)
        ],
        "undone": deployment_label(found.undone_by) if found.undone_by is not None else "",
        "undone_at": clock(found.undone_by.live_at) if found.undone_by is not None else "",
        "undone_href": (
            told.address("/deployment", deployment=found.undone_by.deployment)
            if found.undone_by is not None
            else ""
        ),
        "incidents": [
            (entry.incident, told.address("/incident", incident=entry.incident.incident), share(entry.share))
            for entry in found.incidents
        ],
        "as_text": render_text(found, _TEXT_WIDTH),
    }


def _facts(of: DeploymentFact | None) -> list[tuple[str, str]]:
    if of is None:
        of_nothing = ("Deploy tag", "Commit", "Live since", "Live for", "Kind", "Outcome", "Changes")
        return [
            (name, NOTHING) for name in (*of_nothing, "Lines added", "Risk", "Traffic", "Changes found by")
        ]
    replaced = of.replaced_at
    return [
        ("Deploy tag", of.tag or NOTHING),
        ("Commit", of.sha[:12] or NOTHING),
        ("Live since", f"{clock(of.live_at)} UTC"),
        ("Live for", between(of.live_at, replaced) if replaced is not None else "it is live"),
        ("Kind", of.transition or NOTHING),
        ("Outcome", of.outcome or NOTHING),
        ("Changes", f"{of.changes:,}"),
        ("Lines added", f"{of.additions:,}"),
        ("Risk", f"{100 * of.risk:.1f} %"),
        ("Traffic", f"{100 * of.fraction:.0f} %" if of.fraction is not None else NOTHING),
        ("Changes found by", of.link_rule or NOTHING),
    ]
