"""The file of a log: copied while it is written, measured, and erased so that no byte is left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pipeline.log.protocol import LogUnavailable, NewRecord, Record
from pipeline.log.sqlite import SqliteLog
from pipeline.log.sqlite.packed import MERGED_RECORDS_MIN
from pipeline.log.sqlite.upkeep import COUNTED_RECORDS_MAX, SEARCHED_BYTES, LogUpkeep, occurrences

SECRET = b"grace-hopper-1906"


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteLog]:
    with closing(SqliteLog(tmp_path / "log.sqlite")) as log:
        log.create_topic("plain")
        log.create_topic("other")
        log.create_topic("packed", compacted=True)
        yield log


def found(directory: Path, text: bytes = SECRET) -> list[str]:
    return [path.name for path in directory.iterdir() if text in path.read_bytes().lower()]


def without_secret(record: Record) -> bytes | None:
    return b"" if SECRET in record.value.lower() else None


def test_what_is_rewritten_and_scrubbed_is_in_no_file(log: SqliteLog, tmp_path: Path) -> None:
    filler = [NewRecord(b"k", b"x" * 3_000)]
    for number in range(120):
        log.append("plain", 0, filler)
        log.append("plain", 0, [NewRecord(b"k", b"a %s b" % SECRET.upper() * (1 + number * 40))])
        log.append("other", 0, filler)
    assert found(tmp_path)
    upkeep = LogUpkeep(log)
    assert upkeep.rewrite("plain", without_secret) == 120
    assert upkeep.scrub([SECRET]) == 0
    assert found(tmp_path) == []
    kept = log.read("plain", 0, 0, 1_000)
    assert [record.value for record in kept] == [b"x" * 3_000, b""] * 120
    assert len(log.read("other", 0, 0, 1_000)) == 120
    assert log.append("plain", 0, filler) == 240


def test_what_was_overwritten_in_a_compacted_topic_goes_too(log: SqliteLog, tmp_path: Path) -> None:
    log.append("packed", 0, [NewRecord(b"one", SECRET), NewRecord(b"two", b"2")])
    log.append("packed", 0, [NewRecord(b"one", b"1")])
    upkeep = LogUpkeep(log)
    assert log.latest("packed", 0) == {b"one": b"1", b"two": b"2"}
    assert upkeep.scrub([SECRET]) > 0, "a record of it is still there"
    assert upkeep.rewrite("packed", without_secret) == 1
    assert upkeep.scrub([SECRET]) == 0
    assert found(tmp_path) == []
    assert log.latest("packed", 0) == {b"one": b"1", b"two": b"2"}


def test_a_merge_of_a_compacted_topic_leaves_nothing_that_can_not_be_scrubbed(
    log: SqliteLog, tmp_path: Path
) -> None:
    log.append("packed", 0, [NewRecord(b"%d" % number, SECRET) for number in range(MERGED_RECORDS_MIN // 2)])
    log.append("packed", 0, [NewRecord(b"%d" % number, b"-") for number in range(MERGED_RECORDS_MIN // 2)])
    assert SECRET not in b"".join(log.latest("packed", 0).values())
    assert LogUpkeep(log).scrub([SECRET]) == 0
    assert found(tmp_path) == []


def test_what_is_trimmed_is_overwritten(log: SqliteLog, tmp_path: Path) -> None:
    for _ in range(50):
        log.append("plain", 0, [NewRecord(b"k", SECRET * 500)])
    assert log.trim("plain", 0, 50) == 50
    assert LogUpkeep(log).scrub([SECRET]) == 0
    assert found(tmp_path) == []


def test_a_file_that_holds_it_nowhere_is_not_written_anew(log: SqliteLog, tmp_path: Path) -> None:
    log.append("plain", 0, [NewRecord(b"k", b"x" * 100_000)] * 10)
    log.trim("plain", 0, 9)
    upkeep = LogUpkeep(log)
    upkeep.scrub([SECRET])
    size = (tmp_path / "log.sqlite").stat().st_size
    assert upkeep.scrub([SECRET]) == 0
    assert (tmp_path / "log.sqlite").stat().st_size == size > 900_000
    upkeep.scrub([SECRET], anew=True)
    assert (tmp_path / "log.sqlite").stat().st_size < size / 2


def test_scrubbing_waits_for_nobody_who_reads_for_long(log: SqliteLog, tmp_path: Path) -> None:
    import sqlite3

    log.append("plain", 0, [NewRecord(b"k", SECRET)])
    with closing(sqlite3.connect(tmp_path / "log.sqlite", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM plain").fetchall()
        log.append("plain", 0, [NewRecord(b"k", b"x")])
        with pytest.raises(LogUnavailable, match="run the same command again"):
            LogUpkeep(log).scrub([SECRET])
    assert LogUpkeep(log).scrub([SECRET]) > 0


def test_how_much_a_topic_holds(log: SqliteLog) -> None:
    upkeep = LogUpkeep(log)
    assert upkeep.usage("plain") == (0, 0)
    log.append("plain", 0, [NewRecord(b"key", b"x" * 97)] * 1_000)
    assert upkeep.usage("plain") == (1_000, 100_000)
    log.trim("plain", 0, 400)
    assert upkeep.usage("plain") == (600, 60_000)
    log.append("other", 0, [NewRecord(b"key", b"x" * 97)] * (COUNTED_RECORDS_MAX + 10_000))
    records, size_bytes = upkeep.usage("other")
    assert records == COUNTED_RECORDS_MAX + 10_000
    assert size_bytes == pytest.approx(100 * records, rel=0.05)
    log.append("packed", 0, [NewRecord(b"key", b"x" * 97)])
    records, size_bytes = upkeep.usage("packed")
    assert records == 1
    assert 100 < size_bytes < 130


@pytest.mark.parametrize(
    "before", [0, SEARCHED_BYTES - 5, SEARCHED_BYTES - 1, SEARCHED_BYTES, 3 * SEARCHED_BYTES]
)
def test_a_text_is_found_wherever_it_stands_and_once(tmp_path: Path, before: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"\0" * before + SECRET.upper() + b"\0" * 10)
    with path.open("rb") as file:
        assert occurrences(file.fileno(), SECRET) == 1
        assert occurrences(file.fileno(), b"g") == 1
        assert occurrences(file.fileno(), b"nobody") == 0


def test_a_copy_that_fails_leaves_nothing(log: SqliteLog, tmp_path: Path) -> None:
    log.append("plain", 0, [NewRecord(b"k", b"x" * 100_000)] * 300)

    def stop(phase: str, done: int, total: int | None) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        LogUpkeep(log).copy_to(tmp_path / "copy", progress=stop)
    assert not (tmp_path / "copy").exists()
    LogUpkeep(log).copy_to(tmp_path / "copy")
    with pytest.raises(FileExistsError):
        LogUpkeep(log).copy_to(tmp_path / "copy")
    assert (tmp_path / "copy").exists(), "somebody else's file stays"
    with closing(SqliteLog(tmp_path / "copy")) as copy:
        assert copy.read("plain", 0, 0, 1_000) == log.read("plain", 0, 0, 1_000)
