"""How much is kept for a change, and whether an import's memory grows with the length of history.

``python -m benchmarks state memory``. The histories of ``memory`` are many times longer than what is
kept: the horizon is ten days, and entities are kept for two horizons.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks import commands, logs, passes
from benchmarks.correlation import EVENTS, QUICKER_EVENTS
from benchmarks.figures import Figure, at_most, known

STATE_BYTES_MAX = 2_048
HORIZON_DAYS = 10
#: so few that 250,000 events last 50 days: two and a half times what is kept
CHANGES_PER_DAY = 600
IMPORTED_EVENTS = 250_000
QUICK_IMPORTED_EVENTS = 10_000
#: the engine's own memory differs by that much from run to run
GROWTH_MAX = 1.05


def state(directory: Path, files: Sequence[Path], *, quick: bool) -> list[Figure]:
    """Bytes of state and of memory for each change, everything else included."""
    sources = [("mixed log", logs.mixed(directory, QUICKER_EVENTS if quick else EVENTS))]
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


def memory(directory: Path, files: Sequence[Path], *, quick: bool) -> list[Figure]:
    """Peak memory of a whole import of 1, 2 and 4 times the history, and of the correlation alone."""
    once = QUICK_IMPORTED_EVENTS if quick else IMPORTED_EVENTS
    per_day = CHANGES_PER_DAY // (25 if quick else 1)
    times = (1, 4) if quick else (1, 2, 4)
    lengths = [once * many for many in times]
    runs = []
    for events in lengths:
        file = logs.lines(directory, events, per_day)
        with tempfile.TemporaryDirectory(dir=directory, prefix="import-") as data:
            runs.append(
                commands.run(
                    ["replay", str(file), "--data", data],
                    AFTERMERGE_HORIZON_DAYS=str(HORIZON_DAYS),
                    AFTERMERGE_ATTRIBUTION_WINDOW_HOURS=str(HORIZON_DAYS * 24),
                )
            )
        file.unlink()
    imported, owned = [one.peak_bytes for one in runs], [one.owned_bytes for one in runs]
    figures = [_growth(f"peak memory of `replay`, {once:,} events to {times[-1]} times as many", imported)]
    if all(owned):
        figures.append(_growth("of it, what is not mapped from files, the same", owned))
    figures.append(
        known("peak memory of an import, MB", max(imported) / 2**20, f"{max(imported) / 2**20:,.0f}")
    )
    if not quick:
        logs_of = [logs.sparse(directory, events, per_day) for events in lengths]
        alone = [passes.run("full", log, HORIZON_DAYS).peak_bytes for log in logs_of]
        figures.append(_growth("peak memory of the correlation alone, the same", alone))
    return figures


def _growth(what: str, peaks: Sequence[int]) -> Figure:
    grown = peaks[-1] / peaks[0]
    text = f"{grown:.2f} times ({', '.join(f'{peak / 2**20:,.0f}' for peak in peaks)} MB)"
    return at_most(what, grown, GROWTH_MAX, text, f"does not grow (<= {GROWTH_MAX:g})")
