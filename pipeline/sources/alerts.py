"""What an alert says, the same for Alertmanager and Grafana: a beginning or an end, where, and since when.

An alert is one fact by its fingerprint and the moment at which it began to fire. A firing alert opens
an incident, or a burn of an error budget when it is about a service level objective and says that the
budget burns; a resolved one ends it. The repeats of a notification tell the same again.

What an alert fires on began earlier: the rule looks back over a window, and what it finds has to last
(``for``) until the alert fires. Where labels or annotations tell these two, they bound the onset.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, NamedTuple

import msgspec

from pipeline.core.events import (
    BurnEnded,
    BurnStarted,
    Event,
    IncidentDetected,
    IncidentResolved,
    InvalidEvent,
)
from pipeline.sources.deliveries import Delivery, Reading, decoded, envelope, nothing_read
from pipeline.sources.times import MICROSECONDS, AwareTime, instant, micros

#: labels, by preference: the first that is there and not empty counts
SERVICE_LABELS = (
    "service",
    "service_name",
    "sloth_service",
    "app",
    "app_kubernetes_io_name",
    "application",
    "deployment",
    "job",
)
ENVIRONMENT_LABELS = ("environment", "env", "deployment_environment_name", "deployment_environment", "stage")
SEVERITY_LABELS = ("severity", "sloth_severity", "grafana_slo_severity", "priority", "level")
COMPONENT_LABELS = ("component",)
TITLE_ANNOTATIONS = ("summary", "title")
ALERT_NAME = "alertname"

#: labels or annotations, by preference: what names the objective; those that name it for one service
SLO_IDS = ("sloth_id", "slo_id", "grafana_slo_uuid")
SLO_NAMES = ("sloth_slo", "slo_name", "slo")
#: and the labels that say, beside the objective, that its budget burns (as `burn` in the alert's name does);
#: not annotations, where `window` bounds the onset of any alert
BURN_MARKS = (
    "sloth_severity",
    "grafana_slo_severity",
    "exhaustion",
    "burn_rate",
    "burnrate",
    "long_window",
    "long",
    "window",
)
BURN_RATE_NAMES = ("burn_rate", "burnrate")
BURN_WINDOW_NAMES = ("long_window", "long", "window")

#: labels or annotations: how far the rule looks back, and how long it has to hold
WINDOW_NAMES = ("window", "evaluation_window")
FOR_NAMES = ("for", "pending_period")
#: where neither is told: five minutes of a rate that had to last for five minutes
WINDOW_DEFAULT_SECONDS = 600
WINDOW_MAX_SECONDS = 7 * 86_400

#: alerts that fire to show that alerting works, or when somebody presses a button: nothing is wrong
PASSED_OVER = frozenset({"Watchdog", "DeadMansSwitch", "InfoInhibitor", "TestAlert"})

ALERTS_MAX = 10_000
TITLE_CHARACTERS_MAX = 500

_UNIT_SECONDS = {
    "ms": 0.001,
    "s": 1,
    "m": 60,
    "h": 3600,
    "d": 86_400,
    "w": 7 * 86_400,
    "y": 365 * 86_400,
}
_LENGTH = re.compile(r"([0-9]{1,9})(ms|[smhdwy])")
_LENGTHS = re.compile(rf"(?:{_LENGTH.pattern})+")
_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")


class Alert(msgspec.Struct, frozen=True, rename="camel"):
    """One alert of a notification; ``values`` is Grafana's."""

    status: Literal["firing", "resolved"]
    fingerprint: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    starts_at: AwareTime
    ends_at: AwareTime | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    values: dict[str, float | None] | None = None

    @property
    def name(self) -> str:
        """The name of the rule."""
        return self.labels.get(ALERT_NAME, "")


class Teller(NamedTuple):
    """Who tells the alerts: the ``source`` of the events, which parser read them, and what it passes over."""

    source: str
    parser_version: int
    #: names of alerts that say nothing of a service, beside ``PASSED_OVER``
    passed_over: frozenset[str] = frozenset()


_alert_decoder = msgspec.json.Decoder(Alert)


def read_alerts(
    delivery: Delivery, alerts: Sequence[msgspec.Raw], teller: Teller, *, truncated: int = 0
) -> Reading:
    """The events of a notification's alerts, in its order.

    ``truncated`` is how many alerts the sender left out. Raises ``InvalidEvent`` when there are too
    many alerts, or when each of them is wrong.
    """
    if len(alerts) > ALERTS_MAX:
        raise InvalidEvent(f"alerts: {len(alerts)} in one notification, at most {ALERTS_MAX} are read")
    events: list[Event] = []
    passed_over: dict[str, None] = {}
    refused: list[str] = []
    for place, raw in enumerate(alerts):
        try:
            alert = decoded(_alert_decoder, bytes(raw))
            if alert.name in PASSED_OVER | teller.passed_over:
                passed_over[alert.name] = None
            else:
                events.append(_event(delivery, alert, teller))
        except InvalidEvent as error:
            refused.append(f"alerts[{place}]: {error}")
    if refused and not events and not passed_over:
        raise nothing_read(refused)
    unused = list(passed_over)
    if truncated:
        unused.append(f"truncatedAlerts {truncated}")
    if not alerts and not unused:
        unused.append("no alerts")
    return Reading(events, ", ".join(unused), refused)


