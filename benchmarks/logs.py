"""Logs to measure with: made once in a directory, and copied by whoever writes to one."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from benchmarks.world import CHANGES_PER_DAY, delayed, organisation
from pipeline.appending import append_events
from pipeline.codec import Codec
from pipeline.core.events import Event
from pipeline.log.sqlite import SqliteLog
from pipeline.log.topics import TOPICS
from pipeline.sorting import by_own_time
from pipeline.sources.cloudevents import render
from pipeline.sources.history import HistoryOptions, parse_history
from pipeline.sources.lines import LinesFile

WORKSPACE = "acme"
EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def mixed(directory: Path, events: int, *, late: bool = False) -> Path:
    """A log of so many events of the synthetic organisation; with ``late`` a tenth comes late."""
    return _made(
        directory / f"{'late' if late else 'mixed'}-{events}.sqlite", "late" if late else "mixed", events
    )


def history(directory: Path, file: Path) -> Path:
    """A log of what one history file holds."""
    return _made(directory / f"{file.name.partition('.')[0]}.sqlite", "history", file)


def lines(directory: Path, events: int, changes_per_day: int) -> Path:
    """The synthetic organisation as CloudEvents JSON Lines, as ``aftermerge replay`` reads them."""
    return _made(directory / f"events-{events}-{changes_per_day}.jsonl", "lines", events, changes_per_day)


def sparse(directory: Path, events: int, changes_per_day: int) -> Path:
    """A log of an organisation that changes less often, so that it spans more time."""
    return _made(directory / f"sparse-{events}-{changes_per_day}.sqlite", "mixed", events, changes_per_day)


def _made(path: Path, kind: str, *arguments: object) -> Path:
    """Make it in a process of its own: what that leaves in memory is nobody's business here."""
    if not path.exists():
        unfinished = path.with_name(path.name + ".part")
        command = [sys.executable, "-m", "benchmarks.logs", kind, str(unfinished), *map(str, arguments)]
        subprocess.run(command, check=True)
        unfinished.rename(path)
    return path


def main(kind: str, path: Path, what: str, changes_per_day: str = str(CHANGES_PER_DAY)) -> None:
    """Write one log, or one file of lines."""
    if kind == "history":
        parsed = parse_history(LinesFile(Path(what)), HistoryOptions(), lambda login: login)
        _fill(path, by_own_time(parsed, path.parent))
        return
    told = organisation(int(what), changes_per_day=int(changes_per_day))
    if kind == "lines":
        with path.open("wb") as file:
            file.writelines(render(event, WORKSPACE) + b"\n" for event in told)
    else:
        _fill(path, delayed(told) if kind == "late" else told)


def _fill(path: Path, events: Iterable[Event]) -> None:
    with closing(SqliteLog(path)) as log:
        for topic, compacted in TOPICS.items():
            log.create_topic(topic, compacted=compacted)
        appended = append_events(log, Codec(), WORKSPACE, events, machine_now=time.time_ns() // 1_000)
    if appended.dead_letters:
        raise SystemExit(f"{path.name}: {appended.dead_letters} events were refused")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
