"""How much is kept for a change, and whether an import's memory grows with the length of history.

``python -m benchmarks state memory``. The histories of ``memory`` are many times longer than what is kept: the horizon
is ten days, and entities are kept for two horizons.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks import logs, passes
from benchmarks.correlation import EVENTS, QUICK_EVENTS
from benchmarks.figures import Figure, at_most, known

STATE_BYTES_MAX = 2_048
HORIZON_DAYS = 10
#: so few that 250,000 events last 50 days: two and a half times what is kept
CHANGES_PER_DAY = 600
IMPORTED_EVENTS = 250_000
QUICK_IMPORTED_EVENTS = 25_000
#: the engine's own memory differs by that much from run to run
GROWTH_MAX = 1.05


def state(directory: Path, files: Sequence[Path], *, quick: bool) -> list[Figure]:
    """Bytes of state and of memory for each change, everything else included."""
    sources = [("mixed log", logs.mixed(directory, QUICK_EVENTS if quick else EVENTS))]
    sources += [(file.name.partition(".")[0], logs.history(directory, file)) for file in files]
    figures = []
    for title, log in sources:
        written, held = passes.run("full", log), passes.run("workspace", log)
        kept = written.state_bytes / written.changes
        resident, trimmed = (one / held.changes for one in (held.resident_bytes, held.trimmed_bytes))
        entities = sum(written.entities.values()) / written.changes
        figures += [
            at_most(
                f"{title}: state topic, bytes for each change", kept, STATE_BYTES_MAX,
                f"{kept:,.0f} ({written.changes:,} changes, {entities:.1f} entities for each)",
            ),
            at_most(
                f"{title}: memory of the workspace, bytes for each change", trimmed, STATE_BYTES_MAX,
                f"{trimmed:,.0f} ({resident:,.0f} with freed memory that was not returned)",
            ),
        ]  # fmt: skip
    return figures


class Imported(NamedTuple):
    """One run of a command."""

    seconds: float
    peak_bytes: int


def command(arguments: Sequence[str], **environment: str) -> Imported:
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
    return Imported(time.perf_counter() - begun, passes.peak_bytes(usage))


def memory(directory: Path, files: Sequence[Path], *, quick: bool) -> list[Figure]:
    """Peak memory of a whole import of 1, 2 and 4 times the history, and of the correlation alone."""
    once = QUICK_IMPORTED_EVENTS if quick else IMPORTED_EVENTS
    per_day = CHANGES_PER_DAY // (10 if quick else 1)
    lengths = [once * times for times in (1, 2, 4)]
    imported = []
    for events in lengths:
        file = logs.lines(directory, events, per_day)
        with tempfile.TemporaryDirectory(dir=directory, prefix="import-") as data:
            imported.append(
                command(
                    ["replay", str(file), "--data", data],
                    AFTERMERGE_HORIZON_DAYS=str(HORIZON_DAYS),
                    AFTERMERGE_ATTRIBUTION_WINDOW_HOURS=str(HORIZON_DAYS * 24),
                ).peak_bytes
            )
        file.unlink()
    alone = [
        passes.run("full", logs.sparse(directory, events, per_day), HORIZON_DAYS).peak_bytes
        for events in lengths
    ]
    return [
        _growth(f"peak memory of `replay`, {once:,} events, twice and 4 times", imported),
        _growth("peak memory of the correlation alone, the same", alone),
        known("peak memory of an import, MB", max(imported) / 2**20, f"{max(imported) / 2**20:,.0f}"),
    ]


def _growth(what: str, peaks: Sequence[int]) -> Figure:
    grown = peaks[-1] / peaks[0]
    text = f"{grown:.2f} times ({', '.join(f'{peak / 2**20:,.0f}' for peak in peaks)} MB)"
    return at_most(what, grown, GROWTH_MAX, text, f"does not grow (<= {GROWTH_MAX:g})")