def seconds_of(text: str) -> float | None:
    """A length of time as Prometheus writes it (``1h30m``), or plain seconds; ``None`` for anything else."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return float(text)
    if not _LENGTHS.fullmatch(text):
        return None
    return sum(int(count) * _UNIT_SECONDS[unit] for count, unit in _LENGTH.findall(text))


def _event(delivery: Delivery, alert: Alert, teller: Teller) -> Event:
    """The one event that an alert tells."""
    started_at = micros(alert.starts_at, "startsAt")
    key = f"{teller.source} {alert.fingerprint} {instant(started_at)}"
    time = started_at
    if alert.status == "resolved":
        if alert.ends_at is None:
            raise InvalidEvent("endsAt: missing, and the alert is resolved")
        # an alert that was merged from two may end before it began
        time = max(started_at, micros(alert.ends_at, "endsAt"))
    head = envelope(
        delivery,
        id=f"{key} {alert.status}",
        source=teller.source,
        time=time,
        parser_version=teller.parser_version,
    )
    service = _first(SERVICE_LABELS, alert.labels)
    environment = _first(ENVIRONMENT_LABELS, alert.labels)
    if objective := _objective(alert, service, environment):
        if alert.status == "resolved":
            return _made(BurnEnded, head, slo=objective, service=service, environment=environment)
        window = _length(BURN_WINDOW_NAMES, alert)
        return _made(
            BurnStarted,
            head,
            slo=objective,
            service=service,
            environment=environment,
            burn_rate=_burn_rate(alert),
            window_seconds=None if window is None else round(window),
        )
    if alert.status == "resolved":
        return _made(IncidentResolved, head, incident=key, service=service)
    return _made(
        IncidentDetected,
        head,
        incident=key,
        service=service,
        environment=environment,
        severity=_first(SEVERITY_LABELS, alert.labels),
        title=(_first(TITLE_ANNOTATIONS, alert.annotations) or alert.name)[:TITLE_CHARACTERS_MAX],
        deduplication_key=alert.fingerprint,
        component=_first(COMPONENT_LABELS, alert.labels),
        onset_earliest_at=started_at - round(_lookback(alert) * MICROSECONDS),
    )


def _made(struct: type[Event], head: dict[str, object], **fields: object) -> Event:
    return struct(**head, **fields)  # type: ignore[arg-type]


def _first(names: Sequence[str], *places: Mapping[str, str]) -> str:
    """The first of these names that says anything."""
    return next((value for name in names for told in places if (value := told.get(name, "").strip())), "")


def _told(names: Sequence[str], alert: Alert) -> str:
    return _first(names, alert.labels, alert.annotations)


def _objective(alert: Alert, service: str, environment: str) -> str:
    """Key of the objective whose budget burns; "" for any other alert."""
    identifier, name = _told(SLO_IDS, alert), _told(SLO_NAMES, alert)
    if not identifier and not name:
        return ""
    if "burn" not in alert.name.casefold() and not _first(BURN_MARKS, alert.labels):
        return ""
    parts = (environment, identifier) if identifier else (environment, service, name)
    return "/".join(filter(None, parts))


def _burn_rate(alert: Alert) -> float | None:
    text = _told(BURN_RATE_NAMES, alert).removesuffix("x")
    if _NUMBER.fullmatch(text):
        return float(text)
    values = alert.values or {}
    return next((value for name in BURN_RATE_NAMES if (value := values.get(name)) is not None), None)


def _length(names: Sequence[str], alert: Alert) -> float | None:
    """The first of these that is a length of time, in seconds."""
    for name in names:
        for told in (alert.labels, alert.annotations):
            found = seconds_of(told.get(name, ""))
            if found is not None:
                return min(found, WINDOW_MAX_SECONDS)
    return None


def _lookback(alert: Alert) -> float:
    """By how many seconds, at most, the symptoms began before the alert fired."""
    told = [length for names in (WINDOW_NAMES, FOR_NAMES) if (length := _length(names, alert)) is not None]
    return min(sum(told), WINDOW_MAX_SECONDS) if told else WINDOW_DEFAULT_SECONDS
