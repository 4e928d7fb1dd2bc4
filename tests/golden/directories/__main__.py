"""Makes a golden data directory: what the version in the working directory leaves behind.

Run it in a checkout of that version, as ``python PATH/TO/tests/golden/directories/__main__.py TARGET
[RECORD.bin ...]``. It replays ``history.jsonl.gz`` (beside this file), appends the records of the files as
they are (of types that this version does not know: it parks them), and writes into TARGET the log, the key
and a manifest with what the tables say. Whatever comes later has to open that directory and say the same.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

HISTORY = Path(__file__).with_name("history.jsonl.gz")
#: what must not change, whatever the model makes of it
ASKED = {
    "changes": "SELECT change, sha FROM changes FINAL ORDER BY change",
    "deployments": "SELECT deployment, service, tag, outcome FROM deployments FINAL ORDER BY deployment",
    "incidents": "SELECT incident, service, toString(opened_at) AS opened_at FROM incidents FINAL"
    " ORDER BY incident",
    "events": "SELECT record, count() AS events FROM events FINAL GROUP BY record ORDER BY record",
}
APPENDING = """
import sys
from pathlib import Path
from pipeline.log.protocol import NewRecord
from pipeline.log.sqlite import SqliteLog
log = SqliteLog(Path(sys.argv[1]) / "log.sqlite")
log.append("events", 0, [NewRecord(b"default", Path(name).read_bytes()) for name in sys.argv[2:]])
log.close()
"""


def main(target: Path, records: list[str]) -> None:
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        data = Path(name) / "data"
        _run("-m", "pipeline.cli", "--data", data, "replay", HISTORY)
        if records:
            _run("-c", APPENDING, data, *records)
            _run("-m", "pipeline.cli", "--data", data, "replay", HISTORY)
        told = {what: _asked(data, query) for what, query in ASKED.items()}
        version = _run("-m", "pipeline.cli", "--version").split()[-1]
        (target / "log.sqlite.gz").write_bytes(gzip.compress((data / "log.sqlite").read_bytes(), mtime=0))
        shutil.copy(data / "persons.key", target / "persons.key")
    manifest = {"version": version, "parked": len(records), "tables": told}
    (target / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def _asked(data: Path, query: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        _run("-m", "pipeline.cli", "--data", data, "sql", "--format", "json", query)
    )
    return found


def _run(*arguments: str | Path) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AFTERMERGE_")}
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        env=environment | {"PYTHONPATH": str(Path.cwd())},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
