"""CloudEvents lines: ours come back as they were, other producers' are understood, the rest is named."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core import events as e
from pipeline.core.vocabulary import FURTHER_TYPES, SERVICE_UPGRADED, TYPES, type_of, word_of
from pipeline.sources.cdevents import UNUSED, UnusedEvent, deploy_of
from pipeline.sources.cloudevents import parse_line, render
from pipeline.sources.lines import LINE_BYTES_MAX
from tests.strategies import events, wild_events

GOLDEN = Path(__file__).parents[1] / "golden/cloudevents"
SHA = "9f2c0d6b7a81e4f35c6d7e8f90a1b2c3d4e5f607"


def token(login: str) -> str:
    return f"p:{login.encode().hex()[:16]:0>16}"


def nobody(login: str) -> str:
    raise AssertionError(f"{login!r} was already a token")


def golden(name: str) -> list[bytes]:
    return (GOLDEN / name).read_bytes().splitlines()


def as_json(event: e.Event) -> dict[str, Any]:
    return {"record": e.RECORD_OF[type(event)], **msgspec.structs.asdict(event)}


@settings(max_examples=300)
@given(st.one_of(wild_events(), events()), st.text(max_size=8))
def test_an_event_comes_back_as_it_was(event: e.Event, workspace: str) -> None:
    assert parse_line(render(event, workspace), person_token=nobody) == (workspace, event)


@pytest.mark.parametrize(("name", "workspace"), [("own", "acme"), ("foreign", None)])
def test_golden_lines(name: str, workspace: str | None) -> None:
    lines, expected = golden(f"{name}.jsonl"), golden(f"{name}.expected.jsonl")
    assert lines
    for line, wanted in zip(lines, expected, strict=True):
        _, event = parse_line(line, person_token=nobody)
        assert as_json(event) == json.loads(wanted)
        if workspace is not None:
            assert render(event, workspace) == line, "the public format must not move"


def test_golden_lines_hold_every_type() -> None:
    told = {json.loads(line)["type"] for line in golden("own.jsonl")}
    readable_only = {SERVICE_UPGRADED, "dev.cdevents.incident.reported.0.3.0"}
    assert told == {*TYPES.values(), *FURTHER_TYPES} - readable_only


def test_our_lines_are_what_cdevents_asks_for() -> None:
    """The required members of the CDEvents 0.5.1 schemas that other readers rely on."""
    for line in golden("own.jsonl"):
        event = json.loads(line)
        data = event["data"]
        assert data["context"]["id"] == event["id"]
        assert data["context"]["timestamp"] == event["time"]
        assert data["context"]["type"] == event["type"]
        assert data["subject"]["id"] == event["subject"]
        content = data["subject"]["content"]
        if ".service." in event["type"]:
            assert content["environment"]["id"]
            assert content["artifactId"].startswith("pkg:")
        if ".cdevents.incident." in event["type"]:
            assert content["environment"]["id"]
        if ".artifact.packaged." in event["type"]:
            assert content["change"]["id"]


def test_other_versions_of_a_known_type_are_understood() -> None:
    assert word_of("dev.cdevents.change.merged.0.1.2") == word_of("dev.cdevents.change.merged.9.0.0-draft")
    for name in (
        "dev.cdevents.change.merged",
        "dev.cdevents.change.merged.0.3",
        "x.cdevents.change.merged.0.3.0",
    ):
        with pytest.raises(e.InvalidEvent, match="unknown event type"):
            word_of(name)


@pytest.mark.parametrize("version", ["0.1.0", "0.3.0-draft", "9.0.0"])
def test_a_cdevents_type_that_nothing_is_made_of_is_known(version: str) -> None:
    for word in UNUSED:
        line = changed("type", f"dev.cdevents.{word}.{version}")
        with pytest.raises(UnusedEvent) as caught:
            parse_line(line, person_token=str)
        assert caught.value.word == word


def test_no_word_is_used_and_unused() -> None:
    for word in UNUSED:
        with pytest.raises(e.InvalidEvent, match="unknown event type"):
            word_of(f"dev.cdevents.{word}.0.3.0")


def test_all_words_of_cdevents_are_known() -> None:
    """The 45 types of CDEvents 0.4.1 and 0.5.1: each is read, or known to be unused."""
    used = {
        name.removeprefix("dev.cdevents.").rsplit(".", 3)[0] for name in (*TYPES.values(), *FURTHER_TYPES)
    }
    assert len(UNUSED | {word for word in used if "-" not in word}) == 45


@given(events())
def test_a_type_leads_back_to_its_record(event: e.Event) -> None:
    assert word_of(type_of(event)).record == e.RECORD_OF[type(event)]


def test_a_failed_deployment_is_no_service_deployed() -> None:
    (line,) = [line for line in golden("own.jsonl") if b'"outcome":"failure","artifact"' in line]
    assert b"service.deployed" not in line


def own_line() -> dict[str, Any]:
    line: dict[str, Any] = json.loads(golden("own.jsonl")[2])
    assert line["type"] == TYPES["change_merged"]
    return line


def changed(path: str, value: Any) -> bytes:
    line = own_line()
    *parents, last = path.split(".")
    place = line
    for name in parents:
        place = place[name]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return json.dumps(line).encode()


OURS = "data.customData.aftermerge"


@pytest.mark.parametrize(
    ("path", "value", "reason"),
    [
        ("specversion", "0.3", "specversion: '0.3'"),
        ("specversion", ..., "event: Object missing required field `specversion`"),
        ("id", "", "id: Expected `str` of length >= 1"),
        ("subject", "", "subject: Expected `str` of length >= 1"),
        (
            "type",
            "dev.cdevents.branch.painted.0.3.0",
            "unknown event type 'dev.cdevents.branch.painted.0.3.0'",
        ),
        ("type", 7, "type: Expected `str`, got `int`"),
        ("time", "yesterday", "time: Invalid RFC3339"),
        ("time", "2024-05-01T12:00:00", "time: Expected `datetime` with a timezone"),
        ("time", "1989-12-31T23:59:59Z", "time: .* outside the years 1990 to 2262"),
        ("time", "2263-01-01T00:00:00Z", "time: .* outside the years 1990 to 2262"),
        ("recordedtime", "9024-05-01T12:00:00Z", "recordedtime: .* outside"),
        ("datacontenttype", "text/xml", "datacontenttype: 'text/xml' is not JSON"),
        ("data", ..., "missing required field `data`"),
        ("data", [], "data: Expected `object`, got `array`"),
        ("retracted", "no", "retracted: Expected `bool`"),
        ("sourceversion", 2**63, "sourceversion: "),
        (f"{OURS}.title", 7, rf"{OURS}.title: Expected `str`, got `int`"),
        (f"{OURS}.number", "17", rf"{OURS}.number: Expected `int | null`, got `str`"),
        (f"{OURS}.number", 2**63, rf"{OURS}.number: "),
        (f"{OURS}.labels", [None], rf"{OURS}.labels\[0\]: Expected `str`, got `null`"),
        (f"{OURS}.opened_at", "1066-10-14T09:00:00Z", rf"{OURS}.opened_at: .* outside"),
        (f"{OURS}.titel", "a typo", rf"{OURS}: Object contains unknown field `titel`"),
    ],
)
def test_a_wrong_line_is_refused_with_the_field(path: str, value: Any, reason: str) -> None:
    with pytest.raises(e.InvalidEvent, match=reason.replace(" | ", r" \| ")):
        parse_line(changed(path, value), person_token=nobody)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"not json",
        b"[]",
        b"null",
        b'{"specversion":"1.0"',
        b'{"specversion":"1.0","id":"\xff"}',
        b'{"specversion":"1.0","id":"\\ud800"}',
        b"[" * 100_000,
        b" " * (LINE_BYTES_MAX + 1),
    ],
)
def test_what_is_no_event_at_all_is_refused(line: bytes) -> None:
    with pytest.raises(e.InvalidEvent):
        parse_line(line, person_token=nobody)


@pytest.mark.parametrize(
    "name", ["unknown", "data"], ids=["in a member that nobody reads", "in the member of the event"]
)
def test_a_line_that_is_nested_too_deeply_is_refused(name: str) -> None:
    line = f'{{"{name}":{"[" * 100_000}{"]" * 100_000}}}'.encode()
    with pytest.raises(e.InvalidEvent, match="nested too deeply"):
        parse_line(line, person_token=nobody)


@given(st.binary(max_size=60), st.integers(0, 500), st.integers(0, 20))
def test_damage_gives_an_event_or_a_reason(noise: bytes, at: int, cut: int) -> None:
    line = golden("own.jsonl")[2]
    with contextlib.suppress(e.InvalidEvent):
        _, event = parse_line(line[:at] + noise + line[at + cut :], person_token=token)
        assert isinstance(event, e.Event)


def test_logins_become_tokens() -> None:
    line = own_line()
    line["data"]["customData"]["aftermerge"] |= {
        "author": "alice",
        "merged_by": "",
        "owners": ["@acme/money", "@alice", "alice@example.org", "money", "p:00000000000000b2"],
    }
    _, event = parse_line(json.dumps(line).encode(), person_token=token)
    assert isinstance(event, e.ChangeMerged)
    assert event.author == token("alice")
    assert event.merged_by == ""
    assert event.owners == [
        "@acme/money",
        token("alice"),
        token("alice@example.org"),
        "money",
        "p:00000000000000b2",
    ]


def test_logins_of_responders_become_tokens() -> None:
    (line,) = [json.loads(line) for line in golden("own.jsonl") if b'"responders"' in line]
    line["data"]["customData"]["aftermerge"]["responders"] = ["alice", "p:00000000000000b2"]
    _, event = parse_line(json.dumps(line).encode(), person_token=token)
    assert isinstance(event, e.IncidentUpdated)
    assert event.responders == [token("alice"), "p:00000000000000b2"]


def test_a_line_without_recordedtime_is_imported() -> None:
    _, event = parse_line(golden("foreign.jsonl")[0], person_token=nobody)
    assert event.imported
    assert event.received_at == event.time


def test_redeliveries_of_a_foreign_event_have_one_id_and_its_repetitions_several() -> None:
    deployed = json.loads(golden("foreign.jsonl")[9])
    again = {**deployed, "id": "another delivery"}
    later = {**deployed, "time": "2024-05-01T12:00:00.26+02:00"}
    ids = [
        parse_line(json.dumps(line).encode(), person_token=nobody)[1].id for line in (deployed, again, later)
    ]
    assert ids[0] == ids[1] != ids[2]


def test_a_foreign_event_of_our_own_words_needs_our_fields() -> None:
    line = own_line() | {"type": TYPES["verdict_given"]}
    del line["data"]["customData"]
    with pytest.raises(e.InvalidEvent, match=r"data\.customData\.aftermerge: missing"):
        parse_line(json.dumps(line).encode(), person_token=nobody)


def test_a_foreign_event_without_content_is_refused() -> None:
    line = json.loads(golden("foreign.jsonl")[0])
    del line["data"]["subject"]["content"]
    with pytest.raises(e.InvalidEvent, match=r"data\.subject: Object missing required field `content`"):
        parse_line(json.dumps(line).encode(), person_token=nobody)


@pytest.mark.parametrize(
    ("artifact", "tag", "sha"),
    [
        ("pkg:oci/api@v7", "v7", ""),
        ("pkg:oci/api@sha256%3Aab?repository_url=r.example&tag=v7", "v7", ""),
        (f"pkg:github/acme/api@{SHA}#cmd/api", SHA, SHA),
        ("pkg:npm/@acme/api@1.2.3", "1.2.3", ""),
        ("pkg:npm/@acme/api", "", ""),
        ("pkg:generic/api@production%2Fv7", "production/v7", ""),
        ("registry.example:5000/acme/api:v7", "v7", ""),
        ("registry.example:5000/acme/api", "registry.example:5000/acme/api", ""),
        ("", "", ""),
    ],
)
def test_the_deploy_tag_inside_an_artifact(artifact: str, tag: str, sha: str) -> None:
    found = deploy_of(artifact)
    assert (found.tag, found.sha) == (tag, sha)
