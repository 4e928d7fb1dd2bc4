"""The comparison of the models as people read it: percent, intervals beside their figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pipeline.cli.output import write_rows

if TYPE_CHECKING:
    from pipeline.evaluate import Evaluation
    from pipeline.evaluate.comparison import Row

_COLUMNS = (
    "incidents",
    "model",
    "n",
    "top-1",
    "95 %",
    "top-3",
    "MRR",
    "ahead",
    "95 %",
    "right",
    "none",
    "Brier",
    "ECE",
)


def write_evaluation(evaluation: Evaluation, format_: str) -> None:
    """Print everything for programs, and what fits a terminal for people."""
    if format_ == "table":
        write_rows(_COLUMNS, [_cells(row) for row in evaluation.rows], format_)
    else:
        write_rows(evaluation.columns, evaluation.rows, format_)


def left_out_text(evaluation: Evaluation) -> str:
    """What is not in the figures, and why; empty when everything is."""
    reasons = [f"{count:,} {reason}" for reason, count in evaluation.left_out.items()]
    return f"left out: {', '.join(reasons)}" if reasons else ""


def _cells(row: Row) -> Sequence[object]:
    return (
        row.stratum,
        row.model,
        row.n,
        _percent(row.top1),
        _interval(row.top1_low, row.top1_high),
        _percent(row.top3),
        f"{row.mrr:.2f}",
        _points(row.ahead),
        _interval(row.ahead_low, row.ahead_high, points=True),
        _percent(row.right),
        f"{round((row.none_precision or 0) * row.none_said)} of {row.none_said}",
        f"{row.brier:.2f}",
        f"{row.ece:.2f}",
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _points(share: float | None) -> str:
    return "" if share is None else f"{100 * share:+.0f}"


def _interval(low: float | None, high: float | None, *, points: bool = False) -> str:
    if low is None or high is None:
        return ""
    return f"{100 * low:+.0f} to {100 * high:+.0f}" if points else f"{100 * low:.0f} to {100 * high:.0f}"
