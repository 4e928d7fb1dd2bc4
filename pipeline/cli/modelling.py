"""From settings to the numbers of the model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.settings import Settings

if TYPE_CHECKING:
    from pipeline.core.parameters import Parameters


def parameters(settings: Settings) -> Parameters:
    """What the core is folded with, from the settings."""
    from pipeline.core.limits import BudgetLimits
    from pipeline.core.parameters import DAY, HOUR, Parameters

    return Parameters(
        model=settings.model,
        horizon=settings.horizon_days * DAY,
        window=settings.attribution_window_hours * HOUR,
        budgets=BudgetLimits(budget_window=settings.budget_window_hours * HOUR),
    )
