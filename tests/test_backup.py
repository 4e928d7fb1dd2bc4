"""A backup holds what can't be computed anew, and a directory made of it says the same as before."""

from __future__ import annotations

import io
import json
import stat
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pipeline.backup import ARCHIVE_FORMAT, MANIFEST, PARTS, BackupUnusable, Manifest, back_up, restore
from pipeline.log.protocol import NewRecord
from pipeline.log.sqlite import SqliteLog
from pipeline.log.sqlite.upkeep import FORMAT
from pipeline.persons import KEY_FILE, open_persons
from pipeline.state import State
from tests.places import ACME, OTHER, Place, history
from tests.runs import PARAMETERS

DISTINCT = b"kept-as-it-came-0123456789"


@pytest.fixture
def place(tmp_path: Path, dsn: str) -> Iterator[Place]:
    (tmp_path / "data").mkdir()
    open_persons(tmp_path / "data")
    with Place(tmp_path / "data", dsn) as opened:
        opened.append(history())
        opened.append(history(("web",)), OTHER)
        opened.correlate()
        opened.log.append("received", 0, [NewRecord(b"acme", DISTINCT)])
        yield opened


def made(place: Place, target: Path, **told: Any) -> Manifest:
    return back_up(place.log, target, version="1.2.3", **told)


def restored(backup: Path, directory: Path) -> Manifest:
    directory.mkdir(exist_ok=True)
    return restore(backup, directory, PARAMETERS)


@pytest.mark.parametrize("name", ["backup.tar", "backup"])
def test_rows_before_are_rows_after(place: Place, tmp_path: Path, dsn: str, name: str) -> None:
    expected = {workspace: place.held(workspace) for workspace in (ACME, OTHER)}
    epochs = {workspace: State(place.log).epoch(workspace).number for workspace in (ACME, OTHER)}
    manifest = made(place, tmp_path / name)
    assert restored(tmp_path / name, tmp_path / "new") == manifest
    assert manifest.version == "1.2.3"
    assert (tmp_path / "new" / KEY_FILE).read_bytes() == (tmp_path / "data" / KEY_FILE).read_bytes()
    with Place(tmp_path / "new", dsn) as again:
        assert again.correlate().rebuilt
        assert {workspace: again.held(workspace) for workspace in (ACME, OTHER)} == expected
        for workspace, number in epochs.items():
            assert State(again.log).epoch(workspace).number > number
        assert [record.value for record in again.log.read("received", 0, 0, 9)] == [DISTINCT]
        assert again.correlate().rows == 0


def test_only_the_owner_reads_a_backup(place: Place, tmp_path: Path) -> None:
    made(place, tmp_path / "backup.tar")
    made(place, tmp_path / "backup")
    assert stat.S_IMODE((tmp_path / "backup.tar").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "backup").stat().st_mode) == 0o700
    for name in (MANIFEST, *PARTS):
        assert stat.S_IMODE((tmp_path / "backup" / name).stat().st_mode) == 0o600
    restored(tmp_path / "backup.tar", tmp_path / "new")
    for name in PARTS:
        assert stat.S_IMODE((tmp_path / "new" / name).stat().st_mode) == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup", "backup.tar", "data", "new"]


def test_deliveries_may_stay_out(place: Place, tmp_path: Path) -> None:
    made(place, tmp_path / "whole.tar")
    assert DISTINCT in (tmp_path / "whole.tar").read_bytes()
    assert not made(place, tmp_path / "backup.tar", deliveries=False).deliveries
    assert DISTINCT not in (tmp_path / "backup.tar").read_bytes()
    restored(tmp_path / "backup.tar", tmp_path / "new")
    with closing(SqliteLog(tmp_path / "new" / "log.sqlite")) as log:
        assert log.begin("received", 0) == log.end("received", 0) == 1, "the next one gets the next offset"
        assert log.append("received", 0, [NewRecord(b"acme", b"x")]) == 1


def test_a_backup_is_one_moment_of_a_log_that_is_written(place: Place, tmp_path: Path) -> None:
    """A batch is in it as a whole or not at all, with the offset that was committed with it."""
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            pair = [NewRecord(b"x", b"y" * 2_000)] * 2
            end = place.log.end("received", 0)
            place.log.commit("pairs", "received", 0, end + 2, appended=[("received", 0, pair)])

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            seen: list[str] = []
            made(
                place,
                tmp_path / f"{number}.tar",
                progress=lambda phase, done, total, seen=seen: seen.append(phase),
            )
            assert seen
    finally:
        stop.set()
        writer.join()
    for number in range(3):
        restored(tmp_path / f"{number}.tar", tmp_path / str(number))
        with closing(SqliteLog(tmp_path / str(number) / "log.sqlite")) as log:
            end = log.end("received", 0)
            assert end % 2 == 1
            assert log.committed("pairs", "received", 0) in (0, end)
            assert len(log.read("received", 0, 0, 1_000_000)) == end


def test_nothing_is_overwritten(place: Place, tmp_path: Path) -> None:
    made(place, tmp_path / "backup.tar")
    held = (tmp_path / "backup.tar").read_bytes()
    for target in (tmp_path / "backup.tar", tmp_path / "data"):
        with pytest.raises(BackupUnusable, match="is there already"):
            made(place, target)
    with pytest.raises(BackupUnusable, match=r"can't be written"):
        made(place, tmp_path / "nowhere" / "backup.tar")
    assert (tmp_path / "backup.tar").read_bytes() == held
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "precious").write_text("mine")
    with pytest.raises(BackupUnusable, match=r"not empty \(precious\)"):
        restored(tmp_path / "backup.tar", tmp_path / "new")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["precious"]


