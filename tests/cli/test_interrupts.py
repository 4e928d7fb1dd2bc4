"""Imports that are interrupted at any moment: the same command goes on, and ends in the same rows."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import time
from itertools import islice
from pathlib import Path

import pytest

from pipeline.cli.exits import Exit
from pipeline.core.facts import TABLES
from pipeline.resources import examples
from tests.live.process import ROOT, command

pytestmark = [pytest.mark.slow, pytest.mark.long]

#: of the shipped history: enough for incidents with a known culprit
LINES = 6_000
#: of an undisturbed run: reading, appending, setting the truths aside and correlating all lie within
INTERRUPTED_WITHIN_SECONDS = 6.0
INTERRUPTIONS = 5
COMMAND_SECONDS_MAX = 120


def environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AFTERMERGE_")}
    # the same persons in each directory
    return kept | {"AFTERMERGE_BATCH_ROWS": "300", "AFTERMERGE_PERSON_KEY": "5f" * 32}


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


def held(data: Path) -> tuple[dict[str, list[int]], object]:
    """Count and fingerprint of the rows that hold, by table; and what `evaluate` says."""
    parts = (
        f"SELECT '{table}' AS name, count() AS n,"
        f" groupBitXor(sipHash64(toString(tuple(* EXCEPT version)))) AS x FROM {table} FINAL"
        for table in TABLES
    )
    rows = json.loads(
        said(data, "sql", "--format", "json", f"SELECT * FROM ({' UNION ALL '.join(parts)}) ORDER BY name")
    )
    judged = json.loads(said(data, "evaluate", "--format", "json"))
    return {row["name"]: [row["n"], row["x"]] for row in rows}, judged


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "kill"])
def test_an_import_goes_on_where_it_was(tmp_path: Path, how: signal.Signals) -> None:
    file, chance = tmp_path / "history.jsonl", random.Random(7)
    (shipped,) = examples().glob("*.jsonl.gz")
    with gzip.open(shipped, "rb") as lines:
        file.write_bytes(b"".join(islice(lines, LINES)))
    said(tmp_path / "undisturbed", "import", "history", file)
    interrupted = 0
    for _ in range(INTERRUPTIONS):
        process = start(tmp_path / "data", "import", "history", file)
        time.sleep(chance.uniform(0.5, INTERRUPTED_WITHIN_SECONDS))
        process.send_signal(how)
        _, err = process.communicate(timeout=COMMAND_SECONDS_MAX)
        # -how: killed, or interrupted while Python itself was still starting
        assert process.returncode in (Exit.OK, Exit.INTERRUPTED, -how), err
        interrupted += process.returncode != Exit.OK
    assert interrupted > 0
    said(tmp_path / "data", "import", "history", file)
    rows, judged = held(tmp_path / "undisturbed")
    assert (rows, judged) == held(tmp_path / "data")
    assert all(rows[table][0] for table in ("changes", "deployment_changes", "incidents", "attributions"))
    assert judged
