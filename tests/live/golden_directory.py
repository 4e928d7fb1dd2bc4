"""Makes a golden directory: all that a real `aftermerge up` leaves behind after deliveries of every sort.

``python -m tests.live.golden_directory`` in a checkout of a version makes ``live-VERSION`` in
``tests/golden/directories``: the whole data directory (log, tables, key of persons) as one archive, a backup
of it, and a manifest that says which version made them, when, and what its tables, letters and counts said.
Whatever comes later has to open them and say the same; make one for each release, and never make one anew.

A commit that was no release gets ``live-VERSION-COMMIT``, with ``--commit``. One that is older than this file
is checked out elsewhere, and its ``tests`` are replaced by later ones: so nothing here may need more of the
package than the first ``up`` had. What it could not do yet is missing: ``persons``, and the backup.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import secrets
import shutil
import subprocess
import sys
import tarfile
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.cli.exits import Exit
from pipeline.cli.version import version
from pipeline.log.topics import TOPICS
from tests.live.deliveries import OPENED_AT
from tests.live.process import ROOT, TOKEN, Up, run, up

GOLDEN = ROOT / "tests" / "golden"
DIRECTORIES = GOLDEN / "directories"
BEGINNING = "live-"
ARCHIVE, BACKUP, MANIFEST = "directory.tar.gz", "backup.tar.gz", "manifest.json"

#: the person whom later versions forget; the examples call her otherwise
LOGIN = "Grace-Hopper-1906"
UNUSED, PERSONS = "unused", "persons"
INCIDENT, CAUSE = "github acme/api#31", "acme/api#17"
#: kept deliveries and dead letters expire by age: without this, a test of some years later finds none
KEPT_DAYS = "3650"

#: what must not change, whatever the model makes of it and whatever time it is
ASKED = {
    "changes": "SELECT change, title, state, sha, author, deployment FROM changes FINAL ORDER BY change",
    "deployments": "SELECT deployment, service, environment, tag, sha, outcome FROM deployments FINAL"
    " ORDER BY deployment",
    "incidents": "SELECT incident, service, severity, toString(opened_at), toString(resolved_at), cause"
    " FROM incidents FINAL ORDER BY incident",
    "events": "SELECT record, toUInt32(uniqExact(id)) FROM events FINAL WHERE record != 'clock_ticked'"
    " GROUP BY record ORDER BY record",
    "dead_letters": "SELECT place, reason FROM dead_letters ORDER BY place",
}
#: what was live before the change of the examples
FORMER = {b'"id": 42': b'"id": 41', b"e1" * 20: b"b1" * 20, b"T11:0": b"T08:0", b"v1.8.0": b"v1.7.0"}


class Fed(NamedTuple):
    """What one run is sent: examples of GitHub's by kind, and one of CloudEvents."""

    github: tuple[tuple[str, str], ...]
    cloudevent: str
    #: so many bytes of the first example are sent once more: what a sender sends that breaks off
    cut_bytes: int
    #: the deployment before that of the examples: without it, none of them brings a change
    former: bool = False

    def deliveries(self) -> list[tuple[str, bytes]]:
        """Those of GitHub's: kind and body."""
        told = [(kind, example(f"github/{name}")) for kind, name in self.github]
        kind, body = told[0]
        told.append((kind, body[: self.cut_bytes]))
        if self.former:
            before = example("github/deployment_status.created.success")
            for now, then in FORMER.items():
                assert now in before
                before = before.replace(now, then)
            told.insert(0, ("deployment_status", before))
        return told


PLAIN = Fed(
    (
        ("pull_request", "pull_request.opened"),
        ("pull_request", "pull_request.closed.merged"),
        ("deployment", "deployment.created"),
        ("deployment_status", "deployment_status.created.success"),
        ("issues", "issues.opened"),
        ("ping", "ping"),
    ),
    "structured",
    100,
    former=True,
)
SEALED = Fed(
    (
        ("pull_request_review", "pull_request_review.submitted"),
        ("push", "push"),
        ("check_run", "check_run.completed"),
        ("issues", "issues.closed"),
        ("issues", "issues.opened.no_incident"),
    ),
    "binary",
    50,
)


