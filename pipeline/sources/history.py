"""The compact history format: facts of public git histories as JSON Lines, one record a line.

``examples/README.md`` describes the records. A history is told with hindsight; what that hindsight
would give away stays out of the events and goes into truths (``sources.truths``):

- a revert that stands in for an incident is detected when it was opened, at its service, with at most
  one top-level directory; its own change is told without title, size, paths and what it reverts;
- a re-land (``redo``) is no incident, and its change is told without its title;
- a rollback becomes an incident only when asked for, noticed right before it was carried out.

A repository that moved starts its numbers again. The first change with a number keeps the key
``<repository>#<number>``; a later one with the same number has the key ``<repository>@<sha>``.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

import msgspec

from pipeline.core import events as e
from pipeline.sources.history_records import (
    Change,
    Comment,
    Deployment,
    Head,
    Record,
    Request,
    Revert,
    Review,
    Rollback,
    Survey,
    head,
    read_record,
)
from pipeline.sources.history_reviews import comment_event, request_events, review_events
from pipeline.sources.lines import LINE_BYTES_MAX, UNREADABLE_LINES_MAX, UnreadableFile, UnreadableLine
from pipeline.sources.times import instant, micros
from pipeline.sources.truths import Truth

ENVIRONMENT = "production"
REVERTS, ROLLBACKS = "reverts", "rollbacks"
#: as many services rolled back within half an hour are one event of the infrastructure
WAVE_SERVICES_MIN = 5
#: a tag that names its environment first was read from a GitOps repository
_GITOPS_TAG = re.compile(r"(?:production|prod|live)/.+")

#: somebody saw the incident before he answered it: the rollback must not explain its own cause
ROLLBACK_REACTION_MICROSECONDS = 1
#: the titles of incidents, by the kind of their truth
_TITLES = {"revert": "Something was reverted", "rollback": "An earlier version was deployed again"}
#: stand in for titles that would quote the culprit's
REVERT_TITLE, RELAND_TITLE = "Revert", "Reland"


class HistoryOptions(msgspec.Struct, frozen=True):
    """What of a history becomes an incident: ``reverts``, ``rollbacks``, both or neither.

    ``planned`` keeps the reverts that were probably intended from the start (their truth says so).
    """

    incidents_from: frozenset[str] = frozenset({REVERTS})
    planned: bool = True


class HistoryReport(msgspec.Struct):
    """What was read, what it became, and what was left out; times in microseconds UTC."""

    records: dict[str, int] = {}
    events: dict[str, int] = {}
    incidents: int = 0
    planned_incidents: int = 0
    relands_left_out: int = 0
    planned_left_out: int = 0
    rollbacks_left_out: int = 0
    reused_numbers: int = 0
    unreadable: int = 0
    repositories: int = 0
    services: int = 0
    first_at: int | None = None
    last_at: int | None = None


class History:
    """A history being read: iterate over it for its events; the rest is complete afterwards.

    Events come in the order of the lines, except that a revert's incident lies before its line.
    ``lines`` (number and bytes of each) is gone through twice. A line that can't be read is kept apart in
    ``unreadable`` and the lines around it stay; so is one with an event for which ``refuse`` gives a
    reason. Raises ``InvalidEvent`` after ``UNREADABLE_LINES_MAX`` of them. A file that is damaged raises
    ``UnreadableFile`` after the events of its good lines.
    """

    def __init__(
        self,
        lines: Iterable[tuple[int, bytes]],
        options: HistoryOptions,
        person_token: Callable[[str], str],
        refuse: Callable[[e.Event], str] = lambda event: "",
    ) -> None:
        if iter(lines) is lines:
            raise TypeError("the lines of a history are gone through twice: pass a list or a LinesFile")
        self.truths: list[Truth] = []
        self.unreadable: list[UnreadableLine] = []
        self.report = HistoryReport()
        self._lines = lines
        self._options = options
        self._person = person_token
        self._refuse = refuse
        self._survey = Survey()

    def __iter__(self) -> Iterator[e.Event]:
        self.truths.clear()
        self.unreadable.clear()
        self._survey = Survey()
        # what can't be read is met again below, after the events of the good lines before it
        with suppress(UnreadableFile):
            for _, line in self._lines:
                with suppress(e.InvalidEvent):
                    self._survey.note(read_record(line))
        self.report = HistoryReport(
            repositories=len(self._survey.repositories), services=len(self._survey.deployed)
        )
        records: Counter[str] = Counter()
        told: Counter[str] = Counter()
        for number, line in self._lines:
            try:
                record = read_record(line)
                events = list(self._events(record))
                if reason := next(filter(None, map(self._refuse, events)), ""):
                    raise e.InvalidEvent(reason)
            except e.InvalidEvent as error:
                self._bury(number, line, error)
                continue
            records[type(record).__name__.lower()] += 1
            for event in events:
                told[e.RECORD_OF[type(event)]] += 1
                self._span(event.time)
            self.report.records, self.report.events = dict(records), dict(told)
            yield from events

    def _bury(self, number: int, line: bytes, error: e.InvalidEvent) -> None:
        self.report.unreadable += 1
        if len(self.unreadable) >= UNREADABLE_LINES_MAX:
            raise e.InvalidEvent(
                f"line {number}: {error}; more than {UNREADABLE_LINES_MAX} bad lines: is this a history?"
            )
        self.unreadable.append(UnreadableLine(number, str(error), line[:LINE_BYTES_MAX]))

    def _span(self, time: int) -> None:
        report = self.report
        report.first_at = time if report.first_at is None else min(report.first_at, time)
        report.last_at = time if report.last_at is None else max(report.last_at, time)

    def _events(self, record: Record) -> Iterator[e.Event]:
        match record:
            case Change():
                yield self._change(record)
            case Deployment():
                yield self._deployment(record)
            case Revert():
                yield from self._revert(record)
            case Rollback():
                yield from self._rollback(record)
            case Request():
                yield from request_events(record, self._person)
            case Review():
                yield from review_events(record, self._person)
            case Comment():
                yield comment_event(record, self._person, self._survey.place(record))

    def _change(self, record: Change) -> e.ChangeMerged:
        key = self._survey.key(record.repo, record.number, record.sha)
        if record.number is not None and "#" not in key:
            self.report.reused_numbers += 1
        revert = self._survey.reverts.get((record.repo, record.sha))
        incidents = REVERTS in self._options.incidents_from
        hidden = revert is not None and incidents and not revert.redo
        title, reverts = record.title, []
        if revert is not None:
            if incidents:
                title = RELAND_TITLE if revert.redo else REVERT_TITLE
            else:
                reverts = self._culprits(revert)
        return e.ChangeMerged(
            *self._placed(f"git {key} merged", "git", micros(record.merged_at, "merged_at")),
            change=key,
            repository=record.repo,
            number=record.number,
            sha=record.sha,
            title=title,
            author=self._person(record.author),
            opened_at=None if record.opened_at is None else micros(record.opened_at, "opened_at"),
            additions=None if hidden else record.additions,
            deletions=None if hidden else record.deletions,
            files=None if hidden else record.files,
            paths=[] if hidden else record.dirs,
            labels=record.labels,
            reverts=reverts,
        )

    def _deployment(self, record: Deployment) -> e.DeploymentFinished:
        service, time = self._survey.service(record.repo), micros(record.at, "at")
        source = "gitops" if _GITOPS_TAG.fullmatch(record.tag) else "git"
        key = f"{service}/{ENVIRONMENT}:{record.tag or record.sha}@{instant(time)}"
        return e.DeploymentFinished(
            *self._placed(f"{source} {key} finished", source, time),
            deployment=key,
            service=service,
            environment=ENVIRONMENT,
            tag=record.tag,
            repository=record.repo,
            sha=record.sha,
            rolled_back=record.back,
        )

    def _placed(self, identifier: str, source: str, time: int) -> Head:
        return head(identifier, source, time, self._survey.sequence(time))

    def _culprits(self, revert: Revert) -> list[str]:
        key = self._survey.key(revert.repo, revert.reverts_number, revert.reverts_sha)
        return list(dict.fromkeys([key, revert.reverts_sha, *revert.also]))

    def _revert(self, record: Revert) -> Iterator[e.Event]:
        if REVERTS not in self._options.incidents_from:
            return
        merged_at = micros(record.merged_at, "merged_at")
        opened_at = merged_at if record.opened_at is None else micros(record.opened_at, "opened_at")
        planned = record.cause == "planned"
        if record.redo:
            self.report.relands_left_out += 1
            return
        if planned and not self._options.planned:
            self.report.planned_left_out += 1
            return
        incident = f"revert:{self._survey.key(record.repo, record.number, record.sha)}"
        component = record.dirs[0].partition("/")[0] if record.dirs else ""
        yield from self._incident(
            incident,
            "git",
            record.repo,
            min(opened_at, merged_at),
            merged_at,
            "" if component == "." else component,
        )
        self.report.planned_incidents += planned
        self.truths.append(
            Truth(
                incident=incident,
                culprits=self._culprits(record),
                kind="revert",
                how=record.how,
                cause=record.cause,
                reference_at=merged_at,
                planned=planned,
            )
        )

    def _rollback(self, record: Rollback) -> Iterator[e.Event]:
        if ROLLBACKS not in self._options.incidents_from:
            self.report.rollbacks_left_out += 1
            return
        at = micros(record.at, "at")
        incident = f"rollback:{record.repo}@{instant(at)}"
        detected_at = at - ROLLBACK_REACTION_MICROSECONDS
        yield from self._incident(incident, "gitops", record.repo, detected_at, at)
        if record.apps_within_30m >= WAVE_SERVICES_MIN:
            cause = "wave"
        else:
            cause = "returned" if record.next == "same" else "unknown"
        culprits = record.reverted_after or [record.from_sha]
        how = "reverted" if record.reverted_after else "version"
        self.truths.append(Truth(incident, culprits, "rollback", how, cause, at))

    def _incident(
        self, incident: str, source: str, repository: str, at: int, resolved_at: int, component: str = ""
    ) -> Iterator[e.Event]:
        service = self._survey.service(repository)
        self.report.incidents += 1
        yield e.IncidentDetected(
            *head(f"{source} {incident} detected", source, at),
            incident=incident,
            service=service,
            environment=ENVIRONMENT,
            title=_TITLES[incident.partition(":")[0]],
            component=component,
        )
        yield e.IncidentResolved(
            *head(f"{source} {incident} resolved", source, resolved_at), incident=incident, service=service
        )


#: reads a history: iterate over the result for its events, then look at its other members
parse_history = History
