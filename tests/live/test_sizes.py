"""How much room everything takes is told: by the process that runs, and by `doctor`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.live.process import SECRET, run, up

pytestmark = pytest.mark.slow

GROWN_BYTES_MAX = 1_000_000
SIZES = ("log_bytes", "store_bytes", "disk_free_bytes")


def test_sizes_are_told(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with up(data, secret_github=SECRET) as live:
        text = live.ask("/metrics").body.decode()
        told = {
            name: float(found[1])
            for name in SIZES
            if (found := re.search(rf"^aftermerge_{name} (\S+)$", text, re.M)) is not None
        }
        said = json.loads(run(data, "doctor", "--format", "json").stdout)
        held = sum(path.stat().st_size for path in data.glob("log.sqlite*"))
    assert told.keys() == set(SIZES)
    # it writes on meanwhile
    assert 0 < told["log_bytes"] <= held + GROWN_BYTES_MAX
    assert 0 < told["store_bytes"] < told["disk_free_bytes"]
    rows = {row["what"]: row["value"] for row in said if row["section"] == "data"}
    for what in ("size of log", "size of embedded store", "disk free"):
        assert re.fullmatch(r"[1-9][\d.,]* [KMGT]?B", rows[what]), rows
