"""For a team: whose turn it is, how long people wait, and what review is worth."""

from __future__ import annotations

from pipeline.panels.choices import CHANGE_CLASS, SERVICE, TEAM, WORKSPACE
from pipeline.panels.panel import Dashboard, Section
from pipeline.panels.review import now, time_taken, worth

REVIEW = Dashboard(
    key="review",
    title="Review",
    question="Whose turn is it, how long do people wait, and what is review worth?",
    hours=90 * 24,
    refresh_seconds=60,
    choices=(WORKSPACE, TEAM, SERVICE, CHANGE_CLASS),
    sections=(
        Section("Now", (now.BACKLOG, now.OPEN)),
        Section(
            "How long it takes",
            (time_taken.RESPONSE, time_taken.WAITING, time_taken.SIZE, time_taken.SIZES),
        ),
        Section("What it is worth", (worth.STAMPS, worth.LOAD, worth.FLAKY, worth.OWNERS)),
    ),
)
