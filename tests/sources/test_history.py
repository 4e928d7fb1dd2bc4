"""The compact history format: what becomes of its records, what is hidden, and what is refused."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core import events as e
from pipeline.sources import history as module
from pipeline.sources.history import REVERT_TITLE, History, HistoryOptions, parse_history
from pipeline.sources.lines import LinesFile, UnreadableFile
from pipeline.sources.truths import Truth, decode_truth, encode_truth

EXAMPLE = Path(__file__).parents[2] / "examples/govuk-fleet-1.jsonl.gz"
BAD, FIX, AGAIN, OTHER = ("b" * 40, "f" * 40, "a" * 40, "0" * 40)


def token(login: str) -> str:
    return f"p:{login}" if login else ""


def change(sha: str, at: str, number: int | None = None, **more: Any) -> dict[str, Any]:
    return {
        "kind": "change",
        "repo": "acme/api",
        "number": number,
        "sha": sha,
        "merged_at": f"2024-05-{at}Z",
        "opened_at": None,
        "author": "c5db",
        "title": "A change",
        "additions": 10,
        "deletions": 2,
        "files": 1,
        "dirs": ["app/models"],
        "labels": [],
        **more,
    }


def revert(**more: Any) -> dict[str, Any]:
    return {
        "kind": "revert",
        "repo": "acme/api",
        "number": 8,
        "sha": FIX,
        "merged_at": "2024-05-02T12:00:00Z",
        "opened_at": "2024-05-02T11:00:00Z",
        "dirs": ["app/models", "lib/secret"],
        "reverts_sha": BAD,
        "reverts_number": 7,
        "also": [],
        "how": "number",
        "redo": False,
        "cause": "fault",
        **more,
    }


ROLLBACK = {
    "kind": "rollback",
    "repo": "acme/api",
    "at": "2024-05-02T09:00:00Z",
    "from_sha": BAD,
    "next": "newer",
    "apps_within_30m": 1,
}
RECORDS = [
    change(BAD, "01T10:00:00", 7, title="Round totals", opened_at="2024-04-30T10:00:00Z", labels=["bot"]),
    {
        "kind": "deployment",
        "repo": "acme/api",
        "tag": "production/v5",
        "sha": BAD,
        "at": "2024-05-01T11:00:00Z",
    },
    change(FIX, "02T12:00:00", 8, title='Revert "Round totals"', dirs=["app/models", "lib/secret"]),
    revert(),
]


def read(records: Iterable[dict[str, Any] | bytes], **options: Any) -> tuple[History, list[e.Event]]:
    lines = [
        (number, record if isinstance(record, bytes) else json.dumps(record).encode())
        for number, record in enumerate(records, 1)
    ]
    history = parse_history(lines, HistoryOptions(**options), token)
    return history, list(history)


def test_a_change_and_its_deployment() -> None:
    _, events = read(RECORDS[:2])
    merged, deployed = events
    assert isinstance(merged, e.ChangeMerged)
    assert (merged.id, merged.change, merged.author) == ("git acme/api#7 merged", "acme/api#7", "p:c5db")
    assert (merged.paths, merged.labels, merged.opened_at) == (["app/models"], ["bot"], 1714471200_000000)
    assert merged.imported
    assert merged.received_at == merged.time == 1714557600_000000
    assert isinstance(deployed, e.DeploymentFinished)
    assert (deployed.service, deployed.environment, deployed.tag) == ("api", "production", "production/v5")
    assert (deployed.source, deployed.sha, deployed.repository) == ("gitops", BAD, "acme/api")


def test_a_revert_is_an_incident_that_names_no_culprit() -> None:
    history, events = read(RECORDS)
    undone = next(event for event in events if isinstance(event, e.ChangeMerged) and event.sha == FIX)
    assert (undone.title, undone.paths, undone.reverts) == (REVERT_TITLE, [], [])
    assert (undone.additions, undone.deletions, undone.files) == (None, None, None)
    detected = next(event for event in events if isinstance(event, e.IncidentDetected))
    resolved = next(event for event in events if isinstance(event, e.IncidentResolved))
    assert (detected.service, detected.component, detected.mentions) == ("api", "app", [])
    assert (detected.time, resolved.time) == (1714647600_000000, undone.time)
    for event in events:
        if not (isinstance(event, e.ChangeMerged | e.DeploymentFinished) and event.sha == BAD):
            told = repr(event)
            assert not any(secret in told for secret in (BAD, "acme/api#7", "Round totals", "secret")), told
    assert history.truths == [
        Truth("revert:acme/api#8", ["acme/api#7", BAD], "revert", "number", "fault", undone.time, False)
    ]


def test_without_incidents_a_revert_says_what_it_reverts() -> None:
    history, events = read(RECORDS, incidents_from=frozenset())
    undone = next(event for event in events if isinstance(event, e.ChangeMerged) and event.sha == FIX)
    assert undone.reverts == ["acme/api#7", BAD]
    assert undone.title == 'Revert "Round totals"'
    assert not history.truths
    assert not any(isinstance(event, e.IncidentDetected) for event in events)


def test_a_reland_is_no_incident_and_quotes_nothing() -> None:
    again = change(AGAIN, "03T12:00:00", 9, title='Revert "Revert "Round totals""')
    reland = revert(sha=AGAIN, number=9, reverts_sha=FIX, redo=True, merged_at="2024-05-03T12:00:00Z")
    history, events = read([*RECORDS, again, reland])
    assert history.report.relands_left_out == 1
    assert len(history.truths) == 1
    brought_back = next(event for event in events if isinstance(event, e.ChangeMerged) and event.sha == AGAIN)
    assert (brought_back.title, brought_back.additions) == ("Reland", 10)


def test_planned_reverts_are_marked_or_left_out() -> None:
    records = [*RECORDS[:3], revert(cause="planned")]
    history, _ = read(records)
    assert history.truths[0].planned
    history, _ = read(records, planned=False)
    assert (history.truths, history.report.planned_left_out) == ([], 1)


@pytest.mark.parametrize(
    ("dirs", "component"), [([], ""), (["."], ""), ([".github/workflows"], ".github"), (["docs"], "docs")]
)
def test_the_component_is_one_top_level_directory(dirs: list[str], component: str) -> None:
    _, events = read([revert(dirs=dirs)])
    (detected,) = [event for event in events if isinstance(event, e.IncidentDetected)]
    assert detected.component == component


def test_rollbacks_are_incidents_only_when_asked() -> None:
    history, events = read([ROLLBACK])
    assert (events, history.report.rollbacks_left_out) == ([], 1)
    wave = ROLLBACK | {"at": "2024-05-02T10:00:00Z", "apps_within_30m": 37}
    same = ROLLBACK | {"at": "2024-05-02T11:00:00Z", "next": "same", "reverted_after": [OTHER]}
    history, events = read([ROLLBACK, wave, same], incidents_from=frozenset({"rollbacks"}))
    assert [truth.cause for truth in history.truths] == ["unknown", "wave", "returned"]
    assert [truth.culprits for truth in history.truths] == [[BAD], [BAD], [OTHER]]
    assert len({event.id for event in events}) == 6
    assert [event.time - 1714640400_000000 for event in events[:2]] == [-1, 0]


def test_a_number_that_is_used_again_names_the_first_change() -> None:
    records = [
        change(BAD, "01T10:00:00", 7),
        change(OTHER, "01T11:00:00", 7),
        change(FIX, "02T12:00:00", 7),
        revert(number=7, reverts_sha=OTHER),
    ]
    history, events = read(records)
    keys = [event.change for event in events if isinstance(event, e.ChangeMerged)]
    assert keys == ["acme/api#7", f"acme/api@{OTHER}", f"acme/api@{FIX}"]
    assert history.report.reused_numbers == 2
    assert history.truths[0].incident == f"revert:acme/api@{FIX}"
    assert history.truths[0].culprits == [f"acme/api@{OTHER}", OTHER]


def test_changes_of_one_instant_keep_their_order() -> None:
    _, events = read([change(sha, "01T10:00:00") for sha in (FIX, BAD, AGAIN)])
    assert [event.sequence for event in events] == [0, 1, 2]


def test_two_owners_of_one_name_are_two_services() -> None:
    deployments = [RECORDS[1], {**RECORDS[1], "repo": "other/api"}]
    _, events = read(deployments)
    assert {event.service for event in events if isinstance(event, e.DeploymentFinished)} == {
        "acme/api",
        "other/api",
    }


def test_a_duplicated_line_changes_no_id() -> None:
    _, once = read(RECORDS)
    _, twice = read([record for record in RECORDS for _ in range(2)])
    assert {event.id for event in once} == {event.id for event in twice}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"{", "record: "),
        (b"[1]", "record: Expected `object`, got `array`"),
        (b'{"repo": "a/b"}', "record: Object missing required field `kind`"),
        (b'{"kind": "commit", "repo": "a/b"}', "unknown kind 'commit'"),
        (b'{"kind": "request", "repo": "a/b"}', "unknown kind 'request'"),
        (b'{"kind": "change", "repo": "a/b", "sha": "1"}', "change: .*missing required field `merged_at`"),
        (
            b'{"kind": "deployment", "repo": "a/b", "sha": "1", "at": "now"}',
            r"deployment: Invalid RFC3339.*\$\.at",
        ),
        (
            b'{"kind": "deployment", "repo": "a/b", "sha": "1", "at": "1970-01-01T00:00:00Z"}',
            "deployment.at: .*outside",
        ),
        (json.dumps(change(BAD, "01T10:00:00", -1)).encode(), r"change: .*\$\.number"),
        (b'{"kind": "change", "repo": "\xff"}', "change: 'utf-8' codec can't decode"),
        (b'{"kind": "change", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "nested too deeply"),
    ],
)
def test_a_bad_line_is_buried_and_its_neighbours_stay(line: bytes, reason: str) -> None:
    history, events = read([RECORDS[0], line, RECORDS[1]])
    assert len(events) == 2
    (bad,) = history.unreadable
    assert (bad.number, bad.value) == (2, line)
    assert re.search(reason, bad.reason), bad.reason


def test_too_many_bad_lines_are_no_history(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "UNREADABLE_LINES_MAX", 2)
    with pytest.raises(e.InvalidEvent, match="line 3: .*is this a history"):
        read([b"{"] * 3)


def test_an_event_that_is_refused_leaves_its_line_unreadable() -> None:
    lines = [(4, json.dumps(RECORDS[0]).encode()), (7, json.dumps(RECORDS[1]).encode())]
    history = parse_history(
        lines,
        HistoryOptions(),
        token,
        lambda event: "a clock is wrong" if isinstance(event, e.DeploymentFinished) else "",
    )
    assert [type(event) for event in history] == [e.ChangeMerged]
    assert history.unreadable == [(7, "a clock is wrong", lines[1][1])]


def test_lines_must_be_readable_twice() -> None:
    with pytest.raises(TypeError, match="twice"):
        parse_history(iter([(1, b"{}")]), HistoryOptions(), token)


@given(st.permutations(RECORDS))
def test_the_order_of_lines_does_not_matter(records: list[dict[str, Any]]) -> None:
    history, events = read(records)
    expected, in_order = read(RECORDS)
    assert sorted(event.id for event in events) == sorted(event.id for event in in_order)
    assert history.truths == expected.truths
    assert not any(
        "Round" in event.title for event in events if isinstance(event, e.ChangeMerged) and event.sha == FIX
    )


def test_a_review_history() -> None:
    body = {
        "kind": "change",
        "repo": "wg/draft",
        "author": "a1",
        "base": "main",
        "head": "h1",
        "labels": ["editorial"],
    }
    at = {"at": "2020-01-01T00:00:00Z", "closed_at": "2020-01-03T00:00:00Z"}
    merged = {
        "merged_at": "2020-01-03T00:00:00Z",
        "merged_by": "b2",
        "sha": "c" * 40,
        "files": ["a => b", "c"],
    }
    history, events = read(
        [
            {**body, **at, **merged, "number": 1, "state": "merged", "additions": 3, "deletions": 0},
            {**body, **at, "number": 2, "state": "closed", "merged_at": None, "merged_by": None, "sha": None},
            {**body, **at, "number": 3, "state": "open", "closed_at": None, "head": None},
            {"kind": "comment", "repo": "wg/draft", "number": 1, "at": "2020-01-01T12:00:00Z", "words": 3},
            {
                "kind": "review",
                "repo": "wg/draft",
                "number": 1,
                "id": "R1",
                "at": "2020-01-02T00:00:00Z",
                "author": "b2",
                "state": "approved",
                "commit": "h1",
                "comments": [{"words": 1}],
            },
        ]
    )
    assert not history.unreadable
    assert history.report.records == {"request": 3, "comment": 1, "review": 1}
    assert [event.id for event in events] == [
        "github wg/draft#1 opened",
        "github wg/draft#1 merged",
        "github wg/draft#2 opened",
        "github wg/draft#2 abandoned",
        "github wg/draft#3 opened",
        "github wg/draft#1 comment 2020-01-01T12:00:00Z",
        "github wg/draft#1 review R1",
        "github wg/draft#1 review R1 comment 1",
    ]
    landed, review = events[1], events[-2]
    assert isinstance(landed, e.ChangeMerged)
    assert (landed.paths, landed.files, landed.merged_by) == (["b", "c"], 2, "p:b2")
    assert isinstance(review, e.ReviewSubmitted)
    assert (review.reviewer, review.decision, review.comments) == ("p:b2", "approved", 1)


def test_the_shipped_history() -> None:
    history = parse_history(LinesFile(EXAMPLE), HistoryOptions(), token)
    ids: Counter[str] = Counter()
    changes = set()
    for event in history:
        ids[event.id] += 1
        if isinstance(event, e.ChangeMerged):
            changes.add(event.change)
    assert ids.most_common(1)[0][1] == 1
    assert not history.unreadable
    assert history.report.events == {
        "change_merged": 23_647,
        "deployment_finished": 13_087,
        "incident_detected": 153,
        "incident_resolved": 153,
    }
    assert (history.report.planned_incidents, history.report.reused_numbers) == (29, 57)
    assert len(history.truths) == 153
    assert all(truth.culprits[0] in changes for truth in history.truths)


def test_truths_survive_their_topic() -> None:
    truth = Truth("revert:acme/api#8", ["acme/api#7"], "revert", "sha", "fault", None, True)
    assert decode_truth(encode_truth(truth)) == truth
    with pytest.raises(e.InvalidEvent, match="truth: .*`culprits`"):
        decode_truth(b'{"incident": "x"}')


def test_a_file_that_was_cut_off_gives_its_good_lines_first(tmp_path: Path) -> None:
    path = tmp_path / "cut.jsonl.gz"
    path.write_bytes(EXAMPLE.read_bytes()[:100_000])
    events = iter(parse_history(LinesFile(path), HistoryOptions(), token))
    assert len([next(events) for _ in range(500)]) == 500
    with pytest.raises(UnreadableFile, match=r"cut off after line \d+"):
        list(events)


def test_the_example_is_gzip() -> None:
    with gzip.open(EXAMPLE) as file:
        assert json.loads(file.readline())["kind"] == "change"
