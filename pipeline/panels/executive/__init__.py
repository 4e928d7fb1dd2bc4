"""For whoever leads: how fast, how safely, how well reviewed, and what changed since last month."""

from __future__ import annotations

from pipeline.panels.choices import CHANGE_CLASS, ENVIRONMENT, SERVICE, TEAM, WORKSPACE
from pipeline.panels.executive import delivery, figures, production
from pipeline.panels.panel import Dashboard, Section

EXECUTIVE = Dashboard(
    key="executive",
    title="Executive",
    question="Is delivery fast and safe, and does review do its work?",
    hours=90 * 24,
    refresh_seconds=300,
    choices=(WORKSPACE, TEAM, SERVICE, ENVIRONMENT, CHANGE_CLASS),
    sections=(
        Section(
            "At a glance",
            (
                figures.DELIVERY,
                figures.INCIDENTS,
                figures.BYPASSES,
                figures.COVERAGE,
                figures.OBJECTIVES,
                figures.VIOLATIONS,
            ),
        ),
        Section("Since last month", (delivery.CHANGED,)),
        Section("Delivery", (delivery.LEAD_TIME, delivery.FAIL_RATE, delivery.DORA)),
        Section("Review and risk", (delivery.PAST_REVIEW, delivery.RISK)),
        Section("Production", (production.CAUSES, production.LATEST, production.BUDGETS, production.SIGNALS)),
    ),
)
