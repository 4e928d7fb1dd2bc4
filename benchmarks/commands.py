"""A command of ``aftermerge`` as its users run it: in a process of its own, timed from start to end."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.passes import peak_bytes


class Run(NamedTuple):
    """One run of a command."""

    seconds: float
    peak_bytes: int


def run(arguments: Sequence[str], **environment: str) -> Run:
    """Run ``aftermerge`` in a process of its own; what it prints is not shown unless it fails."""
    begun = time.perf_counter()
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline.cli", *arguments],
            stdout=told, stderr=told, env={**os.environ, **environment},
        )  # fmt: skip
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            told.seek(0)
            raise SystemExit(told.read().decode(errors="replace"))
    return Run(time.perf_counter() - begun, peak_bytes(usage))
