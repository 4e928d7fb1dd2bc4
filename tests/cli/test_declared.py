"""Declarations of services that contradict each other are taken in, and `doctor` says what to repair."""

from __future__ import annotations

import json
from pathlib import Path

from pipeline.cli import declared
from pipeline.cli.exits import Exit
from pipeline.core.events import Event
from pipeline.sources.cloudevents import render
from tests.live.process import run
from tests.worlds import declared as declaration
from tests.worlds import deployed


def told(data: Path, *events: Event) -> None:
    file = data.with_suffix(".jsonl")
    file.write_bytes(b"".join(render(event, "default") + b"\n" for event in events))
    assert run(data, "replay", str(file)).returncode == Exit.OK


def catalogue(data: Path) -> tuple[int, dict[str, str]]:
    """Exit code, and by service what is wrong with it."""
    said = run(data, "doctor", "--format", "json")
    found = [row for row in json.loads(said.stdout) if row["section"] == "catalogue"]
    # what nobody declared may never be; a circle can't be
    assert all(row["state"] == ("problem" if "itself" in row["value"] else "note") for row in found)
    assert all(row["advice"] for row in found)
    return said.returncode, {row["what"]: row["value"] for row in found}


def test_a_circle_is_told_with_the_way_round(tmp_path: Path) -> None:
    data = tmp_path / "data"
    told(
        data,
        declaration("web", depends_on=["api"]),
        declaration("api", depends_on=["db", "web"]),
        declaration("db", depends_on=["ghost"]),
        deployed("api", 1, tag="v1"),
    )
    assert catalogue(data) == (
        Exit.PARTLY,
        {
            "api": "depends on itself: api -> web -> api",
            "db": "depends on ghost, which nobody declared",
            "web": "depends on itself: web -> api -> web",
        },
    )


def test_what_fits_together_is_no_problem(tmp_path: Path) -> None:
    data = tmp_path / "data"
    told(data, declaration("web", depends_on=["api"]), declaration("api"), deployed("api", 1, tag="v1"))
    assert catalogue(data) == (Exit.OK, {})


def test_of_many_some_are_named(tmp_path: Path) -> None:
    data, count = tmp_path / "data", declared.SERVICES_SHOWN_MAX + 3
    told(data, *(declaration(f"s{number:02}", depends_on=["ghost"]) for number in range(count)))
    code, found = catalogue(data)
    assert code == Exit.OK
    assert len(found) == declared.SERVICES_SHOWN_MAX + 1
    assert found["other services"] == "3"
