"""Where the events and truths of a week are gathered, and what goes on from one week to the next."""

from __future__ import annotations

from typing import NamedTuple

from pipeline.core.events import Event
from pipeline.simulate.options import MISTAKES, Options
from pipeline.simulate.organisation import JOBS, Organisation
from pipeline.simulate.planting import FLAKE_RATE, Planting
from pipeline.simulate.truth import TrueJob, Truth

#: microseconds in a second; the world counts in seconds, its events in microseconds
MICROSECONDS = 1_000_000
#: from what happened to its receipt
RECEIPT = 2 * MICROSECONDS
PARSER_VERSION = 1
#: the job that fails where flaky tests are planted
FLAKY_JOB = 1


#: the fields that every event has
Head = tuple[str, str, int, int, bool, int, int, bool, int]


def envelope(event_id: str, source: str, at: int, sequence: int = 0, happened: int = 0) -> Head:
    """The envelope of an event told at ``at``; where its teller's clock is off, it ``happened`` then."""
    return (event_id, source, at, (happened or at) + RECEIPT, False, 0, PARSER_VERSION, False, sequence)


class Landed(NamedTuple):
    """A change on the main branch."""

    key: str
    sha: str
    title: str
    author: str
    merged_at: int


class Live(NamedTuple):
    """A version that a service can go back to."""

    tag: str
    sha: str
    deployment: str


class Desk:
    """Everything that is told goes through here."""

    def __init__(self, options: Options, organisation: Organisation, planting: Planting) -> None:
        self.options, self.organisation, self.planting = options, organisation, planting
        self.week = 0
        self.begin = options.begin
        self.events: list[Event] = []
        #: rows with the instant (seconds) from which on they belong to the world's past
        self.truths: list[tuple[int, Truth]] = []
        self.numbers = [0] * len(organisation.repositories)
        self.main_heads = [""] * len(organisation.repositories)
        self.versions = [0] * len(organisation.services)
        self.good: list[Live | None] = [None] * len(organisation.services)
        self.flakes = [repository.flakes for repository in organisation.repositories]
        self.stampers: frozenset[int] = frozenset()
        self.bypassers: frozenset[int] = frozenset()
        self.silent: frozenset[int] = frozenset()
        self.late_finders: frozenset[int] = frozenset()
        self.drifters: frozenset[int] = frozenset()
        self.bottlenecks: dict[int, int] = {}
        self._mistakes: dict[str, frozenset[int]] = {}

    def turn_to(self, week: int, begin: int) -> None:
        """Begin another week."""
        self.week, self.begin = week, begin
        where = self.planting.where
        for repository in sorted(where("flaky-tests", week)):
            flakes = list(self.organisation.repositories[repository].flakes)
            flakes[FLAKY_JOB] = FLAKE_RATE
            if self.flakes[repository] != tuple(flakes):
                self.flakes[repository] = tuple(flakes)
                name = self.organisation.repositories[repository].name
                row = TrueJob(name, JOBS[FLAKY_JOB][0], FLAKE_RATE, begin * MICROSECONDS)
                self.truths.append((begin, row))
        self.stampers = where("rubber-stamping", week)
        self.bypassers = where("bypass-abuse", week)
        self.silent = where("missing-context", week)
        self.late_finders = where("late-findings", week)
        self.drifters = where("environment-drift", week)
        self.bottlenecks = self.planting.bottlenecks(week)
        self._mistakes = {mode: where(mode, week) for mode in MISTAKES}

    def at_work(self, mistake: str, place: int) -> bool:
        """Whether a mistake is planted in a team or repository this week."""
        return place in self._mistakes[mistake]

    def next_number(self, repository: int) -> int:
        """The number of the next request in a repository."""
        self.numbers[repository] += 1
        return self.numbers[repository]

    def take(self) -> tuple[list[Event], list[tuple[int, Truth]]]:
        """What was gathered, and begin anew."""
        events, truths = self.events, self.truths
        self.events, self.truths = [], []
        return events, truths
