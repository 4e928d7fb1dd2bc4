"""What an earlier `aftermerge up` left behind is opened by this one: tables, deliveries, persons, letters."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.exits import Exit
from pipeline.persons import BLOCKED
from tests.live.deliveries import pull_request
from tests.live.golden_directory import (
    ARCHIVE,
    ASKED,
    BACKUP,
    BEGINNING,
    CAUSE,
    DIRECTORIES,
    GOLDEN,
    KEPT_DAYS,
    LOGIN,
    PERSONS,
    backup_of,
    left_by,
    manifest_of,
    persons,
    rows,
    unused,
)
from tests.live.process import Up, eventually, run, up

NAMES = sorted(path.name for path in DIRECTORIES.glob(f"{BEGINNING}*"))
LEFT = [name for name in NAMES if (DIRECTORIES / name / ARCHIVE).exists()]
BACKED_UP = [name for name in NAMES if (DIRECTORIES / name / BACKUP).exists()]
#: those that name no commit: the others are held to what is most likely to break, for the sake of time
RELEASES = [name for name in LEFT if name == f"{BEGINNING}{manifest_of(name)['version']}"]
BYTES_MAX = 200_000
README = GOLDEN / "README.md"
FORMAT = ("--format", "json")
LETTERS = ("dlq", "list", *FORMAT)
AGAIN = ("renormalize", "--source", "github", *FORMAT)
NEW = 501

each_left = pytest.mark.parametrize("name", LEFT)
each_release = pytest.mark.parametrize("name", RELEASES)


def settings(manifest: dict[str, Any], *, key: bool = True) -> dict[str, str]:
    held = {"received_days": KEPT_DAYS}
    return held | {"delivery_keys": manifest["delivery_key"]} if key else held


def by_login(number: int) -> dict[str, Any]:
    """A delivery of today, of the person whom the directory knows."""
    person = {"login": LOGIN.upper(), "id": 1, "type": "User"}
    return pull_request(number, user=person) | {"sender": person}


def told(data: Path, *arguments: str, **environment: str) -> dict[str, dict[str, Any]]:
    """The rows of a report, by what they are about."""
    done = run(data, *arguments, **environment)
    assert done.returncode in (Exit.OK, Exit.PARTLY), (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    return {row["what"]: row for row in json.loads(done.stdout)}


def letters(data: Path, **environment: str) -> list[list[str]]:
    done = run(data, *LETTERS, **environment)
    assert done.returncode == Exit.OK, done.stderr
    return sorted([row["place"], row["reason"]] for row in json.loads(done.stdout))


def naming(directory: Path) -> list[str]:
    """The files that name the person, in plain bytes."""
    return [
        str(path.relative_to(directory))
        for path in directory.rglob("*")
        if path.is_file() and LOGIN.lower().encode() in path.read_bytes().lower()
    ]


def kept(manifest: dict[str, Any], *sorts: str) -> int:
    return sum(sum(manifest[sort].values()) for sort in sorts)


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_says_what_made_it(name: str) -> None:
    manifest = manifest_of(name)
    released = f"{BEGINNING}{manifest['version']}"
    assert name in (released, f"{released}-{manifest.get('commit')}")
    assert name in LEFT + BACKED_UP
    assert sum(path.stat().st_size for path in (DIRECTORIES / name).iterdir()) < BYTES_MAX
    assert f"`{name}`" in README.read_text(encoding="utf-8")


@pytest.mark.slow
@each_left
def test_it_says_the_same_and_goes_on(name: str, tmp_path: Path) -> None:
    manifest = left_by(name, data := tmp_path / "data")
    then, token = manifest["rows"], token_of(manifest)
    ours = settings(manifest)
    with up(data, **ours) as live:
        assert rows(live) == then
        assert persons(live) == manifest.get(PERSONS, {})
        assert live.received() == kept(manifest, "plain", "sealed")
        assert letters(data, **ours) == then["dead_letters"]
        assert live.github("pull_request", by_login(NEW)).status == 202
        assert live.github("ping", {"zen": "Say it once more."}).status == 202
        assert live.github("pull_request", b'{"action": "opened", "numb').status == 202
        asked = f"SELECT author FROM changes FINAL WHERE change = 'acme/api#{NEW}'"
        eventually(lambda: live.rows(asked) == [[token]], "no new change of the same person")
        eventually(lambda: live.value("SELECT count() FROM dead_letters") == 3, "no new letter")
        goes_on(live, manifest)
    # and it is all there when another process opens it
    assert len(letters(data, **ours)) == len(then["dead_letters"]) + 1
    found = told(data, "doctor", *FORMAT, **ours)
    assert found["github"]["section"] == "unused"
    counted = sum(count for kind, count in manifest["unused"].items() if kind.startswith("github "))
    assert found["github"]["value"].startswith(f"{counted + 1:,} (")
    (reason,) = {reason for _, reason in then["dead_letters"]}
    assert found[reason]["value"].startswith(f"{len(then['dead_letters']) + 1} since ")


def goes_on(live: Up, manifest: dict[str, Any]) -> None:
    """What is new stands beside what was there."""
    now, then = rows(live), manifest["rows"]
    assert [row for row in now["changes"] if row not in then["changes"]] != []
    for what in ASKED.keys() - {"events"}:
        assert [row for row in now[what] if row in then[what]] == then[what], what
    assert unused(live) == manifest["unused"] | {"github ping": manifest["unused"]["github ping"] + 1}


def token_of(manifest: dict[str, Any]) -> str:
    """The person's token: what the author of the cause is called."""
    (token,) = (row[4] for row in manifest["rows"]["changes"] if row[0] == CAUSE)
    return str(token)


