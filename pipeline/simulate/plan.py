"""The plan of one week: its deployments, the changes that each brings, and which of them are bad.

Deployments come first and their changes are laid before them, so what a deployment brings is
exact, and one week needs nothing of the next. A request may have been opened up to ``LEAD_SECONDS_MAX``
before its deployment: that far back a week's events reach.
"""

from __future__ import annotations

import msgspec
import numpy as np
import numpy.typing as npt

from pipeline.simulate.calendar import WEEK, Calendar
from pipeline.simulate.draws import Floats, Integers, Stream, lognormal, poisson, seconds
from pipeline.simulate.kinds import BOUNDS, DEPENDENCY, SIZES
from pipeline.simulate.options import Options
from pipeline.simulate.organisation import Organisation
from pipeline.simulate.planting import (
    BOTTLENECK_LEAD,
    BYPASS_ELSEWHERE,
    BYPASS_SHARE,
    FLAKY_LEAD_SECONDS,
    FORGOTTEN_BYPASS_SHARE,
    LARGE_FACTOR,
    RASH_LOGIT,
    Planting,
)
from pipeline.simulate.risks import (
    FURTHER_CHANGES_MEAN,
    SIZE_MAX,
    SIZE_MEDIAN,
    SIZE_SIGMA,
    chances,
    intercept_for,
    logits,
    together,
)

HOUR, DAY = 3_600, 86_400
IN_HOURS_SHARE = 0.9
#: two deployments of a service are at least this far apart
SPACING = 1_800
#: the last merge is this long before the deployment is live
BEFORE_LIVE = 900
_WAIT_MAX = 3 * DAY
LEAD_SECONDS_MAX = 8 * DAY
_LEAD_MEDIAN, _LEAD_SIGMA = 20.0 * HOUR, 1.2
DEPLOYMENT_DRAWS, CHANGE_DRAWS = 40, 64
_BRIEF = 600
#: a request is opened at most this long before its merge, weekends included
_OPEN_MAX = 9 * DAY
#: no event of a week lies further before its beginning
REACH = _OPEN_MAX + _WAIT_MAX + 2 * DAY
#: bypass: none, by a label, by a push to the branch
REVIEWED, LABELLED, DIRECT = 0, 1, 2


class WeekPlan(msgspec.Struct, frozen=True, gc=False):
    """Columns of one week; deployments by service and time, changes by deployment and merge."""

    service: list[int]
    live_at: list[int]
    first: list[int]
    count: list[int]
    bad: list[bool]
    culprit: list[int]
    deployment_draws: list[list[float]]
    kind: list[int]
    opened_at: list[int]
    reviewed_at: list[int]
    merged_at: list[int]
    additions: list[int]
    deletions: list[int]
    author: list[int]
    bypass: list[int]
    change_draws: list[list[float]]


