"""What each week says about each check: sums over commits, which outlive the commits.

A week is counted for as long as all of its commits are known. Then it stands as it is, and is saved; it is
dropped when no row can rest on it any more.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from pipeline.core.learning import week_of
from pipeline.core.measures.attempts import Check, Trial
from pipeline.core.measures.flakes import Pattern

_encoder = msgspec.msgpack.Encoder()


class CheckWeek:
    """The commits of one check whose first run of it fell into one week."""

    __slots__ = ("patterns", "sums")

    def __init__(self) -> None:
        self.patterns: dict[Pattern, int] = {}
        #: errors, reruns, waited, error_reruns, error_waited; in the order of ``Course``
        self.sums = [0, 0, 0, 0, 0]

    def add(self, trial: Trial, commits: int) -> None:
        """Count so many commits more, or fewer (below 0)."""
        course = trial.course
        pattern, numbers = course[0], course[1:]
        count = self.patterns.get(pattern, 0) + commits
        if count:
            self.patterns[pattern] = count
        else:
            del self.patterns[pattern]
        if any(numbers):
            self.sums = [held + commits * number for held, number in zip(self.sums, numbers, strict=True)]

    @property
    def commits(self) -> int:
        """On how many commits it ran."""
        return sum(self.patterns.values())

    @property
    def runs(self) -> int:
        """How many runs had a result."""
        return sum(pattern.runs * count for pattern, count in self.patterns.items())

    @property
    def failed(self) -> int:
        """How many of them failed."""
        return sum(pattern.failed * count for pattern, count in self.patterns.items())

    @property
    def flaked(self) -> int:
        """On how many commits it both failed and passed."""
        return sum(count for pattern, count in self.patterns.items() if 0 < pattern.failed < pattern.runs)

    def merge(self, other: CheckWeek) -> None:
        """Count the commits of another week, too."""
        for pattern, count in other.patterns.items():
            self.patterns[pattern] = self.patterns.get(pattern, 0) + count
        self.sums = [one + another for one, another in zip(self.sums, other.sums, strict=True)]

    def dump(self) -> bytes:
        """The same counts give the same bytes."""
        return _encoder.encode(
            [sorted((*pattern, count) for pattern, count in self.patterns.items()), self.sums]
        )

    @classmethod
    def load(cls, value: bytes) -> CheckWeek:
        """What ``dump`` gave."""
        told = cls()
        patterns, told.sums = msgspec.msgpack.decode(
            value, type=tuple[list[tuple[int, int, bool, int]], list[int]]
        )
        told.patterns = {Pattern(runs, failed, left): count for runs, failed, left, count in patterns}
        return told


class CheckWeeks:
    """Counts by check and week for one workspace."""

    name = "check-week"

    def __init__(self, window: int) -> None:
        self._window = window
        self.weeks: dict[Check, dict[int, CheckWeek]] = {}
        #: weeks before this one stand as they are
        self.first = 0
        self._unsaved: dict[tuple[Check, int], None] = {}

    def count(self, trial: Trial, commits: int) -> bool:
        """Count a trial of so many commits more, or fewer; false when its week stands as it is."""
        if trial.week < self.first:
            return False
        weeks = self.weeks.setdefault(trial.check, {})
        held = weeks.get(trial.week)
        if held is None:
            held = weeks[trial.week] = CheckWeek()
        held.add(trial, commits)
        if not held.patterns:
            del weeks[trial.week]
            if not weeks:
                del self.weeks[trial.check]
        return True

    def window(self, check: Check, week: int) -> CheckWeek:
        """The weeks up to one, together."""
        weeks = self.weeks[check]
        together = CheckWeek()
        for past in range(week - self._window + 1, week + 1):
            if past in weeks:
                together.merge(weeks[past])
        return together

    def following(self, week: int) -> range:
        """The weeks whose window a week is in."""
        return range(week, week + self._window)

    def forget_before(self, before: int) -> None:
        """Commits from before a time may be forgotten from now on."""
        first = week_of(before - 1) + 1 if before > 0 else 0
        if first <= self.first:
            return
        dropped = first - self._window + 1
        for check in list(self.weeks):
            weeks = self.weeks[check]
            for week in sorted(weeks):
                if week < dropped:
                    del weeks[week]
                elif not self.first <= week < first:
                    continue
                self._unsaved[(check, week)] = None
            if not weeks:
                del self.weeks[check]
        self.first = first

    # -- what is saved --------------------------------------------------------------------------

    def changed_records(self) -> Iterator[tuple[str, bytes]]:
        """Keys and values since the last time; an empty value: dropped."""
        for check, week in self._unsaved:
            held = self.weeks.get(check, {}).get(week)
            yield _key(check, week), b"" if held is None else held.dump()
        self._unsaved.clear()

    def note_everything(self) -> None:
        """All that stands is to be saved again."""
        for check, weeks in self.weeks.items():
            self._unsaved.update({(check, week): None for week in weeks if week < self.first})

    def settle(self) -> None:
        """All is saved."""
        self._unsaved.clear()

    def take(self, key: str, value: bytes) -> None:
        """Take in a record of a snapshot: that week stands."""
        check, week = _place(key)
        self.weeks.setdefault(check, {})[week] = CheckWeek.load(value)
        self.first = max(self.first, week + 1)

    def holds(self, key: str, value: bytes) -> bool:
        """Whether the same is held here as another one saved."""
        check, week = _place(key)
        held = self.weeks.get(check, {}).get(week)
        return (b"" if held is None else held.dump()) == value


def _key(check: Check, week: int) -> str:
    return msgspec.json.encode((week, *check)).decode()


def _place(key: str) -> tuple[Check, int]:
    week, *check = msgspec.json.decode(key, type=tuple[int, str, str, str])
    return Check(*check), week
