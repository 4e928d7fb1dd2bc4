"""Grafana's own webhook contact point: like Alertmanager's, with an organisation and the rule's values.

What its alerts say is in ``sources.alerts``. Grafana also fires alerts about itself: that a query failed
(``DatasourceError``) says nothing about a service, and is passed over; that a series is gone
(``DatasourceNoData``) may well be the service, and counts.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from pipeline.sources.alerts import Teller, read_alerts
from pipeline.sources.deliveries import Delivery, Reader, Reading, decoded

PARSER_VERSION = 1
SOURCE = "grafana"
#: alerts about Grafana's own trouble
PASSED_OVER = frozenset({"DatasourceError"})


class _Notification(msgspec.Struct, frozen=True, rename="camel"):
    org_id: int
    status: Literal["firing", "resolved"]
    alerts: list[msgspec.Raw]
    truncated_alerts: Annotated[int, msgspec.Meta(ge=0)] = 0


_decoder = msgspec.json.Decoder(_Notification)


def parse(delivery: Delivery, reader: Reader) -> Reading:
    """The incidents and burns that a notification begins or ends."""
    notification = decoded(_decoder, delivery.body)
    return read_alerts(
        delivery,
        notification.alerts,
        Teller(SOURCE, PARSER_VERSION, PASSED_OVER),
        truncated=notification.truncated_alerts,
    )
