"""`aftermerge views`: what is computed ahead is shown, chosen and taken back; imports leave it up to date."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.cli.exits import Exit
from tests.cli.test_imports import run, world, written

MERGED = "SELECT sum(merged) AS n FROM lead_time"


def rows(data: Path, *arguments: str) -> list[dict[str, Any]]:
    done = run(data, *arguments, "--format", "json")
    assert done.exit_code == Exit.OK, done.output
    return json.loads(done.stdout)  # type: ignore[no-any-return]


@pytest.mark.slow
def test_views_are_computed_ahead_and_again_with_every_import(tmp_path: Path) -> None:
    data, told = tmp_path / "data", world()
    half = len(told) // 2
    assert run(data, "replay", written(tmp_path / "first.jsonl", told[:half])).exit_code == Exit.OK
    shown = rows(data, "views")
    assert {row["ahead"] for row in shown} == {0}
    assert "lead_time" in {row["view"] for row in shown}
    ahead = {row["view"] for row in rows(data, "views", "--every", "24h") if row["ahead"]}
    assert {"lead_time", "time_to_merge"} <= ahead
    (before,) = rows(data, "sql", MERGED)
    assert run(data, "replay", written(tmp_path / "second.jsonl", told[half:])).exit_code == Exit.OK
    # the import computed them
    (after,) = rows(data, "sql", MERGED)
    (asked,) = rows(data, "sql", MERGED + "_now")
    assert after == asked
    assert after["n"] > before["n"]
    assert run(data, "rebuild").exit_code == Exit.OK
    assert rows(data, "sql", MERGED) == [after]
    assert {row["problem"] for row in rows(data, "views", "--refresh")} == {""}
    assert {row["ahead"] for row in rows(data, "views", "--when-asked")} == {0}
    assert rows(data, "sql", MERGED) == [after]


def test_what_is_wrong_is_told(tmp_path: Path) -> None:
    data = tmp_path / "data"
    assert run(data, "replay", written(tmp_path / "in.jsonl", world(1))).exit_code == Exit.OK
    for arguments, told in (
        (["--every", "soon"], "'soon': write minutes or hours, such as 30m or 2h"),
        (["--every", "0m"], "0 minutes: 1 to 44,640 are meant"),
        (["--every", "745h"], "44700 minutes: 1 to 44,640 are meant"),
        (["--every", "5m", "--when-asked"], "exclude each other"),
        (["--refresh"], "no view is computed ahead"),
    ):
        done = run(data, "views", *arguments)
        assert done.exit_code == Exit.USAGE, arguments
        assert told in done.stderr, arguments
    assert run(tmp_path / "nowhere", "views").exit_code == Exit.NOTHING
