"""What review each change needed by the policies of its day, what it got, and what went past review.

A row rests on the change's events, the checks of its commits, and what is declared; a due time stands in
it, never whether it is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple

from pipeline.core.catalogue import Catalogue
from pipeline.core.changes import ChangeSummary
from pipeline.core.checks import CommitSummary, PolicyCheck, policy_checks
from pipeline.core.entities import Entity
from pipeline.core.events import RuleBypassed
from pipeline.core.facts import ComplianceFact
from pipeline.core.measures.approvals import Missing, Owners, reviewed_after, standing_approvals
from pipeline.core.measures.classing import Classing, day_of
from pipeline.core.measures.marks import Marks
from pipeline.core.policies import Policies
from pipeline.core.rows import Rows
from pipeline.core.teams import Teams

_WHEN = attrgetter("at", "event")
#: ways past review
LABEL, PUSH, APPROVALS, RULE = "label", "push", "approvals", "rule"
#: what became of a violation: mended before the merge, merged with leave, merged without
CAUGHT, WAIVED, MERGED = "caught", "waived", "merged"


class Violation(NamedTuple):
    """One rule that a change did not keep at some time, and what became of that."""

    rule: str
    state: str


class Compliance:
    """Which changes have to be looked at again, and their rows."""

    def __init__(
        self,
        families: Mapping[str, Mapping[str, Entity]],
        catalogue: Catalogue,
        teams: Teams,
        policies: Policies,
        classing: Classing,
    ) -> None:
        self._changes = families["change"]
        self._commits = families["commit"]
        self._catalogue = catalogue
        self._teams = teams
        self._policies = policies
        self._classing = classing
        #: commits on which a policy check failed at any time, or that somebody put past a rule
        self._violated = Marks()
        self._stale: dict[str, None] = {}
        self._gone: dict[str, None] = {}
        #: rows of stale changes that somebody asked for already
        self._asked: dict[str, ComplianceFact] = {}

    # -- what has to be looked at again ---------------------------------------------------------

    def change_corrected(self, key: str, old: object, new: object) -> None:
        """A change's summary became another one."""
        if _is_governed(new):
            self._stale[key] = None
            self._gone.pop(key, None)
        elif _is_governed(old):
            self._gone[key] = None
            self._stale.pop(key, None)

    def commit_corrected(self, key: str, changes: Iterable[tuple[str, ChangeSummary]]) -> None:
        """The checks of a commit of these changes became others, or somebody put it past a rule."""
        known = self._commits[key].summary
        self._violated.put(key, marked=isinstance(known, CommitSummary) and known.violated)
        for change, summary in changes:
            if _is_governed(summary):
                self._stale[change] = None

    def everything_corrected(self) -> None:
        """Teams, services or policies were declared anew: any change may have needed another review."""
        for key, entity in self._changes.items():
            if _is_governed(entity.summary):
                self._stale[key] = None

    def settle(self) -> None:
        """All rows that were marked are written, and those of reviews, which are of some of these changes."""
        for key in self._asked:
            self._changes[key].pack()
        self._stale.clear()
        self._gone.clear()
        self._asked.clear()

    def forget(self, commits: Iterable[str]) -> None:
        """Nothing more will be heard of these commits."""
        self._violated.forget(commits)

    def stale(self) -> Iterable[str]:
        """The changes that are to be looked at again."""
        return self._stale

    def gone(self) -> Iterable[str]:
        """What is governed no more."""
        return self._gone

    # -- rows -----------------------------------------------------------------------------------

    def write(self, rows: Rows) -> None:
        """The rows of changes that are not as they were written."""
        for key in self._gone:
            rows.delete(ComplianceFact.table, (key,))
        for key in self._stale:
            fact = self.fact_of(key)
            if fact is not None:
                rows.write(fact)
        self.settle()

    def merged_at(self, key: str) -> int | None:
        """When a change was merged whose review is known; ``None`` for another one."""
        summary = self._summary_of(key)
        return None if summary is None else summary.merged_at

    def fact_of(self, key: str) -> ComplianceFact | None:
        """The row of a change as it is now; ``None`` for one of whose review nothing is known."""
        known = self._asked.get(key)
        summary = self._summary_of(key)
        if known is not None or summary is None:
            return known
        entity = self._changes[key]
        fact = self._fact(key, summary, entity)
        if key in self._stale:
            self._asked[key] = fact
        else:
            entity.pack()
        return fact

    def _summary_of(self, key: str) -> ChangeSummary | None:
        entity = self._changes.get(key)
        summary = entity.summary if entity is not None else None
        return summary if isinstance(summary, ChangeSummary) and _is_governed(summary) else None

    def _fact(self, key: str, summary: ChangeSummary, entity: Entity) -> ComplianceFact:
        service = self._catalogue.service_of("", summary.repository)
        declared = self._catalogue.declared.get(service)
        tier = declared.tier if declared is not None else None
        events = entity.events()
        day = day_of(entity, summary)
        classes = self._classing.of(entity, summary)
        need = self._policies.at(day).need(classes, tier)
        approvals = standing_approvals(events, summary.author, summary.merged_at)
        owners = Owners(events, summary.owners, approvals, self._teams, day)
        checks, rules, sources = self._commits_say(summary)
        direct = summary.number is None
        missing = Missing(need, approvals, owners, summary, self._teams)
        bypassed: list[str] = []
        violations = list(violations_of(checks, summary.merged_at))
        retro_due_at = retro_at = None
        if summary.merged_at is not None:
            passed = (
                (LABEL, bool(summary.emergency)),
                (PUSH, direct and need.approvals > 0),
                (APPROVALS, not direct and missing.approval),
                (RULE, bool(rules)),
            )
            bypassed = [way for way, went in passed if went]
            state = WAIVED if summary.emergency or rules else MERGED
            violations += [Violation(rule, state) for rule in missing.rules]
            if bypassed:
                retro_due_at = summary.merged_at + need.retro_within
                retro_at = reviewed_after(events, summary.author, summary.merged_at, direct=direct)
        violations.sort()
        return ComplianceFact(
            change=key,
            repository=summary.repository,
            service=service,
            team=declared.team if declared is not None else "",
            tier=tier,
            change_class=classes[0],
            classes=list(classes),
            branch=summary.branch,
            bot=summary.bot,
            direct=direct,
            state=summary.state,
            opened_at=summary.opened_at,
            merged_at=summary.merged_at,
            policies=list(need.policies),
            approvals_needed=need.approvals,
            approvals=len(approvals),
            roles_needed=list(need.roles),
            roles_missing=missing.roles,
            sections_missing=missing.sections,
            owners_told=owners.told,
            owners_needed=len(owners.groups),
            owners_approved=len(owners.groups) - len(owners.missing),
            owners_missing=owners.missing,
            owners_gone=owners.gone,
            unowned_files=owners.unowned_files,
            stale_entries=owners.stale_entries,
            emergency=summary.emergency,
            bypassed=bypassed,
            rules_bypassed=sorted({event.rule or event.id for event in rules}) if rules else [],
            retro_review_due_at=retro_due_at,
            retro_reviewed_at=retro_at,
            violations=[violation.rule for violation in violations],
            violation_states=[violation.state for violation in violations],
            events=sorted({*summary.events, *sources} if sources else summary.events),
        )

    def _commits_say(self, summary: ChangeSummary) -> tuple[list[PolicyCheck], list[RuleBypassed], list[str]]:
        """The policy checks of a change's commits, the rules they were put past, and ids of these events."""
        checks: list[PolicyCheck] = []
        rules: list[RuleBypassed] = []
        if not self._violated.may_have(summary.aliases):
            return checks, rules, []  # most changes, and their checks need not be read to know it
        for sha in summary.aliases:
            entity = self._commits.get(f"{summary.repository}@{sha}")
            if entity is not None:
                checks += policy_checks(entity)
                rules += [event for event in entity.events() if isinstance(event, RuleBypassed)]
                entity.pack()
        if len(checks) > 1:
            checks.sort(key=_WHEN)
        return (
            checks,
            rules,
            [*(check.event for check in checks if check.failed), *(rule.id for rule in rules)],
        )


def violations_of(checks: Sequence[PolicyCheck], merged_at: int | None) -> Iterable[Violation]:
    """What became of each policy check that failed; ``checks`` oldest first.

    The last outcome before the merge decides, and a first failure after it was found too late.
    """
    if not checks:
        return
    before: dict[str, list[bool]] = {}
    after: set[str] = set()
    for check in checks:
        if merged_at is None or check.at <= merged_at:
            before.setdefault(check.name, []).append(check.failed)
        elif check.failed:
            after.add(check.name)
    for name in sorted({*before, *after}):
        outcomes = before.get(name, [])
        if outcomes and outcomes[-1] and merged_at is not None:
            yield Violation(f"check {name}", WAIVED)
        elif name in after:
            yield Violation(f"check {name}", MERGED)
        elif any(outcomes):
            yield Violation(f"check {name}", CAUGHT)


def _is_governed(summary: object) -> bool:
    """Whether it can be told what review a change got: a forge knows it, and told more than a merge."""
    if not isinstance(summary, ChangeSummary):
        return False
    return summary.discussed if summary.number is not None else summary.forged and summary.state == "merged"
