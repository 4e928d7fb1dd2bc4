"""What is kept is looked after while `aftermerge up` runs: a mended parser, backups, forgotten persons."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.exits import Exit
from tests.live.deliveries import BEGUN, instant, pull_request
from tests.live.process import TOKEN, Up, eventually, run, up

pytestmark = [pytest.mark.slow, pytest.mark.long]

LOGIN = "Grace-Hopper-1906"
BROKEN = """
source: desk
rules:
  - name: opened
    event: incident_detected
    id: {text: "desk {body.number} opened"}
    time: {iso: body.opened}
    fields: {incident: {text: "desk {body.number}"}, service: body.service}
"""
MENDED = BROKEN.replace("body.opened", "body.opened_at")
ASKED = "SELECT incident, service FROM incidents FINAL ORDER BY incident"


def told(number: int) -> dict[str, object]:
    return {"number": number, "opened_at": instant(BEGUN + number), "service": "api"}


def desk(run_: Up, body: object) -> None:
    answer = run_.ask(
        "/receive/default/desk",
        json.dumps(body).encode(),
        {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"},
    )
    assert answer.status == 202, answer.body


def by_login(number: int, login: str) -> dict[str, Any]:
    """A delivery that names somebody."""
    delivery = pull_request(number)
    delivery["pull_request"]["user"] = {"login": login, "id": 1, "type": "User"}
    delivery["sender"] = delivery["pull_request"]["user"]
    return delivery


def naming(directory: Path, login: str = LOGIN) -> list[str]:
    """The files of a directory that hold a login, however it is written."""
    return sorted(
        str(path.relative_to(directory))
        for path in directory.rglob("*")
        if path.is_file() and login.lower().encode() in path.read_bytes().lower()
    )


def rows(text: str) -> dict[str, Any]:
    return {row["what"]: row["value"] for row in json.loads(text)}


@pytest.mark.parametrize("beside", [True, False])
def test_a_mended_mapping_takes_in_what_it_failed_on(tmp_path: Path, beside: bool) -> None:
    data, mappings = tmp_path / "data", tmp_path / "mappings"
    mappings.mkdir()
    (mappings / "desk.yaml").write_text(BROKEN)
    settings = {"mappings": str(mappings), "secret_desk": TOKEN}
    again = ("renormalize", "--source", "desk", "--format", "json")
    with up(data, **settings) as live:
        desk(live, told(1))
        desk(live, told(2))
        eventually(lambda: live.value("SELECT count() FROM dead_letters") == 2, "no dead letters")
        assert live.rows("SELECT DISTINCT place, length(bytes) FROM dead_letters ORDER BY place") == [
            ["received/0@0", 0],
            ["received/0@1", 0],
        ]
        assert live.received() == 2, "the deliveries are kept"
        assert run(data, "doctor", **settings).returncode == Exit.PARTLY
        if beside:
            refuse(data, mappings, again, settings)
            mend(data, mappings, again, settings)
            assert live.rows(ASKED) == [["desk 1", "api"], ["desk 2", "api"]]
            desk(live, told(3))
            eventually(lambda: len(live.rows(ASKED)) == 3, "the mended mapping is not in force")
    if not beside:
        mend(data, mappings, again, settings)
    with up(data, **settings) as live:
        assert live.rows(ASKED)[:2] == [["desk 1", "api"], ["desk 2", "api"]]
        # the telling of the higher revision holds, and the ids are the same
        revised = MENDED.replace("source: desk", "source: desk\nrevision: 7").replace(
            "service: body.service", "service: {constant: web}"
        )
        (mappings / "desk.yaml").write_text(revised)
        assert run(data, *again, **settings).returncode == Exit.OK
        assert live.rows(ASKED)[:2] == [["desk 1", "web"], ["desk 2", "web"]]
        (mappings / "desk.yaml").write_text(MENDED)
        assert run(data, *again, **settings).returncode == Exit.OK
        assert live.rows(ASKED)[:2] == [["desk 1", "web"], ["desk 2", "web"]], "the older one comes too late"


def mend(data: Path, mappings: Path, again: tuple[str, ...], settings: dict[str, str]) -> None:
    (mappings / "desk.yaml").write_text(MENDED)
    mended = run(data, *again, **settings)
    assert mended.returncode == Exit.OK, mended.stderr
    counted = rows(mended.stdout)
    assert (counted["deliveries"], counted["dead letters settled"]) == (2, 2)
    assert (counted["events appended"], counted["dead letters"]) == (2, 0)
    second = rows(run(data, *again, **settings).stdout)
    assert (second["events appended"], second["events already known"]) == (0, 2)
    doctor = run(data, "doctor", **settings)
    assert doctor.returncode == Exit.OK, doctor.stdout


def refuse(data: Path, mappings: Path, again: tuple[str, ...], settings: dict[str, str]) -> None:
    (mappings / "desk.yaml").write_text("source: desk\nrules: 7\n")
    refused = run(data, *again, **settings)
    assert refused.returncode == Exit.USAGE, refused.stderr
    assert "desk.yaml" in refused.stderr
    (mappings / "desk.yaml").write_text(BROKEN)
    late = run(data, "renormalize", "--source", "desk", "--since", "2100-01-01", **settings)
    assert late.returncode == Exit.NOTHING
    unknown = run(data, "renormalize", "--source", "nobody", **settings)
    assert unknown.returncode == Exit.USAGE
    assert "no source 'nobody'" in unknown.stderr


@pytest.mark.parametrize("beside", [True, False])
def test_a_forgotten_login_is_in_no_file(tmp_path: Path, beside: bool) -> None:
    data = tmp_path / "data"
    lines = tmp_path / "lines.jsonl"
    lines.write_text(f'{{"login": "{LOGIN}"\nno event of {LOGIN}\n')
    with up(data) as live:
        for number in range(20):
            assert live.github("pull_request", by_login(number, LOGIN if number % 2 else "ada")).status == 202
        eventually(lambda: live.value("SELECT count() FROM changes FINAL") == 20, "no changes")
        assert run(data, "replay", lines).returncode == Exit.PARTLY
        with live.log() as log:
            persons = log.latest("persons", 0)
        assert sorted(persons.values()) == [b"Grace-Hopper-1906", b"ada"]
        (token,) = (key.decode() for key, value in persons.items() if value != b"ada")
        if beside:
            forgotten(data, token)
            comes_back_until_it_expires(live, data)
    if not beside:
        assert naming(data)
        forgotten(data, token)
        with up(data) as live:
            comes_back_until_it_expires(live, data)
    with up(data) as live:
        assert live.value(f"SELECT count() FROM changes FINAL WHERE author = '{token}'") == 11
        assert live.value("SELECT count() FROM dead_letters") == 2, "that there were letters is no secret"
    assert naming(data) == []


def forgotten(data: Path, token: str) -> None:
    done = run(data, "forget", LOGIN.lower(), "--format", "json")
    assert done.returncode == Exit.OK, done.stderr
    counted = rows(done.stdout)
    assert counted == {"token": token, "deliveries erased": 10, "dead letters erased": 2}
    assert naming(data) == []
    again = rows(run(data, "forget", LOGIN, "--format", "json").stdout)
    assert again == {"token": token, "deliveries erased": 0, "dead letters erased": 0}


def comes_back_until_it_expires(live: Up, data: Path) -> None:
    """A later delivery is kept as it came; nothing else names the person, and that one can be dropped too."""
    assert live.github("pull_request", by_login(99, LOGIN)).status == 202
    eventually(lambda: live.value("SELECT count() FROM changes FINAL") == 21, "no change")
    with live.log() as log:
        assert sorted(log.latest("persons", 0).values()) == [b"\0", b"ada"]
    assert all(name.startswith("log.sqlite") for name in naming(data))
    done = rows(run(data, "forget", LOGIN, "--deliveries-too", "--format", "json").stdout)
    assert done["deliveries erased"] == 21
    assert live.received() == 0
    assert naming(data) == []


def test_what_titles_say_is_counted_and_stays(tmp_path: Path) -> None:
    with up(tmp_path / "data") as live:
        delivery = by_login(1, LOGIN)
        delivery["pull_request"]["title"] = f"Thank {LOGIN}"
        assert live.github("pull_request", delivery).status == 202
        eventually(lambda: live.value("SELECT count() FROM changes FINAL") == 1, "no change")
        done = rows(run(tmp_path / "data", "forget", LOGIN, "--format", "json").stdout)
        assert done["events whose texts name it"] == 1
        wrong = run(tmp_path / "data", "forget", " ")
        assert wrong.returncode == Exit.USAGE
        assert "characters" in wrong.stderr


def test_a_backup_of_a_running_process_is_restored(tmp_path: Path) -> None:
    data, new = tmp_path / "data", tmp_path / "new"
    asked = ("sql", "--format", "json", "SELECT change, state, author FROM changes FINAL ORDER BY change")
    with up(data) as live:
        for number in range(50):
            assert live.github("pull_request", pull_request(number)).status == 202
        eventually(lambda: live.value("SELECT count() FROM changes FINAL") == 50, "no changes")
        made = run(data, "backup", tmp_path / "backup.tar")
        assert made.returncode == Exit.OK, made.stderr
        before = run(data, *asked).stdout
        assert live.github("pull_request", pull_request(50)).status == 202
        twice = run(data, "backup", tmp_path / "backup.tar")
        assert twice.returncode == Exit.USAGE
        assert "is there already" in twice.stderr
        kept = run(data, "doctor").stdout
        assert "51 records" in kept
        assert "kept for 30 days" in kept
    assert stat.S_IMODE((tmp_path / "backup.tar").stat().st_mode) == 0o600
    restored = run(new, "restore", tmp_path / "backup.tar")
    assert restored.returncode == Exit.OK, restored.stderr
    assert run(new, *asked).stdout == before
    assert json.loads(before)
    refused = run(new, "restore", tmp_path / "backup.tar")
    assert refused.returncode == Exit.USAGE
    assert "is not empty" in refused.stderr
    (tmp_path / "cut.tar").write_bytes((tmp_path / "backup.tar").read_bytes()[:10_000])
    cut = run(tmp_path / "third", "restore", tmp_path / "cut.tar")
    assert cut.returncode == Exit.USAGE
    assert "cut short" in cut.stderr
    # it goes on where the backup was made
    with up(new) as live:
        assert live.github("pull_request", pull_request(50)).status == 202
        eventually(lambda: live.value("SELECT count() FROM changes FINAL") == 51, "no change")
