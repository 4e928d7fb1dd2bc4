"""While ``aftermerge up`` holds the directory: it correlates, and other commands wait for it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from pipeline.cli.exits import Exit, Problem
from pipeline.measuring import ProgressCall, silent

if TYPE_CHECKING:
    from pipeline.cli.reporting import Outcome
    from pipeline.log.protocol import Log
    from pipeline.running import Running
    from pipeline.store.comparing import TableDifference

#: how long nothing may move before a command stops waiting; a rebuild of a large log moves all the time
STALLED_SECONDS_MAX = 300.0
POLL_SECONDS = 0.05


class Follower(Protocol):
    """Who brings the tables up to date, when that is not the command itself; seen from one workspace."""

    def of(self, workspace: str) -> Follower:
        """The same for another workspace, from now on."""

    def everywhere(self) -> Follower:
        """The same for whoever wrote events of several workspaces."""

    def caught_up(self, log: Log, outcome: Outcome, progress: ProgressCall = silent) -> Outcome:
        """Wait until the tables hold what the log holds now; events from behind the horizon are applied."""

    def rebuild(self, progress: ProgressCall = silent) -> dict[str, Any]:
        """Have the workspace rebuilt, and wait for that: ``folded``, ``rows`` and ``dead_letters``."""


@dataclass(frozen=True)
class UpFollower:
    """What a command sees of the running process: how far it was when the command began."""

    running: Running
    workspace: str
    #: what it said of itself then
    before: dict[str, Any]

    def of(self, workspace: str) -> UpFollower:
        """The same for another workspace, from now on."""
        return follower(self.running, workspace)

    def everywhere(self) -> UpFollower:
        """The same: it correlates all of them."""
        return self

    def caught_up(self, log: Log, outcome: Outcome, progress: ProgressCall = silent) -> Outcome:
        """Wait until the tables hold what the log holds now; events from behind the horizon are applied."""
        from pipeline.log.topics import EVENTS, PARTITION

        end = log.end(EVENTS, PARTITION)
        self._wait(log, end, progress)
        # what is in the log beside events: dead letters become rows, too
        self._ask("catch_up", progress)
        now, before = status(self.running, self.workspace), self.before
        outcome.correlated += now["folded"] - before["folded"]
        outcome.rows += now["rows"] - before["rows"]
        outcome.dead_letters += now["dead_letters"] - before["dead_letters"]
        if behind := now["behind_horizon"]:
            outcome.behind_horizon += behind
            outcome.rows += self.rebuild(progress)["rows"]
            outcome.rebuilt = True
        return outcome

    def rebuild(self, progress: ProgressCall = silent) -> dict[str, Any]:
        """Have the workspace rebuilt, and wait for that; what it read, folded and wrote."""
        found: dict[str, Any] = self._ask("rebuild", progress, workspace=self.workspace)
        return found

    def rehearse(self, progress: ProgressCall = silent) -> list[TableDifference]:
        """What a rebuild by that process would change."""
        from pipeline.store.comparing import TableDifference

        found = self._ask("rehearse", progress, workspace=self.workspace)
        return msgspec.convert(found, list[TableDifference])

    def _ask(self, name: str, progress: ProgressCall, **arguments: Any) -> Any:
        from pipeline.log.served.jobs import act

        return act(self.running.control_socket, name, progress, **arguments)

    def _wait(self, log: Log, end: int, progress: ProgressCall) -> None:
        from pipeline.log.topics import EVENTS, PARTITION
        from pipeline.state import GROUP

        moved_at, before = time.monotonic(), -1
        start = min(log.committed(GROUP, EVENTS, PARTITION), end)
        while (reached := log.committed(GROUP, EVENTS, PARTITION)) < end:
            if reached != before:
                moved_at, before = time.monotonic(), reached
            progress("correlating", max(0, reached - start), end - start)
            if time.monotonic() - moved_at > STALLED_SECONDS_MAX:
                trouble = status(self.running, self.workspace)["trouble"] or "it does not say why"
                raise Problem(
                    f"process {self.running.pid} has taken in nothing for {STALLED_SECONDS_MAX:.0f} s"
                    f" ({trouble}); {end - reached:,} events wait",
                    hint="they are safe in the log: nothing has to be imported again when it goes on",
                    code=Exit.UNAVAILABLE,
                )
            time.sleep(POLL_SECONDS)
        progress("correlating", end - start, end - start)


def follower(running: Running, workspace: str) -> UpFollower:
    """How far the running process is now."""
    return UpFollower(running, workspace, status(running, workspace))


def status(running: Running, workspace: str) -> dict[str, Any]:
    """What the running process says of itself; see ``pipeline.actions``."""
    from pipeline.log.served.jobs import act

    found: dict[str, Any] = act(running.control_socket, "status", workspace=workspace)
    return found
