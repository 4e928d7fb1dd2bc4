"""`aftermerge up` with secrets that can be found again: after all kinds of traffic they are nowhere."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from pipeline.cli.exits import Exit
from pipeline.log.protocol import Log
from pipeline.running import NOTE_FILE
from tests.answers import Answer
from tests.live.process import Up, eventually, run, up

#: two of a source, as during a rotation
GITHUB = ("kestrel-secret-of-github-1", "kestrel-secret-of-github-2")
GITLAB = "kestrel-secret-of-gitlab"
PAGERDUTY = "kestrel-secret-of-pagerduty"
ALERTMANAGER = "kestrel-token-of-alertmanager"
GRAFANA = "kestrel:password-of-grafana"
CLOUDEVENTS = "kestrel-token-of-cloudevents"
READERS = {role: f"kestrel-token-of-{role}" for role in ("viewer", "responder", "security", "admin")}
KEY = base64.b64encode(b"kestrel-key-of-kept-deliveries!!").decode()
SECRETS = [*GITHUB, GITLAB, PAGERDUTY, ALERTMANAGER, GRAFANA, CLOUDEVENTS, *READERS.values(), KEY]
LOGIN = "kestrel-the-person"
TOPICS = ("received", "events", "state", "dead_letters", "unused")
READ_RECORDS_MAX = 10_000

GOLDEN = Path(__file__).parents[1] / "golden/github"


def golden(name: str) -> Any:
    """A golden delivery that happened yesterday: what is older than the horizon gets no rows."""
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8").replace("2024-05-01", yesterday))


PULL_REQUEST = golden("pull_request.closed.merged")
FINDING = golden("code_scanning_alert.fixed")


@dataclass
class Ran:
    """What one run of `aftermerge up` left: answers, outputs of commands, and its directory."""

    up: Up
    answers: list[Answer] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def post(self, source: str, body: bytes, **headers: str) -> int:
        told = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.append(self.up.ask(f"/receive/default/{source}", body, told))
        return self.answers[-1].status

    def query(self, statement: str, token: str, how: str = "bearer") -> Answer:
        place, told = "/?", {}
        if how == "bearer":
            told["Authorization"] = f"Bearer {token}"
        elif how == "basic":
            told["Authorization"] = "Basic " + base64.b64encode(f"kestrel:{token}".encode()).decode()
        elif how == "key":
            told["X-ClickHouse-Key"] = token
        else:
            place += f"password={quote(token)}&"
        self.answers.append(self.up.ask(place, statement.encode(), told, base=self.up.queries))
        return self.answers[-1]

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = run(self.up.data, *arguments, **environment())
        self.said += [done.stdout, done.stderr]
        return done


def environment() -> dict[str, str]:
    told = {
        "secret_github": "\n".join(GITHUB),
        "secret_gitlab": GITLAB,
        "secret_pagerduty": PAGERDUTY,
        "secret_alertmanager": ALERTMANAGER,
        "secret_grafana": GRAFANA,
        "secret_cloudevents": CLOUDEVENTS,
        "delivery_keys": KEY,
    }
    return told | {f"token_{role}": f"kestrel-{role}: {token}" for role, token in READERS.items()}


def signature(secret: str, body: bytes) -> str:
    return hmac.digest(secret.encode(), body, "sha256").hex()


def github(ran: Ran, kind: str, body: bytes, secret: str = GITHUB[0]) -> int:
    return ran.post(
        "github",
        body,
        X_GitHub_Event=kind,
        X_Hub_Signature_256=f"sha256={signature(secret, body)}",
        Content_Type="application/json",
        Cookie=f"session={secret}",
        X_Api_Key=secret,
    )


def traffic(ran: Ran) -> None:
    """Deliveries of every kind, good and bad; bad ones that show a secret where it does not belong."""
    PULL_REQUEST["pull_request"]["user"]["login"] = LOGIN
    good = json.dumps(PULL_REQUEST).encode()
    assert github(ran, "pull_request", good, GITHUB[0]) == 202
    assert github(ran, "code_scanning_alert", json.dumps(FINDING).encode(), GITHUB[1]) == 202
    assert github(ran, "pull_request", b'{"cut": ') == 202
    assert github(ran, "pull_request", b"\xff\xfe") == 202
    assert github(ran, "made_up", b"{}") == 202
    assert github(ran, "push", b"{}", "kestrel-guess-of-a-secret") == 401
    for wrong in (GITHUB[0], f"sha1={GITHUB[0]}", "sha256=" + signature(GITHUB[0], b"other")):
        assert ran.post("github", good, X_Hub_Signature_256=wrong) == 401
    assert ran.post("gitlab", b"[1]", X_Gitlab_Token=GITLAB, X_Gitlab_Event="Push Hook") == 202
    assert ran.post("gitlab", b"[1]", X_Gitlab_Token=GITLAB + "x") == 401
    body = b'{"event": 7}'
    assert ran.post("pagerduty", body, X_PagerDuty_Signature=f"v1={signature(PAGERDUTY, body)}") == 202
    for token in (ALERTMANAGER, ALERTMANAGER + "x", READERS["admin"]):
        status = ran.post("alertmanager", b"no json", Authorization=f"Bearer {token}")
        assert status == (202 if token == ALERTMANAGER else 401)
    pair = base64.b64encode(GRAFANA.encode()).decode()
    assert ran.post("grafana", b"{}", Authorization=f"Basic {pair}") == 202
    told = {"Ce_Specversion": "1.0", "Ce_Type": "a.b", "Ce_Id": "1", "Ce_Source": "x"}
    hidden = {"Ce_Token": CLOUDEVENTS, "Ce_Authorization": CLOUDEVENTS, "X_Token": CLOUDEVENTS}
    assert ran.post("cloudevents", b"{}", Authorization=f"Bearer {CLOUDEVENTS}", **told, **hidden) == 202
    assert ran.post("cloudevents", b"[{}]", Authorization=f"Bearer {CLOUDEVENTS}") == 202
    for token in READERS.values():
        assert ran.post("cloudevents", b"{}", Authorization=f"Bearer {token}") == 401


def questions(ran: Ran) -> None:
    """Pages and queries, with tokens wherever a client may put them."""
    for token in (*READERS.values(), GITHUB[0], "kestrel-guess"):
        for page in ("/metrics", "/config", "/openapi.json", "/readyz", "/healthz", f"/{token}"):
            ran.answers.append(ran.up.ask(page, headers={"Authorization": f"Bearer {token}"}))
        told = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        for body in (b'{"incident": "INC-7", "change": "none", "because": "x"}', b"[]", b"{"):
            ran.answers.append(ran.up.ask("/verdicts/default", body, told))
        for how in ("bearer", "basic", "key", "address"):
            ran.query("SELECT 1", token, how)
            ran.query("SELECT no_such_column FROM changes", token, how)
            ran.query("SELECT * FROM system.processes", token, how)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    directory = tmp_path_factory.mktemp("up")
    with up(directory / "data", **environment()) as started:
        found = Ran(started)
        traffic(found)
        eventually(
            lambda: found.query("SELECT count() FROM changes", READERS["viewer"]).body == b"1\n", "no row"
        )
        questions(found)
        for command in (["doctor"], ["doctor", "--settings"], ["sql", "SELECT * FROM changes"], ["export"]):
            found.command(*command)
        found.command("explain", "acme/api#17")
        yield found


def forms(secret: str) -> list[bytes]:
    """A secret as it may have been written down."""
    raw = secret.encode()
    return [raw, base64.b64encode(raw).rstrip(b"=")[:-1], raw.hex().encode(), quote(secret, "").encode()]


def traces(secret: str, told: bytes) -> bool:
    return any(form in told for form in forms(secret))


def records(log: Log) -> dict[str, list[bytes]]:
    return {
        topic: [record.key + b"\0" + record.value for record in log.read(topic, 0, 0, READ_RECORDS_MAX)]
        for topic in TOPICS
    }


def test_secrets_are_in_no_answer_and_no_output(ran: Ran) -> None:
    assert {answer.status for answer in ran.answers} >= {200, 202, 401, 403, 404, 422}
    told = [f"{answer.headers}".encode() + answer.body for answer in ran.answers]
    told += [text.encode() for text in (ran.up.said, *ran.said)]
    assert "a delivery to source github was refused" in ran.up.said
    assert any("dead letter" in text for text in ran.said)
    for secret in (*SECRETS, "kestrel-guess"):
        assert not any(traces(secret, text) for text in told), secret


def test_secrets_are_in_no_record_of_the_log(ran: Ran) -> None:
    with ran.up.log() as log:
        kept = records(log)
    assert len(kept["dead_letters"]) >= 4
    assert len(kept["received"]) >= 8
    signatures = [signature(GITHUB[0], json.dumps(PULL_REQUEST).encode())]
    for secret in (*SECRETS, *signatures):
        for topic, values in kept.items():
            assert not any(traces(secret, value) for value in values), (topic, secret)


def test_secrets_are_in_no_file_and_files_are_for_their_owner_alone(ran: Ran) -> None:
    note = json.loads((ran.up.data / NOTE_FILE).read_bytes())
    searched = 0
    for path in sorted(ran.up.data.rglob("*")):
        if not path.is_file():
            continue
        held = path.read_bytes()
        searched += 1
        assert not any(traces(secret, held) for secret in SECRETS), path
        # the one exception: the token by which other commands on this machine ask, for the owner alone
        assert path.name == NOTE_FILE or not traces(note["token"], held), path
    assert searched > 10
    for top in ran.up.data.iterdir():
        assert not top.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO), f"{top} is open to others"


def test_persons_are_named_in_kept_deliveries_alone(ran: Ran) -> None:
    with ran.up.log() as log:
        kept = records(log)
    # sealed: not even there in the clear
    assert not any(LOGIN.encode() in value for values in kept.values() for value in values)
    assert any(b"p:" in value for value in kept["events"])
    for table in ("changes", "events", "events_change_merged", "dead_letters"):
        answer = ran.query(f"SELECT * FROM {table} FORMAT JSONEachRow", READERS["admin"])
        assert answer.status == 200
        assert LOGIN.encode() not in answer.body
    assert b'"author":"p:' in ran.query("SELECT * FROM changes FORMAT JSONEachRow", READERS["admin"]).body


def test_findings_are_for_the_security_role(ran: Ran) -> None:
    eventually(
        lambda: ran.query("SELECT count() FROM events_finding_reported", READERS["security"]).body == b"1\n",
        "no finding",
    )
    assert ran.query("SELECT count() FROM events_finding_reported", READERS["admin"]).status == 200
    listed = "SELECT id FROM events WHERE record = 'finding_reported'"
    assert b"code alert" in ran.query(listed, READERS["security"]).body
    for role in ("viewer", "responder"):
        for statement in (
            "SELECT * FROM events_finding_reported",
            "SELECT * FROM aftermerge.events_finding_reported",
            "SELECT 1 IN events_finding_reported",
            "DESCRIBE TABLE events_finding_reported",
            "EXPLAIN ESTIMATE SELECT * FROM events_finding_reported",
        ):
            assert ran.query(statement, READERS[role]).status == 403, statement
        assert ran.query(listed, READERS[role]).body == b""
        assert ran.query("SELECT count() FROM changes", READERS[role]).body == b"1\n"


def test_what_was_refused_is_shown_to_whom_findings_are_shown(ran: Ran, tmp_path: Path) -> None:
    """It is kept as it came: with a finding in it, and a login."""
    told = tmp_path / "told.jsonl"
    arguments = ("LEAK-1", "open", "--kind", "secret", "--path", "config.py", "--tool", "gitleaks")
    said = ran.command("report", "finding", *arguments, "--actor", LOGIN, "--to-file", str(told))
    assert said.returncode == 0
    told.write_text(re.sub(r'"time":"\d{4}', '"time":"2199', told.read_text("utf-8")), "utf-8")
    assert ran.command("replay", str(told)).returncode == Exit.PARTLY
    asked = "SELECT bytes FROM dead_letters WHERE bytes LIKE '%gitleaks%'"
    eventually(lambda: b"LEAK-1" in ran.query(asked, READERS["security"]).body, "the letter is not there")
    assert b"LEAK-1" in ran.query(asked, READERS["admin"]).body
    for role in ("viewer", "responder"):
        assert ran.query(asked, READERS[role]).body == b""
        assert ran.query("SELECT count() FROM dead_letters WHERE bytes != ''", READERS[role]).body == b"0\n"
        # letters of deliveries hold no bytes: how many there are, and why, is everybody's to see
        assert ran.query("SELECT count() > 0 FROM dead_letters", READERS[role]).body == b"1\n"


def test_settings_are_for_the_admin(ran: Ran) -> None:
    def status(page: str, token: str) -> int:
        return ran.up.ask(page, headers={"Authorization": f"Bearer {token}"}).status

    assert [status("/config", READERS[role]) for role in sorted(READERS)] == [200, 403, 403, 403]
    assert {status("/metrics", token) for token in READERS.values()} == {200}
    assert {status("/metrics", token) for token in (GITHUB[0], CLOUDEVENTS, ALERTMANAGER)} == {401}
    assert ran.query("SELECT 1", CLOUDEVENTS).status == 401
    assert ran.query("SELECT 1", hashlib.sha256(READERS["admin"].encode()).hexdigest()).status == 401


def test_no_file_can_be_read_by_a_query(ran: Ran) -> None:
    path = str(ran.up.data / NOTE_FILE)
    for statement in (
        f"SELECT file('{path}')",
        f"SELECT arrayMap(file, ['{path}'])",
        f"SELECT arraySort(file, ['{path}', '{path}'])",
        f"SELECT * APPLY(file) FROM (SELECT '{path}')",
        f"SELECT * FROM file('{path}', LineAsString)",
        f"SELECT * FROM sqlite('{ran.up.data / 'log.sqlite'}', 'records')",
        f"SELECT 1 INTO OUTFILE '{path}.written'",
    ):
        answer = ran.query(statement, READERS["admin"])
        assert answer.status == 403, statement
        assert b"token" not in answer.body
    assert not Path(f"{path}.written").exists()
