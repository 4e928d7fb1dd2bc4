"""What a seed chooses before anything happens: sizes, and how much goes wrong."""

from __future__ import annotations

from random import Random
from typing import NamedTuple

from tests.simulation.disturbed import Rates

#: nothing goes wrong any more from then on
TROUBLED_CHECKPOINTS_MAX = 4_000


class Knobs(NamedTuple):
    """Each seed has its own kind of trouble: all of it at once would hide what one kind alone does."""

    partitions: int
    #: processes of each step
    workers: int
    workspaces: int
    actions: int
    batch_events: int
    batch_records: int
    markers: int
    rates: Rates
    #: how likely at a checkpoint
    passing: float
    posting: float
    rebalance: float
    killing: float
    compaction: float
    starting: float
    #: a release before the last one runs until this checkpoint
    upgrade_at: int
    #: how far the machines' clocks are ahead of the last delivery, in days
    clock_days: float
    #: trouble lasts for so many checkpoints at least
    troubled: int
    #: processes keep the state of partitions that others have
    standby: bool


def drawn(random: Random) -> Knobs:
    def often(*values: float) -> float:
        return random.choice((0.0, *values))

    return Knobs(
        partitions=random.randint(1, 4),
        workers=random.randint(1, 3),
        workspaces=random.randint(1, 3),
        actions=random.randint(2, 8),
        batch_events=random.choice((3, 8, 30)),
        batch_records=random.choice((5, 40, 1_000)),
        markers=random.randint(0, 1),
        rates=Rates(
            kill=often(0.0005, 0.002, 0.01),
            unavailable=often(0.001, 0.01),
            uncertain=often(0.01, 0.05, 0.2),
            pause=often(0.002, 0.01),
            pause_checkpoints=random.choice((50, 300, 1_000)),
        ),
        passing=random.choice((0.02, 0.1, 0.5)),
        posting=random.choice((0.01, 0.05, 0.2)),
        rebalance=often(0.002, 0.01),
        killing=often(0.0005, 0.003),
        compaction=often(0.005),
        starting=random.choice((0.01, 0.1)),
        upgrade_at=random.choice((0, 0, random.randint(100, 1_500))),
        clock_days=random.random() * 20,
        troubled=random.choice((100, 500, 2_000)),
        standby=random.random() < 0.5,
    )