class Planner:
    """Plans week after week; remembers when each service was deployed last."""

    def __init__(
        self, options: Options, organisation: Organisation, planting: Planting, calendar: Calendar
    ) -> None:
        self._options, self._organisation = options, organisation
        self._planting, self._calendar = planting, calendar
        self._rates = organisation.rates()
        self._team = organisation.integers("team")
        self._repository = organisation.integers("repository")
        self._members = np.array([len(team.members) for team in organisation.teams], dtype=np.int64)
        width = int(self._members.max())
        self._new = np.array([
            [place < len(team.members) and team.members[place] in team.new for place in range(width)]
            for team in organisation.teams
        ])  # fmt: skip
        self._flaky = np.array([repository.flaky for repository in organisation.repositories])
        self._intercept = intercept_for(options.failure_rate, options.seed, organisation)
        #: instant of the last deployment of each service, whatever it was
        self.last_at = np.full(len(organisation.services), options.begin - _WAIT_MAX, dtype=np.int64)

    def plan(self, week: int) -> WeekPlan:
        """The week of this number; weeks are asked for in order."""
        service, live_at, draws = self._deployments(week)
        before = np.concatenate(([0], live_at[:-1]))
        same = np.concatenate(([False], service[1:] == service[:-1]))
        before = np.where(same, before, self.last_at[service])
        counts = 1 + poisson(draws[:, 3], np.full(len(service), FURTHER_CHANGES_MEAN))
        starts = np.cumsum(counts) - counts
        deployment = np.arange(len(service)).repeat(counts)
        u = Stream(self._options.seed, "changes", week).uniform(len(deployment), CHANGE_DRAWS)
        gap = np.clip(live_at - before - BEFORE_LIVE - 300, 300, _WAIT_MAX)[deployment]
        wait = np.minimum(lognormal(u[:, 0], 2.0 * HOUR, 1.0), gap * u[:, 1]).astype(np.int64)
        merged = live_at[deployment] - BEFORE_LIVE - wait
        order = np.lexsort((merged, deployment))
        u, merged = u[order], merged[order]
        of = service[deployment]
        kind, lines, bypass, author, logit = self._features(week, of, u)
        chance = chances(logit, self._intercept)
        bad, culprit = _bad(chance, starts, counts, draws)
        opened, reviewed = self._opened(week, of, merged, u)
        additions = (lines * (0.5 + 0.5 * u[:, 5])).astype(np.int64)
        if len(service):
            np.maximum.at(self.last_at, service, live_at)
        return WeekPlan(
            service.tolist(), live_at.tolist(), starts.tolist(), counts.tolist(), bad.tolist(),
            culprit.tolist(), draws.tolist(), kind.tolist(), opened.tolist(), reviewed.tolist(),
            merged.tolist(), additions.tolist(), (lines.astype(np.int64) - additions).tolist(),
            author.tolist(), bypass.tolist(), u.tolist(),
        )  # fmt: skip

    def _deployments(self, week: int) -> tuple[Integers, Integers, Floats]:
        stream = Stream(self._options.seed, "deployments", week)
        counts = poisson(stream.uniform(len(self._rates)), self._rates)
        service = np.arange(len(counts)).repeat(counts)
        draws = stream.uniform(len(service), DEPLOYMENT_DRAWS)
        begin = self._options.begin + week * WEEK
        self._calendar.turn_to(begin)
        at = self._calendar.slots(begin, self._team[service], draws[:, 0] < IN_HOURS_SHARE, draws[:, 1:3])
        order = np.lexsort((at, service))
        at, draws = at[order], draws[order]
        turn = np.arange(len(service)) - (np.cumsum(counts) - counts)[service]
        earliest = np.maximum(at, self.last_at[service] + SPACING * (1 + turn)) - SPACING * turn
        far = service.astype(np.int64) << 32
        return service, np.maximum.accumulate(earliest + far) - far + SPACING * turn, draws

    def _features(
        self, week: int, of: Integers, u: Floats
    ) -> tuple[Integers, Floats, Integers, Integers, Floats]:
        team, repository = self._team[of], self._repository[of]
        kind = np.searchsorted(BOUNDS, u[:, 2], side="right").clip(max=DEPENDENCY)
        factor = np.where(self._planting.mask("large-changes", week, team), LARGE_FACTOR, 1.0)
        lines = np.clip(lognormal(u[:, 4], SIZE_MEDIAN, SIZE_SIGMA) * SIZES[kind] * factor, 1.0, SIZE_MAX)
        share = np.full(len(team), BYPASS_ELSEWHERE)
        share[self._planting.mask("overdue-retro-reviews", week, team)] = FORGOTTEN_BYPASS_SHARE
        share[self._planting.mask("bypass-abuse", week, team)] = BYPASS_SHARE
        person = kind != DEPENDENCY
        bypass = np.where((u[:, 7] < share) & person, np.where(u[:, 8] < 0.6, LABELLED, DIRECT), REVIEWED)
        author = (u[:, 6] * self._members[team]).astype(np.int64)
        flaky = self._flaky[repository] | self._planting.mask("flaky-tests", week, repository)
        new = self._new[team, author] & person
        logit = logits(lines, bypass > 0, flaky, new, kind)
        logit += RASH_LOGIT * self._planting.mask("failing-deployments", week, team)
        return kind, lines, bypass, author, logit

    def _opened(self, week: int, of: Integers, merged: Integers, u: Floats) -> tuple[Integers, Integers]:
        team = self._team[of]
        slow = self._planting.mask("reviewer-bottleneck", week, team)
        slow |= self._planting.mask("slow-reviews", week, team)
        blocked = self._planting.mask("flaky-tests", week, self._repository[of])
        lead = seconds(u[:, 9], _LEAD_MEDIAN, _LEAD_SIGMA, 2 * _BRIEF, LEAD_SECONDS_MAX)
        lead = np.where(slow, (lead * BOTTLENECK_LEAD).astype(np.int64), lead) + blocked * FLAKY_LEAD_SECONDS
        wanted = merged - np.minimum(lead, LEAD_SECONDS_MAX)
        opened = self._calendar.not_later(team, merged - 2 * _BRIEF, wanted, u[:, 10])
        opened = np.maximum(opened, merged - _OPEN_MAX)
        share = np.where(slow, 0.75 + 0.2 * u[:, 11], 0.1 + 0.5 * u[:, 11])
        wanted = opened + ((merged - opened) * share).astype(np.int64)
        return opened, self._calendar.not_earlier(team, merged - 300, wanted, u[:, 12])


def _bad(
    chance: Floats, starts: Integers, counts: Integers, draws: Floats
) -> tuple[npt.NDArray[np.bool_], Integers]:
    """Which deployments break, and the change that did it in each."""
    if not len(starts):
        return starts > 0, starts
    bad = draws[:, 4] < together(chance, starts)
    total = np.cumsum(chance)
    before = total[starts] - chance[starts]
    after = total[starts + counts - 1]
    found = np.searchsorted(total, before + draws[:, 5] * (after - before), side="right")
    return bad, np.clip(found, starts, starts + counts - 1)
