"""``aftermerge report``: what is sent, how long it is tried, what is refused, and that no token is told."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from pipeline.cli.exits import Exit
from pipeline.cli.report.posting import CONTENT_TYPE, overheard
from pipeline.core.events import DeploymentFinished, Event
from pipeline.sources.cloudevents import parse_line
from pipeline.sources.cloudevents_http import parse
from pipeline.sources.deliveries import Delivery, Reader
from pipeline.sources.texts import Patterns

RECEIVED_AT = 1_800_000_000_000_000
TOKEN = "s3cret-token-of-the-receiver"
SHA = "5f0c1e2d3a4b5968778695a4b3c2d1e0f9e8d7c6"
GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_EVENT_NAME": "push",
    "GITHUB_REPOSITORY": "acme/api",
    "GITHUB_SHA": SHA,
    "GITHUB_REF_NAME": "main",
    "GITHUB_REF_TYPE": "branch",
    "GITHUB_RUN_ID": "8123",
    "GITHUB_RUN_ATTEMPT": "1",
    "GITHUB_WORKFLOW": "deploy",
    "GITHUB_SERVER_URL": "https://github.example.com",
    "GITHUB_TRIGGERING_ACTOR": "dana",
}
DEPLOYMENT = ("deployment", "api", "production", "v42")


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("AFTERMERGE_", "GITHUB_", "GITLAB_", "CI_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))


class Receiver(ThreadingHTTPServer):
    """Answers in the order it was told to; the last answer holds for all that come after."""

    daemon_threads = True

    def __init__(self, *answers: tuple[int, dict[str, str]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = list(answers)
        self.heard: list[tuple[str, dict[str, str], bytes]] = []
        self.silent = threading.Event()
        self.silent.set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def events(self) -> list[Event]:
        """What the parser of the real receiver makes of what was posted."""
        reader = Reader(lambda login: f"token of {login}", Patterns())
        return [
            event
            for _, headers, body in self.heard
            for event in parse(Delivery("acme", "cloudevents", RECEIVED_AT, headers, body), reader).events
        ]


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.heard.append((self.path, headers, body))
        self.server.silent.wait()
        status, further = self.server.answers[0]
        if len(self.server.answers) > 1:
            self.server.answers.pop(0)
        detail = f"you sent {headers.get('authorization', 'nothing')}\x1b[31m"
        said = (json.dumps({"detail": detail}) if status == 401 else detail).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(said)), **further}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def receivers() -> Iterator[Any]:
    started: list[tuple[Receiver, threading.Thread]] = []

    def start(*answers: int | tuple[int, dict[str, str]]) -> Receiver:
        pairs = [answer if isinstance(answer, tuple) else (answer, {}) for answer in answers]
        server = Receiver(*pairs)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        started.append((server, thread))
        return server

    yield start
    for server, thread in started:
        server.silent.set()
        server.shutdown()
        thread.join()
        server.server_close()


def report(*arguments: object, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(main, ["report", *map(str, arguments)], env=env)


def dry(*arguments: object, env: dict[str, str] | None = None) -> Event:
    result = report(*arguments, "--dry-run", env=env)
    assert result.exit_code == Exit.OK, result.output
    return parse_line(result.stdout.encode(), person_token=lambda login: f"token of {login}")[1]


def test_a_report_is_one_cloudevent_with_a_bearer_token(receivers: Any, tmp_path: Path) -> None:
    server = receivers(202)
    env = {**GITHUB, "AFTERMERGE_URL": server.url, "AFTERMERGE_REPORT_TOKEN": TOKEN}
    result = report(*DEPLOYMENT, "success", "--workspace", "acme", "--verbose", env=env)
    assert result.exit_code == Exit.OK, result.output
    ((path, headers, _),) = server.heard
    assert path == "/receive/acme/cloudevents"
    assert headers["content-type"] == CONTENT_TYPE
    assert headers["authorization"] == f"Bearer {TOKEN}"
    (event,) = server.events()
    assert isinstance(event, DeploymentFinished)
    assert event.id == "ci api production v42 8123 success"
    assert (event.source, event.tag, event.outcome) == ("ci/acme/api", "v42", "success")
    assert (event.repository, event.sha, event.branch) == ("acme/api", SHA, "main")
    assert event.actor == "token of dana"
    assert f"sha {SHA} from GITHUB_SHA" in result.stderr
    assert event.id in result.stdout
    assert TOKEN not in result.output
    assert not (tmp_path / "xdg").exists(), "no data directory is needed"


def test_beginning_and_end_are_one_deployment_and_a_run_tells_once() -> None:
    began, ended = dry(*DEPLOYMENT, "started", env=GITHUB), dry(*DEPLOYMENT, "success", env=GITHUB)
    again = dry(*DEPLOYMENT, "success", env=GITHUB)
    rerun = dry(*DEPLOYMENT, "success", env={**GITHUB, "GITHUB_RUN_ATTEMPT": "2"})
    keys = [getattr(event, "deployment", "") for event in (began, ended, again, rerun)]
    assert keys[0] == keys[1] == keys[2] != keys[3]
    assert began.id != ended.id == again.id != rerun.id
    assert ended.source_version < again.source_version, "the telling told last holds"


@pytest.mark.parametrize(
    ("arguments", "env"),
    [
        ((), {"GITHUB_EVENT_NAME": "workflow_dispatch"}),
        ((), {"GITHUB_EVENT_NAME": "pull_request"}),
        (("--repository", "acme/other"), {}),
    ],
)
def test_a_commit_that_may_be_another_is_not_taken(arguments: tuple[str, ...], env: dict[str, str]) -> None:
    event = dry(*DEPLOYMENT, "success", *arguments, env=GITHUB | env)
    assert isinstance(event, DeploymentFinished)
    assert event.sha == ""


def test_the_commit_of_its_own_tag_is_taken() -> None:
    env = GITHUB | {"GITHUB_EVENT_NAME": "workflow_dispatch"}
    by_name = dry(*DEPLOYMENT, "success", env=env | {"GITHUB_REF_TYPE": "tag", "GITHUB_REF_NAME": "v42"})
    by_sha = dry("deployment", "api", "production", f"build-{SHA[:8]}", "success", env=env)
    assert getattr(by_name, "sha", "") == getattr(by_sha, "sha", "") == SHA


def test_gitlab_is_understood() -> None:
    env = {
        "GITLAB_CI": "true",
        "CI_PROJECT_PATH": "acme/platform/api",
        "CI_COMMIT_SHA": "a" * 40,
        "CI_MERGE_REQUEST_EVENT_TYPE": "merged_result",
        "CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": SHA,
        "CI_JOB_ID": "77",
        "CI_JOB_URL": "https://gitlab.example.com/jobs/77",
    }
    event = dry("smoke", "login", "failure", env=env)
    assert event.id == f"ci acme/platform/api@{SHA} login 77 attempt 1"
    assert (getattr(event, "kind", ""), getattr(event, "url", "")) == ("smoke", env["CI_JOB_URL"])


KINDS = [
    ("check", "unit", "success", "--kind", "test", "--attempt", "3"),
    ("smoke", "login", "error"),
    (*DEPLOYMENT, "progressed", "--fraction", "0.25"),
    (*DEPLOYMENT, "success", "--rolled-back", "--change", "acme/api#17", "--commit", SHA),
    ("incident", "INC-7", "detected", "--title", "checkout fails", "--onset", "2026-01-02T03:04Z"),
    ("incident", "INC-7", "updated", "--cause", "acme/api#17", "--responder", "dana"),
    ("incident", "INC-7", "resolved", "--service", "api"),
    ("drift", "aws_lb.public", "detected", "--summary", "60 -> 300"),
    ("drift", "aws_lb.public", "corrected"),
    ("slo", "checkout", "started", "--burn-rate", "14.4", "--window-seconds", "3600"),
    ("slo", "checkout", "ended"),
    ("slo", "checkout", "counted", "--seconds", "300", "--good", "99", "--total", "100", "--shard", "eu"),
    ("finding", "CVE-2026-1:libfoo", "open", "--kind", "dependency", "--severity", "high"),
    ("cost", "minutes", "0.31", "--unit", "EUR"),
    ("metric", "change", "-3.5", "--unit", "%"),
]


@pytest.mark.parametrize("arguments", KINDS, ids=" ".join)
def test_offline_and_posted_tell_the_same(arguments: tuple[str, ...], receivers: Any, tmp_path: Path) -> None:
    server, file = receivers(202), tmp_path / "told.jsonl"
    at = ("--at", "2026-02-03T04:05:06Z", "--workspace", "acme")
    assert report(*arguments, *at, "--url", server.url, env=GITHUB).exit_code == Exit.OK
    assert report(*arguments, *at, "--to-file", file, env=GITHUB).exit_code == Exit.OK
    (posted,) = server.events()
    (line,) = file.read_bytes().splitlines()
    kept = parse_line(line, person_token=lambda login: f"token of {login}")[1]
    assert kept.source_version > posted.source_version, "when it was told"
    apart = {"source_version": kept.source_version, "received_at": kept.time, "imported": True}
    assert (posted.received_at, posted.imported) == (RECEIVED_AT, False)
    assert msgspec.structs.replace(posted, **apart) == kept
    assert json.loads(line)["time"] == "2026-02-03T04:05:06.000000Z"
    assert kept.imported
    assert kept.received_at == kept.time


def test_what_was_kept_offline_becomes_rows(tmp_path: Path) -> None:
    file, data = tmp_path / "told.jsonl", tmp_path / "data"
    for _ in range(2):
        for arguments in KINDS:
            assert report(*arguments, "--to-file", file, env=GITHUB).exit_code == Exit.OK
    replayed = CliRunner().invoke(main, ["--data", str(data), "replay", str(file)])
    assert replayed.exit_code == Exit.OK, replayed.output

    def rows(query: str) -> list[dict[str, Any]]:
        asked = CliRunner().invoke(main, ["--data", str(data), "sql", "--format", "json", query])
        assert asked.exit_code == Exit.OK, asked.output
        found: list[dict[str, Any]] = json.loads(asked.stdout)
        return found

    assert rows("SELECT service, tag, transition FROM deployments FINAL") == [
        {"service": "api", "tag": "v42", "transition": "baseline"}
    ]
    assert rows("SELECT incident, title FROM incidents FINAL") == [
        {"incident": "INC-7", "title": "checkout fails"}
    ]
    # every telling is kept, and they are of two facts
    assert rows("SELECT DISTINCT id, kind, value FROM events_measurement_reported ORDER BY value") == [
        {"id": "ci metric change 8123 measured", "kind": "metric", "value": -3.5},
        {"id": "ci cost minutes 8123 measured", "kind": "cost", "value": 0.31},
    ]
    assert rows("SELECT resource, corrected_at >= detected_at AS over FROM drifts FINAL") == [
        {"resource": "aws_lb.public", "over": 1}
    ]


def test_what_may_pass_is_tried_again_with_the_same_bytes(receivers: Any) -> None:
    server = receivers(503, (429, {"Retry-After": "0"}), 202)
    result = report(*DEPLOYMENT, "success", "--url", server.url, "--verbose")
    assert result.exit_code == Exit.OK, result.output
    assert len(server.heard) == 3
    assert len({body for *_, body in server.heard}) == 1
    assert "try 1: 503" in result.stderr


def test_time_ends_though_the_receiver_says_to_wait(receivers: Any) -> None:
    server = receivers((503, {"Retry-After": "3600"}))
    result = report(*DEPLOYMENT, "success", "--url", server.url, "--wait", "5")
    assert result.exit_code == Exit.UNAVAILABLE
    assert len(server.heard) == 1, "an hour is more than is left"
    assert "not received within 5 s" in result.stderr


def test_a_receiver_that_never_answers_does_not_hold_the_job(receivers: Any) -> None:
    server = receivers(202)
    server.silent.clear()
    result = report(*DEPLOYMENT, "success", "--url", server.url, "--wait", "0.3")
    assert result.exit_code == Exit.UNAVAILABLE
    assert "not received within 0.3 s" in result.stderr


def test_nobody_there_is_exit_4_and_with_best_effort_a_warning(receivers: Any) -> None:
    server = receivers(202)
    gone = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    url = f"http://127.0.0.1:{gone.server_address[1]}"
    gone.server_close()
    assert report(*DEPLOYMENT, "success", "--url", url, "--wait", "0.2").exit_code == Exit.UNAVAILABLE
    spared = report(*DEPLOYMENT, "success", "--url", url, "--wait", "0.2", "--best-effort")
    assert spared.exit_code == Exit.OK
    assert "warning, not told" in spared.stderr
    assert not server.heard


@pytest.mark.parametrize("status", [301, 307, 400, 401, 403, 404, 413])
def test_a_refusal_is_exit_2_once_and_never_shows_the_token(
    status: int, receivers: Any, tmp_path: Path
) -> None:
    other = receivers(202)
    server = receivers((status, {"Location": f"{other.url}/receive/default/cloudevents"}))
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    result = report(*DEPLOYMENT, "success", "--url", server.url, "--token-file", file, "--verbose", "--debug")
    assert result.exit_code == Exit.USAGE
    assert server.heard[0][1]["authorization"] == f"Bearer {TOKEN}"
    assert (len(server.heard), len(other.heard)) == (1, 0)
    assert str(status) in result.stderr
    assert TOKEN not in result.output
    assert "\x1b" not in result.output
    if status == 401:
        assert "the token was refused" in result.stderr
        assert "401 you sent" in result.stderr, "of a problem document its detail is shown"
        without = report(*DEPLOYMENT, "success", "--url", server.url)
        assert "no token was sent" in without.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((*DEPLOYMENT, "done"), "is not one of"),
        (("deployment", "api", "production", "", "success"), "TAG: is empty"),
        ((*DEPLOYMENT, "progressed"), "how far?"),
        ((*DEPLOYMENT, "progressed", "--fraction", "25"), "no share"),
        ((*DEPLOYMENT, "success", "--stage", "canary"), "not that it ended"),
        ((*DEPLOYMENT, "success", "--sha", "5f0c1e2"), "no whole commit id"),
        ((*DEPLOYMENT, "success", "--repository", "https://github.example.com/acme/api"), "owner/name"),
        ((*DEPLOYMENT, "success", "--at", "2999-01-01"), "--at"),
        ((*DEPLOYMENT, "success", "--started-at", "2998-01-01"), "--started-at"),
        (("check", "unit", "success"), "--repository"),
        (("check", "unit", "success", "--repository", "acme/api"), "--sha"),
        (("incident", "INC-7", "updated"), "what is new?"),
        (("incident", "INC-7", "detected", "--cause", "acme/api#1"), "--cause: detected does not tell that"),
        (("incident", "INC 7", "detected"), "holds a space"),
        (("incident", "INC-7", "detected", "--title", "two\nlines"), "line's end"),
        (("drift", "lb", "corrected", "--summary", "x"), "--summary"),
        (("slo", "checkout", "ended", "--burn-rate", "2"), "nothing burns"),
        (("slo", "checkout", "started", "--burn-rate", "nan"), "no rate"),
        (("slo", "checkout", "started", "--good", "1"), "told with `counted`"),
        (("slo", "checkout", "counted", "--good", "1"), "needs all three"),
        (("slo", "checkout", "counted", "--seconds", "60", "--good", "2", "--total", "1"), "--good: 2"),
        (("metric", "size", "nan"), "no number"),
        (("cost", "minutes", "cheap"), "not a valid float"),
        ((*DEPLOYMENT, "success", "--url", "aftermerge.example.com"), "no address"),
        ((*DEPLOYMENT, "success", "--url", "https://me:hunter2@example.com"), "leave them out"),
        ((*DEPLOYMENT, "success", "--token-file", "no-such-file"), "no-such-file"),
    ],
)
def test_what_is_wrong_is_said_in_few_lines(arguments: tuple[str, ...], said: str) -> None:
    result = report(*arguments)
    assert result.exit_code == Exit.USAGE
    assert said in result.stderr
    assert len(result.stderr.splitlines()) <= 5
    assert "hunter2" not in result.output


def test_persons_stay_out_of_ids() -> None:
    told = [
        dry("incident", "INC-7", "updated", "--responder", name, env=GITHUB).id for name in ("dana", "kim")
    ]
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("url", "heard"),
    [
        ("http://127.0.0.1:8090", False),
        ("http://[::1]:8090", False),
        ("http://localhost:8090", False),
        ("https://aftermerge.example.com", False),
        ("http://aftermerge.example.com", True),
        ("http://10.0.0.7:8090", True),
    ],
)
def test_a_token_in_the_clear_is_warned_of(url: str, heard: bool) -> None:
    assert overheard(url) is heard
