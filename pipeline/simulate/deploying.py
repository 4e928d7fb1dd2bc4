"""How deployments are told: built, staged, rolled out, measured; and those that nobody tells."""

from __future__ import annotations

from pipeline.core import events as e
from pipeline.simulate.checking import CheckTeller
from pipeline.simulate.desk import MICROSECONDS as M
from pipeline.simulate.desk import Desk, Live, envelope
from pipeline.simulate.draws import share_of
from pipeline.simulate.planting import DEAR_SHARE, DEAR_TIMES, UNTAGGED_SHARE
from pipeline.simulate.truth import TrueClock, TrueDeployment

PRODUCTION, STAGING = "production", "staging"
REGULAR, ROLLBACK, FIXED, COINCIDENT = "regular", "rollback", "fix", "coincident"
FAILED_ATTEMPT_SHARE = 0.03
_BUILT_AFTER = 360
_STAGED_BEFORE = 450
_FAILED_BEFORE = 420
_COST_REPORTS = 4


class DeploymentTeller:
    """Tells deployments of one kind or another, each with what its service's reporters say."""

    def __init__(self, desk: Desk, checks: CheckTeller) -> None:
        self._desk, self._checks = desk, checks
        options = desk.options
        self._faults, self._seed = options.faults, options.seed
        skew = self._faults.skew_seconds
        names = [service.name for service in desk.organisation.services]
        self._skews = [round((2 * share_of(self._seed, "skew", name) - 1) * skew) for name in names]

    def clocks(self) -> list[TrueClock]:
        """The errors of the reporters' clocks."""
        services = self._desk.organisation.services
        return [
            TrueClock(f"argo/{service.name}", skew)
            for service, skew in zip(services, self._skews, strict=True)
            if skew
        ]

    def version(self, service: int) -> tuple[str, str]:
        """The next tag of a service, and the key of its deployment."""
        self._desk.versions[service] += 1
        number = self._desk.versions[service]
        return f"v{number}", f"argo {self._desk.organisation.services[service].name} {number}"

    def tell(self, service: int, live_at: int, version: Live, built_from: int, u: list[float], *,
             role: str, changes: int = 1, bad: bool = False, culprit: str = "",
             undoes: str = "") -> None:  # fmt: skip
        """One deployment to production, with what came before it and after it."""
        desk, its = self._desk, self._desk.organisation.services[service]
        name = desk.organisation.repositories[its.repository].name
        told = share_of(self._seed, "unreported", version.deployment) >= self._faults.unreported
        untagged = UNTAGGED_SHARE if desk.at_work("untagged-deployments", its.team) else 0.0
        tagged = share_of(self._seed, "missing tags", version.deployment) >= max(
            self._faults.missing_tags, untagged
        )
        artifact = f"pkg:oci/acme/{its.name}@{version.tag}"
        add = desk.events.append
        if role != ROLLBACK:
            at = (built_from + _BUILT_AFTER) * M
            digest = f"sha256:{version.sha}{version.sha[:24]}"
            add(e.ArtifactPackaged(*envelope(f"ci acme/{its.name} {version.tag} packaged", "ci", at),
                artifact, version.tag, digest, name, version.sha))  # fmt: skip
            if its.staged:
                at = (live_at - _STAGED_BEFORE) * M
                add(e.DeploymentFinished(*envelope(f"{version.deployment} staging success",
                    f"argo/{its.name}", at), f"{version.deployment} staging", its.name, STAGING, "service",
                    "success", version.tag, artifact))  # fmt: skip
        if told:
            self._rolled_out(
                service, live_at, version, artifact if tagged else "", tagged, u, role == ROLLBACK
            )
        if its.with_commit:
            self._checks.tell_smoke(name, version.sha, live_at, not bad or u[33] < 0.5, version.deployment)
        if not desk.at_work("missing-telemetry", its.team):
            self._measured(its.name, live_at, version, u, bad)
        if role == REGULAR and desk.at_work("cost-overrun", its.team):
            self._paid(its.name, live_at, version)
        if role == REGULAR and desk.at_work("unexplained-incidents", its.team):
            self._configured(its.name, live_at, version.deployment)
        desk.truths.append((live_at, TrueDeployment(version.deployment, its.name, role, live_at * M,
            changes, bad,
                            culprit, undoes, told, tagged)))  # fmt: skip
        if (
            role == REGULAR
            and share_of(self._seed, "coincident", version.deployment) < self._faults.coincident
        ):
            self._beside(service, live_at, version.deployment)

    def _rolled_out(self, service: int, live_at: int, version: Live, artifact: str, tagged: bool,
                    u: list[float], back: bool) -> None:  # fmt: skip
        desk, its = self._desk, self._desk.organisation.services[service]
        name, key = desk.organisation.repositories[its.repository].name, version.deployment
        source, skew = f"argo/{its.name}", self._skews[service]
        tag, sha = (version.tag, version.sha) if tagged else ("", "")
        actor = desk.organisation.deployer_bot
        add = desk.events.append
        began = live_at - 60 - int(u[29] * 300)
        at = (began + skew) * M
        add(e.DeploymentProgressed(*envelope(f"{key} started", source, at, 0, began * M), key,
            its.name, PRODUCTION, "started"))  # fmt: skip
        if its.canary and not back:
            for stage, fraction in ((1, 0.1), (2, 0.5)):
                moment = began + (live_at - began) * stage // 3
                at = (moment + skew) * M
                add(e.DeploymentProgressed(*envelope(f"{key} canary {stage}", source, at, 0, moment * M),
                    key, its.name, PRODUCTION, "canary", fraction))  # fmt: skip
        if u[30] < FAILED_ATTEMPT_SHARE and not back:
            moment = live_at - _FAILED_BEFORE
            at = (moment + skew) * M
            add(e.DeploymentFinished(*envelope(f"{key} failed failure", source, at, 0, moment * M),
                f"{key} failed",
                its.name, PRODUCTION, "service", "failure", tag, artifact))  # fmt: skip
        at = (live_at + skew) * M
        with_commit = its.with_commit and tagged
        add(e.DeploymentFinished(*envelope(f"{key} success", source, at, 0, live_at * M), key,
            its.name, PRODUCTION, "service", "success", tag, artifact, name if with_commit else "",
            "main" if with_commit else "", sha if with_commit else "", "", [], [], "", (began + skew) * M,
            back,
            actor))  # fmt: skip
        if its.told_twice:
            at = (live_at + 45) * M
            add(e.DeploymentFinished(*envelope(f"ci {key} success", "ci", at), f"ci {key}",
                its.name, PRODUCTION, "service", "success", tag, artifact, "", "", "", "", [], [], "", None,
                back,
                actor))  # fmt: skip

    def _measured(self, service: str, live_at: int, version: Live, u: list[float], bad: bool) -> None:
        add, at = self._desk.events.append, (live_at + 900) * M
        for metric, value, unit in (
            ("latency_p95", round(80.0 + 240.0 * u[31] + 400.0 * bad * u[32], 1), "ms"),
            ("error_rate", round(0.002 * u[32] + 0.02 * bad, 5), "1"),
        ):
            key = f"ci {version.deployment} {metric}"
            add(e.MeasurementReported(*envelope(key, "ci", at), key, "metric", metric, value,
                unit, service, PRODUCTION, version.tag))  # fmt: skip

    def _paid(self, service: str, live_at: int, version: Live) -> None:
        """What a version costs, as it is reported some times; some cost more than the one before."""
        dear = share_of(self._seed, "dear", version.deployment) < DEAR_SHARE
        for turn in range(1, _COST_REPORTS + 1):
            key, at = f"ci {version.deployment} compute {turn}", (live_at + 600 * turn) * M
            self._desk.events.append(
                e.MeasurementReported(*envelope(key, "ci", at), key, "cost", "compute",
                (100.0 + turn) * (DEAR_TIMES if dear else 1.0), "EUR", service, PRODUCTION, version.tag)
            )  # fmt: skip

    def _configured(self, service: str, live_at: int, deployment: str) -> None:
        """The service's own configuration changes besides: any of these may have done what happens next."""
        for turn, after in enumerate((20, 200), start=1):
            key, at = f"config {service} {turn} with {deployment}", (live_at + after) * M
            self._desk.events.append(
                e.DeploymentFinished(*envelope(f"{key} success", f"config/{service}", at), key,
                service, PRODUCTION, "configuration", "success",
                f"settings-{turn}-{deployment.rpartition(' ')[2]}")
            )  # fmt: skip
            row = TrueDeployment(key, service, COINCIDENT, at, beside=deployment)
            self._desk.truths.append((live_at, row))

    def _beside(self, service: int, live_at: int, deployment: str) -> None:
        """Another service changes its configuration in the same minute."""
        services = self._desk.organisation.services
        step = 1 + int(share_of(self._seed, "beside", deployment) * (len(services) - 1))
        its = services[(service + step) % len(services)]
        key, at = f"config {its.name} beside {deployment}", (live_at - live_at % 60 + 30) * M
        self._desk.events.append(
            e.DeploymentFinished(*envelope(f"{key} success", f"config/{its.name}", at), key,
            its.name, PRODUCTION, "configuration", "success", f"settings-{deployment.rpartition(' ')[2]}")
        )  # fmt: skip
        self._desk.truths.append((live_at, TrueDeployment(key, its.name, COINCIDENT, at, beside=deployment)))
