"""Imports that are interrupted at any moment: the same command goes on, and ends in the same rows."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from pipeline.cli.exits import Exit
from pipeline.sources.cloudevents import render
from tests.cli.test_imports import world
from tests.live.process import ROOT, command

pytestmark = pytest.mark.slow

#: a day each, up to now
CHANGES = 1_000
#: of an undisturbed run: reading, appending and correlating all lie within
INTERRUPTED_WITHIN_SECONDS = 4.0
COMMAND_SECONDS_MAX = 120
TABLES = ("changes", "deployments", "deployment_changes", "artifacts", "services")


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AFTERMERGE_")}
    return kept | {"AFTERMERGE_BATCH_ROWS": "300"}


def start(data: Path, *arguments: str | Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command("--data", data, *arguments),
        env=environment(),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def said(data: Path, *arguments: str | Path) -> bytes:
    process = start(data, *arguments)
    out, err = process.communicate(timeout=COMMAND_SECONDS_MAX)
    assert process.returncode == Exit.OK, err
    return out


def held(data: Path) -> object:
    """Count and fingerprint of the rows that hold, by table."""
    parts = (
        f"SELECT '{table}' AS name, count() AS n,"
        f" groupBitXor(sipHash64(toString(tuple(* EXCEPT version)))) AS x FROM {table} FINAL"
        for table in TABLES
    )
    return json.loads(
        said(data, "sql", "--format", "json", f"SELECT * FROM ({' UNION ALL '.join(parts)}) ORDER BY name")
    )


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill"])
def test_an_import_goes_on_where_it_was(tmp_path: Path, how: signal.Signals) -> None:
    file, chance = tmp_path / "in.jsonl", random.Random(7)
    file.write_bytes(b"".join(render(event, "default") + b"\n" for event in world(CHANGES)))
    said(tmp_path / "undisturbed", "replay", file)
    interrupted = 0
    for _ in range(5):
        process = start(tmp_path / "data", "replay", file)
        time.sleep(chance.uniform(0.5, INTERRUPTED_WITHIN_SECONDS))
        process.send_signal(how)
        _, err = process.communicate(timeout=COMMAND_SECONDS_MAX)
        # -how: killed, or interrupted while Python itself was still starting
        assert process.returncode in (Exit.OK, Exit.INTERRUPTED, -how), err
        interrupted += process.returncode != Exit.OK
    assert interrupted > 0
    said(tmp_path / "data", "replay", file)
    assert held(tmp_path / "data") == held(tmp_path / "undisturbed")
