"""Small worlds told by hand: one function an event, times in hours, and readable names.

``api#1`` is request 1 of the repository ``acme/api``; its commit is ``sha("api#1")``. A deployment is
named after its service and its tag (``api v2``) unless a key is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha1
from typing import Any, TypeVar

import msgspec

from pipeline.core import events as e
from pipeline.core.facts import (
    AttributionFact,
    ChangeFact,
    DeploymentFact,
    Fact,
    IncidentFact,
)
from pipeline.core.parameters import Parameters
from tests.runs import PARAMETERS, Run
from tests.strategies import BEGINNING, HOUR

F = TypeVar("F", bound=Fact)
E = TypeVar("E", bound=e.Event)


def at(hours: float) -> int:
    """An instant, in hours after the beginning."""
    return BEGINNING + round(hours * HOUR)


def sha(name: str) -> str:
    """The commit of a change."""
    return sha1(name.encode(), usedforsecurity=False).hexdigest()


def _told(struct: type[E], source: str, transition: str, hours: float, fields: dict[str, Any]) -> E:
    more = {
        name: fields.pop(name)
        for name in ("source_version", "parser_version", "retracted", "sequence", "imported")
        if name in fields
    }
    received = fields.pop("received", hours)
    key = fields[struct.key_field]
    return struct(
        id=fields.pop("id", f"{source} {key} {transition}"),
        source=source,
        time=at(hours),
        received_at=at(received),
        imported=more.pop("imported", received == hours),
        source_version=more.pop("source_version", 0),
        parser_version=more.pop("parser_version", 1),
        retracted=more.pop("retracted", False),
        sequence=more.pop("sequence", 0),
        **fields,
    )


def change_key(name: str) -> str:
    """``api#1`` -> ``acme/api#1``."""
    return name if "/" in name else f"acme/{name}"


def _change(name: str, fields: dict[str, Any]) -> dict[str, Any]:
    key = change_key(name)
    repository, _, number = key.partition("#")
    return {
        "change": key,
        "repository": repository.partition("@")[0],
        "number": int(number) if number else None,
        **fields,
    }


def opened(name: str, hours: float, **fields: Any) -> e.ChangeOpened:
    return _told(e.ChangeOpened, "github", "opened", hours, _change(name, {"branch": "main", **fields}))


def merged(name: str, hours: float, **fields: Any) -> e.ChangeMerged:
    told = {"branch": "main", "sha": sha(name), **fields}
    return _told(e.ChangeMerged, "github", "merged", hours, _change(name, told))


def abandoned(name: str, hours: float, **fields: Any) -> e.ChangeAbandoned:
    return _told(e.ChangeAbandoned, "github", "abandoned", hours, _change(name, fields))


def reviewed(name: str, hours: float, reviewer: str, decision: str, **fields: Any) -> e.ReviewSubmitted:
    told = _change(name, {"reviewer": reviewer, "decision": decision, **fields})
    return _told(e.ReviewSubmitted, "github", f"review {reviewer} {hours}", hours, told)


def asked(name: str, hours: float, reviewer: str, **fields: Any) -> e.ReviewRequested:
    told = _change(name, {"reviewer": reviewer, **fields})
    return _told(e.ReviewRequested, "github", f"asks {reviewer} {hours}", hours, told)


def commented(name: str, hours: float, author: str, **fields: Any) -> e.CommentPosted:
    told = _change(name, {"author": author, **fields})
    return _told(e.CommentPosted, "github", f"comment {hours}", hours, told)


def queued(name: str, hours: float, state: str, **fields: Any) -> e.QueueChanged:
    told = _change(name, {"state": state, **fields})
    return _told(e.QueueChanged, "github", f"queue {state} {hours}", hours, told)


def checked(repository: str, commit: str, hours: float, outcome: str, **fields: Any) -> e.CheckFinished:
    told = {
        "commit": f"{repository}@{commit}",
        "repository": repository,
        "sha": commit,
        "name": "unit",
        "outcome": outcome,
        **fields,
    }
    return _told(e.CheckFinished, "ci", f"check {told['name']} {told.get('attempt', 1)}", hours, told)


def packaged(service: str, tag: str, hours: float, commit: str, **fields: Any) -> e.ArtifactPackaged:
    told = {"artifact": f"pkg:oci/{service}@{tag}", "tag": tag, "sha": commit, **fields}
    return _told(e.ArtifactPackaged, "ci", f"packaged {hours}", hours, told)


