"""What is held of one objective: its counters, and the rows that stand for its budget."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.core.facts import BudgetBurnFact, BudgetFact, BudgetSpendingFact
from pipeline.core.limits import BudgetLimits
from pipeline.core.measures.burning import Burn
from pipeline.core.measures.counters import NOTHING, Columns, Counts, Told
from pipeline.core.objectives import ObjectiveKey
from pipeline.core.periods import Period


class Series:
    """The counters of one objective by day, and its rows."""

    __slots__ = ("burns", "columns", "parts", "row", "spending")

    def __init__(self) -> None:
        #: by the entity that tells them and its words
        self.parts: dict[tuple[str, Told], Counts] = {}
        self.columns = Columns(NOTHING)
        self.row: BudgetFact | None = None
        #: stretch -> burns that began in it, with their rows
        self.burns: dict[int, list[tuple[Burn, BudgetBurnFact]]] = {}
        #: deployment -> its row
        self.spending: dict[str, BudgetSpendingFact] = {}


def day_of(key: str) -> int:
    """The day that an entity of counters is about, as its key says."""
    return int(key.rpartition("/")[2])


def periods_of(
    key: ObjectiveKey, burns: Sequence[tuple[Burn, BudgetBurnFact]], limits: BudgetLimits
) -> list[tuple[Period, str]]:
    """Burns as incidents see them: those that began where buckets are short enough to say when."""
    return [
        (Period(key[0], burn.onset_at, burn.ended_at, key[1], key[2], None, None, "", ()), key[1])
        for burn, _ in burns
        if not burn.continues and burn.onset_at - burn.onset_earliest_at <= limits.onset_bucket_max
    ]
