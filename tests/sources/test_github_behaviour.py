"""What happens on GitHub beyond its examples: the examples, changed into what is to be shown."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from typing import Any

import pytest

from pipeline.core import events as e
from pipeline.core.changes import ChangeSummary, summarise
from pipeline.core.checks import CommitSummary, summarise_commit
from pipeline.core.entities import Entity
from pipeline.core.grouping import Report, read_report
from pipeline.core.incidents import IncidentReport, read_incident
from pipeline.core.tellings import winner
from pipeline.sources.deliveries import Delivery, Reader
from pipeline.sources.github import parse
from pipeline.sources.texts import Patterns
from tests.sources.github_examples import examples

RECEIVED_AT = 1_714_600_000_000_000
SECOND = 1_000_000
MERGED_AS = "e1" * 20


def token(login: str) -> str:
    return f"p:{login.encode().hex()[:16]:0>16}" if login else ""


READER = Reader(token, Patterns())


def example(kind: str, action: str = "", place: int = 0) -> dict[str, Any]:
    """A copy of one of GitHub's own examples."""
    found = [one.payload for one in examples() if (one.kind, one.action) == (kind, action)]
    payload: dict[str, Any] = json.loads(json.dumps(found[place]))
    return payload


def heard(kind: str, payload: dict[str, Any], received_at: int = RECEIVED_AT) -> list[e.Event]:
    body = json.dumps(payload).encode()
    return parse(Delivery("acme", "github", received_at, {"x-github-event": kind}, body), READER).events


def only(kind: str, payload: dict[str, Any]) -> Any:
    (event,) = heard(kind, payload)
    return event


def at(minute: int, second: int = 0) -> str:
    return f"2024-05-01T10:{minute:02}:{second:02}Z"


def folded(events: Iterable[e.Event]) -> Entity:
    """The entity that these tellings end in; they must be about one thing."""
    events = list(events)
    (key,) = {str(getattr(event, event.key_field)) for event in events}
    entity = Entity(key)
    for event in events:
        entity.put(event)
    return entity


def request(action: str, minute: int, **members: Any) -> dict[str, Any]:
    """A delivery about one pull request, at one minute of its life."""
    payload = example("pull_request", "synchronize")
    payload["action"] = action
    payload["pull_request"] |= {"created_at": at(0), "updated_at": at(minute), **members}
    payload["label"] = members.get("label")
    return payload


def merged(minute: int, **members: Any) -> dict[str, Any]:
    user = {"login": "noor", "type": "User"}
    ended = {"state": "closed", "merged": True, "merged_by": user, "merged_at": at(30), "closed_at": at(30)}
    return request("closed", minute, **ended, **{"merge_commit_sha": MERGED_AS, **members})


def review(state: str, minute: int, number: int, login: str) -> dict[str, Any]:
    payload = example("pull_request_review", "submitted")
    payload["action"] = "dismissed" if state == "dismissed" else "submitted"
    payload["review"] |= {"id": number, "state": state, "submitted_at": at(min(minute, 10))}
    payload["review"]["user"] = {"login": login, "type": "User"}
    payload["pull_request"]["updated_at"] = at(minute)
    return payload


def summary_of(*deliveries: tuple[str, dict[str, Any]]) -> ChangeSummary:
    """What these deliveries say of their change, in whatever order and however often they come."""
    told = [event for kind, payload in deliveries for event in heard(kind, payload)]
    summaries = [summarise(folded(order)) for order in itertools.islice(itertools.permutations(told), 24)]
    summaries.append(summarise(folded([*told, *told])))
    assert all(summary == summaries[0] for summary in summaries)
    return summaries[0]


def test_a_merged_pull_request() -> None:
    event = only("pull_request", merged(30))
    assert isinstance(event, e.ChangeMerged)
    payload = merged(30)
    repository, request_ = payload["repository"]["full_name"], payload["pull_request"]
    assert event.id == f"github {repository}#{request_['number']} merged"
    assert event.change == f"{repository}#{request_['number']}"
    assert event.sha == MERGED_AS
    assert event.opened_at is not None
    assert event.time - event.opened_at == 30 * 60 * SECOND
    assert (event.additions, event.deletions, event.files) == (1, 1, 1)
    assert event.merged_by == token("noor")


