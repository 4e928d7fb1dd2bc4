"""What the organisation declares about its services, and how far apart two of them are."""

from __future__ import annotations

from pipeline.core.entities import Entity
from pipeline.core.events import ServiceDeclared
from pipeline.core.facts import ServiceFact
from pipeline.core.parameters import Reach

#: how the problem of such a service begins
IN_CIRCLE = "depends on itself"


class Catalogue:
    """The newest declaration of each service; empty when nobody declared anything."""

    def __init__(self) -> None:
        self.declared: dict[str, ServiceDeclared] = {}
        self.aliases: dict[str, str] = {}
        self.of_repository: dict[str, tuple[str, ...]] = {}
        self._callers: dict[str, set[str]] = {}
        self._distances: dict[str, dict[str, int]] = {}

    def replace(self, entities: dict[str, Entity]) -> None:
        """Read all declarations anew; the catalogue is small and changes rarely."""
        self.__init__()  # type: ignore[misc]
        for key in sorted(entities):
            events = entities[key].events()
            if events:
                self.declared[key] = events[-1]  # type: ignore[assignment]
        for name in sorted(self.declared):
            entry = self.declared[name]
            for alias in entry.aliases:
                if alias not in self.declared:
                    self.aliases.setdefault(alias, name)
            for repository in entry.repositories:
                self.of_repository[repository] = (*self.of_repository.get(repository, ()), name)
        for name, entry in self.declared.items():
            for dependency in entry.depends_on:
                self._callers.setdefault(self.name(dependency), set()).add(name)

    def name(self, service: str) -> str:
        """Our name of a service that a source calls something else."""
        return self.aliases.get(service, service)

    def service_of(self, service: str, repository: str) -> str:
        """The service meant by a report; without a name, the repository stands for it."""
        if service:
            return self.name(service)
        owners = self.of_repository.get(repository, ())
        if len(owners) == 1:
            return owners[0]
        return repository.rsplit("/", 1)[-1]

    def repositories(self, service: str) -> tuple[str, ...]:
        """The repositories that a service is declared to be built from."""
        entry = self.declared.get(service)
        return tuple(entry.repositories) if entry else ()

    def paths(self, service: str) -> tuple[str, ...]:
        """Directories of its repository that a service is built from; empty: all of it."""
        entry = self.declared.get(service)
        return tuple(path.strip("/") for path in entry.paths) if entry else ()

    def distances(self, service: str) -> dict[str, int]:
        """Hops down the call direction to everything a service needs; cycles are no problem."""
        known = self._distances.get(service)
        if known is None:
            known = {service: 0}
            frontier = [service]
            hops = 0
            while frontier:
                hops += 1
                following: list[str] = []
                for name in frontier:
                    entry = self.declared.get(name)
                    for dependency in entry.depends_on if entry else ():
                        target = self.name(dependency)
                        if target not in known:
                            known[target] = hops
                            following.append(target)
                frontier = following
            self._distances[service] = known
        return known

    def nearness(self, incident_service: str, service: str, reach: Reach, services: int) -> float:
        """How much a deployment of ``service`` counts for an incident of ``incident_service``.

        Published experience with call graphs: half as much for each hop down, little for callers.
        ``services`` is how many services have candidates at all.
        """
        if not incident_service:
            return reach.no_service
        unknown = min(reach.unknown, reach.unknown_total / max(1, services - 1))
        if service == incident_service:
            return 1.0
        if incident_service not in self.declared and service not in self.declared:
            return unknown
        hops = self.distances(incident_service).get(service)
        if hops is not None and hops <= reach.hops_max:
            return float(reach.per_hop**hops)
        if service in self._callers.get(incident_service, ()):
            return reach.caller
        if service in self.declared and incident_service in self.declared:
            return reach.unrelated
        return unknown

    def circle(self, service: str) -> list[str]:
        """The shortest way on which a service needs itself by way of others, from it to it; else empty."""
        way, here = [service], service
        while entry := self.declared.get(here):
            # what is nearest to it comes next, so each step is one hop nearer
            found = [
                (self.distances(name)[service], name)
                for name in map(self.name, entry.depends_on)
                if name != here and service in self.distances(name)
            ]
            if not found:
                return []
            left, here = min(found)
            way.append(here)
            if not left:
                return way
        return []

    def fact(self, service: str) -> ServiceFact:
        """The catalogue's row of one service."""
        entry = self.declared[service]
        problems = []
        if circle := self.circle(service):
            problems.append(f"{IN_CIRCLE}: {' -> '.join(circle)}")
        undeclared = sorted({name for name in entry.depends_on if self.name(name) not in self.declared})
        problems.extend(f"depends on {name}, which nobody declared" for name in undeclared)
        return ServiceFact(
            service=service,
            declared=True,
            team=entry.team,
            tier=entry.tier,
            repositories=list(entry.repositories),
            paths=list(entry.paths),
            depends_on=list(entry.depends_on),
            aliases=list(entry.aliases),
            problems=problems,
            events=[entry.id],
        )
