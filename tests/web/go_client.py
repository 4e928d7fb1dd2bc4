"""The small program around clickhouse-go, which Grafana's data source is made of."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

GO_SECONDS_MAX = 600
GO_SOURCE = Path(__file__).with_name("clickhouse_go")
#: a query is cancelled after so long: in most tests never
QUERY_SECONDS_MAX = 120


def built() -> str:
    """The program, built where Go keeps what it builds: outside this tree."""
    if shutil.which("go") is None:
        if os.environ.get("CI"):
            pytest.fail("there is no Go here, and CI has to have it")
        pytest.skip("there is no Go here: clickhouse-go is tested where it is")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aftermerge-tests"
    cache.mkdir(parents=True, exist_ok=True)
    program = cache / "clickhouse_go"
    # -mod=readonly: nothing but what go.sum names. Beside the one that another process may be running
    beside = program.with_suffix(f".{os.getpid()}")
    made = subprocess.run(
        ["go", "build", "-mod=readonly", "-o", str(beside), "."],
        cwd=GO_SOURCE,
        capture_output=True,
        text=True,
        timeout=GO_SECONDS_MAX,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    beside.replace(program)
    return str(program)


def read(
    program: str,
    address: str,
    statements: Sequence[str],
    *,
    database: str = "aftermerge",
    token: str = "",
    compression: str = "lz4",
    seconds: float = QUERY_SECONDS_MAX,
) -> list[dict[str, Any]]:
    """What the driver reads, an answer for each statement."""
    ran = subprocess.run(
        [program, address, database, token, compression, str(seconds), *statements],
        capture_output=True,
        text=True,
        timeout=GO_SECONDS_MAX,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return [json.loads(line) for line in ran.stdout.splitlines()]
