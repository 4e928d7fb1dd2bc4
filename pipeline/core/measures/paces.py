"""How fast requests are approved in each repository, week by week, and what is too fast there.

Nobody reads faster than ``lines_an_hour_max`` lines. Between that and ``lines_an_hour_read``, at which
reviews are found to succeed, an approval is too fast where hardly anybody in the repository approved so fast
in the weeks before the one in which the request was opened. Those were over then, so no approval is held
against itself; what is told of them later restates the requests that were opened after them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import msgspec

from pipeline.core.changes import ChangeSummary
from pipeline.core.facts import ReviewFact
from pipeline.core.learning import week_of, week_start
from pipeline.core.limits import Remarks
from pipeline.core.measures.ledger import Counts, Ledger, Place, Standing

_HOUR_MILLISECONDS = 3_600_000


def is_request(summary: object) -> bool:
    """Whether it can be told how a change was reviewed: its opening is known, and more than its merge."""
    return isinstance(summary, ChangeSummary) and summary.opened_at is not None and summary.discussed


def step_of(lines: int, seconds: int, limits: Remarks) -> int:
    """How many of the limits of ``limit_of`` an approval of so many lines after so many seconds kept to."""
    spare = seconds * 1_000 - lines * (_HOUR_MILLISECONDS // limits.lines_an_hour_max)
    return 0 if spare < 0 else min(spare // (lines * limits.pace_step) + 1, _steps(limits) + 1)


def limit_of(lines: int, step: int, limits: Remarks) -> int:
    """The seconds before which so many lines are approved too fast, where that many steps are usual."""
    fastest = _HOUR_MILLISECONDS // limits.lines_an_hour_max
    return lines * (fastest + step * limits.pace_step) // 1_000


def _steps(limits: Remarks) -> int:
    """How many steps there are from what nobody reads to what is read with success."""
    fastest, read = (
        _HOUR_MILLISECONDS // lines for lines in (limits.lines_an_hour_max, limits.lines_an_hour_read)
    )
    return (read - fastest) // limits.pace_step


class Paces:
    """Approvals by repository, week and pace; the counts outlive the requests."""

    #: how the keys of its records begin
    name = "pace"

    def __init__(
        self,
        limits: Remarks,
        summary_of: Callable[[str], ChangeSummary | None],
        fact_of: Callable[[str], ReviewFact | None],
    ) -> None:
        self._limits = limits
        self._summary_of = summary_of
        self._fact_of = fact_of
        self._ledger = Ledger(self.name, self._standing)
        #: since when nothing was forgotten: earlier weeks can't be counted again
        self._complete_from = 0
        #: repository -> week -> step -> approvals
        self._counts: dict[str, dict[int, dict[int, int]]] = {}
        #: repository -> week of the opening -> requests that can be stamped
        self._opened: dict[str, dict[int, dict[str, None]]] = {}
        #: repository -> week of the opening -> the step that is usual; worked out when it is asked for
        self._usual: dict[str, dict[int, int]] = {}
        self._unsaved: dict[tuple[int, str], None] = {}

    # -- what is counted ------------------------------------------------------------------------

    def hear(self, key: str, old: object, new: object) -> None:
        """A change's summary became another one."""
        for summary in (old, new):
            if isinstance(summary, ChangeSummary) and summary.opened_at is not None and is_request(summary):
                weeks = self._opened.setdefault(summary.repository, {})
                requests = weeks.setdefault(week_of(summary.opened_at), {})
                if summary is new and self._large(summary):
                    requests[key] = None
                else:
                    requests.pop(key, None)
                if not requests:
                    del weeks[week_of(summary.opened_at)]

    def gather(self, keys: Iterable[str]) -> None:
        """These requests, or how they were reviewed, were corrected."""
        for key in keys:
            request = self._summary_of(key)
            counts = request is not None and not request.bot and self._large(request)
            self._ledger.put(key, request.merged_at if request is not None and counts else None)

    def _large(self, summary: ChangeSummary) -> bool:
        return (summary.written_lines or 0) >= self._limits.stamp_lines_min

    def _standing(self, key: str) -> Standing | None:
        request, review = self._summary_of(key), self._fact_of(key)
        if request is None or review is None or review.approval_seconds is None:
            return None
        step = step_of(request.written_lines or 0, review.approval_seconds, self._limits)
        return Standing(((request.repository, str(step)),), hit=False)

    def recount(self) -> list[str]:
        """Count what was corrected; gives the requests that are held against something else now."""
        changed: dict[str, list[Counts]] = {}
        for counts in self._ledger.recount(self._complete_from, self._places):
            repository, step = counts.place[0], int(counts.place[1])
            if counts.things != self._counts.get(repository, {}).get(counts.week, {}).get(step, 0):
                changed.setdefault(repository, []).append(counts)
        found: dict[str, None] = {}
        for repository, told in changed.items():
            first = min(counts.week for counts in told)
            last = max(counts.week for counts in told) + self._limits.pace_weeks
            opened = self._opened.get(repository, {})
            before = {week: self._step(repository, week) for week in opened if first < week <= last}
            self._usual.pop(repository, None)
            for counts in told:
                self._count(repository, counts.week, int(counts.place[1]), counts.things)
            for week, usual in before.items():
                if self._step(repository, week) != usual:
                    found.update(opened[week])
        return list(found)

    def _places(self, week: int) -> Iterator[Place]:
        for repository, weeks in self._counts.items():
            for step in weeks.get(week, ()):
                yield repository, str(step)

    def _count(self, repository: str, week: int, step: int, approvals: int) -> None:
        held = self._counts.setdefault(repository, {}).setdefault(week, {})
        held[step] = approvals
        if not approvals:
            del held[step]
        self._unsaved[(week, repository)] = None

    def rest(self) -> None:
        """What was corrected was counted already."""
        self._ledger.rest()

    def forget_before(self, before: int) -> None:
        """Requests from before a time may be forgotten: what was counted of them stands."""
        self._complete_from = before
        self._ledger.forget_before(before)
        self._usual.clear()
        for weeks in self._opened.values():
            # all weeks that these are held against stand
            for week in [week for week in weeks if week_start(week) < before]:
                del weeks[week]

    # -- what is too fast -----------------------------------------------------------------------

    def limit(self, request: ChangeSummary) -> int | None:
        """The seconds before which an approval of a request is too fast; ``None``: it can't be."""
        if not self._large(request) or request.opened_at is None:
            return None
        step = self._step(request.repository, week_of(request.opened_at))
        return limit_of(request.written_lines or 0, step, self._limits)

    def _step(self, repository: str, week: int) -> int:
        """The last step that so few approvals of the weeks before did not keep to; 0 where few are known."""
        if repository not in self._counts:
            return 0
        known = self._usual.setdefault(repository, {})
        step = known.get(week)
        if step is None:
            step = known[week] = self._found(self._counts[repository], week)
        return step

    def _found(self, weeks: dict[int, dict[int, int]], week: int) -> int:
        together: dict[int, int] = {}
        for past in range(week - self._limits.pace_weeks, week):
            for step, approvals in weeks.get(past, {}).items():
                together[step] = together.get(step, 0) + approvals
        total = sum(together.values())
        if total < self._limits.pace_cases_min:
            return 0
        faster = 0
        for step in range(_steps(self._limits) + 1):
            faster += together.get(step, 0)
            if faster * 100 > total * self._limits.pace_fastest_percent:
                return max(0, step - 1)
        return _steps(self._limits)

    # -- what is saved --------------------------------------------------------------------------

    def changed_records(self) -> Iterator[tuple[str, bytes]]:
        """Keys and values since the last time; an empty value: dropped."""
        for week, repository in self._unsaved:
            yield f"{week}/{repository}", self._dump(week, repository)
        self._unsaved.clear()

    def _dump(self, week: int, repository: str) -> bytes:
        held = self._counts.get(repository, {}).get(week)
        return msgspec.msgpack.encode(sorted(held.items())) if held else b""

    def note_everything(self) -> None:
        """All of it is to be saved again."""
        for repository, weeks in self._counts.items():
            self._unsaved.update({(week, repository): None for week in weeks})

    def settle(self) -> None:
        """All of it is saved."""
        self._unsaved.clear()

    def take(self, key: str, value: bytes) -> None:
        """Take in one record."""
        week, _, repository = key.partition("/")
        told = dict(msgspec.msgpack.decode(value, type=list[tuple[int, int]]))
        self._counts.setdefault(repository, {})[int(week)] = told

    def holds(self, key: str, value: bytes) -> bool:
        """Whether it holds what another one saved."""
        week, _, repository = key.partition("/")
        return self._dump(int(week), repository) == value
