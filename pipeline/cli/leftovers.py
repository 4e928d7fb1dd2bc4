"""What nothing was made of: dead letters that wait for somebody, and kinds of deliveries without a use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from pipeline.cli.instants import moment

if TYPE_CHECKING:
    from pipeline.dead_letters import DeadLetter
    from pipeline.log.protocol import Log

REASONS_SHOWN_MAX = 10
#: kinds of one source that are named; the others are counted
KINDS_SHOWN_MAX = 10
KIND_CHARACTERS_MAX = 60

REPAIR = "repair the input and import it again, or `aftermerge doctor --acknowledge`"
REPORT = "a fault in aftermerge: report it; the other events are taken in (`aftermerge doctor --acknowledge`)"


class Line(NamedTuple):
    """A finding without its section."""

    what: str
    value: str
    state: str
    advice: str


def dead_letter_lines(log: Log, *, acknowledge: bool) -> Iterator[Line]:
    """What was refused and neither settled by a later reading nor acknowledged, by reason."""
    from pipeline.dead_letters import mark_looked_at, waiting
    from pipeline.poison import is_unfoldable

    reasons: dict[str, list[DeadLetter]] = {}
    for letter in waiting(log):
        reasons.setdefault(letter.reason, []).append(letter)
    if acknowledge:
        mark_looked_at(log)
    state, told = ("note", "acknowledged now") if acknowledge else ("problem", "")
    by_count = sorted(reasons.items(), key=lambda pair: -len(pair[1]))
    for reason, letters in by_count[:REASONS_SHOWN_MAX]:
        times = [letter.failed_at for letter in letters if letter.failed_at]
        since = f" since {moment(min(times)):%Y-%m-%d %H:%M} UTC" if times else ""
        advice = told or (REPORT if is_unfoldable(letters[0]) else REPAIR)
        yield Line(reason, f"{len(letters):,}{since}", state, advice)
    if left := sum(len(letters) for _, letters in by_count[REASONS_SHOWN_MAX:]):
        more = f"{len(by_count) - REASONS_SHOWN_MAX:,} further reasons"
        yield Line(more, f"{left:,}", state, "the table dead_letters holds all of them")


def unused_lines(log: Log) -> Iterator[Line]:
    """By source: how many deliveries were understood and nothing was made of, their kinds, the last one."""
    from pipeline.log.topics import UNUSED
    from pipeline.unused import Unused

    sources: dict[str, dict[str, Unused]] = {}
    for partition in range(log.partitions(UNUSED)):  # each is counted by another process
        for key, value in log.latest(UNUSED, partition).items():
            source, _, kind = key.decode().partition("\0")
            one, kinds = msgspec.json.decode(value, type=Unused), sources.setdefault(source, {})
            held = kinds.get(kind, Unused())
            kinds[kind] = Unused(held.count + one.count, max(held.last_at, one.last_at))
    for source, kinds in sorted(sources.items()):
        by_count = sorted(kinds.items(), key=lambda pair: (-pair[1].count, pair[0]))
        shown = by_count[:KINDS_SHOWN_MAX]
        parts = [f"{kind[:KIND_CHARACTERS_MAX]} {found.count:,}" for kind, found in shown]
        if further := by_count[KINDS_SHOWN_MAX:]:
            parts.append(f"{len(further):,} further kinds {sum(found.count for _, found in further):,}")
        total = sum(found.count for found in kinds.values())
        last = moment(max(found.last_at for found in kinds.values()))
        told = f"{total:,} ({', '.join(parts)}), the last one {last:%Y-%m-%d %H:%M} UTC"
        yield Line(source, told, "note", "nothing is made of these kinds: the sender can leave them out")


def behind_horizon_lines(log: Log, workspace: str) -> Iterator[Line]:
    """How many events came too late for what is in memory, and wait for a rebuild."""
    from pipeline.log.partitioning import partition_in
    from pipeline.log.topics import STATE
    from pipeline.state import told_behind_horizon

    partition = partition_in(log, workspace)
    if waiting := told_behind_horizon(log, workspace, partition, log.begin(STATE, partition)):
        advice = "`aftermerge rebuild` applies them, and so does the next import"
        yield Line("behind the horizon", f"{waiting:,}", "note", advice)
