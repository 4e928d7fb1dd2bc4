"""Runs of CI jobs: what succeeds, what fails for a reason, and what fails without one."""

from __future__ import annotations

from pipeline.core import events as e
from pipeline.simulate.desk import MICROSECONDS as M
from pipeline.simulate.desk import Desk, envelope
from pipeline.simulate.organisation import JOBS, SMOKE
from pipeline.simulate.planting import WAIVED_SHARE
from pipeline.simulate.truth import TrueCheck

#: seconds that each job takes
DURATIONS = (180, 420, 900, 60, 300)
#: the job that a real breakage breaks
BROKEN_JOB = 1
INFRASTRUCTURE_SHARE = 0.008
ATTEMPTS_MAX = 3
#: attempts of all jobs fit into this time; where there is less of it, everything is quicker
_CALM = 7_200
_AGAIN = 1_500
_FURTHER = 8191.0
WORKFLOW = "checks"
POLICY = "policy"


class CheckTeller:
    """Tells runs of jobs and, of those that did not succeed, why."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def tell(self, repository: int, name: str, sha: str, at: int, time_left: int, broken: bool,
        u: list[float],
             first: int) -> None:  # fmt: skip
        """All jobs of one commit of a request, pushed at ``at``; ``u[first]`` and on decide about each."""
        add, truths = self._desk.events.append, self._desk.truths
        source, commit, flakes = f"github/{name}", f"{name}@{sha}", self._desk.flakes[repository]
        pace = min(1.0, time_left / _CALM)
        waives = self._desk.at_work("rigid-policies", self._desk.organisation.repositories[repository].team)
        for job, (job_name, kind) in enumerate(JOBS):
            v, begun = u[first + job], at + 5
            length = int(DURATIONS[job] * pace)
            for attempt in range(1, ATTEMPTS_MAX + 1):
                ended = begun + length
                reason = ""
                if broken and job == BROKEN_JOB:
                    reason = "breakage"
                elif v < flakes[job]:
                    reason = "flake"
                elif v > 1.0 - INFRASTRUCTURE_SHARE:
                    reason = "infrastructure"
                elif waives and kind == POLICY and v < WAIVED_SHARE:
                    reason = POLICY
                event = f"github {name} check {sha[:12]} {job_name} {attempt}"
                outcome = ("error" if reason == "infrastructure" else "failure") if reason else "success"
                add(e.CheckFinished(*envelope(event, source, ended * M), commit, name,
                    sha, job_name, kind, attempt, outcome, begun * M, "", WORKFLOW))  # fmt: skip
                if not reason:
                    break
                truths.append((ended, TrueCheck(event, name, job_name, reason)))
                if reason == POLICY or (reason == "breakage" and attempt == 2):
                    break
                v = v * _FURTHER % 1
                begun = ended + int((_AGAIN - DURATIONS[job]) * pace)

    def tell_main(self, repository: int, name: str, sha: str, at: int, u: float) -> None:
        """The jobs of the main branch after a merge; what fails there is run again."""
        add, truths = self._desk.events.append, self._desk.truths
        source, commit, flakes = f"github/{name}", f"{name}@{sha}", self._desk.flakes[repository]
        for job in (0, 1):
            job_name, kind = JOBS[job]
            flake = (u * (17.0, 211.0)[job]) % 1 < flakes[job]
            for attempt in range(1, 2 + flake):
                ended = at + (120 if job == 0 else 200) + 180 * (attempt - 1)
                event = f"github {name} check {sha[:12]} {job_name} {attempt}"
                outcome = "failure" if flake and attempt == 1 else "success"
                add(e.CheckFinished(*envelope(event, source, ended * M), commit, name,
                    sha, job_name, kind, attempt, outcome, (at + 5) * M, "", "main", "main"))  # fmt: skip
                if outcome != "success":
                    truths.append((ended, TrueCheck(event, name, job_name, "flake")))

    def tell_smoke(self, name: str, sha: str, at: int, passed: bool, key: str) -> None:
        """The smoke test after a deployment; it runs once for each deployment."""
        ended = at + 90
        self._desk.events.append(
            e.CheckFinished(*envelope(f"ci {key} {SMOKE}", "ci", ended * M), f"{name}@{sha}", name, sha,
            SMOKE, SMOKE, 1, "success" if passed else "failure", at * M, "",
            "deploy", "main")
        )  # fmt: skip
