"""``doctor`` says what is missing and how to get it, and all the rest of what it knows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import NamedTuple

import pytest

from pipeline.cli.doctor import DISTRIBUTIONS, GIT_VERSION_MIN
from pipeline.cli.exits import Exit

ROOT = Path(__file__).resolve().parents[2]
SITE = Path(sysconfig.get_path("purelib"))
WAIT_SECONDS_MAX = 60


class Line(NamedTuple):
    """What it says of one thing."""

    value: str
    state: str
    advice: str


def doctor(data: Path, *python: str, **variables: str) -> tuple[int, dict[str, Line]]:
    """Exit code, and the lines about versions of a process with these variables."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AFTERMERGE_")}
    arguments = ["-m", "pipeline.cli", "--data", str(data), "doctor", "--format", "json"]
    done = subprocess.run(
        [sys.executable, *python, *arguments],
        cwd=ROOT,
        env=kept | variables,
        capture_output=True,
        text=True,
        timeout=WAIT_SECONDS_MAX,
        check=False,
    )
    assert done.stderr == ""
    told = json.loads(done.stdout)
    found = {row.pop("what"): row for row in told if row.pop("section") == "version"}
    return done.returncode, {what: Line(**row) for what, row in found.items()}


def found_as_git(place: Path, script: str) -> str:
    """A search path on which a program of this name does this and nothing else is."""
    place.mkdir()
    (place / "git").write_text(f"#!/bin/sh\n{script}\n")
    (place / "git").chmod(0o755)
    return str(place)


def test_without_git_it_says_where_to_get_it(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    code, lines = doctor(tmp_path / "data", PATH=str(tmp_path / "empty"))
    assert code == Exit.PARTLY
    get = "`import git` needs it: install git with the package manager of this system"
    assert lines.pop("git") == Line("missing", "problem", get)
    assert all(line.state == "ok" for line in lines.values()), "nothing else is missing"
    assert set(DISTRIBUTIONS) <= set(lines)


@pytest.mark.parametrize(
    ("script", "value", "advice"),
    [
        ("echo git version 2.29.3", "2.29.3", "`import git` needs 2.30 or newer"),
        ("exit 3", "doesn't run: ", "`import git` needs it: install git with the package manager"),
        (
            "echo I am another git",
            "doesn't run: ",
            "`import git` needs it: install git with the package manager",
        ),
    ],
)
def test_a_git_that_is_of_no_use_is_told(tmp_path: Path, script: str, value: str, advice: str) -> None:
    code, lines = doctor(tmp_path / "data", PATH=found_as_git(tmp_path / "bin", script))
    assert code == Exit.PARTLY
    assert lines["git"].state == "problem"
    assert lines["git"].value.startswith(value)
    assert lines["git"].advice.startswith(advice)


def test_the_oldest_git_that_will_do_is_fine(tmp_path: Path) -> None:
    oldest = ".".join(map(str, GIT_VERSION_MIN))
    code, lines = doctor(
        tmp_path / "data", PATH=found_as_git(tmp_path / "bin", f"echo git version {oldest}.0")
    )
    assert (code, lines["git"]) == (Exit.OK, Line(f"{oldest}.0", "ok", ""))


@pytest.mark.parametrize("missing", ["confluent-kafka", "pyruhvro"])
def test_a_part_that_is_not_installed_is_told(tmp_path: Path, missing: str) -> None:
    """An installation like this one, by links, in which one distribution is not."""
    installed = tmp_path / "installed"
    installed.mkdir()
    for path in SITE.iterdir():
        if not path.name.lower().startswith(missing.replace("-", "_")):
            (installed / path.name).symlink_to(path)
    # without `site`, this place is the only one beside the standard library and the checkout
    code, lines = doctor(tmp_path / "data", "-S", PYTHONPATH=str(installed))
    assert code == Exit.PARTLY
    assert lines.pop(missing) == Line("missing", "problem", "install aftermerge again")
    assert all(line.state == "ok" for line in lines.values()), "nothing else is missing"
