"""What comes in over HTTP and what is known afterwards: GitHub's examples, and what is wrong or late."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from pipeline.log.topics import UNUSED
from pipeline.sources.github.kinds import KINDS
from pipeline.unused import Unused
from tests.live.deliveries import BEGUN, instant, key, pull_request, sha
from tests.live.process import Up, eventually, up
from tests.sources.github_examples import examples

pytestmark = pytest.mark.slow

DAYS_LATE = 3


WORKSPACES = tuple(f"w{number}" for number in range(10))


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    data = tmp_path_factory.mktemp("deliveries") / "data"
    with up(data, workspaces=",".join(WORKSPACES)) as run:
        yield run


@pytest.fixture(scope="module")
def workspaces() -> Iterator[str]:
    return iter(WORKSPACES)


@pytest.fixture
def running(process: Up, workspaces: Iterator[str]) -> Up:
    """A run that every test of this file shares, with a workspace of its own."""
    return process.at(next(workspaces))


def unused(run: Up) -> dict[str, int]:
    """Deliveries of GitHub's that nothing was made of, by kind, in all workspaces."""
    with run.log() as log:
        held = {
            tuple(place.decode().split("\0")): msgspec.json.decode(value, type=Unused).count
            for place, value in log.latest(UNUSED, 0).items()
        }
    return {kind: count for (source, kind), count in held.items() if source == "github"}


def settled(run: Up) -> None:
    """Until a delivery that came after all others is in the tables."""
    last = 900_000
    assert run.github("pull_request", pull_request(last)).status == 202
    present(run, last)


def present(run: Up, number: int) -> None:
    asked = f"SELECT count() FROM changes FINAL WHERE MINE AND change = '{key(number)}'"
    eventually(lambda: run.value(asked) == 1, f"{key(number)} is no row")


def test_none_of_githubs_examples_is_a_dead_letter(running: Up) -> None:
    told = examples()
    sent: set[bytes] = set()
    for place, example in enumerate(told):
        answer = running.github(example.kind, example.body, f"example-{place}")
        # two of the examples are the same bytes, so the same delivery
        expected = 200 if example.body in sent else 202
        assert answer.status == expected, (example.kind, example.action, answer.body)
        sent.add(example.body)
    settled(running)
    assert running.rows("SELECT reason FROM dead_letters WHERE MINE") == []
    records = {
        record
        for example in told
        if (kind := KINDS.get(example.kind)) is not None
        for record in kind.actions.get(example.action, ())
    }
    found = {record for (record,) in running.rows("SELECT DISTINCT record FROM events WHERE MINE")}
    assert len(found & records) > len(records) / 2
    assert running.received() == len(sent) + 1
    counted = unused(running)
    silent = {example.kind for example in told} - set(KINDS)
    assert silent <= {kind.split()[0].split(".")[0] for kind in counted}


def test_an_edited_and_a_repeated_event_count_once(running: Up) -> None:
    opened = pull_request(1)
    assert running.github("pull_request", opened, "the first").status == 202
    present(running, 1)
    again = running.github("pull_request", opened, "the first")
    assert again.status == 200
    # the same from another hook, and after an edit
    other = opened | {"installation": {"id": 5}}
    assert running.github("pull_request", other, "the second").status == 202
    later = pull_request(1, title="Change 1, better", updated_at=instant(BEGUN + 60))
    assert running.github("pull_request", later, "the third").status == 202
    settled(running)
    mine = f"WHERE MINE AND change = '{key(1)}'"
    # two tellings of one event, of which one holds
    counted = "SELECT count(), uniqExact(id) FROM events_change_opened FINAL"
    assert running.rows(f"{counted} {mine}") == [[2, 1]]
    assert running.rows(f"SELECT count(), any(title) FROM changes FINAL {mine}") == [[1, "Change 1, better"]]
    assert running.rows("SELECT reason FROM dead_letters WHERE MINE") == []