def test_a_restore_that_was_killed_begins_anew(place: Place, tmp_path: Path) -> None:
    made(place, tmp_path / "backup.tar")
    (tmp_path / "new" / ".restoring").mkdir(parents=True)
    (tmp_path / "new" / ".restoring" / "log.sqlite").write_text("half of it")
    (tmp_path / "new" / "lock").touch()
    restored(tmp_path / "backup.tar", tmp_path / "new")
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["lock", *sorted(PARTS)]


Members = list[tuple[str, bytes]]


def members(path: Path) -> Members:
    with tarfile.open(path) as tar:
        return [(member.name, (tar.extractfile(member) or io.BytesIO()).read()) for member in tar]


def packed(path: Path, told: Members, kind: bytes = tarfile.REGTYPE) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, content in told:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            if name not in (MANIFEST, *PARTS) and kind != tarfile.REGTYPE:
                member.type, member.linkname, member.size = kind, "/etc/passwd", 0
            tar.addfile(member, io.BytesIO(content))
    return path


def manifest_with(told: Members, **changed: Any) -> Members:
    (_, text), *others = told
    return [(MANIFEST, json.dumps(json.loads(text) | changed).encode()), *others]


def flipped(told: Members) -> Members:
    (name, content) = told[1]
    middle = len(content) // 2
    return [told[0], (name, content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]), told[2]]


ALTERED: dict[str, tuple[Callable[[Members], Members], str]] = {
    "a bit": (flipped, "log.sqlite is not what its manifest.json says"),
    "a longer part": (lambda told: [*told[:2], (KEY_FILE, told[2][1] + b"0")], "persons.key is not what"),
    "a shorter part": (lambda told: [*told[:2], (KEY_FILE, told[2][1][:-1])], "was cut short after 64 of 65"),
    "no manifest": (lambda told: told[1:], "does not begin with manifest.json"),
    "a manifest of nonsense": (lambda told: [(MANIFEST, b"{}"), *told[1:]], "can't be read"),
    "a part that is missing": (lambda told: told[:2], r"lacks persons.key"),
    "a part twice": (lambda told: [*told, told[2]], "it holds 'persons.key'"),
    "a stranger": (lambda told: [*told, ("notes.txt", b"x")], "it holds 'notes.txt'"),
    "a way out": (lambda told: [*told, ("../escaped", b"x")], r"it holds '\.\./escaped'"),
    "an absolute way out": (lambda told: [*told, ("/escaped", b"x")], "it holds '/escaped'"),
    "a later log": (
        lambda told: manifest_with(told, log_format=FORMAT + 1, version="9.9"),
        "made by aftermerge 9.9",
    ),
    "a later archive": (lambda told: manifest_with(told, format=ARCHIVE_FORMAT + 1), "or a newer one"),
    "other parts": (lambda told: manifest_with(told, parts={}), "tells of other files"),
}


@pytest.mark.parametrize("how", ALTERED)
def test_what_was_altered_is_refused(place: Place, tmp_path: Path, how: str) -> None:
    alter, said = ALTERED[how]
    made(place, tmp_path / "backup.tar")
    altered = packed(tmp_path / "altered.tar", alter(members(tmp_path / "backup.tar")))
    (tmp_path / "in").mkdir()
    with pytest.raises(BackupUnusable, match=said):
        restored(altered, tmp_path / "in" / "new")
    assert list((tmp_path / "in" / "new").iterdir()) == []
    assert list((tmp_path / "in").iterdir()) == [tmp_path / "in" / "new"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.CHRTYPE])
def test_what_is_no_file_is_refused(place: Place, tmp_path: Path, kind: bytes) -> None:
    made(place, tmp_path / "backup.tar")
    told = members(tmp_path / "backup.tar")
    altered = packed(tmp_path / "altered.tar", [told[0], ("link", b""), *told[1:]], kind)
    with pytest.raises(BackupUnusable, match=r"holds 'link'|'link' is no file"):
        restored(altered, tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []


def test_what_was_cut_short_or_is_no_archive_is_refused(place: Place, tmp_path: Path) -> None:
    made(place, tmp_path / "backup.tar")
    whole = (tmp_path / "backup.tar").read_bytes()
    used = sum(512 + -(-len(content) // 512) * 512 for _, content in members(tmp_path / "backup.tar"))
    for size in (0, 100, 512, 1_000, 5_000, len(whole) // 2, used - 600, used - 512):
        (tmp_path / "cut.tar").write_bytes(whole[:size])
        with pytest.raises(BackupUnusable, match=r"cut short|no backup|lacks"):
            restored(tmp_path / "cut.tar", tmp_path / "new")
        assert list((tmp_path / "new").iterdir()) == []
    (tmp_path / "empty").mkdir()
    for foreign in (tmp_path / "data" / "log.sqlite", Path(__file__), tmp_path / "empty", tmp_path / "none"):
        with pytest.raises(BackupUnusable, match=foreign.name):
            restored(foreign, tmp_path / "new")
