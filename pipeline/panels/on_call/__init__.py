"""For whoever is on call: what broke, which change did it, what to go back to, and whose it is."""

from __future__ import annotations

from pipeline.panels.choices import ENVIRONMENT, SERVICE, TEAM, WORKSPACE
from pipeline.panels.on_call.incidents import CANDIDATES, OPEN
from pipeline.panels.on_call.live import RECENT, ROLLOUTS, SMOKE
from pipeline.panels.on_call.state import BURN, DRIFT, PAST_REVIEW
from pipeline.panels.panel import Dashboard, Section

__all__ = ["ON_CALL"]

ON_CALL = Dashboard(
    key="on-call",
    title="On-call",
    question="What broke, which change did it, and what to go back to?",
    hours=24,
    refresh_seconds=30,
    choices=(WORKSPACE, TEAM, SERVICE, ENVIRONMENT),
    sections=(
        Section("Open incidents", (OPEN, CANDIDATES)),
        Section("What went live", (RECENT, ROLLOUTS, SMOKE)),
        Section("State of production", (BURN, DRIFT, PAST_REVIEW)),
    ),
)
