"""How often each model is right, on the incidents whose true culprit is known.

Each model judges each incident as it stood when it was opened, over the deployments of the
attribution window; what really caused it comes from the ``truths`` topic, which only this package
reads. ``docs/evaluate.md`` defines every figure.
"""

from __future__ import annotations

from typing import NamedTuple

from pipeline.codec import Codec
from pipeline.core.parameters import Parameters
from pipeline.evaluate.comparison import ALL, LIVE, OURS, RULES, Row, compare
from pipeline.evaluate.judging import Judged, judge, read_truths
from pipeline.log.protocol import Log
from pipeline.measuring import ProgressCall

__all__ = [
    "ALL",
    "LIVE",
    "OURS",
    "RULES",
    "Evaluation",
    "Judged",
    "Row",
    "compare",
    "evaluate",
    "judge",
    "read_truths",
]


class Evaluation(NamedTuple):
    """The table of ``evaluate``, and how many incidents are not in it, by reason."""

    columns: tuple[str, ...]
    rows: list[Row]
    left_out: dict[str, int]

    def row(self, model: str, stratum: str = ALL) -> Row | None:
        """The figures of one model; ``None`` when no incident is in that stratum."""
        return next((row for row in self.rows if (row.model, row.stratum) == (model, stratum)), None)


def evaluate(
    log: Log, codec: Codec, workspace: str, parameters: Parameters, progress: ProgressCall | None = None
) -> Evaluation:
    """Compare the intensity model with the baselines on one workspace; reads, and writes nothing.

    The model and the hindsight of ``parameters`` do not matter, its windows and weights do. No rows
    when no incident has a known culprit.
    """
    found = judge(log, codec, workspace, parameters, progress)
    return Evaluation(Row._fields, compare(found.judged), dict(found.left_out.most_common()))
