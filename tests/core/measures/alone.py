"""One series that is counted alone, week by week, by the code that judges all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from numpy.random import Generator

from pipeline.core.learning import week_start
from pipeline.core.limits import SpikeRules
from pipeline.core.measures.ledger import EVERYWHERE, Counts
from pipeline.core.measures.weekly import WeeklyCounts
from pipeline.core.rows import Rows


class Truth(NamedTuple):
    """What a week's hits are drawn from."""

    #: chance of a hit (a share), or hits of a week (a count)
    rate: float
    #: things a week; 0: a count
    things: int
    #: how alike the things of a week are, as the size of a beta distribution; 0: not at all
    concentration: float = 0.0

    def draw(self, random: Generator, weeks: int, multiple: float = 1.0) -> list[int]:
        """Hits of so many weeks."""
        rate = self.rate * multiple
        if not self.things:
            return [int(k) for k in random.poisson(rate, weeks)]
        rates = (
            random.beta(rate * self.concentration, (1 - rate) * self.concentration, weeks)
            if self.concentration
            else [rate] * weeks
        )
        return [int(random.binomial(self.things, each)) for each in rates]


def alarms(truth: Truth, hits: Sequence[int], rules: SpikeRules) -> list[str]:
    """The alarm of each week."""
    series = "bypasses" if truth.things else "incidents"
    weekly = WeeklyCounts(rules)
    # the first week is known, whether it has hits or not
    weekly.put("deployments", [Counts(0, EVERYWHERE, 1, 0)])
    weekly.put(series, [Counts(week, EVERYWHERE, truth.things or k, k) for week, k in enumerate(hits)])
    rows = Rows()
    weekly.write(week_start(len(hits)), rows)
    found = {row.week_at: row.alarm for _, facts, _ in rows.tables() for row in facts}  # type: ignore[attr-defined]
    return [found.get(week_start(week), "") for week in range(len(hits))]


def runs(
    truth: Truth, random: Generator, number: int, weeks: Sequence[int], multiple: float, rules: SpikeRules
) -> Iterator[list[str]]:
    """The alarms of the second part of each history, in which the rate is so many times what it was."""
    for _ in range(number):
        hits = truth.draw(random, weeks[0]) + truth.draw(random, weeks[1], multiple)
        yield alarms(truth, hits, rules)[weeks[0] :]
