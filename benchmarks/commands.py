"""A command of ``aftermerge`` as its users run it: in a process of its own, timed from start to end."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from benchmarks.passes import peak_bytes

LOOKED_AT_AFTER_SECONDS = 0.02


class Run(NamedTuple):
    """One run of a command."""

    seconds: float
    #: highest resident memory, the mapped files included: the code of the engine alone is 200 MB
    peak_bytes: int
    #: of it, the highest that was seen to be the process's own; 0 where the system does not tell (macOS)
    owned_bytes: int


def run(arguments: Sequence[str], **environment: str) -> Run:
    """Run ``aftermerge`` in a process of its own; what it prints is not shown unless it fails."""
    begun = time.perf_counter()
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.cli", *arguments],
            stdout=told, stderr=told, env={**os.environ, **environment},
        )  # fmt: skip
        owned = 0
        while True:
            owned = max(owned, _owned_bytes(process.pid))
            time.sleep(LOOKED_AT_AFTER_SECONDS)
            done, status, usage = os.wait4(process.pid, os.WNOHANG)
            if done:
                break
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            told.seek(0)
            raise SystemExit(told.read().decode(errors="replace"))
    return Run(time.perf_counter() - begun, peak_bytes(usage), owned)


def _owned_bytes(pid: int) -> int:
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) << 10
    return 0
