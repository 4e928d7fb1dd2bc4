"""From a file or a clone to facts: read, put in order, append, correlate. Each command is one call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.exits import Problem
from pipeline.cli.instants import machine_now
from pipeline.cli.reporting import Line, Outcome
from pipeline.cli.wiring import Parts, correlator
from pipeline.measuring import ProgressCall, silent

if TYPE_CHECKING:
    from pipeline.core.events import Event
    from pipeline.sources.git import GitOptions
    from pipeline.sources.history import HistoryOptions, HistoryReport
    from pipeline.sources.lines import UnreadableLine
    from pipeline.sources.truths import Truth

#: fewer unreadable lines than this never stop a command, whatever their share
DEAD_LETTERS_JUDGED_MIN = 100
#: progress is told once in so many events
PROGRESS_EVENTS = 1_000
TRUTHS_APPENDED_MAX = 10_000
WRONG_INPUT_HINT = (
    "is it the right file, and the right command for its format?"
    " AFTERMERGE_DEAD_LETTER_RATIO_MAX sets the limit"
)


def take_in(parts: Parts, events: Iterable[Event], progress: ProgressCall = silent) -> Outcome:
    """Append events in the order in which they come, and bring the tables up to date."""
    outcome = Outcome()
    append(parts, events, outcome, progress)
    return correlate(parts, outcome, progress)


def append(parts: Parts, events: Iterable[Event], outcome: Outcome, progress: ProgressCall) -> None:
    """Append events to the log, where they are safe; nothing is correlated yet."""
    from pipeline.appending import append_events

    appended = append_events(
        parts.log, parts.codec, parts.workspace, events, machine_now=machine_now(), progress=progress
    )
    parts.persons.keep()
    outcome.appended += appended.appended
    outcome.unchanged += appended.unchanged
    outcome.dead_letters += appended.dead_letters


def correlate(
    parts: Parts, outcome: Outcome, progress: ProgressCall = silent, *, everywhere: bool = False
) -> Outcome:
    """Fold what the log holds and the tables don't; an import from behind the horizon ends in a rebuild.

    ``everywhere``: events of other workspaces were appended, too.
    """
    if parts.follower is not None:
        whole = parts.follower.everywhere() if everywhere else parts.follower
        return whole.caught_up(parts.log, outcome, progress)
    _fold(parts, outcome, progress)
    parts.store.refresh_ahead(progress)
    return outcome


def _fold(parts: Parts, outcome: Outcome, progress: ProgressCall) -> None:
    step = correlator(parts)
    summary = step.run(progress)
    outcome.correlated += summary.folded
    outcome.rows += summary.rows
    outcome.dead_letters += summary.dead_letters
    behind = step.behind_horizon(parts.workspace)
    outcome.behind_horizon += behind
    outcome.rebuilt = summary.rebuilt
    if summary.parked:
        outcome.notes.append(f"{summary.parked:,} events of an unknown type wait for a newer version")
    if behind:
        # also those of an import that ended before its rebuild
        again = step.rebuild(parts.workspace, progress)
        outcome.rows += again.rows
        outcome.dead_letters += again.dead_letters
        outcome.rebuilt = True


def rebuilt(parts: Parts, progress: ProgressCall = silent) -> Outcome:
    """Read every event of the workspace again, oldest first, and replace its state and rows."""
    outcome = Outcome()
    if parts.follower is not None:
        parts.follower.caught_up(parts.log, outcome, progress)
        if not outcome.rebuilt:
            done = parts.follower.rebuild(progress)
            outcome.correlated, outcome.rows = done["folded"], done["rows"]
            outcome.dead_letters += done["dead_letters"]
    else:
        _fold(parts, outcome, progress)
        if not outcome.rebuilt:
            summary = correlator(parts).rebuild(parts.workspace, progress)
            outcome.correlated, outcome.rows = summary.folded, summary.rows
            outcome.dead_letters += summary.dead_letters
        parts.store.refresh_ahead(progress)
    outcome.rebuilt = True
    return outcome


def keep_unreadable(parts: Parts, file: Path, lines: Iterable[UnreadableLine]) -> int:
    """Keep the unreadable lines of a file that was read to its end; returns how many there were."""
    from pipeline.dead_letters import bury_of_file, of_line

    place, now = str(file.absolute()), machine_now()
    letters = (of_line(parts.workspace, place, *line, now) for line in lines)
    return bury_of_file(parts.log, parts.workspace, place, letters, now)


def import_histories(
    parts: Parts, files: Sequence[Path], options: HistoryOptions, progress: ProgressCall = silent
) -> Outcome:
    """Read files of the compact history format, put all of them in one order, and take them in."""
    from pipeline.appending import refusal
    from pipeline.sorting import by_own_time
    from pipeline.sources.history import parse_history
    from pipeline.sources.lines import LinesFile

    outcome = Outcome()
    refuse = partial(refusal, machine_now=machine_now())
    histories = [parse_history(LinesFile(file), options, parts.person_token, refuse) for file in files]

    def events() -> Iterator[Event]:
        for file, history in zip(files, histories, strict=True):
            yield from _counted(history, f"reading {file.name}", progress)
            _judge(parts, file, history.unreadable, sum(history.report.records.values()))

    append(parts, by_own_time(events(), parts.scratch), outcome, progress)
    for file, history in zip(files, histories, strict=True):
        keep_truths(parts, history.truths)
        outcome.dead_letters += keep_unreadable(parts, file, history.unreadable)
        outcome.lines += _history_lines(file, history.report)
    return correlate(parts, outcome, progress)


def replay_files(
    parts: Parts, files: Sequence[Path], *, as_received: bool, progress: ProgressCall = silent
) -> Outcome:
    """Read CloudEvents JSON Lines, sort them by own time unless told not to, and take them in."""
    from pipeline.sorting import by_own_time

    outcome = Outcome()
    replays = [Replay(parts, file) for file in files]

    def events() -> Iterator[Event]:
        for replay in replays:
            yield from _counted(replay, f"reading {replay.file.name}", progress)
            _judge(parts, replay.file, replay.unreadable, replay.events + replay.unused.total())

    incoming = events() if as_received else by_own_time(events(), parts.scratch)
    append(parts, incoming, outcome, progress)
    for replay in replays:
        outcome.dead_letters += keep_unreadable(parts, replay.file, replay.unreadable)
        outcome.lines.append(Line("read", "events", replay.events, str(replay.file)))
        for workspace, count in replay.strangers.items():
            remark = f"named workspace {workspace}, read into {parts.workspace}"
            outcome.lines.append(Line("read", "events", count, remark))
        for word, count in sorted(replay.unused.items()):
            remark = "a CDEvents type that nothing is made of: passed over"
            outcome.lines.append(Line("read", word, count, remark))
    return correlate(parts, outcome, progress)


class Replay:
    """The events of one file of CloudEvents JSON Lines; what could not be read is known afterwards."""

    def __init__(self, parts: Parts, file: Path) -> None:
        self.file = file
        self.events = 0
        self.unreadable: list[UnreadableLine] = []
        #: CDEvents types that are known and not used -> how many
        self.unused: Counter[str] = Counter()
        #: workspace that lines name, other than the one they are read into -> how many
        self.strangers: Counter[str] = Counter()
        self._parts = parts

    def __iter__(self) -> Iterator[Event]:
        from pipeline.appending import refusal
        from pipeline.core.events import InvalidEvent
        from pipeline.dead_letters import VALUE_BYTES_MAX
        from pipeline.sources.cdevents import UnusedEvent
        from pipeline.sources.cloudevents import parse_line
        from pipeline.sources.lines import UNREADABLE_LINES_MAX, LinesFile, UnreadableLine

        now = machine_now()
        for number, line in LinesFile(self.file):
            try:
                workspace, event = parse_line(line, person_token=self._parts.person_token)
                if reason := refusal(event, now):
                    raise InvalidEvent(reason)
            except UnusedEvent as unused:
                self.unused[unused.word] += 1
                continue
            except InvalidEvent as error:
                self.unreadable.append(UnreadableLine(number, str(error), line[:VALUE_BYTES_MAX]))
                if len(self.unreadable) > UNREADABLE_LINES_MAX:
                    raise Problem(
                        f"{self.file}: more than {UNREADABLE_LINES_MAX:,} lines can't be read;"
                        f" line {number}: {error}",
                        hint=WRONG_INPUT_HINT,
                    ) from None
                continue
            self.events += 1
            if workspace and workspace != self._parts.workspace:
                self.strangers[workspace] += 1
            yield event


def import_clones(
    parts: Parts, clones: Sequence[Path], options: GitOptions, progress: ProgressCall = silent
) -> Outcome:
    """Read git clones as one history and take them in; the report ends with what it can answer."""
    from pipeline.sources.git import SHALLOW, read_histories

    outcome = Outcome()
    try:
        history = read_histories(
            clones, options, parts.person_token, lambda done, total: progress("reading commits", done, total)
        )
    except ValueError as error:
        raise Problem(str(error)) from error
    append(parts, history.events, outcome, progress)
    keep_truths(parts, history.truths)
    outcome.closed += history.report.counts.get(SHALLOW, 0)
    for what, count in history.report.counts.items():
        outcome.lines.append(Line("read", what.replace("_", " "), count))
    outcome.lines += [Line("note", "", "", remark) for remark in history.report.notes]
    outcome.lines += [
        Line("question", question.question, "yes" if question.answered else "no", question.needs)
        for question in history.report.questions
    ]
    return correlate(parts, outcome, progress)


def keep_truths(parts: Parts, truths: Iterable[Truth]) -> None:
    """Keep what names the true culprits where only ``evaluate`` looks."""
    from pipeline.log.protocol import NewRecord
    from pipeline.sources.truths import encode_truth

    records = [NewRecord(truth.incident.encode(), encode_truth(truth)) for truth in truths]
    for start in range(0, len(records), TRUTHS_APPENDED_MAX):
        parts.log.append("truths", 0, records[start : start + TRUTHS_APPENDED_MAX])


def _counted(events: Iterable[Event], phase: str, progress: ProgressCall) -> Iterator[Event]:
    count = 0
    for count, event in enumerate(events, start=1):
        if count % PROGRESS_EVENTS == 0:
            progress(phase, count, None)
        yield event
    progress(phase, count, count)


def _history_lines(file: Path, report: HistoryReport) -> Iterator[Line]:
    for kind, count in report.records.items():
        yield Line("read", f"{kind} records", count, file.name)
    for what, count, remark in (
        ("incidents", report.incidents, f"{report.planned_incidents:,} of them probably planned"),
        ("re-lands", report.relands_left_out, "no incidents: left out"),
        ("planned reverts", report.planned_left_out, "left out as asked"),
        ("rollbacks", report.rollbacks_left_out, "become incidents with --incidents-from rollbacks"),
        ("reused numbers", report.reused_numbers, "keyed by their commit instead"),
    ):
        if count:
            yield Line("read", what, count, remark)


def _judge(parts: Parts, file: Path, bad: Sequence[UnreadableLine], good: int) -> None:
    """Stop before anything is appended when most of an input can't be read."""
    share = len(bad) / max(1, len(bad) + good)
    if len(bad) >= DEAD_LETTERS_JUDGED_MIN and share > parts.settings.dead_letter_ratio_max:
        raise Problem(
            f"{file}: {len(bad):,} of {len(bad) + good:,} lines can't be read;"
            f" line {bad[0].number}: {bad[0].reason}",
            hint=WRONG_INPUT_HINT,
        )