def test_the_life_of_a_change() -> None:
    summary = summary_of(
        ("pull_request", request("opened", 0)),
        ("pull_request", request("synchronize", 5, head={"sha": "a" * 40, "ref": "x"})),
        ("pull_request_review", review("changes_requested", 6, 1, "noor")),
        ("pull_request_review", review("approved", 10, 2, "noor")),
        ("pull_request", merged(30)),
    )
    assert (summary.state, summary.reviews, summary.approvals, summary.change_requests) == ("merged", 2, 1, 1)
    assert "a" * 40 in summary.aliases


def test_a_dismissed_approval_no_longer_stands() -> None:
    opened = ("pull_request", request("opened", 0))
    approval = ("pull_request_review", review("approved", 10, 2, "noor"))
    dismissal = ("pull_request_review", review("dismissed", 20, 2, "noor"))
    assert summary_of(opened, approval).approvals == 1
    assert summary_of(opened, approval, dismissal).approvals == 0


def test_the_author_does_not_review_and_a_bot_is_one() -> None:
    author = request("opened", 0)["pull_request"]["user"]["login"]
    opened = ("pull_request", request("opened", 0))
    assert summary_of(opened, ("pull_request_review", review("approved", 5, 1, author))).reviews == 0
    assert summary_of(opened, ("pull_request_review", review("approved", 5, 1, "ci[bot]"))).reviews == 0


def test_a_change_that_was_closed_is_open_again_after_it_was_reopened() -> None:
    opened = ("pull_request", request("opened", 0))
    closed = ("pull_request", request("closed", 10, state="closed", closed_at=at(10)))
    reopened = ("pull_request", request("reopened", 20, state="open"))
    again = ("pull_request", request("closed", 25, state="closed", closed_at=at(25)))
    assert summary_of(opened, closed).state == "abandoned"
    assert summary_of(opened, closed, reopened).state == "open"
    assert summary_of(opened, closed, reopened, again).state == "abandoned"


def test_a_label_on_a_closed_change_does_not_open_it() -> None:
    labelled = request("labeled", 15, state="closed", closed_at=at(10), label={"name": "wontfix"})
    assert heard("pull_request", labelled) == []


def test_a_label_after_the_merge_is_told_with_the_merge() -> None:
    late = merged(40, labels=[{"name": "emergency"}]) | {"action": "labeled"}
    summary = summary_of(("pull_request", merged(30, labels=[])), ("pull_request", late))
    assert summary.labels == ["emergency"]
    assert len(summary.events) == 1
    assert only("pull_request", late).emergency == "emergency"


def test_labels_that_come_together_are_facts_of_their_own() -> None:
    one, other = (request("labeled", 5, label={"name": name}) for name in ("red", "blue"))
    assert only("pull_request", one).id != only("pull_request", other).id


def test_an_edited_delivery_counts_once() -> None:
    created = example("pull_request_review_comment", "created")
    edited = json.loads(json.dumps(created)) | {"action": "edited"}
    edited["comment"] |= {"body": "Longer than before, is it?", "updated_at": "2030-01-01T00:00:00Z"}
    first, second = only("pull_request_review_comment", created), only("pull_request_review_comment", edited)
    assert first.id == second.id
    assert winner(first, second) == winner(second, first) == second
    assert second.question
    deleted = only("pull_request_review_comment", edited | {"action": "deleted"})
    assert winner(second, deleted) == winner(deleted, second) == deleted
    assert deleted.retracted


def check(conclusion: str, number: int, minute: int) -> dict[str, Any]:
    payload = example("check_run", "completed")
    payload["check_run"] |= {"id": number, "conclusion": conclusion, "completed_at": at(minute)}
    payload["check_run"]["started_at"] = at(0)
    return payload


def job(conclusion: str, number: int, minute: int, attempt: int = 1) -> dict[str, Any]:
    run = check(conclusion, number, minute)["check_run"]
    payload = example("workflow_job", "completed")
    payload["workflow_job"] |= {"id": number, "run_attempt": attempt, "conclusion": conclusion}
    payload["workflow_job"] |= {"started_at": at(0), "completed_at": at(minute)}
    payload["workflow_job"] |= {"name": run["name"], "head_sha": run["head_sha"]}
    return payload


def commit_of(*events: e.Event) -> CommitSummary:
    return summarise_commit(folded(events))


