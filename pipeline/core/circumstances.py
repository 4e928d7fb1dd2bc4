"""What is known around an incident: burns, drifts, rollbacks, reverts, and who fell silent.

``Circumstances`` answers what evidence asks (``evidence.Surroundings``) from what was built, what
was deployed and which incidents there are; burns and drifts it keeps itself.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence

from pipeline.core.building import Building
from pipeline.core.changes import ChangeSummary
from pipeline.core.delivery import Delivery
from pipeline.core.incidents import Incident, Onset, find_onset
from pipeline.core.parameters import DAY, Parameters
from pipeline.core.periods import Period
from pipeline.core.references import Touched
from pipeline.core.register import Register, environment_of
from pipeline.core.timeline import any_within


class Circumstances:
    """Everything that incidents of one workspace are held against."""

    def __init__(
        self, parameters: Parameters, building: Building, delivery: Delivery, register: Register
    ) -> None:
        self._parameters = parameters
        self._building = building
        self._delivery = delivery
        self._register = register
        #: the moment at which everybody looks
        self.now = 0
        #: deployments by service and environment
        self.lanes = delivery.lanes
        #: deployments by environment
        self.boards = delivery.boards
        self._burns: dict[tuple[str, str], list[int]] = {}
        self._drifts: dict[tuple[str, str], list[int]] = {}

    def correct_periods(
        self,
        old: Sequence[tuple[Period, str]],
        new: Sequence[tuple[Period, str]],
        kind: str,
        touched: list[Touched],
    ) -> None:
        """Burns or drifts of one objective or resource changed."""
        lines = self._burns if kind == "burn" else self._drifts
        # only beginnings are evidence
        was = {(service, period.environment, period.start) for period, service in old}
        now = {(service, period.environment, period.start) for period, service in new}
        for service, environment, start in sorted(was ^ now):
            line = lines.setdefault((service, environment), [])
            index = bisect_left(line, start)
            if (service, environment, start) in now:
                line.insert(index, start)
            elif index < len(line) and line[index] == start:
                del line[index]
            touched.append((service, environment, start, True))

    def summary_of(self, change: str) -> ChangeSummary | None:
        """What is known of a change."""
        return self._building.summary_of(change)

    def burns_of(self, service: str, environment: str) -> Sequence[int]:
        """When error budgets of a service began to burn, in order."""
        return self._burns.get((service, environment), ())

    def drifts_of(self, service: str, environment: str) -> Sequence[int]:
        """When resources of a service began to drift, in order."""
        return self._drifts.get((service, environment), ())

    def reverted_at(self, change: str) -> int | None:
        """When a change was first reverted."""
        return self._building.reverted_at(change)

    def reverts_between(self, start: int, end: int) -> bool:
        """Whether any change was reverted in ``[start, end]``."""
        return any_within(self._building.reverts.times, start, end)

    def services_rolled_back(self, environment: str, start: int, end: int) -> int:
        """How many services a rollback touched in a period."""
        return self._delivery.services_rolled_back(environment, start, end)

    def same_symptoms(self, incident: Incident) -> Sequence[int]:
        """When other incidents of the same service, opened earlier, told the same symptoms."""
        return self._register.same_symptoms(incident)

    def onset_of(self, incident: Incident, learned_delay_seconds: float | None) -> Onset:
        """When an incident's symptoms began."""
        burns = self.burns_of(self._register.service_of(incident), environment_of(incident))
        return find_onset(incident, burns, self._parameters, learned_delay_seconds)

    def silent_sources(self, service: str, onset_at: int) -> list[str]:
        """Sources that reported a service's deployments and have been quiet for far too long."""
        silent = []
        window = self._parameters.window
        for source in sorted(self._delivery.reported):
            line = self._delivery.reported[source].between(
                (onset_at - window, "", ""), (onset_at, "\U0010ffff", "")
            )
            if not line or all(item[2] != service for item in line):
                continue
            gap = onset_at - line[-1][0]
            rate = len(line) / max(1, window - gap)
            if gap > DAY and rate * gap > self._parameters.silence_expected_min:
                silent.append(source)
        return silent
