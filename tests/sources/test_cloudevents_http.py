"""CloudEvents over HTTP: structured, batched and binary, the good kept and the bad named."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core import events as e
from pipeline.sources import cloudevents_http as http
from pipeline.sources.cloudevents import render
from pipeline.sources.deliveries import Delivery, Reading
from tests.sources.posted import READER, RECEIVED_AT, delivery, expected, golden, goldens, read, shown
from tests.sources.test_alerts import rows_of, section
from tests.strategies import events

ROOT = Path(__file__).resolve().parents[1] / "golden"
GOLDEN = {path.stem: golden(path) for path in goldens("cloudevents_http")}


def heard(body: Any, media: str = http.STRUCTURED, **headers: str) -> Reading:
    return http.parse(delivery(body, "cloudevents", {"content_type": media, **headers}), READER)


def structured() -> dict[str, Any]:
    told: dict[str, Any] = json.loads(GOLDEN["structured"].body)
    return told


@pytest.mark.parametrize("path", goldens("cloudevents_http"), ids=lambda path: path.stem)
def test_golden_deliveries(path: Path) -> None:
    assert shown(read(path)) == expected(path)


def told_from_outside(event: e.Event) -> bool:
    return not isinstance(event, e.ClockTicked | e.VerdictGiven | e.ClassDeclared | e.PolicyDeclared)


def test_verdicts_rules_and_the_time_are_not_told_from_outside() -> None:
    lines = (ROOT / "cloudevents/own.jsonl").read_bytes().splitlines()
    kinds = (
        b"aftermerge-verdict",
        b"aftermerge-clock",
        b"aftermerge-changeclass",
        b"aftermerge-policy.declared",
    )
    ours = [line for line in lines if any(kind in line for kind in kinds)]
    assert len(ours) == 4
    for line in ours:
        with pytest.raises(e.InvalidEvent, match="the time|verdicts are given|are declared with"):
            heard(line)


def as_live(event: e.Event) -> e.Event:
    version = max(event.parser_version, http.PARSER_VERSION)
    return msgspec.structs.replace(event, received_at=RECEIVED_AT, imported=False, parser_version=version)


def in_headers(line: bytes) -> Delivery:
    told = json.loads(line)
    data = told.pop("data")
    headers = {f"ce-{name}": quote(str(value)) for name, value in told.items()}
    # JSON's true is the text of headers
    headers = {
        name: value.lower() if value in ("True", "False") else value for name, value in headers.items()
    }
    headers["content-type"] = headers.pop("ce-datacontenttype")
    return Delivery("acme", "cloudevents", RECEIVED_AT, headers, json.dumps(data).encode())


@settings(max_examples=100, deadline=None)
@given(st.lists(events().filter(told_from_outside), min_size=1, max_size=4))
def test_every_way_of_sending_tells_the_same(told: list[e.Event]) -> None:
    lines = [render(event, "acme") for event in told]
    wanted = [as_live(event) for event in told]
    assert heard(b"[" + b",".join(lines) + b"]", http.BATCHED) == Reading(wanted, "", [])
    for line, event in zip(lines, wanted, strict=True):
        assert heard(line).events == [event]
        assert heard(line, http.JSON).events == [event]
        assert http.parse(in_headers(line), READER).events == [event]


def test_the_workspace_is_that_of_the_address() -> None:
    with pytest.raises(e.InvalidEvent, match="workspace: 'other', but it was sent to the workspace 'acme'"):
        heard({**structured(), "workspace": "other"})


def test_it_is_received_now_whatever_it_says() -> None:
    (event,) = heard({**structured(), "recordedtime": "2024-05-01T12:00:01Z", "imported": True}).events
    assert (event.received_at, event.imported) == (RECEIVED_AT, False)


def test_types_that_nothing_is_made_of_are_counted() -> None:
    other = {"specversion": "1.0", "id": "1", "source": "/s", "type": "com.example.order"}
    assert heard(other) == Reading([], "com.example.order", [])
    assert heard({**other, "type": "dev.cdevents.branch.created.0.3.0"}).unused == "branch.created"
    assert heard([], http.BATCHED).unused == "empty batch"
    image = http.parse(
        delivery(
            b"\x89PNG",
            "cloudevents",
            {"content_type": "image/png", **{f"ce_{k}": v for k, v in other.items()}},
        ),
        READER,
    )
    assert image.unused == "com.example.order"
    with pytest.raises(e.InvalidEvent):
        heard({**other, "id": ""})


def test_a_batch_of_bad_events_is_refused_as_a_whole() -> None:
    with pytest.raises(e.InvalidEvent, match=r"\[0\]: .*\(and 1 more\)"):
        heard([{}, 3], http.BATCHED)


@pytest.mark.parametrize(
    ("body", "headers", "reason"),
    [
        (b"", {"content_type": http.STRUCTURED}, "truncated"),
        (b"{}", {"content_type": "application/cloudevents+avro"}, "application/cloudevents+json"),
        (b"{}", {"content_type": "text/plain"}, "no CloudEvent"),
        (b"{}", {"content_type": f"{http.STRUCTURED}; charset=latin-1"}, "this reads UTF-8"),
        (b'{"x":' + b"[" * 200_000, {"content_type": http.STRUCTURED}, "nested too deeply"),
        (b"[" * 200_000, {"content_type": http.BATCHED}, "nested too deeply"),
        (b" " * (http.EVENT_BYTES_MAX + 1), {"content_type": http.STRUCTURED}, "longer than"),
        (b" " * (http.EVENT_BYTES_MAX + 1), {"ce_specversion": "1.0"}, "longer than"),
        (b"{}", {"ce_specversion": "1.0", "ce_id": "%ff"}, "percent-encoding"),
        (b"{}", {"ce_specversion": "1.0", "ce_no_dashes": ""}, "letters and digits"),
        (b'{}, "id": "2"', {"ce_specversion": "1.0", "ce_id": "1"}, "trailing characters"),
        (b"{}", {f"ce_a{n}": "" for n in range(101)} | {"ce_specversion": "1.0"}, "at most 100"),
        (b"[" + b"0," * http.BATCH_EVENTS_MAX + b"0]", {"content_type": http.BATCHED}, "at most"),
    ],
)
def test_what_is_no_cloudevent_is_refused(body: bytes, headers: dict[str, str], reason: str) -> None:
    with pytest.raises(e.InvalidEvent, match=re.escape(reason)):
        http.parse(delivery(body, "cloudevents", headers), READER)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(GOLDEN)), st.data())
def test_damaged_deliveries_are_an_invalid_event(name: str, data: st.DataObject) -> None:
    told = GOLDEN[name]
    whole = bytearray(told.body)
    for _ in range(data.draw(st.integers(0, 4))):
        place = data.draw(st.integers(0, len(whole) - 1))
        whole[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
    names = st.sampled_from([*told.headers, "ce-sequence", "ce-data", "ce-imported", "content-type"])
    headers = told.headers | data.draw(st.dictionaries(names, st.text(max_size=9), max_size=2))
    try:
        reading = http.parse(msgspec.structs.replace(told, body=bytes(whole), headers=headers), READER)
    except e.InvalidEvent:
        return
    assert reading.events or reading.unused
    for event in reading.events:
        msgspec.json.encode(event)


def test_the_document_names_the_ways_of_sending() -> None:
    rows = rows_of(section("CDEvents and CloudEvents"))
    assert rows["structured"] == (http.STRUCTURED,)
    assert rows["batched"] == (http.BATCHED,)
    assert rows["binary"] == (f"{http.ATTRIBUTE_PREFIX}specversion",)
