"""A mended parser of the product itself reads again what its former release has read.

The mended release is a copy of the package with a few lines edited, run as a process of its own: nothing
in it is replaced while it runs. Both releases take turns with one data directory.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pipeline.cli.exits import Exit
from pipeline.sources.github import PARSER_VERSION
from tests.live.deliveries import BEGUN, instant, pull_request
from tests.live.process import (
    ROOT,
    WAIT_SECONDS_MAX,
    Up,
    command,
    environment,
    eventually,
    run,
    up,
)

pytestmark = [pytest.mark.slow, pytest.mark.long]

DELIVERIES = 6
AGAIN = ("renormalize", "--source", "github", "--format", "json")
#: what the mended release has in place of what stands there
EDITS = {
    "pipeline/sources/github/heard.py": (
        f"PARSER_VERSION = {PARSER_VERSION}\n",
        f"PARSER_VERSION = {PARSER_VERSION + 1}\n",
    ),
    "pipeline/sources/github/changes.py": (
        'request.title or "",',
        '" ".join((request.title or "").split()),',
    ),
}
#: in one statement, since each command is a process: the rows that hold, how many were ever written, and
#: every telling of every event
SEEN = """
SELECT
    (SELECT groupArray((change, title, state)) FROM (SELECT * FROM changes FINAL ORDER BY change)) AS rows,
    (SELECT groupArray((change, version)) FROM (SELECT * FROM changes ORDER BY change, version)) AS written,
    (
        SELECT groupArray((id, parser_version, title)) FROM (
            SELECT id, parser_version, title FROM events_change_opened FINAL
            UNION ALL SELECT id, parser_version, title FROM events_change_merged FINAL
            ORDER BY ALL
        )
    ) AS tellings
"""


class Seen(NamedTuple):
    """What the tables say."""

    rows: list[list[Any]]
    written: list[list[Any]]
    tellings: list[list[Any]]


def mended(tmp_path: Path) -> Path:
    """A checkout of the mended release."""
    checkout = tmp_path / "mended"
    shutil.copytree(ROOT / "pipeline", checkout / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("schemas", "sql", "examples"):
        (checkout / name).symlink_to(ROOT / name)
    for name, (former, now) in EDITS.items():
        text = (checkout / name).read_text(encoding="utf-8")
        assert text.count(former) == 1, f"{name} no longer holds {former!r}"
        (checkout / name).write_text(text.replace(former, now), encoding="utf-8")
    return checkout


def run_there(checkout: Path, data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*command(*arguments), "--data", str(data)],
        cwd=checkout,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS_MAX,
        check=False,
    )


@contextmanager
def up_there(checkout: Path, data: Path) -> Iterator[Up]:
    """`aftermerge up` of the other checkout."""
    said = checkout / "stderr"
    listening = ["--listen", "127.0.0.1:0", "--clickhouse-listen", "127.0.0.1:0"]
    with said.open("wb") as stderr:
        process = subprocess.Popen(
            command("up", "--data", data, *listening),
            cwd=checkout,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
    live = Up(process, data, said)
    try:
        live.wait_until_ready()
        yield live
        live.stop()
    finally:
        live.kill()


def title(number: int) -> str:
    return f"  Change   {number} "


def delivery(number: int) -> dict[str, Any]:
    """Every other one is merged, the others were opened."""
    if number % 2:
        return pull_request(number, title=title(number))
    merged_at = instant(BEGUN + 60 * number)
    return pull_request(
        number,
        "closed",
        title=title(number),
        state="closed",
        merged=True,
        merged_at=merged_at,
        closed_at=merged_at,
        updated_at=merged_at,
    )


def counted(done: subprocess.CompletedProcess[str]) -> dict[str, int]:
    assert done.returncode == Exit.OK, done.stderr
    return {row["what"]: row["value"] for row in json.loads(done.stdout)}


def seen(rows: list[list[Any]]) -> Seen:
    (row,) = rows
    held, written, tellings = row
    return Seen(held, written, sorted(tellings))


def seen_alone(data: Path) -> Seen:
    """What the tables say while nobody holds the directory."""
    done = run(data, "sql", "--format", "json", SEEN)
    assert done.returncode == Exit.OK, done.stderr
    return seen([list(row.values()) for row in json.loads(done.stdout)])


def squeezed(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("beside", [True, False])
def test_a_higher_version_of_a_parser_restates_what_the_former_told(tmp_path: Path, beside: bool) -> None:
    data, checkout = tmp_path / "data", mended(tmp_path)
    with up(data) as live:
        for number in range(DELIVERIES):
            assert live.github("pull_request", delivery(number)).status == 202
        eventually(lambda: live.value("SELECT count() FROM changes FINAL") == DELIVERIES, "no changes")
        told = seen(live.rows(SEEN))
    assert [text for _, text, _ in told.rows] == [title(number) for number in range(DELIVERIES)]
    assert {version for _, version, _ in told.tellings} == {PARSER_VERSION}
    if beside:
        with up_there(checkout, data) as live:
            restates(checkout, data, told, lambda: seen(live.rows(SEEN)))
        return
    now = restates(checkout, data, told, lambda: seen_alone(data))
    # the former release again: what it tells comes too late
    late = counted(run(data, *AGAIN))
    assert (late["events appended"], late["events already known"]) == (0, DELIVERIES)
    assert seen_alone(data) == now


def restates(checkout: Path, data: Path, told: Seen, look: Callable[[], Seen]) -> Seen:
    first = counted(run_there(checkout, data, *AGAIN))
    assert (first["deliveries"], first["events appended"]) == (DELIVERIES, DELIVERIES)
    assert (first["events already known"], first["dead letters"]) == (0, 0)
    now = look()
    assert now.rows == [[change, squeezed(text), state] for change, text, state in told.rows]
    # the former tellings are kept; the same ids were told once more, with the higher version
    again = [[id_, PARSER_VERSION + 1, squeezed(text)] for id_, _, text in told.tellings]
    assert now.tellings == sorted(told.tellings + again)
    second = counted(run_there(checkout, data, *AGAIN))
    assert (second["events appended"], second["events already known"]) == (0, DELIVERIES)
    assert look() == now
    return now
