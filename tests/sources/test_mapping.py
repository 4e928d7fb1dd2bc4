"""Mappings: any JSON becomes events by a file, which is checked when it is loaded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core import events as e
from pipeline.sources import mapping
from pipeline.sources.deliveries import Reading
from pipeline.sources.expressions import EXPRESSION_CHARACTERS_MAX, MappingError
from pipeline.sources.mapped_values import KINDS, UNITS
from pipeline.sources.mapping import (
    MAPPABLE,
    PARSER_VERSION,
    REVISION_MAX,
    load_mapping,
    parse,
)
from pipeline.sources.person_fields import PERSON_FIELDS, PERSON_LISTS
from tests.sources.posted import (
    MAPPINGS,
    READER,
    RECEIVED_AT,
    delivery,
    expected,
    golden,
    goldens,
    read,
    shown,
    token,
)
from tests.sources.test_alerts import JSON, rows_of, section

RULE: dict[str, Any] = {
    "event": "incident_detected",
    "id": {"text": "desk {body.key} opened"},
    "time": "body.at",
    "fields": {"incident": "body.key"},
}
BODY: dict[str, Any] = {"key": "D-1", "at": "2024-05-01T12:00:00Z"}


def made(body: Any, *, headers: dict[str, str] | None = None, **changed: Any) -> Reading:
    """What a rule makes of a body; ``fields`` are added to the key."""
    fields = changed.pop("fields", {})
    if "event" not in changed:
        fields = {**RULE["fields"], **fields}
    # JSON is YAML
    loaded = load_mapping(json.dumps({"rules": [{**RULE, **changed, "fields": fields}]}), "desk.yaml")
    reader = READER._replace(mappings={"desk": loaded})
    return parse(delivery(body, "desk", headers), reader)


def field(name: str, how: Any, body: dict[str, Any], record: str = "incident_detected") -> Any:
    key = e.RECORDS[record].key_field
    (event,) = made({**BODY, **body}, event=record, fields={key: "body.key", name: how}).events
    return getattr(event, name)


@pytest.mark.parametrize("path", goldens("mappings"), ids=lambda path: path.stem)
def test_golden_deliveries(path: Path) -> None:
    assert shown(read(path)) == expected(path)


def test_every_rule_of_the_examples_is_used_by_a_golden_delivery() -> None:
    used = {
        (golden(path).source, event.id.split()[-1])
        for path in goldens("mappings")
        for event in read(path).events
    }
    assert used == {
        ("jenkins", "finished"),
        ("argocd", "succeeded"),
        ("argocd", "failed"),
        ("argocd", "drifted"),
        ("argocd", "sync"),
        ("flux", "drifted"),
        ("flux", "corrected"),
    }
    rules = sum(len(load_mapping(path.read_text(), path.name).rules) for path in MAPPINGS.glob("*.yaml"))
    assert rules == 8


def test_every_field_of_every_record_can_be_told() -> None:
    for struct in MAPPABLE.values():
        for info in msgspec.structs.fields(struct)[len(e.Event.__struct_fields__) :]:
            assert info.name.endswith("_at") or info.type in KINDS, (struct, info.name)


def test_the_fields_that_name_persons_are_fields_of_events() -> None:
    told = {info.name for struct in e.RECORDS.values() for info in msgspec.structs.fields(struct)}
    assert told >= PERSON_FIELDS | PERSON_LISTS


def test_persons_become_tokens() -> None:
    assert field("actor", "body.who", {"who": "@ada"}, "branch_pushed") == token("ada")
    already = "p:0123456789abcdef"
    assert field("actor", "body.who", {"who": already}, "branch_pushed") == already
    assert field("responders", "body.who", {"who": ["ada", "@bob"]}, "incident_updated") == [
        token("ada"),
        token("bob"),
    ]
    assert field("members", "body.who", {"who": ["ada", "@bob"]}, "team_declared") == [
        token("ada"),
        token("bob"),
    ]
    owners = ["@acme/core", "@ada", "a@b.example"]
    assert field("owners", "body.who", {"who": owners}, "change_merged") == [
        "@acme/core",
        token("ada"),
        token("a@b.example"),
    ]


def test_a_team_is_completed_or_refused() -> None:
    assert field("days", "body.days", {"days": ["5", 1]}, "team_declared") == [1, 5]
    assert field("offsets_seconds", "body.none", {}, "team_declared") == []
    changed: dict[str, Any] = {
        "event": "team_declared",
        "fields": {"team": "body.key", "zone": {"constant": "Asia/Tokyo"}},
    }
    (event,) = made(BODY, **changed).events
    assert isinstance(event, e.TeamDeclared)
    assert event.offsets_seconds == [32_400]
    for wrong in (8, "mon", 1.5, True):
        with pytest.raises(e.InvalidEvent, match=r"^desk.yaml: rule 1: fields\.days: "):
            field("days", "body.days", {"days": [wrong]}, "team_declared")


@pytest.mark.parametrize(
    ("name", "how", "told", "wanted"),
    [
        ("title", "body.a", "x", "x"),
        ("title", "body.a", 7, "7"),
        ("title", "body.missing", 7, ""),
        ("title", {"text": "{{{body.a}}}: {body.key}"}, 7, "{7}: D-1"),
        ("title", {"text": "{body.missing} x"}, 7, ""),
        ("title", {"constant": "always"}, 0, "always"),
        ("severity", {"value": "body.a", "table": {"1": "high"}, "otherwise": "low"}, 1, "high"),
        ("severity", {"value": "body.a", "table": {"1": "high"}, "otherwise": "low"}, 2, "low"),
        ("severity", {"value": "body.a", "table": {"true": "high"}}, True, "high"),
        ("severity", {"value": "body.a", "table": {"true": "high"}}, False, ""),
        ("mentions", "body.a", ["acme/api#1", 2], ["acme/api#1", "2"]),
        ("mentions", "body.a", "acme/api#1", ["acme/api#1"]),
        ("onset_at", {"seconds": "body.a"}, 1714564800, 1714564800_000_000),
        ("onset_at", {"seconds": "body.a"}, "1714564800.5", 1714564800_500_000),
        ("onset_at", {"milliseconds": "body.a"}, 1714564800123, 1714564800_123_000),
        ("onset_at", {"microseconds": "body.a"}, 1714564800123456, 1714564800_123_456),
        ("onset_at", {"iso": "body.a"}, "2024-05-01T14:00:00+02:00", 1714564800_000_000),
        ("onset_at", "body.a", "2024-05-01T12:00:00Z", 1714564800_000_000),
        ("onset_at", {"constant": "2024-05-01T12:00:00Z"}, None, 1714564800_000_000),
        ("onset_at", {"received": True}, None, RECEIVED_AT),
    ],
)
def test_values(name: str, how: Any, told: Any, wanted: Any) -> None:
    assert field(name, how, {"a": told}) == wanted


def test_numbers_and_flags() -> None:
    assert field("number", "body.a", {"a": "17"}, "change_opened") == 17
    assert field("number", "body.a", {"a": 17.0}, "change_opened") == 17
    assert field("draft", "body.a", {"a": "TRUE"}, "change_opened") is True
    assert field("burn_rate", "body.a", {"a": "14.4"}, "burn_started") == 14.4
    # no float is this number; Arrow takes no integer for a float that it would have to round
    rounded = field("value", "body.a", {"a": 2**53 + 1}, "measurement_reported")
    assert (type(rounded), rounded) == (float, 2**53)


def test_headers_conditions_and_versions() -> None:
    (event,) = made(
        BODY, headers={"x_kind": "opened"}, when="headers.\"x-kind\" == 'opened'", version="`3`"
    ).events
    assert (event.source, event.source_version, event.received_at, event.imported) == (
        "desk",
        3,
        RECEIVED_AT,
        False,
    )
    assert made(BODY, when="headers.absent") == Reading([], "no rule matches", [])
    (dated,) = made(BODY, version={"iso": "body.at"}).events
    assert dated.source_version == dated.time


def test_one_event_an_item() -> None:
    told = {**BODY, "list": [{"k": 1}, {"k": None}, {"k": 3, "skip": True}, {"k": 4}]}
    changed: dict[str, Any] = {
        "for_each": "body.list",
        "when": "!(item.skip)",
        "id": {"text": "{body.key} {item.k}"},
        "fields": {"incident": "to_string(item.k)"},
    }
    reading = made(told, **changed)
    assert [event.id for event in reading.events] == ["D-1 1", "D-1 4"]
    assert reading.refused == ["desk.yaml: rule 1[1]: id: nothing found"]
    assert made(BODY, **changed).unused == "no rule matches"
    with pytest.raises(e.InvalidEvent, match="for_each: the expression gives no array"):
        made({**BODY, "list": 3}, **changed)
    with pytest.raises(e.InvalidEvent, match=f"at most {mapping.ITEMS_MAX}"):
        made({**BODY, "list": [{"k": 1}] * (mapping.ITEMS_MAX + 1)}, **changed)


@pytest.mark.parametrize(
    ("body", "changed", "reason"),
    [
        ({**BODY, "key": None}, {}, "fields.incident: nothing found"),
        ({**BODY, "at": None}, {}, "time: nothing found"),
        ({**BODY, "at": 1714564800}, {}, "{seconds: ...}"),
        ({**BODY, "at": "2024-05-01T12:00:00"}, {}, "no time with a zone"),
        ({**BODY, "at": 17}, {"time": {"seconds": "body.at"}}, "is the unit right"),
        ({**BODY, "at": "1" * 19}, {"time": {"seconds": "body.at"}}, "is the unit right"),
        ({**BODY, "key": {"a": 1}}, {}, "expected a text"),
        ({**BODY, "x": 3}, {"fields": {"title": "join(',', body.x)"}}, "fields.title: "),
        (BODY, {"fields": {"title": "ceil(to_number('inf'))"}}, "fields.title: "),
        ({**BODY, "key": "x" * 20_001}, {}, "at most 20000"),
    ],
)
def test_what_does_not_fit_is_refused(body: Any, changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(e.InvalidEvent) as caught:
        made(body, **changed)
    assert reason in str(caught.value)
    assert str(caught.value).startswith("desk.yaml: rule 1")


@pytest.mark.parametrize("body", [b"", b"{", b'"\xff"', b"[" * 200_000])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(e.InvalidEvent):
        made(body)
    with pytest.raises(e.InvalidEvent, match="no mapping is loaded for the source 'other'"):
        parse(delivery(body, "other"), READER)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (
            {"event": "incident_detectd"},
            "event: no record 'incident_detectd': did you mean 'incident_detected'?",
        ),
        ({"event": "clock_ticked"}, "event: no record 'clock_ticked'"),
        ({"event": None}, "event: no record None"),
        ({"id": None}, "id: "),
        ({"time": {"minutes": "body.at"}}, "time: {minutes} is no value"),
        ({"time": {"received": "yes"}}, "time: {received} is no value"),
        ({"when": "body.["}, "when: no JMESPath expression"),
        ({"when": "contians(body, 'x')"}, "when: no function 'contians': did you mean 'contains'?"),
        ({"when": "length(@, @)"}, "when: length() takes 1 arguments"),
        ({"when": "!body.skip"}, "when: write !(a.b) for !a.b"),
        ({"when": "("}, "when: no JMESPath expression"),
        ({"when": "!" * 1_900 + "a"}, "when: the expression is nested too deeply"),
        ({"when": "a" * (EXPRESSION_CHARACTERS_MAX + 1)}, "when: the expression is longer"),
        ({"when": ""}, "when: write a JMESPath expression"),
        ({"wen": "a"}, "wen: unknown: did you mean 'when'?"),
        ({"fields": {}}, "fields.incident: missing"),
        ({"fields": []}, "fields.incident: missing"),
        ({"fields": {"incident": "a", "enviroment": "a"}}, "did you mean 'environment'?"),
        ({"fields": {"incident": "a", "time": "a"}}, "fields.time: incident_detected has no such field"),
        ({"fields": {"incident": 3}}, "fields.incident: write an expression"),
        ({"fields": {"incident": {"text": "{a"}}}, "a brace that doesn't close"),
        ({"fields": {"incident": {"text": 3}}}, "text takes"),
        (
            {"fields": {"incident": "a", "onset_at": {"constant": "noon"}}},
            "fields.onset_at: 'noon' is no time",
        ),
        ({"fields": {"incident": "a", "title": {"value": "a", "table": 3}}}, "table takes pairs"),
        ({"fields": {"incident": {"text": "a", "constant": "a"}}}, "{constant, text} is no value"),
    ],
)
def test_a_mapping_is_checked_when_it_is_loaded(changed: dict[str, Any], reason: str) -> None:
    with pytest.raises(MappingError) as caught:
        load_mapping(json.dumps({"rules": [RULE, {"name": "second", **RULE, **changed}]}), "desk.yaml")
    assert str(caught.value).startswith("desk.yaml: rule 2 (second): ")
    assert reason in str(caught.value)


def test_a_higher_revision_is_a_higher_parser_version() -> None:
    versions = []
    for revision in ({}, {"revision": 1}, {"revision": REVISION_MAX}):
        loaded = load_mapping(json.dumps({**revision, "rules": [RULE]}), "desk.yaml")
        (event,) = parse(delivery(BODY, "desk"), READER._replace(mappings={"desk": loaded})).events
        versions.append(event.parser_version)
    assert versions == [PARSER_VERSION, PARSER_VERSION + 1, PARSER_VERSION + REVISION_MAX]
    for wrong in (-1, REVISION_MAX + 1, True, "1", 1.0, None):
        with pytest.raises(MappingError, match=r"^desk.yaml: revision: write a number"):
            load_mapping(json.dumps({"revision": wrong, "rules": [RULE]}), "desk.yaml")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "write `rules:`"),
        ("rules: []", "write `rules:`"),
        ("rules: [", "no YAML"),
        ("a: &a [*a]\nrules: [*a]", "unknown"),
        ("rules: [3]", "rule 1: write `event`"),
        ("rulez: 1\nrules: [{}]", "rulez: unknown: did you mean 'rules'?"),
        ("rules: [{}]\nsource: ' x'", "source: write a name"),
        ("rules:\n- id: a\n  id: b", "line 3: id: written twice"),
        ("!!python/object/apply:os.getcwd []", "no YAML"),
        ("[" * 5000, "no YAML"),
        ("rules: [" + "{}," * 101 + "]", "101 rules, at most 100"),
        ("#" * (mapping.MAPPING_BYTES_MAX + 1), "longer than"),
        ("rules:\n- {event: 2024-99-99}", "no YAML"),
    ],
)
def test_what_is_no_mapping_is_named(text: str, reason: str) -> None:
    with pytest.raises(MappingError) as caught:
        load_mapping(text, "desk.yaml")
    assert str(caught.value).startswith("desk.yaml: ")
    assert reason in str(caught.value)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["jenkins", "argocd", "flux"]), st.data())
def test_any_json_is_an_event_or_an_invalid_event(name: str, data: st.DataObject) -> None:
    path = data.draw(st.sampled_from([path for path in goldens("mappings") if path.stem.startswith(name)]))
    body = json.loads(golden(path).body)
    for _ in range(data.draw(st.integers(1, 3))):
        inside = body
        while True:
            key = data.draw(st.sampled_from(sorted(inside)))
            if not (isinstance(inside[key], dict) and inside[key] and data.draw(st.booleans())):
                break
            inside = inside[key]
        inside[key] = data.draw(JSON)
    try:
        reading = parse(delivery(json.dumps(body).encode(), name), READER)
    except e.InvalidEvent:
        return
    for event in reading.events:
        assert event.id
        assert getattr(event, event.key_field)
        msgspec.json.encode(event)


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_any_yaml_is_a_mapping_or_an_error_that_names_the_file(told: Any) -> None:
    for text in (
        json.dumps({"rules": [{**RULE, "fields": told}]}),
        json.dumps({"rules": told}),
        json.dumps(told),
    ):
        with pytest.raises(MappingError, match=r"^desk\.yaml: "):
            load_mapping(text, "desk.yaml")


def test_the_document_names_the_forms_of_a_value() -> None:
    text = section("Any other JSON")
    rows = rows_of(text)
    for form in (
        "{text: ...}",
        "{constant: ...}",
        "{value: ..., table: {...}, otherwise: ...}",
        "{received: true}",
    ):
        assert form in text
    assert rows["a number"] == tuple(f"{{{unit}: ...}}" for unit in UNITS)
    limits = {rows["rules"][0], rows["items of for_each"][0], rows["events of one delivery"][0]}
    assert limits == {str(mapping.RULES_MAX), str(mapping.ITEMS_MAX), str(mapping.EVENTS_MAX)}
