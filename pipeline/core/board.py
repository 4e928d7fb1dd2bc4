"""All deployments to one environment as columns over time: what an incident is held against."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

import numpy as np
import numpy.typing as npt

from pipeline.core.grouping import Group
from pipeline.core.parameters import Risk

NEVER = np.iinfo(np.int64).max

#: rows that the columns grow by at least
_GROWTH_ROWS = 1024


class Board:
    """Deployments in order of effect, and columns over them that are refreshed from where they changed."""

    def __init__(self, risk: Risk) -> None:
        self._risk = risk
        self._order: list[tuple[int, str]] = []
        self.groups: list[Group] = []
        self._stale_from: int | None = None
        self.effective_at: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self.undone_at: npt.NDArray[np.int64] = np.empty(0, np.int64)
        self.service: npt.NDArray[np.int32] = np.empty(0, np.int32)
        self.weight: npt.NDArray[np.float64] = np.empty(0, np.float64)
        self.served: npt.NDArray[np.bool_] = np.empty(0, np.bool_)
        self.ignored: npt.NDArray[np.bool_] = np.empty(0, np.bool_)
        #: service name -> its code in the ``service`` column
        self.codes: dict[str, int] = {}
        self.names: list[str] = []

    def add(self, group: Group) -> None:
        """Put a deployment on the board."""
        place = (group.effective_at, group.key)
        if not self._order or place > self._order[-1]:
            index = len(self._order)
            self._order.append(place)
            self.groups.append(group)
        else:
            index = bisect_left(self._order, place)
            self._order.insert(index, place)
            self.groups.insert(index, group)
        self._stale(index)

    def remove(self, group: Group) -> None:
        """Take a deployment off the board; nothing happens when it is not there."""
        place = (group.effective_at, group.key)
        index = bisect_left(self._order, place)
        if index < len(self._order) and self._order[index] == place:
            del self._order[index]
            del self.groups[index]
            self._stale(index)

    def _stale(self, index: int) -> None:
        if self._stale_from is None or index < self._stale_from:
            self._stale_from = index

    def refresh(self) -> None:
        """Bring the columns up to date, from the first row that changed."""
        start = self._stale_from
        if start is None:
            return
        self._stale_from = None
        rows = len(self.groups)
        if rows > len(self.effective_at):
            self._grow(rows)
        tail = self.groups[start:]
        for group in tail:
            service = group.lane[0]
            if service not in self.codes:
                self.codes[service] = len(self.names)
                self.names.append(service)
        self.effective_at[start:rows] = [place[0] for place in self._order[start:]]
        self.undone_at[start:rows] = [NEVER if group.undone_at is None else group.undone_at for group in tail]
        self.service[start:rows] = [self.codes[group.lane[0]] for group in tail]
        self.weight[start:rows] = [self.weight_of(group) for group in tail]
        self.served[start:rows] = [group.served for group in tail]
        self.ignored[start:rows] = [group.ignored for group in tail]

    def _grow(self, rows: int) -> None:
        size = max(rows, 2 * len(self.effective_at), _GROWTH_ROWS)
        for name in ("effective_at", "undone_at", "service", "weight", "served", "ignored"):
            column = getattr(self, name)
            grown = np.zeros(size, column.dtype)
            grown[: len(column)] = column
            setattr(self, name, grown)

    def weight_of(self, group: Group) -> float:
        """How likely this deployment is to break anything, before an incident is known."""
        if group.ignored:
            return 0.0
        if not group.served:
            return group.risk * self._risk.failed
        if group.transition == "rollback":
            return self._risk.rollback
        return group.risk

    def between(self, earliest: int, latest: int) -> slice:
        """Rows whose deployments took effect in ``[earliest, latest]``."""
        return slice(
            bisect_left(self._order, (earliest, "")),
            bisect_right(self._order, (latest, "\U0010ffff")),
        )

    def evict(self, groups: list[Group]) -> None:
        """Forget deployments that no incident can be held against any more."""
        gone = {(group.effective_at, group.key) for group in groups}
        keep = [index for index, place in enumerate(self._order) if place not in gone]
        if len(keep) == len(self._order):
            return
        self._order = [self._order[index] for index in keep]
        self.groups = [self.groups[index] for index in keep]
        self._stale(0)
