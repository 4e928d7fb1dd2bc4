"""What a running process does when another command of its machine asks for it.

The steps belong to the loop: an action that needs them takes its lock, so the two take turns.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from pipeline.correlate import Correlator, Summary
from pipeline.embedded import Embedded
from pipeline.log.protocol import LogUnavailable
from pipeline.measuring import ProgressCall
from pipeline.store import StoreUnavailable
from pipeline.store.comparing import TableDifference

#: how the rows of a workspace would differ after a rebuild (``pipeline.rehearsing``)
Rehearsal = Callable[[str, ProgressCall], list[TableDifference]]


def actions_of(
    embedded: Embedded,
    correlator: Correlator,
    rehearsal: Rehearsal,
    *,
    version: str,
    started_at: datetime,
) -> Mapping[str, Callable[..., object]]:
    """What ``pipeline.web.control_socket.control_served`` is to do when it is asked, by name."""
    about = {"version": version, "started_at": started_at.isoformat()}
    asked = _Asked(embedded, correlator, rehearsal, about)
    return {
        "status": asked.status,
        "catch_up": asked.catch_up,
        "rebuild": asked.rebuild,
        "rehearse": asked.rehearse,
    }


class _Asked:
    def __init__(
        self,
        embedded: Embedded,
        correlator: Correlator,
        rehearsal: Rehearsal,
        about: Mapping[str, object],
    ) -> None:
        self._embedded = embedded
        self._correlator = correlator
        self._rehearsal = rehearsal
        self._about = dict(about)

    def status(self, workspace: str = "") -> dict[str, object]:
        """How the process is doing. It waits for nothing, so what it says may be a moment old.

        ``lag`` is in events. ``behind_horizon`` are the events of the workspace that wait for a rebuild.
        """
        condition = self._embedded.condition
        _, lag = self._embedded.lag()
        return {
            **self._about,
            "pid": os.getpid(),
            "lag": lag,
            "folded": condition.folded,
            "rows": condition.rows,
            "dead_letters": condition.dead_letters,
            "trouble": self._embedded.waiting_for(),
            "behind_horizon": self._correlator.behind_horizon(workspace),
        }

    def catch_up(self, progress: ProgressCall) -> dict[str, Any]:
        """Take in what the log holds now, dead letters included, without waiting for the loop."""
        summary = Summary()
        self._in_turn(lambda: self._correlator.catch_up(summary, self._embedded.alive(progress)))
        condition = self._embedded.condition
        condition.folded += summary.folded
        condition.rows += summary.rows
        condition.dead_letters += summary.dead_letters
        return asdict(summary)

    def rebuild(self, workspace: str, progress: ProgressCall) -> dict[str, Any]:
        """Every event of a workspace again; what is received meanwhile is safe, and waits."""
        found: list[Summary] = []
        told = self._embedded.alive(progress)
        self._in_turn(lambda: found.append(self._correlator.rebuild(workspace, told)))
        (summary,) = found
        return asdict(summary)

    def rehearse(self, workspace: str, progress: ProgressCall) -> list[TableDifference]:
        """What a rebuild would change, by the settings of this process; what is received waits meanwhile."""
        with self._embedded.turning:
            try:
                return self._rehearsal(workspace, self._embedded.alive(progress))
            except StoreUnavailable as error:
                raise LogUnavailable(str(error)) from error

    def _in_turn(self, work: Callable[[], None]) -> None:
        with self._embedded.turning:
            try:
                work()
            except BaseException as error:
                # an unfinished rebuild begins again
                self._embedded.condition.prepared = False
                if isinstance(error, LogUnavailable | StoreUnavailable):
                    raise LogUnavailable(str(error)) from error
                raise
