"""The events of a catalogue's entries; they have no id and no time yet."""

from __future__ import annotations

from pipeline.core.events import (
    ClassDeclared,
    ObjectiveDeclared,
    PolicyDeclared,
    ServiceDeclared,
    TeamDeclared,
    ThresholdSet,
)
from pipeline.core.grouping import PRODUCTION
from pipeline.sources.catalogue_models import WrittenObjective, WrittenService, WrittenTeam, in_order
from pipeline.sources.catalogue_rules import WrittenClass, WrittenPolicy, WrittenSignal

PARSER_VERSION = 1
#: source of the events, and first word of their ids
SOURCE = "catalogue"
#: the envelope of an event whose id and time are not known yet
HEAD = ("", SOURCE, 0, 0, True, 0, PARSER_VERSION, False, 0)


def team_event(name: str, written: WrittenTeam) -> TeamDeclared:
    """One version of a team; its members are logins."""
    return TeamDeclared(
        *HEAD,
        team=name,
        members=in_order(written.members),
        aliases=in_order(written.aliases),
        zone=written.zone,
        days=written.hours.days,
        opens_minute=written.hours.opens,
        closes_minute=written.hours.closes,
        holidays=written.holidays.days(),
        response_minutes=written.respond_within,
    )


def service_event(name: str, written: WrittenService) -> ServiceDeclared:
    """One version of a service."""
    return ServiceDeclared(
        *HEAD,
        service=name,
        team=written.team,
        tier=written.tier,
        repositories=in_order(written.repositories),
        paths=in_order(written.paths),
        depends_on=in_order(written.depends_on),
        aliases=in_order(written.aliases),
    )


def objective_event(service: str, slo: str, written: WrittenObjective) -> ObjectiveDeclared:
    """One version of an objective of a service."""
    environment = written.environment or PRODUCTION
    return ObjectiveDeclared(
        *HEAD,
        objective=f"{service} {environment} {slo}",
        slo=slo,
        service=service,
        environment=environment,
        target_ppm=written.target,
        period_days=written.period,
    )


def class_event(name: str, written: WrittenClass) -> ClassDeclared:
    """One version of a class of changes."""
    return ClassDeclared(
        *HEAD, change_class=name, paths=in_order(written.paths), labels=in_order(written.labels)
    )


def policy_event(name: str, written: WrittenPolicy) -> PolicyDeclared:
    """One version of a review policy."""
    return PolicyDeclared(
        *HEAD,
        policy=name,
        classes=in_order(written.classes),
        tiers=in_order(written.tiers),
        approvals=written.approvals,
        roles=in_order(written.roles),
        sections=in_order(written.sections),
        owner_approval=written.owners,
        retro_review_minutes=written.retro_review_within,
    )


def threshold_event(name: str, written: WrittenSignal) -> ThresholdSet:
    """One version of the thresholds of a signal."""
    return ThresholdSet(
        *HEAD,
        signal=name,
        opens_from=written.opens_from,
        closes_below=written.closes_below,
        cases_min=written.cases_min,
        within_minutes=written.within,
        off=written.off,
        bad_from=written.bad_from,
    )
