"""GitLab's webhooks: what each kind gives, that nothing counts twice, and that no bytes break the parser."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given, settings

from pipeline.core import events as e
from pipeline.core.facts import DeploymentFact, IncidentFact
from pipeline.core.tellings import winner
from pipeline.sources.gitlab import KINDS, PARSER_VERSION, kind_of, parse
from pipeline.sources.gitlab.heard import is_bot, moment
from pipeline.sources.gitlab.payloads import User
from pipeline.sources.gitlab.pipelines import kind_of as purpose
from pipeline.sources.times import MICROSECONDS
from tests.sources.deliveries import (
    READER,
    RECEIVED_AT,
    as_json,
    body,
    delivery,
    expected,
    names,
    payload,
    writable,
)
from tests.sources.documented import documented_kinds
from tests.sources.mutation import mutated
from tests.worlds import Told

GITLAB = "gitlab"
CHANGE = "acme/payments/api#17"


def read(name: str, received_at: int = RECEIVED_AT) -> list[e.Event]:
    return parse(delivery(GITLAB, body(GITLAB, name), received_at), READER).events


def edited(name: str, **attributes: Any) -> list[e.Event]:
    """The events of a golden delivery with other ``object_attributes``."""
    told = payload(GITLAB, name)
    told["object_attributes"].update(attributes)
    return parse(delivery(GITLAB, told), READER).events


def only(events: list[e.Event], struct: type[e.Event]) -> Any:
    (event,) = (event for event in events if isinstance(event, struct))
    return event


@pytest.mark.parametrize("name", names(GITLAB))
def test_golden_deliveries(name: str) -> None:
    reading = parse(delivery(GITLAB, body(GITLAB, name)), READER)
    assert as_json(reading) == expected(GITLAB, name)
    assert bool(reading.events) != bool(reading.unused)
    assert {event.parser_version for event in reading.events} <= {PARSER_VERSION}


def test_every_kind_and_record_has_a_golden_delivery() -> None:
    seen: dict[str, set[str]] = {kind: set() for kind in KINDS}
    for name in names(GITLAB):
        hook = delivery(GITLAB, body(GITLAB, name))
        records = {e.RECORD_OF[type(event)] for event in parse(hook, READER).events}
        if records:
            seen[kind_of(hook)] |= records
    seen["work_item"] |= seen["issue"]
    assert seen == {kind: set(told.records) for kind, told in KINDS.items()}


def test_the_table_of_kinds_is_the_one_in_the_docs() -> None:
    assert documented_kinds("GitLab") == {kind: set(told.records) for kind, told in KINDS.items()}


@pytest.mark.parametrize("name", names(GITLAB))
def test_a_hook_sent_again_tells_the_same_facts(name: str) -> None:
    once, again = read(name), read(name, RECEIVED_AT + 3_600 * MICROSECONDS)
    assert [event.id for event in once] == [event.id for event in again]
    assert len({event.id for event in once}) == len(once)
    for first, second in zip(once, again, strict=True):
        assert winner(first, second) == winner(second, first) == first, "the earliest receipt holds"


def test_no_id_names_a_person() -> None:
    class Marked:
        def person_token(self, login: str) -> str:
            return "p:token" if login else ""

    reader = READER._replace(person_token=Marked().person_token)
    told = [
        event
        for name in names(GITLAB)
        for event in parse(delivery(GITLAB, body(GITLAB, name)), reader).events
    ]
    text = as_json(type(parse(delivery(GITLAB, b'{"object_kind":"x"}'), reader))(told, ""))
    assert not {"ada", "bob", "eve", "Ada", "Bob", "Eve"} & set(json.dumps(text).replace('"', " ").split())


@pytest.mark.parametrize(
    "text",
    [
        "2021-04-28T19:50:00Z",
        "2021-04-28T19:50:00.000Z",
        "2021-04-28T21:50:00+02:00",
        "2021-04-28 21:50:00 +0200",
        "2021-04-28 14:50:00 -0500",
        "2021-04-28 19:50:00 UTC",
        "2021-04-28 19:50:00.000000 UTC",
    ],
)
def test_times_of_every_format(text: str) -> None:
    at = datetime(2021, 4, 28, 19, 50, tzinfo=UTC)
    assert moment(text, "at") == int(at.timestamp()) * MICROSECONDS


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2021-04-28", "2021-04-28 19:50:00", "1815-04-28 19:50:00 UTC"]
)
def test_what_is_no_time_is_named(text: str) -> None:
    with pytest.raises(e.InvalidEvent, match="created_at"):
        moment(text, "created_at")


def test_the_whole_life_of_a_merge_request() -> None:
    life = [
        "merge_request_open",
        "merge_request_update",
        "note",
        "merge_request_changes_requested",
        "merge_request_approval",
        "merge_request_approved",
        "merge_request_unapproval",
        "pipeline",
        "job_failed",
        "merge_request_merge",
        "deployment_running",
        "deployment_success",
    ]
    told = Told(*(read(name) for name in life))
    change = told.change(CHANGE)
    assert (change.repository, change.number, change.branch) == ("acme/payments/api", 17, "main")
    assert (change.state, change.sha, change.author) == ("merged", "b" * 40, "p:ada")
    assert change.opened_at == moment("2024-05-01T09:00:00Z", "")
    assert change.merged_at == moment("2024-05-01T11:00:00Z", "")
    assert change.first_review_at == moment("2024-05-01T10:05:00Z", "")
    assert change.approved_at == moment("2024-05-01T10:30:00Z", "")
    assert (change.approvals, change.change_requests) == (1, 1), "Bob's stands, Eve took hers back"
    deployment = told.row(DeploymentFact, "gitlab acme/payments/api deployment 15")
    assert (deployment.service, deployment.environment) == ("api", "production")
    assert (deployment.sha, deployment.outcome) == ("b" * 40, "success")
    assert deployment.started_at == moment("2024-05-01T11:20:00Z", "")


def test_closing_reopening_and_editing_a_closed_request() -> None:
    told = Told(read("merge_request_open"), read("merge_request_close"))
    assert told.change(CHANGE).state == "abandoned"
    told.then(read("merge_request_update_closed"))
    assert told.change(CHANGE).state == "abandoned", "whoever edits a closed request doesn't open it"
    told.then(read("merge_request_reopen"))
    assert told.change(CHANGE).state == "open"
    told.then(edited("merge_request_close", updated_at="2024-05-01 12:00:00 UTC", state="closed"))
    assert told.change(CHANGE).state == "abandoned"
    assert told.change(CHANGE).closed_at == moment("2024-05-01T12:00:00Z", "")


def test_a_job_told_by_both_of_its_hooks_counts_once() -> None:
    own, theirs = only(read("job_failed"), e.CheckFinished), read("pipeline")
    (same,) = (event for event in theirs if event.id == own.id)
    assert winner(own, same) == winner(same, own) == own, "the job's own hook knows the attempt"
    assert own.attempt == 2
    told = Told(read("merge_request_open"), read("pipeline"))
    before = told.change(CHANGE)
    assert (before.checks, before.failed_checks) == (2, 1)
    after = told.then(read("job_failed")).change(CHANGE)
    assert (after.checks, after.failed_checks) == (2, 1)


def test_a_job_that_was_run_again_counts_by_its_last_attempt() -> None:
    failed, again = payload(GITLAB, "job_failed"), payload(GITLAB, "job_failed")
    again.update(build_id=2001, retries_count=2, build_status="success")
    again.update(build_finished_at="2024-05-01 09:14:30 UTC")
    readings = [parse(delivery(GITLAB, told), READER).events for told in (failed, again)]
    assert readings[0][0].id != readings[1][0].id
    change = Told(read("merge_request_open"), *readings).change(CHANGE)
    assert (change.checks, change.failed_checks) == (1, 0)


def test_an_edited_note_is_one_comment_in_its_newest_form() -> None:
    first = only(read("note"), e.CommentPosted)
    second = only(edited("note", note="No.", updated_at="2024-05-01 10:20:00 UTC"), e.CommentPosted)
    assert (first.id, first.time) == (second.id, second.time)
    assert winner(first, second) == second
    assert (second.characters, second.question) == (3, False)


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ({"position": {"new_path": "a", "new_line": 4}}, True),
        ({"position": {"old_path": "a", "old_line": 0}}, True),
        ({"position": {"new_path": "a", "position_type": "image", "x": 3}}, False),
        ({"position": "{}", "line_code": "0f_1_2"}, True),
        ({"position": None, "line_code": ""}, False),
    ],
)
def test_a_note_is_at_a_line_or_not(place: dict[str, Any], line: bool) -> None:
    assert only(edited("note", **place), e.CommentPosted).line is line


def test_an_incident_is_closed_reopened_and_disowned() -> None:
    key = "gitlab acme/payments/api issue 23"
    told = Told(read("issue_open"), read("issue_update"))
    incident = told.row(IncidentFact, key)
    assert (incident.service, incident.environment, incident.severity) == ("ledger", "production", "high")
    assert incident.resolved_at is None
    told.then(read("issue_close"))
    assert told.row(IncidentFact, key).resolved_at == moment("2024-05-01T12:39:59.500Z", "")
    told.then(read("issue_reopen"))
    assert told.row(IncidentFact, key).resolved_at is None
    told.then(read("issue_no_longer_an_incident"))
    assert told.keys("incidents") == []


def test_labels_that_make_an_incident_are_a_setting() -> None:
    told = payload(GITLAB, "issue_that_is_none")
    reader = READER._replace(incident_labels=frozenset({"Idea"}))
    assert parse(delivery(GITLAB, told), READER).unused == "issue"
    assert parse(delivery(GITLAB, told), reader).events


def test_a_push_does_not_say_when_it_was_and_the_earliest_receipt_holds() -> None:
    (early,), (late,) = read("push", RECEIVED_AT), read("push", RECEIVED_AT + MICROSECONDS)
    assert early.time == RECEIVED_AT
    assert winner(early, late) == winner(late, early) == early


def test_a_tag_leads_to_its_commit_until_it_is_moved() -> None:
    def tagged(**told: object) -> list[e.Event]:
        return parse(delivery(GITLAB, payload(GITLAB, "tag_push") | told), READER).events

    tag = only(tagged(), e.ArtifactPackaged)
    # with a message, the tag is an object of its own
    assert only(tagged(after="c" * 40), e.ArtifactPackaged).sha == tag.sha
    moved = only(tagged(checkout_sha="d" * 40), e.ArtifactPackaged)
    assert (moved.artifact, moved.sha, moved.id != tag.id) == (tag.artifact, "d" * 40, True)
    # one that is gone takes back nothing
    assert tagged(after="0" * 40, checkout_sha=None) == []


def test_kinds_are_told_by_the_payload_and_else_by_the_header() -> None:
    assert kind_of(delivery(GITLAB, b"{}", x_gitlab_event="Merge Request Hook")) == "merge_request"
    assert kind_of(delivery(GITLAB, b"{}", x_gitlab_event="Job Hook")) == "build"
    assert kind_of(delivery(GITLAB, b'{"object_kind": "push"}', x_gitlab_event="System Hook")) == "push"
    assert parse(delivery(GITLAB, b'{"object_kind": "Emoji \\u0000"}'), READER).unused == "emoji"
    assert parse(delivery(GITLAB, b"{}"), READER).unused == "unnamed"


def test_the_repository_has_to_be_a_path() -> None:
    told = payload(GITLAB, "push")
    told["project"]["path_with_namespace"] = "../etc passwd"
    with pytest.raises(e.InvalidEvent, match="path_with_namespace"):
        parse(delivery(GITLAB, told), READER)


@pytest.mark.parametrize(
    ("name", "stage", "kind"),
    [
        ("rspec 1/2", "verify", "test"),
        ("sast", "test", "security"),
        ("compile", "build", "build"),
        ("production", "deploy", ""),
        ("checkout", "test", "test"),
        ("smoke-test", "post", "smoke"),
        ("latest", "", ""),
    ],
)
def test_what_a_job_is_for(name: str, stage: str, kind: str) -> None:
    assert purpose(name, stage) == kind


@pytest.mark.parametrize(
    ("name", "bot"),
    [
        ("ada", False),
        ("abbot", False),
        ("project_7_bot_1f2e", True),
        ("group_7_bot", True),
        ("renovate-bot", True),
        ("botticelli", False),
    ],
)
def test_programs_are_recognised_by_their_names(name: str, bot: bool) -> None:
    assert is_bot(User(username=name)) is bot


@settings(max_examples=400)
@given(mutated(GITLAB))
@example(b"")
@example(b"[]")
@example(b'{"object_kind": "push", "project": null}')
@example(b'{"object_kind": "\xff"}')
def test_no_bytes_break_the_parser(content: bytes) -> None:
    with contextlib.suppress(e.InvalidEvent):
        reading = parse(delivery(GITLAB, content), READER)
        assert bool(reading.events) != bool(reading.unused)
        for event in reading.events:
            assert writable(event)
