"""For whoever looks for a cause: a deployment, all that is known of it, and why a number is what it is."""

from __future__ import annotations

from pipeline.panels.choices import DEPLOYMENT, ENVIRONMENT, SERVICE, WORKSPACE
from pipeline.panels.debug import data, deployment, telemetry
from pipeline.panels.panel import Dashboard, Section

DEBUG = Dashboard(
    key="debug",
    title="Debug",
    question="What did this deployment bring, and why is a number what it is?",
    hours=7 * 24,
    refresh_seconds=60,
    choices=(WORKSPACE, SERVICE, ENVIRONMENT, DEPLOYMENT),
    sections=(
        Section(
            "The deployment",
            (deployment.METADATA, deployment.CHANGES, deployment.CHECKS, deployment.INCIDENTS),
        ),
        Section("Before and after", (deployment.NUMBERS, deployment.BUDGETS, telemetry.ERROR_RATES)),
        Section("Its requests", (telemetry.TRACES, telemetry.LOGS)),
        Section(
            "The data itself",
            (data.UNLINKED, data.LETTERS, data.SOURCES, data.FRESHNESS, data.QUALITY),
        ),
    ),
)
