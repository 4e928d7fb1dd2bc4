"""What leaves: one struct per fact table, one instance per row.

``keys`` names the fields that identify a row inside a workspace; they are the table's sorting key
after ``workspace``. The step that writes adds ``workspace``, ``version`` and ``is_deleted``. Times
are int64 microseconds UTC; ``events`` names the events a row was computed from.
"""

from __future__ import annotations

from pipeline.core.facts.builds import (
    ArtifactFact,
    CheckFlakinessFact,
    FindingFact,
    FlakyRunFact,
)
from pipeline.core.facts.changes import (
    ChangeAttributionFact,
    ChangeFact,
    ComplianceFact,
    OutcomeFact,
    ReviewFact,
)
from pipeline.core.facts.organisation import (
    ServiceFact,
    ThresholdFact,
    WeeklyCountFact,
)
from pipeline.core.facts.production import (
    AttributionFact,
    BudgetBurnFact,
    BudgetFact,
    BudgetSpendingFact,
    BurnFact,
    DeploymentChangeFact,
    DeploymentFact,
    DriftFact,
    IncidentFact,
)
from pipeline.core.facts.row import Fact

__all__ = [
    "ArtifactFact",
    "AttributionFact",
    "BudgetBurnFact",
    "BudgetFact",
    "BudgetSpendingFact",
    "BurnFact",
    "ChangeAttributionFact",
    "ChangeFact",
    "CheckFlakinessFact",
    "ComplianceFact",
    "DeploymentChangeFact",
    "DeploymentFact",
    "DriftFact",
    "Fact",
    "FindingFact",
    "FlakyRunFact",
    "IncidentFact",
    "OutcomeFact",
    "ReviewFact",
    "ServiceFact",
    "TABLES",
    "ThresholdFact",
    "WeeklyCountFact",
]

#: table -> row struct, in the order in which the tables are written
TABLES: dict[str, type[Fact]] = {
    fact.table: fact
    for fact in (
        ServiceFact,
        ChangeFact,
        ReviewFact,
        ComplianceFact,
        FindingFact,
        ThresholdFact,
        CheckFlakinessFact,
        FlakyRunFact,
        OutcomeFact,
        WeeklyCountFact,
        ArtifactFact,
        DeploymentFact,
        DeploymentChangeFact,
        BurnFact,
        DriftFact,
        IncidentFact,
        AttributionFact,
        ChangeAttributionFact,
        BudgetFact,
        BudgetBurnFact,
        BudgetSpendingFact,
    )
}