def test_a_delivery_that_comes_days_late_restates(running: Up) -> None:
    """An incident is judged without its cause; then what was deployed before it is told."""
    begun = BEGUN + 86_400
    labels = {"alertname": "Down", "service": "acme/api", "environment": "production", "severity": "critical"}
    alert = {
        "status": "firing",
        "labels": labels,
        "annotations": {"summary": "it is down", "for": "1m"},
        "startsAt": instant(begun),
        "endsAt": "0001-01-01T00:00:00Z",
        "fingerprint": "f00d",
    }
    assert running.alertmanager({"version": "4", "status": "firing", "alerts": [alert]}).status == 202
    asked = "SELECT verdict, cause FROM incidents FINAL WHERE MINE"
    before = eventually(lambda: running.rows(asked), "the incident is no row")
    assert [row[1] for row in before] == ["none"]
    merged = pull_request(
        7, "closed", state="closed", merged=True, merged_at=instant(begun - 3_600), merge_commit_sha=sha(7),
        closed_at=instant(begun - 3_600), updated_at=instant(begun - 3_600),
    )  # fmt: skip
    deployment = {
        "id": 42, "sha": sha(7), "ref": "main", "task": "deploy", "environment": "production",
        "payload": {}, "created_at": instant(begun - 700), "updated_at": instant(begun - 600),
        "creator": None,
    }  # fmt: skip
    status = {
        "id": 43, "state": "success", "environment": "production", "created_at": instant(begun - 600),
        "updated_at": instant(begun - 600), "creator": None,
    }  # fmt: skip
    told = {"action": "created", "repository": merged["repository"], "sender": merged["sender"]}
    told |= {"deployment": deployment, "deployment_status": status}
    assert running.github("pull_request", merged).status == 202
    assert running.github("deployment_status", told).status == 202
    settled(running)
    assert running.rows("SELECT reason FROM dead_letters WHERE MINE") == []
    restated = eventually(
        lambda: [row for row in running.rows(asked) if row != before[0]], "the verdict was not restated"
    )
    assert [row[1] for row in restated] == ["github acme/api deployment 42"]
    events = running.rows("SELECT toUInt32(received_at - time) FROM events_deployment_finished WHERE MINE")
    assert events[0][0] > DAYS_LATE * 86_400


def test_what_can_not_be_read_is_kept_with_its_reason(running: Up) -> None:
    whole = msgspec.json.encode(pull_request(1))
    wrong = [
        whole[:-40],
        whole.replace(b"Change 1", b"Change \xff\xfe"),
        b"",
        b"null",
        b"[" * 100_000,
        whole.replace(b'"number":1', b'"number":"one"'),
    ]
    for body in wrong:
        assert running.github("pull_request", body).status == 202
    settled(running)
    asked = "SELECT offset, reason, length(bytes) FROM dead_letters FINAL WHERE MINE ORDER BY offset"
    # they are copied after the rows of the same turn
    eventually(lambda: len(running.rows(asked)) >= len(wrong), "letters are missing")
    letters = running.rows(asked)
    assert len(letters) == len({offset for offset, _, _ in letters}) == len(wrong)
    assert all(reason and "failed" not in reason for _, reason, _ in letters)
    # what may name persons stays with the delivery alone, which expires
    assert {int(size) for _, _, size in letters} == {0}
    assert running.received() == len(wrong) + 1


def test_an_unknown_kind_is_kept_and_counted(running: Up) -> None:
    before = unused(running)
    for place in range(3):
        assert running.github("a_kind_of_tomorrow", {"action": "done", "place": place}).status == 202
    assert running.github("ping", {"zen": "Keep it logically awesome."}).status == 202
    settled(running)
    assert running.rows("SELECT reason FROM dead_letters WHERE MINE") == []
    counted = {kind: count - before.get(kind, 0) for kind, count in unused(running).items()}
    assert {kind: count for kind, count in counted.items() if count} == {
        "a_kind_of_tomorrow done": 3,
        "ping": 1,
    }
    assert running.received() == 5


def test_who_is_not_known_is_refused(running: Up) -> None:
    body = msgspec.json.encode(pull_request(1))
    refused = running.ask(f"/receive/{running.workspace}/github", body, {"X-GitHub-Event": "pull_request"})
    assert refused.status == 401
    assert running.ask(f"/receive/{running.workspace}/nobody", body).status == 404
    assert running.ask("/receive/nowhere/github", body).status == 404
    assert running.received() == 0
