"""What happens beside deliveries: drift, findings, policies, releases, costs, flags, requests given up."""

from __future__ import annotations

import numpy as np

from pipeline.core import events as e
from pipeline.simulate.calendar import WEEK
from pipeline.simulate.checking import CheckTeller
from pipeline.simulate.desk import MICROSECONDS as M
from pipeline.simulate.desk import Desk, envelope
from pipeline.simulate.draws import Floats, Stream, poisson
from pipeline.simulate.kinds import KINDS, title, words
from pipeline.simulate.planting import DESIGN_DAYS, DESIGNS_A_WEEK, DRIFTS_A_WEEK
from pipeline.simulate.truth import TrueDrift

_DRIFTS_MEAN, _REAL_SHARE = 0.15, 0.25
_FLAGS_MEAN, _FINDINGS_MEAN, _POLICIES_MEAN, _GIVEN_UP = 0.2, 0.3, 0.15, 0.2
_TICK = 60
_RESOURCES = ("replicas", "security group", "memory limit", "environment variable", "role binding")


class Surroundings:
    """Tells one week of it; each thing draws from a stream of its own."""

    def __init__(self, desk: Desk, checks: CheckTeller) -> None:
        self._desk, self._checks = desk, checks

    def tell(self) -> None:
        """The week that the desk has turned to."""
        self._drifts("drifts", np.full(len(self._desk.organisation.services), _DRIFTS_MEAN), planted=False)
        if self._desk.drifters:
            here = np.isin(self._desk.organisation.integers("team"), sorted(self._desk.drifters))
            self._drifts("planted drifts", np.where(here, DRIFTS_A_WEEK, 0.0), planted=True)
        self._flags()
        self._findings()
        self._policies()
        self._releases()
        self._costs()
        self._given_up()
        self._designs()
        if self._desk.options.ticks:
            self._ticks()

    def _rows(self, part: str, means: Floats) -> list[tuple[int, int, list[float]]]:
        """Index, instant and six draws of each thing that happens, with these means a week."""
        stream = Stream(self._desk.options.seed, part, self._desk.week)
        counts = poisson(stream.uniform(len(means)), means)
        u = stream.uniform(int(counts.sum()), 6)
        at = (self._desk.begin + u[:, 0] * WEEK).astype(np.int64)
        return list(zip(np.arange(len(means)).repeat(counts).tolist(), at.tolist(), u.tolist(), strict=True))

    def _drifts(self, part: str, means: Floats, *, planted: bool) -> None:
        add = self._desk.events.append
        for service, began, u in self._rows(part, means):
            its = self._desk.organisation.services[service]
            what, real = _RESOURCES[int(u[1] * len(_RESOURCES))], planted or u[2] < _REAL_SHARE
            environment = "staging" if planted and u[3] < 0.5 else "production"
            resource = f"terraform {environment}/{its.name}/{what.replace(' ', '-')}"
            key, at = f"{resource} {began} detected", began * M
            summary = f"{what} of {environment} differs"
            add(e.DriftDetected(*envelope(key, "terraform", at), resource, its.name, environment,
                summary))  # fmt: skip
            at = (began + (7_200 + int(u[4] * 2 * 86_400) if real else 300 + int(u[4] * 1_500))) * M
            add(e.DriftCorrected(*envelope(f"{resource} {began} corrected", "terraform", at), resource,
                its.name, environment))  # fmt: skip
            self._desk.truths.append((began, TrueDrift(key, resource, its.name, real, planted)))

    def _flags(self) -> None:
        add = self._desk.events.append
        count = len(self._desk.organisation.services)
        for service, moment, u in self._rows("flags", np.full(count, _FLAGS_MEAN)):
            its = self._desk.organisation.services[service]
            members = self._desk.organisation.teams[its.team].members
            kind = ("flag", "flag", "configuration", "infrastructure")[int(u[1] * 4)]
            name = "-".join(words(u[2], u[3]))
            key, at = f"{kind} {its.name} {name} {moment}", moment * M
            add(e.DeploymentFinished(*envelope(f"{key} success", f"flags/{its.name}", at), key,
                its.name, "production", kind, "success", name,
                actor=members[int(u[4] * len(members))]))  # fmt: skip

    def _findings(self) -> None:
        add = self._desk.events.append
        repositories = self._desk.organisation.repositories
        for index, found, u in self._rows("findings", np.full(len(repositories), _FINDINGS_MEAN)):
            name = repositories[index].name
            kind = ("dependency", "code", "secret")[0 if u[1] < 0.6 else 1 if u[1] < 0.9 else 2]
            severity = ("low", "medium", "high", "critical")[int(u[2] * 4)]
            key, at = f"github {name} {kind} alert {found}", found * M
            rule, tool = (
                f"{kind}-{int(u[3] * 40):02}",
                {"code": "sast", "secret": "secrets"}.get(kind, "advisories"),
            )
            add(e.FindingReported(*envelope(f"{key} created", f"github/{name}", at), key, name, kind,
                "open", severity, rule, tool, "src/app.py", "", "main"))  # fmt: skip
            team = self._desk.organisation.teams[repositories[index].team]
            state, at = ("dismissed" if u[4] < 0.2 else "fixed"), (found + 3_600 + int(u[5] * 9 * 86_400)) * M
            add(e.FindingReported(*envelope(f"{key} {state}", f"github/{name}", at), key, name,
                kind, state, severity, rule, tool, "src/app.py", "", "main", "",
                team.members[0]))  # fmt: skip

    def _policies(self) -> None:
        repositories = self._desk.organisation.repositories
        for index, moment, u in self._rows("policies", np.full(len(repositories), _POLICIES_MEAN)):
            name = repositories[index].name
            members = self._desk.organisation.teams[repositories[index].team].members
            settings = ("required_approvals", "enforce_admins", "required_checks", "allow_force_pushes")
            policy, at = f"github {name} branch protection main", moment * M
            self._desk.events.append(
                e.PolicyEdited(*envelope(f"{policy} edited {moment}", f"github/{name}", at), policy, name,
                "main", "edited", [settings[int(u[1] * 4)]], members[int(u[2] * len(members))])
            )  # fmt: skip

    def _releases(self) -> None:
        desk = self._desk
        stream = Stream(desk.options.seed, "releases", desk.week)
        u = stream.uniform(len(desk.organisation.repositories)).tolist()
        for repository, v in zip(desk.organisation.repositories, u, strict=True):
            if repository.released:
                tag, at = f"2.{desk.week}.0", (desk.begin + int(v * WEEK)) * M
                release = f"{repository.name} {tag}"
                desk.events.append(
                    e.ReleasePublished(*envelope(f"github {repository.name} release {tag} published",
                    f"github/{repository.name}", at), release, repository.name, tag,
                    f"Week {desk.week}", "main", v < 0.1, desk.organisation.deployer_bot)
                )  # fmt: skip

    def _costs(self) -> None:
        desk = self._desk
        u = Stream(desk.options.seed, "costs", desk.week).uniform(len(desk.organisation.services)).tolist()
        at = (desk.begin + WEEK - 3_600) * M
        for service, v in zip(desk.organisation.services, u, strict=True):
            if desk.at_work("missing-telemetry", service.team):
                continue
            key = f"ci cost {service.name} {desk.week}"
            desk.events.append(
                e.MeasurementReported(*envelope(key, "ci", at), key, "cost", "infrastructure",
                round(40.0 + 400.0 * v, 2), "EUR", service.name, "production")
            )  # fmt: skip

    def _given_up(self) -> None:
        """Requests that are closed without a merge; nothing of them is ever deployed."""
        desk, add = self._desk, self._desk.events.append
        rows = self._rows("given up", desk.organisation.rates() * _GIVEN_UP)
        shas = Stream(desk.options.seed, "given up shas", desk.week).shas(len(rows))
        for place, (service, opened, u) in enumerate(rows):
            its = desk.organisation.services[service]
            name, members = (
                desk.organisation.repositories[its.repository].name,
                desk.organisation.teams[its.team].members,
            )
            number, author = desk.next_number(its.repository), members[int(u[1] * len(members))]
            key, source, kind = f"{name}#{number}", f"github/{name}", int(u[2] * (len(KINDS) - 1))
            a, b = words(u[3], u[4])
            at = opened * M
            add(e.ChangeOpened(*envelope(f"github {key} opened", source, at), key, name, number,
                "main", title(kind, u[5], a, b), author, shas[place], u[5] < 0.4,
                list(KINDS[kind].labels)))  # fmt: skip
            self._checks.tell(its.repository, name, shas[place], opened, 86_400, u[1] < 0.3, [*u, *u], 0)
            if u[4] < 0.5:
                at = (opened + 7_200) * M
                add(e.ReviewSubmitted(*envelope(f"github {key} review 1 changes_requested", source, at),
                    key, name, number, members[(members.index(author) + 1) % len(members)],
                    "changes_requested", shas[place], 2, False, 160, 27, False, False, False,
                    True))  # fmt: skip
            at = (opened + 86_400 + int(u[3] * 6 * 86_400)) * M
            add(e.ChangeAbandoned(*envelope(f"github {key} abandoned", source, at), key, name,
                number))  # fmt: skip

    def _designs(self) -> None:
        """Where designs wait: requests that are talked about for weeks, and then given up."""
        desk, add = self._desk, self._desk.events.append
        slow = np.array([desk.at_work("slow-designs", team) for team in range(len(desk.organisation.teams))])
        rows = self._rows("designs", DESIGNS_A_WEEK * slow)
        shas = Stream(desk.options.seed, "design shas", desk.week).shas(len(rows))
        for place, (team, opened, u) in enumerate(rows):
            members = desk.organisation.teams[team].members
            index = next(
                number for number, one in enumerate(desk.organisation.repositories) if one.team == team
            )
            name, number = desk.organisation.repositories[index].name, desk.next_number(index)
            key, source, author = f"{name}#{number}", f"github/{name}", int(u[1] * len(members))
            a, b = words(u[3], u[4])
            add(e.ChangeOpened(*envelope(f"github {key} opened", source, opened * M), key, name, number,
                "main", f"Design of {a} and {b}", members[author], shas[place], False,
                ["design"]))  # fmt: skip
            other, at = members[(author + 1) % len(members)], (opened + 86_400) * M
            add(e.ReviewSubmitted(*envelope(f"github {key} review 1 commented", source, at), key, name,
                number, other, "commented", shas[place], 0, False, 90, 15))  # fmt: skip
            least, most = DESIGN_DAYS
            at = (opened + int((least + (most - least) * u[5]) * 86_400)) * M
            add(e.ChangeAbandoned(*envelope(f"github {key} abandoned", source, at), key, name,
                number))  # fmt: skip

    def _ticks(self) -> None:
        begin = -(-self._desk.begin // _TICK)
        self._desk.events += [
            e.ClockTicked(
                f"clock {minute}", "clock", minute * _TICK * M, minute * _TICK * M, False, 0, 0, False, 0
            )
            for minute in range(begin, begin + WEEK // _TICK)
        ]
