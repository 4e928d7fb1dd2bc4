"""Objectives and counters at the edge: what makes no sense is refused where it comes in."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from pipeline.core import events as e
from pipeline.core.events import InvalidEvent
from pipeline.sources.cloudevents import parse_line, render
from pipeline.sources.objectives import sensible
from tests import worlds as w
from tests.sources.deliveries import token

GOOD: list[Any] = [w.objective("availability", period_days=28), w.counted("availability", 1, good=1, total=2)]


@pytest.mark.parametrize("event", GOOD, ids=lambda event: type(event).__name__)
def test_what_makes_sense_passes(event: e.Event) -> None:
    assert sensible(event) is event
    assert parse_line(render(event, "acme"), person_token=token) == ("acme", event)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"target_ppm": 0}, "target_ppm: 0: 1 to 999999 are meant"),
        ({"target_ppm": 1_000_000}, "target_ppm: 1000000"),
        ({"period_days": 93}, "period_days: 93: 1 to 92 are meant"),
        ({"seconds": 0}, "seconds: 0: a bucket has 1 to 86400"),
        ({"seconds": 86_401}, "seconds: 86401"),
        ({"good": 3}, "good: 3: 0 to the total are meant"),
        ({"good": -1}, "good: -1"),
        ({"good": 0, "total": -1}, "total: -1: 0 to 1000000000000 are meant"),
    ],
    ids=str,
)
def test_what_makes_none_is_refused_with_its_field(fields: dict[str, Any], told: str) -> None:
    (event,) = [event for event in GOOD if set(fields) <= set(event.__struct_fields__)]
    wrong = msgspec.structs.replace(event, **fields)
    with pytest.raises(InvalidEvent) as refused:
        parse_line(render(wrong, "acme"), person_token=token)
    assert str(refused.value).startswith(f"data.customData.aftermerge.{told}")
