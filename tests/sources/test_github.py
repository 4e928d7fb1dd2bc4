"""GitHub deliveries: what each of them tells, that strange ones are named, and that nothing else happens."""

from __future__ import annotations

import json
import urllib.parse
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core import events as e
from pipeline.sources.deliveries import Delivery, Reader, Reading
from pipeline.sources.github import PARSER_VERSION, parse
from pipeline.sources.github.kinds import KINDS, table
from pipeline.sources.texts import Patterns
from tests.sources.github_examples import Example, examples

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests/golden/github"
RECEIVED_AT = 1_714_600_000_000_000
INT64 = 2**63


def token(login: str) -> str:
    return f"p:{login.encode().hex()[:16]:0>16}" if login else ""


READER = Reader(token, Patterns())


def delivered(kind: str, body: bytes, received_at: int = RECEIVED_AT) -> Delivery:
    return Delivery("acme", "github", received_at, {"x-github-event": kind}, body)


def read(kind: str, payload: dict[str, Any], received_at: int = RECEIVED_AT) -> Reading:
    return parse(delivered(kind, json.dumps(payload).encode(), received_at), READER)


def golden_names() -> list[str]:
    return sorted(path.stem for path in GOLDEN.glob("*.json") if not path.stem.endswith(".expected"))


def body_of(name: str) -> bytes:
    return (GOLDEN / f"{name}.json").read_bytes()


def payload_of(name: str) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads(body_of(name))
    return payload


def as_json(event: e.Event) -> dict[str, Any]:
    """The record and what it says; what it leaves empty is left out."""
    said = {
        name: value for name, value in msgspec.structs.asdict(event).items() if value not in ("", None, [])
    }
    return {"record": e.RECORD_OF[type(event)], **said}


def told(name: str) -> dict[str, Any]:
    reading = parse(delivered(name.partition(".")[0], body_of(name)), READER)
    return {"events": [as_json(event) for event in reading.events], "unused": reading.unused}


@pytest.mark.parametrize("name", golden_names())
def test_golden_deliveries(name: str) -> None:
    assert told(name) == json.loads((GOLDEN / f"{name}.expected.json").read_bytes())


def test_golden_deliveries_hold_every_kind() -> None:
    assert {name.partition(".")[0] for name in golden_names()} >= KINDS.keys()


def test_every_example_is_understood() -> None:
    used: set[str] = set()
    for example in examples():
        reading = parse(delivered(example.kind, example.body), READER)
        assert bool(reading.events) != bool(reading.unused), (example.kind, example.action)
        if reading.events:
            used.add(example.kind)
            records = {e.RECORD_OF[type(event)] for event in reading.events}
            assert records <= set(KINDS[example.kind].actions[example.action])
        well_formed(reading)
    # of these the examples have none, or only such as mean nothing here (plain issues, and comments on them)
    never_shown = {"secret_scanning_alert", "branch_protection_configuration", "repository_ruleset"}
    assert used == KINDS.keys() - never_shown - {"issues", "issue_comment"}


def test_examples_of_issues_are_used_when_their_label_means_an_incident() -> None:
    reader = READER._replace(incident_labels=frozenset({"bug"}))
    readings = [parse(delivered(x.kind, x.body), reader) for x in examples() if x.kind == "issues"]
    records = {type(event) for reading in readings for event in reading.events}
    assert {e.IncidentDetected, e.IncidentUpdated} <= records


def well_formed(reading: Reading) -> None:
    """What holds for every event, whatever it was made of."""
    for event in reading.events:
        assert event.id.startswith("github ")
        assert event.source.startswith("github/")
        assert event.parser_version == PARSER_VERSION
        assert -INT64 <= event.source_version < INT64
        as_told = msgspec.json.decode(msgspec.json.encode(event), type=type(event))
        assert as_told == event
        assert all(not isinstance(v, int) or -INT64 <= v < INT64 for v in msgspec.structs.astuple(event))


