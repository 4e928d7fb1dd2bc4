"""docker-compose.yml as Docker Compose reads it, with passwords that compose/generate-env made."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE_FILE = ROOT / "docker-compose.yml"
GO_SOURCE = Path(__file__).with_name("compose_go")
GO_SECONDS_MAX = 600
RUN_SECONDS_MAX = 60

#: what a compose file, a service in it or a manifest is made of
Tree = dict[str, Any]


def generated(directory: Path) -> dict[str, str]:
    """The variables of a fresh .env file in a directory."""
    path = directory / ".env"
    subprocess.run(
        [ROOT / "compose/generate-env", path], check=True, capture_output=True, timeout=RUN_SECONDS_MAX
    )
    return read(path)


def read(path: Path) -> dict[str, str]:
    """The variables of a .env file."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and line[0] != "#"]
    return {name: value for name, _, value in (line.partition("=") for line in lines)}


def plain() -> Tree:
    """The file as YAML: variables are not filled in."""
    tree: Tree = yaml.safe_load(COMPOSE_FILE.read_text(encoding="utf-8"))
    return tree


def filled(environment: Mapping[str, str]) -> Tree:
    """The file with the variables of this environment and of no other; ``ValueError`` says what is wrong."""
    ran = subprocess.run(
        [_program(), str(COMPOSE_FILE)],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS_MAX,
        check=False,
    )
    if ran.returncode:
        raise ValueError(ran.stderr)
    tree: Tree = json.loads(ran.stdout)
    return tree


@cache
def _program() -> str:
    """The loader of Docker Compose as a small program, built outside this tree."""
    if shutil.which("go") is None:
        missing = "there is no Go here, of which the loader of Docker Compose is made"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    cache_home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aftermerge-tests"
    cache_home.mkdir(parents=True, exist_ok=True)
    program = cache_home / "compose_go"
    # -mod=readonly: nothing but what go.sum names
    built = subprocess.run(
        ["go", "build", "-mod=readonly", "-o", str(program), "."],
        cwd=GO_SOURCE,
        capture_output=True,
        text=True,
        timeout=GO_SECONDS_MAX,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return str(program)


def settings_known() -> frozenset[str]:
    """Every AFTERMERGE_ variable that docs/settings.md describes, which another test checks."""
    lines = (ROOT / "docs/settings.md").read_text(encoding="utf-8").splitlines()
    return frozenset(line[4:-1] for line in lines if line.startswith("## `AFTERMERGE_"))
