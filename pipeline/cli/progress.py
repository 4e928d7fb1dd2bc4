"""Progress of long work: bars on stderr with rate and time left, silent when nobody looks.

The steps and the sources know nothing of bars. They call what they are handed, as often as they
like: ``progress(phase, done, total)``, where ``total`` is ``None`` while nobody knows it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from pipeline.measuring import ProgressCall, silent

#: a bar is drawn at most this often; calls in between cost a comparison
REDRAW_SECONDS_MIN = 0.1


class _Rate(ProgressColumn):
    """Things a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.0f}/s", style="dim")


@contextmanager
def bars(*, quiet: bool = False) -> Iterator[ProgressCall]:
    """Draw one bar a phase while the block runs; nothing when stderr is no terminal."""
    if quiet or not sys.stderr.isatty():
        yield silent
        return
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        refresh_per_second=1 / REDRAW_SECONDS_MIN,
    ) as drawing:
        tasks: dict[str, TaskID] = {}
        drawn_at: dict[str, float] = {}

        def show(phase: str, done: int, total: int | None = None) -> None:
            now = time.monotonic()
            finished = total is not None and done >= total
            if phase not in tasks:
                tasks[phase] = drawing.add_task(phase, total=total)
            elif not finished and now - drawn_at[phase] < REDRAW_SECONDS_MIN:
                return
            drawn_at[phase] = now
            drawing.update(tasks[phase], completed=done, total=total)

        yield show