@pytest.mark.parametrize(
    ("conclusion", "outcome"),
    [
        ("success", "success"),
        ("failure", "failure"),
        ("timed_out", "error"),
        ("startup_failure", "error"),
        ("action_required", "failure"),
        ("cancelled", "cancelled"),
        ("stale", "cancelled"),
        ("neutral", "skipped"),
        ("skipped", "skipped"),
    ],
)
def test_conclusions(conclusion: str, outcome: str) -> None:
    assert only("check_run", check(conclusion, 1, 5)).outcome == outcome
    assert only("workflow_job", job(conclusion, 1, 5)).outcome == outcome


def test_a_job_that_arrives_as_a_check_run_too_counts_once() -> None:
    as_check, as_job = (
        only("check_run", check("failure", 77, 9)),
        only("workflow_job", job("failure", 77, 9, 2)),
    )
    assert as_check.id == as_job.id
    assert winner(as_check, as_job) == winner(as_job, as_check) == as_job
    assert as_job.attempt == 2
    assert commit_of(as_check, as_job)[2:4] == (1, 1)


def test_a_check_of_another_program_that_is_corrected_later() -> None:
    first, later = check("failure", 5, 5), check("success", 5, 8)
    for payload in (first, later):
        payload["check_run"]["app"]["slug"] = "acme-linter"
    one, other = only("check_run", first), only("check_run", later)
    assert winner(one, other) == winner(other, one) == other


def test_a_rerun_that_succeeds_takes_the_failure_back() -> None:
    first, second = only("workflow_job", job("failure", 1, 5)), only("workflow_job", job("success", 2, 9, 2))
    assert first.id != second.id
    assert commit_of(first)[2:4] == (1, 1)
    assert commit_of(first, second)[2:4] == commit_of(second, first)[2:4] == (1, 0)


def test_attempts_of_a_workflow_run() -> None:
    told = []
    for attempt, conclusion in [(1, "failure"), (2, "success")]:
        payload = example("workflow_run", "completed")
        payload["workflow_run"] |= {"id": 3, "run_attempt": attempt, "conclusion": conclusion}
        told.append(only("workflow_run", payload))
    assert [event.attempt for event in told] == [1, 2]
    assert {event.kind for event in told} == {"workflow"}
    assert commit_of(*told)[2:4] == (1, 0)


def group(action: str, reason: str = "") -> dict[str, Any]:
    payload = example("merge_group", "checks_requested") | {"action": action}
    return payload | ({"reason": reason} if reason else {})


@pytest.mark.parametrize(
    ("reason", "state"), [("merged", "merged"), ("invalidated", "removed"), ("dequeued", "removed")]
)
def test_the_merge_queue_tells_of_groups(reason: str, state: str) -> None:
    entered, left = (
        only("merge_group", group("checks_requested")),
        only("merge_group", group("destroyed", reason)),
    )
    assert (entered.state, left.state) == ("entered", state)
    assert entered.change == left.change == f"{entered.repository}#104"
    assert entered.branch == left.branch == "main"
    assert entered.sha == left.sha == group("destroyed")["merge_group"]["head_sha"]
    assert left.reason == reason


@pytest.mark.parametrize(
    ("reason", "state"), [("MERGE", "merged"), ("CI_FAILURE", "removed"), ("MANUAL", "removed")]
)
def test_the_merge_queue_tells_of_requests(reason: str, state: str) -> None:
    entered = only("pull_request", request("enqueued", 5))
    left = only("pull_request", request("dequeued", 9) | {"reason": reason})
    assert (entered.state, left.state, left.reason) == ("entered", state, reason.lower())


def test_a_branch_of_the_queue_may_have_slashes_and_foreign_heads_are_unused() -> None:
    payload = group("checks_requested")
    payload["merge_group"] |= {"base_ref": "", "head_ref": f"gh-readonly-queue/release/1.x/pr-9-{'a' * 40}"}
    event = only("merge_group", payload)
    assert (event.number, event.branch) == (9, "release/1.x")
    payload["merge_group"]["head_ref"] = "refs/heads/main"
    assert heard("merge_group", payload) == []


def deployment_status(state: str, minute: int, **members: Any) -> dict[str, Any]:
    payload = example("deployment_status", "created")
    payload["deployment"] |= {"created_at": at(0), **members}
    payload["deployment_status"] |= {"state": state, "created_at": at(minute)}
    return payload