def test_no_name_of_a_person_leaves() -> None:
    for name in golden_names():
        written = json.dumps(told(name))
        for login in ("mara", "noor", "renovate", "deploy[bot]"):
            assert login not in written, name


def test_nothing_of_a_comment_or_a_review_leaves_but_its_length() -> None:
    for name in (
        "pull_request_review.submitted",
        "pull_request_review_comment.created",
        "issue_comment.created",
    ):
        payload = payload_of(name)
        body = (payload.get("review") or payload["comment"])["body"]
        (event,) = told(name)["events"]
        assert body not in json.dumps(event)
        assert event["characters"] == len(body)


@pytest.mark.parametrize("name", golden_names())
def test_a_redelivery_tells_the_same(name: str) -> None:
    kind, body = name.partition(".")[0], body_of(name)
    first = parse(delivered(kind, body), READER)
    again = parse(delivered(kind, body, RECEIVED_AT + 86_400_000_000), READER)
    assert [event.id for event in first.events] == [event.id for event in again.events]
    from pipeline.core.tellings import winner

    for one, other in zip(first.events, again.events, strict=True):
        assert winner(one, other) == winner(other, one) == one, "the first receipt holds"


def test_a_form_is_read_like_json() -> None:
    for name in golden_names():
        kind, body = name.partition(".")[0], body_of(name)
        form = urllib.parse.urlencode({"payload": body.decode()}).encode()
        assert parse(delivered(kind, form), READER) == parse(delivered(kind, body), READER)


def test_the_table_in_the_docs_is_this_one() -> None:
    text = (ROOT / "docs/sources.md").read_text(encoding="utf-8")
    _, begin, rest = text.partition("<!-- github kinds: begin -->\n")
    held, end, _ = rest.partition("<!-- github kinds: end -->")
    assert begin, "docs/sources.md has no place for the table"
    assert end, "docs/sources.md has no place for the table"
    assert held.splitlines() == list(table())


def test_unknown_kinds_and_actions_are_named() -> None:
    bare = {"action": "created", "repository": {"full_name": "acme/api"}}
    assert read("star", bare) == Reading([], "star created")
    assert read("ping", {}) == Reading([], "ping")
    assert read("repository_dispatch", {"action": "deploy_the_shop"}) == Reading([], "repository_dispatch")
    assert read("star", {"action": "Names, and lengths\n" * 100}) == Reading([], "star")
    assert read("release", {**payload_of("release.published"), "action": "edited"}).unused == "release edited"


BODY = body_of("pull_request.closed.merged") if golden_names() else b""
MALFORMED = {
    "empty": b"",
    "truncated": BODY[:-40],
    "an array": b"[]",
    "no object": b"17",
    "not UTF-8 where it is read": BODY.replace(b"payment", b"paym\xffnt"),
    "not UTF-8 where it is skipped": BODY.replace(b"fewer-retries", b"few\xffr"),
    "half a surrogate": BODY.replace(b"payment", b"\\ud800"),
    "too deep": b'{"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a wrong type": BODY.replace(b'"number": 17', b'"number": "17"'),
    "a negative number": BODY.replace(b'"additions": 41', b'"additions": -41'),
    "a huge number": BODY.replace(b'"additions": 41', b'"additions": 9223372036854775808'),
    "an endless number": BODY.replace(b'"additions": 41', b'"additions": 1' + b"0" * 5_000),
    "no repository": BODY.replace(b'"repository"', b'"repositories"'),
    "a repository that is none": BODY.replace(b'"acme/api"', b'"acme api"'),
    "a commit that is none": BODY.replace(b'"merge_commit_sha": "', b'"merge_commit_sha": "no '),
    "a time before time": BODY.replace(b"2024-05-01T10:45:00Z", b"0001-01-01T00:00:00Z"),
    "a time after time": BODY.replace(b"2024-05-01T10:45:00Z", b"9999-01-01T00:00:00Z"),
    "a time without a zone": BODY.replace(b"2024-05-01T10:45:00Z", b"2024-05-01T10:45:00"),
    "a day that is none": BODY.replace(b"2024-05-01T10:45:00Z", b"2024-02-31T10:45:00Z"),
    "a form without JSON": b"payload=%7B%22action",
}