def main(*arguments: str) -> None:
    """Make the directory of this version; raises ``FileExistsError`` when there is one."""
    commit = head()
    target = DIRECTORIES / f"{BEGINNING}{version()}{f'-{commit}' if '--commit' in arguments else ''}"
    if target.exists():
        raise FileExistsError(f"{target}: what a version left behind is never made anew")
    with tempfile.TemporaryDirectory() as name:
        data, backup = Path(name) / "data", Path(name) / "backup.tar"
        key = base64.b64encode(secrets.token_bytes(32)).decode()
        with up(data) as live:
            feed(live, PLAIN)
        with up(data, delivery_keys=key) as live:
            feed(live, SEALED)
            said = ("--by", LOGIN, "--because", "the postmortem names it")
            judged = run(data, "verdict", INCIDENT, "--change", CAUSE, *said)
            assert judged.returncode == Exit.OK, judged.stderr
        # once more: what is recorded is what lies there, not what was in memory
        with up(data, delivery_keys=key) as live:
            manifest = {
                "version": version(),
                "commit": commit,
                "made_by": " ".join(["python -m tests.live.golden_directory", *arguments]),
                "made_at": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
                "delivery_key": key,
                **known(live),
            }
        made = run(data, "backup", backup)
        assert made.returncode == Exit.OK or "No such command" in made.stderr, made.stderr
        target.mkdir(parents=True)
        (target / ARCHIVE).write_bytes(gzip.compress(packed(data), mtime=0))
        if backup.exists():
            (target / BACKUP).write_bytes(gzip.compress(backup.read_bytes(), mtime=0))
    (target / MANIFEST).write_text(
        json.dumps(manifest, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def head() -> str:
    """The commit of this checkout, shortened."""
    asked = ("git", "rev-parse", "--short=7", "HEAD")
    return subprocess.run(asked, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


def known(live: Up) -> dict[str, Any]:
    """What the version knows of what it was sent."""
    bodies = [body for fed in (PLAIN, SEALED) for _, body in fed.deliveries()]
    return {
        "plain": {"github": len(PLAIN.deliveries()), "cloudevents": 1},
        "sealed": {"github": len(SEALED.deliveries()), "cloudevents": 1},
        "naming": sum(LOGIN.encode() in body for body in bodies),
        **({PERSONS: persons(live)} if PERSONS in TOPICS else {}),
        "unused": unused(live),
        "rows": rows(live),
    }


def left_by(name: str, data: Path) -> dict[str, Any]:
    """Put the directory of an earlier version there; returns its manifest."""
    data.mkdir(mode=0o700)
    with tarfile.open(DIRECTORIES / name / ARCHIVE) as archive:
        archive.extractall(data, filter="data")
    return manifest_of(name)


def manifest_of(name: str) -> dict[str, Any]:
    """What an earlier version knew."""
    manifest: dict[str, Any] = json.loads((DIRECTORIES / name / MANIFEST).read_text(encoding="utf-8"))
    return manifest


def backup_of(name: str, target: Path) -> Path:
    """Put the backup that an earlier version made there."""
    with gzip.open(DIRECTORIES / name / BACKUP) as packed_, target.open("wb") as file:
        shutil.copyfileobj(packed_, file)
    return target


def packed(directory: Path) -> bytes:
    """An archive of all that is in a directory; whose it is on this machine is left out."""

    def nameless(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        return member

    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(directory.iterdir()):
            archive.add(path, path.name, filter=nameless)
    return held.getvalue()


# -- what is sent, and what is known then ------------------------------------------------------------


def feed(live: Up, fed: Fed) -> None:
    """Send all of it; raises ``AssertionError`` when something is not taken."""
    for kind, body in fed.deliveries():
        answer = live.github(kind, body)
        assert answer.status == 202, (kind, answer.body)
    told = json.loads(example(f"cloudevents_http/{fed.cloudevent}"))
    headers = told["headers"] | {"Authorization": f"Bearer {TOKEN}"}
    answer = live.ask("/receive/default/cloudevents", json.dumps(told["body"]).encode(), headers)
    assert answer.status == 202, answer.body


def example(name: str) -> bytes:
    """A golden delivery as if it were of some days ago, and LOGIN's: what is older than the horizon waits."""
    text = (GOLDEN / f"{name}.json").read_text(encoding="utf-8")
    return text.replace("2024-05-01", OPENED_AT[:10]).replace('"mara"', f'"{LOGIN}"').encode()


def rows(live: Up) -> dict[str, list[list[Any]]]:
    """What the tables say."""
    return {what: live.rows(query) for what, query in ASKED.items()}


def persons(live: Up) -> dict[str, str]:
    """Whose each token is."""
    with live.log() as log:
        return {key.decode(): value.decode() for key, value in log.latest(PERSONS, 0).items()}


def unused(live: Up) -> dict[str, int]:
    """How many deliveries nothing was made of, by source and kind."""
    with live.log() as log:
        held = log.latest(UNUSED, 0)
    return {
        key.decode().replace("\0", " "): json.loads(value)["count"] for key, value in sorted(held.items())
    }


if __name__ == "__main__":
    main(*sys.argv[1:])
