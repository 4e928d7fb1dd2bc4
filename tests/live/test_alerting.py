"""A rule of real Prometheus fires, real Alertmanager tells it, and the incident is known; until it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.live.alerting import ALERT, ALERTMANAGER, PACKAGES, PROMETHEUS, SERVICE, alerting
from tests.live.process import eventually, needs, up

pytestmark = [pytest.mark.slow, pytest.mark.long]

#: from the webhook to the row
ROW_SECONDS_MAX = 5
COLUMNS = "title, severity, resolved_at IS NULL"


def test_an_alert_is_an_incident_until_it_is_resolved(tmp_path: Path) -> None:
    needs((PROMETHEUS, ALERTMANAGER), PACKAGES)
    with up(tmp_path / "data") as run, alerting(run, tmp_path) as exporter:
        assert run.rows("SELECT incident FROM incidents FINAL") == []
        exporter.failing = 3
        eventually(run.received, "Alertmanager did not post")
        asked = f"SELECT {COLUMNS} FROM incidents FINAL"
        rows = eventually(lambda: run.rows(asked), "the incident is no row", ROW_SECONDS_MAX)
        assert rows == [["3 payments fail", "critical", 1]]
        told = run.rows(
            "SELECT source, service, environment, toUInt32(time - onset_earliest_at)"
            " FROM events_incident_detected FINAL"
        )
        assert told == [["alertmanager", SERVICE, "production", 300]]
        # what is told again and again is one incident
        posted = run.received()
        eventually(lambda: run.received() > posted + 1, "Alertmanager did not repeat itself")
        assert len(run.rows(asked)) == 1
        exporter.failing = 0
        events = "SELECT count() FROM events_incident_resolved"
        eventually(lambda: run.value(events), "Alertmanager did not tell the end")
        ended = eventually(
            lambda: [row for row in run.rows(asked) if not row[2]],
            "the incident's row has no end",
            ROW_SECONDS_MAX,
        )
        assert len(ended) == len(run.rows(asked)) == 1
        # it fires again
        exporter.failing = 5
        again = "SELECT uniqExact(id) FROM events_incident_detected"
        eventually(lambda: run.value(again) == 2, f"{ALERT} did not fire again")
        assert run.rows("SELECT reason FROM dead_letters") == []
