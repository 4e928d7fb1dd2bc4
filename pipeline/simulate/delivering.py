"""The deployments of a week in order, with the changes they bring and the trouble they make."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pipeline.core import events as e
from pipeline.simulate.changing import SHAS_A_CHANGE, ChangeTeller
from pipeline.simulate.checking import CheckTeller
from pipeline.simulate.deploying import FIXED, REGULAR, ROLLBACK, DeploymentTeller
from pipeline.simulate.desk import MICROSECONDS as M
from pipeline.simulate.desk import Desk, Landed, Live, envelope
from pipeline.simulate.draws import Stream
from pipeline.simulate.plan import BEFORE_LIVE, SPACING, Planner, WeekPlan
from pipeline.simulate.planting import BURNT_SHARE, LATE_FINDING_SHARE, PUZZLING_SHARE, USELESS_ROLLBACK_HOURS
from pipeline.simulate.repairing import SHAS_A_REPAIR, Repairs
from pipeline.simulate.troubling import Cause, Incidents, Spans, spans
from pipeline.simulate.truth import TrueBurn, TrueFinding

#: a fix goes out by itself when the next regular deployment is further away than this
_APART = 2_400
_REVERT_SHARE, _RELAND_SHARE = 0.5, 0.3
_REPAIRS_A_DEPLOYMENT = 3
_HOUR, _DAY = 3_600, 86_400


class Waiting(NamedTuple):
    """An incident whose fix is ready at ``ready``, and goes out then or with a regular deployment."""

    ready: int
    name: str
    shown: int
    onset: int
    detected: int
    acknowledged: int
    settle: int
    cause: Cause
    shas: list[str]
    draws: list[float]


class Delivery:
    """Goes through the plan of a week; what isn't repaired by its end goes on in the next one."""

    def __init__(self, desk: Desk, planner: Planner, checks: CheckTeller, incidents: Incidents) -> None:
        self._desk, self._planner, self._incidents = desk, planner, incidents
        self._changes = ChangeTeller(desk, checks)
        self._repairs = Repairs(desk, checks, self._changes)
        self.deployments = DeploymentTeller(desk, checks)
        services = len(desk.organisation.services)
        self._waiting: list[list[Waiting]] = [[] for _ in range(services)]
        #: the newest deployment of each service, rollbacks left aside
        self._latest = [0] * services
        #: changes of a regular deployment are merged after the fix that went out by itself before it
        self._floor = [0] * services

    def tell(self, week: int) -> None:
        """Everything of one week that deployments are at the centre of."""
        desk = self._desk
        self._mend_due(desk.begin)
        seed, plan = self._desk.options.seed, self._planner.plan(week)
        shas = Stream(seed, "shas", week).shas(len(plan.kind) * SHAS_A_CHANGE)
        stream = Stream(seed, "repairs", week)
        repairs = stream.shas(len(plan.service) * SHAS_A_REPAIR * _REPAIRS_A_DEPLOYMENT)
        columns = np.array([u[6:14] for u in plan.deployment_draws]).reshape(-1, 8)
        takes = spans(self._desk.options.lags, columns)
        for row, service in enumerate(plan.service):
            live_at, first, count = plan.live_at[row], plan.first[row], plan.count[row]
            if self._waiting[service]:
                self._mend_alone(service, live_at - _APART)
            floor = self._floor[service]
            landed = [
                self._changes.tell(
                    plan, change, service, max(plan.merged_at[change], floor + turn),
                    shas[change * SHAS_A_CHANGE : (change + 1) * SHAS_A_CHANGE], turn,
                )
                for turn, change in enumerate(range(first, first + count), start=1)
            ]  # fmt: skip
            if desk.at_work("undeployed-changes", desk.organisation.services[service].repository):
                continue  # the pipeline is stuck
            mended = self._ride(service, live_at) if self._waiting[service] else []
            self._latest[service] = live_at
            head = max([*landed, *mended], key=lambda one: one.merged_at) if mended else landed[-1]
            tag, key = self.deployments.version(service)
            version, u = Live(tag, head.sha, key), plan.deployment_draws[row]
            bad = plan.bad[row]
            culprit = landed[plan.culprit[row] - first]
            self.deployments.tell(
                service, live_at, version, head.merged_at, u, role=REGULAR, changes=count + len(mended),
                bad=bad, culprit=culprit.key if bad else "",
            )  # fmt: skip
            if bad:
                mine = repairs[row * SHAS_A_REPAIR * _REPAIRS_A_DEPLOYMENT :][
                    : SHAS_A_REPAIR * _REPAIRS_A_DEPLOYMENT
                ]
                self._broken(plan, row, takes, version, culprit, mine)
            else:
                self._desk.good[service] = version
                self._aftermath(service, live_at, version, landed, u)

    def _broken(self, plan: WeekPlan, row: int, takes: Spans, version: Live, culprit: Landed,
                shas: list[str]) -> None:  # fmt: skip
        """What follows from a bad deployment."""
        service, u = plan.service[row], plan.deployment_draws[row]
        live_at, good = plan.live_at[row], self._desk.good[plan.service[row]]
        onset = live_at + takes.lag[row]
        detected = onset + takes.detect[row]
        acknowledged = detected + takes.acknowledge[row]
        shown = self._incidents.climbed(service, u[14], u[15])
        cause, name = Cause(version.deployment, culprit.key), f"caused {version.deployment}"
        if u[16] < self._desk.options.rollback and good is not None:
            undone = max(detected + takes.undo[row], acknowledged + 60)
            back = good._replace(deployment=f"{version.deployment} undone")
            self.deployments.tell(
                service, undone, back, 0, u, role=ROLLBACK, changes=0, undoes=version.deployment
            )  # fmt: skip
            settled = undone + takes.settle[row]
            if self._desk.at_work("failed-rollbacks", self._desk.organisation.services[service].team):
                least, most = USELESS_ROLLBACK_HOURS
                settled += int((least + (most - least) * u[24]) * _HOUR)
            self._incidents.tell(name, shown, onset, detected, acknowledged, settled, u[17], cause, ROLLBACK)
            if u[18] < _REVERT_SHARE:
                merged = undone + 600 + int(u[19] * 2 * _HOUR)
                revert = self._repairs.revert(service, merged - 900, merged, u[20], shas[:2], culprit)
                if u[21] < _RELAND_SHARE:
                    again = merged + _DAY + int(u[22] * 2 * _DAY)
                    self._repairs.revert(service, again - 3 * _HOUR, again, u[23], shas[2:4], revert)
            return
        ready = max(detected + takes.fix[row], acknowledged + 1_200)
        self._waiting[service].append(
            Waiting(ready, name, shown, onset, detected, acknowledged, takes.settle[row], cause, shas[4:], u)
        )

    def _mend_due(self, until: int) -> None:
        """Mend what is ready before this instant, and what no regular deployment took along."""
        for service, waitings in enumerate(self._waiting):
            if waitings:
                self._mend_alone(service, until)

    def _mend_alone(self, service: int, until: int) -> None:
        """Fixes that go out before ``until``, each by a deployment of its own."""
        waitings, self._waiting[service] = self._waiting[service], []
        for one in waitings:
            at = max(one.ready, self._latest[service] + SPACING)
            if at >= until:
                self._waiting[service].append(one)
                continue
            merged = at - BEFORE_LIVE
            fix = self._repairs.fix(
                service, one.acknowledged + 300, merged, one.draws[20], one.shas, one.name
            )  # fmt: skip
            tag, key = self.deployments.version(service)
            version = Live(tag, fix.sha, key)
            self.deployments.tell(service, at, version, merged, one.draws, role=FIXED)
            self._desk.good[service] = version
            self._floor[service] = self._latest[service] = at
            self._planner.last_at[service] = max(int(self._planner.last_at[service]), at)
            self._mended(one, at)

    def _ride(self, service: int, live_at: int) -> list[Landed]:
        """The fixes that go out with a regular deployment."""
        landed, left = [], []
        for waiting in self._waiting[service]:
            if waiting.ready > live_at - BEFORE_LIVE:
                left.append(waiting)
                continue
            merged = live_at - BEFORE_LIVE
            opened = waiting.acknowledged + 300
            landed.append(
                self._repairs.fix(service, opened, merged, waiting.draws[20], waiting.shas, waiting.name)
            )  # fmt: skip
            self._mended(waiting, live_at)
        self._waiting[service] = left
        return landed

    def _mended(self, waiting: Waiting, at: int) -> None:
        self._incidents.tell(
            waiting.name, waiting.shown, waiting.onset, waiting.detected, waiting.acknowledged,
            at + waiting.settle, waiting.draws[17], waiting.cause, FIXED,
        )  # fmt: skip

    def left_over(self) -> None:
        """At the end of the world, incidents that nobody has ended yet."""
        self._mend_due(self._desk.options.end)
        for waitings in self._waiting:
            for one in waitings:
                self._incidents.tell(
                    one.name, one.shown, one.onset, one.detected, one.acknowledged, None, one.draws[17],
                    one.cause, "",
                )  # fmt: skip
            waitings.clear()

    def _aftermath(
        self, service: int, live_at: int, version: Live, landed: list[Landed], u: list[float]
    ) -> None:
        """What planted modes do to a good deployment: a budget that burns, findings after the merge."""
        desk, its = self._desk, self._desk.organisation.services[service]
        add = desk.events.append
        if its.team in desk.silent and u[34] < BURNT_SHARE:
            began, slo = live_at + 300 + int(u[35] * 3_000), f"{its.name}/latency"
            at, key = began * M, f"prometheus {slo} {began} started"
            add(e.BurnStarted(*envelope(key, "prometheus", at), slo, its.name, "production",
                6.0, 21_600))  # fmt: skip
            at = (began + 3_600 + int(u[36] * 3 * _HOUR)) * M
            add(e.BurnEnded(*envelope(f"prometheus {slo} {began} ended", "prometheus", at), slo, its.name,
                "production"))  # fmt: skip
            desk.truths.append((began, TrueBurn(key, its.name, version.deployment)))
        if desk.at_work("unexplained-incidents", its.team) and u[34] < PUZZLING_SHARE:
            self._incidents.tell_puzzle(version.deployment, service, live_at, u[35], u[36])
        if its.repository in desk.late_finders:
            name = desk.organisation.repositories[its.repository].name
            for place, change in enumerate(landed):
                if (u[37] * (place + 1) * 8191.0) % 1 >= LATE_FINDING_SHARE:
                    continue
                finding = f"github {name} code alert {change.sha[:8]}"
                found = change.merged_at + 3_600 + int(u[38] * _DAY)
                add(e.FindingReported(*envelope(f"{finding} created", f"github/{name}", found * M), finding,
                    name, "code", "open", "high", "py/injection", "sast",
                    "src/app.py", change.sha, "main"))  # fmt: skip
                desk.truths.append((found, TrueFinding(finding, name, change.key)))
