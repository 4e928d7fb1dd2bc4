"""Alertmanager and Grafana: alerts become incidents and burns, once each, with bounds on their onset."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core import events as e
from pipeline.core.facts import BurnFact, IncidentFact
from pipeline.core.tellings import content
from pipeline.sources import alertmanager, alerts, grafana_alerting
from pipeline.sources.alerts import seconds_of
from pipeline.sources.deliveries import Parser, Reading
from pipeline.sources.times import instant, rfc3339
from tests.sources.posted import (
    GOLDEN,
    READER,
    RECEIVED_AT,
    ROOT,
    delivery,
    expected,
    golden,
    goldens,
    read,
    shown,
)
from tests.strategies import MINUTE
from tests.worlds import Told, at, deployed

PARSERS: dict[str, Parser] = {"alertmanager": alertmanager.parse, "grafana": grafana_alerting.parse}
DOCUMENT = ROOT / "docs/sources.md"


def notification(*told: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"version": "4", "orgId": 1, "status": "firing", "alerts": list(told), **fields}


def alert(hours: float = 1, ended: float | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "status": "firing" if ended is None else "resolved",
        "labels": {"alertname": "Errors", "service": "api", "environment": "production"},
        "annotations": {"window": "10m", "for": "5m"},
        "startsAt": rfc3339(at(hours)),
        "endsAt": "0001-01-01T00:00:00Z" if ended is None else rfc3339(at(ended)),
        "fingerprint": "f1",
        **fields,
    }


def heard(*told: dict[str, Any], received_at: int = RECEIVED_AT, **fields: Any) -> Reading:
    body = notification(*told, **fields)
    del body["orgId"]
    return alertmanager.parse(delivery(body, received_at=received_at), READER)


@pytest.mark.parametrize("path", [*goldens("alertmanager"), *goldens("grafana")], ids=lambda path: path.stem)
def test_golden_deliveries(path: Path) -> None:
    assert shown(read(path)) == expected(path)


@pytest.mark.parametrize("source", PARSERS)
def test_repeats_tell_the_same(source: str) -> None:
    delivered = golden(GOLDEN / source / "firing.json")
    first = PARSERS[source](delivered, READER)
    again = PARSERS[source](
        msgspec.structs.replace(delivered, received_at=RECEIVED_AT + 4 * 3600 * e.MICROSECONDS), READER
    )
    assert first.events
    for one, other in zip(first.events, again.events, strict=True):
        assert one.id == other.id
        assert one.received_at != other.received_at
        assert content(one) == content(other)


def test_a_firing_alert_and_its_end_are_one_incident_with_bounds_on_its_onset() -> None:
    told = Told(deployed("api", 0.9, tag="v2"))
    for received in (1.01, 1.5):
        told.then(heard(alert(), received_at=at(received)).events)
    (incident,) = told.rows(IncidentFact)
    assert incident.incident == f"alertmanager f1 {instant(at(1))}"
    assert (incident.service, incident.environment, incident.title) == ("api", "production", "Errors")
    assert (incident.opened_at, incident.resolved_at) == (at(1), None)
    # fifteen minutes of window and patience: the onset lies in the middle of them
    assert incident.onset_source == "alert window"
    assert incident.onset_at == at(1) - 15 * MINUTE // 2
    assert incident.onset_uncertainty_seconds == pytest.approx(900 / 12**0.5, abs=0.1)
    told.then(heard(alert(ended=2), received_at=at(2.1)).events)
    (ended,) = told.rows(IncidentFact)
    assert (ended.incident, ended.resolved_at) == (incident.incident, at(2))
    # told three times, two facts
    assert ended.events == [f"{incident.incident} firing", f"{incident.incident} resolved"]


def test_an_alert_that_fires_again_is_another_fact() -> None:
    first, second = (heard(alert(hours)).events[0] for hours in (1, 5))
    assert isinstance(first, e.IncidentDetected)
    assert isinstance(second, e.IncidentDetected)
    assert first.incident != second.incident
    assert first.deduplication_key == second.deduplication_key == "f1"


def test_a_burn_begins_and_ends() -> None:
    labels = {"alertname": "ErrorBudgetBurn", "slo": "latency", "service": "api", "long": "1h30m"}
    told = Told(heard(alert(labels=labels), received_at=at(1)).events)
    told.then(heard(alert(labels=labels, ended=3), received_at=at(3)).events)
    burn = told.row(BurnFact, "api/latency", at(1))
    assert (burn.ended_at, burn.window_seconds, burn.service) == (at(3), 5400, "api")
    assert not told.run.table("incidents")


@pytest.mark.parametrize(
    ("annotations", "minutes"),
    [
        ({}, alerts.WINDOW_DEFAULT_SECONDS / 60),
        ({"window": "30m"}, 30),
        ({"for": "90s"}, 1.5),
        ({"for": "0s"}, 0),
        ({"window": "300", "for": "1m"}, 6),
        ({"window": "soon"}, alerts.WINDOW_DEFAULT_SECONDS / 60),
        ({"window": "400d", "for": "400d"}, alerts.WINDOW_MAX_SECONDS / 60),
    ],
)
def test_window_and_patience_bound_the_onset(annotations: dict[str, str], minutes: float) -> None:
    (event,) = heard(alert(annotations=annotations)).events
    assert isinstance(event, e.IncidentDetected)
    assert event.onset_at is None
    assert event.onset_earliest_at == at(1) - round(minutes * MINUTE)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5m", 300), ("1h30m", 5400), ("1d", 86400), ("250ms", 0.25), ("90", 90), ("2w", 1_209_600)]
    + [(text, None) for text in ("", "m", "5 m", "-5m", "5M", "1h-", "1e9", "9" * 99)],
)
def test_lengths_of_time(text: str, seconds: float | None) -> None:
    assert seconds_of(text) == seconds


def test_the_good_alerts_of_a_notification_are_kept() -> None:
    wrong = alert(startsAt="yesterday")
    reading = heard(wrong, alert(), alert(ended=2, endsAt=None))
    assert [type(event) for event in reading.events] == [e.IncidentDetected]
    assert [reason.split(":")[0] for reason in reading.refused] == ["alerts[0]", "alerts[2]"]
    with pytest.raises(e.InvalidEvent, match=r"alerts\[0\]: .* \(and 1 more\)"):
        heard(wrong, wrong)


def test_alerts_left_out_are_counted() -> None:
    assert heard(alert(), truncatedAlerts=7).unused == "truncatedAlerts 7"
    assert heard().unused == "no alerts"
    with pytest.raises(e.InvalidEvent, match=f"at most {alerts.ALERTS_MAX}"):
        heard(*[{}] * (alerts.ALERTS_MAX + 1))


def test_an_end_before_the_beginning_is_the_beginning() -> None:
    (event,) = heard(alert(2, ended=1)).events
    assert event.time == at(2)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "truncated"),
        (b"[]", "Expected `object`"),
        (b'"\xff"', "Expected `object`"),
        (b'{"version": "4", "alerts": [', "truncated"),
        (b'{"x":' + b"[" * 200_000, "nested too deeply"),
        (json.dumps(notification(alert())).encode(), "source `grafana`"),
        (b'{"version": "3", "alerts": []}', "version: '3'"),
        (b'{"version": "4"}', "alerts"),
    ],
)
def test_what_is_no_notification_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(e.InvalidEvent, match=re.escape(reason)):
        alertmanager.parse(delivery(body), READER)


@pytest.mark.parametrize("body", [b"", b"{}", b'{"orgId":' + b"[" * 200_000, b'{"orgId": 1, "alerts": 3}'])
def test_what_is_no_notification_of_grafana_is_refused(body: bytes) -> None:
    with pytest.raises(e.InvalidEvent):
        grafana_alerting.parse(delivery(body, "grafana"), READER)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("5m"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
_NAMES = sorted(
    {"alertname", *alerts.SLO_NAMES, *alerts.BURN_MARKS, *alerts.FOR_NAMES, *alerts.SERVICE_LABELS}
)
_TEXTS = st.dictionaries(st.sampled_from(_NAMES), st.text(max_size=8) | st.just("1h"), max_size=5)
_TIMES = st.sampled_from(["0001-01-01T00:00:00Z", "2024-05-01T12:00:00Z", "9999-12-31T23:59:59-23:59"])
ALERTS = st.fixed_dictionaries(
    {},
    optional={
        "status": st.sampled_from(["firing", "resolved", "suppressed"]) | JSON,
        "labels": _TEXTS | JSON,
        "annotations": _TEXTS | JSON,
        "startsAt": _TIMES | JSON,
        "endsAt": _TIMES | JSON,
        "fingerprint": st.just("f1") | JSON,
        "values": JSON,
    },
)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(sorted(PARSERS)),
    st.lists(ALERTS | JSON, max_size=3),
    st.dictionaries(st.sampled_from(["version", "truncatedAlerts", "status", "orgId"]), JSON, max_size=2),
    st.booleans(),
)
def test_anything_else_is_an_invalid_event(
    source: str, told: list[Any], fields: dict[str, Any], from_alertmanager: bool
) -> None:
    body = notification(*told, **fields)
    if from_alertmanager:
        del body["orgId"]
    raw = json.dumps(body).encode()
    try:
        reading = PARSERS[source](delivery(raw), READER)
    except e.InvalidEvent:
        return
    for event in reading.events:
        assert event.id
        assert getattr(event, event.key_field)
        assert not event.imported
        msgspec.json.encode(event)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(PARSERS)), st.data())
def test_damaged_bytes_are_an_invalid_event(source: str, data: st.DataObject) -> None:
    whole = bytearray((GOLDEN / source / "firing.json").read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(whole) - 1))
        whole[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    try:
        PARSERS[source](delivery(bytes(whole), source), READER)
    except e.InvalidEvent:
        return


def section(title: str) -> str:
    """One section of the document about sources."""
    text = DOCUMENT.read_text(encoding="utf-8")
    return text.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def rows_of(text: str) -> dict[str, tuple[str, ...]]:
    """First cell of each row of the tables -> what stands in backquotes in the second."""
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \|", text, re.M)
    return {name.strip(): tuple(re.findall(r"`([^`]+)`", cell)) for name, cell in rows}


def test_the_document_names_the_labels_that_are_read() -> None:
    rows = rows_of(section("Alertmanager"))
    assert rows["service"] == alerts.SERVICE_LABELS
    assert rows["environment"] == alerts.ENVIRONMENT_LABELS
    assert rows["severity"] == alerts.SEVERITY_LABELS
    assert rows["component"] == alerts.COMPONENT_LABELS
    assert rows["title"] == (*alerts.TITLE_ANNOTATIONS, alerts.ALERT_NAME)
    assert rows["objective"] == (*alerts.SLO_IDS, *alerts.SLO_NAMES)
    assert rows["that it burns"] == alerts.BURN_MARKS
    assert rows["burn rate"] == alerts.BURN_RATE_NAMES
    assert rows["burn window"] == alerts.BURN_WINDOW_NAMES
    assert rows["window of the rule"] == alerts.WINDOW_NAMES
    assert rows["how long it must hold"] == alerts.FOR_NAMES
    assert rows["passed over"] == tuple(sorted(alerts.PASSED_OVER))


def test_the_document_names_what_grafana_tells_of_itself() -> None:
    assert rows_of(section("Grafana alerting"))["passed over"] == tuple(sorted(grafana_alerting.PASSED_OVER))