def report_of(*payloads: dict[str, Any]) -> Report | None:
    return read_report(folded(event for payload in payloads for event in heard("deployment_status", payload)))


def test_the_life_of_a_deployment() -> None:
    queued, running = deployment_status("queued", 1), deployment_status("in_progress", 2)
    success, failure = deployment_status("success", 9), deployment_status("failure", 5)
    assert report_of(queued, running) is None
    done = report_of(queued, running, success)
    assert done is not None
    assert (done.outcome, done.repository) == ("success", success["repository"]["full_name"])
    retried = report_of(failure, success)
    assert retried is not None
    assert retried.outcome == "success", "the last word counts"
    assert heard("deployment_status", deployment_status("inactive", 30)) == []


def test_both_deliveries_of_a_deployment_are_about_one_thing() -> None:
    created = example("deployment", "created")
    created["deployment"] = deployment_status("success", 9)["deployment"]
    (asked,) = heard("deployment", created)
    (done,) = heard("deployment_status", deployment_status("success", 9))
    assert folded([asked, done]).key


@pytest.mark.parametrize(
    ("ref", "payload", "tag", "branch"),
    [
        ("main", {}, "", "main"),
        ("refs/heads/main", None, "", "main"),
        ("v1.2.3", "", "v1.2.3", ""),
        ("refs/tags/nightly", {}, "nightly", ""),
        ("api@2.0.1", {}, "api@2.0.1", ""),
        ("release-1.2", {}, "", "release-1.2"),
        ("a" * 40, {}, "", ""),
        ("main", {"tag": "build-9"}, "build-9", "main"),
        ("main", '{"version": "7"}', "7", "main"),
        ("main", {"image": "registry.example/api:9"}, "registry.example/api:9", "main"),
        ("main", {"tag": 9, "service": ["no"]}, "", "main"),
        ("main", "no JSON", "", "main"),
    ],
)
def test_what_is_deployed(ref: str, payload: Any, tag: str, branch: str) -> None:
    event = only("deployment_status", deployment_status("success", 9, ref=ref, payload=payload))
    assert (event.tag, event.branch, event.service) == (tag, branch, "")


def issue(action: str, minute: int, labels: Iterable[str] = ("incident",), **members: Any) -> dict[str, Any]:
    payload = example("issues", "opened") | {"action": action}
    payload["issue"] |= {"created_at": at(0), "updated_at": at(minute), **members}
    payload["issue"]["labels"] = [{"name": name} for name in labels]
    return payload


def incident_of(*payloads: dict[str, Any]) -> IncidentReport | None:
    told = [event for payload in payloads for event in heard("issues", payload)]
    return read_incident(folded(event for event in told))


def test_the_life_of_an_incident() -> None:
    opened = issue("opened", 0, ["incident"])
    named = issue("labeled", 1, ["incident", "P1", "service: checkout"]) | {"label": {"name": "P1"}}
    closed = issue("closed", 20, closed_at=at(20))
    reopened, again = issue("reopened", 25), issue("closed", 40, closed_at=at(40))
    known = incident_of(opened, named)
    assert known is not None
    assert (known.severity, known.service, known.resolved_at) == ("P1", "checkout", None)
    assert [
        (report := incident_of(opened, *rest)) is not None and report.resolved_at is not None
        for rest in ([closed], [closed, reopened], [closed, reopened, again])
    ] == [True, False, True]


def test_an_issue_becomes_an_incident_by_its_label_and_ceases_to_be_one() -> None:
    assert heard("issues", issue("opened", 0, ["bug"])) == []
    labelled = issue("labeled", 3) | {"label": {"name": "Incident"}}
    taken_back = issue("unlabeled", 5, ["bug"]) | {"label": {"name": "incident"}}
    (detected,), (retracted,) = heard("issues", labelled), heard("issues", taken_back)
    assert detected.id == retracted.id
    assert winner(detected, retracted) == retracted
    assert retracted.retracted
    deleted = only("issues", issue("deleted", 3))
    assert winner(detected, deleted) == deleted, "a deletion has the time of the last edit"


def test_who_is_called_to_an_incident() -> None:
    called = issue("assigned", 4, assignees=[{"login": "noor"}, {"login": "mara"}])
    assert only("issues", called).responders == [token("noor"), token("mara")]
