"""Alertmanager's webhook (version 4 of its format): what its alerts say is in ``sources.alerts``."""

from __future__ import annotations

from typing import Annotated

import msgspec

from pipeline.core.events import InvalidEvent
from pipeline.sources.alerts import Teller, read_alerts
from pipeline.sources.deliveries import Delivery, Reader, Reading, decoded

PARSER_VERSION = 1
SOURCE = "alertmanager"
FORMAT_VERSION = "4"


class _Notification(msgspec.Struct, frozen=True, rename="camel"):
    version: str
    alerts: list[msgspec.Raw]
    truncated_alerts: Annotated[int, msgspec.Meta(ge=0)] = 0
    #: Grafana's own, which looks nearly the same
    org_id: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_decoder = msgspec.json.Decoder(_Notification)


def parse(delivery: Delivery, reader: Reader) -> Reading:
    """The incidents and burns that a notification begins or ends."""
    notification = decoded(_decoder, delivery.body)
    if notification.org_id is not msgspec.UNSET:
        raise InvalidEvent("orgId: this is Grafana's own notification: send it to the source `grafana`")
    if notification.version != FORMAT_VERSION:
        raise InvalidEvent(
            f"version: {notification.version[:20]!r}, this reads version {FORMAT_VERSION!r} of the format"
        )
    return read_alerts(
        delivery,
        notification.alerts,
        Teller(SOURCE, PARSER_VERSION),
        truncated=notification.truncated_alerts,
    )