@pytest.mark.parametrize("what", MALFORMED)
def test_malformed_deliveries_are_named(what: str) -> None:
    body = MALFORMED[what]
    assert body != BODY, "the example has changed"
    with pytest.raises(e.InvalidEvent) as raised:
        parse(delivered("pull_request", body), READER)
    assert 5 < len(str(raised.value)) < 300


@pytest.mark.parametrize("kind", ["ping", "check_suite", "installation"])
def test_unused_deliveries_must_be_json_too(kind: str) -> None:
    for body in (b"", b'{"action": "created"', b'{"zen": "\xff"}', b'{"action": 1}', MALFORMED["too deep"]):
        with pytest.raises(e.InvalidEvent):
            parse(delivered(kind, body), READER)


@pytest.mark.parametrize("kind", ["", "Pull Request", "p" * 61, "péage", "push\n"])
def test_a_delivery_must_name_its_kind(kind: str) -> None:
    with pytest.raises(e.InvalidEvent, match="X-GitHub-Event"):
        parse(delivered(kind, b"{}"), READER)
    with pytest.raises(e.InvalidEvent, match="X-GitHub-Event"):
        parse(Delivery("acme", "github", RECEIVED_AT, {}, b"{}"), READER)


STRANGE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**70), 2**70),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(
        ["", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2024-05-01T10:00:00+14:00", "a" * 3_000]
    ),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


def places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every member of a payload."""
    found = [path] if path else []
    members = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for name, member in members:
        found += places(member, (*path, name))
    return found


def mutated(draw: st.DrawFn, payload: dict[str, Any]) -> dict[str, Any]:
    """The payload with some of its members dropped, replaced, or swapped for one from elsewhere in it."""
    payload = json.loads(json.dumps(payload))
    for _ in range(draw(st.integers(1, 3))):
        everywhere = places(payload)
        if not everywhere:
            break
        *way, last = draw(st.sampled_from(everywhere))
        parent: Any = payload
        for step in way:
            parent = parent[step]
        match draw(st.sampled_from(["drop", "replace", "swap"])):
            case "drop":
                del parent[last]
            case "replace":
                parent[last] = draw(STRANGE)
            case _:
                other: Any = payload
                for step in draw(st.sampled_from(everywhere)):
                    other = other[step]
                parent[last] = json.loads(json.dumps(other))
    return payload


def survives(kind: str, body: bytes) -> None:
    try:
        reading = parse(delivered(kind, body), READER)
    except e.InvalidEvent:
        return
    assert bool(reading.events) != bool(reading.unused)
    well_formed(reading)


@settings(max_examples=500)
@given(st.data())
def test_strange_payloads_are_read_or_named(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(golden_names()))
    payload = st.composite(mutated)(payload_of(name))
    survives(name.partition(".")[0], json.dumps(data.draw(payload)).encode())


@settings(max_examples=200)
@given(st.data())
def test_strange_examples_are_read_or_named(data: st.DataObject) -> None:
    example: Example = data.draw(st.sampled_from([x for x in examples() if x.kind in KINDS]))
    payload = st.composite(mutated)(example.payload)
    survives(example.kind, json.dumps(data.draw(payload)).encode())


@settings(max_examples=300)
@given(
    st.sampled_from([*KINDS, "ping"]),
    st.sampled_from(golden_names()),
    st.integers(0, 10_000),
    st.binary(max_size=4),
    st.booleans(),
)
def test_damaged_bytes_are_read_or_named(kind: str, name: str, at: int, inserted: bytes, cut: bool) -> None:
    body = body_of(name)
    at %= len(body)
    survives(kind, body[:at] + inserted + (b"" if cut else body[at + len(inserted) :]))