@pytest.mark.slow
@pytest.mark.long
@each_left
def test_its_deliveries_are_read_again(name: str, tmp_path: Path) -> None:
    """Those that lie open, and those that were sealed with a key."""
    manifest = left_by(name, data := tmp_path / "data")
    ours = settings(manifest)
    events = sum(count for record, count in manifest["rows"]["events"] if record != "verdict_given")
    by_others = kept(manifest, "plain", "sealed") - manifest["plain"]["github"] - manifest["sealed"]["github"]
    with up(data, **ours) as live:
        again = told(data, *AGAIN, **ours)
        assert again["deliveries"]["value"] == manifest["plain"]["github"] + manifest["sealed"]["github"]
        # a later parser may tell more, or tell it otherwise; none tells less
        read = again["events appended"]["value"] + again["events already known"]["value"]
        assert read >= events - by_others
        assert again["dead letters"]["value"] == len(manifest["rows"]["dead_letters"])
        assert again["deliveries without use"]["value"] == sum(manifest["unused"].values())
        assert rows(live) == manifest["rows"]
        # those who were written down nowhere are now
        assert persons(live).items() >= manifest.get(PERSONS, {}).items() | {(token_of(manifest), LOGIN)}
    assert letters(data, **ours) == manifest["rows"]["dead_letters"]


@pytest.mark.slow
@pytest.mark.long
@each_release
def test_without_its_key_forgetting_says_what_stays_closed(name: str, tmp_path: Path) -> None:
    manifest = left_by(name, data := tmp_path / "data")
    ours = settings(manifest, key=False)
    with up(data, **ours) as live:
        assert rows(live) == manifest["rows"]
        gone = told(data, "forget", LOGIN, *FORMAT, **ours)
        closed = gone["deliveries that can't be opened"]
        assert closed["value"] == kept(manifest, "sealed")
        assert "their key is not set" in closed["remark"]
    # what was left closed is erased as soon as the key is there
    erased = gone["deliveries erased"]["value"]
    more = told(data, "forget", LOGIN, *FORMAT, **settings(manifest))["deliveries erased"]["value"]
    assert 0 < more == manifest["naming"] - erased


@pytest.mark.slow
@pytest.mark.long
@each_release
def test_without_its_key_reading_again_says_what_stays_closed(name: str, tmp_path: Path) -> None:
    manifest = left_by(name, data := tmp_path / "data")
    ours = settings(manifest, key=False)
    tried = run(data, "dlq", "redrive", "--all", *FORMAT, **ours)
    (sealed,) = (row for row in json.loads(tried.stdout) if row["outcome"] == "left alone")
    assert "which is not among the keys that are set" in sealed["remark"]
    again = told(data, *AGAIN, **ours)
    assert again["deliveries"]["value"] == manifest["plain"]["github"]
    assert again["deliveries that can't be opened"]["value"] == kept(manifest, "sealed")


@pytest.mark.slow
@pytest.mark.long
@each_left
def test_a_person_in_it_is_forgotten(name: str, tmp_path: Path) -> None:
    manifest = left_by(name, data := tmp_path / "data")
    ours, token = settings(manifest), token_of(manifest)
    assert naming(data)
    with up(data, **ours) as live:
        gone = told(data, "forget", LOGIN.lower(), *FORMAT, **ours)
        assert gone["token"]["value"] == token
        # the first ones wrote down nowhere whose a token is
        assert (gone["token"]["remark"] == "") == (PERSONS in manifest)
        assert gone["deliveries erased"]["value"] == manifest["naming"]
        assert persons(live) == manifest.get(PERSONS, {}) | {token: BLOCKED.decode()}
        # what she did stays, by a token that nothing explains any more
        assert rows(live) == manifest["rows"]
        assert naming(data) == []
        assert live.github("pull_request", by_login(NEW)).status == 202
        asked = f"SELECT author FROM changes FINAL WHERE change = 'acme/api#{NEW}'"
        eventually(lambda: live.rows(asked) == [[token]], "no new change")
        assert persons(live)[token] == BLOCKED.decode()


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("name", BACKED_UP)
def test_its_backup_is_restored(name: str, tmp_path: Path) -> None:
    manifest = manifest_of(name)
    new = tmp_path / "new"
    ours = settings(manifest)
    restored = run(new, "restore", backup_of(name, tmp_path / "backup.tar"), **ours)
    assert restored.returncode == Exit.OK, restored.stderr
    with up(new, **ours) as live:
        assert rows(live) == manifest["rows"]
        assert persons(live) == manifest.get(PERSONS, {})
        assert live.received() == kept(manifest, "plain", "sealed")