def staged(key: str, hours: float, **fields: Any) -> e.DeploymentProgressed:
    told = {"deployment": key, **fields}
    return _told(e.DeploymentProgressed, "ci", f"stage {told.get('stage', '')}", hours, told)


def deployed(service: str, hours: float, *, source: str = "ci", **fields: Any) -> e.DeploymentFinished:
    """A deployment of a service; its key is ``<service> <tag>`` unless ``key`` says otherwise."""
    key = fields.pop("key", "") or f"{service} {fields.get('tag') or hours}"
    told = {"deployment": key, "service": service, "environment": "production", **fields}
    return _told(e.DeploymentFinished, source, "finished", hours, told)


def incident(key: str, hours: float, service: str = "api", **fields: Any) -> e.IncidentDetected:
    source = fields.pop("source", "pager")
    return _told(
        e.IncidentDetected, source, "detected", hours, {"incident": key, "service": service, **fields}
    )


def updated(key: str, hours: float, **fields: Any) -> e.IncidentUpdated:
    return _told(e.IncidentUpdated, "pager", f"updated {hours}", hours, {"incident": key, **fields})


def resolved(key: str, hours: float, **fields: Any) -> e.IncidentResolved:
    return _told(e.IncidentResolved, "pager", "resolved", hours, {"incident": key, **fields})


def burning(service: str, hours: float, until: float | None = None, **fields: Any) -> list[e.Event]:
    told = {"slo": f"{service}-slo", "service": service, "environment": "production", **fields}
    events: list[e.Event] = [_told(e.BurnStarted, "slo", f"started {hours}", hours, dict(told))]
    if until is not None:
        events.append(_told(e.BurnEnded, "slo", f"ended {until}", until, dict(told)))
    return events


def drifted(resource: str, hours: float, service: str = "api", **fields: Any) -> e.DriftDetected:
    told = {"resource": resource, "service": service, "environment": "production", **fields}
    return _told(e.DriftDetected, "terraform", f"detected {hours}", hours, told)


def corrected(resource: str, hours: float, service: str = "api", **fields: Any) -> e.DriftCorrected:
    told = {"resource": resource, "service": service, "environment": "production", **fields}
    return _told(e.DriftCorrected, "terraform", f"corrected {hours}", hours, told)


def judged(subject: str, hours: float, verdict: str = "cause", **fields: Any) -> e.VerdictGiven:
    told = {"verdict_key": f"{subject} {verdict}", "incident": subject, "verdict": verdict, **fields}
    return _told(e.VerdictGiven, "person", f"{verdict} {hours}", hours, told)


def declared(service: str, hours: float = 0, **fields: Any) -> e.ServiceDeclared:
    return _told(e.ServiceDeclared, "catalogue", f"declared {hours}", hours, {"service": service, **fields})


def team(name: str, hours: float = 0, **fields: Any) -> e.TeamDeclared:
    return _told(e.TeamDeclared, "catalogue", f"declared {hours}", hours, {"team": name, **fields})


def classed(name: str, hours: float = 0, **fields: Any) -> e.ClassDeclared:
    told = {"change_class": name, **fields}
    return _told(e.ClassDeclared, "catalogue", f"declared {hours}", hours, told)


def policy(name: str, hours: float = 0, **fields: Any) -> e.PolicyDeclared:
    return _told(e.PolicyDeclared, "catalogue", f"declared {hours}", hours, {"policy": name, **fields})


def owned(name: str, hours: float, **fields: Any) -> e.OwnersRequired:
    return _told(e.OwnersRequired, "git", "owners", hours, _change(name, fields))


def overridden(repository: str, commit: str, hours: float, **fields: Any) -> e.RuleBypassed:
    told = {"commit": f"{repository}@{commit}", "repository": repository, "sha": commit, **fields}
    return _told(e.RuleBypassed, "github", f"rule bypassed {hours}", hours, told)


def found(name: str, hours: float, **fields: Any) -> e.FindingReported:
    told = {"finding": name, "repository": "acme/api", "kind": "code", "state": "open", **fields}
    return _told(e.FindingReported, "github", f"told {hours}", hours, told)


