"""What review a change needs: the policies in force on its day, by its classes and its service's tier."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import NamedTuple

from pipeline.core.change_classes import DOCS, Classes, Patterns
from pipeline.core.entities import Entity
from pipeline.core.events import ClassDeclared, PolicyDeclared
from pipeline.core.parameters import HOUR, MINUTE
from pipeline.core.tellings import said


class Policy(NamedTuple):
    """One policy: to what it applies (nothing named: to everything), and what it asks for."""

    name: str
    classes: frozenset[str] = frozenset()
    tiers: frozenset[int] = frozenset()
    approvals: int = 0
    roles: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    owners: bool = False
    #: time within which a merge that went past review is reviewed
    retro_within: int | None = None


class Need(NamedTuple):
    """What review a change needs, and by which policies."""

    policies: tuple[str, ...]
    approvals: int
    roles: tuple[str, ...]
    sections: tuple[str, ...]
    owners: bool
    retro_within: int


#: a retro-review is due after so long where no policy says: the longest that the practice allows, three days
RETRO_WITHIN = 72 * HOUR
#: what holds where nobody declared a policy
DEFAULT_POLICIES = (
    Policy("default", approvals=1),
    Policy("default-docs", classes=frozenset({DOCS}), approvals=0),
    Policy(
        "default-critical",
        classes=frozenset({"iam", "database-migration", "shared-contract", "iac"}),
        tiers=frozenset({1}),
        approvals=2,
    ),
)


class RulesOfDay:
    """The classes and policies that are in force together."""

    def __init__(self, classes: Classes, policies: tuple[Policy, ...]) -> None:
        self.classes = classes
        self._policies = policies
        self._needs: dict[tuple[tuple[str, ...], int | None], Need] = {}

    def need(self, classes: tuple[str, ...], tier: int | None) -> Need:
        """What a change of these classes to a service of this tier needs.

        For each class the policy counts that says most exactly what it is for: one that names the class
        before one that names the tier, and both before one for everything. What several ask for adds up.
        """
        key = (classes, tier)
        known = self._needs.get(key)
        if known is None:
            chosen = {policy.name: policy for name in classes for policy in self._nearest(name, tier)}
            policies = [chosen[name] for name in sorted(chosen)]
            known = self._needs[key] = Need(
                tuple(policy.name for policy in policies),
                max((policy.approvals for policy in policies), default=0),
                tuple(sorted({role for policy in policies for role in policy.roles})),
                tuple(sorted({section for policy in policies for section in policy.sections})),
                any(policy.owners for policy in policies),
                min(
                    (policy.retro_within for policy in policies if policy.retro_within is not None),
                    default=RETRO_WITHIN,
                ),
            )
        return known

    def _nearest(self, name: str, tier: int | None) -> list[Policy]:
        applying = [
            policy
            for policy in self._policies
            if (not policy.classes or name in policy.classes) and (not policy.tiers or tier in policy.tiers)
        ]
        most = max(((bool(policy.classes), bool(policy.tiers)) for policy in applying), default=None)
        return [policy for policy in applying if (bool(policy.classes), bool(policy.tiers)) == most]


class Policies:
    """Every version of each class and policy; the first holds from the beginning, others from their time."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._of_day: list[RulesOfDay] = [RulesOfDay(Classes({}), DEFAULT_POLICIES)]
        self._said: object = ({}, {})

    def replace(self, policies: Mapping[str, Entity], classes: Mapping[str, Entity]) -> bool:
        """Read all declarations anew: there are few. True when they say something else than before."""
        declared = (_versions(policies.values(), PolicyDeclared), _versions(classes.values(), ClassDeclared))
        now_said = tuple(
            {name: [(start, said(event)) for start, event in versions] for name, versions in kind.items()}
            for kind in declared
        )
        if now_said == self._said:
            return False
        self._said = now_said
        starts = {start for kind in declared for versions in kind.values() for start, _ in versions if start}
        self._starts = sorted(starts)
        self._of_day = [_rules_at(*declared, start) for start in (0, *self._starts)]
        return True

    def at(self, when: int) -> RulesOfDay:
        """What is in force at a time."""
        return self._of_day[bisect_right(self._starts, when)]


#: name -> its versions: from when each holds (0: from the beginning), and what it says
_Versions = dict[str, list[tuple[int, PolicyDeclared | ClassDeclared]]]


def _versions(entities: Iterable[Entity], struct: type[PolicyDeclared | ClassDeclared]) -> _Versions:
    found: _Versions = {}
    for entity in entities:
        told = [event for event in entity.events() if isinstance(event, struct)]
        if told:
            later = [now for before, now in pairwise(told) if said(before) != said(now)]
            found[entity.key] = [(0, told[0]), *((event.time, event) for event in later)]
    return found


def _rules_at(policies: _Versions, classes: _Versions, when: int) -> RulesOfDay:
    in_force = [_at(versions, when) for _, versions in sorted(policies.items())]
    declared = {
        name: Patterns(tuple(event.paths), tuple(event.labels))
        for name, versions in classes.items()
        if isinstance(event := _at(versions, when), ClassDeclared)
    }
    written = tuple(_policy(event) for event in in_force if isinstance(event, PolicyDeclared))
    return RulesOfDay(Classes(declared), written or DEFAULT_POLICIES)


def _at(versions: list[tuple[int, PolicyDeclared | ClassDeclared]], when: int) -> object:
    return next(event for start, event in reversed(versions) if start <= when)


def _policy(event: PolicyDeclared) -> Policy:
    return Policy(
        event.policy,
        frozenset(event.classes),
        frozenset(event.tiers),
        event.approvals or 0,
        tuple(sorted(set(event.roles))),
        tuple(sorted(set(event.sections))),
        event.owner_approval,
        None if event.retro_review_minutes is None else event.retro_review_minutes * MINUTE,
    )