def limited(signal: str, hours: float = 0, **fields: Any) -> e.ThresholdSet:
    return _told(e.ThresholdSet, "catalogue", f"set {hours}", hours, {"signal": signal, **fields})


def objective(slo: str, hours: float = 0, **fields: Any) -> e.ObjectiveDeclared:
    told = {"objective": f"api {slo}", "slo": slo, "service": "api", "target_ppm": 999_000, **fields}
    return _told(e.ObjectiveDeclared, "catalogue", f"declared {hours}", hours, told)


def counted(slo: str, hours: float, shard: str = "", **fields: Any) -> e.ObjectiveCounted:
    told = {"slo": slo, "service": "api", "environment": "production", "seconds": 300, **fields}
    return _told(e.ObjectiveCounted, "prometheus", f"counted {shard}{hours}", hours, told)


def rewritten(name: str, hours: float, **fields: Any) -> e.ChangeUpdated:
    """A push to a request, or another thing that was changed about it."""
    return _told(e.ChangeUpdated, "github", f"updated {hours}", hours, _change(name, fields))


def measured(name: str, hours: float, value: float, **fields: Any) -> e.MeasurementReported:
    told = {"measurement": name, "name": name, "value": value, **fields}
    return _told(e.MeasurementReported, "ci", f"measured {hours}", hours, told)


def ticked(hours: float) -> e.ClockTicked:
    return _told(e.ClockTicked, "clock", str(hours), hours, {"clock": "clock"})


def back(event: E) -> E:
    """The same event, taken back by its source."""
    return msgspec.structs.replace(event, retracted=True, source_version=event.source_version + 1)


class Told:
    """What holds after these events, told in this order, one batch each."""

    def __init__(self, *events: e.Event | Sequence[e.Event], parameters: Parameters = PARAMETERS) -> None:
        self.run = Run(parameters)
        self.then(*events)

    def then(self, *events: e.Event | Sequence[e.Event]) -> Told:
        """Further events, one batch each."""
        for event in events:
            self.run.take([event] if isinstance(event, e.Event) else event)
        return self

    def at(self, hours: float) -> Told:
        """Nothing else happened until then."""
        self.run.until(at(hours))
        return self

    def row(self, struct: type[F], *key: object) -> F:
        """One row; fails with the keys that there are."""
        rows = self.run.table(struct.table)
        assert key in rows, f"no {key} in {struct.table}: {sorted(rows, key=repr)}"
        fact = rows[key]
        assert isinstance(fact, struct)
        return fact

    def rows(self, struct: type[F]) -> list[F]:
        found = sorted(self.run.table(struct.table).items(), key=lambda item: repr(item[0]))
        return [fact for _, fact in found if isinstance(fact, struct)]

    def deployment(self, key: str) -> DeploymentFact:
        return self.row(DeploymentFact, key)

    def change(self, name: str) -> ChangeFact:
        return self.row(ChangeFact, change_key(name))

    def incident(self, key: str = "i1") -> IncidentFact:
        return self.row(IncidentFact, key)

    def keys(self, table: str) -> list[Any]:
        """The keys of a table, in order; without the tuple where they have one part."""
        keys = sorted(self.run.table(table))
        return [key[0] if len(key) == 1 else key for key in keys]

    def brought(self, deployment: str) -> list[str]:
        """The changes that a deployment brought, without ``acme/``."""
        found = [key[1] for key in self.keys("deployment_changes") if key[0] == deployment]
        assert len(found) == self.deployment(deployment).changes
        return [name.removeprefix("acme/") for name in found]

    def candidate(self, candidate: str, incident: str = "i1") -> AttributionFact:
        return self.row(AttributionFact, incident, candidate)

    def factors(self, candidate: str, incident: str = "i1") -> dict[str, float]:
        """What counts for or against a candidate beyond risk, time and place."""
        plain = {"risk", "lag", "nearness", "background", "unreported"}
        factors = self.candidate(candidate, incident).factors
        return {name: value for name, value in factors.items() if name not in plain}

    def candidates(self, incident: str = "i1") -> list[str]:
        """The deployments that were held against an incident, likeliest first."""
        rows = [row for row in self.rows(AttributionFact) if row.incident == incident]
        return [row.candidate for row in sorted(rows, key=lambda row: row.rank) if row.kind == "deployment"]
